"""Scenarios: every field has a range, and a message that names it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pytest

from crm_domain import HARDENED, CreditPolicy
from crm_domain.simulation import Activity, Arrivals, Churn, Payments, Recordings, Rhythm, Scenario

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def policy(**values: Any) -> Any:
    return attrs.evolve(HARDENED, credit_policy=CreditPolicy(**values))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Scenario(rules=policy(regular_initial_credits=1)),
            "policy.regular_initial_credits: in a simulation regular users pay before they record, as in the document",
        ),
        (lambda: Scenario(crm_users=-1), "crm_users: expected a whole number from 0 to 1000000000, got -1"),
        (lambda: Scenario(crm_users=1.5), "crm_users: expected a whole number, got 1.5"),  # type: ignore[arg-type]
        (lambda: Scenario(regular_users=True), "regular_users: expected a whole number, got bool"),
        (lambda: Scenario(days=0), "days: expected a whole number from 1 to 3660, got 0"),
        (lambda: Scenario(start="2026-01-01"), "start: expected a time with an offset from UTC, got '2026-01-01'"),
        (lambda: Scenario(start=datetime(2026, 1, 1)), "start: expected a time with an offset from UTC"),  # noqa: DTZ001
        (
            lambda: Scenario(start=datetime(1969, 1, 1, tzinfo=UTC)),
            "start: expected a year from 1970 to 9000, got 1969",
        ),
        (lambda: Scenario(activity=None), "activity: expected Activity, got NoneType"),  # type: ignore[arg-type]
        (lambda: Scenario(rules="seed"), "rules: expected Rules, got str"),  # type: ignore[arg-type]
        (lambda: Scenario(alike=0.0), "alike: expected a number from 0.05 to 10000, got 0"),
        (lambda: Scenario(alike="very"), "alike: expected a number, got str"),
        (lambda: Scenario(resyncs_per_day=-1), "resyncs_per_day: expected a number from 0 to 1000, got -1"),
        (
            lambda: Activity(recordings_per_day=1_001),
            "activity.recordings_per_day: expected a number from 0 to 1000, got 1001",
        ),
        (
            lambda: Activity(logins_per_day=float("nan")),
            "activity.logins_per_day: expected a number from 0 to 1000, got nan",
        ),
        (lambda: Activity(session_seconds=-1), "activity.session_seconds: expected a number from 0 to 86400, got -1"),
        (lambda: Payments(when_blocked=1.1), "payments.when_blocked: expected a number from 0 to 1, got 1.1"),
        (lambda: Payments(delay_days=float("inf")), "payments.delay_days: expected a number from 0 to 3660, got inf"),
        (lambda: Payments(early="no"), "payments.early: expected a number, got str"),  # type: ignore[arg-type]
        (lambda: Payments(delivered_twice=True), "payments.delivered_twice: expected a number, got bool"),
        (lambda: Churn(per_day=-0.1), "churn.per_day: expected a number from 0 to 1000, got -0.1"),
        (lambda: Recordings(failed=2), "recordings.failed: expected a number from 0 to 1, got 2"),
        (
            lambda: Recordings(processing_minutes=1e9),
            "recordings.processing_minutes: expected a number from 0 to 43200",
        ),
        (lambda: Rhythm(weekdays=[1] * 6), "rhythm.weekdays: expected 7 weights, got 6"),
        (lambda: Rhythm(hours=[0] * 24), "rhythm.hours: all weights are 0, so nothing would ever happen"),
        (lambda: Rhythm(hours=[-1] * 24), "rhythm.hours: expected weights from 0 to 1000"),
        (lambda: Rhythm(hours=["x"] * 24), "rhythm.hours: expected weights from 0 to 1000"),
        (lambda: Rhythm(hours="even"), "rhythm: expected a list of weights, got str"),
        (lambda: Arrivals(per_day=-1), "arrivals.per_day: expected a number from 0 to 1000000000, got -1"),
        (lambda: Arrivals(per_day=1, dates=[NOON]), "arrivals: per_day and dates exclude each other: give one of them"),
        (lambda: Arrivals(dates=["soon"]), "arrivals.dates: expected times with an offset from UTC, got 'soon'"),
        (lambda: Arrivals(balances=[-1]), "arrivals.balances: expected numbers from 0 to 1000000, got -1"),
        (lambda: Arrivals(balances=[True]), "arrivals.balances: expected whole numbers of credits, got True"),
        (
            lambda: Scenario(crm_arrivals=Arrivals(dates=[NOON])),
            "crm_arrivals.dates: 1 dates for 1000 users: give one for each, or set crm_users to their number",
        ),
        (
            lambda: Scenario(regular_users=2, regular_arrivals=Arrivals(balances=[1])),
            "regular_arrivals.balances: 1 balances for 2 users: give one for each, or set regular_users to their number",
        ),
        (
            lambda: Scenario(rules=policy(credits_per_payment=0)),
            "payments.when_blocked: nobody pays for nothing, and policy.credits_per_payment is 0",
        ),
        (
            lambda: Scenario(rules=policy(credits_per_payment=0), payments=Payments(when_blocked=0)),
            "payments.early: nobody pays for nothing, and policy.credits_per_payment is 0",
        ),
        (
            lambda: Scenario(rules=policy(initial_credits=10**7)),
            "policy.initial_credits: a simulation takes at most 1000000",
        ),
        (lambda: Scenario(rules=policy(price=Decimal(10**7))), "policy.price: a simulation takes at most 1000000"),
    ],
)
def test_what_is_out_of_range_is_named(make: Callable[[], object], message: str) -> None:
    """With the field's path, what was expected, and what was given."""
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert message in str(caught.value)


def test_nobody_has_to_pay() -> None:
    """Without paying, a payment may give nothing."""
    free = Scenario(rules=policy(credits_per_payment=0), payments=Payments(when_blocked=0, early=0))
    assert free.policy.credits_per_payment == 0


def test_whole_numbers_are_taken_for_what_they_are_worth() -> None:
    """As a file has them."""
    assert Activity(logins_per_day=1) == Activity(logins_per_day=1.0)
    assert isinstance(Activity(logins_per_day=1).logins_per_day, float)
    assert Rhythm(weekdays=[1] * 7, hours=[1] * 24) == Rhythm.even()


def test_times_are_kept_in_utc() -> None:
    """Whatever their offset was."""
    east = timezone(timedelta(hours=9))
    scenario = Scenario(start=datetime(2026, 1, 5, 9, tzinfo=east))
    assert scenario.start.utcoffset() == timedelta(0)
    assert scenario.start == datetime(2026, 1, 5, tzinfo=UTC)
    assert scenario.end == scenario.start + timedelta(days=90)
    assert Arrivals(dates=[datetime(2026, 1, 5, 9, tzinfo=east)]).dates == (datetime(2026, 1, 5, tzinfo=UTC),)


def test_a_scenario_is_a_value() -> None:
    """Equal, hashable, and another one when something is changed."""
    assert hash(Scenario()) == hash(Scenario())
    assert attrs.evolve(Scenario(), days=10) != Scenario()
    assert Scenario().users == 1_250
