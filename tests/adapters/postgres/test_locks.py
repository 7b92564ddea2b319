"""Nothing waits in a circle: every two operations at once, and all of them. `pairs` has the operations, and does it for minutes.

``CRM_DOMAIN_POSTGRES_ROUNDS`` is how often each of eight clients does its operation in each pair.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from .asking import SERVICE, Database, address, insert, user_id
from .crowds import clients, kinds, waits_for_a_lock
from .pairs import (
    CLIENTS,
    DEADLOCK,
    EXPECTED,
    MIXED_CLIENTS,
    OPERATIONS,
    PAIRS,
    RULES,
    broken,
    crowd_of,
    met,
    mixed,
    prepared,
)

ROUNDS = int(os.environ.get("CRM_DOMAIN_POSTGRES_ROUNDS", "1"))
UNORDERED_ROUNDS_MAX = 200
"""After so many rounds without a deadlock, the order would not be needed; the first mostly shows one."""


@pytest.fixture
def database(make_database: Any) -> Iterator[Database]:
    opened = Database(make_database(RULES))
    prepared(opened, ("amy", "bob"))
    yield opened
    opened.close()


@pytest.mark.thorough
@pytest.mark.parametrize("names", [("amy",), ("amy", "bob")], ids=["one account", "two accounts"])
def test_no_two_operations_deadlock(database: Database, names: tuple[str, ...]) -> None:
    """Every pair, four clients each: they end as they would alone, and what is stored is sound."""
    total: Counter[str] = Counter()
    with crowd_of(database.dsn, 2 * CLIENTS) as crowd:
        for pair in PAIRS:
            ended = met(crowd, pair, names, ROUNDS)
            assert ended.keys() <= EXPECTED, [operation.name for operation in pair]
            total += ended
    assert total["accepted"] > total.total() / 2
    assert broken(database) == {}


@pytest.mark.thorough
def test_all_operations_at_once_do_not_deadlock(database: Database) -> None:
    """Six clients, each with any operation on the same account."""
    with crowd_of(database.dsn, MIXED_CLIENTS) as crowd:
        ended = mixed(crowd, ("amy",), 30 * ROUNDS)
    assert ended.keys() <= EXPECTED
    assert broken(database) == {}


def test_without_the_order_they_deadlock(database: Database) -> None:
    """An adjustment counts its event before it mirrors the balance, a deactivation afterwards: each waits for the other."""
    database.sql(
        "create or replace function crm_internal.crm_take_accounts(p_user_ids uuid[]) returns void language sql as 'select null::void'"
    )
    pair = [operation for operation in OPERATIONS if operation.name in {"adjust a balance", "activate"}]
    with crowd_of(database.dsn, 2 * CLIENTS) as crowd:
        for _ in range(UNORDERED_ROUNDS_MAX):
            ended = met(crowd, pair, ("amy",), 3)
            if ended[DEADLOCK]:
                break
    assert ended[DEADLOCK] > 0


def test_a_batch_takes_its_accounts_first(database: Database) -> None:
    """What changes an account, and is not there first, waits until the batch ends; other accounts go on."""
    ended: list[object] = []

    def view(client: Database) -> None:
        try:
            ended.append(client.ask(SERVICE, "select track_view(%s)", address("amy")))
        except psycopg.Error as error:
            ended.append(error)

    with clients(database.dsn, 2) as (first, second):
        thread = threading.Thread(target=view, args=(second,))
        with first.asking(SERVICE) as connection:
            connection.execute("select lock_accounts(%s::uuid[])", [[user_id("amy")]])
            thread.start()
            while not waits_for_a_lock(database, second.connection.info.backend_pid):
                pass
            assert database.ask(SERVICE, "select track_view(%s)", address("bob")) == [(1,)]
        thread.join()
    assert kinds(ended) == {"accepted": 1}


@pytest.mark.parametrize("whose", [["bob"], ["amy", "bob"], []])
def test_a_user_takes_no_account_but_their_own(database: Database, whose: list[str]) -> None:
    """Else one could keep others waiting."""
    taken = [user_id(name) for name in whose]
    refused = database.refused("amy", "select lock_accounts(%s::uuid[])", taken)
    assert (refused.sqlstate, refused.diag.constraint_name) == ("42501", "row_policy")
    assert database.ask("amy", "select lock_accounts(%s::uuid[])", [user_id("amy")]) == [("",)]


def test_adjustments_of_several_balances_at_once(database: Database) -> None:
    """Each goes through the ledger: up, down, and not at all where it stays."""
    database.balance("bob", 5)
    database.ask(SERVICE, "update profiles set credits_remaining = 5")
    assert [database.balance_of(name) for name in ("amy", "bob")] == [5, 5]
    text, *given = insert("crm_recordings", "amy")
    database.ask("amy", text, *given)
    database.ask(SERVICE, "update profiles set credits_remaining = credits_remaining + 2")
    assert [database.balance_of(name) for name in ("amy", "bob")] == [6, 7]
    assert broken(database) == {}
