"""What a connection does when something cuts in at a bad moment."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from crm_adapters.sqlite import SqliteStore, StoreError, migrations, opening
from crm_adapters.sqlite.connection import Connection
from crm_adapters.sqlite.locking import FileLock
from crm_adapters.sqlite.schema import VERSION, create_indexes
from crm_domain import HARDENED, TABLES, Crm
from crm_domain.schema import Index


def connection_of(store: SqliteStore) -> Connection:
    """Return the connection of an open store."""
    return store._open.connection


def test_a_transaction_that_was_cut_off_is_undone_by_the_next_one(crm: Crm, store: SqliteStore) -> None:
    """An interrupt may keep even a rollback from its end."""
    store.begin(many=False)
    crm.tables.auth_users.insert(("id", "left@example.com", crm._now()))
    store.begin(many=False)
    assert len(crm.tables.auth_users) == 0
    store.rollback(torn=False)
    crm.as_service().sync_crm_user(email="amy@example.com")
    assert crm.as_service().count("auth.users") == 1


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


def test_a_child_process_is_refused_and_closes_nothing_of_its_parents(
    crm: Crm, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: -1)
        connection_of(store).forked()
        with pytest.raises(StoreError, match="was opened before a fork, and connections do not survive one"):
            crm.as_service().count("auth.users")
    crm.as_service().sync_crm_user(email="amy@example.com")
    assert crm.as_service().count("auth.users") == 1


def test_a_store_that_was_opened_before_a_fork_is_closed_without_a_word(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(path)
    Crm(store)
    raw = store.database.conn
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: -1)
        store.close()
    assert raw.execute("SELECT 1").fetchone() == (1,)
    raw.close()


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
    monkeypatch.setattr(opening, "is_new", lambda _: next(answers))
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
