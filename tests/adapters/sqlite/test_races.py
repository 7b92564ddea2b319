"""Eight connections to one file, each in a thread: they race, and the file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from crm_adapters.sqlite import SqliteStore
from crm_domain import Crm
from crm_domain.laws import check_all
from crm_domain.testing import CrmBackend, race

CLIENTS = 8


@pytest.fixture
def connect(path: Path) -> Iterator[Callable[[], CrmBackend]]:
    """Make a backend with a connection of its own; all are closed at the end."""
    with ExitStack() as stack:

        def opened() -> Crm:
            return Crm(stack.enter_context(SqliteStore(path, synchronous="NORMAL")))

        yield lambda: CrmBackend(opened)


def test_connections_that_race_sell_exactly_what_there_is(connect: Callable[[], CrmBackend], path: Path) -> None:
    """Also payments, provisioning, the primary resume and keys are decided once, whoever is first."""
    report = race(connect, clients=CLIENTS, credits=3, rounds=2)
    report.assert_held()
    assert report.not_run == {}
    # Of each client in each round: 4 job requests for each of two people, 3 payments, 2 syncs and 4 keyed
    # recordings are accepted; of 4 recordings for each person 3 of all clients' are; so is one primary resume.
    assert report.successes == 2 * (CLIENTS * (2 * 4 + 3 + 2 + 4) + 2 * 3 + 1)
    with SqliteStore(path) as store:
        assert check_all(Crm(store)) == []
