"""``crm-domain backup`` and ``crm-domain restore``: what they print, and how they end."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def db(call: Any, tmp_path: Path, amy_comes: bytes) -> Path:
    """A file in which Amy is a CRM user."""
    path = tmp_path / "crm.db"
    call("run", "--db", path, stdin=amy_comes)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a copy may be; there is none yet."""
    return tmp_path / "backup.db"


def test_a_copy_is_a_file_like_any_other(call: Any, db: Path, target: Path) -> None:
    called = call("backup", target, "--db", db)
    assert (called.exit_code, called.stderr) == (0, "")
    assert called.stdout == f"Copied {db} to {target}: {target.stat().st_size:,} bytes.\n"
    assert call("verify", "--db", target).exit_code == 0


def test_a_copy_replaces_a_file_by_force_alone(call: Any, db: Path, target: Path) -> None:
    target.write_bytes(b"precious")
    called = call("backup", target, "--db", db)
    assert (called.exit_code, called.stdout) == (2, "")
    assert called.stderr == f"Error: {target}: exists already: choose another name, or use force to replace it\n"
    assert target.read_bytes() == b"precious"
    assert call("backup", target, "--db", db, "--force").exit_code == 0
    assert call("verify", "--db", target).exit_code == 0


def test_what_was_restored_is_the_state_of_the_copy(call: Any, db: Path, target: Path, write: Any) -> None:
    """The former file is kept, and its name told; labels come back with the state."""
    call("backup", target, "--db", db)
    call("run", "--db", db, stdin=write("service", "register_user", user="rita", email="rita@x.test"))
    called = call("restore", target, "--db", db)
    assert (called.exit_code, called.stderr) == (0, "")
    assert called.stdout == (
        f"Restored {db} from {target}: 5 events, kept under the rules: hardened. "
        f"The former file is {db}.before-restore.\n"
    )
    select = write("service", "select", table="profiles")
    assert call("run", "--db", db, stdin=select).objects[0]["rows"] == ["amy"]
    assert call("run", "--db", f"{db}.before-restore", stdin=select).objects[0]["rows"] == ["amy", "rita"]


def test_the_former_file_is_not_kept_against_ones_will(call: Any, db: Path, target: Path) -> None:
    call("backup", target, "--db", db)
    called = call("restore", target, "--db", db, "--no-keep")
    assert called.stdout == f"Restored {db} from {target}: 5 events, kept under the rules: hardened.\n"
    assert not Path(f"{db}.before-restore").exists()


def test_a_copy_that_is_not_sound_is_refused_in_one_line(call: Any, db: Path, target: Path) -> None:
    call("backup", target, "--db", db)
    with closing(sqlite3.connect(target, isolation_level=None)) as raw:
        raw.execute("UPDATE profiles SET credits_remaining = 77")
    before = db.read_bytes()
    called = call("restore", target, "--db", db)
    assert (called.exit_code, called.stdout, called.stderr.count("\n")) == (2, "", 1)
    assert called.stderr.startswith(f"Error: {target}: is not sound, so nothing was restored: rows: profiles ")
    assert db.read_bytes() == before
