"""The file has the document's tables, columns, keys and indexes, and its SQL examples run on it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crm_adapters.sqlite import SqliteStore
from crm_adapters.sqlite.schema import create_indexes, statements
from crm_domain import HARDENED, SEED, SERVICE, TABLES, Crm, Rules
from crm_domain.clocks import label_uuid
from crm_domain.schema import Column, ColumnType, Table

AMY = label_uuid("amy")


def created(rules: Rules = HARDENED) -> sqlite3.Connection:
    """Return an empty database in memory, with the schema of a file."""
    raw = sqlite3.connect(":memory:")
    for statement in statements(rules):
        raw.execute(statement)
    return raw


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_a_table_has_the_documents_columns_in_order(table: Table[Any]) -> None:
    with closing(created()) as raw:
        name = table.name.replace(".", "_")
        found = raw.execute(f"PRAGMA table_info({name})").fetchall()
        assert [column[1] for column in found] == list(table.by_name)
        assert [column[1] for column in found if column[5]] == [table.key]
        references = {row[3]: (row[2], row[4]) for row in raw.execute(f"PRAGMA foreign_key_list({name})")}
        assert references == {
            c.name: (c.references[0].replace(".", "_"), c.references[1]) for c in table.columns if c.references
        }
        (strict,) = raw.execute("SELECT strict FROM pragma_table_list WHERE name = ?", (name,)).fetchone()
        assert strict == 1


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_a_table_has_every_declared_index(table: Table[Any]) -> None:
    with closing(created()) as raw:
        name = table.name.replace(".", "_")
        indexes = {}
        for _, index, unique, origin, partial in raw.execute(f"PRAGMA index_list({name})").fetchall():
            columns = tuple(row[2] for row in raw.execute(f"PRAGMA index_info({index})"))
            if origin == "c":
                indexes[columns, bool(partial)] = bool(unique)
        declared = {
            ((*i.columns, *([i.order] if i.order else [])), i.where is not None): i.unique for i in table.indexes
        }
        assert indexes == declared


CRM_TABLES_WITH_EMAIL = ("crm_job_requests", "crm_recordings", "crm_resumes", "crm_dashboard_stats")


@pytest.mark.parametrize("table", CRM_TABLES_WITH_EMAIL)
@pytest.mark.parametrize("column", ["email", "user_id"])
def test_lookups_use_the_documents_indexes(table: str, column: str) -> None:
    """The document: all CRM tables have indexes on email, user_id, created_at."""
    with closing(created()) as raw:
        (plan,) = raw.execute(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} = ?", ("x",)).fetchall()
        assert plan[3].startswith(f"SEARCH {table} USING INDEX")
        (plan,) = raw.execute(f"EXPLAIN QUERY PLAN SELECT * FROM {table} ORDER BY created_at DESC").fetchall()
        assert plan[3] == f"SCAN {table} USING INDEX {table}_created_at_idx"


def test_questions_of_the_store_use_indexes_and_do_not_sort(path: Path) -> None:
    with SqliteStore(path) as store:
        crm = Crm(store)
        for name, rows in crm.tables.by_name.items():
            for index, condition in rows._conditions.items():  # type: ignore[attr-defined]
                sql = f"EXPLAIN QUERY PLAN {rows._select} {condition}"  # type: ignore[attr-defined]
                plan = [step[3] for step in store.database.execute(sql, ["x"]).fetchall()]
                assert plan[0].startswith(f"SEARCH {name.replace('.', '_')} USING INDEX"), plan
                assert len(plan) == 1 or rows._declared[index].unique, plan  # type: ignore[attr-defined]


GOOD: dict[ColumnType, Any] = {
    ColumnType.TEXT: "a",
    ColumnType.UUID: "a",
    ColumnType.INTEGER: 1,
    ColumnType.BIGINT: 1,
    ColumnType.BOOLEAN: 1,
    ColumnType.TIMESTAMPTZ: "2026-01-01T00:00:00.000000+00:00",
    ColumnType.JSONB: "{}",
    ColumnType.NUMERIC: "12.99",
}


def good(column: Column) -> Any:
    return column.one_of[0] if column.one_of else GOOD[column.type]


def bad(column: Column) -> list[Any]:
    """Return what the hardened rules let into no such column."""
    out: list[Any] = [None] if column.not_null or column.not_null_if_valid else []
    out += [-1] if column.not_negative else []
    out += ["banana"] if column.one_of else []
    return out + ([2] if column.type is ColumnType.BOOLEAN else ["{"] if column.type is ColumnType.JSONB else [])


CASES = [(table, column, value) for table in TABLES.values() for column in table.columns for value in bad(column)]


def inserted(raw: sqlite3.Connection, table: Table[Any], column: Column, value: Any) -> None:
    values = [value if c is column else good(c) for c in table.columns]
    marks = ", ".join("?" * len(values))
    raw.execute(f"INSERT INTO {table.name.replace('.', '_')} VALUES ({marks})", values)


@pytest.mark.parametrize(("table", "column", "value"), CASES)
def test_a_file_refuses_what_the_rules_refuse(table: Table[Any], column: Column, value: Any) -> None:
    with closing(created()) as raw, pytest.raises(sqlite3.IntegrityError):
        inserted(raw, table, column, value)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (table, column, value)
        for table, column, value in CASES
        if value not in (2, "{")
        and (value in (-1, "banana") or not column.not_null)  # 2 and "{": no reading takes them
    ],
)
def test_what_a_safeguard_refuses_is_let_in_without_it(table: Table[Any], column: Column, value: Any) -> None:
    """What only a safeguard forbids is kept in a file of the seed's rules."""
    with closing(created(SEED)) as raw:
        inserted(raw, table, column, value)
        kept = raw.execute(f"SELECT {column.name} FROM {table.name.replace('.', '_')}").fetchall()
    assert kept == [(value,)]


def test_a_balance_may_fall_below_0_where_check_and_consume_are_two_steps() -> None:
    table = TABLES["profiles"]
    with closing(created(HARDENED.without("atomic_consume"))) as raw:
        inserted(raw, table, table.column("credits_remaining"), -1)


def test_a_unique_index_of_a_safeguard_is_an_ordinary_one_without_it() -> None:
    (ref,) = (s for s in create_indexes(TABLES["payments"], SEED) if "ref" in s)
    assert ref == 'CREATE INDEX "payments_ref_idx" ON "payments" ("ref")'
    (ref,) = (s for s in create_indexes(TABLES["payments"], HARDENED) if "ref" in s)
    assert ref == 'CREATE UNIQUE INDEX "payments_ref_key" ON "payments" ("ref")'


# --- the document's own SQL -----------------------------------------------------------------

USERS_WITH_STATS = """
SELECT
  crm.email,
  crm.credits_remaining,
  crm.user_created_at,
  stats.total_applications,
  stats.total_recordings,
  stats.total_resumes
FROM digital_resume_by_CRM crm
LEFT JOIN crm_dashboard_stats stats ON stats.email = crm.email
WHERE crm.is_active = true
ORDER BY crm.user_created_at DESC;
"""
NEED_CREDITS = """
SELECT
  crm.email,
  crm.credits_remaining,
  stats.total_recordings,
  stats.last_recording_date
FROM digital_resume_by_CRM crm
LEFT JOIN crm_dashboard_stats stats ON stats.email = crm.email
WHERE crm.credits_remaining = 0
  AND stats.total_recordings > 0
ORDER BY stats.last_recording_date DESC;
"""
RECORD_COUNTS = """
SELECT
  'digital_resume_by_CRM' as table_name,
  COUNT(*) as record_count
FROM digital_resume_by_CRM
UNION ALL
SELECT 'crm_job_requests', COUNT(*) FROM crm_job_requests
UNION ALL
SELECT 'crm_recordings', COUNT(*) FROM crm_recordings
UNION ALL
SELECT 'crm_resumes', COUNT(*) FROM crm_resumes
UNION ALL
SELECT 'crm_dashboard_stats', COUNT(*) FROM crm_dashboard_stats;
"""
EXPORT = """
SELECT
    crm.*,
    stats.total_applications,
    stats.total_recordings,
    stats.total_resumes
FROM digital_resume_by_CRM crm
LEFT JOIN crm_dashboard_stats stats ON stats.email = crm.email
"""


@pytest.fixture
def lived(crm: Crm) -> Crm:
    """A CRM in which Amy has used up her credits, and Bob has done nothing."""
    service, amy = crm.as_service(), crm.as_user(AMY)
    service.sync_crm_user(user_id=AMY, email="amy@example.com", payment_details={"card": "visa"})
    service.sync_crm_user(user_id=label_uuid("bob"), email="bob@example.com")
    job = amy.create_job_request(job_title="Software Engineer", company_name="Tech Corp").id
    for n in range(4):
        amy.create_recording(job_request_id=job, video_url=f"https://example.com/{n}.mp4", duration=90)
    amy.upload_resume(resume_url="https://example.com/cv.pdf", is_primary=True, parsed_data=["python"])
    return crm


def test_the_documents_queries_give_what_the_rules_give(lived: Crm, store: SqliteStore) -> None:
    service, ask = lived.as_service(), store.database.query
    assert [row["email"] for row in ask(USERS_WITH_STATS)] == [user.email for user in service.crm_users_with_stats()]
    assert [(row["email"], row["total_recordings"]) for row in ask(NEED_CREDITS)] == [("amy@example.com", 4)]
    assert [user.email for user in service.crm_users_who_need_more_credits()] == ["amy@example.com"]
    assert {row["table_name"]: row["record_count"] for row in ask(RECORD_COUNTS)} == service.record_counts()
    assert [list(row) for row in ask(EXPORT)] == [list(row) for row in service.crm_users_export()]


@pytest.mark.parametrize("table", ["digital_resume_by_CRM", *CRM_TABLES_WITH_EMAIL])
def test_a_users_complete_data_reads_as_stored(lived: Crm, store: SqliteStore, table: str) -> None:
    """See "Get CRM user's complete data": SELECT * … WHERE email = …, all columns by the document's names."""
    declared = TABLES[table]
    found = list(store.database.query(f"SELECT * FROM {table} WHERE email = 'amy@example.com' ORDER BY rowid"))
    rows = lived.tables.by_name[table].find("email", "amy@example.com")
    assert len(found) == len(rows) > 0
    for stored, row in zip(found, rows, strict=True):
        for name in declared.by_name:
            value = getattr(row, name)
            assert stored[name] == (value.isoformat(timespec="microseconds") if hasattr(value, "isoformat") else value)


def test_the_journal_is_a_table_that_sql_can_look_into(lived: Crm, store: SqliteStore) -> None:
    found = list(
        store.database.query(
            "SELECT position, role, json_extract(data, '$.video_url') AS video FROM journal "
            "WHERE type = 'RecordingCreated' ORDER BY position"
        )
    )
    assert [row["video"] for row in found] == [f"https://example.com/{n}.mp4" for n in range(4)]
    assert {row["role"] for row in found} == {"user"}
    entries = list(lived.journal.entries())
    assert [entry.position for entry in entries] == list(range(1, len(lived.journal) + 1))
    assert entries[0].principal == SERVICE
