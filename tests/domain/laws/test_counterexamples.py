"""No safeguard is decoration: without it a named law fails, and a short log shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_domain import HARDENED, SAFEGUARDS, SEED
from crm_domain.laws import law_named
from crm_domain.testing import HOLES, Lines, broken_laws, counterexample, run

FOLDER = Path(__file__).parent / "counterexamples"
LAW_OF = {name: safeguard.law for name, safeguard in SAFEGUARDS.items() if safeguard.law is not None}

of_each_safeguard = pytest.mark.parametrize("safeguard", LAW_OF)


def test_every_safeguard_of_the_model_has_a_counterexample() -> None:
    """There is one log for each safeguard but the two that only a database can show, and no other."""
    assert (
        {path.stem for path in FOLDER.iterdir()}
        == set(LAW_OF)
        == set(SAFEGUARDS)
        - {
            "definer_safety",
            "charge_after_write",
        }
    )


def test_logs_and_holes_are_the_same(counterexamples: dict[str, Lines]) -> None:
    """What Python calls `HOLES` is what the kept logs say, in the order of the safeguards."""
    assert list(HOLES.items()) == list(counterexamples.items())


@of_each_safeguard
def test_without_it_exactly_its_law_fails(safeguard: str, counterexamples: dict[str, Lines]) -> None:
    """Without the safeguard its log breaks the law that it names, and no other."""
    history = run(counterexamples[safeguard], HARDENED.without(safeguard))
    assert broken_laws(history) == {LAW_OF[safeguard]}


@of_each_safeguard
def test_with_it_no_law_fails(safeguard: str, counterexamples: dict[str, Lines]) -> None:
    """Under the hardened rules the log breaks nothing."""
    assert broken_laws(run(counterexamples[safeguard], HARDENED)) == frozenset()


@of_each_safeguard
def test_no_line_is_needless(safeguard: str, counterexamples: dict[str, Lines]) -> None:
    """Without any of its lines the log would show nothing."""
    lines = counterexamples[safeguard]
    for n in range(len(lines)):
        shorter = run(lines[:n] + lines[n + 1 :], HARDENED.without(safeguard))
        assert LAW_OF[safeguard] not in broken_laws(shorter), lines[n]


@pytest.mark.thorough
@of_each_safeguard
def test_hypothesis_finds_one(safeguard: str) -> None:
    """Without the safeguard, a search among random sequences finds one that breaks its law and no other."""
    rules = HARDENED.without(safeguard)
    found = counterexample(law_named(LAW_OF[safeguard]), rules, shrink=False)
    assert found is not None
    assert broken_laws(run(found, rules)) == {LAW_OF[safeguard]}


def test_seed_breaks_every_law_that_a_safeguard_keeps(counterexamples: dict[str, Lines]) -> None:
    """The document at its word, holes included, breaks the law of each log."""
    broken = {name: broken_laws(run(lines, SEED)) for name, lines in counterexamples.items()}
    assert {name for name, laws in broken.items() if LAW_OF[name] not in laws} == set()
    assert len(frozenset().union(*broken.values())) >= 12
