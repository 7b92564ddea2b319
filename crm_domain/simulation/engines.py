"""Which engines are there, and which one is taken?

All give the same `Part` for the same scenario, seed and users. They are imported when they are needed:
the compiled one takes numpy and numba, the extra ``fast``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final, TypeAlias

from crm_domain.wording import unknown

from .kernel.plain import simulate_plain
from .reference.behaviours import Behaviour, applicant
from .reference.population import simulate_reference
from .results.part import Part
from .scenario import Scenario

Keep: TypeAlias = frozenset[str]
"""Which tables to keep: ``users``, ``events``."""

Engine: TypeAlias = Callable[[Scenario, int, range, Keep], Part]
"""Simulates a range of users of a scenario under a seed."""

CHUNKS: Final = {"compiled": 20_000, "plain": 500, "reference": 100}
"""The engines by name, and of how many users they do about a tenth of a second's work: a chunk."""


WORTH_COMPILING: Final = 500_000
"""For how many days of users, all runs together, ``auto`` compiles: the plain engine takes some 2 seconds for them."""


def resolved(name: str, behaviour: Behaviour | None = None, user_days: int = WORTH_COMPILING) -> str:
    """Return the name of an engine; for ``auto`` of the one that is soonest done.

    Args:
        name: The name, or ``auto``.
        behaviour: One's own behaviour, if there is one.
        user_days: How much there is to do: users times days, all runs together.

    Raises:
        ValueError: There is no such engine, or it does not know the behaviour.
        ModuleNotFoundError: It is the compiled one, and numba is not installed.
    """
    if name != "auto" and name not in CHUNKS:
        raise ValueError(f"engine: {unknown(name, ['auto', *CHUNKS])}")
    if behaviour is not None and name in {"compiled", "plain"}:
        raise ValueError(f"engine: {name!r} knows the built-in behaviour alone: one of your own runs on 'reference'")
    is_compiler_there = find_spec("numba") is not None
    if name == "compiled" and not is_compiler_there:
        raise ModuleNotFoundError("engine: the compiled one takes numba: pip install 'crm-domain[fast]'", name="numba")
    if name == "auto":
        is_much = user_days >= WORTH_COMPILING
        return "reference" if behaviour is not None else "compiled" if is_compiler_there and is_much else "plain"
    return name


def engine_named(name: str, behaviour: Behaviour | None = None) -> Engine:
    """Return an engine by its name, for the built-in behaviour or for one's own.

    Raises:
        ValueError, ModuleNotFoundError: As for `resolved`.
    """
    match resolved(name, behaviour):
        case "compiled":
            from .kernel.compiled import simulate_compiled  # noqa: PLC0415  # it needs the extra

            return simulate_compiled
        case "plain":
            return simulate_plain
        case _:
            return lambda *what: simulate_reference(*what, behaviour=behaviour or applicant)[0]
