"""A schema of one's own: what a file of operations may say of it, and what is done then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from crm_adapters.postgres.backend import PostgresBackend
from crm_adapters.postgres.errors import BadOperations, PostgresError
from crm_adapters.postgres.keyed import KeyedPostgresBackend, opened
from crm_adapters.postgres.operations import Operations, read_operations
from crm_domain import HARDENED, CheckViolation, NotNullViolation, UniqueViolation
from crm_domain import commands as c
from crm_domain.command_log import id_named
from crm_domain.errors import InsufficientCredits
from crm_domain.ids import ANON, SERVICE
from crm_domain.reads import Select
from crm_domain.rows import table_named
from crm_domain.testing import AMY, BOB, ColumnsNotThere
from crm_domain.testing.conforming.searching import Search

from .conftest import MakeDatabase
from .strangers.faults import operations, schema

ONE, TWO = map(id_named, ("recording-1", "recording-2"))
OWN: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}


def made(make_database: MakeDatabase, sql: str) -> str:
    dsn: str = make_database(None)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql)
    return dsn


def said(tmp_path: Path, text: str) -> Operations:
    path = tmp_path / "ops.toml"
    path.write_text(text)
    return read_operations(path)


def registered(backend: PostgresBackend, *people: Any) -> None:
    for person in people or (AMY,):
        backend.execute(SERVICE, c.RegisterUser(user_id=person.user_id, email=person.email))


def recorded(whose: Any = AMY, id_: str = ONE, **columns: Any) -> c.CreateRegularRecording:
    return c.CreateRegularRecording(id=id_, user_id=whose.user_id, **columns)


def balances(backend: PostgresBackend) -> list[int]:
    return [row["credits_remaining"] for row in backend.select(SERVICE, "profiles", {})]


# --- ids that the database chooses ----------------------------------------------------------------


def test_ids_that_the_database_chooses(make_database: MakeDatabase) -> None:
    """People and rows are found by the kit's ids; a name that stands for another is taken, until its row is gone."""
    with opened(made(make_database, schema("analyses")), operations=operations("analyses")) as backend:
        registered(backend, AMY, BOB)
        assert backend.execute(AMY.principal, recorded()) == {"id": ONE}
        (row,) = backend.select(AMY.principal, "recordings", {"id": ONE})
        assert (row["id"], row["user_id"]) == (ONE, AMY.user_id)
        assert backend.select(AMY.principal, "recordings", {"id": TWO}) == []
        with pytest.raises(UniqueViolation):
            backend.execute(BOB.principal, recorded(BOB))
        with pytest.raises(UniqueViolation):  # before what comes later in the order of refusals
            backend.execute(SERVICE, c.CreateRegularRecording(id=ONE, user_id=id_named("dan")))
        with pytest.raises(UniqueViolation):
            backend.execute(SERVICE, c.RegisterUser(user_id=AMY.user_id, email="another@x.test"))
        with pytest.raises(NotNullViolation):
            backend.execute(SERVICE, c.RegisterUser(user_id=None, email="another@x.test"))
        assert backend.execute(AMY.principal, c.Delete(table="recordings")) == {"affected": 1}
        assert backend.execute(BOB.principal, recorded(BOB)) == {"id": ONE}
        made_id = backend.execute(SERVICE, c.RegisterUser(email="cal@x.test"))["user_id"]
        assert made_id in {row["user_id"] for row in backend.select(SERVICE, "profiles", {})}
        backend.reset()
        assert backend.select(SERVICE, "profiles", {}) == []


def test_ids_that_are_made_while_others_are(make_database: MakeDatabase) -> None:
    """Commands that overlap are each taken over; what names a row that is there is asked one by one."""
    with opened(made(make_database, schema("analyses")), operations=operations("analyses")) as backend:
        registered(backend)
        asked = [(AMY.principal, recorded(id_=id_)) for id_ in (ONE, TWO, id_named("recording-3"))]
        outcomes = backend.execute_overlapping(asked)  # the server decides who comes first
        stored = [request for request, outcome in zip(asked, outcomes, strict=True) if isinstance(outcome, dict)]
        (refused,) = (outcome for outcome in outcomes if not isinstance(outcome, dict))
        assert isinstance(refused, InsufficientCredits)
        wanted = {command.id for _, command in stored}
        assert {row["id"] for row in backend.select(AMY.principal, "recordings", {})} == wanted
        again = backend.execute_overlapping(stored)
        assert [type(outcome) for outcome in again] == [UniqueViolation, UniqueViolation]


def test_an_id_that_does_not_come_back(make_database: MakeDatabase, tmp_path: Path) -> None:
    """Is a mistake of the file, and nothing is done."""
    text = """
    [tables]
    profiles = "public.user_credits"
    [columns.profiles]
    credits_remaining = "balance"
    [operations.register_user]
    sql = "select null as user_id from public.sign_up(gen_random_uuid(), {email})"
    """
    with opened(made(make_database, schema("credit_functions")), operations=said(tmp_path, text)) as backend:
        with pytest.raises(LookupError, match="it was told no user_id, and gave none back"):
            registered(backend)
        assert backend.select(SERVICE, "profiles", {}) == []


# --- operations -------------------------------------------------------------------------------


def test_steps_are_transactions(make_database: MakeDatabase) -> None:
    """What the first has done stays, if the second is refused; one that gives false is a refusal."""
    driven = operations("credit_functions", "credit_functions_in_steps")
    with opened(made(make_database, schema("credit_functions")), operations=driven) as backend:
        registered(backend)
        assert balances(backend) == [4]
        assert backend.execute(AMY.principal, recorded(video_url="a")) == {"id": ONE}
        with pytest.raises(UniqueViolation):
            backend.execute(AMY.principal, recorded())
        assert balances(backend) == [2]
        backend.execute(SERVICE, c.Update(table="profiles", set={"credits_remaining": 0}))
        with pytest.raises(InsufficientCredits):
            backend.execute(AMY.principal, recorded(id_=TWO))
        with pytest.raises(ColumnsNotThere, match="status"):
            backend.execute(AMY.principal, recorded(id_=TWO, status="failed"))
        with pytest.raises(CheckViolation):
            backend.execute(AMY.principal, recorded(id_=TWO, video_url="\0"))
        outcomes = backend.execute_overlapping([(AMY.principal, recorded(id_=id_)) for id_ in (ONE, TWO)])
        assert [type(outcome) for outcome in outcomes] == [InsufficientCredits, InsufficientCredits]
        backend.execute(SERVICE, c.Update(table="profiles", set={"credits_remaining": 4}))
        assert list(backend.execute_overlapping([(AMY.principal, recorded(id_=TWO))] * 1)) == [{"id": TWO}]
        assert "set local role service_role" in backend.sent()[-1]


def test_a_part_of_what_a_recording_costs(make_database: MakeDatabase) -> None:
    """A balance that pays for a part of a recording is none that can be shown."""
    dsn = made(make_database, schema("credit_functions"))
    with opened(dsn, operations=operations("credit_functions")) as backend:
        registered(backend)
        backend.send(SERVICE, ["update public.user_credits set balance = 7"])
        with pytest.raises(ValueError, match="credits_remaining is 7, no multiple of what a recording costs, 5"):
            backend.select(SERVICE, "profiles", {})


def test_a_session_of_its_own(make_database: MakeDatabase, tmp_path: Path) -> None:
    """Who asks is told in each transaction by a statement; without roles, the login asks; numbers are cast."""
    sql = """
    create table public.wallets (user_id uuid primary key, coins integer not null default 1, viewed integer default 0);
    alter table public.wallets enable row level security; alter table public.wallets force row level security;
    create role own_user nologin; grant select on public.wallets to own_user;
    create policy own on public.wallets using (user_id::text = current_setting('app.me', true));
    create function public.join_in(who uuid) returns uuid language sql as
      'insert into public.wallets (user_id) values (who) returning user_id';
    create function public.paid(who uuid, sum_paid integer) returns boolean language sql as 'select sum_paid = 13';
    """
    text = """
    [roles]
    user = "own_user"
    service = ""
    anon = "own_user"
    [session]
    begin = "select set_config('app.me', {asker}, true)"
    [tables]
    profiles = "public.wallets"
    digital_resume_by_CRM = ""
    [columns.profiles]
    credits_remaining = "coins"
    [operations.register_user]
    function = "public.join_in"
    arguments = { user_id = "who" }
    [operations.record_payment]
    function = "public.paid"
    arguments = { user_id = "who", amount = "sum_paid" }
    """
    dsn = made(make_database, sql)
    try:
        with opened(dsn, operations=said(tmp_path, text)) as backend:
            with pytest.raises(ColumnsNotThere, match="email"):
                registered(backend)
            backend.execute(SERVICE, c.RegisterUser(user_id=AMY.user_id, email=None))
            backend.execute(SERVICE, c.RegisterUser(user_id=BOB.user_id, email=None))
            assert [row["user_id"] for row in backend.select(AMY.principal, "profiles", {})] == [AMY.user_id]
            assert backend.select(ANON, "profiles", {}) == []
            paid = c.RecordPayment(user_id=AMY.user_id, amount="12.99", ref=None)
            assert backend.execute(SERVICE, paid) == {"credited": True}
            with pytest.raises(NotImplementedError, match="no table digital_resume_by_CRM"):
                backend.select(SERVICE, "crm_users", {})
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("drop owned by own_user; drop role own_user")


def test_a_role_of_its_own(make_database: MakeDatabase, tmp_path: Path) -> None:
    """The service asks for one operation in another role than for the rest."""
    text = (
        "[operations.track_view]\nrole = 'authenticated'\n"
        "sql = \"select pg_catalog.length(current_role)::int as affected where {email} <> ''\""
    )
    with opened(make_database(), operations=said(tmp_path, text)) as backend:
        assert backend.execute(SERVICE, c.TrackView(email="a")) == {"affected": len("authenticated")}


def test_keys_are_for_one_transaction(make_database: MakeDatabase, tmp_path: Path) -> None:
    """A command of several steps knows no idempotency keys."""
    steps = "[[operations.track_view.steps]]\nsql = 'select {email}'\n" * 2
    with opened(make_database(), operations=said(tmp_path, steps)) as backend:
        assert isinstance(backend, KeyedPostgresBackend)
        with pytest.raises(NotImplementedError, match="an idempotency key is kept in one transaction"):
            backend.execute_keyed(SERVICE, c.TrackView(email="a"), "key")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tables]\nprofiles = 'public.nothing'", "tables: the database has no table public.nothing."),
        ("[reads]\nprofiles = 'select 1 from nothing'", 'reads.profiles: relation "nothing" does not exist.'),
        (
            "[tables]\nresumes = ''\n[reads]\nprofiles = 'select 1 as one'",
            r"name what they are called under \[columns.profiles\]",
        ),
        ("[tables]\nprofiles = 'public.plain'", r"public.resumes has no column .* or say tables.resumes = '' if it is"),
        ("[roles]\nuser = 'no_one_here'\n[tables]\nprofiles = 'public.plain'", "the server has no role no_one_here"),
    ],
)
def test_what_the_database_does_not_have(make_database: MakeDatabase, tmp_path: Path, text: str, message: str) -> None:
    """It is one line that names the place."""
    sql = "create table public.plain (user_id uuid, credits_remaining int); create table public.resumes (id uuid)"
    with pytest.raises((BadOperations, PostgresError), match=message):
        opened(made(make_database, sql), operations=said(tmp_path, text))


# --- one table under two names ----------------------------------------------------------------


def test_a_table_behind_a_view(make_database: MakeDatabase) -> None:
    """What the view keeps, and the table that it stands for does not, is asked of both."""
    dsn = make_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "alter table public.digital_resume_by_crm disable row level security;"
            "grant update (payment_details) on public.digital_resume_by_crm to authenticated;"
            'revoke all on public."digital_resume_by_CRM" from authenticated'
        )
    with opened(dsn) as backend:
        for person in (AMY, BOB):
            backend.execute(SERVICE, c.SyncCrmUser(user_id=person.user_id, email=person.email))
        assert len(backend.select(AMY.principal, "crm_users", {})) == 2
        change = c.Update(table="crm_users", where={"user_id": BOB.user_id}, set={"payment_details": {"a": 1}})
        assert backend.execute(AMY.principal, change) == {"affected": 1}
        assert len(backend.select(SERVICE, "crm_users", {"payment_details": {"a": 1}})) == 1
        with pytest.raises(Exception, match="permission denied"):
            backend.execute(AMY.principal, c.Delete(table="crm_users"))


# --- by what else credits are reached -----------------------------------------------------------


def probed(dsn: str, driven: Operations) -> str:
    with opened(dsn, operations=driven) as backend:
        search = Search(backend, HARDENED)
        search.probes()
        return "\n".join(f"{', '.join(sorted(finding.laws))}: {finding.text}" for finding in search.findings)


REACHED: Sequence[tuple[str, str, str]] = [
    (
        (
            "create function public.gift(p_who uuid, p_n numeric) returns void language sql security definer set search_path = '' "
            "as 'update public.users set credits = credits + p_n::int where id = p_who'"
        ),
        "no_user_command_raises_credits",
        "raises their own balance from 13 to 14",
    ),
    (
        (
            "create function public.fine(p_mail text) returns void language sql security definer set search_path = '' "
            "as 'update public.users set credits = 0 where email = p_mail'"
        ),
        "service_passes_policies_not_rules",
        "anon executes fine: fine(cast('bob@x.test' as text)) takes another's balance from 13 to 0",
    ),
    (
        (
            "create function public.reset_own(p boolean) returns void language sql security definer set search_path = '' as "
            "'update public.users set credits = 1 where email = ''amy@x.test''' "
        ),
        "service_passes_policies_not_rules",
        "anon executes reset_own: reset_own(cast('true' as boolean)) takes a balance from 13 to 1",
    ),
    (
        (
            "create function public.list_all() returns setof public.users language sql security definer set search_path = '' "
            "as 'select * from public.users'"
        ),
        "reads_see_only_own_rows",
        "list_all() shows another's id",
    ),
    (
        (
            "create view public.balances as select * from public.users; grant select, update, delete on public.balances to anon, "
            "authenticated; create rule gone as on delete to public.balances do instead delete from public.users where id = old.id"
        ),
        "reads_see_only_own_rows",
        "user reads others' rows of balances; anon reads others' rows of balances",
    ),
    (
        "create view public.balances as select * from public.users; grant select, update, delete on public.balances to authenticated",
        "no_user_command_raises_credits",
        "user raises a balance through balances",
    ),
    (
        (
            "create table public.notes (owner uuid, body text); grant select, delete on public.notes to authenticated; "
            "create rule noted as on insert to public.users do also insert into public.notes values (new.id, 'a')"
        ),
        "service_passes_policies_not_rules",
        "user deletes others' rows of notes",
    ),
    (
        (
            "drop trigger charge_generation on public.generations; create trigger charge_generation before insert on "
            "public.generations for each row execute function public.charge_generation(); "
            "create or replace function public.charge_generation() returns trigger language plpgsql security definer "
            "set search_path = '' as $$ begin update public.users set credits = credits - 1 where id = new.user_id; return new; end $$"
        ),
        "one_credit_per_recording",
        "the balance went from 12 to 11, and ON CONFLICT stored no row",
    ),
]


@pytest.mark.parametrize(("sql", "law", "text"), REACHED)
def test_what_else_reaches_credits(make_database: MakeDatabase, sql: str, law: str, text: str) -> None:
    """Functions that anyone may execute and views by their owner's rights are found by the law that they break."""
    found = probed(made(make_database, f"{schema('generations')}; {sql}"), operations("generations"))
    assert f"{law}: " in found
    assert text in found


@pytest.mark.parametrize("name", ["generations", "credit_functions", "analyses"])
def test_nothing_else_reaches_credits(make_database: MakeDatabase, name: str) -> None:
    """In the examples as they are mended, nor where there is no balance to look at."""
    dsn = made(make_database, schema(name))
    assert probed(dsn, operations(name)) == ""


def test_no_balance_to_look_at(make_database: MakeDatabase, tmp_path: Path) -> None:
    """Then functions are not called."""
    sql = (
        "create table public.papers (id uuid primary key, user_id uuid); grant select on public.papers to service_role"
    )
    with opened(made(make_database, sql), operations=said(tmp_path, "[tables]\nresumes = 'public.papers'")) as backend:
        search = Search(backend, HARDENED)
        search.probes()
        assert search.findings == []
        assert backend.execute(SERVICE, Select(table=table_named("resumes"))) == []
