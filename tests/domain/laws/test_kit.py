"""The kit itself: what a run keeps, what a failure tells, who is whose concern."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import Phase, given, settings

from crm_adapters.command_log import read_log
from crm_domain import (
    HARDENED,
    SERVICE,
    CreateJobRequest,
    CreateRecording,
    CreditPolicy,
    Crm,
    Delete,
    InsufficientCredits,
    Principal,
    RecordPayment,
    RegisterUser,
    Stored,
    SyncCrmUser,
    TrackView,
    Update,
    UploadResume,
)
from crm_domain.command_log import LogLine, Request, id_named
from crm_domain.laws import StateLaw, law_named
from crm_domain.reads import GetDashboard, Select
from crm_domain.testing import (
    AMY,
    BOB,
    DAN,
    Lines,
    Recorder,
    assert_lawful,
    command_sequences,
    counterexample,
    interference,
    run,
    violations,
)
from crm_domain.testing.counterexamples import without_needless_lines
from crm_domain.testing.histories import START
from crm_domain.testing.interference import Concern, concern_of, separated

AMYS: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}
BOBS: dict[str, Any] = {"user_id": BOB.user_id, "email": BOB.email}
SYNC_AMY = LogLine(SERVICE, SyncCrmUser(**AMYS))
RECORD = LogLine(AMY.principal, CreateRecording(id=id_named("recording-1"), **AMYS))


def test_import_of_the_model_leaves_hypothesis_alone() -> None:
    """Whoever only uses the model and its laws needs no hypothesis."""
    code = "import sys, crm_domain, crm_domain.laws; sys.exit('hypothesis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- what a run keeps -------------------------------------------------------------------------


def test_step_keeps_both_states() -> None:
    """A step tells the state that it met and the one that it left, whatever came later."""
    history = run([SYNC_AMY, RECORD, RECORD])
    balances = [[p.credits_remaining for p in step.after.tables.profiles] for step in history.steps]
    assert balances == [[4], [3], [3]]
    assert history.steps[1].before is history.steps[0].after
    assert [len(step.entries) for step in history.steps] == [5, 2, 0]
    assert len(list(history.steps[0].after.journal.entries())) == 5


def test_overlapping_lines_have_states_of_their_own() -> None:
    """Between commands that overlap there are states too, in the order in which they are written."""
    low = LogLine(SERVICE, Update(table="profiles", set={"credits_remaining": 1}))
    taken = [
        LogLine(AMY.principal, CreateRecording(id=id_named(f"recording-{n}"), **AMYS), concurrent="g") for n in (1, 2)
    ]
    hardened = run([SYNC_AMY, low, *taken])
    assert [type(step.outcome) for step in hardened.steps[2:]] == [Stored, InsufficientCredits]
    oversold = run([SYNC_AMY, low, *taken], HARDENED.without("atomic_consume"))
    balances = [[p.credits_remaining for p in step.after.tables.profiles] for step in oversold.steps[1:]]
    assert balances == [[1], [0], [-1]]


def test_time_depends_on_the_place_alone() -> None:
    """A line comes when it would have come with the lines that were left out, unless it says when."""
    later = datetime(2030, 1, 1, tzinfo=UTC)
    lines = [SYNC_AMY, RECORD, attrs.evolve(SYNC_AMY, at=later), SYNC_AMY]
    history = run(lines, without={1})
    assert [step.entries[0].at for step in history.steps] == [
        START + timedelta(seconds=1),
        later,
        START + timedelta(seconds=4),
    ]


def test_violations_are_numbered_from_1() -> None:
    """A violation comes with the number of its line; lines that were judged before are passed over."""
    twice = [LogLine(SERVICE, RecordPayment(user_id=AMY.user_id, amount="12.99", ref="a"))] * 2
    history = run([SYNC_AMY, *twice], HARDENED.without("idempotent_payment"))
    assert {(number, v.law.name) for number, v in violations(history)} == {(3, "payment_is_idempotent")}
    assert list(violations(history, after=3)) == []


# --- what a failure tells ---------------------------------------------------------------------


def test_failure_tells_a_log_that_runs() -> None:
    """The note of a failure holds the requests as a command log, with labels, that breaks the law again."""
    rules = HARDENED.without("exact_price")
    lines = [SYNC_AMY, LogLine(SERVICE, RecordPayment(user_id=AMY.user_id, amount="0.01", ref="a"))]
    with pytest.raises(AssertionError, match=r"^line 2: balance_equals_granted_minus_consumed: ") as failure:
        assert_lawful(run(lines, rules))
    (note,) = failure.value.__notes__
    first, *log = note.splitlines()
    assert "--rules hardened,-exact_price" in first
    assert '"user": "amy"' in log[0]
    again = Lines(entry.line for entry in read_log([line.encode() for line in log], "note"))
    assert again == Lines(lines)


def test_failure_tells_the_credit_policy() -> None:
    """Where it is not the usual one, the note of a failure tells the credit policy too."""
    rules = attrs.evolve(HARDENED.without("exact_price"), credit_policy=CreditPolicy(initial_credits=1))
    lines = [SYNC_AMY, LogLine(SERVICE, RecordPayment(user_id=AMY.user_id, amount="0.01", ref="a"))]
    with pytest.raises(AssertionError) as failure:
        assert_lawful(run(lines, rules))
    assert "--rules hardened,-exact_price, CreditPolicy(initial_credits=1, " in failure.value.__notes__[0]


def test_crash_tells_the_lines_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is no refusal comes with the lines that led there."""
    recorder = Recorder()
    recorder.ask(SYNC_AMY)
    monkeypatch.delattr(Crm, "execute")
    with pytest.raises(AttributeError) as failure:
        recorder.ask(RECORD)
    (note,) = failure.value.__notes__
    heading, first, last = note.splitlines()
    assert "failed on the last of these lines" in heading
    assert '"sync_crm_user"' in first
    assert '"create_recording"' in last


def test_hypothesis_prints_lines_as_a_log() -> None:
    """A failing property shows its lines as a command log, not as objects."""

    @settings(max_examples=50, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink])
    @given(command_sequences())
    def fails(lines: Lines) -> None:
        assert len(lines) < 2

    with pytest.raises(AssertionError) as failure:
        fails()
    printed = "\n".join(failure.value.__notes__)
    assert printed.count('{"as": ') == 2


# --- counterexamples --------------------------------------------------------------------------


def test_search_shrinks() -> None:
    """The counterexample to a simple law is as short as can be."""
    found = counterexample(law_named("populations_are_separate"), HARDENED.without("separate_populations"))
    assert found is not None
    assert len(found) == 2


def test_needless_lines_are_left_out() -> None:
    """What is left cannot be shortened by one line."""
    lines = [LogLine(SERVICE, TrackView(email=text)) for text in "abcde"]
    kept = without_needless_lines(Lines(lines), lambda some: lines[1] in some and lines[3] in some)
    assert kept == Lines([lines[1], lines[3]])


def test_search_finds_nothing_under_the_hardened_rules() -> None:
    """Where there is no counterexample, none is made up."""
    assert counterexample(law_named("mirror_equals_profile"), HARDENED, max_examples=20) is None


# --- interference -----------------------------------------------------------------------------

CONCERNS: list[tuple[Principal, Request, Concern]] = [
    (AMY.principal, Select(table="profiles"), Concern.OBSERVER),
    (BOB.principal, Select(table="profiles"), Concern.OTHERS),
    (SERVICE, SyncCrmUser(user_id=AMY.user_id, email=" AMY@x.test"), Concern.OBSERVER),
    (SERVICE, SyncCrmUser(email=AMY.email), Concern.OBSERVER),
    (SERVICE, SyncCrmUser(user_id=BOB.user_id, email=AMY.email), Concern.BOTH),
    (SERVICE, RegisterUser(**BOBS), Concern.OTHERS),
    (SERVICE, RecordPayment(user_id=BOB.user_id, amount="12.99", ref="a"), Concern.OTHERS),
    (SERVICE, TrackView(email=AMY.email), Concern.OBSERVER),
    (SERVICE, GetDashboard(email=None), Concern.BOTH),
    (SERVICE, CreateJobRequest(**AMYS), Concern.OBSERVER),
    (SERVICE, CreateJobRequest(**(AMYS | {"email": BOB.email})), Concern.BOTH),
    (SERVICE, Update(table="profiles", set={"credits_remaining": 1}), Concern.BOTH),
    (SERVICE, Delete(table="crm_resumes", where={"user_id": BOB.user_id}), Concern.OTHERS),
]


@pytest.mark.parametrize(("principal", "request_", "concern"), CONCERNS)
def test_concern(principal: Principal, request_: Request, concern: Concern) -> None:
    """A person's requests concern them alone, the service's whom they name."""
    assert concern_of(LogLine(principal, request_), AMY) is concern


def _resume(principal: Principal, key: str | None = None) -> LogLine:
    row = {"id": id_named("resume-1"), "resume_url": "a", **(AMYS if principal == AMY.principal else BOBS)}
    return LogLine(principal, UploadResume(**row), key=key)


@pytest.mark.parametrize(
    ("lines", "kept", "others"),
    [
        ([_resume(AMY.principal), _resume(BOB.principal)], 2, frozenset({1})),
        ([_resume(BOB.principal), _resume(AMY.principal)], 1, frozenset()),
        ([LogLine(SERVICE, Delete(table="crm_resumes")), _resume(BOB.principal)], 1, frozenset({0})),
    ],
)
def test_separated(lines: Sequence[LogLine], kept: int, others: frozenset[int]) -> None:
    """Left out are what concerns both, and others' choice of an id that is the observer's later."""
    told, indexes = separated(Lines(lines), AMY)
    assert (len(told), indexes) == (kept, others)


def test_service_keys_are_left_out_of_both_runs() -> None:
    """The service's idempotency keys are its own: used for somebody else, they would conflict."""
    lines = [attrs.evolve(SYNC_AMY, key="k"), LogLine(SERVICE, SyncCrmUser(**BOBS), key="k")]
    told, _ = separated(Lines(lines), AMY)
    assert [line.key for line in told] == [None, None]


@pytest.mark.parametrize("safeguard", ["owner_pair", "same_owner_reference", "private_dashboard"])
def test_interference_is_noticed(safeguard: str, counterexamples: dict[str, Lines]) -> None:
    """Without a safeguard of isolation, its counterexample lets somebody notice another's doing."""
    lines = counterexamples[safeguard]
    if safeguard == "same_owner_reference":
        lines = Lines((*lines, LogLine(BOB.principal, Delete(table="crm_job_requests"))))
    observer = AMY if safeguard == "private_dashboard" else BOB
    assert interference(lines, observer, HARDENED) == []
    assert interference(lines, observer, HARDENED.without(safeguard)) != []


def test_guesses_about_the_unregistered_tell_nothing() -> None:
    """Whether somebody is registered cannot be found out by those who are not the service."""
    guess = LogLine(AMY.principal, CreateRecording(id=id_named("recording-2"), user_id=AMY.user_id, email=DAN.email))
    lines = Lines([SYNC_AMY, LogLine(SERVICE, SyncCrmUser(user_id=DAN.user_id, email=DAN.email)), guess])
    assert interference(lines, AMY) == []


def test_crm_is_a_state() -> None:
    """A `Crm` itself can be judged, without a run around it."""
    crm = Crm()
    crm.as_service().sync_crm_user(email=AMY.email)
    law = law_named("mirror_equals_profile")
    assert isinstance(law, StateLaw)
    assert list(law.check(crm)) == []
