"""Which engines are there, and which one is taken?

All give the same `Part` for the same scenario, seed and users. They are imported when they are needed:
the compiled one takes numpy and numba, the extra ``fast``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final, TypeAlias

from crm_domain.crm import Crm

from .scenario import Scenario
from .tables import Part

Keep: TypeAlias = frozenset[str]
"""Which tables to keep: ``users``, ``events``."""

Engine: TypeAlias = Callable[[Scenario, int, range, Keep], Part]
"""Simulates a range of users of a scenario under a seed."""

CHUNKS: Final = {"compiled": 20_000, "plain": 500, "reference": 100}
"""The engines by name, and of how many users they do about a tenth of a second's work: a chunk."""


def resolved(name: str) -> str:
    """Return the name of an engine; of the fastest that can be had for ``auto``.

    Raises:
        ValueError: There is no such engine.
        ModuleNotFoundError: It is the compiled one, and numba is not installed.
    """
    if name != "auto" and name not in CHUNKS:
        raise ValueError(f"engine: there is no {name!r}; there are auto, {', '.join(CHUNKS)}")
    is_compiler_there = find_spec("numba") is not None
    if name == "compiled" and not is_compiler_there:
        raise ModuleNotFoundError("engine: the compiled one takes numba: pip install 'crm-domain[fast]'", name="numba")
    if name == "auto":
        return "compiled" if is_compiler_there else "plain"
    return name


def engine_named(name: str) -> Engine:
    """Return an engine by its name.

    Raises:
        ValueError, ModuleNotFoundError: As for `resolved`.
    """
    match resolved(name):
        case "compiled":
            from .compiled import simulate_compiled  # noqa: PLC0415  # it needs the extra

            return simulate_compiled
        case "plain":
            from .plain import simulate_plain  # noqa: PLC0415  # it is not needed where the other is

            return simulate_plain
        case _:
            return lambda scenario, seed, users, keep: simulate_reference(scenario, seed, users, keep)[0]


def simulate_reference(scenario: Scenario, seed: int, users: range, keep: Keep) -> tuple[Part, Crm]:
    """Simulate users on the model itself; return what came of them, and the model."""
    from .reference import simulate_reference  # noqa: PLC0415  # it is much code, and mostly not needed

    return simulate_reference(scenario, seed, users, keep)
