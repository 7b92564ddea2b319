"""Which operations may wait for one another? Every kind of statement that users and the service send, each a transaction.

``python -m tests.adapters.postgres.pairs`` lets every pair of them meet for minutes, on one account and on two, and a
mixture of all on one; it prints how many statements there were, how they ended, and which pairs deadlocked.
"""

from __future__ import annotations

import argparse
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations_with_replacement
from typing import Final, TypeAlias

import attrs
import psycopg
from attrs import frozen
from psycopg.conninfo import make_conninfo

from crm_adapters.postgres.migrations import migrations, shim
from crm_domain import HARDENED, CreditPolicy, Rules

from .asking import SERVICE, Database, address, broken_laws, insert, user_id
from .crowds import at_once, clients, kinds
from .servers import embedded

Do: TypeAlias = Callable[[Database, Sequence[str]], object]
"""Does something once, to the first of some accounts, or to all of them."""

RULES: Final[Rules] = attrs.evolve(HARDENED, credit_policy=CreditPolicy(refund_failed_recordings=True))
"""With refunds, which touch every table at once."""

DEADLOCK: Final = "40P01"
EXPECTED: Final = {"accepted", "23503", "23505", "23514", "P0001"}
"""How statements may end: rows are referred to, ids are taken, videos are fixed, credits run out."""

CLIENTS: Final = 4
MIXED_CLIENTS: Final = 6


@frozen
class Operation:
    """Something that is one transaction.

    Attributes:
        name: What it is.
        do: Does it.
    """

    name: str
    do: Do


def _sent(who: str | None, text: str, *given: Callable[[str], object]) -> Do:
    """Return what sends one statement about the first account, as its user or as somebody else."""

    def do(client: Database, names: Sequence[str]) -> object:
        return client.ask(who or names[0], text, *(value(names[0]) for value in given))

    return do


def _stored(table: str, **columns: object) -> Do:
    def do(client: Database, names: Sequence[str]) -> object:
        text, *given = insert(table, names[0], **columns)
        return client.ask(names[0], text, *given)

    return do


def _job(name: str) -> str:
    """Return the id of the job request that each account has from the beginning."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def _record(client: Database, names: Sequence[str]) -> object:
    text, *given = insert("crm_recordings", names[0], job_request_id=_job(names[0]), video_url="a")
    return client.ask(names[0], text, *given)


def _upsert(client: Database, names: Sequence[str]) -> object:
    text, *given = insert("crm_job_requests", names[0], id=_job(names[0]), job_title="b")
    changes = ", ".join(f"{n} = excluded.{n}" for n in ("id", "email", "user_id", "job_title"))
    return client.ask(names[0], f"{text} on conflict (id) do update set {changes}", *given)


def _keyed(client: Database, names: Sequence[str]) -> object:
    """Record under an idempotency key, in one transaction of three statements, as a retry does."""
    key = random.choice("abc")
    with client.asking(names[0]) as connection:
        ((used,),) = connection.execute("select use_idempotency_key(%s, 'f')", [key]).fetchall()
        if used is None:
            connection.execute(*_parts(insert("crm_recordings", names[0], video_url="a")))
            connection.execute("select answer_idempotency_key(%s, '{\"id\": 1}')", [key])
    return used


def _parts(statement: tuple[str, *tuple[object, ...]]) -> tuple[str, list[object]]:
    text, *given = statement
    return text, given


def _rows_of_all(table: str) -> Do:
    """Return what stores one row for each account in one statement, in any order."""

    def do(client: Database, names: Sequence[str]) -> object:
        shuffled = random.sample(names, len(names))
        values = ", ".join(["(%s, %s)"] * len(names))
        given = [value for name in shuffled for value in (address(name), user_id(name))]
        return client.ask(SERVICE, f"insert into {table} (email, user_id) values {values}", *given)

    return do


def _batch(who: str, *statements: str) -> Do:
    """Return what first takes all accounts, or a user their own, and then sends several statements in one transaction."""

    def do(client: Database, names: Sequence[str]) -> None:
        taken = names if who == SERVICE else names[:1]
        with client.asking(SERVICE if who == SERVICE else names[0]) as connection:
            connection.execute("select lock_accounts(%s::uuid[])", [[user_id(name) for name in taken]])
            for name in random.sample(taken, len(taken)):
                given = {"email": address(name), "user_id": user_id(name), "id": _job(name)}
                for statement in statements:
                    connection.execute(statement, given)

    return do


def _pay(client: Database, names: Sequence[str]) -> object:
    ref = random.choice((*"abc", str(uuid.uuid4())))
    return client.ask(SERVICE, "select record_payment(%s, 12.99, %s)", user_id(names[0]), f"{names[0]}/{ref}")


_OWN_JOB = "insert into crm_job_requests (email, user_id) values (%(email)s, %(user_id)s)"
_OWN_RESUME = "insert into crm_resumes (email, user_id, resume_url) values (%(email)s, %(user_id)s, 'a')"
_OWN_RECORDING = "insert into crm_recordings (email, user_id, video_url) values (%(email)s, %(user_id)s, 'a')"
_SYNC = "select sync_crm_user(p_email => %(email)s, p_user_id => %(user_id)s)"
_PAY = "select record_payment(%(user_id)s, 12.99, gen_random_uuid()::text)"
_VIEW = "select track_view(%(email)s)"
_ADJUST = "update profiles set credits_remaining = 1000 where user_id = %(user_id)s"
_ACTIVATE = "update digital_resume_by_crm set is_active = true where email = %(email)s"
_COUNT = "update crm_dashboard_stats set total_views = total_views + 1 where email = %(email)s"
_RESUMES = "update crm_resumes set is_active = not is_active"

OPERATIONS: Final = (
    # what users send
    Operation("store a job request", _stored("crm_job_requests", job_title="a")),
    Operation("store a resume", _stored("crm_resumes", resume_url="a")),
    Operation("record", _record),
    Operation("record under a key", _keyed),
    Operation("save a whole row", _upsert),
    Operation("complete a recording", _sent(
        None, "update crm_recordings set status = 'completed' where id = (select id from crm_recordings limit 1)")),
    Operation("change every resume", _sent(None, "update crm_resumes set is_active = not is_active")),
    Operation("delete resumes", _sent(None, "delete from crm_resumes")),
    Operation("delete a job request", _sent(None, "delete from crm_job_requests where id = %s", _job)),
    Operation("a user's batch", _batch("user", _OWN_JOB, _OWN_RESUME, _OWN_RECORDING)),
    # the service's operations
    Operation("sync", _sent(SERVICE, "select sync_crm_user(p_email => %s, p_user_id => %s)", address, user_id)),
    Operation("pay", _pay),
    Operation("count a view", _sent(SERVICE, "select track_view(%s)", address)),
    Operation("note a login", _sent(SERVICE, "select track_login(%s)", address)),
    Operation("add time", _sent(SERVICE, "select track_time(%s, 5)", address)),
    Operation("read a dashboard", _sent(SERVICE, "select * from get_crm_dashboard_data(%s)", address)),
    # the service's own statements
    Operation("adjust a balance", _sent(
        SERVICE, "update profiles set credits_remaining = 900 + floor(random() * 200) where user_id = %s", user_id)),
    Operation("save a whole profile", _sent(
        SERVICE, "update profiles set user_id = user_id, credits_remaining = 1000 where user_id = %s", user_id)),
    Operation("activate", _sent(
        SERVICE, "update digital_resume_by_crm set is_active = true where email = %s", address)),
    Operation("save a whole account", _sent(
        SERVICE,
        "update digital_resume_by_crm set email = email, user_id = user_id, is_active = true where email = %s", address)),
    Operation("set counters", _sent(
        SERVICE, "update crm_dashboard_stats set email = email, total_views = total_views + 1 where email = %s", address)),
    Operation("fail a recording", _sent(
        SERVICE,
        "update crm_recordings set status = 'failed' where id = (select id from crm_recordings where email = %s limit 1)",
        address)),
    Operation("delete an account that has rows", _sent(
        SERVICE, "delete from digital_resume_by_crm where email = %s", address)),
    Operation("delete counters", _sent(SERVICE, "delete from crm_dashboard_stats where email = %s", address)),
    Operation("store recordings of all", _rows_of_all("crm_recordings")),
    Operation("store job requests of all", _rows_of_all("crm_job_requests")),
    Operation("change resumes of all", _batch(SERVICE, _RESUMES)),
    Operation("a batch of all", _batch(SERVICE, _SYNC, _PAY, _VIEW, _ADJUST, _ACTIVATE, _COUNT)),
)  # fmt: skip
"""Everything that is sent."""


def prepared(database: Database, names: Sequence[str]) -> None:
    """Give each account credits, and rows for every statement to find."""
    database.sync(*names)
    for name in names:
        database.balance(name, 1000)
        database.ask(name, *insert("crm_job_requests", name, id=_job(name)))
        for _ in range(3):
            database.ask(name, *insert("crm_resumes", name, resume_url="a"))
            database.ask(name, *insert("crm_recordings", name, video_url="a"))


def met(crowd: Sequence[Database], operations: Sequence[Operation], names: Sequence[str], rounds: int) -> Counter[str]:
    """Let clients do operations at once, each its own again and again; return how they ended.

    The n-th client does the n-th operation, over and over; every other one of the same begins with the other account.
    """

    def several(client: Database, number: int) -> Counter[str]:
        operation, turn = operations[number % len(operations)], number // len(operations) % len(names)
        return _ended(client, operation, (*names[turn:], *names[:turn]), rounds)

    return _summed(at_once(crowd, several))


def mixed(crowd: Sequence[Database], names: Sequence[str], rounds: int) -> Counter[str]:
    """Let clients do any operations at once; return how they ended."""

    def several(client: Database, number: int) -> Counter[str]:
        chosen = random.Random(number)
        ended: Counter[str] = Counter()
        for _ in range(rounds):
            ended += _ended(client, chosen.choice(OPERATIONS), chosen.sample(names, len(names)), 1)
        return ended

    return _summed(at_once(crowd, several))


def _ended(client: Database, operation: Operation, names: Sequence[str], rounds: int) -> Counter[str]:
    came: list[object] = []
    for _ in range(rounds):
        try:
            came.append(operation.do(client, names))
        except psycopg.Error as error:
            came.append(error)
    return kinds(came)


def _summed(counts: Sequence[Counter[str] | Exception]) -> Counter[str]:
    total: Counter[str] = Counter()
    for count in counts:
        if isinstance(count, Exception):
            raise count
        total += count
    return total


@contextmanager
def crowd_of(dsn: str, number: int) -> Iterator[list[Database]]:
    """Open so many connections that notice soon when they wait in a circle."""
    with clients(dsn, number) as crowd:
        for client in crowd:
            client.sql("set deadlock_timeout = '20ms'")
        yield crowd


def broken(database: Database) -> dict[str, Sequence[object]]:
    """Return the laws that the stored rows break; counters that were deleted count from the beginning."""
    return {law: rows for law, rows in broken_laws(database).items() if law != "counters_equal_fold_of_events"}


PAIRS: Final = tuple(combinations_with_replacement(OPERATIONS, 2))


def main() -> None:
    """Let every pair meet, and all of them, so many rounds; print what came of it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how often each client does its operation in each pair")
    rounds = parser.parse_args().rounds
    with embedded() as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            admin.execute("create database pairs")
        dsn = make_conninfo(server.get_uri(), dbname="pairs")
        with psycopg.connect(dsn, autocommit=True) as connection:
            for script in (shim(), *(migration.up for migration in migrations(RULES))):
                connection.execute(script)
        database = Database(dsn)
        prepared(database, ("amy", "bob"))
        with crowd_of(dsn, 2 * CLIENTS) as crowd:
            for names in (("amy",), ("amy", "bob")):
                total: Counter[str] = Counter()
                for pair in PAIRS:
                    ended = met(crowd, pair, names, rounds)
                    total += ended
                    if ended[DEADLOCK]:
                        print(f"  {pair[0].name} | {pair[1].name}: {ended[DEADLOCK]} deadlocks")
                print(f"{len(PAIRS)} pairs on {len(names)} account(s): {total.total():,} statements, {dict(total)}")
        with crowd_of(dsn, MIXED_CLIENTS) as crowd:
            total = mixed(crowd, ("amy",), 100 * rounds)
            print(f"all at once on 1 account: {total.total():,} statements, {dict(total)}")
        print(f"broken laws: {broken(database) or 'none'}")
        database.close()


if __name__ == "__main__":
    main()
