"""Scenarios of every kind, small enough for the model to run many of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
from hypothesis import strategies as st

from crm_domain import HARDENED, CreditPolicy, Rules
from crm_domain.simulation import Activity, Arrivals, Churn, Payments, Recordings, Rhythm, Scenario

SAFEGUARDS_THAT_MATTER = ("atomic_consume", "grant_once", "idempotent_payment")
"""To the built-in behaviour, which keeps to the rules otherwise."""

probabilities = st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(0, 1)
rates = st.sampled_from([0.0, 0.3, 3.0]) | st.floats(0, 2)
seeds = st.integers(0, 2**64 - 1)


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """Draw a mixture of safeguards, and a credit policy."""
    policy = CreditPolicy(
        initial_credits=draw(st.integers(0, 6)),
        credits_per_payment=draw(st.integers(1, 4)),
        price=draw(st.sampled_from([Decimal("12.99"), Decimal("0.01"), Decimal(5)])),
        refund_failed_recordings=draw(st.booleans()),
    )
    off = draw(st.sets(st.sampled_from(SAFEGUARDS_THAT_MATTER)))
    return attrs.evolve(HARDENED.without(*off), credit_policy=policy)


@st.composite
def arrivals(draw: st.DrawFn, start: datetime, users: int) -> Arrivals:
    """Draw when users come, and whether they bring credits along."""
    balances = draw(st.none() | st.lists(st.none() | st.integers(0, 9), min_size=users, max_size=users))
    if draw(st.booleans()):
        days = draw(st.lists(st.floats(-2, 20), min_size=users, max_size=users))
        return Arrivals(dates=[start + timedelta(days=day) for day in days], balances=balances)
    return Arrivals(per_day=draw(st.sampled_from([0.0, 0.1, 1.0, 100.0])), balances=balances)


@st.composite
def rhythms(draw: st.DrawFn) -> Rhythm:
    """Draw a rhythm, with hours and days in which nothing happens."""
    weight = st.sampled_from([0.0, 0.001, 1.0, 7.0])
    weekdays = draw(st.lists(weight, min_size=7, max_size=7).filter(any))
    hours = draw(st.lists(weight, min_size=24, max_size=24).filter(any))
    return draw(st.sampled_from([Rhythm(), Rhythm.even(), Rhythm(weekdays=weekdays, hours=hours)]))


@st.composite
def scenarios(draw: st.DrawFn, *, users: int = 4, days: int = 15) -> Scenario:
    """Draw a scenario with up to so many users of each kind."""
    start = draw(st.sampled_from([Scenario().start, datetime(2026, 3, 1, 23, 59, 59, 7, tzinfo=UTC)]))
    crm, regular = draw(st.integers(0, users)), draw(st.integers(0, users))
    return Scenario(
        crm_users=crm,
        regular_users=regular,
        days=draw(st.integers(1, days)),
        start=start,
        crm_arrivals=draw(arrivals(start, crm)),
        regular_arrivals=draw(arrivals(start, regular)),
        activity=Activity(
            job_requests_per_day=draw(rates),
            recordings_per_day=draw(rates),
            resumes_per_day=draw(rates),
            logins_per_day=draw(rates),
            views_per_day=draw(rates),
            session_seconds=draw(st.sampled_from([0.0, 1.0, 600.0, 86_400.0])),
        ),
        rhythm=draw(rhythms()),
        payments=Payments(
            when_blocked=draw(probabilities),
            early=draw(probabilities),
            delay_days=draw(st.sampled_from([0.0, 0.1, 5.0])),
            delivered_twice=draw(probabilities),
        ),
        churn=Churn(per_day=draw(st.sampled_from([0.0, 0.05, 1.0])), when_blocked=draw(probabilities)),
        recordings=Recordings(
            failed=draw(probabilities),
            processing_minutes=draw(st.sampled_from([0.0, 10.0, 3_000.0])),
            two_tabs=draw(probabilities),
        ),
        resyncs_per_day=draw(st.sampled_from([0.0, 0.5])),
        alike=draw(st.sampled_from([None, 0.05, 0.7, 3.0])),
        rules=draw(rules()),
    )
