"""What a migrated database lets whom do, read from PostgreSQL's own catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm_adapters.postgres.access import SERVICE_ROLE, USER, VERBS
from crm_adapters.postgres.declared import folded, qualified
from crm_domain import HARDENED, SEED
from crm_domain.errors import PermissionDenied
from crm_domain.ids import SERVICE, user
from crm_domain.isolation import refuse_role
from crm_domain.rows import CRM_TABLES, CRM_USERS

from .asking import OURS, Database, user_id

AMY = user(user_id("amy"))


@pytest.fixture(scope="module")
def opened(make_database: Any) -> Iterator[Callable[..., Database]]:
    """Open one database of each reading."""
    databases: dict[Any, Database] = {}

    def of(rules: Any) -> Database:
        if rules not in databases:
            databases[rules] = Database(make_database(rules))
        return databases[rules]

    yield of
    for database in databases.values():
        database.close()


@pytest.fixture
def hardened(opened: Callable[..., Database]) -> Database:
    """A database under the hardened rules."""
    return opened(HARDENED)


@pytest.fixture
def seed(opened: Callable[..., Database]) -> Database:
    """A database of the document at its word."""
    return opened(SEED)


# --- functions --------------------------------------------------------------------------------

FUNCTIONS = "select oid, proname from pg_proc where pronamespace::regnamespace::text in ('public', 'crm_internal')"


def test_every_function_is_pinned(hardened: Database) -> None:
    """First pg_catalog and last pg_temp, so that nothing that a caller makes is taken for something else."""
    functions = hardened.sql(f"{FUNCTIONS} and true")
    pinned = hardened.sql(f"{FUNCTIONS} and proconfig = array['search_path=pg_catalog, pg_temp']")
    assert len(functions) > 30
    assert pinned == functions


def test_nobody_in_particular_may_call_a_function(hardened: Database) -> None:
    """Neither PUBLIC nor anon has EXECUTE on any of them."""
    assert hardened.sql(f"{FUNCTIONS} and has_function_privilege('anon', oid, 'execute')") == []
    assert hardened.sql(f"{FUNCTIONS} and (proacl is null or proacl::text ~ '[{{,]=')") == []


@pytest.mark.parametrize(
    ("role", "callable_"),
    [
        (
            USER,
            {
                *("get_crm_dashboard_data", "account_version", "use_idempotency_key", "answer_idempotency_key"),
                "lock_accounts",
                *(
                    "crm_normal_email",
                    "crm_lowered",
                    "crm_is_known",
                    "crm_spaces",
                ),  # a trigger normalises what users store
            },
        ),
        (
            SERVICE_ROLE,
            {
                *("get_crm_dashboard_data", "account_version", "use_idempotency_key", "answer_idempotency_key"),
                "lock_accounts",
                *("register_user", "sync_crm_user", "record_payment", "track_view", "track_login", "track_time"),
                *("crm_normal_email", "crm_lowered", "crm_is_known", "crm_spaces", "crm_email_fault"),
            },
        ),
    ],
)
def test_roles_may_call_what_they_need(hardened: Database, role: str, callable_: set[str]) -> None:
    """And nothing else: no helper that grants credits, no operation of the service by a user."""
    found = hardened.sql(f"{FUNCTIONS} and has_function_privilege('{role}', oid, 'execute')")
    assert {name for _, name in found} == callable_


def test_definer_functions_name_everything_with_its_schema(hardened: Database, seed: Database) -> None:
    """And know who asks from auth.uid() alone: none of them takes the identity of the caller as an argument it believes."""
    names = "|".join(folded(table) for table in OURS)
    unqualified = rf"(?<![.\w])(?:{names})\b(?!\.)"
    bodies = f"{FUNCTIONS.replace('oid, proname', 'proname, prosrc')} and prosecdef"
    tables = re.compile(rf"(?:from|join|into|update)\s+{unqualified}")
    assert [name for name, body in hardened.sql(bodies) if tables.search(body)] == []
    assert [name for name, body in seed.sql(bodies) if tables.search(body)] != []


def test_seed_leaves_functions_open(seed: Database) -> None:
    """The hole that ``definer_safety`` closes: not pinned, and everybody may call them."""
    assert seed.sql(f"{FUNCTIONS} and proconfig is not null") == []
    everything = seed.sql(FUNCTIONS)
    assert seed.sql(f"{FUNCTIONS} and has_function_privilege('anon', oid, 'execute')") == everything


OFFERED = {
    *("get_crm_dashboard_data", "account_version", "use_idempotency_key", "answer_idempotency_key", "lock_accounts"),
    *("register_user", "sync_crm_user", "record_payment", "track_view", "track_login", "track_time"),
}
"""What front ends and the service call."""

FUNCTIONS_OF = "select proname from pg_proc where pronamespace = to_regnamespace(%s)"


def test_only_what_is_offered_stands_in_public(hardened: Database, seed: Database) -> None:
    """PostgREST looks for functions in ``public``; what triggers, checks and policies need stands in a schema of its own."""
    assert {name for (name,) in hardened.sql(FUNCTIONS_OF, "public")} == OFFERED
    assert len(hardened.sql(FUNCTIONS_OF, "crm_internal")) > 30
    assert {name for (name,) in seed.sql(FUNCTIONS_OF, "public")} > OFFERED
    assert seed.one("select to_regnamespace('crm_internal') is null")


def test_roles_use_the_schema_out_of_sight_and_make_nothing_there(hardened: Database) -> None:
    """Policies, checks and triggers run with the rights of who asks; ``anon`` and PUBLIC have nothing to do with it."""
    ask = "select has_schema_privilege(%s, 'crm_internal', %s)"
    for role, used in ((USER, True), (SERVICE_ROLE, True), ("anon", False)):
        assert (hardened.one(ask, role, "usage"), hardened.one(ask, role, "create")) == (used, False)
    acl = hardened.one("select nspacl::text from pg_namespace where nspname = 'crm_internal'")
    assert not re.search(r"[{,]=", acl)


# --- tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [SEED, HARDENED], ids=["seed", "hardened"])
@pytest.mark.parametrize(("role", "principal"), [(USER, AMY), (SERVICE_ROLE, SERVICE)])
def test_grants_are_what_the_rules_allow(
    opened: Callable[..., Database], rules: Any, role: str, principal: Any
) -> None:
    """For each role, table and verb: granted exactly if no rule forbids it; nothing to anon."""
    database = opened(rules)
    for table in OURS:
        for verb in VERBS:
            granted = (
                database.one("select has_any_column_privilege(%s, %s, %s)", role, qualified(table), verb)
                if (verb != "DELETE")
                else database.one("select has_table_privilege(%s, %s, %s)", role, qualified(table), verb)
            )
            try:
                refuse_role(principal, verb, table, rules)
                allowed = True
            except PermissionDenied:
                allowed = False
            assert granted == allowed, (table, verb)
        assert database.sql("select privilege_type from information_schema.role_table_grants"
                            " where grantee in ('anon', 'PUBLIC') and table_schema = 'public'") == []  # fmt: skip


@pytest.mark.parametrize("privilege", ["TRUNCATE", "REFERENCES", "TRIGGER"])
def test_nobody_may_do_what_no_policy_minds(hardened: Database, seed: Database, privilege: str) -> None:
    """Default grants give it away, as the document does; row policies do not stop TRUNCATE."""
    for role in (USER, SERVICE_ROLE):
        ask = f"select has_table_privilege('{role}', 'public.crm_recordings', '{privilege}')"
        assert (hardened.one(ask), seed.one(ask)) == (False, True)


def test_a_trigger_keeps_whose_row_it_is(hardened: Database, seed: Database) -> None:
    """Users may name every column of what they update; of an owner's column, a trigger refuses a change."""
    triggers = "select tgrelid::regclass::text, tgname from pg_trigger where tgname like 'crm_d_owner_%'"
    kept = {(table, name.removeprefix("crm_d_owner_")) for table, name in hardened.sql(triggers)}
    for table in OURS:
        writable = [
            c.name
            for c in table.columns
            if hardened.one("select has_column_privilege(%s, %s, %s, 'update')", USER, qualified(table), c.name)
        ]
        assert writable in ([], list(table.by_name)), table
        if writable:
            assert {(folded(table), c.name) for c in table.columns if c.owner} <= kept
    assert seed.sql(triggers) == []


@pytest.mark.parametrize("rules", [SEED, HARDENED], ids=["seed", "hardened"])
def test_every_table_has_row_level_security(opened: Callable[..., Database], rules: Any) -> None:
    """Each has it switched on, with a policy for the service, and one for each verb that users have."""
    database = opened(rules)
    off = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity"
    assert database.sql(off) == []
    for table in CRM_TABLES[1:4]:
        policies = database.sql(
            "select cmd, roles::text from pg_policies where tablename = %s order by 1", folded(table)
        )
        users = [(verb, f"{{{USER}}}") for verb in ("DELETE", "INSERT", "SELECT", "UPDATE")]
        assert policies == [("ALL", f"{{{SERVICE_ROLE}}}"), *users]


def test_policies_ask_once_who_it_is(hardened: Database) -> None:
    """``(select auth.uid())``, never ``auth.uid()`` for each row."""
    policies = hardened.sql("select concat(qual, with_check) from pg_policies where roles::text ~ 'authenticated'")
    assert len(policies) > 20
    for (condition,) in policies:
        assert condition.count("auth.uid()") == condition.count("( SELECT auth.uid() AS uid)") > 0


def test_view_has_the_exact_name_and_its_readers_rights(hardened: Database) -> None:
    """The front end writes ``digital_resume_by_CRM``, which PostgreSQL folds without quotes."""
    assert hardened.one("select reloptions::text from pg_class where relname = %s", CRM_USERS.name) == (
        "{security_invoker=true}"
    )
    hardened.sync("amy", "bob")
    query = 'select email from public."digital_resume_by_CRM"'
    assert hardened.ask("amy", query) == [("amy@x.test",)]
    assert len(hardened.ask(SERVICE_ROLE, query)) == 2
    assert hardened.refused("anon", query).sqlstate == "42501"


# --- what the document names ------------------------------------------------------------------


@pytest.mark.parametrize("rules", [SEED, HARDENED], ids=["seed", "hardened"])
def test_indexes_are_the_documents(opened: Callable[..., Database], rules: Any) -> None:
    """E-mail, user and time of creation of every table, and the additional two ("Indexes")."""
    database = opened(rules)
    led = database.sql(
        "select tablename, (regexp_match(indexdef, '\\(([^,)]*)'))[1] from pg_indexes where schemaname = 'public'"
    )
    wanted = {(folded(t), c) for t in CRM_TABLES for c in ("email", "user_id", "created_at")}
    wanted -= {(folded(CRM_USERS), "created_at")}  # which has no such column
    wanted |= {
        (folded(CRM_USERS), "user_created_at"),
        ("crm_recordings", "job_request_id"),
        ("crm_resumes", "is_primary"),
    }
    assert wanted <= set(led)


@pytest.mark.parametrize("rules", [SEED, HARDENED], ids=["seed", "hardened"])
def test_columns_are_the_documents(opened: Callable[..., Database], rules: Any) -> None:
    """Every table has the declared columns, in their order, and no others."""
    database = opened(rules)
    for table in OURS:
        found = database.sql(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum",
            qualified(table),
        )
        assert [name for (name,) in found] == list(table.by_name)


def test_references_are_composite(hardened: Database) -> None:
    """A row's address and user are one account's, and its job request is its owner's, by foreign keys."""
    keys = {name for (name,) in hardened.sql("select conname from pg_constraint where contype = 'f'")}
    pairs = {f"{folded(table)}_owner_pair_fkey" for table in CRM_TABLES[1:]}
    assert pairs | {"crm_recordings_same_owner_reference_fkey", "recordings_same_owner_reference_fkey"} <= keys
