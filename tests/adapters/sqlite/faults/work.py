"""What is done to a file while something cuts in?

Work is a sequence of *units*: commands that are kept together or not at all. Each command carries an
idempotency key, ``name:1/3`` for the first of three, and the journal keeps it: so the file itself tells
which units it holds, and whether one of them is half.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias
from unittest.mock import patch
from uuid import UUID

from attrs import frozen

from crm_adapters.sqlite import SqliteStore, StoreError, filling, migrations, rows, stored_rules
from crm_adapters.sqlite.connection import Connection
from crm_adapters.sqlite.handle import LOG_GONE
from crm_adapters.sqlite.schema import VERSION
from crm_domain import (
    CreateJobRequest,
    CreateRecording,
    Crm,
    ManualClock,
    RecordPayment,
    Session,
    SyncCrmUser,
    TrackView,
)
from crm_domain.clocks import label_uuid

from .power import contents_of, put

Unit: TypeAlias = Callable[[Crm, str, str, Random], None]
"""Does something that is kept as a whole; it is given whose work it is, the unit's name, and chance."""


def email_of(person: str) -> str:
    """Return the address of somebody who works."""
    return f"{person}@example.com"


def together(crm: Crm, name: str, commands: Sequence[tuple[Session, Any]]) -> None:
    """Execute commands that are kept together: alone, or in a batch."""
    if len(commands) == 1:
        ((session, command),) = commands
        session.execute(command, key=f"{name}:1/1")
        return
    with crm.batch():
        for n, (session, command) in enumerate(commands, 1):
            session.execute(command, key=f"{name}:{n}/{len(commands)}")


def arrival(crm: Crm, person: str, name: str, _: Random) -> None:
    """Bring the person in."""
    together(crm, name, [(crm.as_service(), SyncCrmUser(user_id=label_uuid(person), email=email_of(person)))])


def view(crm: Crm, person: str, name: str, _: Random) -> None:
    """Count a view: one row is changed in place."""
    together(crm, name, [(crm.as_service(), TrackView(email=email_of(person)))])


def job(crm: Crm, person: str, name: str, draw: Random) -> None:
    """Store a row, which may be longer than a page."""
    command = CreateJobRequest(id=label_uuid(name), job_description="d" * draw.choice([10, 1000, 9000]))
    together(crm, name, [(crm.as_user(label_uuid(person)), command)])


def recording(crm: Crm, person: str, name: str, _: Random) -> None:
    """Pay, store a job request and record for it, as one."""
    payment = RecordPayment(user_id=label_uuid(person), amount="12.99", ref=name)
    session, job_id = crm.as_user(label_uuid(person)), label_uuid(f"{name} job")
    together(
        crm,
        name,
        [
            (crm.as_service(), payment),
            (session, CreateJobRequest(id=job_id)),
            (session, CreateRecording(id=label_uuid(name), job_request_id=job_id)),
        ],
    )


def many(crm: Crm, person: str, name: str, _: Random) -> None:
    """Store many rows as one."""
    session = crm.as_user(label_uuid(person))
    jobs = [CreateJobRequest(id=label_uuid(f"{name} {n}"), job_description="d" * 300) for n in range(40)]
    together(crm, name, [(session, command) for command in jobs])


@frozen
class Kind:
    """A kind of work.

    Attributes:
        units: What is done, in random order.
        pragmas: How the file is set up for it.
        file: Whether there is a file before: "here", "missing", or "older" by a version.
        rebuilds: Whether tables are made anew between units.
        fills: Whether a few rows at once fill a table, so that its indexes are left out meanwhile.
        visits: Whether, between units, the same process looks at the file in other ways, some of which drop
            its locks, and closes it and opens it anew; while it is killed, other processes come and go, too.
    """

    units: tuple[Unit, ...] = (view, job, recording)
    pragmas: tuple[str, ...] = ()
    file: str = "here"
    rebuilds: bool = False
    fills: bool = False
    visits: bool = False


KINDS: Final = {
    "creation": Kind(file="missing"),
    "migration": Kind(file="older"),
    "commands": Kind(),
    # A checkpoint after nearly every command, in the middle of the log as well as at its end.
    "checkpoints": Kind(pragmas=("wal_autocheckpoint = 6",)),
    # So little memory that a batch is in the log long before its commit.
    "batches": Kind(units=(many, view), pragmas=("cache_size = 8", "wal_autocheckpoint = 60")),
    # A table counts as being filled as long as there are as many new rows as old ones: from the very first.
    "fillings": Kind(
        units=(many,), file="missing", rebuilds=True, fills=True, pragmas=("cache_size = 8", "wal_autocheckpoint = 60")
    ),
    "rebuilds": Kind(rebuilds=True, pragmas=("cache_size = 8", "wal_autocheckpoint = 30")),
    "another process comes and goes": Kind(visits=True),
}
"""All kinds of work, by name."""


def work(
    path: Path, kind: Kind, person: str, draw: Random, *, synchronous: str = "FULL", units: int | None = None
) -> Iterator[str]:
    """Open the file and work, for ever unless told how many *units*; yield the name of each one that was acknowledged.

    Args:
        path: The file.
        kind: The kind of work.
        person: Whose work it is; the units are named after it.
        draw: Decides what is done.
        synchronous: How durable a commit is; ``OFF``, too, which a store does not offer.
        units: How many units, beside the person's arrival.
    """
    level: Any = "NORMAL" if synchronous == "OFF" else synchronous
    behind_its_back = ("synchronous = OFF",) if synchronous == "OFF" else ()
    names = (f"{person}.{n}" for n in (count() if units is None else range(units + 1)))
    with ExitStack() as stack:
        stack.enter_context(older_files_are_migrated())
        for module, bound in ((rows, "WAITING_MAX"), (filling, "ENOUGH")) if kind.fills else ():
            stack.enter_context(patch.object(module, bound, 10))
        name: str | None = next(names)
        while name is not None:
            with SqliteStore(path, synchronous=level, busy_timeout_seconds=60) as store, log_may_go(kind):
                crm = repeatable(store, draw)
                for pragma in (*kind.pragmas, *behind_its_back):
                    store.database.execute(f"PRAGMA {pragma}")
                while name is not None:
                    if kind.rebuilds and not name.endswith(".0") and draw.random() < 0.5:
                        crm.rebuild()
                    chance = Random(name) if kind.visits else draw  # so that a unit may be asked for again
                    (arrival if name.endswith(".0") else chance.choice(kind.units))(crm, person, name, chance)
                    yield name
                    name = next(names, None)
                    if kind.visits and looked(path, draw):
                        break


@contextmanager
def log_may_go(kind: Kind) -> Iterator[None]:
    """Let a store say that its log is gone, where that may be: it is closed then, and the unit asked for again."""
    try:
        yield
    except StoreError as error:
        if not (kind.visits and error.reason == LOG_GONE):
            raise


def looked(path: Path, draw: Random) -> bool:
    """Look at a file that a store has open in one of many ways; return whether the store is to be opened anew."""
    match draw.choice(["read", "rules", "second", "anew", "no look"]):
        case "read":
            path.read_bytes()  # which drops all locks that this process has on it
        case "rules":
            stored_rules(path)
        case "second":
            with SqliteStore(path, busy_timeout_seconds=60) as store, suppress(StoreError):
                Crm(store).as_service().count("crm_users")
        case "anew":
            return True
    return False


def repeatable(store: SqliteStore, draw: Random) -> Crm:
    """Make a CRM over a store that does the same each time."""
    return Crm(store, clock=ManualClock(), new_id=lambda: str(UUID(int=draw.getrandbits(128), version=4)))


# --- the file before --------------------------------------------------------------------------


def prepare(path: Path, kind: Kind) -> list[str]:
    """Put the file there that this kind of work begins with; return the units that it holds."""
    if kind.file == "missing":
        return []
    path.write_bytes(_template())
    if kind.file == "older":
        _make_older(path)
    return [f"before.{n}" for n in range(3)]


def _make_older(path: Path) -> None:
    """Take back what the migration does; leave a log beside the file, as a process does that is cut off."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("DROP INDEX crm_job_requests_email_idx")
        raw.execute("UPDATE journal SET idempotency_key = 'older ' || idempotency_key")
        raw.execute(f"PRAGMA user_version = {VERSION - 1}")
        left = contents_of(path.parent)
    put(left, path.parent)


@cache
def _template() -> bytes:
    """Return a file with somebody and some of their rows in it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "crm.db"
        for _ in work(path, KINDS["batches"], "before", Random(1), units=2):
            pass
        return path.read_bytes()


@contextmanager
def older_files_are_migrated() -> Iterator[None]:
    """Have the store know a migration from the version of files that are prepared as older."""
    with patch.dict(migrations.STEPS, {VERSION - 1: _migration}):
        yield


def _migration(connection: Connection) -> None:
    connection.execute('CREATE INDEX "crm_job_requests_email_idx" ON "crm_job_requests" ("email")')
    connection.execute("UPDATE journal SET idempotency_key = substr(idempotency_key, 7)")
