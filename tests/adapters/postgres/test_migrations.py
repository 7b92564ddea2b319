"""The two migrations run as the document says, again without a change, and back; under any mixture of safeguards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

import crm_adapters.postgres
from crm_adapters.postgres import migrations, shim
from crm_adapters.postgres.declared import literal
from crm_adapters.postgres.migrations import reading
from crm_domain import HARDENED, SAFEGUARDS, SEED, CreditPolicy, Rules

from .asking import Database, address, user_id

READINGS = pytest.mark.parametrize("rules", [SEED, HARDENED], ids=["seed", "hardened"])

CATALOG = """
select 'relation', c.relname, c.relkind::text, c.relacl::text, c.reloptions::text, c.relrowsecurity::text
  from pg_class c where c.relnamespace = 'public'::regnamespace
union all
select 'column', attrelid::regclass::text, attname, atttypid::regtype::text, attacl::text,
       attnotnull::text || coalesce(pg_get_expr(adbin, adrelid), '')
  from pg_attribute join pg_class c on c.oid = attrelid left join pg_attrdef d on d.adrelid = attrelid and adnum = attnum
 where c.relnamespace = 'public'::regnamespace and attnum > 0 and c.relkind in ('r', 'v')
union all
select 'function', p.oid::regprocedure::text, md5(prosrc), proacl::text, proconfig::text, prosecdef::text
  from pg_proc p where pronamespace::regnamespace::text in ('public', 'crm_internal')
union all
select 'schema', nspname, nspacl::text, null, null, null from pg_namespace where nspname in ('public', 'crm_internal')
union all
select 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid), null, null
  from pg_trigger t join pg_class c on c.oid = tgrelid where c.relnamespace = 'public'::regnamespace and not tgisinternal
union all
select 'policy', tablename, policyname, cmd, qual, with_check from pg_policies where schemaname = 'public'
union all
select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), null, null
  from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'f', 'c')
order by 1, 2, 3, 4
"""


@pytest.fixture
def plain(make_database: Any) -> Iterator[Database]:
    """A database with the shim alone."""
    database = Database(make_database(None))
    yield database
    database.close()


def apply(database: Database, *texts: str) -> None:
    for text in texts:
        database.connection.execute(text)


def up(database: Database, rules: Rules) -> None:
    apply(database, *(migration.up for migration in migrations(rules)))


def test_names_and_order_are_the_documents() -> None:
    """As in "Migration Order"."""
    assert [m.name for m in migrations()] == ["add_digital_resume_crm_table.sql", "add_crm_separate_tables.sql"]
    assert [m.down_name for m in migrations()] == [
        "add_digital_resume_crm_table.down.sql",
        "add_crm_separate_tables.down.sql",
    ]


@READINGS
def test_running_them_again_changes_nothing(plain: Database, rules: Rules) -> None:
    """Neither the catalogue nor a row; the shim, too."""
    up(plain, rules)
    plain.sync("amy")
    plain.record("amy", video_url="a")
    catalog, state = plain.sql(CATALOG), plain.state()
    assert len(catalog) > 300
    apply(plain, shim())
    up(plain, rules)
    assert plain.sql(CATALOG) == catalog
    assert plain.state() == state


@READINGS
def test_way_back_leaves_nothing(plain: Database, rules: Rules) -> None:
    """And the way up leads to the same again."""
    before = plain.sql(CATALOG)
    up(plain, rules)
    catalog = plain.sql(CATALOG)
    for _ in range(2):  # once more changes nothing
        apply(plain, *(migration.down for migration in reversed(migrations(rules))))
        assert plain.sql(CATALOG) == before
    up(plain, rules)
    assert plain.sql(CATALOG) == catalog


@READINGS
def test_each_is_one_transaction(rules: Rules) -> None:
    """It begins with ``begin``, ends with ``commit``, and has neither in between."""
    for migration in migrations(rules):
        for text in (migration.up, migration.down):
            lines = [line for line in text.splitlines() if line and not line.startswith("--")]
            assert (lines[0], lines[-1]) == ("begin;", "commit;")
            assert [line for line in lines if line in {"begin;", "commit;", "rollback;"}] == ["begin;", "commit;"]


def test_a_failure_leaves_nothing_half_done(plain: Database) -> None:
    """If the last statement of a migration fails, none of it was done."""
    before = plain.sql(CATALOG)
    first, _ = migrations()
    with pytest.raises(psycopg.errors.DivisionByZero):
        apply(plain, first.up.removesuffix("commit;\n") + "select 1 / 0;\ncommit;\n")
    plain.connection.rollback()
    assert plain.sql(CATALOG) == before


def test_other_rules_are_not_mixed_in(plain: Database) -> None:
    """A database that was migrated under one reading is refused under another, before anything is changed."""
    up(plain, SEED)
    catalog = plain.sql(CATALOG)
    with pytest.raises(
        psycopg.errors.RaiseException, match="is there under other rules: Main tracking table"
    ) as refused:
        up(plain, HARDENED)
    assert "Take those migrations back first" in str(refused.value.diag.message_hint)
    plain.connection.rollback()
    assert plain.sql(CATALOG) == catalog


def test_second_migration_asks_for_the_first(plain: Database) -> None:
    """Without it, or behind one of other rules, it says what is missing."""
    with pytest.raises(psycopg.errors.RaiseException, match="is not there, or under other rules than: hardened"):
        apply(plain, migrations()[1].up)


@pytest.mark.parametrize("name", SAFEGUARDS)
def test_each_safeguard_is_a_piece_of_its_own(plain: Database, name: str) -> None:
    """Without it, and with it alone, the SQL is another, and runs."""
    for rules in (HARDENED.without(name), SEED.having(name)):
        assert migrations(rules) not in {migrations(HARDENED), migrations(SEED)}
        assert reading(rules) == str(rules)
        up(plain, rules)
        plain.sync("amy")
        plain.record("amy", video_url="a")
        assert plain.balance_of("amy") == 3
        apply(plain, *(migration.down for migration in reversed(migrations(rules))))
        plain.sql("delete from auth.users")


def test_credits_come_from_the_policy(plain: Database) -> None:
    """What is given and what is asked for is what the rules say."""
    policy = CreditPolicy(
        initial_credits=2, credits_per_payment=7, price=Decimal("5.00"), refund_failed_recordings=True
    )
    up(plain, Rules(credit_policy=policy))
    plain.sync("amy")
    assert plain.balance_of("amy") == 2
    pay = "select credited from record_payment(p_user_id => %s, p_amount => %s, p_ref => '1')"
    assert plain.refused("service_role", pay, user_id("amy"), "12.99").sqlstate == "23514"
    assert plain.ask("service_role", pay, user_id("amy"), "5.00") == [(True,)]
    plain.record("amy", video_url="a")
    assert plain.balance_of("amy") == 8
    fail = "update crm_recordings set status = 'failed' where email = %s"
    plain.ask("amy", fail, address("amy"))
    assert plain.balance_of("amy") == 8
    plain.ask("service_role", "update crm_recordings set status = 'processing'")
    plain.ask("service_role", fail, address("amy"))
    assert plain.balance_of("amy") == 9
    revived = plain.refused("service_role", "update crm_recordings set status = 'completed'")
    assert (revived.sqlstate, revived.diag.constraint_name) == ("23514", "refunded")
    plain.ask("service_role", fail, address("amy"))
    assert plain.balance_of("amy") == 9


LINTED = {
    "up": [
        *("--include", "require-table-schema"),
        # What an earlier version of a file made and this one does without is taken away.
        *("--exclude", "ban-drop-function,ban-drop-constraint"),
    ],
    "down": [
        # A way back takes away what the way up made, and says so in its first line.
        *("--exclude", "ban-drop-table,ban-drop-function,ban-drop-view,ban-drop-schema"),
    ],
}


@READINGS
@pytest.mark.parametrize("way", LINTED)
def test_linter_has_nothing_to_say(tmp_path: Path, rules: Rules, way: str) -> None:
    """Squawk knows what locks and breaks databases; it is asked for names with their schemas, too."""
    texts = [getattr(migration, way) for migration in migrations(rules)] + ([shim()] if way == "up" else [])
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.sql").write_text(text, encoding="utf-8")
    squawk = Path(sys.executable).parent / "squawk"
    files = sorted(map(str, tmp_path.iterdir()))
    linted = subprocess.run(
        [squawk, "--pg-version", "15", *LINTED[way], *files], capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, f"\nFound 0 issues in {len(files)} files 🎉\n")


def test_schema_holds_plain_values_alone() -> None:
    """A default or condition of any other type is a mistake in a declaration."""
    assert [literal(value) for value in (True, 4, "o'clock")] == ["true", "4", "'o''clock'"]
    with pytest.raises(TypeError, match="has no place in the schema"):
        literal(Decimal("12.99"))


def test_backend_is_imported_when_it_is_asked_for() -> None:
    """Migrations are printed without hypothesis, which the kit that drives a database needs."""
    text = "import sys, crm_adapters.postgres as p; print('hypothesis' in sys.modules, p.opened.__name__, p.PostgresBackend.__name__)"
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert run.stdout == "False opened PostgresBackend\n"
    assert crm_adapters.postgres.opened.__module__ == "crm_adapters.postgres.keyed"
    assert crm_adapters.postgres.PostgresBackend.__module__ == "crm_adapters.postgres.backend"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = crm_adapters.postgres.nothing


def test_tables_of_an_earlier_version_get_the_checks_that_they_lack(plain: Database) -> None:
    """Their rows are let be, whatever they hold, until they are written; new ones are held to the checks."""
    for migration in migrations(HARDENED):
        plain.sql(migration.up)
    plain.sync("amy")
    plain.record("amy", video_url="a")
    names = plain.sql(
        "select conrelid::regclass::text, conname from pg_constraint where contype = 'c'"
        " and conname ~ '_(at|date|ref|key|data|details|answer)_check$' and conrelid::regclass::text <> 'auth.users'"
    )
    assert len(names) > 20
    for table, name in names:
        plain.sql(f"alter table {table} drop constraint {name}")
    plain.sql("update crm_recordings set recording_date = 'infinity'")
    for migration in (*migrations(HARDENED), *migrations(HARDENED)):
        plain.sql(migration.up)
    again = plain.sql(
        "select conrelid::regclass::text, conname from pg_constraint where contype = 'c' and not convalidated"
    )
    assert sorted(again) == sorted(names)
    assert plain.one("select recording_date::text from crm_recordings") == "infinity"
    refused = plain.refused("amy", "update crm_recordings set transcription = 'a'")
    assert refused.diag.constraint_name == "crm_recordings_recording_date_check"
    plain.ask("amy", "update crm_recordings set transcription = 'a', recording_date = null")
