"""What is true of the ledger's arithmetic, whatever the numbers are?

Each function is a theorem. The assertions that it begins with are what it supposes, the others what it
claims; the numbers are any that its suppositions let in. The rules are the library's own: `credits`
decides, `evolve` folds, over its tables in memory.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from crm_domain.counters import time_added_after
from crm_domain.credits import adjusted, balance_of, consumed, granted, refuse_without_credits
from crm_domain.errors import CheckViolation, InsufficientCredits
from crm_domain.events import CreditConsumed, CreditRefunded
from crm_domain.evolve import evolve
from crm_domain.ids import Email, UserId
from crm_domain.memory.rows import memory_rows
from crm_domain.ports import Tables
from crm_domain.rows import CRM_RECORDINGS, CreditGrant
from crm_domain.schema import COUNT_MAX

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
AMY: Final = UserId("00000000-0000-4000-8000-000000000001")
BOB: Final = UserId("00000000-0000-4000-8000-000000000002")
AMYS: Final = Email("amy@x.test")


def account() -> Tables:
    """Return tables with Amy, a CRM user without credits, and Bob, who has one credit."""
    tables = Tables.made_by(memory_rows)
    tables.profiles.insert((AMY, 0, NOW, NOW))
    tables.profiles.insert((BOB, 0, NOW, NOW))
    tables.crm_users.insert((AMYS, AMY, 0, None, NOW, None, True))
    tables.crm_dashboard_stats.insert((str(AMY), AMYS, AMY, 0, 0, 0, 0, None, None, None, 0, NOW, NOW))
    grant(tables, BOB, 1)
    return tables


def grant(tables: Tables, user_id: UserId, number: int) -> None:
    """Give somebody credits."""
    evolve(tables, granted(tables, user_id, source="payment", credits=number, at=NOW), at=NOW)


def adjust(tables: Tables, to: int) -> None:
    """Bring Amy's balance to this number."""
    for event in list(adjusted(tables, AMY, to=to, source="adjustment", at=NOW)):
        evolve(tables, event, at=NOW)


def two_grants(first: int, second: int) -> Tables:
    """Return tables in which Amy was granted so many credits, and then so many."""
    tables = account()
    grant(tables, AMY, first)
    grant(tables, AMY, second)
    return tables


def record(tables: Tables, recording: str = "a recording") -> CreditConsumed:
    """Have Amy's next credit pay for a recording."""
    event = consumed(tables, CRM_RECORDINGS, (recording,), AMY, "processing", NOW)
    evolve(tables, event, at=NOW)
    return event


def grants(tables: Tables) -> list[CreditGrant]:
    """Return Amy's grants, oldest first."""
    return sorted(tables.credit_grants.find("user_id", AMY), key=lambda grant: grant.number)


def is_sound(tables: Tables, balance: int) -> bool:
    """Tell whether balance, mirror and ledger say this number, no grant lost a credit, and Bob has what he had."""
    mirror = tables.crm_users.get(AMYS)
    return (
        balance_of(tables, AMY) == balance
        and mirror is not None
        and mirror.credits_remaining == balance
        and sum(grant.remaining for grant in grants(tables)) == balance
        and all(g.credits == g.remaining + g.consumed + g.voided and g.remaining >= 0 for g in grants(tables))
        and balance_of(tables, BOB) == 1
    )


# --- theorems -------------------------------------------------------------------------------


def grants_add_up(first: int, second: int) -> None:
    """The balance is the sum of what was granted."""
    assert 1 <= first <= COUNT_MAX // 2
    assert 1 <= second <= COUNT_MAX // 2
    tables = two_grants(first, second)
    assert is_sound(tables, first + second)


def a_grant_is_refused_above_the_greatest_balance_alone(first: int, second: int) -> None:
    """What would go above it is refused, what would not is not."""
    assert 1 <= first <= COUNT_MAX
    assert 1 <= second <= COUNT_MAX
    tables = account()
    grant(tables, AMY, first)
    try:
        grant(tables, AMY, second)
    except CheckViolation:
        assert first + second > COUNT_MAX
        assert is_sound(tables, first)
    else:
        assert first + second <= COUNT_MAX


def an_adjusted_balance_is_what_was_asked_for(first: int, second: int, to: int) -> None:
    """Upwards by a grant, downwards by voids, from any two grants to any balance."""
    assert 1 <= first <= COUNT_MAX // 2
    assert 1 <= second <= COUNT_MAX // 2
    assert 0 <= to <= COUNT_MAX
    tables = two_grants(first, second)
    adjust(tables, to)
    assert is_sound(tables, to)


def an_adjustment_voids_the_oldest_credits(first: int, second: int, to: int) -> None:
    """A newer grant loses credits only when the older one has none left."""
    assert 1 <= first <= COUNT_MAX // 2
    assert 1 <= second <= COUNT_MAX // 2
    assert 0 <= to < first + second
    tables = two_grants(first, second)
    adjust(tables, to)
    older, newer = grants(tables)
    assert newer.voided == 0 or older.remaining == 0


def a_recording_takes_one_credit_of_the_oldest_open_grant(first: int, second: int) -> None:
    """Two recordings take two; the newer grant pays when the older has nothing left."""
    assert 1 <= first <= COUNT_MAX // 2
    assert 1 <= second <= COUNT_MAX // 2
    tables = two_grants(first, second)
    record(tables, "one")
    assert is_sound(tables, first + second - 1)
    record(tables, "two")
    assert is_sound(tables, first + second - 2)
    older, newer = grants(tables)
    assert (older.consumed, newer.consumed) == ((1, 1) if first == 1 else (2, 0))


def a_recording_is_refused_at_zero_alone(granted_: int, to: int) -> None:
    """Who has a credit may record, who has none may not."""
    assert 1 <= granted_ <= COUNT_MAX
    assert 0 <= to <= granted_
    tables = account()
    grant(tables, AMY, granted_)
    adjust(tables, to)
    try:
        refuse_without_credits(tables, AMY, "crm_recordings")
    except InsufficientCredits:
        assert to == 0
    else:
        assert to > 0


def a_refund_gives_back_what_was_taken(first: int, second: int) -> None:
    """The balance and the grant that paid are as before the recording."""
    assert 1 <= first <= COUNT_MAX // 2
    assert 1 <= second <= COUNT_MAX // 2
    tables = two_grants(first, second)
    taken = record(tables)
    paid_by = grants(tables)[0].id
    evolve(tables, CreditRefunded(AMY, taken.values[0], paid_by), at=NOW)  # type: ignore[arg-type]
    assert is_sound(tables, first + second)
    assert [grant.consumed for grant in grants(tables)] == [0, 0]


def time_spent_adds_up(one: int, two: int) -> None:
    """The total is the sum of the seconds."""
    assert 0 <= one <= COUNT_MAX
    assert 0 <= two <= COUNT_MAX
    tables = account()
    time_added_after(tables, AMYS, one, NOW)
    time_added_after(tables, AMYS, two, NOW)
    stats = tables.crm_dashboard_stats.one("email", AMYS)
    assert stats is not None
    assert stats.total_time_spent == one + two
