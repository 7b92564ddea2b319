"""A law that cannot fail says nothing: here each is broken in every way that it knows, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import attrs
import pytest

from crm_domain import (
    ANON,
    HARDENED,
    SERVICE,
    Accepted,
    Command,
    CreateJobRequest,
    CreateRecording,
    CreateRegularJobRequest,
    CreateRegularRecording,
    CreditPolicy,
    Crm,
    Delete,
    Paid,
    PermissionDenied,
    Principal,
    RecordPayment,
    RegisterUser,
    RlsViolation,
    RowId,
    SyncCrmUser,
    Update,
    UploadResume,
)
from crm_domain import events as e
from crm_domain.command_log import LogLine, id_named
from crm_domain.laws import LAWS, Answer, RunLaw, StateLaw, Step, StepLaw, check_all, law_named
from crm_domain.reads import GetDashboard, Read, Select
from crm_domain.testing import AMY, BOB, CAL, Recorder, broken_laws, run

JOB, RECORDING, RESUME = id_named("job-1"), id_named("recording-1"), id_named("resume-1")
AMYS: Final[dict[str, Any]] = {"user_id": AMY.user_id, "email": AMY.email}
PRICE: Final = Decimal("12.99")


def people() -> Recorder:
    """Return a run with Amy and Bob, who are CRM users, and Cal, who is not; Amy has a row of each kind."""
    recorder = Recorder()
    for principal, command in (
        (SERVICE, SyncCrmUser(**AMYS)),
        (SERVICE, SyncCrmUser(user_id=BOB.user_id, email=BOB.email)),
        (SERVICE, RegisterUser(user_id=CAL.user_id, email=CAL.email)),
        (SERVICE, RecordPayment(user_id=CAL.user_id, amount=PRICE, ref="pay-1", id=id_named("payment-1"))),
        (AMY.principal, CreateJobRequest(id=JOB, **AMYS)),
        (AMY.principal, CreateRecording(id=RECORDING, job_request_id=JOB, **AMYS)),
        (AMY.principal, UploadResume(id=RESUME, resume_url="a", is_primary=True, **AMYS)),
        (CAL.principal, CreateRegularJobRequest(id=id_named("job-2"), user_id=CAL.user_id)),
        (CAL.principal, CreateRegularRecording(id=id_named("recording-2"), user_id=CAL.user_id)),
    ):
        (step,) = recorder.ask(LogLine(principal, command))
        assert isinstance(step.outcome, Accepted)
    assert broken_laws(recorder.history) == frozenset()
    return recorder


# --- laws of states ---------------------------------------------------------------------------


def write(table: str, key: str, **changes: object) -> Callable[[Crm], None]:
    """Return a hand that writes into a row behind the rules' back."""
    return lambda crm: crm.tables.by_name[table].update(key, changes)  # type: ignore[arg-type]


def remove(table: str, key: str) -> Callable[[Crm], None]:
    """Return a hand that removes a row behind the rules' back."""
    return lambda crm: crm.tables.by_name[table].delete(key)


def pretend(event: e.Event) -> Callable[[Crm], None]:
    """Return a hand that enters an event in the journal which never happened."""

    def enter(crm: Crm) -> None:
        crm.journal.append([event], at=next(iter(crm.journal.entries())).at, principal=SERVICE, key=None)

    return enter


def second(table: str, key: str, **changes: object) -> Callable[[Crm], None]:
    """Return a hand that stores a row again, with changes."""

    def insert(crm: Crm) -> None:
        stored: Any = crm.tables.by_name[table]
        stored.insert(attrs.astuple(attrs.evolve(stored.get(key), **changes)))

    return insert


FIRST_GRANT: Final = f"{AMY.user_id}/1"
PAID_GRANT: Final = f"{CAL.user_id}/1"
PAYMENT: Final = id_named("payment-1")

STATES: Final[list[tuple[str, str, Callable[[Crm], None]]]] = [
    ("balance_never_negative", "the balance is -1", write("profiles", AMY.user_id, credits_remaining=-1)),
    ("balance_never_negative", "to -2 credits", pretend(e.CreditVoided(AMY.user_id, None, 5))),
    ("balance_equals_granted_minus_consumed", "balance is 9", write("profiles", AMY.user_id, credits_remaining=9)),
    ("balance_equals_granted_minus_consumed", "1 voided = 2", pretend(e.CreditVoided(AMY.user_id, None, 1))),
    ("balance_equals_granted_minus_consumed", "3 remain, 2 are", write("credit_grants", FIRST_GRANT, consumed=2)),
    ("balance_equals_granted_minus_consumed", "5 initial credits", write("credit_grants", FIRST_GRANT, credits=5)),
    ("balance_equals_granted_minus_consumed", "its payment None", write("credit_grants", PAID_GRANT, payment_id=None)),
    ("balance_equals_granted_minus_consumed", "'adjustment'", write("credit_grants", PAID_GRANT, source="adjustment")),
    ("balance_equals_granted_minus_consumed", "gave 7", write("credit_grants", FIRST_GRANT, payment_id=PAYMENT)),
    ("balance_equals_granted_minus_consumed", "0.01 gave 3", write("payments", PAYMENT, amount=Decimal("0.01"))),
    ("balance_equals_granted_minus_consumed", "noted as 4", write("payments", PAYMENT, credits=4)),
    ("mirror_equals_profile", "9 credits, 3", write("digital_resume_by_CRM", AMY.email, credits_remaining=9)),
    ("mirror_equals_profile", "no profile", remove("profiles", AMY.user_id)),
    (
        "one_credit_per_recording",
        "1 videos took 2",
        pretend(e.CreditConsumed(("x", RECORDING, AMY.user_id, None, None, None, None))),
    ),
    ("one_credit_per_recording", "no credit for it", remove("credit_consumptions", RECORDING)),
    ("owner_pair_is_one_account", "not registered", write("auth.users", AMY.user_id, email="x@x.test")),
    ("owner_pair_is_one_account", "not registered", remove("auth.users", AMY.user_id)),
    ("owner_pair_is_one_account", "bob@x.test is", write("crm_job_requests", JOB, email=BOB.email)),
    ("owner_pair_is_one_account", "None is nobody's", write("crm_resumes", RESUME, email=None)),
    ("owner_pair_is_one_account", "user_id is None", write("crm_recordings", RECORDING, user_id=None)),
    ("reference_has_same_owner", "is not there", remove("crm_job_requests", JOB)),
    ("reference_has_same_owner", f"is {BOB.user_id}'s", write("crm_job_requests", JOB, user_id=BOB.user_id)),
    ("populations_are_separate", "not a CRM user", write("crm_job_requests", JOB, user_id=CAL.user_id)),
    (
        "populations_are_separate",
        "who was a CRM user",
        pretend(e.RegularJobRequestCreated((JOB, AMY.user_id, *(None,) * 10))),
    ),
    ("replay_reproduces_state", "job_title was None and is 'x'", write("crm_job_requests", JOB, job_title="x")),
    (
        "replay_reproduces_state",
        "and is 2026-01-01T00:00:00+00:00",
        write("crm_job_requests", JOB, updated_at=datetime(2026, 1, 1, tzinfo=UTC)),
    ),
    ("replay_reproduces_state", "it was there, and is not", remove("crm_job_requests", JOB)),
    ("replay_reproduces_state", "it was not there, and is", second("crm_job_requests", JOB, id=id_named("job-3"))),
    ("at_most_one_primary_resume", "2 primary", second("crm_resumes", RESUME, id=id_named("resume-2"))),
]


@pytest.mark.parametrize(("law", "words", "tamper"), STATES)
def test_law_of_states_fails(law: str, words: str, tamper: Callable[[Crm], None]) -> None:
    """A state that was tampered with breaks the law, which says what is and what should be."""
    crm = people().crm
    assert check_all(crm) == []
    tamper(crm)
    said = [str(violation) for violation in check_all(crm) if violation.law.name == law]
    assert any(words in text for text in said), said


def test_every_law_of_states_is_tampered_with() -> None:
    """No law of states is missing here, but that of the counters, which has its own tests."""
    tampered = {law for law, _, _ in STATES} | {"counters_equal_fold_of_events"}
    assert tampered == {law.name for law in LAWS if isinstance(law, StateLaw)}


COUNTERS: Final = ("total_applications", "total_recordings", "total_resumes", "total_views", "total_time_spent")
DATES: Final = ("last_application_date", "last_recording_date", "last_login_date")


@pytest.mark.parametrize("column", [*COUNTERS, *DATES])
def test_law_of_counters_fails(column: str) -> None:
    """A counter or date that the events do not explain breaks the law, whichever it is."""
    crm = people().crm
    moment = crm.tables.profiles.get(BOB.user_id).created_at  # type: ignore[union-attr]
    stats = crm.tables.crm_dashboard_stats.one("email", BOB.email)
    assert stats is not None
    write("crm_dashboard_stats", stats.id, **{column: moment if column in DATES else 7})(crm)
    said = [str(violation) for violation in check_all(crm)]
    assert any(f"counters_equal_fold_of_events: crm_dashboard_stats bob@x.test: {column} is" in text for text in said)


def test_law_of_counters_knows_the_services_word() -> None:
    """A correction by the service counts, and so does a deletion by it: the counters begin again at 0."""
    recorder = people()
    for command in (
        Update(table="crm_dashboard_stats", set={"total_views": 7, "last_login_date": None}),
        Delete(table="crm_dashboard_stats"),
        SyncCrmUser(**AMYS),
    ):
        recorder.ask(LogLine(SERVICE, command))
        assert check_all(recorder.crm) == []


def test_law_of_counters_minds_the_users_word() -> None:
    """Counters that their user deleted do not begin again at 0."""
    recorder = Recorder(HARDENED.without("stats_read_only"))
    for principal, command in (
        (SERVICE, SyncCrmUser(**AMYS)),
        (AMY.principal, CreateJobRequest(id=JOB, **AMYS)),
        (AMY.principal, Delete(table="crm_dashboard_stats")),
        (SERVICE, SyncCrmUser(**AMYS)),
    ):
        recorder.ask(LogLine(principal, command))
    assert broken_laws(recorder.history) == {"counters_equal_fold_of_events"}


def refunded() -> Recorder:
    """Return a run in which the credit of Amy's failed recording went back to its grant."""
    recorder = Recorder(attrs.evolve(HARDENED, credit_policy=CreditPolicy(refund_failed_recordings=True)))
    for principal, command in (
        (SERVICE, SyncCrmUser(**AMYS)),
        (AMY.principal, CreateRecording(id=RECORDING, **AMYS)),
        (SERVICE, Update(table="crm_recordings", set={"status": "failed"})),
    ):
        recorder.ask(LogLine(principal, command))
    return recorder


def test_law_of_balances_knows_refunds() -> None:
    """A refund is consumption taken back: it explains the balance, and that the grant is whole again."""
    crm = refunded().crm
    assert crm.tables.profiles.get(AMY.user_id).credits_remaining == 4  # type: ignore[union-attr]
    assert check_all(crm) == []
    pretend(e.CreditRefunded(AMY.user_id, RECORDING, FIRST_GRANT))(crm)
    said = " ".join(str(violation) for violation in check_all(crm))
    assert "4 granted - -1 consumed" in said
    assert "expected 5, -1, 0" in said


@pytest.mark.parametrize(
    "command", [Update(table="job_requests", set={"job_title": "a"}), Delete(table="job_requests")]
)
def test_law_of_populations_minds_changes(command: Command) -> None:
    """A CRM user who changes rows of their time as a regular user breaks the law; the service does not."""
    lines = [
        LogLine(SERVICE, RegisterUser(user_id=CAL.user_id, email=CAL.email)),
        LogLine(CAL.principal, CreateRegularJobRequest(id=JOB, user_id=CAL.user_id)),
        LogLine(SERVICE, SyncCrmUser(user_id=CAL.user_id, email=CAL.email)),
    ]
    rules = HARDENED.without("separate_populations")
    assert broken_laws(run([*lines, LogLine(SERVICE, command)], rules)) == frozenset()
    assert broken_laws(run([*lines, LogLine(CAL.principal, command)], rules)) == {"populations_are_separate"}


def test_law_of_populations_knows_when_somebody_left() -> None:
    """Who is no longer a CRM user may have rows in the regular tables."""
    recorder = people()
    for command in (
        Delete(table="crm_dashboard_stats", where={"user_id": BOB.user_id}),
        Delete(table="digital_resume_by_CRM", where={"user_id": BOB.user_id}),
        CreateRegularJobRequest(user_id=BOB.user_id),
    ):
        (step_,) = recorder.ask(LogLine(SERVICE, command))
        assert isinstance(step_.outcome, Accepted)
    assert broken_laws(recorder.history) == frozenset()


# --- laws of steps ----------------------------------------------------------------------------

Hand = Callable[[Crm], object]


def nothing(_: Crm) -> None:
    """Leave a state as it is."""


def step(
    principal: Principal,
    command: Command | Read[Any],
    outcome: Answer = Accepted(()),  # noqa: B008 - nobody changes it
    *,
    before: Hand = nothing,
    after: Hand = nothing,
    happened: Sequence[Any] = (),
) -> Step:
    """Return a step that never was, between two states that hands have tampered with."""
    one, other = people().crm, people().crm
    before(one)
    after(other)
    entry = next(iter(one.journal.entries()))
    entries = [attrs.evolve(entry, event=event, account=event.row.user_id) for event in happened]
    return Step(before=one, principal=principal, command=command, outcome=outcome, entries=entries, after=other)


DENIED: Final = PermissionDenied("No.")
JOB_CREATED: Final = e.JobRequestCreated((JOB, AMY.email, AMY.user_id, *(None,) * 10))
RECORDED: Final = e.RecordingCreated((RECORDING, BOB.email, BOB.user_id, id_named("job-9"), *(None,) * 9))
APPLY: Final = CreateJobRequest(id=JOB, **AMYS)
SYNC: Final = SyncCrmUser(user_id=AMY.user_id, email=" AMY@x.test")
PAY: Final = RecordPayment(user_id=CAL.user_id, amount=PRICE, ref="pay-1")
OTHER_PAY: Final = RecordPayment(user_id=AMY.user_id, amount=PRICE, ref="pay-1")
AMYS_BALANCES: Final = (("profiles", AMY.user_id), ("digital_resume_by_CRM", AMY.email))
JOBS: Final = Select(table="crm_job_requests")


def all_of(table: str) -> list[Any]:
    """Return every row of a table."""
    return people().crm.as_service().select(table)


def grant_again(**changes: object) -> Hand:
    """Return a hand that enters Amy's first grant a second time."""
    return second("credit_grants", FIRST_GRANT, id="again", number=2, **changes)


STEPS: Final[list[tuple[str, str, Step]]] = [
    ("refused_changes_nothing", "1 events", step(AMY.principal, APPLY, DENIED, happened=[JOB_CREATED])),
    ("refused_changes_nothing", "an answer and 1", step(AMY.principal, JOBS, [], happened=[JOB_CREATED])),
    (
        "refused_changes_nothing",
        "nothing happened, but",
        step(AMY.principal, APPLY, after=write("crm_job_requests", JOB, job_title="x")),
    ),
    (
        "no_user_command_raises_credits",
        "balance of",
        step(AMY.principal, APPLY, after=write("profiles", CAL.user_id, credits_remaining=9)),
    ),
    (
        "no_user_command_raises_credits",
        "mirror of",
        step(AMY.principal, APPLY, after=write("digital_resume_by_CRM", AMY.email, credits_remaining=9)),
    ),
    (
        "no_user_command_raises_credits",
        "from 0 to 3",
        step(AMY.principal, APPLY, before=lambda crm: [remove(t, k)(crm) for t, k in AMYS_BALANCES]),
    ),
    ("reads_see_only_own_rows", "the opposite", step(AMY.principal, JOBS, DENIED)),
    ("reads_see_only_own_rows", "the opposite", step(ANON, JOBS, [])),
    ("reads_see_only_own_rows", "the opposite", step(AMY.principal, Select(table="auth.users"), [])),
    ("reads_see_only_own_rows", "not theirs", step(BOB.principal, JOBS, all_of("crm_job_requests"))),
    ("reads_see_only_own_rows", "did not see", step(AMY.principal, JOBS, [])),
    ("reads_see_only_own_rows", "expected None", step(BOB.principal, GetDashboard(email=AMY.email), [])),
    ("reads_see_only_own_rows", "got None", step(AMY.principal, GetDashboard(email=AMY.email), None)),
    (
        "provisioning_is_idempotent",
        "a re-sync of amy@x.test: profiles",
        step(SERVICE, SYNC, after=write("profiles", AMY.user_id, credits_remaining=4)),
    ),
    ("provisioning_is_idempotent", f"{AMY.user_id} got initial", step(SERVICE, SYNC, after=grant_again())),
    ("provisioning_is_idempotent", "amy@x.test got", step(SERVICE, SYNC, after=grant_again(email="AMY@x.test "))),
    ("payment_is_idempotent", "with other content", step(SERVICE, OTHER_PAY, Paid((), RowId(""), credited=False))),
    ("payment_is_idempotent", "credited again", step(SERVICE, PAY, Paid((), RowId(""), credited=True))),
    ("payment_is_idempotent", "delivered again: credit_grants", step(SERVICE, PAY, after=grant_again())),
    ("service_passes_policies_not_rules", "row policy refused", step(SERVICE, APPLY, RlsViolation("No."))),
    ("service_passes_policies_not_rules", "may not read", step(SERVICE, JOBS, DENIED)),
    ("service_passes_policies_not_rules", "did not see", step(SERVICE, JOBS, [])),
    ("service_passes_policies_not_rules", "got None", step(SERVICE, GetDashboard(email=AMY.email), None)),
    ("service_passes_policies_not_rules", "is not there", step(SERVICE, APPLY, happened=[RECORDED])),
    (
        "service_passes_policies_not_rules",
        "had no credits",
        step(SERVICE, APPLY, before=write("profiles", BOB.user_id, credits_remaining=0), happened=[RECORDED]),
    ),
    (
        "service_passes_policies_not_rules",
        "had no credits",
        step(SERVICE, APPLY, before=remove("profiles", BOB.user_id), happened=[RECORDED]),
    ),
    ("service_passes_policies_not_rules", "affair", step(BOB.principal, APPLY, happened=[JOB_CREATED])),
    ("service_passes_policies_not_rules", "affair", step(ANON, APPLY, happened=[JOB_CREATED])),
    (
        "service_passes_policies_not_rules",
        "was deactivated",
        step(
            AMY.principal,
            APPLY,
            before=write("digital_resume_by_CRM", AMY.email, is_active=False),
            happened=[JOB_CREATED],
        ),
    ),
]


@pytest.mark.parametrize(("law", "words", "wrong"), STEPS)
def test_law_of_steps_fails(law: str, words: str, wrong: Step) -> None:
    """A step that cannot be breaks the law, which says what was wrong with it."""
    judge = law_named(law)
    assert isinstance(judge, StepLaw)
    said = list(judge.check(wrong))
    assert any(words in text for text in said), said


def test_every_law_of_steps_is_broken() -> None:
    """No law of steps is missing here."""
    assert {law for law, _, _ in STEPS} == {law.name for law in LAWS if isinstance(law, StepLaw)}


# --- laws of runs -----------------------------------------------------------------------------


def test_noninterference_fails() -> None:
    """Two answers that differ break the law; an answer that is told twice the same does not."""
    law = law_named("noninterference")
    assert isinstance(law, RunLaw)
    seen, unseen = step(AMY.principal, JOBS, all_of("crm_job_requests")), step(AMY.principal, JOBS, [])
    denied = step(AMY.principal, JOBS, DENIED)
    assert list(law.check([seen], [seen], AMY.principal)) == []
    assert list(law.check([seen, denied], [unseen, seen], BOB.principal)) == []
    assert len(list(law.check([seen, denied], [unseen, seen], AMY.principal))) == 2


@pytest.mark.parametrize(
    ("other", "words"), [([], "1 times in one run and 0"), ([step(AMY.principal, APPLY)], "request 1 of")]
)
def test_noninterference_compares_the_same_requests(other: list[Step], words: str) -> None:
    """Runs in which the observer does not ask for the same cannot be compared."""
    law = law_named("noninterference")
    assert isinstance(law, RunLaw)
    with pytest.raises(ValueError, match=words):
        list(law.check([step(AMY.principal, JOBS, [])], other, AMY.principal))


def test_law_named_lists_the_laws() -> None:
    """A law that does not exist is a mistake; the message says which there are."""
    with pytest.raises(ValueError, match=r"no 'gravity'; there are balance_never_negative, "):
        law_named("gravity")
