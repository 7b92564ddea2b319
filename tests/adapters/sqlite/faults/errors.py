"""What does a store say, and its file hold, when calls of SQLite to the system fail?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from attrs import Factory, define

from crm_adapters.sqlite import SqliteStore, StoreError
from crm_domain import Crm, Refused
from crm_domain.laws import check_all

from .disk import OK, Call, Watcher, calm, watched
from .sound import assert_sound, units_in
from .work import Kind, Unit, arrival, job, many, older_files_are_migrated, prepare, recording, repeatable, view

FULL: Final = 13

ERRORS: Final = (
    ("xOpen", "CANTOPEN", 14),
    ("xDelete", "IOERR_DELETE", 2570),
    ("xAccess", "IOERR_ACCESS", 3338),
    ("xRead", "IOERR_READ", 266),
    ("xRead", "CORRUPT", 11),
    ("xWrite", "IOERR_WRITE", 778),
    ("xWrite", "FULL", FULL),
    ("xTruncate", "IOERR_TRUNCATE", 1546),
    ("xSync", "IOERR_FSYNC", 1034),
    ("xFileSize", "IOERR_FSTAT", 1802),
    ("xLock", "IOERR_LOCK", 3850),
    ("xLock", "BUSY", 5),
    ("xShmMap", "IOERR_SHMMAP", 5386),
    ("xShmLock", "IOERR_SHMLOCK", 5130),
    ("xShmLock", "BUSY", 5),
)
"""Which calls may fail, and how: SQLite's names, without the SQLITE_, and its codes."""


@define
class Failing:
    """A watcher that has one call fail.

    Attributes:
        call: Its name.
        code: The error.
        nth: Which of all calls of this name, from 1.
        lasting: Whether all later ones fail, too.
        seen: How many calls of this name there were.
    """

    call: str
    code: int
    nth: int
    lasting: bool
    seen: int = 0

    def __call__(self, call: Call) -> int:
        """Count the calls of that name; fail when it is time to."""
        if call.name != self.call:
            return OK
        self.seen += 1
        return self.code if self.seen == self.nth or (self.lasting and self.met) else OK

    @property
    def met(self) -> bool:
        """Whether it has failed."""
        return self.seen >= self.nth


@define
class Quota:
    """A watcher that is a disk of some size.

    Attributes:
        folder: Whose files share the disk.
        size_bytes: How much they may hold.
    """

    folder: Path
    size_bytes: float

    def __call__(self, call: Call) -> int:
        """Refuse a write that needs more room than there is."""
        if call.name != "xWrite":
            return OK
        sizes = {str(file): file.stat().st_size for file in self.folder.iterdir() if not file.name.endswith("-shm")}
        growth = max(call.number + len(call.data) - sizes.get(call.path, 0), 0)
        return FULL if growth and sum(sizes.values()) + growth > self.size_bytes else OK


@define
class Told:
    """What a store said in the course of a day, and what its file holds.

    Attributes:
        acknowledged: The units of work that it acknowledged.
        unknown: The unit at which it stopped, and said that nobody knows whether it was kept.
        reasons: The reasons of all errors.
        kept: The units that the file holds at the end.
    """

    acknowledged: list[str] = Factory(list)
    unknown: list[str] = Factory(list)
    reasons: list[str] = Factory(list)
    kept: list[str] = Factory(list)

    @contextmanager
    def asking(self, unit: str | None = None) -> Iterator[None]:
        """Ask the store for something: for a unit of work, or else.

        It does so, or says in a `StoreError` why not, or refuses by a rule what rests upon that
        which it could not do. Once it has stopped, it does nothing any more.
        """
        try:
            yield
        except Refused:
            assert self.reasons, "it was refused although all before it was done"
        except StoreError as error:
            if unit is not None and not self.stopped and "is not known" in error.reason:
                self.unknown.append(unit)
            self.reasons.append(error.reason)
        else:
            assert not self.stopped, "the store went on"
            self.acknowledged += [] if unit is None else [unit]

    @property
    def lost(self) -> list[str]:
        """The units that were acknowledged and are not there."""
        return [unit for unit in self.acknowledged if unit not in self.kept]

    @property
    def stopped(self) -> bool:
        """Whether the store said that it does not go on."""
        return any("stopped at an error" in reason for reason in self.reasons)


DAY: Final[tuple[Unit, ...]] = (arrival, recording, job, view, many, recording)
"""What is done in a day."""


def day(path: Path, units: tuple[Unit, ...] = DAY, *, name: str = "day") -> Told:
    """Open the file, work, make the tables anew, look, and close, whatever happens; return what the store said."""
    told, draw = Told(), Random(name)
    with older_files_are_migrated(), SqliteStore(path, busy_timeout_seconds=0) as store:
        with told.asking():
            crm = repeatable(store, draw)
            store.database.execute("PRAGMA wal_autocheckpoint = 12")
        if not told.reasons:
            _work(crm, units, name, told, draw)
    assert told.reasons or len(told.acknowledged) == len(units)
    return told


def _work(crm: Crm, units: tuple[Unit, ...], name: str, told: Told, draw: Random) -> None:
    for n, unit in enumerate(units):
        with told.asking(f"{name}.{n}"):
            unit(crm, name, f"{name}.{n}", draw)
    with told.asking():
        crm.rebuild()
    with told.asking():
        assert check_all(crm) == []


@cache
def calls_in_a_day(kind: Kind, units: tuple[Unit, ...] = DAY) -> Counter[str]:
    """Return how often each call is made in a day on which nothing fails."""
    calls: Counter[str] = Counter()

    def counting(call: Call) -> int:
        calls[call.name] += 1
        return OK

    assert watched_day(kind, counting, units).reasons == []
    return calls


def watched_day(kind: Kind, watcher: Watcher, units: tuple[Unit, ...] = DAY) -> Told:
    """Have a watcher disturb a day; assert that the file is whole, and holds nothing that was not done.

    Args:
        kind: What file there is before.
        watcher: Decides which calls fail.
        units: What is done.
    """
    with TemporaryDirectory() as folder:
        return _disturbed(Path(folder).resolve() / "crm.db", kind, watcher, units)


def full_day(kind: Kind, size_bytes: int) -> Told:
    """Spend the first half of a day on a disk of this size, and another one with more room; return what came of it."""
    units = DAY[: len(DAY) // 2]
    with TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "crm.db"
        told = _disturbed(path, kind, Quota(path.parent, size_bytes), units)
        with watched(calm):
            assert day(path, units, name="later").reasons == [], "it did not go on"
        return told


def _disturbed(path: Path, kind: Kind, watcher: Watcher, units: tuple[Unit, ...]) -> Told:
    before = prepare(path, kind)
    with watched(watcher):
        told = day(path, units)
    with watched(calm):
        assert_sound(path)
        told.kept = units_in(path)
    may_be_there = before + told.acknowledged + told.unknown
    assert [unit for unit in told.kept if unit not in may_be_there] == [], "what failed for certain is there"
    assert [unit for unit in before if unit not in told.kept] == [], "what was there before is gone"
    return told
