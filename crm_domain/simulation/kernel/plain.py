"""How is the kernel run without compiled code? As it stands, by the interpreter alone."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Final

from ..results.part import Part
from ..scenario import Scenario
from .driver import Machine, simulated
from .life import run
from .memory_layout import Column, Settings


def _work(_: str, values: Iterable[Any]) -> Column:
    return list(values)  # the interpreter reads lists faster than arrays


def _zeros(length: int) -> Column:
    return [0] * length


def _joined(typecode: str, columns: list[Column]) -> Column:
    joined = array(typecode)
    for column in columns:
        joined += column
    return joined


def _as_they_are(settings: Settings) -> Settings:
    return settings


_MACHINE: Final = Machine(
    run=run, work=_work, zeros=_zeros, column=array, join=_joined, word=int, settings=_as_they_are, users_at_once=64
)


def simulate_plain(
    scenario: Scenario, seed: int, users: range | None = None, keep: AbstractSet[str] = frozenset()
) -> Part:
    """Simulate users with the interpreter alone.

    Args:
        scenario: What is simulated.
        seed: A whole number from 0 to 2**64 - 1.
        users: Which users; all unless given.
        keep: Which tables to keep: ``users``, ``events``.

    Raises:
        TypeError, ValueError: An argument is not one of these.
    """
    return simulated(_MACHINE, scenario, seed, range(scenario.users) if users is None else users, keep)
