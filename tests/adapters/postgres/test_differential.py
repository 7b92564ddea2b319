"""The database and the model, asked the same: the document at its word, and hardened, without a difference.

In CI every sequence of one request of the small alphabet behind two beginnings is asked, and every one of two of a
part of it; and random walks. A long run, of every sequence up to three: ``CRM_DOMAIN_POSTGRES_DEPTH=3``
``CRM_DOMAIN_POSTGRES_WALKS=1000``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from crm_adapters.postgres.backend import PostgresBackend
from crm_adapters.postgres.keyed import opened
from crm_domain import HARDENED, SEED, Rules
from crm_domain.testing import ALPHABET, conformance, race, small_scope
from tests.amounts import amount

from .conftest import MakeDatabase

DEPTH: Final = int(os.environ.get("CRM_DOMAIN_POSTGRES_DEPTH", "0"))
WALKS: Final = amount("CRM_DOMAIN_POSTGRES_WALKS", thorough=40, quick=4)
READINGS: Final = pytest.mark.parametrize("rules", [SEED, HARDENED], ids=["seed", "hardened"])
PART: Final = ALPHABET[::2]
"""Every other request, of which the short run asks every sequence of two: some thousand with the two beginnings."""


@pytest.fixture
def backend(make_database: MakeDatabase, rules: Rules) -> Iterator[PostgresBackend]:
    """A database with the migrations of *rules*."""
    with opened(make_database(rules)) as driven:
        yield driven


@READINGS
def test_random_walks(backend: PostgresBackend, rules: Rules) -> None:
    """Of some twenty requests by several people, with overlaps and keys: every outcome, and what everybody sees."""
    report = conformance(backend, rules, walks=WALKS)
    report.assert_held()
    assert not report.unseen
    assert not report.unsupported


@pytest.mark.thorough
@READINGS
def test_every_short_sequence(backend: PostgresBackend, rules: Rules) -> None:
    """None is left out, and what everybody sees is compared after every step."""
    report = small_scope(backend, rules, depth=DEPTH) if DEPTH else small_scope(backend, rules, depth=2, alphabet=PART)
    report.assert_held()
    assert report.sequences > 1000


def test_races(make_database: MakeDatabase) -> None:
    """Clients that want the same at the same time get what one order of them explains."""
    with opened(make_database()) as first:
        clients = [first, *(first.connect() for _ in range(3))]
        given = iter(clients)
        report = race(lambda: next(given), HARDENED, clients=4, rounds=1)
        for client in clients[1:]:
            client.close()
    report.assert_held()
    assert not report.not_run
    assert report.successes > 0
