"""What a connection does when something cuts in at a bad moment."""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from crm_adapters.sqlite import SqliteStore, StoreError, migrations, opening
from crm_adapters.sqlite.connection import Connection
from crm_adapters.sqlite.locking import FileLock
from crm_adapters.sqlite.schema import VERSION, create_indexes
from crm_domain import HARDENED, TABLES, BatchOfAnotherTask, Crm
from crm_domain.laws import check_all
from crm_domain.schema import Index


def connection_of(store: SqliteStore) -> Connection:
    """Return the connection of an open store."""
    return store._open.connection


def test_an_undoing_that_was_cut_off_is_made_good_by_the_next_command(
    crm: Crm, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt may keep even a rollback from its end; nothing of what it was to undo is seen or kept."""
    rollback = store.rollback

    def cut_off() -> None:
        interrupts = iter([KeyboardInterrupt, KeyboardInterrupt])

        def interrupted(*, torn: bool) -> None:
            for interrupt in interrupts:
                raise interrupt
            rollback(torn=torn)

        with crm.batch():
            crm.as_service().sync_crm_user(email="left@example.com")
            monkeypatch.setattr(store, "rollback", interrupted)
            raise ValueError

    uses: list[Callable[[], object]] = [
        lambda: crm.as_service().sync_crm_user(email="amy@example.com"),
        lambda: len(crm.journal),
        crm.rebuild,
    ]
    for use in uses:
        with pytest.raises(KeyboardInterrupt):
            cut_off()
        use()
        assert [row.email for row in crm.tables.auth_users] == ["amy@example.com"]
    assert check_all(crm) == []


def test_a_transaction_within_a_transaction_is_refused(crm: Crm, store: SqliteStore) -> None:
    """And leaves the first as it is: one that is kept, and one that is undone."""
    with crm.batch():
        crm.as_service().sync_crm_user(email="amy@example.com")
        begins: list[Callable[[], None]] = [
            lambda: store.begin(many=False),
            lambda: store.keep_labels({"1": "one"}),
        ]
        for begin in begins:
            with pytest.raises(RuntimeError, match="not in the middle of a read or of another transaction"):
                begin()
    with suppress(ValueError), crm.batch():
        crm.as_service().sync_crm_user(email="bob@example.com")
        with pytest.raises(RuntimeError, match="not in the middle of a read or of another transaction"):
            store.keep_labels({"2": "two"})
        raise ValueError
    assert [row.email for row in crm.tables.auth_users] == ["amy@example.com"]
    assert store.labels() == {}
    store.keep_labels({"3": "three"})
    assert store.labels() == {"3": "three"}


def test_labels_whose_undoing_was_cut_off_are_not_kept(
    crm: Crm, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next transaction undoes them first."""
    connection = connection_of(store)

    interrupts = iter([KeyboardInterrupt, KeyboardInterrupt])
    rollback = connection.rollback

    def interrupted() -> None:
        for interrupt in interrupts:
            raise interrupt
        rollback()

    monkeypatch.setattr(connection, "rollback", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.keep_labels({"1": "one", "2": None})  # type: ignore[dict-item]
    crm.as_service().sync_crm_user(email="amy@example.com")
    assert store.labels() == {}
    assert len(crm.tables.auth_users) == 1


def test_an_interrupt_at_the_lock_leaves_it_to_others(
    crm: Crm, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it comes before the lock was taken, or just after."""
    connection = connection_of(store)

    class Lock:
        def __init__(self, *, takes: bool) -> None:
            self.takes = takes
            self.release = connection.lock.release

        def acquire(self) -> None:
            if self.takes:
                lock.acquire()
            raise KeyboardInterrupt

    lock = connection.lock
    for takes in (True, False):
        with monkeypatch.context() as patched:
            patched.setattr(connection, "lock", Lock(takes=takes))
            with pytest.raises(KeyboardInterrupt):
                connection.begin()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: len(crm.journal)).result(timeout=10) == 0


def test_a_read_whose_end_was_cut_off_is_ended_by_the_next(
    crm: Crm, store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go on to show the state of then."""
    connection = connection_of(store)
    execute = connection.execute

    def interrupted(sql: str, *rest: Any) -> Any:
        if sql == "ROLLBACK":
            raise KeyboardInterrupt
        return execute(sql, *rest)

    uses: list[Callable[[], object]] = [
        lambda: crm.as_service().count("auth.users"),
        lambda: len(crm.journal),
        lambda: crm.as_service().sync_crm_user(email="last@example.com"),
    ]
    with SqliteStore(path) as other:
        writer = Crm(other)
        for number, use in enumerate(uses):
            with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
                patched.setattr(connection, "execute", interrupted)
                crm.as_service().count("auth.users")
            writer.as_service().sync_crm_user(email=f"{number}@example.com")
            use()
            assert len(crm.tables.auth_users) == len(writer.tables.auth_users), number


@pytest.mark.parametrize("seen_by", ["a read", "the commit"])
def test_nothing_is_kept_of_a_batch_that_sqlite_gave_up(
    seen_by: str, crm: Crm, store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some errors it undoes the transaction by itself: each later statement would be kept alone."""
    amy = crm.as_user(crm.as_service().sync_crm_user(email="amy@example.com").user_id or "")
    connection = connection_of(store)

    def full(*_: object) -> None:
        monkeypatch.undo()
        connection.database.conn.execute("ROLLBACK")
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    def fill() -> None:
        with crm.batch():
            amy.create_job_request()
            monkeypatch.setattr(connection, "_statements", full)
            if seen_by == "a read":
                with pytest.raises(StoreError, match="the disk is full"):
                    amy.count("crm_job_requests")
                with pytest.raises(StoreError, match="undone at an error, so nothing of it is kept"):
                    amy.count("crm_job_requests")
                with suppress(StoreError):
                    amy.create_job_request()

    before = len(crm.journal)
    with pytest.raises((StoreError, RuntimeError)):
        fill()
    assert len(crm.journal) == before
    amy.create_job_request()
    assert check_all(crm) == []
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM crm_job_requests").fetchone() == (1,)


def test_a_value_that_no_codec_takes_spoils_its_batch(crm: Crm, store: SqliteStore) -> None:
    """Half of its rows may be written when it shows itself."""
    amy = crm.as_user(crm.as_service().sync_crm_user(email="amy@example.com").user_id or "")

    def fail(rows: Iterator[object]) -> Iterator[Any]:
        yield from itertools.islice(rows, 1)
        raise TypeError("not a text")

    connection = connection_of(store)
    write = connection.executemany

    def spoil() -> None:
        with crm.batch():
            amy.create_job_request()
            amy.create_job_request()
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(connection, "executemany", lambda sql, rows: write(sql, fail(iter(rows))))
                with pytest.raises(TypeError):
                    amy.count("crm_job_requests")

    with pytest.raises(StoreError, match="writing was interrupted by TypeError"):
        spoil()
    assert amy.count("crm_job_requests") == 0
    assert amy.create_job_request().id is not None


TASKS: Final[dict[str, Callable[[SqliteStore], object]]] = {
    "the file": lambda store: store.database,
    "the tables": lambda store: store.tables,
    "the journal": lambda store: store.journal,
    "the labels": lambda store: store.labels(),
    "labels to keep": lambda store: store.keep_labels({"1": "one"}),
    "a transaction": lambda store: store.begin(many=False),
    "a read": lambda store: store.reading().__enter__(),
}


@pytest.mark.parametrize("of", ["a batch", "a read"])
@pytest.mark.parametrize("use", TASKS.values(), ids=TASKS)
def test_another_task_does_not_get_into_a_transaction(
    use: Callable[[SqliteStore], object], of: str, crm: Crm, store: SqliteStore
) -> None:
    """Of a batch across an await, nor of a read: it would see what is undone later, or end it."""

    async def other() -> None:
        use(store)

    async def main() -> None:
        with crm.batch() if of == "a batch" else store.reading():
            if of == "a batch":
                crm.as_service().sync_crm_user(email="amy@example.com")
            with pytest.raises(BatchOfAnotherTask, match="a batch or a read of this store is open in another task"):
                await asyncio.create_task(other())
            assert store.labels() == {}
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        asyncio.run(main())
    assert len(crm.tables.auth_users) == 0


def test_an_iterator_over_the_journal_from_before_a_batch_ends_where_it_ended(crm: Crm, store: SqliteStore) -> None:
    """Though no page of it was read: what a batch does may yet be undone."""
    crm.as_service().sync_crm_user(email="amy@example.com")
    length = len(crm.journal)
    iterators = [store.journal.entries(), store.journal.entries(upto=100)]
    with crm.batch():
        crm.as_service().sync_crm_user(email="bob@example.com")
        assert [len(list(entries)) for entries in iterators] == [length, length]
    assert len(list(store.journal.entries(upto=100))) == 2 * length


def test_a_rollback_without_a_transaction_does_nothing(crm: Crm, store: SqliteStore) -> None:
    store.rollback(torn=False)
    assert crm.as_service().count("auth.users") == 0


def test_a_rollback_that_fails_stops_the_store(crm: Crm, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connection_of(store)
    execute = connection.execute

    def failing(sql: str, *rest: Any) -> Any:
        if sql == "ROLLBACK":
            raise StoreError(connection.path, "the disk went away")
        return execute(sql, *rest)

    monkeypatch.setattr(connection, "execute", failing)
    store.begin(many=False)
    store.rollback(torn=True)
    for attempt in (crm.as_service().sync_crm_user, crm.journal.__len__):
        with pytest.raises(StoreError, match="the disk went away"):
            attempt()


def test_a_file_system_without_a_log_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqliteStore(path) as store:
        Crm(store)
    monkeypatch.setattr(Connection, "value", lambda *_: "delete")
    with pytest.raises(StoreError, match="cannot hold a write-ahead log; put the file on a local disk"):
        Crm(SqliteStore(path))


def test_a_connection_makes_no_file(path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened: unable to open database file"):
        Connection(path, synchronous="FULL", busy_timeout_seconds=0)
    assert not path.exists()


def test_a_lock_that_cannot_be_made_is_told(path: Path) -> None:
    Path(f"{path}-lock").mkdir()
    with pytest.raises(StoreError, match=r"cannot be written: crm.db-lock beside it: Is a directory"):
        FileLock(path, 0).acquire()
    with pytest.raises(StoreError, match="beside it: Is a directory"):
        Crm(SqliteStore(path))


def test_a_file_that_cannot_be_made_is_told(path: Path) -> None:
    path.with_name(f"crm.db.new-{os.getpid()}").mkdir()
    with pytest.raises(StoreError, match="cannot be created: unable to open database file"):
        Crm(SqliteStore(path))
    assert not path.exists()


def test_a_file_that_another_process_made_meanwhile_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqliteStore(path) as store:
        Crm(store).as_service().sync_crm_user(email="amy@example.com")
    answers = iter([True, False])
    monkeypatch.setattr(opening, "is_new", lambda _, **__: next(answers))
    with SqliteStore(path) as store:
        assert Crm(store).as_service().count("crm_users") == 1


def test_a_file_that_another_process_migrated_meanwhile_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteStore(path) as store:
        Crm(store)
        answers = iter([VERSION - 1, VERSION])
        monkeypatch.setattr(migrations, "_version", lambda _: next(answers))
        assert migrations.migrate(connection_of(store)) is None
    assert not list(path.parent.glob("*backup*"))


def test_statements_of_a_file_hold_declared_names_alone() -> None:
    """A column that is not declared does not get into SQL, nor does a value that has no form there."""
    table = TABLES["payments"]
    with pytest.raises(ValueError, match="payments has no column 'x; DROP TABLE payments'"):
        list(create_indexes(_with(table, Index(columns=("x; DROP TABLE payments",))), HARDENED))
    with pytest.raises(TypeError, match="has no place in the schema"):
        list(create_indexes(_with(table, Index(columns=("ref",), where=("ref", "=", None))), HARDENED))


def _with(table: Any, index: Index) -> Any:
    return attrs.evolve(table, indexes=(index,))


def test_a_store_names_its_file(store: SqliteStore, path: Path) -> None:
    assert repr(store) == f"<SQLite store {path.resolve()}>"


def test_the_log_does_not_grow_for_ever(crm: Crm, store: SqliteStore, path: Path) -> None:
    """Commits bring it into the file now and then, under the lock, and begin it anew."""
    amy = crm.as_service().sync_crm_user(email="amy@example.com").user_id
    assert amy is not None
    store.database.execute("PRAGMA wal_autocheckpoint = 20")
    for n in range(100):
        crm.as_user(amy).create_job_request(job_title=f"{n}")
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA page_count").fetchone()[0] > 10
    assert Path(f"{path}-wal").stat().st_size < 100 * 4096
