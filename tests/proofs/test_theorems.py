"""The theorems and falsehoods that ``python -m tests.proofs`` judges for all numbers, by examples."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from crm_domain.schema import COUNT_MAX

from . import falsehoods, theorems

NUMBERS: dict[str, st.SearchStrategy[int]] = dict.fromkeys(
    ("first", "second"), st.integers(1, 9) | st.integers(1, COUNT_MAX // 2)
)


def of_module(module: Any) -> list[Any]:
    """Return its theorems: what says nothing but whether it is so."""
    own = [f for f in vars(module).values() if inspect.isfunction(f) and f.__module__ == module.__name__]
    return [
        pytest.param(f, id=f.__name__) for f in own if _kinds(f) == {"int"} and f.__annotations__["return"] == "None"
    ]


def _kinds(function: Callable[..., None]) -> set[str]:
    return {kind for name, kind in function.__annotations__.items() if name != "return"}


def numbers_for(function: Callable[..., None]) -> st.SearchStrategy[dict[str, int]]:
    """Return a strategy for its arguments."""
    any_number = st.integers(0, 9) | st.integers(0, COUNT_MAX)
    return st.fixed_dictionaries(
        {name: NUMBERS.get(name, any_number) for name in inspect.signature(function).parameters}
    )


def test_there_are_theorems_of_both_kinds() -> None:
    assert len(of_module(theorems)) == 8
    assert len(of_module(falsehoods)) == 2


@pytest.mark.parametrize("theorem", of_module(theorems))
@given(data=st.data())
def test_theorem(theorem: Callable[..., None], data: st.DataObject) -> None:
    """It holds for the numbers that it supposes."""
    theorem(**data.draw(numbers_for(theorem).filter(lambda given_: _is_supposed(theorem, given_))))


def _is_supposed(theorem: Callable[..., None], given_: dict[str, int]) -> bool:
    """Tell whether the assertions at its beginning let the numbers in."""
    lines = inspect.getsource(theorem).partition('."""\n')[2].splitlines()
    supposed = [line.strip().removeprefix("assert ") for line in lines[: _number_of_suppositions(lines)]]
    return all(eval(text, {"COUNT_MAX": COUNT_MAX} | given_) for text in supposed)


def _number_of_suppositions(lines: list[str]) -> int:
    return next(n for n, line in enumerate(lines) if not line.strip().startswith("assert "))


def test_a_falsehood_is_refuted() -> None:
    """By the smallest numbers that show it."""
    falsehood = falsehoods.an_adjustment_voids_the_oldest_credits_alone

    def is_broken(numbers: dict[str, int]) -> bool:
        try:
            falsehood(**numbers)
        except AssertionError:
            return _is_supposed(falsehood, numbers)
        return False

    quick = settings(database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    assert find(numbers_for(falsehood), is_broken, settings=quick) == {"first": 1, "second": 1, "to": 0}
