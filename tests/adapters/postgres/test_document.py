"""The document's SQL and its backup command run as they stand; beside this file is its text, letter for letter."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from crm_adapters.postgres import migrations
from crm_domain import HARDENED, SEED, Rules
from crm_domain.rows import CRM_TABLES

from .asking import SERVICE, Database, address, broken_laws, insert, user_id
from .programs import program

TEXT = Path(__file__).with_name("crm_separate_tables.md").read_text(encoding="utf-8")

SECTION = re.compile(r"^#{2,4} (.+?)\n(.*?)(?=^#{2,4} |\Z)", re.MULTILINE | re.DOTALL)
EXAMPLES = {
    title: block
    for title, body in SECTION.findall(TEXT)
    for block in re.findall(r"```(?:sql|bash)\n(.*?)```", body, re.DOTALL)
}
"""The document's examples of SQL and of a shell, by the title that they stand under."""


@pytest.fixture(scope="module", params=[SEED, HARDENED], ids=["seed", "hardened"])
def rules(request: Any) -> Rules:
    """The reading that the database is of."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def crm(rules: Rules, make_database: Any) -> Iterator[Database]:
    """Two CRM users: Amy has one row of everything and no credits left, Bob has nothing but his free credits."""
    database = Database(make_database(rules))
    database.sync("amy", "bob")
    database.ask("amy", *insert("crm_job_requests", "amy", job_title="Software Engineer", company_name="Tech Corp"))
    for _ in range(4):
        database.record("amy", video_url="https://v.test/1")
    database.ask("amy", *insert("crm_resumes", "amy", resume_url="https://v.test/cv.pdf"))
    yield database
    database.close()


def test_examples_are_all_found() -> None:
    """Nine that are SQL, one that is a command."""
    assert list(EXAMPLES) == [
        "get_crm_dashboard_data(email)",
        "Get all CRM users with their stats",
        "Get CRM user's complete data",
        "Get CRM users who need more credits",
        "Export CRM User Data",
        "Backup CRM Tables",
        "Check table sizes",
        "Check record counts",
        "Issue: Dashboard stats not updating",
        "Issue: Credits not being consumed",
    ]


def run(crm: Database, title: str) -> list[list[tuple[Any, ...]]]:
    """Run the statements of an example, as they stand; return the rows of each."""
    statements = [text for text in EXAMPLES[title].split(";") if text.strip()]
    return [crm.sql(text) for text in statements]


# --- queries ----------------------------------------------------------------------------------


def test_all_crm_users_with_their_stats(crm: Database) -> None:
    """The active ones, newest first."""
    (rows,) = run(crm, "Get all CRM users with their stats")
    assert [(email, *rest) for email, _, _, *rest in rows] == [(address("bob"), 0, 0, 0), (address("amy"), 1, 4, 1)]
    assert [credits_ for _, credits_, *_ in rows] == [4, 0]


def test_a_crm_users_complete_data(crm: Database) -> None:
    """A row of the main table, then what they stored, then their counters."""
    with_amy = EXAMPLES["Get CRM user's complete data"].replace("user@example.com", address("amy"))
    found = [crm.sql(text) for text in with_amy.split(";") if text.strip()]
    assert [len(rows) for rows in found] == [1, 1, 4, 1, 1]
    assert [len(rows) for rows in run(crm, "Get CRM user's complete data")] == [0, 0, 0, 0, 0]


def test_crm_users_who_need_more_credits(crm: Database) -> None:
    """Amy, who has recorded until there was nothing left."""
    (rows,) = run(crm, "Get CRM users who need more credits")
    assert [row[:3] for row in rows] == [(address("amy"), 0, 4)]


def test_dashboard(crm: Database) -> None:
    """What the helper returns has the document's columns; the address of nobody gives no row."""
    assert run(crm, "get_crm_dashboard_data(email)") == [[]]
    text = EXAMPLES["get_crm_dashboard_data(email)"].replace("user@example.com", address("amy"))
    with crm.asking("amy") as connection:
        cursor = connection.execute(text)
        (row,) = cursor.fetchall()
        names = [column.name for column in cursor.description or ()]
    returned = re.search(r"Returns:\n((?:- `\w+`\n)+)", TEXT)
    assert returned is not None
    assert names == re.findall(r"`(\w+)`", returned[1])
    assert row[:5] == (1, 4, 1, 0, 0)


# --- export, monitoring, troubleshooting ------------------------------------------------------


def test_export(crm: Database) -> None:
    """The file is the server's, so its path is one that the server may write; all else is as it stands."""
    text = EXAMPLES["Export CRM User Data"]
    assert text.count("/path/to/crm_users_export.csv") == 1
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # the server may be run by somebody else
        file = f"{folder}/crm_users_export.csv"
        crm.sql(text.replace("/path/to/crm_users_export.csv", file))
        copied = crm.one("select pg_read_file(%s)", file)
    head, *lines = copied.splitlines()
    assert head.split(",") == [
        *("email", "user_id", "credits_remaining", "payment_details", "user_created_at", "last_sync_at", "is_active"),
        *("total_applications", "total_recordings", "total_resumes"),
    ]
    assert sorted(line.split(",")[0] for line in lines) == [address("amy"), address("bob")]


def test_table_sizes(crm: Database) -> None:
    """The document's LIKE misses the main table, which has another name."""
    (rows,) = run(crm, "Check table sizes")
    assert {name for _, name, _ in rows} == {table.name for table in CRM_TABLES[1:]}


def test_record_counts(crm: Database) -> None:
    """All five tables."""
    (rows,) = run(crm, "Check record counts")
    assert dict(rows) == {
        "digital_resume_by_CRM": 2,
        "crm_job_requests": 1,
        "crm_recordings": 4,
        "crm_resumes": 1,
        "crm_dashboard_stats": 2,
    }


def test_trigger_status(crm: Database) -> None:
    """Those that count are among what the query looks for, and switched on."""
    (rows,) = run(crm, "Issue: Dashboard stats not updating")
    found = {row[3] for row in rows}
    assert {"crm_job_request_stats", "crm_recording_stats", "crm_resume_stats", "crm_credit_sync"} <= found
    enabled = crm.sql("select distinct tgenabled::text from pg_trigger where tgname like 'crm_%'")
    assert enabled == [("O",)]


def test_trigger_that_consumes(crm: Database) -> None:
    """It is there, once, and on the table of recordings."""
    (rows,) = run(crm, "Issue: Credits not being consumed")
    assert len(rows) == 1
    assert crm.one("select tgrelid::regclass::text from pg_trigger where tgname = 'crm_recording_consume_credit'") == (
        "crm_recordings"
    )


def test_unknown_address_is_a_foreign_key_violation(crm: Database) -> None:
    """As "Issue: Foreign key constraint violation" has it."""
    text, *given = insert("crm_job_requests", "amy", email="nobody@x.test")
    assert crm.refused("amy", text, *given).sqlstate == "23503"


# --- backup and restore -----------------------------------------------------------------------


def test_backup_is_restored(crm: Database, rules: Rules, tmp_path: Path) -> None:
    """The five tables are dumped by the document's command, lost, and put back: rows, policies and triggers.

    The dump names functions and other tables and has none of them: it is for a database that was
    migrated. What went with the five (the view, other tables' policies) the migrations put back.
    """
    where = conninfo_to_dict(crm.dsn)
    command = EXAMPLES["Backup CRM Tables"].replace("\\\n", " ").partition("\n")[2]
    for placeholder, name in (("your-host", "host"), ("your-user", "user"), ("your-db", "dbname")):
        assert placeholder in command
        command = command.replace(placeholder, shlex.quote(str(where.get(name) or "postgres")))
    environment = {"PGPORT": str(where.get("port") or "5432"), "PGPASSWORD": str(where.get("password") or "")}
    command = command.replace("pg_dump", shlex.quote(str(program("pg_dump", crm))), 1)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, check=True)

    state, catalog = crm.state(), crm.sql(POLICIES_AND_TRIGGERS)
    crm.sql(f"drop table {', '.join(table.name for table in CRM_TABLES)} cascade")
    psql = [str(program("psql", crm)), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "crm_tables_backup.sql", crm.dsn]
    restored = subprocess.run(psql, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    assert (restored.returncode, restored.stderr) == (0, "")
    for migration in migrations(rules):
        crm.sql(migration.up)

    assert crm.state() == state
    assert crm.sql(POLICIES_AND_TRIGGERS) == catalog
    assert broken_laws(crm) == {}
    crm.record("bob", video_url="https://v.test/2")
    assert crm.balance_of("bob") == 3
    assert crm.refused("amy", *insert("crm_recordings", "amy")).sqlstate == "P0001"
    assert crm.ask("amy", "select email from crm_dashboard_stats") == [(address("amy"),)]
    assert crm.ask(SERVICE, "select count(*) from crm_recordings where user_id = %s", user_id("bob")) == [(1,)]


POLICIES_AND_TRIGGERS = """
select tablename::text, policyname::text, concat(cmd, qual, with_check) from pg_policies where schemaname = 'public'
union all
select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
order by 1, 2
"""
