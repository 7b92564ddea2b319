"""Likelihoods of what is seen of users: they are probabilities, and know the simple cases."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from crm_domain.simulation.fitting.likelihoods import Activity, Paying, Seen, Spell, gamma_quantiles


def likelihood(model: Activity, seen: Seen, stages: int = 1) -> float:
    return math.exp(-model.minus_log([seen], stages))


def integral(f: Callable[[float], float], low: float, high: float, pieces: int = 400) -> float:
    """Return an integral, by Simpson's rule."""
    step = (high - low) / pieces
    inner = math.fsum((4 if n % 2 else 2) * f(low + n * step) for n in range(1, pieces))
    return (f(low) + inner + f(high)) * step / 3


def test_without_leaving_counts_are_negative_binomial() -> None:
    """Where nobody leaves, the last moment says nothing."""
    model = Activity(2.0, 0.5, 0.0)
    scale = 4.0
    for events, last in ((0, 0.0), (3, 5.0), (3, 9.0)):
        expected = math.gamma(2 + events) / math.gamma(2) * (scale / (scale + 10)) ** 2 / (scale + 10) ** events
        assert likelihood(model, Seen(events, last, 10)) == pytest.approx(expected)
        assert likelihood(model, Seen(events, last, 10, alive=True)) == pytest.approx(expected)


def test_users_alike_who_leave_are_known_in_closed_form() -> None:
    """With one rate l for all: l^x (m e^-(l+m)t + l e^-(l+m)T) / (l + m)."""
    model, rate, leaving = Activity(1e7, 0.3, 0.05), 0.3, 0.05
    for events, last in ((0, 0.0), (2, 4.0), (7, 19.5)):
        gone = leaving * math.exp(-(rate + leaving) * last) + rate * math.exp(-(rate + leaving) * 20)
        expected = rate**events * gone / (rate + leaving)
        assert likelihood(model, Seen(events, last, 20)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("stages", [1, 2, 4])
@pytest.mark.parametrize("model", [Activity(0.7, 0.2, 0.02), Activity(3.0, 1.0, 0.3)])
def test_all_that_can_be_seen_has_probability_1(model: Activity, stages: int) -> None:
    """No event, or a first one at any time and then silence, or more; of few attempts, more is rare."""
    until = 2.0
    none = likelihood(model, Seen(0, 0.0, until), stages)
    # of the last of one or two events: an event at a time given is its last attempt, the others fall before it
    factor = math.factorial(stages - 1)
    one = integral(lambda t: likelihood(model, Seen(1, t, until), stages) * t ** (stages - 1) / factor, 0, until)
    factor = math.factorial(2 * stages - 1)
    two = integral(lambda t: likelihood(model, Seen(2, t, until), stages) * t ** (2 * stages - 1) / factor, 0, until)
    rng = random.Random(stages)
    drawn = [simulated_count(model, until, stages, rng) for _ in range(20_000)]
    for count, probability in enumerate((none, one, two)):
        share = drawn.count(count) / len(drawn)
        assert abs(share - probability) < 4 * math.sqrt(probability * (1 - probability) / len(drawn)) + 1e-4


def simulated_count(model: Activity, until: float, stages: int, rng: random.Random) -> int:
    rate = rng.gammavariate(model.shape, model.rate / model.shape)
    end = min(rng.expovariate(model.leaving), until)
    at, attempts = rng.expovariate(rate), 0
    while at < end:
        attempts += 1
        at += rng.expovariate(rate)
    return attempts // stages


RATES = gamma_quantiles(2.0, 0.2)
PAYING = Paying(when_blocked=0.3, leaving_when_blocked=0.1, delay=2.0, early=0.05, leaving=0.01)


def of(model: Paying, spell: Spell) -> float:
    return math.exp(-model.minus_log([spell]))


@pytest.mark.parametrize("before", [(), (0.0, 1.5)])
@pytest.mark.parametrize("model", [PAYING, Paying(0.3, 0.1, 1 / 0.15, 0.05, 0.0)])
def test_a_spell_ends_by_a_payment_or_does_not(model: Paying, before: tuple[float, ...]) -> None:
    """The density of a payment, up to any moment, and the probability of none until then add up to 1."""
    for days in (0.5, 30.0):
        paid = integral(lambda t: of(model, Spell(t, True, RATES, before)), 0, days, 2000)
        assert paid + of(model, Spell(days, False, RATES, before)) == pytest.approx(1, abs=1e-3)


def test_formulas_have_no_gap_where_both_paces_are_equal() -> None:
    """A payment's delay may be as long as it takes to decide for it."""
    near, at = (of(Paying(1.0, 0.0, delay, 0.0, 0.0), Spell(3.0, True, (0.5,))) for delay in (2.0001, 2.0))
    assert at == pytest.approx(near, rel=1e-3)
    assert at == pytest.approx(0.25 * 3 * math.exp(-1.5), rel=1e-3)  # the sum of two exponentials alike: Erlang's


def test_nobody_pays_who_never_tries() -> None:
    model = Paying(1.0, 0.0, 1.0, 0.0, 0.01)
    assert of(model, Spell(100.0, False, (0.0,))) == pytest.approx(1)


def test_quantiles_stand_for_their_distribution() -> None:
    """Their mean is its mean, they rise, and spread less the more users are alike."""
    for shape in (0.1, 1.0, 30.0):
        values = gamma_quantiles(shape, 2.0)
        assert math.fsum(values) / 5 == pytest.approx(2 * shape)
        assert list(values) == sorted(values)
    assert max(gamma_quantiles(1.0, 1.0)) > 2 * max(gamma_quantiles(100.0, 0.01))
