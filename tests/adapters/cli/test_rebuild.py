"""``crm-domain rebuild``: rows come anew from the journal, or nothing changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def db(call: Any, tmp_path: Path) -> Path:
    """A file that holds what the sample log does."""
    path = tmp_path / "crm.db"
    call("run", "--sample", "-q", "--db", path, "--batch", 1000)
    return path


def altered(path: Path, *statements: str) -> None:
    """Run SQL behind the library's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            raw.execute(statement)


def dumped(path: Path) -> list[str]:
    """Return all that is in a file, as SQL, in whichever order."""
    with closing(sqlite3.connect(path)) as raw:
        return sorted(raw.iterdump())


def test_rows_that_verify_finds_are_mended(call: Any, db: Path) -> None:
    """Changed, lost, added: all rows are as the journal tells, and nothing else has changed."""
    before = dumped(db)
    altered(
        db,
        "UPDATE profiles SET credits_remaining = -77",
        "DELETE FROM crm_recordings",
        "UPDATE payments SET id = 'other' WHERE rowid = 1",
        "INSERT INTO auth_users SELECT 'nobody', 'nobody@x.test', created_at FROM auth_users LIMIT 1",
    )
    assert call("verify", "--db", db).exit_code == 1
    called = call("rebuild", "--db", db)
    assert (called.exit_code, called.stderr) == (0, "")
    (sound,) = call("verify", "--db", db, "--json").objects
    assert sound["problems"] == []
    assert called.stdout == f"Made {sound['rows']} rows of {db} anew from {sound['events']} events.\n"
    assert dumped(db) == before


def test_a_sound_file_stays_the_same(call: Any, db: Path) -> None:
    before = dumped(db)
    assert call("rebuild", "--db", db).exit_code == 0
    assert dumped(db) == before


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM journal WHERE position = 7", "position 7 is missing"),
        ("UPDATE journal SET type = 'Nonsense' WHERE position = 7", "position 7: cannot be read"),
        ("UPDATE journal SET data = '{}' WHERE position = 7", "position 7: cannot be read"),
        ("DROP TABLE journal", "could not be looked at to its end: no such table: journal"),
    ],
)
def test_a_broken_journal_changes_nothing(statement: str, reason: str, call: Any, db: Path) -> None:
    """Rows are all that is left of an event that is lost, so they are not made anew without it."""
    altered(db, "UPDATE profiles SET credits_remaining = 77", statement)
    before = dumped(db)
    called = call("rebuild", "--db", db)
    assert (called.exit_code, called.stdout) == (2, "")
    assert called.stderr.startswith(f"Error: {db}: cannot be rebuilt, and was not changed: journal: {reason}")
    assert called.stderr.count("\n") == 1
    assert dumped(db) == before
