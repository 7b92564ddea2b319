"""``crm-domain init``: a file is made where there is none, and never touched where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crm_adapters.sqlite import opening, stored_rules
from crm_domain import HARDENED, SEED


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Where a file may be; there is none yet."""
    return tmp_path / "crm.db"


@pytest.mark.parametrize(("rules", "made"), [([], HARDENED), (["--rules", "seed"], SEED)])
def test_a_file_is_made_under_the_rules_that_are_asked_for(rules: list[str], made: Any, call: Any, db: Path) -> None:
    called = call("init", "--db", db, *rules)
    assert (called.exit_code, called.stderr) == (0, "")
    assert called.stdout == f"Made {db}, empty, kept under the rules: {made}\n"
    assert stored_rules(db) == made


def test_an_empty_file_is_filled(call: Any, db: Path) -> None:
    db.touch()
    assert call("init", "--db", db).exit_code == 0
    assert stored_rules(db) == HARDENED


def test_the_file_may_be_named_by_the_environment(call: Any, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DOMAIN_DB", str(db))
    assert call("init").exit_code == 0
    assert stored_rules(db) == HARDENED


def test_a_file_of_ours_is_left_alone_and_tells_its_rules(call: Any, db: Path) -> None:
    call("init", "--db", db, "--rules", "seed,+grant_once")
    before = db.read_bytes()
    called = call("init", "--db", db)
    assert (called.exit_code, called.stdout) == (2, "")
    assert called.stderr == f"Error: {db}: exists already, and is kept under the rules seed,+grant_once\n"
    assert db.read_bytes() == before


def test_a_file_that_somebody_made_meanwhile_is_left_alone(
    call: Any, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two that are made at once, one is told that there is a file already."""
    call("init", "--db", db, "--rules", "seed")
    answers = iter([True, False, False])
    monkeypatch.setattr(opening, "is_new", lambda _, **__: next(answers))
    called = call("init", "--db", db)
    assert (called.exit_code, called.stderr) == (
        2,
        f"Error: {db}: exists already, and is kept under the rules seed\n",
    )
