"""Whatever is wrong with a file: every command ends with one line that names it, exit code 2, and nothing half done."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crm_adapters.sqlite.locking import FileLock
from crm_adapters.sqlite.schema import VERSION

Prepare = Callable[[Path], None]

READING = {
    "dashboard": ["dashboard", "amy@x.test"],
    "user": ["user", "amy@x.test"],
    "users": ["users"],
    "needs-credits": ["needs-credits"],
    "history": ["history", "amy@x.test"],
    "stats": ["stats"],
    "verify": ["verify"],
    "backup": ["backup", "COPY"],
}
"""Commands that read a file; COPY is where there is nothing yet."""

WRITING = {
    "run": ["run", "LOG"],
    "run --batch": ["run", "LOG", "--batch", "100"],
    "run of other rules": ["run", "LOG", "--rules", "hardened"],
    "rebuild": ["rebuild"],
    "restore": ["restore", "BACKUP"],
}
"""Commands that write a file; LOG has a line that is accepted, BACKUP is a sound copy."""

MAKING = {"init": ["init"]}
"""Commands that make a file."""

ALL = READING | WRITING | MAKING


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of its own for the file."""
    path = tmp_path / "folder"
    path.mkdir()
    return path


@pytest.fixture
def db(folder: Path) -> Path:
    """Where the file is to be."""
    return folder / "crm.db"


@pytest.fixture
def asked(call: Any, tmp_path: Path, db: Path, amy_comes: bytes) -> Callable[[list[str]], str]:
    """Call a command with the file; return what it said, having seen that nothing happened but that."""
    log, backup, copy = tmp_path / "log.jsonl", tmp_path / "backup.db", tmp_path / "copy.db"
    log.write_bytes(amy_comes)
    call("run", log, "--db", backup)
    places = {"LOG": log, "BACKUP": backup, "COPY": copy}

    def ask(arguments: list[str]) -> str:
        before = contents(db.parent)
        timeout = ["--timeout", "0"] if arguments[0] not in READING or arguments[0] in {"verify", "backup"} else []
        called = call(*(places.get(argument, argument) for argument in arguments), "--db", db, *timeout)
        assert (called.exit_code, called.stdout) == (2, "")
        assert contents(db.parent) == before
        assert not copy.exists()
        assert called.stderr.count("\n") == 1
        return str(called.stderr)

    return ask


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return what is in a folder, but for the lock's file, which is empty, and the memory that readers share."""
    return {
        file.name: file.read_bytes() if file.is_file() and os.access(file, os.R_OK) else None
        for file in folder.iterdir()
        if not file.name.endswith(("-lock", "-shm"))
    }


def altered(path: Path, *statements: str) -> None:
    """Run SQL behind the library's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        for statement in statements:
            raw.execute(statement)


@pytest.fixture
def sound(call: Any, db: Path, amy_comes: bytes) -> Path:
    """A sound file, in which Amy is a CRM user."""
    call("run", "--db", db, stdin=amy_comes)
    return db


def not_a_database(path: Path) -> None:
    path.write_bytes(b"Dear diary" * 100)


def a_directory(path: Path) -> None:
    path.mkdir()


def another_applications(path: Path) -> None:
    altered(path, "CREATE TABLE t (x)", "PRAGMA application_id = 7")


def a_newer_version(path: Path) -> None:
    altered(path, "CREATE TABLE t (x)", "PRAGMA application_id = 0x43524D44", f"PRAGMA user_version = {VERSION + 1}")


STRANGERS = {
    not_a_database: "is not a SQLite database",
    a_directory: "is a folder: name a file",
    another_applications: "is a database of another application (application_id 0x00000007)",
    a_newer_version: f"has schema version {VERSION + 1}, and this library reads up to {VERSION}: upgrade it",
}
"""What may be there instead of a file of ours, and what is said of it."""


@pytest.mark.parametrize(("stranger", "reason"), STRANGERS.items(), ids=lambda x: getattr(x, "__name__", ""))
@pytest.mark.parametrize("arguments", ALL.values(), ids=ALL)
def test_what_is_not_ours(
    arguments: list[str], stranger: Prepare, reason: str, asked: Callable[[list[str]], str], db: Path
) -> None:
    stranger(db)
    assert asked(arguments) == f"Error: {db}: {reason}\n"


@pytest.mark.parametrize("arguments", (READING | {"rebuild": ["rebuild"]}).values(), ids=[*READING, "rebuild"])
@pytest.mark.parametrize("empty", [False, True], ids=["missing", "empty"])
def test_a_missing_file(arguments: list[str], empty: bool, asked: Callable[[list[str]], str], db: Path) -> None:  # noqa: FBT001
    """Only those commands make one that are asked to keep a state."""
    if empty:
        db.touch()
    assert asked(arguments) == f"Error: {db}: there is no such file, or nothing in it\n"


@pytest.mark.parametrize("arguments", (WRITING | MAKING).values(), ids=[*WRITING, *MAKING])
def test_a_missing_folder(arguments: list[str], call: Any, tmp_path: Path, asked: Callable[[list[str]], str]) -> None:
    """No folder is made."""
    db = tmp_path / "nowhere" / "crm.db"
    places = {"LOG": tmp_path / "log.jsonl", "BACKUP": tmp_path / "backup.db"}
    called = call(*(places.get(argument, argument) for argument in arguments), "--db", db)
    assert (called.exit_code, called.stdout, called.stderr.count("\n")) == (2, "", 1)
    assert called.stderr.startswith(f"Error: {db}: ")
    assert not db.parent.exists()


@pytest.mark.parametrize("arguments", WRITING.values(), ids=WRITING)
def test_a_file_that_somebody_else_is_writing(
    arguments: list[str], asked: Callable[[list[str]], str], sound: Path
) -> None:
    """After its timeout a command gives up."""
    turns = FileLock(sound, 0)
    turns.acquire()
    assert asked(arguments) == f"Error: {sound}: another process has been writing for 0 seconds; try again\n"
    turns.close()


def test_a_file_that_somebody_else_is_making(asked: Callable[[list[str]], str], db: Path) -> None:
    turns = FileLock(db, 0)
    turns.acquire()
    assert asked(["init"]) == f"Error: {db}: another process has been writing for 0 seconds; try again\n"
    turns.close()


def pages(content: bytes) -> bytes:
    return content[:4096] + b"\xff" * (len(content) - 4096)


def words(content: bytes) -> bytes:
    """Damage the text of a table, so that SQLite's own message holds what is no UTF-8."""
    return content.replace(b"CREATE TABLE", b"CREATE \xffABLE")


@pytest.mark.parametrize("damaged", [pages, words])
@pytest.mark.parametrize("arguments", ALL.values(), ids=ALL)
def test_a_damaged_file(
    arguments: list[str], damaged: Callable[[bytes], bytes], call: Any, tmp_path: Path, asked: Any, sound: Path
) -> None:
    """Where its tables cannot be read: a line that names it, never a traceback; verify tells more, restore mends it."""
    sound.write_bytes(damaged(sound.read_bytes()))
    if arguments[0] == "restore":
        assert call("restore", tmp_path / "backup.db", "--db", sound).exit_code == 0
        assert call("verify", "--db", sound).exit_code == 0
    elif arguments[0] == "verify":
        assert call("verify", "--db", sound).exit_code == 1
    else:
        assert asked(arguments).startswith(f"Error: {sound}: ")


# --- what permissions and disks refuse ----------------------------------------------------------


def as_nobody() -> None:
    """Be somebody who is not root, whom permissions bind."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


@pytest.fixture
def in_a_child_asked(in_a_child: Any, asked: Any, tmp_path: Path) -> Callable[[Callable[[], None], list[str]], str]:
    """Call a command in a process of its own, after something was done to it; return what the command said."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o755)
        if parent.name.startswith("pytest-of-"):
            break

    def work(prepare: Callable[[], None], arguments: list[str]) -> list[str]:
        try:
            prepare()
            return [asked(arguments)]
        except BaseException as error:  # noqa: BLE001 - the parent is to see it
            return [repr(error)]

    return lambda prepare, arguments: "\n".join(in_a_child(lambda: work(prepare, arguments)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("arguments", [*WRITING.values(), *MAKING.values()], ids=[*WRITING, *MAKING])
def test_a_read_only_folder(arguments: list[str], in_a_child_asked: Any, call: Any, db: Path, amy_comes: bytes) -> None:
    if arguments[0] != "init":
        call("run", "--db", db, stdin=amy_comes)
        Path(f"{db}-lock").unlink()
    db.parent.chmod(0o555)
    said = in_a_child_asked(as_nobody, arguments)
    db.parent.chmod(0o755)
    assert said.startswith(f"Error: {db}: ")
    assert "read-only" in said or "Permission denied" in said or "readonly" in said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("arguments", ALL.values(), ids=ALL)
def test_a_file_that_may_not_be_read(arguments: list[str], in_a_child_asked: Any, sound: Path) -> None:
    sound.parent.chmod(0o777)
    sound.chmod(0o000)

    assert in_a_child_asked(as_nobody, arguments) == f"Error: {sound}: cannot be read: Permission denied"


def limited() -> None:
    """Have no file grow beyond 400 kB, which SQLite meets as an error of the disk."""
    import resource  # noqa: PLC0415 - there is none on Windows

    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("arguments", [["run", "MANY"], ["run", "MANY", "--batch", "1000"]], ids=["run", "run --batch"])
def test_a_full_disk_keeps_what_was_printed(
    arguments: list[str], call: Any, in_a_child: Any, db: Path, tmp_path: Path, write: Any
) -> None:
    """What a run printed is in the file; what met the error may be, as a whole."""
    many = tmp_path / "many.jsonl"
    many.write_bytes(
        b"".join(write("service", "register_user", user=f"u{n}", email=f"u{n}@x.test") for n in range(3000))
    )
    call("init", "--db", db)

    def work() -> list[str]:
        limited()
        called = call("run", many, "--db", db, *arguments[2:])
        return [str(called.exit_code), str(len(called.objects)), called.stderr.strip()]

    exit_code, printed, said = in_a_child(work)
    assert (exit_code, said.startswith(f"Error: {db}: ")) == ("2", True)
    kept = call("verify", "--db", db, "--json").objects[0]
    assert kept["problems"] == []
    batch = int(arguments[3]) if arguments[2:] else 1
    assert kept["events"] // 2 - int(printed) in {0, batch}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(
    "arguments", [["init"], ["backup", "COPY"], ["restore", "BACKUP"]], ids=lambda arguments: arguments[0]
)
def test_a_full_disk_leaves_nothing_half_made(
    arguments: list[str], in_a_child_asked: Any, call: Any, tmp_path: Path, db: Path
) -> None:
    if arguments[0] != "init":
        shutil.copy(tmp_path / "backup.db", db)

    def prepare() -> None:
        import resource  # noqa: PLC0415 - there is none on Windows

        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))

    assert in_a_child_asked(prepare, arguments).startswith("Error: /")
