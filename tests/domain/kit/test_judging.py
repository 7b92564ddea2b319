"""What a parting means: which laws are broken, and which safeguards are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from crm_domain import (
    HARDENED,
    SERVICE,
    Conflict,
    Crm,
    Delete,
    Principal,
    RecordPayment,
    SyncCrmUser,
    TrackView,
    Update,
)
from crm_domain.command_log import LogLine
from crm_domain.laws import LAWS
from crm_domain.reads import GetDashboard, Select
from crm_domain.rules import SAFEGUARDS
from crm_domain.testing import AMY, BOB, HOLES, CrmBackend, Lines
from crm_domain.testing.comparing.judging import Judgement, judged, sets_of_safeguards
from crm_domain.testing.comparing.lockstep import Lockstep, Parting, understood
from crm_domain.testing.conforming.reports import EVERY_LAW
from crm_domain.testing.conforming.searching import Search

LAW_OF = {name: safeguard.law for name, safeguard in SAFEGUARDS.items() if safeguard.law is not None}
AMYS: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}
SYNC = LogLine(SERVICE, SyncCrmUser(**AMYS))
SYNC_BOB = LogLine(SERVICE, SyncCrmUser(user_id=BOB.user_id, email=BOB.email))
VIEW = LogLine(SERVICE, TrackView(email=AMY.email))
PAY = LogLine(SERVICE, RecordPayment(user_id=AMY.user_id, amount="12.99", ref="a"))


def without(*safeguards: str) -> CrmBackend:
    return CrmBackend(lambda: Crm(rules=HARDENED.without(*safeguards)))


def parting_of(backend: Any, *lines: LogLine) -> Parting:
    parting = Lockstep(backend).parting(understood(lines, backend))
    assert parting is not None
    return parting


# --- missing safeguards -----------------------------------------------------------------------


@pytest.mark.parametrize("safeguard", LAW_OF)
def test_counterexample_is_judged_as_the_table_says(safeguard: str, counterexamples: dict[str, Lines]) -> None:
    """The kept log parts from the model at its end, and means its law, and its safeguard as missing."""
    lines = counterexamples[safeguard]
    parting = parting_of(without(safeguard), *lines)
    assert parting.lines == understood(lines, without())
    judgement = judged(parting)
    assert judgement.missing == (safeguard,)
    assert judgement.laws == {LAW_OF[safeguard]}


@pytest.mark.thorough
@pytest.mark.parametrize("safeguard", LAW_OF)
def test_walks_find_every_missing_safeguard(safeguard: str) -> None:
    """Without knowing the hole beforehand, at most a few hundred random walks find it, and name it."""
    search = Search(without(safeguard), HARDENED)
    for n in range(400):
        search.walk(f"0/{n}", twins=False)
        if search.findings:
            break
    assert {finding.missing for finding in search.findings} == {(safeguard,)}
    assert all(finding.violations for finding in search.findings)


@pytest.mark.parametrize(
    "pair",
    [("idempotent_payment", "exact_price"), ("owner_pair", "same_owner_reference"), ("one_email", "one_primary")],
)
def test_two_missing_safeguards_are_both_named(pair: tuple[str, str]) -> None:
    """One hole does not hide the other."""
    search = Search(without(*pair), HARDENED)
    for lines in HOLES.values():
        search.try_hole(lines)
    assert {name for finding in search.findings for name in finding.missing} == set(pair)
    assert search.lacking == set(pair)


def test_sets_are_tried_in_order_of_size() -> None:
    """Every safeguard alone, every two, and all of them; no set twice."""
    rules = HARDENED.without(*sorted(SAFEGUARDS)[3:])
    sets = list(sets_of_safeguards(rules))
    assert [len(names) for names in sets] == [1, 1, 1, 2, 2, 2, 3]
    assert len(set(sets)) == 7


# --- what no safeguard explains ---------------------------------------------------------------


class Meddling(CrmBackend):
    """Does as the rules say, and something else besides.

    Args:
        meddle: Is called with the tables behind every command of one kind.
        kind: Which kind; views that are counted, unless said otherwise.
    """

    def __init__(self, meddle: Any, kind: type[Any] = TrackView) -> None:
        super().__init__()
        self.meddle, self.kind = meddle, kind

    def execute(self, principal: Principal, command: Any) -> Any:
        try:
            answer = super().execute(principal, command)
        finally:
            if isinstance(command, self.kind):
                self.meddle(self.crm.tables)
        return answer


def change(table: str, **columns: Any) -> Any:
    def meddle(tables: Any) -> None:
        for row in list(tables.by_name[table]):
            for name, value in columns.items():
                tables.by_name[table].update(getattr(row, tables.by_name[table].table.key), {name: value})

    return meddle


@pytest.mark.parametrize(
    ("meddle", "laws"),
    [
        (change("profiles", credits_remaining=-1), {"balance_never_negative", "mirror_equals_profile"}),
        (change("profiles", credits_remaining=9), {"balance_equals_granted_minus_consumed", "mirror_equals_profile"}),
        (change("crm_dashboard_stats", total_resumes=5), {"counters_equal_fold_of_events"}),
        (change("digital_resume_by_CRM", credits_remaining=9), {"mirror_equals_profile"}),
    ],
)
def test_rows_are_judged_by_the_laws(meddle: Any, laws: set[str]) -> None:
    """Where no missing safeguard explains it, the laws judge the rows that the service sees."""
    judgement = judged(parting_of(Meddling(meddle), SYNC, VIEW))
    assert judgement.missing == ()
    assert judgement.laws >= laws


def test_a_refusal_that_changes_something_is_that() -> None:
    """A backend that refuses and changes something all the same breaks the law of refusals."""
    denied = LogLine(AMY.principal, TrackView(email=AMY.email))
    judgement = judged(parting_of(Meddling(change("crm_dashboard_stats", total_views=5)), SYNC, denied))
    assert "refused_changes_nothing" in judgement.laws


def test_anothers_rows_are_not_a_users_affair() -> None:
    """A user's command that changes another's row passes the policies."""
    delete = LogLine(AMY.principal, Delete(table="crm_resumes"))
    meddling = Meddling(change("crm_dashboard_stats", total_views=5), Delete)
    (found,) = (v for v in judged(parting_of(meddling, SYNC_BOB, delete)).violations if "affair" in v.text)
    assert found.law.name == "service_passes_policies_not_rules"


def test_a_deactivated_user_changes_nothing() -> None:
    """A command of a deactivated user that changes a row, even their own, passes the policies."""
    off = LogLine(SERVICE, Update(table="digital_resume_by_CRM", set={"is_active": False}))
    delete = LogLine(AMY.principal, Delete(table="crm_resumes"))
    meddling = Meddling(change("crm_dashboard_stats", total_views=5), Delete)
    violations = judged(parting_of(meddling, SYNC, off, delete)).violations
    assert "service_passes_policies_not_rules" in {v.law.name for v in violations if "who was deactivated" in v.text}


class Answering(CrmBackend):
    """Answers reads of one kind otherwise."""

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self.answers = answers

    def execute(self, principal: Principal, command: Any) -> Any:
        answer = super().execute(principal, command)
        kind = type(command).__name__
        return self.answers[kind](answer) if kind in self.answers and not principal.is_service else answer

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        rows = super().select(principal, table, where)
        return self.answers[table](rows) if table in self.answers and not principal.is_service else rows


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ({"profiles": lambda _: []}, LogLine(AMY.principal, Select(table="profiles"))),
        ({"GetDashboard": lambda _: None}, LogLine(AMY.principal, GetDashboard(email=AMY.email))),
        (
            {"GetDashboard": lambda told: told and attrs.asdict(told) | {"credits_remaining": 9}},
            LogLine(AMY.principal, GetDashboard(email=AMY.email)),
        ),
    ],
)
def test_wrong_reads_break_the_law_of_reads(answers: Any, line: LogLine) -> None:
    """A read that is answered wrongly is judged, asked for or looked at."""
    for lines in ((SYNC, line), (SYNC,)):
        judgement = judged(parting_of(Answering(**answers), *lines))
        assert judgement.missing == ()
        assert "reads_see_only_own_rows" in judgement.laws


class Credited(CrmBackend):
    """Says of every payment that it was credited."""

    def execute(self, principal: Principal, command: Any) -> Any:
        answer = super().execute(principal, command)
        return {"credited": True} if isinstance(command, RecordPayment) else answer


def test_a_wrong_answer_to_a_payment_is_judged() -> None:
    """Whoever says that a payment was credited again breaks the law about payments."""
    assert "payment_is_idempotent" in judged(parting_of(Credited(), SYNC, PAY, PAY)).laws


class Raising(CrmBackend):
    """Breaks down at every view, behind some of its work."""

    def execute(self, principal: Principal, command: Any) -> Any:
        answer = super().execute(principal, command)
        if isinstance(command, TrackView):
            raise OSError("gone")
        return answer


def test_a_breakdown_that_changes_something_is_a_refusal_that_does() -> None:
    """A backend that breaks down half-way is judged as one that refused."""
    assert judged(parting_of(Raising(), SYNC, VIEW)).laws == {"refused_changes_nothing"}


class Strict(CrmBackend):
    """Refuses what nobody forbids."""

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, TrackView):
            raise Conflict("no views today")
        return super().execute(principal, command)


def test_what_no_law_says_is_a_difference() -> None:
    """Where no law is broken, the two still do not agree."""
    (violation,) = judged(parting_of(Strict(), SYNC, VIEW)).violations
    assert violation.law.name == "agrees_with_model"
    assert "no views today" in violation.text


def test_laws_come_once_each() -> None:
    """A judgement has the first place of each law that is broken."""
    judgement = judged(parting_of(Meddling(change("profiles", credits_remaining=-1)), SYNC, SYNC_BOB, VIEW))
    names = [violation.law.name for violation in judgement.violations]
    assert len(names) == len(set(names))
    assert Judgement(judgement.violations).laws == judgement.laws <= {law.name for law in EVERY_LAW}
    assert len(EVERY_LAW) == len(LAWS) + 1
