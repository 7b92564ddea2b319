"""What is counted, day by day and at the end of a user's part? Without the model, as the kernel does it.

Day by day, events are counted by their kinds, and little else is summed (`settings.SUMS`); what the table of
days says follows from these, by `daily_of`. So there is hardly a branch in what is done for each event: what
a processor guesses wrongly costs more time than the counting.

The functions work in the memory that `crm_domain.simulation.kernel.memory_layout` describes. They run as they
stand, or compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..draws.rhythm import DAY_US, WEEK_US
from ..results.part import (
    MANY,
    PAYMENT,
    PAYMENT_REDELIVERED,
    RECORDING,
    RECORDING_BLOCKED,
    RESYNC,
    TIME_SPENT,
    TOTALS,
    VIEW,
)
from .account import TURN_BITS, TURNS
from .memory_layout import (
    ARRIVED,
    CHURNED,
    FIRST_BLOCKED,
    FIRST_PAYMENT,
    FREE_SPENT,
    GRANTED_FREE,
    LAST_ACTIVE,
    OF_ACTIVE,
    OF_GRANTED_AGAIN,
    OF_GRANTED_FREE,
    OF_VOIDED,
    PAYMENTS,
    POPULATION,
    REMAINING,
    USER,
    Column,
    Settings,
)

DAY_PLACES: Final = TURNS * DAY_US
ACTIVE_KINDS: Final = 1 << RECORDING | 1 << RECORDING_BLOCKED | 1 << PAYMENT
"""Which kinds of the account's events show that a user is active, a bit for each."""

_TOTALS: Final = len(TOTALS)


def activate(m: Column, s: Settings, user: int, at: int, active: bool, daily: int, cohort: int, arrived: int) -> None:  # noqa: FBT001
    """Count a user who is *active* at a moment, once a day, and once a week since their arrival."""
    day, week = at // DAY_US, (at - arrived) // WEEK_US
    before = m[s.on_day + day]
    m[daily + OF_ACTIVE * s.days + day] += active & (before != user)
    m[s.on_day + day] = user if active else before
    before = m[s.in_week + week]  # on a day that is not new, a week may be: users do not come at midnight
    m[cohort + week] += active & (before != user)
    m[s.in_week + week] = user if active else before


def tally_account(m: Column, s: Settings, n: int, daily: int, cohort: int) -> int:
    """Count the account's events, of which the first is the arrival; return when the user was last active, or -1."""
    user, arrived, days, last = m[s.row + USER], m[s.row + ARRIVED], s.days, -1
    m[daily + OF_GRANTED_FREE * days + arrived // DAY_US] += m[s.amount]
    for i in range(n):
        at, kind = m[s.place + i] >> TURN_BITS, m[s.kind + i]
        here = daily + at // DAY_US
        m[here + kind * days] += 1
        active = ACTIVE_KINDS >> kind & 1 > 0
        last = at if active else last
        activate(m, s, user, at, active, daily, cohort, arrived)
        if kind == PAYMENT_REDELIVERED:
            m[here + OF_GRANTED_AGAIN * days] += m[s.amount + i]
        elif kind == RESYNC:
            m[here + OF_GRANTED_FREE * days] += max(m[s.amount + i], 0)
            m[here + OF_VOIDED * days] -= min(m[s.amount + i], 0)
    return last


def tally_activity(m: Column, s: Settings, start: int, stop: int, kind: int, daily: int, cohort: int) -> int:
    """Count moments at which a user is active; return the last one, or -1."""
    user, arrived, here = m[s.row + USER], m[s.row + ARRIVED], daily + kind * s.days
    for i in range(s.place + start, s.place + stop):
        at = m[i] >> TURN_BITS
        m[here + at // DAY_US] += 1
        activate(m, s, user, at, True, daily, cohort, arrived)
    return m[s.place + stop - 1] >> TURN_BITS if stop > start else -1


def tally_views(m: Column, s: Settings, start: int, stop: int, daily: int) -> None:
    """Count views, which are others' activity."""
    here = daily + VIEW * s.days
    for i in range(s.place + start, s.place + stop):
        m[here + m[i] // DAY_PLACES] += 1


def tally_sessions(m: Column, s: Settings, start: int, stop: int, daily: int) -> int:
    """Add up the seconds of sessions; return how many they are."""
    here, total = daily + TIME_SPENT * s.days, 0
    for i in range(start, stop):
        total += m[s.amount + i]
        m[here + m[s.place + i] // DAY_PLACES] += m[s.amount + i]
    return total


def daily_of(sums: Mapping[str, Sequence[int]], s: Settings) -> dict[str, Sequence[int]]:
    """Return the columns of the table of days (`tables.DAILY`) that follow from what was counted (`settings.SUMS`)."""
    recordings, payments = sums["recording"], sums["payment"]
    return {
        "arrivals": sums["arrival"],
        "active_users": sums["active"],
        "job_requests": sums["job_request"],
        "recordings": recordings,
        "blocked_recordings": sums["recording_blocked"],
        "failed_recordings": sums["recording_failed"],
        "refunds": sums["credit_refunded"],
        "resumes": sums["resume"],
        "logins": sums["login"],
        "views": sums["view"],
        "time_spent_seconds": sums["time_spent"],
        "payments": payments,
        "revenue_cents": [s.price_cents * n for n in payments],
        "credits_granted_free": sums["granted_free"],
        "credits_granted_paid": [
            s.credits_per_payment * n + again for n, again in zip(payments, sums["granted_again"], strict=True)
        ],
        "credits_consumed": recordings,
        "credits_voided": sums["voided"],
        "churned": sums["churn"],
    }


def tally_first(m: Column, s: Settings, at: int, arrived: int, here: int) -> None:
    """Count on which whole day since arrival something first happened, or for how many it had not.

    Only the horizon censors: to those who leave it never happens. The day that the horizon cuts off
    counts for no one, so that survival (Kaplan-Meier) is not biased.
    """
    followed, day = (s.horizon - arrived) // DAY_US, (at - arrived) // DAY_US
    if at >= 0 and day < followed:
        m[here + day] += 1
    else:
        m[here + s.days + 1 + followed] += 1


def tally_user(m: Column, s: Settings, events: int) -> None:
    """Add up what is known of a user at the end."""
    r, population = s.row, m[s.row + POPULATION]
    here, step = s.histograms + population * s.places, 2 * (s.days + 1)
    arrived, balance = m[r + ARRIVED], m[r + REMAINING]
    tally_first(m, s, m[r + FIRST_BLOCKED], arrived, here)
    tally_first(m, s, m[r + FIRST_PAYMENT], arrived, here + step)
    if m[r + GRANTED_FREE] > 0:
        tally_first(m, s, m[r + FREE_SPENT], arrived, here + 2 * step)
    m[here + 3 * step + min(m[r + PAYMENTS], MANY)] += 1
    m[here + 3 * step + MANY + 1 + min(max(balance, 0), MANY)] += 1
    totals = s.totals + population * _TOTALS
    m[totals] += 1
    m[totals + 1] += 1
    m[totals + 2] += 1 if m[r + CHURNED] >= 0 else 0
    m[totals + 3] += 1 if m[r + FIRST_BLOCKED] >= 0 else 0
    m[totals + 4] += 1 if m[r + FIRST_PAYMENT] >= 0 else 0
    m[totals + 5] += 1 if m[r + LAST_ACTIVE] >= 0 else 0
    m[totals + 6] += 1 if balance < 0 else 0
    m[totals + 7] += balance
    m[totals + 8] += events


def tally_absent(m: Column, s: Settings) -> None:
    """Count a user who never came."""
    m[s.totals + m[s.row + POPULATION] * _TOTALS] += 1


FUNCTIONS: Final = (
    activate,
    tally_account,
    tally_activity,
    tally_views,
    tally_sessions,
    tally_first,
    tally_user,
    tally_absent,
)
"""What can be compiled, each after what it needs."""
