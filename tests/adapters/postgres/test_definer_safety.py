"""Whatever a caller makes under the names that our functions use, none of it runs with others' rights, or changes an answer."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from crm_adapters.postgres import migrations
from crm_adapters.postgres.errors import ServerLost
from crm_adapters.postgres.escalation import others_rights
from crm_adapters.postgres.keyed import opened
from crm_adapters.postgres.planted import PLACED_KINDS, TEMPORARY, TEMPORARY_KINDS, path_through, plantings, witness
from crm_domain import HARDENED, SEED
from crm_domain.clocks import label_uuid
from crm_domain.commands import CreateRecording, SyncCrmUser
from crm_domain.ids import SERVICE as THE_SERVICE
from crm_domain.testing import AMY

from .asking import ANON, SERVICE, Database, address, insert, user_id
from .test_supabase import LIKE_SUPABASE, OWNER

PLUGINS = f"crm_plugins_{os.getpid()}"
"""A schema in which everyone may make what they like."""

PLANTED = {
    "domains": [("domain", TEMPORARY), ("function", TEMPORARY), ("operator", TEMPORARY)],
    "types with casts, and tables": [
        ("type", TEMPORARY),
        ("table", TEMPORARY),
        ("function", PLUGINS),
        ("operator", PLUGINS),
    ],
    "views": [("view", TEMPORARY)],
}
"""What is planted at the same time; a name stands for one thing."""

WHO = ("amy", "cal", "nobody", SERVICE, ANON)
"""A CRM user, a regular one, one who owns nothing, the service, and who has not signed in."""

OF_OURS = "p.pronamespace::regnamespace::text in ('public', 'crm_internal')"
"""Which functions the migrations made."""

JOB, RECORDING, RESUME = map(label_uuid, ("job-1", "recording-1", "resume-1"))


@pytest.fixture(scope="module", params=["superuser", "another owner"])
def database(request: Any, make_database: Any) -> Iterator[Database]:
    """A database of each kind of owner, in which Amy and Cal have a row in every table that is theirs."""
    made = Database(make_database(HARDENED if request.param == "superuser" else None))
    if request.param == "another owner":
        made.sql(LIKE_SUPABASE)
        made.sql(f"set role {OWNER}")
        for migration in migrations(HARDENED):
            made.sql(migration.up)
        made.sql("reset role")
    made.sql(f"create schema {PLUGINS}; grant all on schema {PLUGINS} to public; set track_functions = 'all'")
    made.sync("amy", "bob")
    made.sql("insert into auth.users (id, email) values (%s, 'eve@x.test')", user_id("eve"))  # and no profile yet
    for table, columns in (
        ("job_requests", {"id": JOB}),
        ("recordings", {"id": RECORDING}),
        ("resumes", {"id": RESUME, "resume_url": "a"}),
    ):
        made.ask("amy", *insert(f"crm_{table}", "amy", **columns))
        if table == "job_requests":
            made.ask(SERVICE, "select register_user(%s, %s)", address("cal"), user_id("cal"))
            made.ask(SERVICE, "select record_payment(%s, 12.99, 'cal')", user_id("cal"))
        made.ask("cal", *insert(table, "cal", **columns))
    yield made
    if request.param == "another owner":
        made.sql(f"drop owned by {OWNER} cascade; drop role {OWNER}")
    made.close()


# --- what is asked ------------------------------------------------------------------------------

CALLS: dict[str, Sequence[str]] = {
    "amy": (
        f"insert into public.crm_job_requests (user_id, email) values ('{user_id('amy')}', ' Amy@X.test') returning email",
        f"insert into public.crm_job_requests (user_id, email) values ('{user_id('amy')}', 'ämy@x.test')",
        f"insert into public.crm_recordings (user_id, email) values ('{user_id('amy')}', 'amy@x.test') returning status",
        f"insert into public.crm_recordings (user_id, email) select '{user_id('amy')}', 'amy@x.test' from pg_catalog.generate_series(1, 9)",
        f"insert into public.crm_resumes (user_id, email, resume_url) values ('{user_id('amy')}', 'amy@x.test', 'a')",
        "update public.crm_job_requests set job_title = 'b', updated_at = updated_at returning job_title",
        "update public.crm_recordings set status = 'completed', video_url = 'b' returning video_url",
        "update public.crm_resumes set is_primary = true returning is_primary",
        "delete from public.crm_recordings returning status",
        "delete from public.crm_job_requests",
        "delete from public.crm_resumes",
        'select * from public."digital_resume_by_CRM"',
        "select * from public.get_crm_dashboard_data(' AMY@x.test')",
        "select public.account_version()",
    ),
    "cal": (
        f"insert into public.job_requests (user_id) values ('{user_id('cal')}') returning application_status",
        f"insert into public.recordings (user_id) values ('{user_id('cal')}') returning status",
        f"insert into public.recordings (user_id) select '{user_id('cal')}' from pg_catalog.generate_series(1, 9)",
        f"insert into public.resumes (user_id, resume_url) values ('{user_id('cal')}', 'a')",
        "update public.recordings set status = 'completed' returning status",
        "update public.resumes set resume_name = 'b' returning resume_name",
        "delete from public.recordings",
        "delete from public.job_requests",
        "delete from public.resumes",
    ),
    SERVICE: (
        f"select public.register_user('Dan@x.test', '{user_id('dan')}')",
        f"select public.sync_crm_user('Dan@x.test', '{user_id('dan')}')",
        "select public.sync_crm_user('ämy@x.test')",
        f"select public.sync_crm_user('AMY@x.test', '{user_id('amy')}')",
        f"select public.sync_crm_user('cal@x.test', '{user_id('cal')}')",
        f"select credited from public.record_payment('{user_id('amy')}', 12.99, 'a')",
        f"select credited from public.record_payment('{user_id('amy')}', 12.99, 'cal')",
        f"select credited from public.record_payment('{user_id('amy')}', 12.999, 'b')",
        "update public.profiles set credits_remaining = 9 returning credits_remaining",
        "update public.profiles set credits_remaining = 0 returning credits_remaining",
        f"insert into public.profiles (user_id, credits_remaining) values ('{user_id('eve')}', 2)",
        "update public.digital_resume_by_crm set credits_remaining = 9",
        "update public.digital_resume_by_crm set is_active = false returning is_active",
        "update public.crm_dashboard_stats set total_views = 7 returning total_views",
        "update public.crm_recordings set status = 'failed' returning status",
        "update public.recordings set status = 'failed' returning status",
        f"insert into public.job_requests (user_id) values ('{user_id('amy')}')",
        "delete from public.crm_recordings",
        "select public.track_view('AMY@x.test')",
        "select public.track_login('amy@x.test')",
        "select public.track_time('amy@x.test', 5)",
        "select public.track_time('amy@x.test', 9223372036854775807)",
        f"update public.profiles set user_id = '{user_id('dan')}'",
        "update public.digital_resume_by_crm set email = 'dan@x.test'",
        f"update public.crm_dashboard_stats set id = '{JOB}'",
        *(
            f"update public.{table} set id = '{user_id('dan')}'"
            for table in ("crm_job_requests", "crm_resumes", "job_requests", "recordings", "resumes")
        ),
    ),
}  # fmt: skip
"""What each may ask for, by which all functions run; each also calls every function that there is."""


ARGUMENTS = {
    "uuid": f"'{user_id('amy')}'",
    "uuid[]": f"array['{user_id('amy')}']::pg_catalog.uuid[]",
    "numeric": "12.99",
    "bigint": "1",
    "jsonb": "'{}'",
}


def every_function(database: Database) -> list[str]:
    """Return a call of each function that is not a trigger's."""
    functions = database.sql(f"""
        select p.pronamespace::regnamespace::text || '.' || p.proname, array(select format_type(a, null) from unnest(p.proargtypes::oid[]) a)
          from pg_proc p where {OF_OURS} and p.prorettype <> 'trigger'::regtype order by 1
    """)
    return [
        f"select {f}({', '.join(ARGUMENTS.get(kind, repr(address('amy'))) for kind in kinds)})"
        for f, kinds in functions
    ]


class Asked:
    """What comes back in a session of its own, which leaves nothing behind.

    Attributes:
        outcomes: What each call came to; times and new ids are left out.
        warnings: What the server warned of meanwhile.
        functions: The functions that ran.
    """

    def __init__(self, database: Database, who: str, begun: Sequence[str], calls: Sequence[str]) -> None:
        self.warnings: list[str] = []
        other = Database(database.dsn)
        other.connection.add_notice_handler(lambda notice: self.warnings.append(notice.message_primary or ""))
        other.sql("set track_functions = 'all'")
        try:
            with other.connection.transaction(force_rollback=True):
                role = who if who in {SERVICE, ANON} else "authenticated"
                other.sql(
                    "select set_config('request.jwt.claims', %s, true)",
                    json.dumps({"sub": user_id(who)} if role != who else {}),
                )
                other.sql(f"set local role {role}")
                for statement in begun:
                    other.connection.execute(statement)
                self.outcomes = [(call, self._outcome(other, call)) for call in calls]
                other.sql(
                    "reset role"
                )  # and still in the transaction: behind it, a slow server has handed the counts on
                self.functions = {name for (name,) in other.sql("select funcname from pg_stat_xact_user_functions")}
        finally:
            other.close()

    def _outcome(self, other: Database, call: str) -> Any:
        try:
            with other.connection.transaction(force_rollback=True):
                return [tuple(map(_lasting, row)) for row in other.sql(call)]
        except psycopg.Error as error:
            return error.sqlstate, error.diag.message_primary


def _lasting(value: Any) -> Any:
    return type(value) if isinstance(value, dt.datetime | uuid.UUID) else value


def made(database: Database, kind: str, place: str) -> list[str]:
    """Return statements that plant an object of a kind under every name that is mentioned."""

    def look_up(query: str) -> Any:
        with database.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    found = plantings(look_up, kind, place)
    assert len(found) >= 5
    return [statement for planting in found for statement in planting.statements]


def made_of_other_words(database: Database, kind: str) -> Iterator[str]:
    """Yield what plants an object under the words that mean nothing to the catalogue: variables, transition tables."""
    bodies = database.sql(f"select prosrc from pg_proc p where {OF_OURS}")
    words = {word for (body,) in bodies for word in re.findall(r"[a-z_][a-z0-9_]*", body)}
    known = database.sql("select typname from pg_type where typname = any (%s)", [*words])
    for word in sorted(words - {name for (name,) in known}):
        quoted = sql.Identifier(word[:63]).as_string()
        if kind == "domain":
            yield f"create domain pg_temp.{quoted} as pg_catalog.text check (pg_temp.planted('{word}'))"
        elif kind == "view":
            yield f"create temporary view {quoted} as select 1 as id where pg_temp.planted('{word}')"


@pytest.fixture(scope="module")
def asked_plainly(database: Database) -> Callable[[str], Asked]:
    """Return what comes back where nothing is planted."""
    return cache(lambda who: Asked(database, who, [], calls_of(database, who)))


def calls_of(database: Database, who: str) -> list[str]:
    """Return all that is asked; what is not theirs, users try too."""
    return [*CALLS.get(who, CALLS["amy"]), *every_function(database)]


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("planted", PLANTED)
def test_nothing_planted_runs(
    database: Database, asked_plainly: Callable[[str], Asked], who: str, planted: str
) -> None:
    """No code of the caller's runs as another role, and each call comes to what it comes to without it."""
    begun = [path_through(PLUGINS), *witness(who if who in {SERVICE, ANON} else "authenticated")]
    for kind, place in PLANTED[planted]:
        begun += [*made(database, kind, place), *made_of_other_words(database, kind)]
    asked = Asked(database, who, begun, calls_of(database, who))
    assert asked.warnings == []
    assert dict(asked.outcomes) == dict(asked_plainly(who).outcomes)


def test_every_function_runs(database: Database, asked_plainly: Callable[[str], Asked]) -> None:
    """In what is asked above, by one of those who ask."""
    ran = set().union(*(asked_plainly(who).functions for who in WHO))
    functions = database.sql(f"select proname from pg_proc p where {OF_OURS}")
    assert {name for (name,) in functions} - ran == set()


# --- what the kit finds -------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [SEED, HARDENED.without("definer_safety")], ids=["seed", "hardened without"])
def test_without_the_safeguard_each_kind_runs(make_database: Any, rules: Any) -> None:
    """The hole that ``definer_safety`` closes: each kind of object gets its owner's rights, and is shown in SQL."""
    dsn = make_database(rules)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"create schema {PLUGINS}; grant all on schema {PLUGINS} to public")
    with opened(dsn) as backend:
        backend.execute(THE_SERVICE, SyncCrmUser(user_id=AMY.user_id, email=AMY.email))
        backend.execute(AMY.principal, CreateRecording(id=RECORDING, user_id=AMY.user_id, email=AMY.email))
        before = backend.sent()
        for kind in (*TEMPORARY_KINDS, *PLACED_KINDS):
            text = others_rights(backend, kind)
            assert re.fullmatch(
                rf"planted by \w+: (temporary )?{kind} .* runs with the rights of \w+, in (?s:.+)", text
            )
            *_, shown = backend.sent()
            assert f"create {'temporary ' if kind in {'table', 'view'} else ''}{kind} " in shown
            assert shown.endswith("rollback; -- in a new session")
        assert len(backend.sent()) == len(before) + len((*TEMPORARY_KINDS, *PLACED_KINDS))


def test_warnings_of_others_are_no_finding(make_database: Any) -> None:
    """A function may warn of what it likes, and a type of the caller's may be used with the caller's own rights."""
    dsn = make_database(HARDENED)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("""
            create function public.warn(p text) returns text language plpgsql as $$
            begin raise warning 'this is old'; return p::text; end $$
        """)
    with opened(dsn) as backend:
        assert others_rights(backend, "domain") == ""
        assert backend.warnings_of(AMY.principal, ["select public.warn('a')"]) == ["this is old"]
        assert backend.warnings_of(AMY.principal, ["select nothing"]) == []
        backend._scratch.conninfo = make_conninfo(backend._scratch.conninfo, dbname="nowhere")
        with pytest.raises(ServerLost, match=r'the server lets no new session in: .*"nowhere" does not exist'):
            backend.warnings_of(AMY.principal, ["select 1"])
