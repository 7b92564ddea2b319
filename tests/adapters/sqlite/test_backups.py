"""A copy is made while others write, and takes the place of a file; at every moment there is one that is whole."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crm_adapters.sqlite import SqliteStore, StoreBusy, StoreError, backups
from crm_adapters.sqlite.backups import back_up, restore
from crm_adapters.sqlite.connection import Connection
from crm_adapters.sqlite.locking import FileLock
from crm_adapters.sqlite.verification import Verification
from crm_domain import HARDENED, SEED, Crm, Rules
from crm_domain.clocks import label_uuid

AMY = label_uuid("amy")


def made(path: Path, *, jobs: int = 0, rules: Rules = HARDENED) -> Path:
    """Make a file with Amy and so many job requests of hers in it."""
    with SqliteStore(path) as store:
        crm = Crm(store, rules=rules)
        crm.as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
        apply(crm, jobs)
    return path


def apply(crm: Crm, jobs: int) -> None:
    """Store so many job requests of Amy's."""
    with crm.batch():
        for _ in range(jobs):
            crm.as_user(AMY).create_job_request(job_description="d" * 500)


def jobs_in(path: Path) -> int:
    """Return how many job requests a file holds, having seen that it is sound."""
    assert list(Verification(path).problems()) == []
    with SqliteStore(path) as store:
        return Crm(store).as_service().count("crm_job_requests")


def names(folder: Path) -> set[str]:
    """Return what is in a folder, but for locks, which are empty."""
    return {file.name for file in folder.iterdir() if not file.name.endswith("-lock")}


def nothing_changed(folder: Path, attempt: Callable[[], object]) -> str:
    """Return why an attempt is refused, having seen that nothing in a folder changed."""
    before = {name: (folder / name).read_bytes() for name in names(folder) if (folder / name).is_file()}
    with pytest.raises(StoreError) as caught:
        attempt()
    assert {name: (folder / name).read_bytes() for name in names(folder) if (folder / name).is_file()} == before
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.fixture
def target(path: Path) -> Path:
    """Where a copy may be; there is none yet."""
    return path.with_name("backup.db")


# --- a copy -----------------------------------------------------------------------------------


def test_a_copy_holds_what_the_file_holds(path: Path, target: Path) -> None:
    assert back_up(made(path, jobs=3), target) == target
    assert jobs_in(target) == 3


def test_a_copy_stands_alone_and_can_be_read_where_nobody_may_write(path: Path, target: Path) -> None:
    """It has no log, and needs none to be read."""
    back_up(made(path), target)
    assert names(path.parent) == {"crm.db", "backup.db"}
    with closing(sqlite3.connect(target)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_copy_has_what_is_in_the_log_alone(path: Path, target: Path) -> None:
    made(path)
    with SqliteStore(path) as store:
        apply(Crm(store), 2)
        back_up(path, target)
    assert jobs_in(target) == 2


def test_a_copy_may_be_read_by_those_who_may_read_the_file(path: Path, target: Path) -> None:
    made(path).chmod(0o640)
    back_up(path, target)
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_copy_is_one_moment_and_comes_to_an_end_although_somebody_writes_at_every_step(
    path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither does the copy start anew, nor does a writer wait; what is written meanwhile is not in it."""
    monkeypatch.setattr(backups, "_PAGES_PER_STEP", 4)
    steps = []
    with SqliteStore(made(path, jobs=50), busy_timeout_seconds=0) as store:
        crm = Crm(store)

        def write(what: str, done: int, total: int) -> None:
            steps.append((what, done, total))
            crm.as_user(AMY).create_job_request()

        back_up(path, target, progress=write)
        assert crm.as_service().count("crm_job_requests") == 50 + len(steps)
    (last,) = {(what, total) for what, _, total in steps}
    assert last[0] == "copy"
    assert [done for _, done, _ in steps] == [*range(4, last[1], 4), last[1]]
    assert jobs_in(target) == 50


def test_copies_are_sound_while_many_write(path: Path, target: Path) -> None:
    made(path)
    stop = threading.Event()

    def write() -> None:
        with SqliteStore(path, synchronous="NORMAL") as store:
            crm = Crm(store)
            while not stop.wait(0.002):
                apply(crm, 3)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        found = [jobs_in(back_up(path, target, force=True)) for _ in range(3)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert found == sorted(found)
    assert {jobs % 3 for jobs in found} == {0}


def test_a_file_is_replaced_by_force_alone(path: Path, target: Path) -> None:
    target.write_bytes(b"precious")
    made(path)
    reason = nothing_changed(path.parent, lambda: back_up(path, target))
    assert reason == "exists already: choose another name, or use force to replace it"
    back_up(path, target, force=True)
    assert jobs_in(target) == 0


def test_a_name_that_somebody_took_meanwhile_is_left_to_them(path: Path, target: Path) -> None:
    made(path)
    with pytest.raises(StoreError, match="exists already: somebody made it meanwhile"):
        back_up(path, target, progress=lambda *_: target.write_bytes(b"theirs"))
    assert target.read_bytes() == b"theirs"
    assert names(path.parent) == {"crm.db", "backup.db"}


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the file system refuse links, as those of memory sticks do."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


def test_a_copy_appears_where_the_file_system_has_no_links(
    path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch)
    back_up(made(path), target)
    assert jobs_in(target) == 0


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", "-lock"])
def test_a_copy_does_not_take_the_place_of_its_file(path: Path, suffix: str) -> None:
    made(path)
    reason = nothing_changed(path.parent, lambda: back_up(path, f"{path}{suffix}", force=True))
    assert reason == "belongs to the very file that is to be copied: choose another name"


def test_a_copy_does_not_take_the_place_of_a_directory(path: Path, target: Path) -> None:
    made(path)
    target.mkdir()
    assert nothing_changed(path.parent, lambda: back_up(path, target, force=True)) == "is a folder: name a file"


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_no_copy_appears_beside_the_log_of_another_file(path: Path, target: Path, suffix: str) -> None:
    made(path)
    Path(f"{target}{suffix}").touch()
    reason = nothing_changed(path.parent, lambda: back_up(path, target))
    assert reason == f"backup.db{suffix} is beside it, which SQLite would take for the copy's: move that away"


def test_a_copy_to_a_folder_that_is_not_there_is_refused(path: Path) -> None:
    made(path)
    reason = nothing_changed(path.parent, lambda: back_up(path, path.parent / "nowhere" / "backup.db"))
    assert reason == "cannot be written: No such file or directory"


def test_a_missing_file_is_not_copied(path: Path, target: Path) -> None:
    assert nothing_changed(path.parent, lambda: back_up(path, target)) == "there is no such file, or nothing in it"


def altered(path: Path, statement: str) -> Path:
    """Run SQL behind the library's back, whatever the tables forbid."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        raw.execute(statement)
    return path


def damaged(path: Path) -> Path:
    """Overwrite all pages of a file but the first."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    return path


def test_a_damaged_file_is_not_copied(path: Path, target: Path) -> None:
    """What SQLite finds wrong with the copy is told of the file, and there is no copy."""
    altered(made(path), "UPDATE profiles SET credits_remaining = -7")
    reason = nothing_changed(path.parent, lambda: back_up(path, target))
    assert reason == "is damaged, and so would be a copy of it: CHECK constraint failed in profiles"
    damaged(path)
    reason = nothing_changed(path.parent, lambda: back_up(path, target))
    assert reason == f"cannot be copied to {path.parent}: database disk image is malformed"


@pytest.mark.parametrize("function", [back_up, restore])
def test_a_full_disk_leaves_no_half_copy(
    path: Path, target: Path, function: Any, in_a_child: Callable[[Callable[[], list[str]]], list[str]]
) -> None:
    made(path, jobs=200)

    def limited() -> list[str]:
        import resource  # noqa: PLC0415 - there is none on Windows

        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        return [nothing_changed(path.parent, lambda: function(path, target))]

    (reason,) = in_a_child(limited)
    assert reason == f"cannot be copied to {path.parent}: disk I/O error"


# --- its place --------------------------------------------------------------------------------


@pytest.fixture
def backup(path: Path, target: Path) -> Path:
    """A copy with two job requests, of a file that has five by now."""
    back_up(made(path, jobs=2), target)
    with SqliteStore(path) as store:
        apply(Crm(store), 3)
    return target


def test_a_copy_takes_the_place_of_the_file_which_is_kept(path: Path, backup: Path) -> None:
    path.chmod(0o600)
    before = backup.read_bytes()
    restored = restore(backup, path)
    assert (restored.rules, restored.events) == (HARDENED, 7)
    assert restored.kept == Path(f"{path}.before-restore")
    assert (jobs_in(path), jobs_in(restored.kept)) == (2, 5)
    assert path.stat().st_mode & 0o777 == 0o600
    assert backup.read_bytes() == before


def test_a_former_file_never_takes_the_place_of_an_earlier_one(path: Path, backup: Path) -> None:
    kept = [restore(backup, path).kept for _ in range(3)]
    assert kept == [Path(f"{path}.before-restore{n}") for n in ("", "-2", "-3")]
    assert [jobs_in(file) for file in kept if file] == [5, 2, 2]


def test_a_former_file_is_not_kept_against_ones_will(path: Path, backup: Path) -> None:
    assert restore(backup, path, keep=False).kept is None
    assert names(path.parent) == {"crm.db", "backup.db"}
    assert jobs_in(path) == 2


def test_a_former_file_is_kept_where_the_file_system_has_no_links(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch)
    restored = restore(backup, path)
    assert restored.kept is not None
    assert (jobs_in(path), jobs_in(restored.kept)) == (2, 5)


def test_a_missing_file_is_restored(path: Path, backup: Path) -> None:
    backup.chmod(0o640)
    path.unlink()
    assert restore(backup, path).kept is None
    assert jobs_in(path) == 2
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_under_other_rules_may_be_restored(path: Path, backup: Path) -> None:
    """The rules are those of the copy, and they are told."""
    seeded = made(path.with_name("seeded.db"), rules=SEED)
    assert restore(seeded, path).rules == SEED


def crashed(path: Path, jobs: int) -> Path:
    """Leave a file as a process leaves it that was killed: what it did last is in the log alone."""
    elsewhere = path.with_name("elsewhere.db")
    made(elsewhere)
    with SqliteStore(elsewhere) as store:
        apply(Crm(store), jobs)
        for suffix in ("", "-wal"):
            shutil.copy(f"{elsewhere}{suffix}", f"{path}{suffix}")
    elsewhere.unlink()
    return path


def test_the_log_of_the_former_file_goes_with_it(path: Path, target: Path) -> None:
    """SQLite would bring it into the new file. What it holds is in the former file that is kept."""
    back_up(made(path, jobs=2), target)
    crashed(path, jobs=4)
    assert Path(f"{path}-wal").stat().st_size > 0
    restored = restore(target, path)
    assert restored.kept is not None
    assert not Path(f"{path}-wal").exists()
    assert (jobs_in(path), jobs_in(restored.kept)) == (2, 4)


def test_the_log_of_a_copy_is_part_of_it(path: Path, target: Path) -> None:
    """A copy that somebody wrote to, and whose log was not brought in, is restored with what the log holds."""
    made(path)
    restore(crashed(target, jobs=4), path)
    assert jobs_in(path) == 4


def test_the_log_of_a_file_that_is_gone_is_put_aside(path: Path, backup: Path) -> None:
    path.unlink()
    log = Path(f"{path}-wal")
    log.write_bytes(b"left over")
    assert restore(backup, path).kept == Path(f"{path}.before-restore-wal")
    assert Path(f"{path}.before-restore-wal").read_bytes() == b"left over"
    assert jobs_in(path) == 2


def test_a_damaged_file_is_put_aside_with_its_log(path: Path, target: Path) -> None:
    back_up(made(path, jobs=2), target)
    damaged(crashed(path, jobs=4))
    os.truncate(path, 5000)
    restored = restore(target, path)
    assert restored.kept == Path(f"{path}.before-restore")
    assert restored.kept.stat().st_size == 5000
    assert jobs_in(path) == 2


def test_who_has_the_former_file_open_is_refused(path: Path, backup: Path) -> None:
    """Readers and writers are told to open it anew; what they do at their end harms the new file in no way."""
    with SqliteStore(path) as writing, SqliteStore(path) as reading:
        writer, reader = Crm(writing), Crm(reading)
        apply(writer, 1)
        restore(backup, path)
        for attempt in (lambda: apply(writer, 1), lambda: reader.as_service().count("crm_job_requests")):
            with pytest.raises(StoreError, match="was moved, deleted or replaced while it was open: open it anew"):
                attempt()
        with SqliteStore(path) as anew:
            apply(Crm(anew), 5)
            writing.close()
            reading.close()
            apply(Crm(SqliteStore(path)), 1)
    assert jobs_in(path) == 8
    assert jobs_in(Path(f"{path}.before-restore")) == 6


def test_a_writer_that_waits_for_its_turn_does_not_write_to_the_former_file(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was replaced between the question whether it is still there and the turn."""
    with SqliteStore(path) as store:
        crm = Crm(store)
        acquire = FileLock.acquire

        def restored_meanwhile(self: FileLock) -> None:
            monkeypatch.setattr(FileLock, "acquire", acquire)
            restore(backup, path)
            acquire(self)

        monkeypatch.setattr(FileLock, "acquire", restored_meanwhile)
        with pytest.raises(StoreError, match="was moved, deleted or replaced"):
            crm.as_user(AMY).create_job_request()
    assert jobs_in(Path(f"{path}.before-restore")) == 5


def test_a_file_that_is_replaced_while_it_is_opened_is_refused(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the former file would be read with the new one's log."""
    use_wal = Connection._use_wal

    def restored_meanwhile(self: Connection) -> None:
        monkeypatch.setattr(Connection, "_use_wal", use_wal)
        restore(backup, path)
        use_wal(self)

    monkeypatch.setattr(Connection, "_use_wal", restored_meanwhile)
    with pytest.raises(StoreError, match="was moved, deleted or replaced"):
        Crm(SqliteStore(path))
    assert jobs_in(path) == 2


def test_writers_and_readers_are_waited_for(path: Path, backup: Path) -> None:
    """As long as somebody writes, or reads what the log has not brought into the file yet, nothing is replaced."""
    turns = FileLock(path, 0)
    turns.acquire()
    with SqliteStore(path) as store:
        Crm(store)
        assert nothing_changed(path.parent, lambda: restore(backup, path, busy_timeout_seconds=0)).startswith(
            "another process"
        )
        turns.close()
    with SqliteStore(path) as reading, SqliteStore(path) as writing:
        Crm(reading)
        with reading.reading():
            apply(Crm(writing), 1)
            with pytest.raises(StoreBusy, match="another process has been reading it for 0 seconds; try again"):
                restore(backup, path, busy_timeout_seconds=0)
    assert jobs_in(path) == 6
    restore(backup, path)
    assert jobs_in(path) == 2


def test_an_interrupt_leaves_the_former_file_or_the_new_one(
    path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the former log was taken away, the new file comes: nobody is left with the one without the other."""
    unlink = Path.unlink

    def interrupted(self: Path, *, missing_ok: bool = False) -> None:
        if self.name == "crm.db-shm":
            raise KeyboardInterrupt
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        restore(backup, path)
    monkeypatch.undo()
    assert (jobs_in(path), jobs_in(Path(f"{path}.before-restore"))) == (2, 5)


UNSOUND = {
    "rows": ("UPDATE profiles SET credits_remaining = 77", "rows: profiles "),
    "schema": ("DROP INDEX payments_ref_key", "schema: index payments_ref_key: is missing"),
    "references": ("DELETE FROM auth_users", "references: "),
    "journal": ("DELETE FROM journal WHERE position = 2", "journal: position 2 is missing; there is more"),
    "laws": (
        """UPDATE store_metadata SET value = replace(value, '"initial_credits": 4', '"initial_credits": 5')""",
        "laws: balance_equals_granted_minus_consumed: ",
    ),
}


@pytest.mark.parametrize(("statement", "problem"), UNSOUND.values(), ids=UNSOUND)
def test_a_copy_that_is_not_sound_replaces_nothing(path: Path, backup: Path, statement: str, problem: str) -> None:
    altered(backup, statement)
    reason = nothing_changed(path.parent, lambda: restore(backup, path))
    assert reason.startswith("is not sound, so nothing was restored: ")
    assert problem in reason


def test_a_damaged_copy_replaces_nothing(path: Path, backup: Path) -> None:
    altered(backup, "UPDATE profiles SET credits_remaining = -7")
    assert nothing_changed(path.parent, lambda: restore(backup, path)).startswith("is damaged, and so would be a copy")


def test_a_file_is_not_restored_from_itself(path: Path, backup: Path) -> None:
    reason = nothing_changed(path.parent, lambda: restore(path, path))
    assert reason == "is the very file that is to be restored: name a backup of it"


def test_what_is_not_ours_is_neither_restored_nor_replaced(path: Path, backup: Path) -> None:
    notes = path.with_name("notes.txt")
    notes.write_bytes(b"not a database" * 100)
    assert nothing_changed(path.parent, lambda: restore(notes, path)) == "is not a SQLite database"
    assert nothing_changed(path.parent, lambda: restore(backup, notes)) == "is not a SQLite database"
