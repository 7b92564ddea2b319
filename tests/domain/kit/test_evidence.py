"""How often a law was put to the test: a request counts if its outcome could have broken it."""

from __future__ import annotations

from typing import Any

import pytest

from crm_domain import (
    ANON,
    HARDENED,
    SERVICE,
    CreateJobRequest,
    CreateRecording,
    CreateRegularRecording,
    Crm,
    Delete,
    RecordPayment,
    Refused,
    SyncCrmUser,
    TrackView,
    Update,
    UploadResume,
)
from crm_domain.command_log import LogLine, id_named
from crm_domain.laws import LAWS
from crm_domain.reads import GetDashboard, Select
from crm_domain.testing import AMY, BOB, CrmBackend, Lines, broken_laws, conformance, run
from crm_domain.testing.conforming.course import Course
from crm_domain.testing.conforming.evidence import laws_tried
from crm_domain.testing.conforming.searching import Search
from crm_domain.testing.conforming.variants import Hole, variants

from .shop import ShopBackend

AMYS: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}
BOBS: dict[str, Any] = {"user_id": BOB.user_id, "email": BOB.email}
PRIMARY: dict[str, Any] = {"resume_url": "a", "is_primary": True}


def by_service(request: Any) -> LogLine:
    return LogLine(SERVICE, request)


def by_amy(request: Any) -> LogLine:
    return LogLine(AMY.principal, request)


@pytest.fixture
def crm() -> Crm:
    """Amy and Bob are CRM users; Amy has a job request, a payment, a recording and a primary resume, and 6 credits."""
    crm = Crm()
    for person in (AMY, BOB):
        crm.execute(SERVICE, SyncCrmUser(user_id=person.user_id, email=person.email))
    crm.execute(AMY.principal, CreateJobRequest(id=id_named("job-1"), **AMYS))
    crm.execute(SERVICE, RecordPayment(user_id=AMY.user_id, amount="12.99", ref="pay-1"))
    crm.execute(AMY.principal, CreateRecording(id=id_named("recording-1"), job_request_id=id_named("job-1"), **AMYS))
    crm.execute(AMY.principal, UploadResume(id=id_named("resume-1"), **AMYS, **PRIMARY))
    crm.execute(SERVICE, Update(table="profiles", where={"user_id": BOB.user_id}, set={"credits_remaining": 0}))
    return crm


OVERDRAWN, MONEY, MIRROR, ONE, COUNTERS, UNCHANGED, RAISES, READS, _, PAIR, REFERENCE, SYNC, PAY, APART, _, PRIMARIES, POLICY = (
    law.name for law in LAWS
)  # fmt: skip


@pytest.mark.parametrize(
    ("line", "laws"),
    [
        (by_amy(Select(table="profiles")), {READS}),
        (LogLine(ANON, GetDashboard(email=AMY.email)), {READS}),
        (by_service(Select(table="profiles")), {POLICY}),
        (by_amy(CreateRecording(**AMYS)), {MONEY, MIRROR, ONE, COUNTERS}),
        (LogLine(BOB.principal, CreateRecording(**BOBS)), {OVERDRAWN, UNCHANGED}),
        (by_service(Update(table="profiles", set={"credits_remaining": -1})), {OVERDRAWN, UNCHANGED, POLICY}),
        (by_amy(Update(table="profiles", set={"credits_remaining": 9})), {UNCHANGED, RAISES}),
        (by_amy(Update(table="crm_recordings", set={"video_url": "b"})), {ONE}),
        (by_service(TrackView(email=AMY.email)), {COUNTERS}),
        (by_amy(Delete(table="crm_recordings")), {COUNTERS, RAISES}),
        (by_amy(Delete(table="crm_job_requests")), {UNCHANGED, REFERENCE}),
        (by_amy(CreateJobRequest(user_id=AMY.user_id, email=BOB.email)), {UNCHANGED, PAIR}),
        (by_amy(Update(table="crm_job_requests", set={"email": BOB.email})), {UNCHANGED, PAIR}),
        (by_service(CreateRecording(**BOBS, job_request_id=id_named("job-1"))), {UNCHANGED, REFERENCE, POLICY}),
        (by_service(SyncCrmUser(**AMYS)), {SYNC}),
        (by_service(RecordPayment(user_id=AMY.user_id, amount="12.99", ref="pay-1")), {PAY}),
        (by_service(RecordPayment(user_id=AMY.user_id, amount="12.99", ref="pay-2")), {MONEY, MIRROR}),
        (by_amy(CreateRegularRecording(user_id=AMY.user_id)), {UNCHANGED, APART}),
        (by_amy(UploadResume(**AMYS, **PRIMARY)), {UNCHANGED, PRIMARIES}),
        (by_amy(Update(table="crm_job_requests", where={"user_id": BOB.user_id}, set={"job_title": "a"})), {POLICY}),
    ],
    ids=lambda value: f"{type(value.request).__name__} by {value.principal.role.value}" if isinstance(value, LogLine) else "",
)  # fmt: skip
def test_a_request_counts_for_the_laws_that_it_could_break(crm: Crm, line: LogLine, laws: set[str]) -> None:
    """For these and no others; the agreement with the model counts always."""
    try:
        expected: Any = CrmBackend(lambda: crm).execute(line.principal, line.request)
    except Refused as refused:
        expected = refused
    tried = set(laws_tried(line, expected, crm.tables)) - {"agrees_with_model"}
    assert laws - tried == set()
    if UNCHANGED not in laws:
        assert tried == laws


# --- known holes ------------------------------------------------------------------------------

PROVIDED = [hole for hole in variants() if hole.is_provided]
BEGUN = [hole for hole in variants() if not hole.is_provided]


@pytest.mark.parametrize("hole", BEGUN, ids=lambda hole: hole.name)
def test_a_hole_is_closed_by_the_rules_and_open_without_its_safeguard(hole: Hole) -> None:
    """Under the hardened rules its lines break nothing; without the safeguard the law that it names, or what is accepted."""
    assert not broken_laws(run(hole.lines, HARDENED))
    if hole.safeguard:
        open_ = run(hole.lines, HARDENED.without(hole.safeguard))
        closed = run(hole.lines, HARDENED)
        is_accepted = not isinstance(open_.steps[-1].outcome, Refused) and isinstance(closed.steps[-1].outcome, Refused)
        assert hole.law in broken_laws(open_) or is_accepted


def test_holes_have_names_of_their_own() -> None:
    """So that those that were not tried can be listed; each is behind every beginning that it can have."""
    names = [hole.name for hole in variants()]
    assert len(set(names)) == len(names)
    assert {len(hole.lines) > 0 for hole in PROVIDED} == {True}


def test_holes_reach_a_system_that_lacks_the_usual_beginning() -> None:
    """A shop without CRM users meets the double payment, and says which holes it cannot be asked."""
    backend = ShopBackend()
    try:
        report = conformance(backend, walks=1)
    finally:
        backend.close()
    report.assert_held()
    assert report.holes["payment_is_idempotent"][0] > 0
    assert report.tried["payment_is_idempotent"] > 0
    assert "the shop has no SyncCrmUser" in report.untried.values()


class Plain:
    """A backend with no more than the port asks for."""

    def __init__(self) -> None:
        self.model = CrmBackend()
        self.reset, self.execute, self.select = self.model.reset, self.model.execute, self.model.select


def test_what_a_backend_cannot_be_asked_is_said() -> None:
    """Without overlaps and idempotency keys, holes of those are left out, with the reason."""
    course = Course(Search(Plain(), HARDENED))
    for _ in course.steps(0, walks=1):
        pass
    assert set(course.untried.values()) == {"its commands cannot be made to overlap", "it knows no idempotency keys"}
    tried, known = course.holes()["balance_never_negative"]
    assert 0 < tried < known


def test_lines_may_come_first() -> None:
    """What a course is given is asked before every hole."""
    course = Course(Search(CrmBackend(), HARDENED))
    first = Lines([by_service(SyncCrmUser(**AMYS))])
    next(course.steps(0, first=[first], walks=1))
    assert (course.search.requests, course.tried) == (1, [])
