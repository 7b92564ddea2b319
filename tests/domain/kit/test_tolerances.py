"""What a system may do otherwise than the rules: by name, counted, and only that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import attrs
import pytest

from crm_domain import (
    HARDENED,
    Crm,
    NotNullViolation,
    PermissionDenied,
    Refused,
    RlsViolation,
    Rules,
    refusal,
)
from crm_domain import commands as c
from crm_domain.command_log import LogLine
from crm_domain.ids import ANON, Principal
from crm_domain.rows import table_named
from crm_domain.rules import CreditPolicy
from crm_domain.schema import DEFAULT
from crm_domain.testing import AMY, TOLERANCES, CrmBackend, Report, conformance, matrix, small_scope
from crm_domain.testing.comparing.leniency import is_tolerated, may_be_refused
from crm_domain.testing.comparing.tolerances import tolerating

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class Otherwise(CrmBackend):
    """The model, which one thing is done to on the way out."""

    def __init__(self, does: Callable[..., Any], rules: Rules = HARDENED) -> None:
        super().__init__(lambda: Crm(rules=rules))
        self.does = does

    def execute(self, principal: Principal, command: Any) -> Any:
        return self.does(super().execute, principal, command)

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        rows: Sequence[Any] = self.does(super().select, principal, table, where)
        return rows


def silent(asked: Callable[..., Any], principal: Principal, *rest: Any) -> Any:
    """Answer 0 rows where a command is refused."""
    try:
        return asked(principal, *rest)
    except Refused:
        if isinstance(rest[0], c.Update | c.Delete):
            return {"affected": 0}
        raise


def empty_for_anon(asked: Callable[..., Any], principal: Principal, *rest: Any) -> Any:
    """Show no rows to those who have not signed in, instead of refusing them."""
    return [] if principal == ANON and len(rest) > 1 else asked(principal, *rest)


def always_forbidden(asked: Callable[..., Any], principal: Principal, *rest: Any) -> Any:
    """Refuse for one reason whatever the reason is."""
    try:
        return asked(principal, *rest)
    except Refused as refused:
        raise refusal("check_violation", "no") from refused


def titled(asked: Callable[..., Any], principal: Principal, *rest: Any) -> Any:
    """Take no job request without a title, where the rules would take it."""
    crm = CASES["stricter_not_null"].crm
    if isinstance(rest[0], c.CreateJobRequest) and rest[0].job_title is None:
        crm.as_of(position=len(crm.journal)).execute(principal, rest[0])
        raise NotNullViolation("job_title")
    return asked(principal, *rest)


def owner_is_not_named(asked: Callable[..., Any], principal: Principal, *rest: Any) -> Any:
    """Refuse every update that names an owner, whatever it is set to."""
    named = isinstance(rest[0], c.Update) and {"user_id", "email"} & rest[0].set.keys()
    if named and rest[0].table.by_name.keys() >= named and principal.is_user:
        raise PermissionDenied("owner")
    return asked(principal, *rest)


def stamped(asked: Callable[..., Any], principal: Principal, *rest: Any) -> Any:
    """Keep updated_at by a trigger: what the caller gives is not what is stored."""
    if isinstance(rest[0], c.Update) and "updated_at" in rest[0].set:
        kept = {name: value for name, value in rest[0].set.items() if name != "updated_at"}
        rest = (attrs.evolve(rest[0], set=kept | {"updated_at": NOW}),)
    elif isinstance(rest[0], c.CreateRow):
        rest = (attrs.evolve(cast("Any", rest[0]), updated_at=DEFAULT),)
    return asked(principal, *rest)


def case_counts(asked: Callable[..., Any], principal: Principal, *rest: Any) -> Any:
    return asked(principal, *rest)


def service_keeps(asked: Callable[..., Any], principal: Principal, *rest: Any) -> Any:
    """Delete nothing for the service."""
    if isinstance(rest[0], c.Delete) and principal.is_service:
        return {"affected": 0}
    return asked(principal, *rest)


NOT_MET = {"no_normal_form", "updated_at_by_trigger", "service_deletes"}
"""What is not asked at all."""

CASES: Mapping[str, CrmBackend] = {
    "silent_refusal": Otherwise(silent),
    "anon_reads_nothing": Otherwise(empty_for_anon),
    "other_refusal": Otherwise(always_forbidden),
    "stricter_not_null": Otherwise(titled),
    "owner_columns_named": Otherwise(owner_is_not_named),
    "updated_at_by_trigger": Otherwise(stamped),
    "no_normal_form": Otherwise(case_counts, HARDENED.without("one_email")),
    "service_deletes": Otherwise(service_keeps),
}


def searched(backend: CrmBackend, *names: str) -> Report:
    return conformance(backend, walks=60, tolerate=names)


def test_every_tolerance_has_a_case() -> None:
    """There is none that no backend here needs."""
    assert CASES.keys() == TOLERANCES.keys()


@pytest.mark.parametrize("name", TOLERANCES)
def test_what_is_tolerated_by_name(name: str) -> None:
    """It is no finding, walks and matrix alike, and is found without the name."""
    backend = CASES[name]
    searched(backend, name).assert_held()
    with tolerating([name]):
        matrix(backend).assert_held()
    assert searched(backend).findings


@pytest.mark.parametrize("name", sorted(TOLERANCES.keys() - NOT_MET))
def test_what_was_met_is_counted(name: str) -> None:
    """The report says how often a difference was tolerated; and that none was, where none was met."""
    assert searched(CASES[name], name).tolerated[name] > 0
    assert searched(CrmBackend(), name).tolerated == {name: 0}


def test_an_owner_who_is_named_and_stays_the_same() -> None:
    """May be refused for that, where the rules accept it; a change is compared as ever."""
    table = table_named("crm_resumes")
    line = LogLine(AMY.principal, c.Update(table=table, set={"user_id": AMY.user_id}))
    refused, accepted = PermissionDenied("owner"), {"affected": 1}
    with tolerating(["owner_columns_named"]) as met:
        assert may_be_refused(line, refused, lambda: accepted)
        assert not may_be_refused(line, refused, lambda: refused)
        assert is_tolerated(line, accepted, refused)
        assert met == {"owner_columns_named": 2}
        deactivated = RlsViolation("deactivated")  # the rules look at the row first
        assert is_tolerated(line, refused, deactivated)
    assert not may_be_refused(line, refused, lambda: accepted)
    assert not is_tolerated(line, accepted, refused)


def test_nothing_else_is_tolerated() -> None:
    """A refusal that changes something is found, whatever is tolerated of refusals."""

    def sets_all_the_same(asked: Callable[..., Any], principal: Principal, *rest: Any) -> Any:
        try:
            return asked(principal, *rest)
        except Refused:
            if not isinstance(rest[0], c.Update):
                raise
            for stats in backend.crm.tables.crm_dashboard_stats:
                stats.total_views += 1
            return {"affected": 0}

    backend = Otherwise(sets_all_the_same)
    assert searched(backend, *TOLERANCES).findings


def test_there_is_no_such_tolerance() -> None:
    """The message lists what there is."""
    with pytest.raises(ValueError, match="there is no 'everything'; there are silent_refusal"):
        conformance(CrmBackend(), walks=1, tolerate=["everything"])


# --- another policy ---------------------------------------------------------------------------

POLICY = CreditPolicy(price=Decimal("9.99"), credits_per_payment=10, initial_credits=2, regular_initial_credits=1)


def test_another_policy() -> None:
    """Who sells for another price, and gives other credits, is held to those; who does not, is found."""
    rules = attrs.evolve(HARDENED, credit_policy=POLICY)
    backend = CrmBackend(lambda: Crm(rules=rules))
    conformance(backend, rules, walks=40, with_matrix=True).assert_held()
    small_scope(backend, rules, depth=1).assert_held()
    for name in ("price", "credits_per_payment", "initial_credits", "regular_initial_credits"):
        changed = attrs.evolve(POLICY, **{name: getattr(CreditPolicy(), name)})
        other = CrmBackend(lambda changed=changed: Crm(rules=attrs.evolve(HARDENED, credit_policy=changed)))  # type: ignore[misc]
        assert conformance(other, rules, walks=20).findings, name
        assert small_scope(other, rules, depth=1).findings, name


def test_what_regular_users_get() -> None:
    """Credits of their own, once, and a CRM user's on top."""
    crm = Crm(rules=attrs.evolve(HARDENED, credit_policy=POLICY))
    service = crm.as_service()
    user_id = service.register_user(email="amy@x.test").user_id
    assert crm.tables.profiles.get(user_id).credits_remaining == 1  # type: ignore[union-attr]
    service.sync_crm_user(email="amy@x.test")
    (crm_user,) = crm.tables.crm_users
    assert crm_user.credits_remaining == 3
