"""On whose behalf does a function run? The role says whether it is the service's, and the token says which user's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from crm_domain import HARDENED, SEED

from .asking import SERVICE, Database, address, insert, user_id

NO_USER = [
    pytest.param({"role": "authenticated"}, id="no sub"),
    pytest.param({"role": "service_role"}, id="claims to be the service"),
    pytest.param({"role": "authenticated", "sub": None}, id="sub is null"),
    pytest.param({}, id="no claims"),
    pytest.param([], id="a list"),
    pytest.param(None, id="null"),
    pytest.param("service_role", id="a text"),
    pytest.param("", id="an empty setting"),
]
"""What a token of the role ``authenticated`` may hold that names no user."""

OPERATIONS = [
    ("use_idempotency_key('k', 'f')", "caller"),
    ("answer_idempotency_key('k', '{}')", "caller"),
    ("register_user('eve@x.test')", ""),
    ("sync_crm_user('eve@x.test')", ""),
    (f"record_payment('{user_id('amy')}', 12.99, 'ref')", ""),
    (f"track_view('{address('amy')}')", ""),
    (f"track_login('{address('amy')}')", ""),
    (f"track_time('{address('amy')}', 1)", ""),
]


@pytest.fixture(scope="module")
def database(make_database: Any) -> Iterator[Database]:
    """Amy is a CRM user with a row in every table, and the service was paid under a key."""
    opened = Database(make_database(HARDENED))
    opened.sync("amy")
    opened.record("amy", video_url="a")
    opened.ask("amy", *insert("crm_job_requests", "amy"))
    opened.ask("amy", *insert("crm_resumes", "amy", resume_url="a"))
    with opened.asking(SERVICE) as connection:
        connection.execute("select use_idempotency_key('k', 'f')")
        connection.execute("select record_payment(%s, 12.99, '1')", [user_id("amy")])
        connection.execute("""select answer_idempotency_key('k', '{"credited": true}')""")
    yield opened
    opened.close()


def ask(database: Database, claims: Any, text: str, role: str = "authenticated") -> list[tuple[Any, ...]]:
    """Send one statement under a token that holds *claims*."""
    with database.connection.transaction():
        database.connection.execute(f"set local role {role}")
        text_of_claims = claims if claims == "" else json.dumps(claims)
        database.connection.execute("select set_config('request.jwt.claims', %s, true)", [text_of_claims])
        return list(database.connection.execute(text).fetchall())


@pytest.mark.parametrize("claims", NO_USER)
@pytest.mark.parametrize(("call", "rule"), OPERATIONS)
def test_a_token_without_a_user_is_refused(database: Database, claims: Any, call: str, rule: str) -> None:
    """It is nobody's, not the service's: each operation refuses it and changes nothing."""
    state = database.state()
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        ask(database, claims, f"select {call}")
    assert (refused.value.diag.constraint_name or "") == rule
    assert database.state() == state


@pytest.mark.parametrize("claims", NO_USER)
def test_a_token_without_a_user_sees_no_row(database: Database, claims: Any) -> None:
    """Neither in a table or view nor in a function that reads; a row that it stores, its own or no one's, is refused."""
    state = database.state()
    read = database.sql("""
        select oid::regclass::text from pg_class
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and has_table_privilege('authenticated', oid, 'select')
    """)
    assert len(read) > 10
    for (table,) in read:
        assert ask(database, claims, f"select * from {table}") == [], table
    assert ask(database, claims, f"select * from get_crm_dashboard_data('{address('amy')}')") == []
    assert ask(database, claims, "select account_version()") == [(0,)]
    assert ask(database, claims, f"select account_version('{user_id('amy')}')") == [(0,)]
    for table in ("crm_job_requests", "crm_recordings", "crm_resumes", "job_requests", "recordings", "resumes"):
        url = {"resume_url": "a"} if table.endswith("resumes") else {}
        for owner in (user_id("amy"), None):
            row = {"user_id": owner, **url} | ({"email": address("amy")} if table.startswith("crm_") else {})
            values = ", ".join("null" if value is None else f"'{value}'" for value in row.values())
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.NotNullViolation)):
                ask(database, claims, f"insert into {table} ({', '.join(row)}) values ({values}) returning 1")
        assert ask(database, claims, f"delete from {table} returning 1") == []
        assert ask(database, claims, f"update {table} set created_at = now() returning 1") == []
    assert database.state() == state


@pytest.mark.parametrize("sub", ["amy", "", 1, {"id": user_id("amy")}, f"{user_id('amy')}/service"])
def test_a_sub_that_is_no_uuid_ends_the_statement(database: Database, sub: Any) -> None:
    """It is an error wherever it is looked at, for a table as for a function."""
    state = database.state()
    for text in ("select use_idempotency_key('k', 'f')", "select * from crm_recordings", "select * from profiles"):
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            ask(database, {"role": "authenticated", "sub": sub}, text)
    assert database.state() == state


@pytest.mark.parametrize("claims", [{}, {"role": "authenticated"}, {"sub": user_id("amy")}, ""])
def test_the_role_alone_is_the_service(database: Database, claims: Any) -> None:
    """Whatever its token says: its keys are the service's, and it provisions whom it names."""
    call = "select use_idempotency_key('k', 'f')"
    assert ask(database, claims, call, SERVICE) == [({"answer": {"credited": True}},)]
    sync = f"select sync_crm_user('{address('bob')}', '{user_id('bob')}')::text"
    assert ask(database, claims, sync, SERVICE) == [(user_id("bob"),)]
    assert ask(database, {"role": SERVICE, "sub": user_id(f"claims {claims}")}, call) == [(None,)]


def test_a_login_as_the_service_is_the_service(database: Database) -> None:
    """Where the session itself is the role's, without SET ROLE."""
    database.sql(f"set session authorization {SERVICE}")
    assert database.sql("select use_idempotency_key('k', 'f')") == [({"answer": {"credited": True}},)]
    database.sql("reset session authorization")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="The token names no user") as refused:
        database.sql("select use_idempotency_key('k', 'f')")  # the owner says which role it is
    assert "use the role service_role" in str(refused.value.diag.message_hint)


@pytest.mark.parametrize("claims", NO_USER)
def test_provisioning_oneself_needs_a_user(make_database: Any, claims: Any) -> None:
    """Where users may provision themselves, a token without one may not provision others."""
    database = Database(make_database(HARDENED.without("tracking_read_only")))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(database, claims, f"select sync_crm_user('{address('amy')}')")
    assert database.rows("auth.users") == []
    assert ask(database, {"sub": user_id("amy")}, f"select sync_crm_user('{address('amy')}')::text") == [
        (user_id("amy"),)
    ]
    database.close()


@pytest.mark.parametrize("rules", [SEED, HARDENED.without("definer_safety")], ids=["seed", "hardened without"])
def test_without_the_safeguard_no_user_is_the_service(make_database: Any, rules: Any) -> None:
    """The hole that ``definer_safety`` closes: the service's stored answer is read."""
    database = Database(make_database(rules))
    with database.asking(SERVICE) as connection:
        connection.execute("select use_idempotency_key('k', 'f')")
        connection.execute("""select answer_idempotency_key('k', '{"credited": true}')""")
    assert ask(database, {}, "select use_idempotency_key('k', 'f')") == [({"answer": {"credited": True}},)]
    database.close()
