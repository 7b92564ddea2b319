"""On Supabase the migrations run as they are: by an owner who is no superuser, under its default grants.

There ``auth.users`` is somebody else's, and whatever is made in ``public`` is granted to everybody.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from crm_adapters.postgres import migrations
from crm_domain import HARDENED, SEED

from .asking import SERVICE, Database, address, broken_laws, insert, user_id

OWNER = f"crm_owner_{os.getpid()}"

LIKE_SUPABASE = f"""
create role {OWNER} nologin bypassrls;
do $$ begin execute format('grant create on database %I to {OWNER}', current_database()); end $$;
grant usage, create on schema public to {OWNER};
grant usage on schema auth to {OWNER};
grant all on auth.users to {OWNER};
grant anon, authenticated, service_role to {OWNER};
grant execute on function auth.uid() to {OWNER};
alter default privileges for role {OWNER} in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role {OWNER} in schema public grant all on functions to anon, authenticated, service_role;
"""


@pytest.fixture(params=[SEED, HARDENED], ids=["seed", "hardened"])
def database(request: Any, make_database: Any) -> Iterator[Database]:
    """A database like Supabase's, to which the owner applied the migrations, twice."""
    opened = Database(make_database(None))
    opened.sql(LIKE_SUPABASE)
    opened.sql(f"set role {OWNER}")
    for migration in migrations(request.param) * 2:
        opened.sql(migration.up)
    opened.sql("reset role")
    yield opened
    opened.sql(f"drop owned by {OWNER} cascade; drop role {OWNER}")
    opened.close()


def test_everything_works(database: Database) -> None:
    """The service provisions, is paid and tracks; users store, and pay for it; whatever is stored keeps the laws."""
    database.sync("amy")
    database.ask(SERVICE, "select record_payment(p_user_id => %s, p_amount => 12.99, p_ref => '1')", user_id("amy"))
    database.ask(SERVICE, "select track_view(p_email => %s)", address("amy"))
    database.ask("amy", *insert("crm_job_requests", "amy"))
    database.record("amy", video_url="a")
    dashboard = "select * from get_crm_dashboard_data(%s)"
    assert database.ask("amy", dashboard, address("amy"))[0][:5] == (1, 1, 0, 1, 6)
    database.balance("amy", 0)
    assert database.refused("amy", *insert("crm_recordings", "amy")).sqlstate == "P0001"
    assert broken_laws(database) == {}


def test_default_grants_are_taken_back(database: Database) -> None:
    """Nobody in particular may read or write a table, or get anything out of a function."""
    tables = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')"
    for privilege in ("select", "insert", "update", "delete", "truncate", "references", "trigger"):
        assert database.sql(f"{tables} and has_table_privilege('anon', oid, '{privilege}')") == []
    for call in ("register_user('x@x.test')", "sync_crm_user('x@x.test')", "get_crm_dashboard_data('x@x.test')"):
        assert database.refused("anon", f"select {call}").sqlstate == "42501"
