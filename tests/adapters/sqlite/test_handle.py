"""Other programs come and go, and this one drops SQLite's locks: nothing acknowledged is lost by that."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

import crm_adapters
from crm_adapters.scenarios.csvfiles import is_database
from crm_adapters.scenarios.of_databases import read_database
from crm_adapters.sqlite import SqliteStore, StoreBusy, StoreError, handle, stored_rules
from crm_adapters.sqlite.backups import back_up
from crm_adapters.sqlite.figures import figures
from crm_adapters.sqlite.locking import FileLock
from crm_adapters.sqlite.verification import Verification
from crm_domain import HARDENED, Crm
from crm_domain.clocks import label_uuid

from .faults.sound import assert_sound

AMY: Final = label_uuid("amy")
GONE: Final = "its log was deleted or replaced while it was open"


@pytest.fixture
def amy(crm: Crm) -> Crm:
    """A CRM with one user, Amy."""
    crm.as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
    return crm


VISIT: Final = """
import sqlite3, sys
raw = sqlite3.connect(sys.argv[1])
raw.execute("SELECT count(*) FROM journal").fetchone()
raw.close()
"""


def visit(path: Path) -> None:
    """Have another program open and close the file."""
    subprocess.run([sys.executable, "-c", VISIT, path], check=True)


def log_of(path: Path) -> handle.Identity:
    """Return which file the log is."""
    return handle.identity(f"{path}-wal")


def jobs_in(path: Path) -> int:
    """Return how many job requests the file holds, having seen that it is sound."""
    assert_sound(path)
    with SqliteStore(path) as store:
        return Crm(store).as_service().count("crm_job_requests")


def opened_anew(path: Path) -> None:
    with SqliteStore(path) as store:
        Crm(store)


LOOKS: Final[dict[str, Callable[[Path], object]]] = {
    "a second store": opened_anew,
    "stored_rules": stored_rules,
    "back_up": lambda path: back_up(path, path.with_name("copy.db")),
    "verify": lambda path: list(Verification(path).problems()),
    "figures": figures,
    "is_database": is_database,
    "read_database": read_database,
}
"""What this library does with a file that a store of the same process may have open."""


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_the_library_keeps_the_locks_of_this_process(amy: Crm, path: Path, look: Callable[[Path], object]) -> None:
    """Who comes and goes afterwards is not the last one, and leaves the log where it is."""
    before = log_of(path)
    look(path)
    visit(path)
    assert log_of(path) == before
    amy.as_user(AMY).create_job_request()


def test_only_sqlite_opens_a_database() -> None:
    """Nothing in the store's modules opens, reads or copies a file, but locks, folders and copies that no one knows of yet."""
    allowed = {
        ("locking.py", "open"): "the lock's file, which is no database",
        ("partial.py", "open"): "a folder, and a copy that has no name yet",
        ("backend.py", "copy"): "a template of its own, which nothing has open",
    }
    found = set()
    for module in (Path(crm_adapters.__path__[0]) / "sqlite").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in {"open", "fdopen", "read_bytes", "read_text", "copy", "copy2", "copyfile", "copytree"}:
                    found.add((module.name, name))
    assert found - {("saving.py", "open")} == allowed.keys()  # of a store


def taken_away(store: SqliteStore) -> None:
    """Have an application read the file as if it were any file, where locks do not outlast that; then another one comes."""
    store._open.connection._handle.release()
    store.path.read_bytes()
    visit(store.path)
    assert log_of(store.path) is None


DROPPING: Final[dict[str, Callable[[Path], object]]] = {
    "read": lambda path: path.read_bytes(),
    "copied": lambda path: shutil.copy(path, path.with_name("bare copy")),
    "through a hard link": lambda path: _linked(path).read_bytes(),
    "through a symbolic link": lambda path: _symlinked(path).read_bytes(),
}


def _linked(path: Path) -> Path:
    link = path.with_name("link")
    link.hardlink_to(path)
    return link


def _symlinked(path: Path) -> Path:
    link = path.with_name("symlink")
    link.symlink_to(path)
    return link


@pytest.mark.parametrize("lasting", [True, False], ids=["as on Linux", "as elsewhere"])
@pytest.mark.parametrize("drop", DROPPING.values(), ids=DROPPING)
def test_an_application_that_drops_locks_does_no_harm(
    amy: Crm,
    store: SqliteStore,
    path: Path,
    drop: Callable[[Path], object],
    lasting: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who comes and goes leaves the log where it is: at once, or from the next command on."""
    before = log_of(path)
    with monkeypatch.context() as patched:
        if not lasting:
            store._open.connection._handle.release()
            patched.setattr(handle, "_LASTING", False)
        drop(path)
        if not lasting:
            amy.as_user(AMY).create_job_request()
        visit(path)
        assert log_of(path) == before
        amy.as_user(AMY).create_job_request()
    store.close()
    assert jobs_in(path) == 1 + (not lasting)


def test_a_log_that_is_gone_is_noticed_before_anything_is_written_or_read(
    amy: Crm, store: SqliteStore, path: Path
) -> None:
    """What was acknowledged before is in the file; the store goes on with nothing."""
    amy.as_user(AMY).create_job_request()
    taken_away(store)
    for attempt in (
        amy.as_user(AMY).create_job_request,
        lambda: amy.as_service().count("crm_job_requests"),
        lambda: len(amy.journal),
    ):
        with pytest.raises(StoreError, match=GONE):
            attempt()
    store.close()
    assert jobs_in(path) == 1


def test_a_read_alone_notices_it(amy: Crm, store: SqliteStore) -> None:
    taken_away(store)
    with pytest.raises(StoreError, match=GONE):
        amy.as_service().count("crm_job_requests")


def test_a_log_that_goes_between_begin_and_commit_is_noticed_before_the_answer(
    amy: Crm, store: SqliteStore, path: Path
) -> None:
    """The commit went to a file without a name, so that it is not acknowledged."""
    amy.as_user(AMY).create_job_request()

    def batch() -> None:
        with amy.batch():
            amy.as_user(AMY).create_job_request()
            taken_away(store)

    with pytest.raises(StoreError, match=GONE):
        batch()
    with pytest.raises(StoreError, match=GONE):
        amy.as_user(AMY).create_job_request()
    store.close()
    assert jobs_in(path) == 1


def test_a_log_that_is_about_to_go_is_noticed_too(
    amy: Crm, store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the file as the last one does, and has not deleted the log yet."""
    closing = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+b')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX, 510, 0x40000002)\n"
        "print('held', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    store._open.connection._handle.release()
    path.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", closing, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match=GONE):
            amy.as_user(AMY).create_job_request()
        monkeypatch.setattr(handle, "_END_SECONDS", 0.01)
        with pytest.raises(StoreBusy, match="another process holds it; try again"):
            stored_rules(path, busy_timeout_seconds=0)
        other.communicate("go\n")


def test_the_end_of_a_store_without_its_log_harms_no_other_log(amy: Crm, store: SqliteStore, path: Path) -> None:
    """It deletes nothing by name: the log of that name is another process's, which was killed."""
    amy.as_user(AMY).create_job_request()
    taken_away(store)
    other = (
        "import os, sys\n"
        "from crm_adapters.sqlite import SqliteStore\n"
        "from crm_domain import Crm\n"
        "Crm(SqliteStore(sys.argv[1])).as_user(sys.argv[2]).create_job_request()\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", other, path, AMY], check=True)
    left = log_of(path)
    assert left is not None
    store.close()
    assert log_of(path) == left
    assert jobs_in(path) == 2


def test_a_file_is_not_opened_again_before_the_store_without_its_log_is_closed(
    amy: Crm, store: SqliteStore, path: Path
) -> None:
    """SQLite would have the new one share the index of the log that is gone."""
    taken_away(store)
    with pytest.raises(StoreError, match="another store of this process lost the file or its log"):
        Crm(SqliteStore(path))
    store.close()
    with SqliteStore(path) as anew:
        Crm(anew).as_user(AMY).create_job_request()
    assert jobs_in(path) == 1


def test_a_file_is_not_opened_under_two_names(amy: Crm, path: Path) -> None:
    """Each name would have a log of its own."""
    link = _linked(path)
    with pytest.raises(StoreError, match=r"is open in this process as .*crm.db, and two names would give it two logs"):
        stored_rules(link)
    assert not Path(f"{link}-wal").exists()
    amy.as_user(AMY).create_job_request()


def test_a_store_that_no_one_closed_ends_as_a_closed_one(path: Path) -> None:
    crm = Crm(SqliteStore(path))
    crm.as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
    del crm
    import gc  # noqa: PLC0415

    gc.collect()
    assert log_of(path) is None
    assert jobs_in(path) == 0


def test_who_closes_while_another_writes_leaves_the_log(
    amy: Crm, store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where locks do not last, it may believe to be the last one although the writer is there."""
    writing = FileLock(path, 0)
    with SqliteStore(path, busy_timeout_seconds=0) as other:
        Crm(other)
        store.close()
        writing.acquire()
        monkeypatch.setattr(handle, "_LASTING", False)
    monkeypatch.undo()
    assert log_of(path) is not None
    writing.close()
    assert jobs_in(path) == 0


def test_where_no_lock_can_be_made_a_store_is_closed_all_the_same(amy: Crm, store: SqliteStore, path: Path) -> None:
    """No other one can be writing there either."""
    store.close()
    Path(f"{path}-lock").unlink()
    Path(f"{path}-lock").mkdir()
    with SqliteStore(path) as reading:
        Crm(reading).as_service().count("crm_users")
    assert log_of(path) is None


def test_without_a_look_at_descriptors_the_names_are_looked_at(
    amy: Crm, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a system does not show them."""

    def hidden(_: str) -> list[str]:
        raise OSError

    monkeypatch.setattr(os, "listdir", hidden)
    amy.as_user(AMY).create_job_request()
    taken_away(store)
    store._open.connection._handle._descriptor = -1
    with pytest.raises(StoreError, match=GONE):
        amy.as_user(AMY).create_job_request()
    monkeypatch.undo()


def test_the_last_of_two_stores_of_a_process_brings_the_log_into_the_file(tmp_path: Path) -> None:
    """Looks at the file while it was open leave no lock behind, under which no one is the last."""
    path = tmp_path / "crm.db"
    with SqliteStore(path) as one, SqliteStore(path) as other:
        for number, store in enumerate((one, other)):
            Crm(store).as_service().sync_crm_user(email=f"user-{number}@x.test")
        assert stored_rules(path) == HARDENED
    assert not path.with_name("crm.db-wal").exists()
