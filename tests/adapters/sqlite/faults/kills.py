"""What does a file hold after its writers were killed?

Writers are forked, which takes a hundredth of the time that a new interpreter takes to start.
"""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final, NoReturn, TypeAlias

from attrs import define, frozen

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
    """Start a writer of each name and kill them all at some moment; return the units that were acknowledged to them.

    Where other processes come and go, some of the writers are asked to end instead, and close the file.
    """
    writers = [_Writer.forked(partial(_write, path, kind, name)) for name in names]
    visitors = [_Writer.forked(partial(_visit, path))] if kind.visits else []
    try:
        if draw.random() < (0.7 if kind.file == "here" else 0.3):
            select.select([writer.said for writer in writers], [], [], _GIVEN_UP_SECONDS)  # until one was acknowledged
        time.sleep(draw.uniform(0, _LONGEST_LIFE_SECONDS * (4 if kind.visits else 1)))
        ended = [writer for writer in writers if kind.visits and draw.random() < 0.5]
        for writer in ended:
            os.kill(writer.pid, signal.SIGTERM)
        said = [unit for writer in ended for unit in writer.ended()]
        return said + [unit for writer in (*writers, *visitors) if writer not in ended for unit in writer.killed()]
    finally:
        for process in (*writers, *visitors):
            process.stop()


def _write(path: Path, kind: Kind, name: str, say: Say) -> None:
    asked_to_end = Event()

    def end(*_: object) -> NoReturn:
        asked_to_end.set()
        raise SystemExit  # which Python ignores where an object is freed

    if kind.visits:
        signal.signal(signal.SIGTERM, end)
        Thread(target=_drop_locks, args=(path, Random(name)), daemon=True).start()
    for unit in work(path, kind, name, Random(name)):
        say(unit)
        if asked_to_end.is_set():
            raise SystemExit


def _drop_locks(path: Path, draw: Random) -> None:
    """Open and close the file as an application may do, at moments that no one can foresee."""
    while True:
        path.open("rb").close()
        time.sleep(draw.uniform(0, 0.005))


def _visit(path: Path, _: Say) -> None:
    """Come and go as other programs do, which know nothing of this library's locks."""
    while True:
        with closing(sqlite3.connect(path, timeout=60)) as raw:
            raw.execute("SELECT count(*) FROM journal").fetchone()
        time.sleep(0.001)


@define
class _Writer:
    """A process that works until it is killed.

    Attributes:
        pid: Its number.
        said: Where it says what was acknowledged to it, a line for each unit.
        is_there: Whether it was not waited for yet.
    """

    pid: int
    said: int
    is_there: bool = True

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
            except SystemExit:
                os._exit(0)
            except BaseException:  # noqa: BLE001 - it must not go on as a second runner of tests
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(writer)
        return cls(pid, reader)

    def killed(self) -> list[str]:
        """Kill it; return the lines that it said."""
        os.kill(self.pid, signal.SIGKILL)
        return self._heard(-signal.SIGKILL)

    def ended(self) -> list[str]:
        """Wait until it has ended as it was asked to; return the lines that it said."""
        return self._heard(0)

    def stop(self) -> None:
        """Kill it, should it still be there: nothing is to outlive a drill that failed."""
        if self.is_there:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _heard(self, exit_code: int) -> list[str]:
        with os.fdopen(self.said) as said:
            lines = said.read().splitlines(keepends=True)
        _, status = os.waitpid(self.pid, 0)
        self.is_there = False
        assert os.waitstatus_to_exitcode(status) == exit_code, "it ended otherwise"
        return [line.strip() for line in lines if line.endswith("\n")]
