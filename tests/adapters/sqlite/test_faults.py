"""What machines do to files: each is a clear error, and a file opened anew holds all that was acknowledged."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from crm_adapters.sqlite import SqliteStore, StoreError
from crm_domain import Crm
from crm_domain.clocks import label_uuid
from crm_domain.laws import check_all

InAChild: TypeAlias = Callable[[Callable[[], list[str]]], list[str]]

AMY = label_uuid("amy")


@pytest.fixture
def amy(crm: Crm) -> Crm:
    """A CRM with one user, Amy."""
    crm.as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
    return crm


def filled(crm: Crm, limit: int = 10_000) -> int:
    """Store job requests until one fails; return how many were acknowledged."""
    for n in range(limit):
        try:
            crm.as_user(AMY).create_job_request(id=label_uuid(f"job {n}"), job_description="d" * 2000)
        except StoreError as error:
            assert "the disk is full" in error.reason  # noqa: PT017 - why it failed is the point
            return n
    raise AssertionError("it never failed")


def many(crm: Crm, jobs: int) -> None:
    """Store many job requests as one."""
    with crm.batch():
        for n in range(jobs):
            crm.as_user(AMY).create_job_request(id=label_uuid(f"job {n}"), job_description="d" * 200)


def assert_holds(path: Path, jobs: int) -> None:
    """Assert that the file, opened anew, holds so many job requests, and keeps the laws."""
    with SqliteStore(path) as store:
        crm = Crm(store)
        assert [job.id for job in crm.tables.crm_job_requests] == [label_uuid(f"job {n}") for n in range(jobs)]
        assert check_all(crm) == []
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("more_pages", range(1, 26))
def test_a_full_disk_takes_no_acknowledged_command(amy: Crm, store: SqliteStore, more_pages: int) -> None:
    """At whichever page it is full: the command that met it is undone, and the store goes on when there is room."""
    database = store.database
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages + more_pages}")
    jobs = filled(amy)
    assert not database.conn.in_transaction
    assert amy.as_user(AMY).count("crm_job_requests") == jobs
    database.execute("PRAGMA max_page_count = 1000000")
    amy.as_user(AMY).create_job_request(id=label_uuid(f"job {jobs}"))
    store.close()
    assert_holds(store.path, jobs + 1)


def test_a_batch_that_fills_the_disk_is_undone_as_a_whole(amy: Crm, store: SqliteStore) -> None:
    pages = store.database.execute("PRAGMA page_count").fetchone()[0]
    store.database.execute(f"PRAGMA max_page_count = {pages + 20}")
    with pytest.raises(StoreError, match="the disk is full"):
        many(amy, 9000)  # more than wait in memory, so that some are written before the commit
    store.database.execute("PRAGMA max_page_count = 1000000")
    assert amy.as_user(AMY).count("crm_job_requests") == 0
    store.close()
    assert_holds(store.path, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("more_bytes", [n * 7_777 for n in range(1, 25)])
def test_a_write_that_fails_stops_the_store_and_takes_no_acknowledged_command(
    path: Path, more_bytes: int, in_a_child: InAChild
) -> None:
    """A limit of the size of files, met at any of many places, is an I/O error to SQLite."""
    with SqliteStore(path) as store:
        Crm(store).as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
    said = in_a_child(lambda: limited(path, more_bytes))
    jobs = int(said[0])
    assert said[1:3] == ["disk I/O error"] * 2, "it refused to go on"
    with SqliteStore(path) as store:
        # Whether the command that met the error was kept is not known; all before it were.
        kept = Crm(store).as_user(AMY).count("crm_job_requests")
    assert kept in {jobs, jobs + 1}
    assert_holds(path, kept)


def limited(path: Path, more_bytes: int) -> list[str]:
    """Store job requests with little room for the log; return how many were acknowledged, and what was said."""
    store = SqliteStore(path)
    crm = Crm(store)
    resource.setrlimit(resource.RLIMIT_FSIZE, (more_bytes, resource.RLIM_INFINITY))
    said: list[str] = []
    for n in range(1000):
        try:
            crm.as_user(AMY).create_job_request(id=label_uuid(f"job {n}"), job_description="d" * 2000)
        except StoreError as error:
            said += [
                *([] if said else [str(n)]),
                "disk I/O error" if "disk I/O error" in error.reason else error.reason,
            ]
            if len(said) == 3:
                break
    store.close()
    return said


@pytest.mark.parametrize("what", ["deleted", "moved", "replaced"])
def test_a_file_that_goes_away_is_noticed_before_anything_is_acknowledged(
    amy: Crm, path: Path, store: SqliteStore, what: str
) -> None:
    if what == "deleted":
        path.unlink()
    else:
        path.rename(path.with_name("elsewhere.db"))
        if what == "replaced":
            shutil.copy(path.with_name("elsewhere.db"), path)
    for _ in range(2):
        with pytest.raises(StoreError, match="was moved, deleted or replaced while it was open: open it anew"):
            amy.as_user(AMY).create_job_request()
    with pytest.raises(StoreError, match="open it anew"):
        amy.as_user(AMY).count("crm_job_requests")


def test_a_corrupted_page_stops_the_store(path: Path) -> None:
    with SqliteStore(path) as store:
        crm = Crm(store)
        crm.as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
        with crm.batch():
            for n in range(500):
                crm.as_user(AMY).create_job_request(job_title=f"title {n}")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(StoreError) as caught:
        Crm(SqliteStore(path)).as_user(AMY).job_requests()
    assert "stopped at an error of the file or the disk (SQLITE_CORRUPT" in str(caught.value)


def test_a_truncated_file_stops_the_store(amy: Crm, path: Path, store: SqliteStore) -> None:
    with amy.batch():
        for n in range(500):
            amy.as_user(AMY).create_job_request(job_title=f"title {n}")
    store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.database.execute("PRAGMA cache_size = 1")
    os.truncate(path, 8192)
    reasons = []
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            amy.as_user(AMY).job_requests()
        reasons.append(caught.value.reason)
    assert reasons[0].startswith("stopped at an error of the file or the disk (")
    assert reasons[1] == reasons[0], "it does not go on, even if the file were well again"
    with pytest.raises(StoreError, match="stopped at an error"):
        amy.as_user(AMY).create_job_request()


def test_a_table_that_somebody_dropped_stops_the_store(amy: Crm, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE crm_job_requests")
    with pytest.raises(StoreError, match="no such table: crm_job_requests"):
        amy.as_user(AMY).create_job_request()


def test_a_number_that_sqlite_cannot_hold_is_told_and_nothing_is_kept(amy: Crm) -> None:
    """Numbers beyond 64 bits are the rules' business; should they let one by, the file stays as it was."""
    stats = amy.tables.crm_dashboard_stats.one("user_id", AMY)
    assert stats is not None
    stats.total_views = 2**63 - 1
    with pytest.raises(StoreError, match="cannot hold a value, so nothing of this was kept"):
        amy.as_service().track_view(email=stats.email)
    (kept,) = amy.as_service().select("crm_dashboard_stats")
    assert kept.total_views == 0


def test_what_the_file_refuses_although_the_rules_did_not_is_told(amy: Crm) -> None:
    """The file's own constraints are a second line: a row that was changed behind the rules' back is not kept."""
    profile = amy.tables.profiles.get(AMY)
    assert profile is not None
    profile.credits_remaining = -5
    with pytest.raises(StoreError, match=r"refuses what the rules accepted.*CHECK constraint failed"):
        amy.as_service().record_payment(user_id=AMY, amount="12.99", ref="p")
    assert amy.as_service().count("payments") == 0


def test_a_command_inside_of_a_read_is_refused_and_harms_nothing(amy: Crm) -> None:
    with pytest.raises(RuntimeError, match="begin: not in the middle of a read"):
        amy.read(lambda _: amy.as_user(AMY).create_job_request())
    assert amy.as_user(AMY).create_job_request().version > 0
