"""What is the shortest sequence of requests on which rules break a law?"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from crm_domain.laws import AnyLaw
from crm_domain.rules import Rules

from .histories import Lines, broken_laws, run, violations
from .requests.sequences import command_sequences


def counterexample(
    law: AnyLaw, rules: Rules, *, max_examples: int = 20_000, shrink: bool = True, seed: int = 0
) -> Lines | None:
    """Return requests on which *rules* break *law* and no other, or None if none was found.

    The same call gives the same answer.

    Args:
        law: The law, of states or steps.
        rules: The rules in force.
        max_examples: How many sequences to try.
        shrink: Whether to look for the shortest; else the first one found is returned.
        seed: Another seed tries other sequences.
    """

    def breaks(lines: Lines) -> bool:
        history = run(lines, rules)
        return any(violations(history, [law])) and broken_laws(history) == {law.name}

    try:
        found = find(
            command_sequences(),
            breaks,
            random=Random(seed),  # noqa: S311 - no secret depends on it
            settings=settings(
                max_examples=max_examples,
                phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
                derandomize=False,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except NoSuchExample:
        return None
    return without_needless_lines(found, breaks) if shrink else found


def without_needless_lines(lines: Lines, breaks: Callable[[Lines], bool]) -> Lines:
    """Leave lines out, one after another, as long as what is left *breaks* the same."""
    for n in reversed(range(len(lines))):
        shorter = Lines((*lines[:n], *lines[n + 1 :]))
        if breaks(shorter):
            return without_needless_lines(shorter, breaks)
    return lines
