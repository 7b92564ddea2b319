"""The lowest place of a function, and how sure it is."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from crm_domain.simulation.fitting.minimum import lowest, standard_errors


def test_the_bottom_of_a_bent_valley_is_found() -> None:
    """Rosenbrock's, whose bottom is at (1, 1)."""
    found = lowest(lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2, [-1.2, 1.0])
    assert found == pytest.approx([1, 1], abs=1e-2)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_bottom_of_a_bowl_is_found(count: int) -> None:
    found = lowest(lambda x: math.fsum((n + 1) * (value - n) ** 2 for n, value in enumerate(x)), [5.0] * count)
    assert found == pytest.approx(range(count), abs=1e-3)


def test_around_a_pit_the_search_draws_together() -> None:
    """Where nothing near is any lower."""
    assert lowest(lambda x: float(x != [0.0, 0.0]), [0.0, 0.0], steps_max=5) == [0.0, 0.0]


def test_a_search_ends() -> None:
    """Where the function falls for ever, too."""
    assert lowest(lambda x: x[0], [0.0], steps_max=20)[0] < -1


def test_standard_errors_of_normal_values_are_the_known_ones() -> None:
    """Of the mean: sigma over the root of n; of the logarithm of sigma: 1 over the root of 2 n."""
    rng = random.Random(1)
    values = [rng.gauss(3, 2) for _ in range(400)]

    def minus_log(at: Sequence[float]) -> float:
        mean, log = at
        return math.fsum(log + (value - mean) ** 2 / (2 * math.exp(2 * log)) for value in values)

    best = lowest(minus_log, [0.0, 0.0])
    assert best[0] == pytest.approx(math.fsum(values) / 400, abs=1e-3)
    errors = standard_errors(minus_log, best)
    assert errors == pytest.approx([math.exp(best[1]) / 20, 1 / math.sqrt(800)], rel=0.01)


def test_what_does_not_matter_is_not_known() -> None:
    """Where the function is flat, or has no bottom, the error is infinite."""
    assert standard_errors(lambda x: x[0] ** 2, [0.0, 0.0]) == [math.inf, math.inf]
    assert standard_errors(lambda x: -(x[0] ** 2), [0.0]) == [math.inf]


def test_errors_grow_with_what_numbers_share() -> None:
    """Two numbers that show in their sum, mostly, are each less sure than that."""
    one, other = standard_errors(lambda x: (x[0] + x[1]) ** 2 / 2 + 0.01 * (x[0] - x[1]) ** 2 / 2, [0.0, 0.0])
    assert one == pytest.approx(other)
    assert one == pytest.approx(math.sqrt((1 + 100) / 4), rel=1e-3)
