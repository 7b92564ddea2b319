"""``crm-domain verify``: whether a file is sound, for people, for programs, and as an exit code."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crm_adapters.cli.progress import progress_shown
from crm_domain.command_log import id_named


@pytest.fixture
def db(call: Any, tmp_path: Path, amy_comes: bytes, write: Any) -> Path:
    """A file in which Amy has recorded once."""
    path = tmp_path / "crm.db"
    call("run", "--db", path, stdin=amy_comes + write("amy", "create_recording", user="amy", email="amy@x.test"))
    return path


def altered(path: Path, statement: str) -> None:
    """Run SQL behind the library's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(statement)


def test_a_sound_file_is_told_in_one_line(call: Any, db: Path) -> None:
    called = call("verify", "--db", db)
    assert (called.exit_code, called.stderr) == (0, "")
    assert called.stdout == f"{db} is sound: 7 events, 7 rows, 10 laws hold; rules: hardened\n"


def test_a_file_of_rules_with_holes_is_told_as_such(call: Any, tmp_path: Path) -> None:
    db = tmp_path / "seed.db"
    call("init", "--db", db, "--rules", "seed")
    assert call("verify", "--db", db).stdout == (
        f"{db} is sound: 0 events, 0 rows, its rules let laws break; rules: seed\n"
    )


def test_json_tells_the_same_to_programs(call: Any, db: Path) -> None:
    assert call("verify", "--db", db, "--json").objects == [
        {
            "file": str(db),
            "sound": True,
            "rules": "hardened",
            "events": 7,
            "rows": 7,
            "laws": 10,
            "problems": [],
            "notes": [],
        }
    ]


def test_problems_are_told_one_a_line_and_then_how_many(call: Any, db: Path) -> None:
    altered(db, "UPDATE profiles SET credits_remaining = 77")
    called = call("verify", "--db", db)
    assert (called.exit_code, called.stderr) == (1, "")
    assert called.stdout.splitlines() == [
        f"rows: profiles {id_named('amy')}: credits_remaining is 77, should be 3",
        f"{db} is not sound: 1 problem",
    ]


def test_json_has_a_row_that_differs_column_by_column(call: Any, db: Path) -> None:
    altered(db, "UPDATE profiles SET credits_remaining = 77")
    altered(db, "DELETE FROM crm_recordings")
    called = call("verify", "--db", db, "--json")
    assert called.exit_code == 1
    (told,) = called.objects
    assert told["sound"] is False
    assert told["problems"] == [
        {
            "check": "rows",
            "where": f"profiles {id_named('amy')}",
            "what": "credits_remaining is 77, should be 3",
            "columns": {"credits_remaining": {"is": 77, "should_be": 3}},
        },
        {"check": "rows", "where": f"crm_recordings {id_named('line-2-1')}", "what": "is missing"},
    ]


def test_json_of_a_file_that_does_not_tell_its_rules(call: Any, db: Path) -> None:
    altered(db, "DELETE FROM store_metadata")
    assert call("verify", "--db", db, "--json").objects[0]["rules"] is None


def test_a_person_is_shown_some_of_many_problems_and_a_program_all(call: Any, tmp_path: Path, write: Any) -> None:
    """Of each check twenty are shown, and how many more there are is said."""
    db = tmp_path / "crm.db"
    people = [write("service", "register_user", user=f"u{n}", email=f"u{n}@x.test") for n in range(1001)]
    call("run", "--db", db, "--batch", 1001, stdin=b"".join(people))
    altered(db, "UPDATE profiles SET credits_remaining = 77")
    *shown, more, verdict = call("verify", "--db", db).stdout.splitlines()
    assert len(shown) == 20
    assert (more, verdict) == ("rows: … and 981 more", f"{db} is not sound: 1,001 problems")
    assert len(call("verify", "--db", db, "--json").objects[0]["problems"]) == 1001


def test_a_damaged_page_is_told_without_a_traceback(call: Any, db: Path) -> None:
    content = db.read_bytes()
    db.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    called = call("verify", "--db", db)
    assert called.exit_code == 1
    assert called.stdout.splitlines()[-1].startswith(f"{db} is not sound: ")
    assert "Traceback" not in called.stdout + called.stderr


# --- progress -----------------------------------------------------------------------------------


def test_progress_is_one_line_of_a_terminal_and_gone_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written again only when there is something new to tell."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_shown() as progress:
        for done in (0, 1, 2, 400):
            progress("copy", done, 400)
        progress("nothing", 0, 0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.split("\r\033[K") == ["", "copy: 0 %", "copy: 100 %", "nothing: 0 %", ""]


def test_progress_is_silent_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_shown() as progress:
        progress("copy", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_addresses_of_an_earlier_normal_form_are_noted(call: Any, db: Path) -> None:
    """The file is sound with them: accounts keep their keys."""
    for table in ("auth_users", "digital_resume_by_CRM", "crm_dashboard_stats", "crm_recordings", "credit_grants"):
        altered(db, f"UPDATE {table} SET email = 'a@x..test' WHERE email = 'amy@x.test'")
    altered(db, "UPDATE journal SET data = replace(data, 'amy@x.test', 'a@x..test')")
    what = "'a@x..test' stays as it is, but its domain begins or ends with a dot, or has two in a row"
    called = call("verify", "--db", db)
    assert called.exit_code == 0
    assert called.stdout.splitlines() == [
        f"addresses: auth.users {id_named('amy')}: {what}",
        f"{db} is sound: 7 events, 7 rows, 10 laws hold; rules: hardened",
    ]
    (told,) = call("verify", "--db", db, "--json").objects
    assert told["notes"] == [{"check": "addresses", "where": f"auth.users {id_named('amy')}", "what": what}]
