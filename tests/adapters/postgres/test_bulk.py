"""Many rows at once: loaded through COPY they keep every rule, and a user's list is found by an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from crm_domain import HARDENED
from crm_domain.clocks import label_uuid

from .asking import SERVICE, Database, address, broken_laws, user_id

PEOPLE = tuple(f"user-{n}" for n in range(20))


@pytest.fixture
def database(make_database: Any) -> Iterator[Database]:
    """Twenty CRM users, each of whom has paid twice: 4 and 3 and 3 credits."""
    opened = Database(make_database(HARDENED))
    opened.sync(*PEOPLE)
    for name in PEOPLE:
        for ref in ("first", "second"):
            pay = "select record_payment(p_user_id => %s, p_amount => 12.99, p_ref => %s)"
            opened.ask(SERVICE, pay, user_id(name), f"{name}/{ref}")
    yield opened
    opened.close()


def copy(database: Database, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Load rows of these columns, as the service."""
    with (
        database.asking(SERVICE) as connection,
        connection.cursor().copy(f"copy {table} ({', '.join(names)}) from stdin") as target,
    ):
        for row in rows:
            target.write_row(row)


def recordings(*counts: tuple[str, int]) -> list[tuple[str, str, str]]:
    """Return rows of recordings, the people taking turns."""
    rows = [(n, name) for name, count in counts for n in range(count)]
    return [(label_uuid(f"{name}/{n}"), address(name), user_id(name)) for n, name in sorted(rows)]


COLUMNS = ("id", "email", "user_id")


def test_each_row_is_paid_for_and_counted(database: Database) -> None:
    """The oldest grants pay first, the balance and its mirror fall by as many, the counters rise by as many."""
    copy(database, "crm_recordings", COLUMNS, recordings(*((name, 5) for name in PEOPLE[:-1]), (PEOPLE[-1], 10)))
    grants = "select remaining, consumed from credit_grants where user_id = %s order by number"
    assert database.sql(grants, user_id(PEOPLE[0])) == [(0, 4), (2, 1), (3, 0)]
    assert database.sql(grants, user_id(PEOPLE[-1])) == [(0, 4), (0, 3), (0, 3)]
    paid = "select grant_id from credit_consumptions where user_id = %s group by 1 order by 1"
    assert len(database.sql(paid, user_id(PEOPLE[0]))) == 2
    balances = "select credits_remaining, count(*) from digital_resume_by_crm group by 1 order by 1"
    assert database.sql(balances) == [(0, 1), (5, 19)]
    counted = "select total_recordings, count(*), bool_and(last_recording_date is not null) from crm_dashboard_stats"
    assert database.sql(f"{counted} group by 1 order by 1") == [(5, 19, True), (10, 1, True)]
    assert broken_laws(database) == {}


def test_job_requests_and_resumes_are_counted(database: Database) -> None:
    """A hundred rows for each of two people, in one statement."""
    rows = [(label_uuid(f"{name}/{n}"), address(name), user_id(name)) for name in PEOPLE[:2] for n in range(100)]
    copy(database, "crm_job_requests", COLUMNS, rows)
    copy(database, "crm_resumes", (*COLUMNS, "resume_url"), [(*row, "a") for row in rows])
    counters = "select total_applications, total_resumes from crm_dashboard_stats where email = any(%s)"
    assert database.sql(counters, [address(name) for name in PEOPLE[:2]]) == [(100, 100), (100, 100)]
    assert broken_laws(database) == {}


def _more_than_there_is() -> list[tuple[str, str, str]]:
    return recordings((PEOPLE[0], 3), (PEOPLE[1], 11))


def _another_address() -> list[tuple[str, str, str]]:
    return [*recordings((PEOPLE[0], 3)), (label_uuid("x"), address(PEOPLE[1]), user_id(PEOPLE[0]))]


def _taken_id() -> list[tuple[str, str, str]]:
    return [*recordings((PEOPLE[0], 3)), *recordings((PEOPLE[0], 1))]


@pytest.mark.parametrize(
    ("rows", "state"), [(_more_than_there_is, "P0001"), (_another_address, "23503"), (_taken_id, "23505")]
)
def test_all_rows_or_none(database: Database, rows: Any, state: str) -> None:
    """One row too many, or one that is not right, and nothing of the load is there."""
    before = database.state()
    with pytest.raises(psycopg.Error) as refused:
        copy(database, "crm_recordings", COLUMNS, rows())
    assert refused.value.sqlstate == state
    assert database.state() == before


def test_users_do_not_copy(database: Database) -> None:
    """PostgreSQL has no COPY FROM under row-level security: a bulk load is the service's."""
    with pytest.raises(psycopg.errors.FeatureNotSupported), database.asking(PEOPLE[0]) as connection:
        connection.execute("copy crm_recordings (id) from stdin")


@pytest.mark.parametrize("table", ["crm_job_requests", "crm_resumes"])
def test_users_list_is_found_by_an_index(database: Database, table: str) -> None:
    """As "Fetching CRM User Data" asks for it: who asks is found out once, and their rows by an index."""
    names = (*COLUMNS, *(("resume_url",) if table == "crm_resumes" else ()))
    rows = [
        (label_uuid(f"{n}"), address(PEOPLE[n % 20]), user_id(PEOPLE[n % 20]), "a")[: len(names)] for n in range(4000)
    ]
    copy(database, table, names, rows)
    database.sql(f"analyze {table}")
    listed = f"select * from {table} where email = %s order by created_at desc"
    plan = "\n".join(line for (line,) in database.ask(PEOPLE[0], f"explain (costs off) {listed}", address(PEOPLE[0])))
    assert "InitPlan" in plan
    assert f"on {table}_email_idx" in plan or f"on {table}_user_id_idx" in plan
    assert "Seq Scan" not in plan
    assert len(database.ask(PEOPLE[0], listed, address(PEOPLE[0]))) == 200
