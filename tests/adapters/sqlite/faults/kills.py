"""What does a file hold after its writers were killed?

Writers are forked, which takes a hundredth of the time that a new interpreter takes to start.
"""

from __future__ import annotations

import os
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

from attrs import frozen

from .sound import assert_sound, units_in
from .work import Kind, prepare, work

WRITERS: Final = 3
"""How many writers are killed at once."""

_LONGEST_LIFE_SECONDS: Final = 0.05
_GIVEN_UP_SECONDS: Final = 60

Say: TypeAlias = Callable[[str], object]
"""Says one line to the parent of a process."""


@frozen
class Killed:
    """What came of some kills.

    Attributes:
        kills: How many writers were killed.
        acknowledged: The units of work that were acknowledged to them, or were there before.
        kept: The units that the file holds.
    """

    kills: int
    acknowledged: set[str]
    kept: set[str]


def killed(kind: Kind, seed: int, *, rounds: int) -> Killed:
    """Kill writers of one file in so many rounds; assert that the file is whole, and no unit half there."""
    draw = Random(f"kills {seed}")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "crm.db"
        units = set(prepare(path, kind))
        for n in range(rounds):
            units.update(_killed_at_once(path, kind, [f"{n}-{writer}" for writer in range(WRITERS)], draw))
        assert_sound(path)
        return Killed(rounds * WRITERS, units, set(units_in(path)))


def _killed_at_once(path: Path, kind: Kind, names: list[str], draw: Random) -> list[str]:
    """Start a writer of each name and kill them all at some moment; return the units that were acknowledged to them."""
    writers = [_Writer.forked(partial(_write, path, kind, name)) for name in names]
    if draw.random() < (0.7 if kind.file == "here" else 0.3):
        select.select([writer.said for writer in writers], [], [], _GIVEN_UP_SECONDS)  # until one was acknowledged
    time.sleep(draw.uniform(0, _LONGEST_LIFE_SECONDS))
    return [unit for writer in writers for unit in writer.killed()]


def _write(path: Path, kind: Kind, name: str, say: Say) -> None:
    for unit in work(path, kind, name, Random(name)):
        say(unit)


@frozen
class _Writer:
    """A process that works until it is killed.

    Attributes:
        pid: Its number.
        said: Where it says what was acknowledged to it, a line for each unit.
    """

    pid: int
    said: int

    @classmethod
    def forked(cls, works: Callable[[Say], None]) -> _Writer:
        """Start a process that does nothing but call *works*."""
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            # Python 3.12 warns of threads, such as those of a runner of tests: the child uses nothing of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            try:
                works(lambda line: os.write(writer, f"{line}\n".encode()))
            except BaseException:  # noqa: BLE001 - it must not go on as a second runner of tests
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(writer)
        return cls(pid, reader)

    def killed(self) -> list[str]:
        """Kill it; return the lines that it said."""
        os.kill(self.pid, signal.SIGKILL)
        with os.fdopen(self.said) as said:
            lines = said.read().splitlines(keepends=True)
        _, status = os.waitpid(self.pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "it ended by itself"
        return [line.strip() for line in lines if line.endswith("\n")]
