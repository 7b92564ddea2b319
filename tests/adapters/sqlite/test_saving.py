"""A state that was in memory comes into a file of its own, whole or not at all."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from crm_adapters.sqlite import SqliteStore, StoreError, saving
from crm_adapters.sqlite.saving import save_as
from crm_adapters.sqlite.verification import Verification
from crm_domain import HARDENED, Crm, ManualClock, SequentialIds
from crm_domain.commands import CreateRecording
from crm_domain.laws.differences import differences

RULES = HARDENED.without("grant_once")


@pytest.fixture
def crm() -> Crm:
    """Amy, who recorded and paid, under a key, and Ben."""
    crm = Crm(rules=RULES, clock=ManualClock(step=timedelta(minutes=1)), new_id=SequentialIds())
    service = crm.as_service()
    amy = crm.as_user(str(service.sync_crm_user(email="amy@x.test").user_id))
    amy.execute(CreateRecording(video_url="/1.mp4"), key="once")
    service.record_payment(user_id=str(amy.principal.user_id), amount="12.99", ref="p1")
    service.sync_crm_user(email="ben@x.test")
    return crm


def test_the_file_has_the_same_journal_and_tables(crm: Crm, tmp_path: Path) -> None:
    """It is sound, kept under the same rules, and can be gone on from."""
    path = save_as(crm, tmp_path / "crm.db")
    verification = Verification(path)
    assert list(verification.problems()) == []
    assert verification.rules == RULES
    with SqliteStore(path) as store:
        kept = Crm(store, rules=RULES)
        assert list(kept.journal.entries()) == list(crm.journal.entries())
        assert list(differences(crm.tables, kept.tables)) == []
        kept.as_service().sync_crm_user(email="cat@x.test")


def test_nothing_is_left_beside_it(crm: Crm, tmp_path: Path) -> None:
    """No log and no lock of the file that it was made in; others may read it as any new file."""
    (tmp_path / "other").touch()
    save_as(crm, tmp_path / "crm.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crm.db", "other"]
    assert (tmp_path / "crm.db").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_is_interrupted_leaves_nothing(crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(saving, "_TOLD_EVERY", 2)
    with pytest.raises(KeyboardInterrupt):
        save_as(crm, tmp_path / "crm.db", progress=interrupted)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told(crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr(saving, "_TOLD_EVERY", 5)
    save_as(crm, tmp_path / "crm.db", progress=lambda *step: told.append(step))
    total = len(crm.journal)
    assert told == [("save", done, total) for done in range(5, total + 1, 5)]


def test_a_name_that_is_taken_is_refused(crm: Crm, tmp_path: Path) -> None:
    """By a file, whatever is in it, or by a log that SQLite would bring into the new one."""
    (tmp_path / "there.db").write_bytes(b"")
    with pytest.raises(StoreError, match=r"there\.db: exists already: choose another name, or move it away"):
        save_as(crm, tmp_path / "there.db")
    (tmp_path / "gone.db-wal").touch()
    with pytest.raises(StoreError, match=r"gone\.db-wal is there, which SQLite would take for its log"):
        save_as(crm, tmp_path / "gone.db")
    with pytest.raises(StoreError, match="there is no folder"):
        save_as(crm, tmp_path / "nowhere" / "crm.db")
