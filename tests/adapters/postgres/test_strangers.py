"""Other people's systems: three worked examples, by their own names, each with mistakes that must be found by their law."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import attrs
import psycopg
import pytest

from crm_adapters.postgres.backend import PostgresBackend
from crm_adapters.postgres.keyed import opened
from crm_domain import HARDENED
from crm_domain import commands as c
from crm_domain.command_log import LogLine, Request, id_named
from crm_domain.ids import SERVICE, Principal
from crm_domain.reads import Select
from crm_domain.rows import table_named
from crm_domain.testing import AMY, BOB, Finding, Lines, Person, conformance
from crm_domain.testing.comparing.tolerances import tolerating
from crm_domain.testing.conforming.course import Course
from crm_domain.testing.conforming.searching import Search

from .conftest import MakeDatabase
from .strangers.breaks import BREAKS, Break
from .strangers.breaks import SERVICE as RESUMES
from .strangers.faults import EXAMPLES, FAULTS, Fault, operations, schema


@contextmanager
def driven(make_database: MakeDatabase, sql: str, example: str, by: str = "") -> Iterator[PostgresBackend]:
    """Yield a database of somebody's own schema."""
    dsn = make_database(None)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql)
    with opened(dsn, operations=operations(example, by)) as backend:
        yield backend


# --- what is asked ------------------------------------------------------------------------------

_ONE, _OTHER = map(id_named, ("recording-1", "recording-2"))


def _by(who: Principal, *requests: Request, concurrent: str | None = None) -> list[LogLine]:
    return [LogLine(who, request, concurrent=concurrent) for request in requests]


def _record(id_: str = _ONE, whose: Person = AMY, **columns: Any) -> Request:
    return c.CreateRegularRecording(id=id_, user_id=whose.user_id, video_url="a", **columns)


def _set(table: str, **changes: Any) -> Request:
    return c.Update(table=table_named(table), set=changes)


def _paid(person: Person) -> Request:
    return c.RecordPayment(user_id=person.user_id, amount="12.99", ref=f"paid-{person.label}")


_BEGUN: Final = _by(
    SERVICE,
    *(c.RegisterUser(user_id=person.user_id, email=person.email) for person in (AMY, BOB)),
    *map(_paid, (AMY, BOB)),
)
_FAILED: Final = _set("recordings", status="failed")
_LAST: Final = c.Update(table=table_named("profiles"), where={"user_id": AMY.user_id}, set={"credits_remaining": 1})

ASKED: Final = tuple(
    Lines((*_BEGUN, *lines))
    for lines in (
        _by(SERVICE, _paid(AMY)),
        _by(AMY.principal, _set("profiles", credits_remaining=50)),
        [*_by(BOB.principal, _record(whose=BOB)), *_by(AMY.principal, Select(table=table_named("recordings")))],
        _by(AMY.principal, Select(table=table_named("profiles"))),
        _by(AMY.principal, _record(whose=BOB)),
        _by(AMY.principal, _record(), _record()),
        [*_by(SERVICE, _LAST), *_by(AMY.principal, _record(), _record(_OTHER), concurrent="both")],
        _by(AMY.principal, _record(), _FAILED),
        [*_by(AMY.principal, _record()), *_by(SERVICE, _FAILED, _FAILED)],
        [*_by(AMY.principal, _record(status="completed"), _set("recordings", video_url="b"))],
    )
)
"""What shows each mistake, for one that knows it; the kit comes by the same, in more words."""


def found(backend: PostgresBackend) -> list[Finding]:
    """Ask all of it, and try the ways in besides."""
    rules = attrs.evolve(HARDENED, credit_policy=backend.credit_policy(HARDENED.credit_policy))
    with tolerating(backend.tolerated):
        search = Search(backend, rules)
        for lines in ASKED:
            search.ask(lines)
        search.probes()
    return search.findings


def _laws(findings: list[Finding]) -> set[str]:
    return {law for finding in findings for law in finding.laws}


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_alarm_where_all_is_mended(make_database: MakeDatabase, name: str) -> None:
    """Nothing is found, by what shows the mistakes nor by chance; what is not there is not testable."""
    with driven(make_database, schema(name), name) as backend:
        assert found(backend) == []
        rules = attrs.evolve(HARDENED, credit_policy=backend.credit_policy(HARDENED.credit_policy))
        report = conformance(backend, rules, walks=10, tolerate=backend.tolerated)
    report.assert_held()
    not_testable = {verdict.law.name for verdict in report.verdicts if verdict.verdict == "not testable"}
    assert {"mirror_equals_profile", "counters_equal_fold_of_events", "provisioning_is_idempotent"} <= not_testable
    assert not {"balance_never_negative", "payment_is_idempotent", "one_credit_per_recording"} & not_testable


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.example}-{fault.name}")
def test_a_mistake_is_found_by_its_law(make_database: MakeDatabase, fault: Fault) -> None:
    """Each is named by a law that says what it is."""
    sql = f"{schema(fault.example)}\n{fault.sql}"
    with driven(make_database, sql, fault.example, fault.driven) as backend:
        findings = found(backend)
    assert _laws(findings) & set(fault.laws), [str(finding) for finding in findings]


# --- the document by another hand -----------------------------------------------------------------

SAMPLE: Final = (
    "self-made CRM users", "welcomed each time", "any price", "two primary resumes", "a gift function", "tables emptied by users",
)  # fmt: skip
"""Breaks that known holes and ways in show at once. All of them are tried by ``python -m tests.adapters.postgres.strangers``."""


def test_no_alarm_on_the_document_by_another_hand(make_database: MakeDatabase) -> None:
    """With what its owner tolerates by name, nothing is found."""
    with driven(make_database, Break("unbroken").sql, RESUMES) as backend:
        conformance(backend, walks=5, tolerate=backend.tolerated).assert_held()


@pytest.mark.thorough
@pytest.mark.parametrize("one", [one for one in BREAKS if one.name in SAMPLE], ids=lambda one: one.name)
def test_a_break_is_found(make_database: MakeDatabase, one: Break) -> None:
    """A sample of the breaks, each found without any walk."""
    with driven(make_database, one.sql, RESUMES) as backend, tolerating(backend.tolerated):
        search = Search(backend, HARDENED)
        for _ in Course(search).steps(0, walks=0):
            if search.findings:
                break
    assert search.findings


def test_every_break_can_be_planted() -> None:
    """Its text stands in the schema, once; no two have one name."""
    assert all(one.sql for one in BREAKS)
    assert len({one.name for one in BREAKS}) == len(BREAKS) >= 60
    assert {*SAMPLE} <= {one.name for one in BREAKS}
