"""What is counted, day by day and at the end of a user's part? Without the model, as the kernel does it.

The functions work in the memory that `crm_domain.simulation.settings` describes. They run as they
stand, or compiled.
"""

from __future__ import annotations

from typing import Final

from .account import TURNS
from .rhythm import DAY_US, WEEK_US
from .settings import (
    ARRIVED,
    CHURNED,
    FIRST_BLOCKED,
    FIRST_PAYMENT,
    FREE_SPENT,
    GRANTED_FREE,
    LAST_ACTIVE,
    PAYMENTS,
    POPULATION,
    REMAINING,
    USER,
    Column,
    Settings,
)
from .tables import (
    ARRIVAL,
    CHURN,
    CREDIT_REFUNDED,
    DAILY,
    MANY,
    PAYMENT,
    PAYMENT_REDELIVERED,
    RECORDING,
    RECORDING_BLOCKED,
    RECORDING_FAILED,
    RESYNC,
    TOTALS,
)

(
    DAILY_ARRIVALS, DAILY_ACTIVE, DAILY_JOB_REQUESTS, DAILY_RECORDINGS, DAILY_BLOCKED, DAILY_FAILED, DAILY_REFUNDS,
    DAILY_RESUMES, DAILY_LOGINS, DAILY_VIEWS, DAILY_TIME_SPENT, DAILY_PAYMENTS, DAILY_REVENUE, DAILY_GRANTED_FREE,
    DAILY_GRANTED_PAID, DAILY_CONSUMED, DAILY_VOIDED, DAILY_CHURNED,
) = range(len(DAILY))  # fmt: skip

DAY_PLACES: Final = TURNS * DAY_US
NAMES: Final = len(DAILY)
_TOTALS: Final = len(TOTALS)


def activate(m: Column, s: Settings, user: int, at: int, daily: int, cohort: int, arrived: int) -> None:
    """Count a user as active on a day, and in a week since their arrival, once."""
    day, since = at // DAY_US, (at - arrived) // WEEK_US
    if m[s.on_day + day] != user:
        m[s.on_day + day] = user
        m[daily + DAILY_ACTIVE * s.days + day] += 1
    if m[s.in_week + since] != user:  # on a day that is not new, a week may be: users do not come at midnight
        m[s.in_week + since] = user
        m[cohort + since] += 1


def tally_account(m: Column, s: Settings, n: int, daily: int, cohort: int) -> int:
    """Add up the account's events day by day; return when the user was last active, or -1."""
    user, arrived, days, last = m[s.row + USER], m[s.row + ARRIVED], s.days, -1
    for i in range(n):
        at, kind, amount = m[s.place + i] // TURNS, m[s.kind + i], m[s.amount + i]
        here = daily + at // DAY_US
        if kind == RECORDING:
            m[here + DAILY_RECORDINGS * days] += 1
            m[here + DAILY_CONSUMED * days] += 1
        elif kind == RECORDING_BLOCKED:
            m[here + DAILY_BLOCKED * days] += 1
        elif kind == PAYMENT:
            m[here + DAILY_PAYMENTS * days] += 1
            m[here + DAILY_REVENUE * days] += amount
            m[here + DAILY_GRANTED_PAID * days] += s.credits_per_payment
        else:
            if kind == RECORDING_FAILED:
                m[here + DAILY_FAILED * days] += 1
            elif kind == CREDIT_REFUNDED:
                m[here + DAILY_REFUNDS * days] += 1
            elif kind == PAYMENT_REDELIVERED:
                m[here + DAILY_GRANTED_PAID * days] += amount
            elif kind == ARRIVAL:
                m[here + DAILY_ARRIVALS * days] += 1
                m[here + DAILY_GRANTED_FREE * days] += amount
            elif kind == RESYNC and amount > 0:
                m[here + DAILY_GRANTED_FREE * days] += amount
            elif kind == RESYNC:
                m[here + DAILY_VOIDED * days] -= amount
            elif kind == CHURN:
                m[here + DAILY_CHURNED * days] += 1
            continue
        last = max(last, at)
        activate(m, s, user, at, daily, cohort, arrived)
    return last


def tally_activity(m: Column, s: Settings, start: int, stop: int, name: int, daily: int, cohort: int) -> int:
    """Add up moments at which a user is active; return the last one, or -1."""
    user, arrived, here = m[s.row + USER], m[s.row + ARRIVED], daily + name * s.days
    for i in range(s.place + start, s.place + stop):
        at = m[i] // TURNS
        m[here + at // DAY_US] += 1
        activate(m, s, user, at, daily, cohort, arrived)
    return m[s.place + stop - 1] // TURNS if stop > start else -1


def tally_views(m: Column, s: Settings, start: int, stop: int, daily: int) -> None:
    """Add up views, which are others' activity."""
    here = daily + DAILY_VIEWS * s.days
    for i in range(s.place + start, s.place + stop):
        m[here + m[i] // DAY_PLACES] += 1


def tally_sessions(m: Column, s: Settings, start: int, stop: int, daily: int) -> int:
    """Add up the seconds of sessions; return how many they are."""
    here, total = daily + DAILY_TIME_SPENT * s.days, 0
    for i in range(start, stop):
        total += m[s.amount + i]
        m[here + m[s.place + i] // DAY_PLACES] += m[s.amount + i]
    return total


def tally_first(m: Column, s: Settings, at: int, arrived: int, here: int) -> None:
    """Count on which whole day since arrival something first happened, or for how many it had not.

    Only the horizon censors: to those who leave it never happens. The day that the horizon cuts off
    counts for nobody, so that survival (Kaplan-Meier) is not biased.
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
