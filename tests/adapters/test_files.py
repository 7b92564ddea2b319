"""Nothing but a regular file is ever written over, by whatever command; a link to one stays a link."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from crm_adapters.cli.app import cli
from crm_adapters.files import NotAFile, write_new, write_over
from crm_adapters.sqlite import SqliteStore, StoreError, save_as, stored_rules
from crm_adapters.sqlite.backups import back_up, restore
from crm_domain import Crm

Call = Callable[..., Any]

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a database, a copy of it, a log, and a table of payments."""
    monkeypatch.chdir(tmp_path)
    with SqliteStore("crm.db") as store:
        Crm(store).as_service().sync_crm_user(email="amy@example.com")
    back_up("crm.db", "copy.db")
    Path("log.jsonl").write_bytes(b"")
    Path("paid.csv").write_text("user,time\na,2026-01-01\na,2026-01-05\nb,2026-01-02\n", encoding="utf-8")
    return tmp_path


def names(folder: Path) -> set[str]:
    """Return what is in a folder, but for locks, which are empty."""
    return {path.name for path in folder.iterdir() if not path.name.endswith("-lock")}


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call ``crm-domain`` with these arguments."""
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *args: CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="crm-domain")


def _socket(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    return made


def _device(path: Path) -> None:
    """Make what /dev/null is, under a name that no one needs."""
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))


def _link_to_a_fifo(path: Path) -> None:
    os.mkfifo("fifo")
    path.symlink_to("fifo")


SPECIAL: Final[dict[str, tuple[Callable[[Path], Any], str]]] = {
    "folder": (Path.mkdir, "a folder"),
    "FIFO": (os.mkfifo, "a FIFO"),
    "link": (_link_to_a_fifo, "a FIFO"),
    "socket": (_socket, "a socket"),
}
"""How to make what is no file, and what it is called."""

if hasattr(os, "getuid") and os.getuid() == 0:  # pragma: no branch - no one else may make a device
    SPECIAL["device"] = (_device, "a device")


@pytest.fixture(params=SPECIAL)
def special(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[Path, str]]:
    """Something that is no file, and what it is called; it must be there afterwards, as it was."""
    make, kind = SPECIAL[request.param]
    path = folder / "special.png"
    with ExitStack() as stack:
        made = make(path)
        if made is not None:
            stack.enter_context(made)
        before = path.lstat()
        yield path, kind
        after = path.lstat()
    assert (after.st_mode, after.st_ino, after.st_rdev) == (before.st_mode, before.st_ino, before.st_rdev)


WRITING: Final = {
    "init": ("init", "--db", "X"),
    "run": ("run", "log.jsonl", "--db", "X"),
    "run under rules": ("run", "log.jsonl", "--db", "X", "--rules", "hardened"),
    "rebuild": ("rebuild", "--db", "X"),
    "restore": ("restore", "copy.db", "--db", "X"),
    "restore, keeping nothing": ("restore", "copy.db", "--db", "X", "--no-keep"),
    "restore from": ("restore", "X", "--db", "crm.db"),
    "backup": ("backup", "X", "--db", "crm.db"),
    "backup --force": ("backup", "X", "--db", "crm.db", "--force"),
    "backup of": ("backup", "new.db", "--db", "X"),
    "verify": ("verify", "--db", "X"),
    "stats": ("stats", "--db", "X"),
    "users": ("users", "--db", "X"),
    "sample": ("sample", "--out", "X"),
    "fit": ("fit", "paid.csv", "--out", "X"),
    "simulate --db": ("simulate", "--users", "2", "--days", "2", "--db", "X"),
    "simulate --plot": ("simulate", "--users", "2", "--days", "2", "--plot", "X"),
}
"""Every command that is given the name of a file that it may write or read; X is the name."""


@pytest.mark.parametrize("arguments", WRITING.values(), ids=WRITING)
def test_what_is_no_file_is_refused_by_name_and_stays(
    arguments: tuple[str, ...], special: tuple[Path, str], call: Call, folder: Path
) -> None:
    path, kind = special
    before = names(folder)
    called = call(*(str(path) if argument == "X" else argument for argument in arguments))
    assert called.exit_code == 2
    assert f": is {kind}" in called.stderr
    assert str(path) in called.stderr or os.path.realpath(path) in called.stderr
    assert names(folder) == before


def test_the_files_of_migrations_too(folder: Path, call: Call) -> None:
    os.mkfifo("add_crm_separate_tables.sql")
    called = call("migrations", "--out", folder)
    assert (called.exit_code, "add_crm_separate_tables.sql: is a FIFO" in called.stderr) == (2, True)
    assert not (folder / "add_digital_resume_crm_table.sql").exists()


def test_functions_refuse_it_too(special: tuple[Path, str]) -> None:
    path, kind = special
    for attempt in (
        lambda: Crm(SqliteStore(path)),
        lambda: stored_rules(path),
        lambda: back_up("crm.db", path, force=True),
        lambda: restore("copy.db", path),
        lambda: save_as(Crm(), path),
    ):
        with pytest.raises(StoreError, match=f"is {kind}: name a file"):
            attempt()
    for write in (write_new, write_over):
        with pytest.raises(NotAFile, match=f"is {kind}, which is never replaced"):
            write(path, b"text")


LINKED: Final = {
    "init": ("init", "--db", "link"),
    "restore": ("restore", "copy.db", "--db", "link"),
    "backup": ("backup", "link", "--db", "crm.db"),
    "sample": ("sample", "--out", "link"),
    "fit": ("fit", "paid.csv", "--out", "link"),
    "simulate --db": ("simulate", "--users", "2", "--days", "2", "--replications", "1", "--db", "link"),
}


@pytest.mark.parametrize("arguments", LINKED.values(), ids=LINKED)
def test_a_link_stays_a_link(arguments: tuple[str, ...], folder: Path, call: Call) -> None:
    """And the file that it leads to is made, or replaced."""
    (folder / "elsewhere").mkdir()
    target = folder / "elsewhere" / "target"
    (folder / "link").symlink_to(target)
    for again in (False, True) if arguments[0] in {"restore", "backup"} else (False,):
        more = ("--force",) if again and arguments[0] == "backup" else ()
        called = call(*arguments, *more)
        assert (called.exit_code, (folder / "link").is_symlink(), target.stat().st_size > 0) == (0, True, True)


def test_a_picture_is_replaced_as_a_whole(folder: Path) -> None:
    """With the permissions of the former one, through a link, and nothing else is left."""
    (folder / "a.png").write_bytes(b"former")
    (folder / "a.png").chmod(0o640)
    (folder / "link.png").symlink_to("a.png")
    before = names(folder)
    write_over(folder / "link.png", b"new")
    assert ((folder / "a.png").read_bytes(), stat.S_IMODE((folder / "a.png").stat().st_mode)) == (b"new", 0o640)
    assert (folder / "link.png").is_symlink()
    assert names(folder) == before
    write_over(folder / "b.png", b"new")
    assert (folder / "b.png").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_a_text_may_go_to_standard_output(name: str, folder: Path, call: Call) -> None:
    before = names(folder)
    for arguments, beginning in (
        (("sample",), '{"at": '),
        (("fit", "paid.csv"), "# A scenario of crm-domain"),
    ):
        called = call(*arguments, "--out", name)
        assert (called.exit_code, called.stdout.startswith(beginning)) == (0, True), called.stdout[:99]
    assert names(folder) == before


def test_migrations_may_go_there_too(folder: Path, call: Call) -> None:
    before = names(folder)
    assert call("migrations", "--out", "-").stdout == call("migrations").stdout
    assert names(folder) == before


def test_two_things_do_not_go_there_at_once(folder: Path, call: Call) -> None:
    called = call("fit", folder / "paid.csv", "--out", "-", "--json")
    assert (called.exit_code, "--out: - is where --json goes" in called.stderr) == (2, True)


def test_a_fifo_is_read_where_a_table_is_expected(folder: Path, call: Call) -> None:
    """It is not asked whether it is a database, which would take its first bytes away."""
    os.mkfifo(folder / "fifo")
    if os.fork() == 0:
        (folder / "fifo").write_bytes((folder / "paid.csv").read_bytes())
        os._exit(0)
    called = call("fit", "fifo")
    os.wait()
    assert (called.exit_code, "fifo" in called.stdout) == (0, True)
