"""Run the benchmarks: ``python -m tests.bench`` from the project's top, ten minutes or so.

Prints ratios against anchors that ran in the same rounds; only ratios mean something on another
machine. ``--quick`` takes a minute, to see that the benchmarks work; its figures say little.
"""

from __future__ import annotations

import argparse
import platform
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from . import file, growth, in_memory, large_file, memory, postgres, processes, simulation, workload
from .table import Group

GROUPS: Final = ("speed", "growth", "memory", "file", "processes", "large", "postgres", "simulation")


def main() -> None:
    """Measure everything and print a table for each group as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that the benchmarks work")
    parser.add_argument("--markdown", action="store_true", help="print tables as Markdown")
    parser.add_argument("--only", choices=GROUPS, action="append", help="measure only this; may be repeated")
    parser.add_argument("--rounds", type=int, help="how often each case runs")
    given = parser.parse_args()
    quick: bool = given.quick
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n")
    for group in _measured(given.only or GROUPS, given.rounds or (3 if quick else 5), quick=quick):
        print(group.shown(markdown=given.markdown), flush=True)


def _measured(wanted: Sequence[str], rounds: int, *, quick: bool) -> Iterator[Group]:
    w = workload.make(1_000, 20_000) if quick else workload.make()
    part = workload.make(1_000, 5_000) if quick else workload.make(2_000, 30_000)
    if "speed" in wanted:
        yield in_memory.measured(w, slice_=2_000 if quick else 20_000, rounds=rounds)
    if "growth" in wanted:
        few, many = (2_000, 50_000) if quick else (20_000, 500_000)
        yield growth.measured(users=few // 10, few=few, many=many, probe=few // 3, rounds=2 * rounds)
    if "memory" in wanted:
        yield memory.measured(w, of_one_kind=len(w.commands) // 25)
    if "file" in wanted:
        yield from file.measured(part, each=500 if quick else 3_000, rounds=rounds)
    if "processes" in wanted:
        yield from processes.measured(part.part(0, 200 if quick else 4_000), processes=8, rounds=rounds)
    if "large" in wanted:
        few, many = (2_000, 20_000) if quick else (10_000, 1_000_000)
        yield large_file.measured(users=few // 10, few=few, many=many, probe=200 if quick else 2_000, rounds=rounds)
    if "postgres" in wanted:
        users, rows = (20, 400) if quick else (200, 10_000)
        yield postgres.measured(users=users, rows=rows, rounds=rounds)
    if "simulation" in wanted:
        small, large, million = (50, 2_000, 20_000) if quick else (1_000, 100_000, 1_000_000)
        yield from simulation.measured(small=small, large=large, million=million, rounds=rounds)


if __name__ == "__main__":
    main()
