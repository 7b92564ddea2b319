"""Other people's systems: three worked examples, by their own names, each with mistakes that must be found by their law."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import psycopg
import pytest

from crm_adapters.postgres.backend import PostgresBackend
from crm_adapters.postgres.keyed import opened
from crm_domain import HARDENED
from crm_domain.testing import Report, conformance

from .conftest import MakeDatabase
from .strangers.faults import EXAMPLES, FAULTS, Fault, operations, schema

WALKS = 25
"""So many that each mistake was found, twice over, and a minute is not reached."""


@contextmanager
def example(make_database: MakeDatabase, name: str, *, sql: str = "", driven: str = "") -> Iterator[PostgresBackend]:
    """Yield an example, with a mistake if there is one."""
    dsn = make_database(None)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(schema(name))
        if sql:
            connection.execute(sql)
    with opened(dsn, operations=operations(name, driven)) as backend:
        yield backend


def searched(backend: PostgresBackend, walks: int = WALKS) -> Report:
    rules = attrs.evolve(HARDENED, credit_policy=backend.credit_policy(HARDENED.credit_policy))
    return conformance(backend, rules, walks=walks, tolerate=backend.tolerated)


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_alarm_where_all_is_mended(make_database: MakeDatabase, name: str) -> None:
    """Nothing is found; of what the example does not have, it is said that it cannot be tested."""
    with example(make_database, name) as backend:
        report = searched(backend)
    report.assert_held()
    not_testable = {verdict.law.name for verdict in report.verdicts if verdict.verdict == "not testable"}
    assert {"mirror_equals_profile", "counters_equal_fold_of_events", "provisioning_is_idempotent"} <= not_testable
    assert not {"balance_never_negative", "payment_is_idempotent", "one_credit_per_recording"} & not_testable


@pytest.mark.unwatched
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.example}-{fault.name}")
def test_a_mistake_is_found_by_its_law(make_database: MakeDatabase, fault: Fault) -> None:
    """Each is named by a law that says what it is."""
    with example(make_database, fault.example, sql=fault.sql, driven=fault.driven) as backend:
        report = searched(backend)
    assert report.broken & set(fault.laws), [str(finding) for finding in report.findings]
