"""What pg_dump writes is restored whole, with the flags that the README of the PostgreSQL folder names, and not otherwise."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from .asking import SERVICE, Database, address, broken_laws, insert, user_id
from .programs import program

FIVE = ("digital_resume_by_CRM", "crm_job_requests", "crm_recordings", "crm_resumes", "crm_dashboard_stats")
"""What the document's own command names ("Backup CRM Tables")."""

Restored: TypeAlias = Callable[..., tuple[Database, str]]
"""Restores a dump made with some options into a database; returns that, and what psql said."""


@pytest.fixture(scope="module")
def source(make_database: Any) -> Iterator[Database]:
    """Two CRM users with all that counters and the ledger remember, and rows alone do not say."""
    database = Database(make_database())
    database.sync("amy", "bob")
    for name in ("amy", "bob"):
        for _ in range(2):
            database.record(name, video_url="a", status="completed")
        database.ask(name, *insert("crm_job_requests", name))
        database.ask(name, *insert("crm_resumes", name, resume_url="a", is_primary=True))
    database.ask("amy", "delete from crm_job_requests")
    database.ask(SERVICE, "select record_payment(%s, 12.99, 'a')", user_id("amy"))
    database.balance("bob", 1)
    database.ask(SERVICE, "update digital_resume_by_crm set is_active = false where email = %s", address("bob"))
    yield database
    database.close()


def _run(name: str, database: Database, *options: str, text: str = "", env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [program(name, database), *options, f"--dbname={database.dsn}"],
        input=text,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout if name == "pg_dump" else done.stderr


@pytest.fixture
def restored(source: Database, make_database: Any) -> Iterator[Restored]:
    """Restore dumps of the source into other databases."""
    opened: list[Database] = []

    def into(target: str, *options: str, env: Mapping[str, str] | None = None) -> tuple[Database, str]:
        database = Database(target)
        opened.append(database)
        said = _run("psql", database, "--quiet", "--no-psqlrc", text=_run("pg_dump", source, *options), env=env)
        return database, said

    yield into
    for database in opened:
        database.close()


def whole(database: Database) -> list[Any]:
    """Return every row, with how many events each account has seen."""
    return [database.state(), database.sql("select * from account_versions order by 1")]


WAYS: Sequence[Any] = [
    pytest.param(["--disable-triggers"], {}, id="disable-triggers"),
    pytest.param([], {"PGOPTIONS": "-c session_replication_role=replica"}, id="session_replication_role"),
]


@pytest.mark.parametrize(("options", "env"), WAYS)
def test_data_is_restored_while_triggers_are_off(
    source: Database, restored: Restored, make_database: Any, options: list[str], env: dict[str, str]
) -> None:
    """Row for row, in migrated tables; and afterwards the rules go on from there."""
    database, said = restored(make_database(), "--data-only", *options, env=env)
    assert said == ""
    assert whole(database) == whole(source)
    database.record("amy", video_url="b")
    assert database.balance_of("amy") == source.balance_of("amy") - 1
    assert database.refused("bob", *insert("crm_job_requests", "bob")).sqlstate == "42501"
    assert broken_laws(database) == {}


def test_data_that_passes_the_triggers_leaves_half_a_state(
    source: Database, restored: Restored, make_database: Any
) -> None:
    """What is restored is charged, granted and counted again: some tables are refused, others are not the same."""
    database, said = restored(make_database(), "--data-only")
    assert "The balance is 0 credits and a recording costs 1" in said
    assert database.one("select count(*) from crm_recordings") == 0
    assert database.one("select count(*) from profiles") == 2
    assert whole(database) != whole(source)


def test_a_whole_dump_restores_by_itself(source: Database, restored: Restored, postgres_server: str) -> None:
    """It makes the triggers behind the rows; roles are the server's, and are there."""
    name = sql.Identifier(f"crm_restored_{os.getpid()}")
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template template0").format(name))
        try:
            database, said = restored(make_conninfo(postgres_server, dbname=name.as_string().strip('"')))
            assert said == ""
            assert whole(database) == whole(source)
            database.record("amy", video_url="b")
            assert broken_laws(database) == {}
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(name))


def _five() -> list[str]:
    return [f"--table={table}" for table in FIVE]


def test_the_documents_five_tables_do_not_restore_alone(restored: Restored, make_database: Any) -> None:
    """Into a database without the migrations: no function that the triggers name is there, and no person."""
    database, said = restored(make_database(None), *_five())
    assert 'schema "crm_internal" does not exist' in said
    assert 'is not present in table "users"' in said
    assert database.one("select count(*) from auth.users") == 0


def test_the_documents_five_tables_lack_people_and_ledger(
    source: Database, restored: Restored, make_database: Any
) -> None:
    """Into migrated tables their rows come back whole, and belong to people and credits that are not there."""
    database, said = restored(make_database(), "--data-only", "--disable-triggers", *_five())
    assert said == ""
    state, before = database.state(), source.state()
    assert {name for name, rows in before.items() if rows} - {name for name, rows in state.items() if rows} == {
        *("auth.users", "profiles", "payments", "credit_grants", "credit_consumptions"),
    }
    assert all(state[name] == before[name] for name in FIVE)
