"""One fault does not hide another: what differs is left out, or followed, and the search goes on behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from crm_domain import ANON, HARDENED, SERVICE, CreateJobRequest, CreateRecording, Crm, Principal, RecordPayment
from crm_domain.command_log import LogLine
from crm_domain.ids import normal_email
from crm_domain.reads import Select
from crm_domain.testing import AMY, BOB, CrmBackend, conformance
from crm_domain.testing.comparing.differences import Known
from crm_domain.testing.comparing.observing import seen
from crm_domain.testing.requests.pools import IDS_OF

OFF = ("idempotent_payment", "exact_price", "profile_read_only", "tracking_read_only")


class Sloppy(CrmBackend):
    """Lacks four safeguards."""

    def __init__(self) -> None:
        super().__init__(lambda: Crm(rules=HARDENED.without(*OFF)))


class AnonReadsNothing(Sloppy):
    """Shows no rows to those who have not signed in, where they should be refused."""

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        return [] if principal == ANON else super().select(principal, table, where)


class EverythingIsRead(Sloppy):
    """Shows users every row."""

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        return super().select(SERVICE if principal.is_user else principal, table, where)


class WrongColumn(Sloppy):
    """Shows the service a wrong balance, and owners the right one."""

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        rows = super().select(principal, table, where)
        if table == "profiles" and principal.is_service:
            return [attrs.evolve(row, credits_remaining=77) for row in rows]
        return rows


class ServiceSeesNothing(Sloppy):
    """Shows the service no recordings, and owners theirs."""

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        rows = super().select(principal, table, where)
        return [] if table == "crm_recordings" and principal.is_service else rows


@pytest.mark.parametrize("kind", [AnonReadsNothing, EverythingIsRead, WrongColumn, ServiceSeesNothing])
def test_a_wrong_read_hides_no_missing_safeguard(kind: type[Sloppy]) -> None:
    """All four that are missing are named, and the wrong read, too."""
    report = conformance(kind(), walks=5)
    assert set(report.lacking) == set(OFF)
    assert {"payment_is_idempotent", "balance_equals_granted_minus_consumed"} <= report.broken
    assert () in {finding.missing for finding in report.findings}


def test_a_wrong_read_costs_few_requests() -> None:
    """Where one read is wrong, a search takes hardly more requests than where none is."""
    plain, wrong = (conformance(kind(), walks=20) for kind in (Sloppy, AnonReadsNothing))
    assert wrong.requests < 1.1 * plain.requests


class CountsTwice(CrmBackend):
    """Counts every application twice, and credits every payment again that comes twice."""

    def __init__(self) -> None:
        super().__init__(lambda: Crm(rules=HARDENED.without("idempotent_payment")))

    def execute(self, principal: Principal, command: Any) -> Any:
        answer = super().execute(principal, command)
        if isinstance(command, CreateJobRequest):
            stats = self.crm.tables.crm_dashboard_stats.one("email", normal_email(str(command.email)))
            if stats is not None:
                stats.total_applications += 1
        return answer


def test_the_model_follows_what_a_system_stores() -> None:
    """An application that is counted twice is one finding; everything behind it is compared from there."""
    report = conformance(CountsTwice(), walks=30)
    assert report.broken == {"counters_equal_fold_of_events", "payment_is_idempotent"}
    assert len(report.findings) == 2


class GivesAway(CrmBackend):
    """Stores a recording without a credit, which no missing safeguard explains: the balance stays 0."""

    def execute(self, principal: Principal, command: Any) -> Any:
        profile = self.crm.tables.profiles.get(principal.user_id)
        if not isinstance(command, CreateRecording) or profile is None or profile.credits_remaining != 0:
            return super().execute(principal, command)
        profile.credits_remaining = 1
        try:
            return super().execute(principal, command)
        finally:
            profile.credits_remaining = 0


def test_what_a_system_accepts_and_the_rules_refuse_is_followed() -> None:
    """The row is there from then on, in the model as well, and is no further finding."""
    report = conformance(GivesAway(), walks=30)
    assert report.findings
    assert all(isinstance(finding.lines[-1].request, CreateRecording) or finding.missing for finding in report.findings)


# --- rows that are there at the beginning -----------------------------------------------------


class WithRows(CrmBackend):
    """Begins with two CRM users, and has no way to make any."""

    def __init__(self, *without: str) -> None:
        super().__init__(lambda: Crm(rules=HARDENED.without(*without)))
        self.reset()

    def reset(self) -> None:
        super().reset()
        for person in (AMY, BOB):
            self.crm.as_service().sync_crm_user(user_id=person.user_id, email=person.email)

    def execute(self, principal: Principal, command: Any) -> Any:
        if type(command).__name__ in {"SyncCrmUser", "RegisterUser", "RecordPayment"}:
            raise NotImplementedError("users are made elsewhere")
        return super().execute(principal, command)


def test_provided_rows_are_the_beginning() -> None:
    """They are no difference, and the known holes are tried behind them."""
    report = conformance(WithRows(), walks=5, with_matrix=True)
    report.assert_held()
    assert report.holes["owner_pair_is_one_account"][0] > 0
    assert "users are made elsewhere" in report.untried.values()


@pytest.mark.parametrize("safeguard", ["profile_read_only", "owner_pair", "one_primary", "stats_read_only"])
def test_holes_are_found_from_provided_rows(safeguard: str) -> None:
    """A system that lacks the commands with which holes usually begin meets them all the same."""
    assert safeguard in conformance(WithRows(safeguard), walks=1).lacking


# --- what is known ----------------------------------------------------------------------------


def test_what_is_known_is_as_it_should_be() -> None:
    """Of rows that are shown, known traits are replaced, and others stay."""
    table = Select(table="crm_job_requests").table
    look = LogLine(AMY.principal, Select(table=table))
    crm = Crm()
    for n, person in enumerate((AMY, BOB)):
        crm.as_service().sync_crm_user(user_id=person.user_id, email=person.email)
        crm.as_user(person.user_id).create_job_request(id=IDS_OF[table.name][n], job_title="a")
    amys, bobs = crm.as_service().select(table)[::-1]
    wanted = seen(table, [amys])
    place = (AMY.principal, table.name, False)
    extra = Known({(*place, "extra", "another's")})
    assert extra.cleaned(look, seen(table, [amys, bobs]), wanted).same(wanted)
    assert not extra.cleaned(look, seen(table, []), wanted).same(wanted)
    missing = Known({(*place, "missing", "own")})
    assert missing.cleaned(look, seen(table, []), wanted).same(wanted)
    assert not missing.cleaned(look, seen(table, [amys, bobs]), wanted).same(wanted)
    title = Known({(*place, "job_title")})
    other = attrs.evolve(amys, job_title="b")
    assert title.cleaned(look, seen(table, [other]), wanted).same(wanted)
    assert not title.cleaned(look, seen(table, [attrs.evolve(other, job_url="c")]), wanted).same(wanted)
    narrow = LogLine(AMY.principal, Select(table=table, where={"job_title": "a"}))
    assert extra.cleaned(narrow, seen(table, [amys, bobs]), wanted).same(wanted)
    assert title.distrusts(look)
    assert not title.distrusts(LogLine(BOB.principal, Select(table=table)))


def test_payments_of_one_reference_are_compared_one_by_one() -> None:
    """Where references are not unique, rows that are the same in everything belong together."""
    table = Select(table="payments").table
    crm = Crm(rules=HARDENED.without("idempotent_payment"))
    for person in (AMY, BOB):
        crm.as_service().register_user(user_id=person.user_id, email=person.email)
        crm.execute(SERVICE, RecordPayment(user_id=person.user_id, amount="12.99", ref="pay-1"))
    bobs, amys = crm.as_service().select(table)
    known = Known({(AMY.principal, table.name, False, "extra", "another's")})
    look = LogLine(AMY.principal, Select(table=table))
    wanted = seen(table, [amys])
    assert known.cleaned(look, seen(table, [bobs, amys]), wanted).same(wanted)
