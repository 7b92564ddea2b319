"""The search: repeatable, unimpressed by backends that misbehave, and silent about those that do not."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import attrs
import pytest

from crm_adapters.command_log import read_log
from crm_domain import (
    ANON,
    HARDENED,
    SEED,
    SERVICE,
    CreateRecording,
    CreditPolicy,
    Crm,
    InsufficientCredits,
    Principal,
    RecordPayment,
    Refused,
    SyncCrmUser,
    TrackView,
    Update,
)
from crm_domain.command_log import LogLine
from crm_domain.errors import refusal
from crm_domain.reads import GetDashboard
from crm_domain.rules import SAFEGUARDS
from crm_domain.testing import BOB, CrmBackend, Lines, broken_laws, conformance, run
from crm_domain.testing.conforming.reports import EVERY_LAW, BrokeDown, Interrupted
from crm_domain.testing.conforming.searching import Search

LAW_OF = {name: safeguard.law for name, safeguard in SAFEGUARDS.items() if safeguard.law is not None}


def without(*safeguards: str) -> CrmBackend:
    return CrmBackend(lambda: Crm(rules=HARDENED.without(*safeguards)))


def test_model_holds() -> None:
    """The model breaks nothing, and every law was testable."""
    report = conformance(CrmBackend(), walks=60)
    report.assert_held()
    assert {verdict.verdict for verdict in report.verdicts} == {"held"}
    assert (report.walks, report.rules) == (60, HARDENED)


def test_other_rules_are_held_to() -> None:
    """A backend without a safeguard does as the rules without it say."""
    rules = HARDENED.without("one_primary", "exact_price")
    conformance(without("one_primary", "exact_price"), rules, walks=40).assert_held()


@pytest.mark.thorough
@pytest.mark.parametrize("safeguard", LAW_OF)
def test_missing_safeguard_is_named_under_its_law(safeguard: str) -> None:
    """Without a safeguard the law that the table names is broken, and the log that is told shows it on the model."""
    report = conformance(without(safeguard), walks=5)
    assert LAW_OF[safeguard] in report.broken
    assert report.lacking == (safeguard,)
    (finding, *_) = (finding for finding in report.findings if LAW_OF[safeguard] in finding.laws)
    assert finding.missing == (safeguard,)
    log = [line.encode() for line in finding.log.splitlines()]
    lines = Lines(entry.line for entry in read_log(log, "finding"))
    assert LAW_OF[safeguard] in broken_laws(run(lines, HARDENED.without(safeguard)))
    assert not broken_laws(run(lines, HARDENED))


def test_seed_lacks_everything() -> None:
    """Held to the hardened rules, the document at its word lacks every safeguard that shows in Python."""
    report = conformance(CrmBackend(lambda: Crm(rules=SEED)), walks=60)
    missing = {name for finding in report.findings for name in finding.missing}
    assert missing >= set(LAW_OF)


def test_same_call_finds_the_same() -> None:
    """A search depends on its seed alone; another seed walks otherwise."""
    first, again, other = (conformance(without("one_primary"), walks=20, seed=seed) for seed in (1, 1, 2))
    assert first.findings == again.findings
    assert first.requests == again.requests != other.requests


def test_progress_is_told() -> None:
    """After every step it is said how many walks there were, and how much was found."""
    steps: list[tuple[int, int]] = []
    conformance(without("one_primary"), walks=3, progress=lambda walks, findings: steps.append((walks, findings)))
    assert {walks for walks, _ in steps} == {0, 1, 2, 3}
    assert steps == sorted(steps)
    assert steps[-1][1] >= 1


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second whenever it is looked at."""
    seconds = count()
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))


@pytest.mark.usefixtures("ticking")
def test_a_search_stops_when_its_time_is_over() -> None:
    """The whole search does, known holes and matrix included; or when the number of walks is reached."""
    report = conformance(CrmBackend(), seconds=0)
    assert (report.walks, report.requests) == (0, 0)
    assert conformance(CrmBackend(), seconds=30, with_matrix=True).requests < 100
    assert 0 < conformance(CrmBackend(), seconds=200).walks < 60
    assert conformance(CrmBackend(), seconds=1000, walks=2).walks == 2


@pytest.mark.usefixtures("ticking")
def test_what_is_found_late_is_not_shortened_any_more() -> None:
    """Shortening ends with the time, too: the finding stays as long as it is then."""
    in_time = conformance(without("same_owner_reference"), seconds=1000, walks=1, stop_at_first=True)
    (late,) = conformance(without("same_owner_reference"), seconds=61, walks=1, stop_at_first=True).findings
    assert len(late.lines) >= len(in_time.findings[0].lines)


def test_no_walk_is_no_search() -> None:
    """A search without walks is asked for by mistake, and so is a law that there is not."""
    with pytest.raises(ValueError, match="walks: expected 1 or more, got 0"):
        conformance(CrmBackend(), walks=0)
    with pytest.raises(ValueError, match="only: there is no law 'gravity'; there are balance_never_negative"):
        conformance(CrmBackend(), walks=1, only=["gravity"])


def test_laws_that_nothing_put_to_the_test_are_not_held() -> None:
    """A search that was over before it began says of no law that it held."""
    report = conformance(CrmBackend(), seconds=0)
    assert {verdict.verdict for verdict in report.verdicts} == {"not exercised"}
    assert set(report.not_exercised) == {law.name for law in EVERY_LAW}
    assert "no law is broken" not in str(report)
    assert set(report.untried.values()) == {"the search ended before"}


def test_one_law_may_be_searched_for() -> None:
    """Of the others nothing is said, and what breaks them is not shortened."""
    backend = without("one_primary", "exact_price")
    report = conformance(backend, walks=3, only=["at_most_one_primary_resume"])
    assert report.broken == {"at_most_one_primary_resume"}
    assert [verdict.law.name for verdict in report.verdicts] == ["at_most_one_primary_resume"]


def test_a_search_may_stop_at_the_first_finding() -> None:
    """Then nothing else is looked for."""
    report = conformance(without("owner_pair", "one_primary"), walks=3, stop_at_first=True)
    assert (len(report.findings), report.walks) == (1, 0)


def test_a_walk_that_found_something_is_made_first_in_another_search() -> None:
    """A finding says which walk it was; a search that is given it finds the same before any hole is tried."""

    class Overdrawn(CrmBackend):
        """Refuses a certain recording, which no hole asks for."""

        def execute(self, principal: Principal, command: Any) -> Any:
            if isinstance(command, CreateRecording) and command.transcription == "b":
                raise refusal("conflict")
            return super().execute(principal, command)

    found = conformance(Overdrawn(), walks=60, stop_at_first=True).findings[0]
    again = conformance(Overdrawn(), walks=1, replay=[found.walk], stop_at_first=True).findings[0]
    assert again.lines == found.lines
    assert again.found_after < found.found_after


@pytest.mark.parametrize("plain", [True, False])
def test_odd_characters_may_be_left_out(plain: bool) -> None:  # noqa: FBT001
    """Then no request has any, in walks and in the matrix."""

    class Listening(CrmBackend):
        has_heard = False

        def execute(self, principal: Principal, command: Any) -> Any:
            self.has_heard |= not repr(command).isascii() or "\\x00" in repr(command)
            return super().execute(principal, command)

    backend = Listening()
    conformance(backend, walks=10, plain_text_only=plain, with_matrix=True)
    assert backend.has_heard == (not plain)


class Dying(CrmBackend):
    """Cannot be reset after a while."""

    resets = 0

    def reset(self) -> None:
        self.resets += 1
        if self.resets > 100:
            raise self.error
        super().reset()

    error: BaseException = ConnectionError("server closed the connection")


def test_a_search_that_breaks_down_has_what_was_found() -> None:
    """Whether the server dies or somebody presses Ctrl-C."""

    class Sloppy(Dying):
        def __init__(self) -> None:
            super().__init__(lambda: Crm(rules=HARDENED.without("tracking_read_only")))

    with pytest.raises(BrokeDown, match="ConnectionError: server closed the connection") as broken:
        conformance(Sloppy())
    assert broken.value.report.broken == {"no_user_command_raises_credits"}
    assert "It ended early, as it broke down: ConnectionError" in str(broken.value.report)
    Sloppy.error = KeyboardInterrupt()
    with pytest.raises(Interrupted) as interrupted:
        conformance(Sloppy())
    assert interrupted.value.report.broken == {"no_user_command_raises_credits"}
    assert "It ended early, as it was interrupted" in str(interrupted.value.report)


def test_some_walks_are_made_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a number or a time there is a number of walks that is usual."""
    monkeypatch.setattr(importlib.import_module("crm_domain.testing.conforming.conformance"), "DEFAULT_WALKS", 2)
    assert conformance(CrmBackend()).walks == 2


class Indiscreet(CrmBackend):
    """Shows everybody Bob's dashboard, and nobody else's."""

    def execute(self, principal: Principal, command: Any) -> Any:
        is_bobs = isinstance(command, GetDashboard) and command.email == BOB.email
        return super().execute(SERVICE if is_bobs and principal.is_user else principal, command)


def test_a_safeguard_that_is_missing_in_places_is_not_said_to_be_lacking() -> None:
    """Where a backend has a safeguard after all, the finding stays, and the safeguard is not said to be lacking."""
    report = conformance(Indiscreet(), walks=30)
    assert ("private_dashboard",) in {finding.missing for finding in report.findings}
    assert report.lacking == ()


class Raising(CrmBackend):
    """Breaks down at every payment."""

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, RecordPayment):
            raise ConnectionError("connection lost")
        return super().execute(principal, command)


def test_a_backend_that_raises_is_a_finding() -> None:
    """Whatever it raises is told with the shortest sequence; the search goes on."""
    report = conformance(Raising(), walks=10)
    (finding,) = report.findings
    assert "failed with ConnectionError: connection lost" in finding.text
    assert len(finding.lines) == 1
    assert report.walks == 10


class Forgetful(CrmBackend):
    """Hangs on to its state: resets do not do anything."""

    def reset(self) -> None:
        pass


def test_a_backend_that_keeps_its_state_is_a_finding() -> None:
    """Where a reset does not begin anew, nothing is as the model says, and the search comes to an end."""
    report = conformance(Forgetful(), walks=3)
    assert report.findings
    with pytest.raises(AssertionError, match="broken"):
        report.assert_held()


class Moody(CrmBackend):
    """Breaks down at the next view that it is asked to count, and not again until it is in that mood."""

    moody = True

    def execute(self, principal: Principal, command: Any) -> Any:
        answer = super().execute(principal, command)
        if isinstance(command, TrackView) and self.moody:
            self.moody = False
            raise RuntimeError("not today")
        return answer


def test_a_backend_that_is_not_repeatable_is_a_finding() -> None:
    """A difference that does not come again is told as that."""
    report = conformance(Moody(), walks=60)
    (finding,) = report.findings
    assert finding.text == "a difference was seen once, and not when the same was asked again from the beginning"
    assert finding.laws == {"agrees_with_model"}
    assert finding.lines


def test_what_does_not_come_again_is_told_once() -> None:
    """However often it happens."""
    backend = Moody()
    search = Search(backend, HARDENED)
    for _ in range(2):
        backend.moody = True
        search.ask(Lines([LogLine(SERVICE, TrackView(email=BOB.email))]))
    assert len(search.findings) == 1


JUNK: Sequence[Any] = (
    7,
    [7],
    [{}],
    [{"id": "no"}],
    [None],
    "rows",
    [{"user_id": "00000000-0000-4000-8000-000000000001", "credits_remaining": "many"}],
)


@pytest.mark.thorough
@pytest.mark.parametrize("junk", JUNK, ids=str)
def test_a_backend_that_shows_junk_is_a_finding(junk: Any) -> None:
    """Rows that are none are a finding, and break nothing in the kit."""

    class Junk(CrmBackend):
        def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
            return junk if table == "profiles" else super().select(principal, table, where)

    report = conformance(Junk(), walks=2)
    assert report.findings
    assert "profiles" in report.findings[0].text


@pytest.mark.parametrize("junk", [7, "done", object, {"id": 7}, {"user_id": "all"}, [1, 2]], ids=str)
def test_a_backend_that_answers_junk_is_asked_on(junk: Any) -> None:
    """An answer that tells nothing is no answer to compare; one that tells something wrong is a finding."""

    class Junk(CrmBackend):
        def execute(self, principal: Principal, command: Any) -> Any:
            answer = super().execute(principal, command)
            return junk if isinstance(command, SyncCrmUser) else answer

    report = conformance(Junk(), walks=20)
    assert bool(report.findings) == (junk == {"user_id": "all"})


class Telling(CrmBackend):
    """Tells what it sent."""

    def __init__(self) -> None:
        super().__init__(lambda: Crm(rules=HARDENED.without("exact_price")))
        self.statements: list[str] = []

    def reset(self) -> None:
        self.statements = []
        super().reset()

    def execute(self, principal: Principal, command: Any) -> Any:
        self.statements.append(type(command).__name__)
        return super().execute(principal, command)

    def sent(self) -> Sequence[str]:
        return self.statements


def test_a_finding_has_what_was_sent_for_it() -> None:
    """A backend that tells what it sent is asked what it was for the shortest sequence alone."""
    (finding,) = conformance(Telling(), walks=5).findings
    assert len([name for name in finding.sent if name != "GetDashboard"]) == len(finding.lines)
    assert "RecordPayment" in finding.sent
    assert finding.found_after > 0


class Vague(CrmBackend):
    """Refuses without saying of what kind."""

    def execute(self, principal: Principal, command: Any) -> Any:
        try:
            return super().execute(principal, command)
        except Refused as refused:
            raise Refused(refused.message) from None

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        if principal == ANON:
            raise Refused("no")
        return super().select(principal, table, where)


def test_a_refusal_of_no_kind_is_a_failure() -> None:
    """Nobody can compare it with what the rules say."""
    report = conformance(Vague(), walks=5)
    assert report.findings
    assert any("failed with Refused: " in finding.text for finding in report.findings)


@pytest.mark.thorough
@pytest.mark.parametrize("safeguard", ["private_dashboard", "tracking_read_only", "atomic_consume", "owner_pair"])
def test_what_weaker_rules_allow_is_no_finding(safeguard: str) -> None:
    """Held to rules that let others be seen, or a balance fall below 0, a backend may do so."""
    rules = HARDENED.without(safeguard)
    conformance(CrmBackend(lambda: Crm(rules=rules)), rules, walks=60).assert_held()


def test_the_matrix_may_be_part_of_the_search() -> None:
    """Its requests count, unless there is no time for it."""
    with_it = conformance(CrmBackend(), walks=1, with_matrix=True)
    assert with_it.requests > 10_000
    assert not with_it.findings


@pytest.mark.parametrize("free", [0, 2, 4])
def test_the_last_credit_is_spent_even_where_balances_are_not_set(free: int) -> None:
    """No walk is needed to see that a system sells one recording more than there are credits."""

    class OneTooMany(CrmBackend):
        def execute(self, principal: Principal, command: Any) -> Any:
            if isinstance(command, Update):
                raise NotImplementedError("nothing is updated here")
            try:
                return super().execute(principal, command)
            except InsufficientCredits:
                return None

    rules = attrs.evolve(HARDENED, credit_policy=CreditPolicy(initial_credits=free))
    report = conformance(OneTooMany(lambda: Crm(rules=rules)), rules, walks=1, stop_at_first=True)
    assert [len(finding.lines) for finding in report.findings] == [free + 2]
    assert isinstance(report.findings[0].lines[-1].request, CreateRecording)
