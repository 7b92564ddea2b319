"""How does the kernel see a scenario? As plain numbers, and as places in one memory.

The kernel works on four flat columns: whole numbers (`Settings` says which area is where), the hours
of the week, the first hour of each place in it (`crm_domain.simulation.draws.rhythm`), and the user's keys.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from ..draws.rhythm import DAY_US, HOUR_US, operational, since_monday_us
from ..results.part import EVENT_KINDS, HISTOGRAMS, POPULATIONS, TOTALS, USER_COLUMNS, histogram_length, weeks
from ..scenario import Arrivals, Scenario

Column: TypeAlias = Any
"""Numbers by their place: a list, or an array of numpy's."""

Make: TypeAlias = Callable[[str, Iterable[Any]], Column]
"""Makes a column of a typecode from values."""

NEVER: Final = 2**58
"""A moment that does not come."""

(
    USER, POPULATION, ARRIVED, CHURNED, JOB_REQUESTS, RECORDINGS, BLOCKED, FAILED, REFUNDS, RESUMES, LOGINS, VIEWS,
    SECONDS_SPENT, PAYMENTS, REVENUE, GRANTED_FREE, GRANTED_PAID, CONSUMED, VOIDED, REMAINING, FIRST_BLOCKED,
    FIRST_PAYMENT, FREE_SPENT, LAST_ACTIVE,
) = range(len(USER_COLUMNS))  # fmt: skip
"""A user's row: first the columns of the table of users, in their order, …"""

(
    FREE_LEFT, GRANTS, FIRST_OPEN, MARKS_FROM, MARKS_TO, WRITTEN, ATTEMPT, ATTEMPTS, NEXT_CHURN, NEXT_PAYMENT, NEXT_RESYNC,
    RESYNCS, ROW,
) = range(len(USER_COLUMNS), len(USER_COLUMNS) + 13)  # fmt: skip
"""… then what the account needs to go on: free credits left; how many grants there are, and the oldest one that
may have credits; recordings to be marked, from and to; events written; attempts made, and how many there are; what comes
next and when; re-syncs so far; and the length of a row."""


SUMS: Final = (*EVENT_KINDS, "active", "granted_free", "granted_again", "voided")
"""What is summed for each day: events by their kinds (of time spent, the seconds); users who are active; and credits
given for free, given by a payment's second delivery, and voided by a re-sync."""

OF_ACTIVE, OF_GRANTED_FREE, OF_GRANTED_AGAIN, OF_VOIDED = range(len(EVENT_KINDS), len(SUMS))


class Settings(NamedTuple):
    """A scenario as the kernel reads it.

    Times are in microseconds, gaps are mean times between events (infinite: never). The last ones
    are where areas of the memory begin: ``room`` is the length of those for one user's events.
    """

    crm_users: int
    days: int
    weeks: int
    horizon: int
    offset: int
    limit: float
    crm_window: float
    regular_window: float
    dated_crm: bool
    dated_regular: bool
    balanced: bool
    shape: float
    job_requests_gap: float
    recordings_gap: float
    resumes_gap: float
    logins_gap: float
    views_gap: float
    session_seconds: float
    when_blocked: float
    early: float
    delay: float
    delivered_twice: float
    churn_gap: float
    leaving: float
    failed: float
    processing: int
    two_tabs: float
    resync_gap: float
    initial_credits: int
    credits_per_payment: int
    price_cents: int
    refunded: bool
    atomic: bool
    granted_once: bool
    idempotent: bool
    daily: int
    histograms: int
    places: int
    totals: int
    row: int
    on_day: int
    in_week: int
    dates: int
    balances: int
    room: int
    place: int
    kind: int
    amount: int
    attempt: int
    remaining: int
    free: int
    due: int
    due_grant: int
    size: int


def settings_of(scenario: Scenario, hours: Sequence[float], room: int) -> Settings:
    """Return a scenario as the kernel reads it, with room for so many events of one user."""
    activity, payments, rules, policy = scenario.activity, scenario.payments, scenario.rules, scenario.policy
    horizon, offset = scenario.days * DAY_US, since_monday_us(scenario.start)
    return Settings(
        crm_users=scenario.crm_users,
        days=scenario.days,
        weeks=weeks(scenario.days),
        horizon=horizon,
        offset=offset,
        limit=operational(horizon + offset, hours) + HOUR_US,
        crm_window=_window(scenario.crm_arrivals, scenario.crm_users),
        regular_window=_window(scenario.regular_arrivals, scenario.regular_users),
        dated_crm=bool(scenario.crm_arrivals.dates),
        dated_regular=bool(scenario.regular_arrivals.dates),
        balanced=bool(balances_of(scenario)),
        shape=scenario.alike or 0.0,
        job_requests_gap=_gap(activity.job_requests_per_day),
        recordings_gap=_gap(activity.recordings_per_day),
        resumes_gap=_gap(activity.resumes_per_day),
        logins_gap=_gap(activity.logins_per_day),
        views_gap=_gap(activity.views_per_day),
        session_seconds=activity.session_seconds,
        when_blocked=payments.when_blocked,
        early=payments.early,
        delay=payments.delay_days * DAY_US,
        delivered_twice=payments.delivered_twice,
        churn_gap=_gap(scenario.churn.per_day),
        leaving=scenario.churn.when_blocked,
        failed=scenario.recordings.failed,
        processing=processing_us(scenario),
        two_tabs=scenario.recordings.two_tabs,
        resync_gap=_gap(scenario.resyncs_per_day),
        initial_credits=policy.initial_credits,
        credits_per_payment=policy.credits_per_payment,
        price_cents=int(policy.price * 100),
        refunded=policy.refund_failed_recordings,
        atomic=rules.atomic_consume,
        granted_once=rules.grant_once,
        idempotent=rules.idempotent_payment,
        **_areas(scenario, room),
    )


def _areas(scenario: Scenario, room: int) -> dict[str, int]:
    """Return where the areas of the memory begin; counts come first."""
    days, both = scenario.days, len(POPULATIONS)
    places = sum(histogram_length(name, days) for name in HISTOGRAMS)
    lengths = {
        "daily": both * len(SUMS) * days,
        "histograms": both * places,
        "totals": both * len(TOTALS),
        "row": ROW,
        "on_day": days,
        "in_week": weeks(days),
        "dates": len(dates_of(scenario)),
        "balances": len(balances_of(scenario)),
        **dict.fromkeys(("place", "kind", "amount", "attempt", "remaining", "free", "due", "due_grant"), room),
    }
    begins, size = {}, 0
    for name, length in lengths.items():
        begins[name] = size
        size += length
    return {**begins, "places": places, "room": room, "size": size}


def memory_of(scenario: Scenario, settings: Settings, counts: Sequence[int] | None = None) -> list[int]:
    """Return the kernel's memory at the start, or with what was counted before.

    Args:
        scenario: The scenario.
        settings: Where everything is.
        counts: Daily sums, histograms and totals, as they stand one after the other.
    """
    memory = [0] * settings.size
    if counts is not None:
        memory[: settings.row] = counts
    seen = settings.dates - settings.on_day
    memory[settings.on_day : settings.dates] = [-1] * seen
    memory[settings.dates : settings.balances] = dates_of(scenario)
    memory[settings.balances : settings.place] = balances_of(scenario)
    return memory


def dates_of(scenario: Scenario) -> list[int]:
    """Return when users come whose dates are given: CRM users, then regular ones."""
    both = ((scenario.crm_arrivals, scenario.crm_users), (scenario.regular_arrivals, scenario.regular_users))
    if not any(arrivals.dates for arrivals, _ in both):
        return []
    return [at for arrivals, users in both for at in _dates(arrivals, users, scenario.start)]


def _dates(arrivals: Arrivals, users: int, start: datetime) -> Iterable[int]:
    if not arrivals.dates:
        return [0] * users
    return (max(0, (date - start) // timedelta(microseconds=1)) for date in arrivals.dates)


def balances_of(scenario: Scenario) -> list[int]:
    """Return what users bring along, CRM users' first; -1 for those who get what the policy gives."""
    both = ((scenario.crm_arrivals, scenario.crm_users), (scenario.regular_arrivals, scenario.regular_users))
    if not any(arrivals.balances for arrivals, _ in both):
        return []
    return [
        -1 if balance is None else balance
        for arrivals, users in both
        for balance in arrivals.balances or (None,) * users
    ]


def processing_us(scenario: Scenario) -> int:
    """Return how long after its creation a recording is marked, at least a microsecond."""
    return max(1, round(scenario.recordings.processing_minutes * 60_000_000))


def _gap(per_day: float) -> float:
    """Return the mean time between two events of a rate, in microseconds."""
    return DAY_US / per_day if per_day else math.inf


def _window(arrivals: Arrivals, users: int) -> float:
    return users / arrivals.per_day * DAY_US if arrivals.per_day else 0.0
