"""Credits are never oversold, however many threads want the last one."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from crm_domain import HARDENED, Accepted, CreateRecording, Crm, InsufficientCredits, Rules, SequentialIds, user
from crm_domain.laws import check_all

THREADS: Final = 8
ROUNDS: Final = 300


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def with_credits(credits_: int, rules: Rules = HARDENED) -> tuple[Crm, str]:
    """Return a CRM in which one user has so many credits, and their id."""
    crm = Crm(rules=rules, new_id=SequentialIds())
    amy = crm.as_service().sync_crm_user(email="amy@x.test").user_id
    assert amy is not None
    crm.as_service().adjust_balance(amy, credits=credits_)
    return crm, amy


def balance(crm: Crm) -> int:
    """Return the leading balance of the only user."""
    (profile,) = crm.tables.profiles
    return profile.credits_remaining


@pytest.mark.usefixtures("hasty_threads")
def test_last_credits_are_sold_once() -> None:
    """In 300 rounds, 8 threads at once get as many recordings as there are credits, and all else is refused."""
    barrier = threading.Barrier(THREADS)

    def record(crm: Crm, amy: str) -> bool:
        barrier.wait()
        try:
            crm.as_user(amy).create_recording(video_url="a")
        except InsufficientCredits:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        for n in range(ROUNDS):
            available = n % 3
            crm, amy = with_credits(available)
            sold = sum(pool.map(record, [crm] * THREADS, [amy] * THREADS))
            assert (sold, balance(crm), len(crm.tables.crm_recordings)) == (available, 0, available)
            assert check_all(crm) == []


@pytest.mark.parametrize("overlapping", [2, 8])
def test_overlapping_recordings_are_oversold_without_atomic_consume(overlapping: int) -> None:
    """Without the safeguard, as many recordings as overlap pass the check on one credit."""
    crm, amy = with_credits(1, HARDENED.without("atomic_consume"))
    outcomes = crm.execute_overlapping([(user(amy), CreateRecording(video_url="a"))] * overlapping)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert balance(crm) == 1 - overlapping
    assert {violation.law.name for violation in check_all(crm)} == {"balance_never_negative"}


def test_overlapping_recordings_are_not_oversold() -> None:
    """Under the hardened rules the first of them gets the credit, and the others are refused."""
    crm, amy = with_credits(1)
    first, *others = crm.execute_overlapping([(user(amy), CreateRecording(video_url="a"))] * THREADS)
    assert isinstance(first, Accepted)
    assert all(isinstance(outcome, InsufficientCredits) for outcome in others)
    assert balance(crm) == 0
    assert check_all(crm) == []
