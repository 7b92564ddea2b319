"""Many clients at the same time, on the real server. ``CRM_DOMAIN_POSTGRES_ROUNDS`` is how often each race is run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from crm_domain import HARDENED, SEED
from tests.amounts import amount

from .asking import SERVICE, Database, address, broken_laws, insert, user_id
from .crowds import at_once, clients, kinds, waits_for_a_lock

ROUNDS = amount("CRM_DOMAIN_POSTGRES_ROUNDS", thorough=3, quick=1)
CLIENTS = 40
SEED_ROUNDS_MAX = 200
"""After so many rounds without a credit sold twice, the hole would not be there; the first mostly shows it."""


@pytest.fixture(params=[HARDENED], ids=["hardened"])
def database(request: Any, make_database: Any) -> Iterator[Database]:
    opened = Database(make_database(request.param))
    yield opened
    opened.close()


of_the_seed = pytest.mark.parametrize("database", [SEED], ids=["seed"], indirect=True)


# --- the last credits -------------------------------------------------------------------------


def _race(database: Database, crowd: list[Database], name: str, credits_: int) -> dict[str, int]:
    database.sync(name)
    database.balance(name, credits_)
    return kinds(at_once(crowd, lambda client, _: client.record(name, video_url="a")))


def test_last_credits_are_sold_once(database: Database) -> None:
    """Forty clients record on three credits: three are accepted, in every round, and nothing else is refused."""
    with clients(database.dsn, CLIENTS) as crowd:
        for number in range(ROUNDS):
            name = f"amy{number}"
            assert _race(database, crowd, name, 3) == {"accepted": 3, "P0001": CLIENTS - 3}
            assert database.balance_of(name) == 0
    assert database.one("select count(*) from crm_recordings") == 3 * ROUNDS
    assert broken_laws(database) == {}


@of_the_seed
def test_seed_sells_the_last_credits_more_than_once(database: Database) -> None:
    """Check, then consume: of forty clients more than three pass, and the balance falls below zero."""
    with clients(database.dsn, CLIENTS) as crowd:
        for number in range(SEED_ROUNDS_MAX):
            name = f"amy{number}"
            if _race(database, crowd, name, 3)["accepted"] > 3:
                break
    assert database.balance_of(name) < 0
    assert {"balance_never_negative", "one_credit_per_recording"} <= broken_laws(database).keys()


def _overlapping(database: Database) -> tuple[dict[str, int], int]:
    """Let two clients record on one credit, the second while the first has not committed yet."""
    database.sync("amy")
    database.balance("amy", 1)
    came: list[object] = []

    def record(client: Database) -> None:
        try:
            came.append(client.ask("amy", *insert("crm_recordings", "amy")))
        except psycopg.Error as error:
            came.append(error)

    with clients(database.dsn, 2) as (first, second):
        thread = threading.Thread(target=record, args=(second,))
        with first.asking("amy") as connection:
            connection.execute(*_stored("crm_recordings"))
            thread.start()
            while not waits_for_a_lock(database, second.connection.info.backend_pid):
                pass
        thread.join()
    return kinds(came), database.balance_of("amy")


def test_second_waits_for_the_first(database: Database) -> None:
    """And is refused when the first has taken the last credit."""
    assert _overlapping(database) == ({"P0001": 1}, 0)


@of_the_seed
def test_seed_has_checked_before_it_waits(database: Database) -> None:
    """The second saw the credit that the first had not yet taken: both pass."""
    assert _overlapping(database) == ({"accepted": 1}, -1)


# --- deadlocks --------------------------------------------------------------------------------


def _two_at_once(connection: psycopg.Connection[Any], *names: str) -> None:
    """Store one recording for each of several people, in one statement, in this order."""
    rows = ", ".join(["(%s, %s)"] * len(names))
    given = [value for name in names for value in (address(name), user_id(name))]
    connection.execute(f"insert into crm_recordings (email, user_id) values {rows}", given)


def _in_both_orders(database: Database, rounds: int) -> dict[str, int]:
    """Let eight clients store rows of two accounts, half of them the other way round."""
    database.sync("amy", "bob")
    for name in ("amy", "bob"):
        database.balance(name, 8 * rounds)

    def several(client: Database, number: int) -> None:
        client.sql("set deadlock_timeout = '50ms'")
        for _ in range(rounds):
            with client.asking(SERVICE) as connection:
                _two_at_once(connection, *(("amy", "bob") if number % 2 else ("bob", "amy")))

    with clients(database.dsn, 8) as crowd:
        return kinds(at_once(crowd, several))


def test_statements_take_accounts_in_one_order(database: Database) -> None:
    """Whichever row comes first in a statement: nobody waits for somebody who waits for them."""
    assert _in_both_orders(database, ROUNDS * 10) == {"accepted": 8}
    assert (database.balance_of("amy"), database.balance_of("bob")) == (0, 0)
    assert broken_laws(database) == {}


@of_the_seed
def test_seed_takes_accounts_in_the_order_of_rows(database: Database) -> None:
    """A trigger for each row locks one account after the other: of eight clients, some are told of a deadlock."""
    assert _in_both_orders(database, 100)["40P01"] > 0


# --- retries ----------------------------------------------------------------------------------


def _keyed(connection: psycopg.Connection[Any], key: str, name: str, fingerprint: str = "a recording") -> str:
    """Store a recording under an idempotency key; return its id, which is the same in every retry."""
    use = "select use_idempotency_key(p_key => %s, p_fingerprint => %s)"
    ((used,),) = connection.execute(use, [key, fingerprint]).fetchall()
    if used is not None:
        return str(used["answer"]["id"])
    text, *given = insert("crm_recordings", name)
    ((id_,),) = connection.execute(f"{text} returning id::text", given).fetchall()
    keep = "select answer_idempotency_key(p_key => %s, p_answer => jsonb_build_object('id', %s::text))"
    connection.execute(keep, [key, id_])
    return str(id_)


def test_transactions_that_deadlock_are_retried_under_their_key(database: Database) -> None:
    """Two transactions of two statements each wait for one another: one is told 40P01, retries, and nobody pays twice."""
    database.sync("amy", "bob")
    both_hold_one = threading.Barrier(2)
    attempts: list[int] = []

    def transfer(client: Database, number: int) -> str:
        names = ("amy", "bob") if number else ("bob", "amy")
        while True:
            attempts.append(number)
            try:
                with client.asking(SERVICE) as connection:
                    first = _keyed(connection, f"{number}/1", names[0])
                    if len(attempts) <= 2:
                        both_hold_one.wait()
                    return first + _keyed(connection, f"{number}/2", names[1])
            except psycopg.errors.DeadlockDetected:
                continue

    with clients(database.dsn, 2) as crowd:
        assert kinds(at_once(crowd, transfer)) == {"accepted": 2}
    assert len(attempts) >= 3  # who retries before the other was woken may wait in a circle again
    assert (database.balance_of("amy"), database.balance_of("bob")) == (2, 2)
    assert broken_laws(database) == {}


def test_lost_reply_is_asked_for_again(database: Database) -> None:
    """The reply is lost with the connection; a retry under the same key is told the same, and charged nothing."""
    database.sync("amy")
    with clients(database.dsn, 2) as (first, second):
        with first.asking("amy") as connection:
            _keyed(connection, "key-1", "amy")
        database.sql("select pg_terminate_backend(%s)", first.connection.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            first.sql("select 1")
        with second.asking("amy") as connection:
            retried = _keyed(connection, "key-1", "amy")
    assert database.sql("select id::text from crm_recordings") == [(retried,)]
    assert database.balance_of("amy") == 3


def test_all_who_retry_at_once_are_told_the_same(database: Database) -> None:
    """Of eight deliveries under one key one is executed; the others wait for it, and get its answer."""
    database.sync("amy")

    def deliver(client: Database, _: int) -> str:
        with client.asking("amy") as connection:
            return _keyed(connection, "key-1", "amy")

    with clients(database.dsn, 8) as crowd:
        came = at_once(crowd, deliver)
    assert kinds(came) == {"accepted": 8}
    assert len(set(map(str, came))) == 1
    assert database.balance_of("amy") == 3


def test_key_is_free_again_after_a_refusal(database: Database) -> None:
    """What is refused leaves no key; what is accepted leaves one, for the same command of the same person alone."""
    database.sync("amy", "bob")
    database.balance("amy", 0)

    def keyed(who: str, fingerprint: str = "a recording") -> str:
        with database.asking(who) as connection:
            return _keyed(connection, "key-1", who, fingerprint)

    with pytest.raises(psycopg.errors.RaiseException):
        keyed("amy")
    database.balance("amy", 2)
    first = keyed("amy")
    assert keyed("amy") == first
    assert keyed("bob") != first
    with pytest.raises(psycopg.Error) as refused:
        keyed("amy", "something else")
    assert (refused.value.sqlstate, refused.value.diag.constraint_name) == ("PT409", "idempotency_key")
    assert database.balance_of("amy") == 1


# --- versions ---------------------------------------------------------------------------------


def test_versions_follow_one_another(database: Database) -> None:
    """Each command is told the number of its account's events: a recording is two, a job request is one."""
    database.sync("amy")
    database.balance("amy", 8 * ROUNDS)
    before = database.one("select account_version(%s)", user_id("amy"))

    def several(client: Database, number: int) -> list[int]:
        told = []
        for _ in range(ROUNDS):
            with client.asking("amy") as connection:
                connection.execute(*_stored("crm_recordings" if number % 2 else "crm_job_requests"))
                ((version,),) = connection.execute("select account_version()").fetchall()
            told.append(version)
        return told

    with clients(database.dsn, 8) as crowd:
        told = at_once(crowd, several)
    assert kinds(told) == {"accepted": 8}
    came = [version for versions in told if isinstance(versions, list) for version in versions]
    recordings, jobs = 4 * ROUNDS, 4 * ROUNDS
    assert len(set(came)) == recordings + jobs
    assert max(came) == before + 2 * recordings + jobs


def _stored(table: str) -> tuple[str, list[Any]]:
    text, *given = insert(table, "amy")
    return text, given
