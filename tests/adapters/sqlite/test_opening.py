"""Which files are opened, created, migrated or refused; what is refused is never altered."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest

from crm_adapters.sqlite import SqliteStore, StoreBusy, StoreError, reading, stored_rules
from crm_adapters.sqlite.connection import Connection
from crm_adapters.sqlite.locking import FileLock, has_wal_reset_bug
from crm_adapters.sqlite.migrations import migrate
from crm_adapters.sqlite.schema import APPLICATION_ID, VERSION
from crm_domain import HARDENED, SEED, CreditPolicy, Crm, Rules

AsNobody: TypeAlias = Callable[[Path], list[str]]


def made(path: Path, rules: Rules = HARDENED) -> Path:
    """Make a file with one user in it, and close it."""
    with SqliteStore(path) as store:
        Crm(store, rules=rules).as_service().sync_crm_user(email="amy@example.com")
    return path


def refused(path: Path, rules: Rules = HARDENED) -> str:
    """Return why the file is refused, having seen that nothing in its folder changed."""
    before = contents(path.parent)
    with pytest.raises(StoreError) as caught:
        Crm(SqliteStore(path), rules=rules)
    assert contents(path.parent) == before
    assert caught.value.path == path.resolve()
    assert str(caught.value) == f"{path.resolve()}: {caught.value.reason}"
    assert "\n" not in str(caught.value)
    return caught.value.reason


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return what is in a folder; the lock's file, which is always empty, left out."""
    if not folder.is_dir():
        return {}
    return {
        file.name: file.read_bytes() if file.is_file() else None
        for file in folder.iterdir()
        if not file.name.endswith("-lock")
    }


def altered(path: Path, *statements: str) -> Path:
    """Run SQL behind the library's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        for statement in statements:
            raw.execute(statement)
    return path


def test_a_missing_file_is_created_and_goes_on_from_what_it_holds(path: Path) -> None:
    made(path)
    assert path.read_bytes()[:16] == b"SQLite format 3\0"
    with SqliteStore(path) as store:
        assert Crm(store).as_service().count("crm_users") == 1


def test_an_empty_file_is_filled_and_keeps_its_permissions(path: Path) -> None:
    path.touch(mode=0o600)
    made(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with SqliteStore(path) as store:
        assert Crm(store).as_service().count("crm_users") == 1


def test_a_closed_file_stands_alone(path: Path) -> None:
    """All of it is in the one file: no log is left beside it, only the lock, which is empty."""
    made(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["crm.db", "crm.db-lock"]
    assert Path(f"{path}-lock").stat().st_size == 0


def test_a_link_leads_to_its_file(path: Path, tmp_path: Path) -> None:
    made(path)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with SqliteStore(link) as store:
        assert Crm(store).as_service().count("crm_users") == 1
    assert not Path(f"{link}-lock").exists()


def test_a_path_may_hold_what_means_something_in_a_uri(tmp_path: Path) -> None:
    odd = tmp_path / "100% of #1?mode=memory & more.db"
    made(odd)
    with SqliteStore(odd) as store:
        assert Crm(store).as_service().count("crm_users") == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a database" * 100, "is not a SQLite database"),
        (b"SQLite format 3\0", "is not a SQLite database"),
        (b"x", "is not a SQLite database"),
        (b"\0" * 4096, "is not a SQLite database"),
    ],
)
def test_what_is_no_database_is_refused(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    assert refused(path) == reason


def test_a_directory_is_refused(path: Path) -> None:
    path.mkdir()
    assert refused(path) == "is a folder: name a file"


def test_a_name_below_a_file_is_refused(path: Path) -> None:
    assert refused(made(path) / "crm.db") == "cannot be read: Not a directory"


def test_a_file_that_the_system_does_not_let_us_read_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert refused(path) == "cannot be read: Permission denied"


def test_a_file_that_cannot_be_looked_at_without_writing_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(_: sqlite3.Connection) -> tuple[int, int]:
        error = sqlite3.OperationalError("attempt to write a readonly database")
        error.sqlite_errorcode = sqlite3.SQLITE_READONLY
        raise error

    made(path)
    monkeypatch.setattr(reading, "_marks", refusing)
    assert refused(path) == "is read-only (attempt to write a readonly database)"


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere" / "crm.db").startswith("there is no folder ")


def test_another_applications_file_is_refused(path: Path) -> None:
    altered(path, "CREATE TABLE t (x)", "PRAGMA application_id = 7")
    assert refused(path) == "is a database of another application (application_id 0x00000007)"


def test_a_newer_file_is_refused(path: Path) -> None:
    altered(made(path), f"PRAGMA user_version = {VERSION + 1}", "PRAGMA wal_checkpoint(TRUNCATE)")
    assert refused(path) == f"has schema version {VERSION + 1}, and this library reads up to {VERSION}: upgrade it"


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (SEED, "is kept under the rules hardened, not seed"),
        (HARDENED.without("grant_once"), "is kept under the rules hardened, not hardened,-grant_once"),
        (attrs.evolve(HARDENED, credit_policy=CreditPolicy(initial_credits=5)), "is kept under CreditPolicy("),
    ],
    ids=str,
)
def test_other_rules_than_the_files_are_refused(path: Path, rules: Rules, reason: str) -> None:
    assert refused(made(path), rules).startswith(reason)


def test_a_safeguard_from_the_future_is_refused(path: Path) -> None:
    altered(made(path), """UPDATE store_metadata SET value = '["to_come"]' WHERE name = 'safeguards'""")
    with pytest.raises(StoreError, match="safeguards that this library does not have: \\['to_come'\\]"):
        Crm(SqliteStore(path))


def test_no_file_is_made_beside_the_log_of_one_that_is_gone(path: Path) -> None:
    """SQLite would take that log for the new file's, and bring old pages into it."""
    Path(f"{path}-wal").write_bytes(b"left over")
    assert refused(path).startswith("the file is gone or empty, and crm.db-wal is what is left of it")


@pytest.mark.parametrize(
    "rules",
    [HARDENED, SEED, SEED.having("one_email"), Rules(credit_policy=CreditPolicy(initial_credits=9))],
    ids=["hardened", "seed", "mixed", "policy"],
)
def test_a_file_tells_its_rules(path: Path, rules: Rules) -> None:
    assert stored_rules(made(path, rules)) == rules


def test_there_are_no_rules_without_a_file(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"):
        stored_rules(path)
    assert not path.exists()


def test_a_store_serves_one_crm(path: Path) -> None:
    with SqliteStore(path) as store:
        with pytest.raises(StoreError, match="is not open"):
            store.journal  # noqa: B018
        Crm(store)
        with pytest.raises(RuntimeError, match="has its Crm already"):
            Crm(store)


def test_a_closed_store_refuses(path: Path) -> None:
    store = SqliteStore(path)
    store.close()  # it is not open yet: nothing to do
    crm = Crm(store)
    for _ in range(2):
        store.close()
    for attempt in (
        lambda: crm.as_service().sync_crm_user(email="a@x.test"),
        lambda: crm.as_service().count("payments"),
    ):
        with pytest.raises(StoreError, match="the store was closed"):
            attempt()


def test_arguments_are_judged(path: Path) -> None:
    with pytest.raises(ValueError, match="synchronous: expected FULL or NORMAL, got 'OFF'"):
        SqliteStore(path, synchronous="OFF")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="busy_timeout_seconds: expected 0 or more, got nan"):
        SqliteStore(path, busy_timeout_seconds=float("nan"))


@pytest.mark.parametrize(("synchronous", "level"), [("FULL", 2), ("NORMAL", 1)])
def test_a_connection_is_set_up(path: Path, synchronous: str, level: int) -> None:
    with SqliteStore(path, synchronous=synchronous) as store:  # type: ignore[arg-type]
        Crm(store)
        pragmas = {
            name: store.database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "foreign_keys", "synchronous", "application_id", "user_version")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": level,
        "application_id": APPLICATION_ID,
        "user_version": VERSION,
    }


def test_a_file_that_was_taken_out_of_wal_mode_is_put_back(path: Path) -> None:
    altered(made(path), "PRAGMA journal_mode = DELETE")
    with SqliteStore(path) as store:
        Crm(store)
        assert store.database.journal_mode == "wal"


# --- migrations -----------------------------------------------------------------------------


def connected(path: Path) -> Connection:
    return Connection(path, synchronous="FULL", busy_timeout_seconds=5)


def test_an_older_file_is_migrated_in_place_with_a_copy_beside_it(path: Path) -> None:
    made(path)
    connection = connected(path)
    steps = {
        VERSION: lambda c: c.execute("CREATE TABLE first (x)"),
        VERSION + 1: lambda c: c.execute("ALTER TABLE first RENAME TO second"),
    }
    backup = migrate(connection, steps=steps, version=VERSION + 2)
    assert connection.value("PRAGMA user_version") == VERSION + 2
    assert connection.value("SELECT count(*) FROM second") == 0
    connection.close()
    assert backup == path.with_name(f"crm.db.v{VERSION}-backup")
    with SqliteStore(backup) as store:
        assert Crm(store).as_service().count("crm_users") == 1


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    made(path)
    connection = connected(path)
    with pytest.raises(StoreError, match="no such table: missing"):
        migrate(
            connection,
            steps={
                VERSION: lambda c: c.execute("CREATE TABLE first (x)"),  # type: ignore[dict-item]
                VERSION + 1: lambda c: c.execute("DROP TABLE missing"),  # type: ignore[dict-item]
            },
            version=VERSION + 2,
        )
    connection.close()
    with SqliteStore(path) as store:
        assert Crm(store).as_service().count("crm_users") == 1
        assert "first" not in store.database.table_names()


def test_a_version_without_a_way_on_is_refused(path: Path) -> None:
    made(path)
    connection = connected(path)
    with pytest.raises(StoreError, match=f"no migration leads on from schema version {VERSION}"):
        migrate(connection, steps={}, version=VERSION + 1)
    connection.close()
    assert list(path.parent.glob("*backup*")) == []


def test_a_file_that_another_process_made_newer_meanwhile_is_refused(path: Path) -> None:
    """The header that was looked at first may be older than what is in the log."""
    made(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
        with pytest.raises(StoreError, match="upgrade it"):
            Crm(SqliteStore(path))


def test_a_file_is_not_migrated_without_a_copy(path: Path) -> None:
    made(path)
    path.with_name(f"crm.db.v{VERSION}-backup").mkdir()
    connection = connected(path)
    with pytest.raises(StoreError, match=r"no copy could be put at .*so the file was not migrated"):
        migrate(connection, steps={VERSION: lambda _: None}, version=VERSION + 1)
    assert connection.value("PRAGMA user_version") == VERSION
    connection.close()


# --- the lock -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_versions_with_the_wal_reset_bug(version: tuple[int, int, int], has_it: bool) -> None:  # noqa: FBT001
    assert has_wal_reset_bug(version) is has_it


def test_a_lock_has_one_holder_at_a_time(path: Path) -> None:
    one, other = FileLock(path, 0.01), FileLock(path, 0.01)
    one.acquire()
    with pytest.raises(StoreBusy, match=r"another process has been writing for 0.01 seconds; try again"):
        other.acquire()
    one.release()
    other.acquire()
    one.close()
    other.close()


def test_a_write_and_its_checkpoint_happen_under_the_lock(path: Path) -> None:
    """Whoever has the lock keeps every other store from committing, and from the checkpoint at a close."""
    made(path)
    turns = FileLock(path, 0)
    with SqliteStore(path, busy_timeout_seconds=0) as store:
        crm = Crm(store)
        crm.as_service().sync_crm_user(email="bob@example.com")
        turns.acquire()
        with pytest.raises(StoreBusy):
            crm.as_service().sync_crm_user(email="cat@example.com")
        turns.release()
        crm.as_service().sync_crm_user(email="cat@example.com")
    turns.close()


# --- read-only ------------------------------------------------------------------------------


@pytest.fixture
def as_nobody(in_a_child: Callable[[Callable[[], list[str]]], list[str]]) -> Callable[[Path], list[str]]:
    """Read and write as somebody who is not root, whom permissions do not bind; returned is what came of it."""
    return lambda path: in_a_child(lambda: _read_and_write(path))


def _read_and_write(path: Path) -> list[str]:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    said = []
    try:
        crm = Crm(SqliteStore(path))
        said.append(str(crm.as_service().count("crm_users")))
        crm.as_service().sync_crm_user(email="bob@example.com")
    except StoreError as error:
        said.append(error.reason)
    return said


@pytest.fixture
def open_folder(path: Path) -> Path:
    """A file in a folder that somebody else may enter."""
    for folder in path.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
        if folder.name.startswith("pytest-of-"):
            break
    return path


def test_a_read_only_file_is_read_and_not_written(open_folder: Path, as_nobody: AsNobody) -> None:
    path = made(open_folder)
    path.chmod(0o444)
    path.parent.chmod(0o777)
    count, reason = as_nobody(path)
    assert count == "1"
    assert reason.startswith("is read-only (attempt to write a readonly database)")


def test_a_file_in_a_read_only_folder_is_refused_clearly(open_folder: Path, as_nobody: AsNobody) -> None:
    path = made(open_folder)
    Path(f"{path}-lock").unlink()
    path.parent.chmod(0o555)
    (reason,) = as_nobody(path)
    path.parent.chmod(0o755)
    assert reason.startswith("is read-only")


def test_no_file_is_made_in_a_read_only_folder(open_folder: Path, as_nobody: AsNobody) -> None:
    open_folder.parent.chmod(0o555)
    (reason,) = as_nobody(open_folder)
    open_folder.parent.chmod(0o755)
    assert reason == "cannot be written: crm.db-lock beside it: Permission denied"


def test_a_file_that_may_not_be_read_is_refused(open_folder: Path, as_nobody: AsNobody) -> None:
    made(open_folder).chmod(0o000)
    (reason,) = as_nobody(open_folder)
    assert reason == "cannot be read: Permission denied"
