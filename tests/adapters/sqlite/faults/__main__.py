"""Run every fault for long: ``python -m tests.adapters.sqlite.faults`` from the project's top, a few minutes.

Prints how often each one struck, and what of that which was acknowledged was lost. A file that is
not whole, a unit of work that is half there, or a store that goes on where it must not, ends it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from tabulate import tabulate

from .cuts import cuts
from .errors import ERRORS, Failing, calls_in_a_day, full_day, watched_day
from .kills import WRITERS, killed
from .work import KINDS, Kind

_FILES = ("creation", "migration", "commands")
_HEADERS = ("fault", "how often", "acknowledged before", "of those lost")


class Line:
    """A line of the table: how often a fault struck, how many units were acknowledged before, how many are lost."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.struck = self.acknowledged = self.lost = 0

    def add(self, *, struck: int, acknowledged: int, lost: int) -> None:
        """Count what came of one run."""
        self.struck += struck
        self.acknowledged += acknowledged
        self.lost += lost

    def cells(self) -> tuple[str, str, str, str]:
        """Return the line as text, cell by cell."""
        return (self.fault, f"{self.struck:,}", f"{self.acknowledged:,}", f"{self.lost:,}")


def kills(kinds: Mapping[str, Kind], times: int) -> Iterator[Line]:
    """Kill writers in the middle of each kind of work."""
    for name, kind in kinds.items():
        line = Line(f"a writer is killed{', or ends' if kind.visits else ''}: {name}")
        rounds = 5 if kind.file == "here" else 1
        for seed in range(times // (len(kinds) * WRITERS * rounds)):
            result = killed(kind, seed, rounds=rounds)
            acknowledged = result.acknowledged
            line.add(struck=result.kills, acknowledged=len(acknowledged), lost=len(acknowledged - result.kept))
        yield line


def power_cuts(kinds: Mapping[str, Kind], times: int) -> Iterator[Line]:
    """Cut the power in the middle of each kind of work, under both ways to commit."""
    for synchronous in ("FULL", "NORMAL"):
        for name, kind in kinds.items():
            line = Line(f"the power fails, synchronous={synchronous}: {name}")
            for seed in range(times // (2 * len(kinds) * 10)):
                for cut in cuts(kind, seed, synchronous=synchronous):
                    assert cut.in_order
                    line.add(struck=1, acknowledged=len(cut.acknowledged), lost=len(cut.lost))
            yield line


def failing_calls(times: int) -> Iterator[Line]:
    """Have calls of each name fail in turn, once and for ever."""
    for call, error, code in ERRORS:
        line = Line(f"{call} fails: {error}")
        for name in _FILES:
            calls = calls_in_a_day(KINDS[name])[call]
            for nth in range(1, calls + 1, -(-calls * len(ERRORS) * len(_FILES) * 2 // times)):
                for lasting in (False, True):
                    told = watched_day(KINDS[name], Failing(call, code, nth, lasting))
                    line.add(struck=1, acknowledged=len(told.acknowledged), lost=len(told.lost))
        yield line


def full_disks(step_pages: int) -> Iterator[Line]:
    """Fill disks of all sizes."""
    for name in _FILES:
        line, pages = Line(f"the disk is full: {name}"), 0
        while (told := full_day(KINDS[name], pages * 4096)).reasons:
            line.add(struck=1, acknowledged=len(told.acknowledged), lost=len(told.lost))
            pages += step_pages
        yield line


def main() -> None:
    """Run the faults that were asked for and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.adapters.sqlite.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=3_000, help="how many writers are killed")
    parser.add_argument("--power-cuts", type=int, default=6_000, help="how often the power fails")
    parser.add_argument("--failing-calls", type=int, default=3_000, help="how many calls fail, about")
    parser.add_argument("--step-pages", type=int, default=1, help="by how many pages disks that are full differ")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=tuple(KINDS),
        default=tuple(KINDS),
        help="what is done meanwhile, of kills and cuts",
    )
    given = parser.parse_args()
    kinds = {name: KINDS[name] for name in given.kinds}
    runs: list[tuple[Callable[[int], Iterator[Line]], int]] = [
        (partial(kills, kinds), given.kills),
        (partial(power_cuts, kinds), given.power_cuts),
        (failing_calls, given.failing_calls),
        (full_disks, given.step_pages),
    ]
    lines = [line for run, times in runs if times for line in run(times)]
    print(tabulate([line.cells() for line in lines], _HEADERS, tablefmt="github", colalign=("left", *["right"] * 3)))


if __name__ == "__main__":
    main()
