"""What our own triggers write is not counted again; what a caller writes is, also from a trigger on a table of the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from crm_domain import HARDENED

from .asking import SERVICE, Database, address, insert, user_id

AMY, CAL, DAN, EVE = map(user_id, ("amy", "cal", "dan", "eve"))

WRITES = {
    "amy": [
        f"insert into public.crm_recordings (user_id, email) values ('{AMY}', '{address('amy')}')",
        f"insert into public.crm_job_requests (user_id, email) values ('{AMY}', '{address('amy')}')",
        f"insert into public.crm_resumes (user_id, email, resume_url) values ('{AMY}', '{address('amy')}', 'b')",
        "update public.crm_job_requests set job_title = 'b'",
        "update public.crm_recordings set status = 'completed'",
        "delete from public.crm_resumes",
    ],
    "cal": [
        f"insert into public.recordings (user_id) values ('{CAL}')",
        f"insert into public.job_requests (user_id) values ('{CAL}')",
        "update public.recordings set status = 'completed'",
        "delete from public.recordings",
    ],
    SERVICE: [
        f"update public.profiles set credits_remaining = 9 where user_id = '{AMY}'",
        f"update public.profiles set credits_remaining = 1 where user_id = '{AMY}'",
        f"insert into public.profiles (user_id, credits_remaining) values ('{EVE}', 2)",
        f"perform public.record_payment('{AMY}', 12.99, 'b')",
        f"perform public.sync_crm_user('{address('dan')}', '{DAN}')",
        f"perform public.sync_crm_user('{address('amy')}', '{AMY}')",
        f"perform public.register_user('{address('dan')}', '{DAN}')",
        f"perform public.track_view('{address('amy')}')",
        f"perform public.track_login('{address('amy')}')",
        f"perform public.track_time('{address('amy')}', 5)",
        "update public.crm_dashboard_stats set total_views = 7",
        "update public.digital_resume_by_crm set is_active = false",
        "update public.crm_recordings set status = 'failed'",
        "delete from public.crm_recordings",
    ],
}
"""What each may write, as a statement of PL/pgSQL."""

SETTINGS = ["", "0", "1", "2"]
"""What a caller may say before: everyone may set what our own triggers say that it is them by."""

LONE = "update public.digital_resume_by_crm set credits_remaining = 9"

EFFECTS = (
    "select user_id, version from account_versions order by 1",
    "select user_id, credits_remaining from profiles order by 1",
    "select user_id, credits_remaining, is_active from digital_resume_by_crm order by 1",
    "select id, credits, remaining, consumed, voided from credit_grants order by 1",
    "select user_id, total_applications, total_recordings, total_resumes, total_views from crm_dashboard_stats order by 1",
)


@pytest.fixture(scope="module")
def database(make_database: Any) -> Iterator[Database]:
    """Amy and Cal have a row in every table that is theirs; Eve has registered and has no profile."""
    opened = Database(make_database(HARDENED))
    opened.sync("amy")
    opened.ask(SERVICE, "select register_user(%s, %s)", address("cal"), CAL)
    opened.ask(SERVICE, "select record_payment(%s, 12.99, 'a')", CAL)
    opened.sql("insert into auth.users (id, email) values (%s, %s)", EVE, address("eve"))
    for who, prefix in (("amy", "crm_"), ("cal", "")):
        for table, columns in (("job_requests", {}), ("recordings", {}), ("resumes", {"resume_url": "a"})):
            opened.ask(who, *insert(prefix + table, who, **columns))
    yield opened
    opened.close()


def plainly(write: str) -> list[str]:
    """Return statements that write in no trigger."""
    return [f"do $do$ begin {write}; end $do$"]


def from_a_trigger(write: str, setting: str, depth: int = 1) -> list[str]:
    """Return statements that write from a trigger on a table of the caller's, or from one that such a trigger fires."""
    statements = [f"select pg_catalog.set_config('crm.own_write', '{setting}', true)"]
    for level in range(depth):
        then = write if level == 0 else f"insert into mine_{level - 1} values (1)"
        statements += [
            f"create temporary table mine_{level} (a int) on commit drop",
            f"create function pg_temp.mine_{level}() returns trigger language plpgsql as 'begin {then.replace(chr(39), chr(39) * 2)}; return new; end'",
            f"create trigger mine after insert on mine_{level} for each row execute function pg_temp.mine_{level}()",
        ]
    return [*statements, f"insert into mine_{depth - 1} values (1)"]


def effects(database: Database, who: str, statements: list[str]) -> list[Any]:
    """Return what is stored after statements of one transaction, which is rolled back."""
    with database.connection.transaction(force_rollback=True):
        with database.asking(who) as connection:
            for statement in statements:
                connection.execute(statement)
        database.sql("reset role")
        return [database.sql(query) for query in EFFECTS]


@pytest.mark.parametrize(("who", "write"), [(who, write) for who, writes in WRITES.items() for write in writes])
def test_a_write_counts_wherever_it_is_written(database: Database, who: str, write: str) -> None:
    """It is an event, enters the ledger, and moves balance and mirror, from a trigger as by itself; and only once."""
    before = effects(database, who, [])
    stored = effects(database, who, plainly(write))
    assert stored[0] != before[0]
    for setting in SETTINGS:
        assert effects(database, who, from_a_trigger(write, setting)) == stored
    assert effects(database, who, from_a_trigger(write, "2", depth=2)) == stored


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_mirror_never_moves_alone(database: Database, setting: str, depth: int) -> None:
    """The service is refused it, in a trigger as by itself."""
    for statements in (plainly(LONE), from_a_trigger(LONE, setting, depth)):
        with pytest.raises(psycopg.Error) as refused:
            effects(database, SERVICE, statements)
        assert (refused.value.sqlstate, refused.value.diag.constraint_name) == ("PT409", "lone_mirror")


def test_after_our_own_triggers_a_write_is_still_a_write(database: Database) -> None:
    """One of them has just said that it writes, at the very depth at which an operation is called next."""
    recording, payment = WRITES["amy"][0], WRITES[SERVICE][3]
    stored = effects(database, SERVICE, [*plainly(recording), *plainly(payment)])
    assert effects(database, SERVICE, [recording, *from_a_trigger(payment, "1")[1:]]) == stored
