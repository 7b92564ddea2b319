"""How does a user's balance move, without the model?

The account is what moves credits: recordings, payments, re-syncs, failures, and leaving, in one loop over
the next moment of each. This repeats of the rules what a user of the built-in behaviour meets
(`crm_domain.credits`, `crm_domain.payments`, `crm_domain.provisioning`); property tests hold it equal to the
model, event by event, under every mixture of safeguards.

The functions work in the memory that `crm_domain.simulation.kernel.memory_layout` describes. They run as they
stand, or compiled.
"""

from __future__ import annotations

from typing import Final

from ..draws.streams import GOLDEN, MASK, exponential, unit, word
from ..results.part import (
    ARRIVAL,
    CHURN,
    CREDIT_REFUNDED,
    PAYMENT,
    PAYMENT_REDELIVERED,
    RECORDING,
    RECORDING_BLOCKED,
    RECORDING_COMPLETED,
    RECORDING_FAILED,
    RESYNC,
)
from .memory_layout import (
    ATTEMPT,
    ATTEMPTS,
    BLOCKED,
    CHURNED,
    CONSUMED,
    FAILED,
    FIRST_BLOCKED,
    FIRST_OPEN,
    FIRST_PAYMENT,
    FREE_LEFT,
    FREE_SPENT,
    GRANTED_FREE,
    GRANTED_PAID,
    GRANTS,
    MARKS_FROM,
    MARKS_TO,
    NEVER,
    NEXT_CHURN,
    NEXT_PAYMENT,
    NEXT_RESYNC,
    PAYMENTS,
    POPULATION,
    RECORDINGS,
    REFUNDS,
    REMAINING,
    RESYNCS,
    REVENUE,
    USER,
    VOIDED,
    WRITTEN,
    Column,
    Settings,
)

# Purposes of draws. Their numbers are part of what a seed means: they never change.
OF_ARRIVAL, OF_MULTIPLIER, OF_CHURN, OF_RESYNCS, OF_RECORDINGS, OF_TABS, OF_FAILURE, OF_PAYING = range(8)
OF_DELAY, OF_LEAVING, OF_REDELIVERY, OF_JOB_REQUESTS, OF_RESUMES, OF_LOGINS, OF_SESSIONS, OF_VIEWS = range(8, 16)
PURPOSES: Final = 16

# What happens to a user at the same moment happens in this order.
AT_ARRIVAL, AT_CHURN, AT_PROCESSING, AT_PAYMENT, AT_RESYNC, AT_RECORDING = range(6)
AT_JOB_REQUEST, AT_RESUME, AT_LOGIN, AT_SESSION, AT_VIEW = range(6, 11)
TURN_BITS: Final = 4
TURNS: Final = 1 << TURN_BITS
"""An event's place among those of its user is its moment times this, and its turn."""

_OVERDRAWN: Final = -1
_COMPLETED: Final = -2
"""Instead of the grant that paid for a recording: that none did, and that it does not matter."""

_EVENTS_MOST: Final = 6
"""No step of the account writes more events, or more grants or recordings to mark."""


def as_word(number: int) -> int:
    """Return a number as what draws are keyed with; compiled code has another type for it."""
    return number


def unguarded(column: Column) -> Column:
    """Return a column of which all places that are asked for are at least 0; compiled code is quicker if it may count on that."""
    return column


def nth(key: int, number: int) -> int:
    """Return the counter of a purpose's draw of this number."""
    return (key + as_word(number) * GOLDEN) & MASK


def later(at: int, gap: float) -> int:
    """Return the moment behind *at* by a gap, and a microsecond, so that an effect comes after its cause."""
    return at + 1 + int(gap) if gap < NEVER else NEVER


def write(m: Column, s: Settings, place: int, kind: int, amount: int) -> None:
    """Write an event."""
    n = m[s.row + WRITTEN]
    m[s.place + n] = place
    m[s.kind + n] = kind
    m[s.amount + n] = amount
    m[s.row + WRITTEN] = n + 1


def grant(m: Column, s: Settings, credits_: int, free: int) -> None:
    """Enter a grant of credits, which raises the balance."""
    r = s.row
    number = m[r + GRANTS]
    m[s.remaining + number] = credits_
    m[s.free + number] = free
    m[r + GRANTS] = number + 1
    m[r + REMAINING] += credits_
    if free:
        m[r + GRANTED_FREE] += credits_
        m[r + FREE_LEFT] += credits_
    else:
        m[r + GRANTED_PAID] += credits_


def account(m: Column, keys: Column, salt: int, s: Settings, arrived: int, attempts: int, churn: int) -> int:
    """Write what moves credits, in order, and leave what is known of the user then in their row.

    Args:
        m: The memory, with the attempts to record in it.
        keys: The user's keys.
        salt: The user's salt.
        s: The scenario.
        arrived: When the user comes.
        attempts: How many attempts to record there are to come, unless the user leaves before.
        churn: When the user leaves by themselves.

    Returns:
        The number of events, or -1 if there was not enough room.
    """
    r, room = s.row, s.room - _EVENTS_MOST
    m[r + ATTEMPTS] = attempts
    m[r + NEXT_CHURN] = churn
    m[r + NEXT_PAYMENT] = m[r + NEXT_RESYNC] = NEVER
    brought = m[s.balances + m[r + USER]] if s.balanced else -1
    if brought >= 0:
        grant(m, s, brought, 1)
    elif m[r + POPULATION] == 0:
        grant(m, s, s.initial_credits, 1)
    if m[r + POPULATION] == 0 and s.resync_gap < NEVER:
        m[r + NEXT_RESYNC] = later(arrived, exponential(nth(keys[OF_RESYNCS], 1), salt) * s.resync_gap)
    write(m, s, arrived * TURNS + AT_ARRIVAL, ARRIVAL, m[r + REMAINING])
    while True:
        if max(m[r + WRITTEN], m[r + GRANTS], m[r + MARKS_TO]) > room:
            return -1
        at, turn, k, head = s.horizon, TURNS, m[r + ATTEMPT], m[r + MARKS_FROM]
        if m[r + NEXT_CHURN] < at:
            at, turn = m[r + NEXT_CHURN], AT_CHURN
        if head < m[r + MARKS_TO] and m[s.due + head] < at:
            at, turn = m[s.due + head], AT_PROCESSING
        if m[r + NEXT_PAYMENT] < at:
            at, turn = m[r + NEXT_PAYMENT], AT_PAYMENT
        if m[r + NEXT_RESYNC] < at:
            at, turn = m[r + NEXT_RESYNC], AT_RESYNC
        if k < m[r + ATTEMPTS] and m[s.attempt + k] >> TURN_BITS < at:
            record(m, keys, salt, s, m[s.attempt + k] >> TURN_BITS)
        elif turn == AT_PAYMENT:
            pay(m, keys, salt, s, at)
        elif turn == AT_PROCESSING:
            mark(m, s, at)
        elif turn == AT_RESYNC:
            resync(m, keys, salt, s, at)
        elif turn == AT_CHURN:
            leave(m, s, at, AT_CHURN)
        else:
            return int(m[r + WRITTEN])


def record(m: Column, keys: Column, salt: int, s: Settings, at: int) -> None:
    """Attempt to record, in one tab or in two; when that is blocked, decide whether to pay, or to leave.

    Without ``atomic_consume``, both tabs see the balance that was there before the first.
    """
    r = s.row
    k = m[r + ATTEMPT] = m[r + ATTEMPT] + 1
    tabs = 2 if s.two_tabs > 0.0 and unit(word(nth(keys[OF_TABS], k), salt)) < s.two_tabs else 1
    had_credits, blocked = m[r + REMAINING] > 0, False
    for tab in range(tabs):
        if m[r + REMAINING] > 0 if s.atomic else had_credits:
            store(m, keys, salt, s, at, 2 * k + tab)
        else:
            blocked = True
            m[r + BLOCKED] += 1
            write(m, s, at * TURNS + AT_RECORDING, RECORDING_BLOCKED, 0)
    if blocked and m[r + FIRST_BLOCKED] < 0:
        m[r + FIRST_BLOCKED] = at
    if m[r + NEXT_PAYMENT] == NEVER:
        if unit(word(nth(keys[OF_PAYING], k), salt)) < (s.when_blocked if blocked else s.early):
            m[r + NEXT_PAYMENT] = later(at, exponential(nth(keys[OF_DELAY], k), salt) * s.delay)
        elif blocked and unit(word(nth(keys[OF_LEAVING], k), salt)) < s.leaving:
            leave(m, s, at, AT_RECORDING)


def store(m: Column, keys: Column, salt: int, s: Settings, at: int, number: int) -> None:
    """Store a recording: it takes a credit of the oldest open grant, and is marked later on."""
    r = s.row
    write(m, s, at * TURNS + AT_RECORDING, RECORDING, -1)
    m[r + CONSUMED] += 1
    m[r + RECORDINGS] += 1
    m[r + REMAINING] -= 1
    payer = m[r + FIRST_OPEN]
    while payer < m[r + GRANTS] and m[s.remaining + payer] == 0:
        payer += 1
    m[r + FIRST_OPEN] = payer
    if payer == m[r + GRANTS]:
        payer = _OVERDRAWN
    else:
        m[s.remaining + payer] -= 1
        m[r + FREE_LEFT] -= m[s.free + payer]
        if m[s.free + payer] and m[r + FREE_LEFT] == 0 and m[r + FREE_SPENT] < 0:
            m[r + FREE_SPENT] = at
    due = at + s.processing
    if due < s.horizon:
        failed = unit(word(nth(keys[OF_FAILURE], number), salt)) < s.failed
        if s.refunded:  # a failure may move the balance, so that its turn has to be waited for
            m[s.due + m[r + MARKS_TO]] = due
            m[s.due_grant + m[r + MARKS_TO]] = payer if failed else _COMPLETED
            m[r + MARKS_TO] += 1
        elif failed:
            m[r + FAILED] += 1
            write(m, s, due * TURNS + AT_PROCESSING, RECORDING_FAILED, 0)
        else:
            write(m, s, due * TURNS + AT_PROCESSING, RECORDING_COMPLETED, 0)


def mark(m: Column, s: Settings, at: int) -> None:
    """Mark a recording; a failure gives its credit back to the grant that it came from."""
    r = s.row
    payer = m[s.due_grant + m[r + MARKS_FROM]]
    m[r + MARKS_FROM] += 1
    if m[r + MARKS_FROM] == m[r + MARKS_TO]:
        m[r + MARKS_FROM] = m[r + MARKS_TO] = 0
    if payer == _COMPLETED:
        write(m, s, at * TURNS + AT_PROCESSING, RECORDING_COMPLETED, 0)
        return
    m[r + FAILED] += 1
    write(m, s, at * TURNS + AT_PROCESSING, RECORDING_FAILED, 0)
    if payer != _OVERDRAWN:
        m[r + REFUNDS] += 1
        m[r + REMAINING] += 1
        m[s.remaining + payer] += 1
        m[r + FREE_LEFT] += m[s.free + payer]
        m[r + FIRST_OPEN] = min(m[r + FIRST_OPEN], payer)
        write(m, s, at * TURNS + AT_PROCESSING, CREDIT_REFUNDED, 1)


def pay(m: Column, keys: Column, salt: int, s: Settings, at: int) -> None:
    """Pay; the payment may be delivered twice, and without ``idempotent_payment`` is credited twice then."""
    r = s.row
    number = m[r + PAYMENTS] = m[r + PAYMENTS] + 1
    m[r + NEXT_PAYMENT] = NEVER
    m[r + REVENUE] += s.price_cents
    if m[r + FIRST_PAYMENT] < 0:
        m[r + FIRST_PAYMENT] = at
    grant(m, s, s.credits_per_payment, 0)
    write(m, s, at * TURNS + AT_PAYMENT, PAYMENT, s.price_cents)
    if s.delivered_twice > 0.0 and unit(word(nth(keys[OF_REDELIVERY], number), salt)) < s.delivered_twice:
        if s.idempotent:
            write(m, s, at * TURNS + AT_PAYMENT, PAYMENT_REDELIVERED, 0)
        else:
            grant(m, s, s.credits_per_payment, 0)
            write(m, s, at * TURNS + AT_PAYMENT, PAYMENT_REDELIVERED, s.credits_per_payment)


def resync(m: Column, keys: Column, salt: int, s: Settings, at: int) -> None:
    """See the user again; without ``grant_once`` that resets the balance, by a grant or by voiding the oldest."""
    r = s.row
    m[r + RESYNCS] += 1
    m[r + NEXT_RESYNC] = later(at, exponential(nth(keys[OF_RESYNCS], m[r + RESYNCS] + 1), salt) * s.resync_gap)
    missing = 0 if s.granted_once else s.initial_credits - m[r + REMAINING]
    write(m, s, at * TURNS + AT_RESYNC, RESYNC, missing)
    if missing > 0:
        grant(m, s, missing, 1)
    payer = m[r + FIRST_OPEN]
    while missing < 0:
        voided = min(m[s.remaining + payer], -missing)
        m[s.remaining + payer] -= voided
        m[r + FREE_LEFT] -= voided * m[s.free + payer]
        m[r + VOIDED] += voided
        m[r + REMAINING] -= voided
        missing += voided
        payer += 1


def leave(m: Column, s: Settings, at: int, turn: int) -> None:
    """Leave: the user does nothing any more; a payment under way is given up."""
    r = s.row
    m[r + CHURNED] = at
    m[r + NEXT_CHURN] = m[r + NEXT_PAYMENT] = NEVER
    m[r + ATTEMPTS] = m[r + ATTEMPT]
    write(m, s, at * TURNS + turn, CHURN, 0)


FUNCTIONS: Final = (nth, later, write, grant, leave, store, record, mark, pay, resync, account)
"""What can be compiled, each after what it needs; `as_word` and `unguarded` are written again."""
