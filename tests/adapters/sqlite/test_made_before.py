"""A file that an earlier version made opens, with its rows and its journal, and goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from crm_adapters.sqlite import SqliteStore
from crm_adapters.sqlite.verification import Verification
from crm_domain import TABLES, CreateRecording, Crm
from crm_domain.laws import check_all

MADE: Final = sorted((Path(__file__).parent / "made").glob("*.sql"))
"""The SQL of such files: Amy, a CRM user, and Rita, a regular one, did one of everything."""


@pytest.fixture(params=MADE, ids=lambda path: path.stem)
def made(request: pytest.FixtureRequest, path: Path) -> Path:
    """A file as its SQL says."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.executescript(request.param.read_text(encoding="utf-8"))
        raw.execute("PRAGMA journal_mode = WAL")
    return path


def test_it_is_sound(made: Path) -> None:
    verification = Verification(made)
    assert list(verification.problems()) == []
    assert verification.counts["events"] == 24


def test_it_opens_with_its_rows_and_goes_on(made: Path) -> None:
    with SqliteStore(made) as store:
        crm = Crm(store)
        assert len(crm.journal) == 24
        assert {name for name in TABLES if not len(crm.tables.by_name[name])} == {"resumes"}
        amy = crm.tables.crm_users.get("amy@example.com")
        assert amy is not None
        assert amy.credits_remaining == 5
        (resume,) = crm.as_user(amy.user_id).resumes()
        assert resume.parsed_data == {"skills": ["Ä", 1.5, None]}
        again = crm.as_user(amy.user_id).execute(CreateRecording(video_url="c"), key="key-1")
        assert again.replayed
        crm.as_user(amy.user_id).create_recording(video_url="d")
        crm.rebuild()
        assert check_all(crm) == []
