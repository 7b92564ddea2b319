"""What is not true of the ledger: whoever looks for proofs must find the numbers that show it, or has proven nothing."""

from __future__ import annotations

from crm_domain.schema import COUNT_MAX

from .theorems import AMY, account, adjust, grant, grants, is_sound, two_grants


def an_adjustment_voids_the_oldest_credits_alone(first: int, second: int, to: int) -> None:
    """It goes on to the newer grant when the older one has none left."""
    assert 1 <= first <= COUNT_MAX // 2
    assert 1 <= second <= COUNT_MAX // 2
    assert 0 <= to < first + second
    tables = two_grants(first, second)
    adjust(tables, to)
    assert grants(tables)[1].voided == 0


def nobody_is_granted_a_million_and_three(credits: int) -> None:  # noqa: A002 - the ledger's own word
    """Chance would have to try very long."""
    assert 1 <= credits <= COUNT_MAX
    tables = account()
    grant(tables, AMY, credits)
    assert is_sound(tables, credits)
    assert grants(tables)[0].remaining != 1_000_003
