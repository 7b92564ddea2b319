"""Histories of answers that some order explains, and histories that none does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from crm_domain.testing.racing.linearizability import Operation, unexplained


def recording(name: str, asked: int, answered: int, **more: Any) -> Operation:
    told: dict[str, Any] = {"accepted": True, "events": 2} | more
    return Operation(name=name, asked=asked, answered=answered, **told)


def job_request(name: str, asked: int, answered: int, **more: Any) -> Operation:
    return recording(name, asked, answered, **({"credits": 0, "events": 1} | more))


@pytest.mark.parametrize(
    "history",
    [
        [],
        [recording("a", 1, 2, version=7), recording("b", 3, 4, version=9)],
        [recording("a", 1, 4, version=9), recording("b", 2, 3, version=7)],
        [recording("a", 1, 2), recording("b", 3, 4), recording("c", 5, 6, accepted=False)],
        [recording("a", 2, 5), recording("b", 3, 6), recording("c", 1, 4, accepted=False)],
        [recording("a", 1, 2, version=7), job_request("b", 3, 4, version=8), recording("c", 5, 6, version=10)],
    ],
    ids=["nothing", "in turn", "overlapping", "refused at the end", "refused before others end", "of two kinds"],
)
def test_history_is_explained(history: list[Operation]) -> None:
    """There is an order that keeps to the time, the versions and two credits."""
    assert list(unexplained(history, 2)) == []


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([recording(name, n, n + 1) for n, name in enumerate("abc")], "3 credits were taken, and there were 2"),
        (
            [recording("a", 1, 2), recording("b", 5, 6), recording("c", 3, 4, accepted=False)],
            "c was refused, and at most 1 of 2 credits had been taken by then",
        ),
        ([job_request("a", 1, 2, accepted=False)], "a was refused, and at most 0 of 2 credits had been taken by then"),
        (
            [recording("a", 1, 2, version=9), recording("b", 3, 4, version=7)],
            "b has version 7, and was asked after a was answered, which has version 9",
        ),
        (
            [recording("a", 1, 2, version=7), recording("b", 3, 4, version=10)],
            "b has version 10, expected 9 behind a",
        ),
        (
            [recording("a", 1, 4, version=7), recording("b", 2, 3, version=7)],
            "b has version 7, expected 9 behind a",
        ),
    ],
    ids=["oversold", "refused too soon", "refused for nothing", "against the time", "a gap", "a version twice"],
)
def test_history_is_not_explained(history: list[Operation], said: str) -> None:
    """No order explains it, and it is said why."""
    assert list(unexplained(history, 2)) == [said]


def is_explained_by(order: Sequence[Operation], credits_: int, version: int) -> bool:
    """Execute operations in an order, and tell whether it keeps to the time and all answers are as they were."""
    latest_ask = 0
    for operation in order:
        if operation.answered < latest_ask:
            return False
        latest_ask = max(latest_ask, operation.asked)
        if operation.accepted != (credits_ >= operation.credits):
            return False
        if operation.accepted:
            credits_ -= operation.credits
            version += operation.events
            if operation.version not in {version, None}:
                return False
    return True


def is_explained(history: Sequence[Operation], credits_: int) -> bool:
    return any(is_explained_by(order, credits_, v) for order in permutations(history) for v in range(-2, 12))


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """Draw commands at times of their own, answered in the order of their middles; one answer may be another."""
    size = draw(st.integers(0, 5))
    ticks = draw(st.permutations(range(2 * size)))
    spans = sorted((sorted(ticks[n : n + 2]) for n in range(0, 2 * size, 2)), key=sum)
    credits_, version = 2, 0
    history: list[Operation] = []
    for n, (asked, answered) in enumerate(spans):
        operation = draw(st.sampled_from([recording, job_request]))(str(n), asked, answered)
        if credits_ < operation.credits:
            history.append(evolve(operation, accepted=False))
        else:
            credits_, version = credits_ - operation.credits, version + operation.events
            history.append(evolve(operation, version=version))
    if draw(st.booleans()) and history:
        at = draw(st.integers(0, size - 1))
        history[at] = evolve(history[at], accepted=draw(st.booleans()), version=draw(st.integers(1, version or 1)))
    with_versions: bool = draw(st.booleans())
    return history if with_versions else [evolve(operation, version=None) for operation in history]


@given(history=histories())
def test_what_is_explained_is_what_some_order_explains(history: list[Operation]) -> None:
    """Nothing is said exactly when one of all orders, played from some version on, gives these answers."""
    assert (list(unexplained(history, 2)) == []) == is_explained(history, 2)
