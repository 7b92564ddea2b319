"""Many new rows at once: what is spared while a table is being filled, and that nobody can tell afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_adapters.sqlite import SqliteStore, StoreError
from crm_adapters.sqlite import filling as filling_module
from crm_adapters.sqlite import rows as rows_module
from crm_adapters.sqlite.filling import Absence, Filling
from crm_domain import Crm, UniqueViolation
from crm_domain.clocks import label_uuid
from crm_domain.laws import check_all
from crm_domain.session import Session

AMY = label_uuid("amy")
ENOUGH = 10
SECONDARY = {f"crm_job_requests_{column}_idx" for column in ("created_at", "email", "user_id")}


@pytest.fixture(autouse=True)
def _ten_rows_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten new rows are written at once, and are worth the thought whether a table is being filled."""
    monkeypatch.setattr(rows_module, "WAITING_MAX", ENOUGH)
    monkeypatch.setattr(filling_module, "ENOUGH", ENOUGH)


@pytest.fixture
def amy(crm: Crm) -> Session:
    """A session of Amy, the only user."""
    crm.as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
    return crm.as_user(AMY)


def jobs(amy: Session, start: int, end: int) -> None:
    """Store job requests."""
    for n in range(start, end):
        amy.create_job_request(id=label_uuid(f"job {n}"), job_title=f"{n}")


def indexes(store: SqliteStore) -> dict[str, str]:
    """Return the SQL of the indexes of job requests that there are now."""
    sql = (
        "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'crm_job_requests' AND sql IS NOT NULL AND type = 'index'"
    )
    return dict(store.database.execute(sql).fetchall())


def titles(amy: Session) -> list[str | None]:
    """Return the titles of Amy's job requests, those of the same time in any order."""
    return sorted((job.job_title for job in amy.job_requests()), key=lambda title: int(title or 0))


def numbers(end: int) -> list[str]:
    return [str(n) for n in range(end)]


def test_indexes_are_left_out_while_a_table_is_filled_and_are_the_same_afterwards(
    amy: Session, crm: Crm, store: SqliteStore, path: Path
) -> None:
    before = indexes(store)
    assert before.keys() == SECONDARY
    with crm.batch():
        jobs(amy, 0, ENOUGH - 1)
        assert indexes(store) == before, "too few to think of it"
        jobs(amy, ENOUGH - 1, 3 * ENOUGH + 5)
        assert indexes(store) == {}
    assert indexes(store) == before
    assert titles(amy) == numbers(3 * ENOUGH + 5)
    assert check_all(crm) == []
    store.close()
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_table_that_has_more_rows_than_come_keeps_its_indexes(amy: Session, crm: Crm, store: SqliteStore) -> None:
    jobs(amy, 0, ENOUGH + 1)
    with crm.batch():
        jobs(amy, ENOUGH + 1, 2 * ENOUGH + 1)
        assert indexes(store).keys() == SECONDARY, "one row fewer than there were"
        jobs(amy, 2 * ENOUGH + 1, 3 * ENOUGH + 1)
        assert indexes(store) == {}


def test_a_batch_that_is_undone_leaves_the_indexes(amy: Session, crm: Crm, store: SqliteStore) -> None:
    """The next batch may leave them out again."""
    before = indexes(store)

    def failing() -> None:
        with crm.batch():
            jobs(amy, 0, ENOUGH)
            assert indexes(store) == {}
            jobs(amy, 0, 1)

    for _ in range(2):
        with pytest.raises(UniqueViolation):
            failing()
        assert indexes(store) == before
        assert titles(amy) == []


def test_others_see_the_file_with_its_indexes_while_a_table_is_filled(
    amy: Session, crm: Crm, store: SqliteStore, path: Path
) -> None:
    jobs(amy, 0, 1)
    with crm.batch():
        jobs(amy, 1, 4 * ENOUGH)
        assert indexes(store) == {}
        with SqliteStore(path) as other:
            seen = Crm(other).as_user(AMY)
            assert indexes(other).keys() == SECONDARY
            assert titles(seen) == numbers(1)


def test_an_index_that_is_asked_for_is_there_and_stays(amy: Session, crm: Crm, store: SqliteStore) -> None:
    with crm.batch():
        jobs(amy, 0, ENOUGH)
        assert indexes(store) == {}
        assert titles(amy) == numbers(ENOUGH)
        assert indexes(store).keys() == SECONDARY
        jobs(amy, ENOUGH, 3 * ENOUGH)
        assert indexes(store).keys() == SECONDARY, "who asked once will ask again"
    with crm.batch():
        jobs(amy, 3 * ENOUGH, 6 * ENOUGH)
        assert indexes(store) == {}, "the next batch is another matter"


def test_a_delete_has_all_indexes_for_its_references(amy: Session, crm: Crm, store: SqliteStore) -> None:
    with crm.batch():
        jobs(amy, 0, 2 * ENOUGH)
        assert indexes(store) == {}
        amy.delete(table="crm_job_requests", where={"id": label_uuid("job 3")})
        assert indexes(store).keys() == SECONDARY
    assert len(titles(amy)) == 2 * ENOUGH - 1


@pytest.mark.parametrize("taken", [0, 15, 20, 27], ids=["before", "written just now", "written last", "waiting"])
def test_an_id_that_is_taken_is_refused_while_a_table_is_filled(amy: Session, crm: Crm, taken: int) -> None:
    jobs(amy, 0, 1)
    with crm.batch():
        jobs(amy, 1, 28)
        with pytest.raises(UniqueViolation):
            jobs(amy, taken, taken + 1)
    assert titles(amy) == numbers(28)


def test_a_question_that_is_being_answered_keeps_the_indexes(amy: Session, crm: Crm, store: SqliteStore) -> None:
    """SQLite drops no index under somebody who reads; the batch goes on with them."""
    jobs(amy, 0, 3)
    with crm.batch():
        answer: Iterator[object] = store.database.query("SELECT id FROM crm_job_requests")
        next(answer)
        jobs(amy, 3, 2 * ENOUGH)
        assert indexes(store).keys() == SECONDARY
        answer.close()  # type: ignore[attr-defined]
    assert titles(amy) == numbers(2 * ENOUGH)


def test_an_error_of_the_disk_is_no_reason_to_go_on() -> None:
    """Only a reader who is in the way is: after other errors SQLite may have undone the batch."""

    def failing(sql: str, _parameters: object = ()) -> list[tuple[str, str]]:
        if sql.startswith("DROP"):
            raise StoreError(Path("crm.db"), "disk I/O error") from sqlite3.OperationalError()
        return [("an_index", "CREATE INDEX an_index")]

    with pytest.raises(StoreError, match="disk I/O error"):
        Filling(failing).spare('"crm_job_requests"')


def test_rebuilding_leaves_the_indexes_as_they_were(amy: Session, crm: Crm, store: SqliteStore) -> None:
    jobs(amy, 0, 3)
    before = sorted(store.database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall())
    crm.rebuild()
    assert sorted(store.database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()) == before
    assert titles(amy) == numbers(3)


@given(st.sets(st.text() | st.integers()), st.sets(st.text() | st.integers()), st.text() | st.integers())
def test_a_key_that_a_row_has_is_never_called_absent(first: set[object], later: set[object], other: object) -> None:
    absence = Absence(first)
    absence.end(later)
    assert not any(absence.is_certain(key) for key in first | later)
    assert Absence(()).is_certain(other)
