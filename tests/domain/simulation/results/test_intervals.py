"""Intervals hold the true value as often as they say, and survival is what Kaplan and Meier make of it.

The tests of coverage draw from a fixed seed, and allow what chance does to a count of that many
intervals once in some 10,000 seeds.
"""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_domain.simulation.results.intervals import (
    Interval,
    interval_of,
    kaplan_meier,
    mean_interval,
    paired_difference,
    signed_rank_interval,
    student_t_quantile,
)

ROUNDS = 1500
ALARM = 3.9
"""Standard errors beyond which a count is no chance: one in 10,000."""


def held(intervals: list[Interval], truth: float) -> int:
    return sum(interval.low <= truth <= interval.high for interval in intervals)


def expected(level: float) -> tuple[float, float]:
    """Return between which counts chance keeps intervals of this level."""
    spread = ALARM * math.sqrt(ROUNDS * level * (1 - level))
    return ROUNDS * level - spread, ROUNDS * level + spread


# --- quantiles ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "degrees", "quantile"),
    [
        (0.975, 1, 12.706204736174698),
        (0.975, 2, 4.302652729749462),
        (0.995, 3, 5.840909309733355),
        (0.95, 4, 2.131846786326649),
        (0.975, 9, 2.262157162798205),
        (0.975, 10, 2.2281388519862735),
        (0.9, 29, 1.3114336473015527),
        (0.975, 1000, 1.9623390808264078),
        (0.5, 7, 0.0),
        (0.025, 9, -2.262157162798205),
    ],
)
def test_quantiles_of_t(p: float, degrees: int, quantile: float) -> None:
    """As tables have them."""
    assert student_t_quantile(p, degrees) == pytest.approx(quantile, abs=1e-11)


@pytest.mark.parametrize(("p", "degrees"), [(0.0, 3), (1.0, 3), (0.5, 0)])
def test_quantiles_that_there_are_not(p: float, degrees: int) -> None:
    """Probabilities are between 0 and 1, and there is a degree of freedom at least."""
    with pytest.raises(ValueError, match="student_t_quantile: expected"):
        student_t_quantile(p, degrees)


# --- intervals ------------------------------------------------------------------------------


def test_interval_of_a_mean() -> None:
    """The mean, and t times the standard error on both sides."""
    interval = mean_interval([1.0, 2.0, 3.0, 4.0], 0.95)
    assert (interval.estimate, interval.values, interval.method) == (2.5, 4, "t")
    assert interval.half_width == pytest.approx(3.182446305284263 * math.sqrt(5 / 3) / 2)
    assert interval.high - interval.estimate == pytest.approx(interval.estimate - interval.low)


@pytest.mark.parametrize(("values", "outside"), [(6, 0), (7, 2), (8, 3), (10, 8), (15, 25), (20, 52)])
def test_signed_ranks_leave_out_as_tables_say(values: int, outside: int) -> None:
    """The interval ends at the Walsh averages that Wilcoxon's table of critical values names."""
    ordered = [2.0**n for n in range(values)]
    averages = sorted((a + b) / 2 for n, a in enumerate(ordered) for b in ordered[: n + 1])
    interval = signed_rank_interval(ordered, 0.95)
    assert (interval.low, interval.high) == (averages[outside], averages[-1 - outside])


def test_signed_ranks_need_enough_values() -> None:
    """With 5 values no interval of 95 % exists; with 6 there is one."""
    with pytest.raises(ValueError, match=r"5 values are too few for level 0\.95: it takes 6"):
        signed_rank_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert signed_rank_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).estimate == 3.5


@pytest.mark.parametrize("method", ["t", "signed_rank"])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_of_paired_differences_hold_the_truth_as_often_as_they_say(method: str, level: float) -> None:
    """Over 1500 experiments of 12 pairs whose parts are far noisier than their differences."""
    random = Random(f"{method} {level}")
    intervals = []
    for _ in range(ROUNDS):
        base = [random.gauss(100, 50) for _ in range(12)]
        intervals.append(paired_difference(base, [a + random.gauss(3, 2) for a in base], level, method))
    low, high = expected(level)
    slack = 0.02 * ROUNDS if method == "signed_rank" else 0  # ranks are whole numbers: it may hold more often
    assert low <= held(intervals, 3) <= high + slack


def test_signed_ranks_do_not_hang_on_the_normal_law() -> None:
    """With differences from a symmetric law of heavy tails they hold at least as often as they say."""
    random = Random("cauchy")
    draws = [[math.tan(math.pi * (random.random() - 0.5)) for _ in range(12)] for _ in range(ROUNDS)]
    assert held([signed_rank_interval(values, 0.9) for values in draws], 0) >= expected(0.9)[0]


def test_pairs_are_sharper_than_two_samples() -> None:
    """What both have in common is no part of the uncertainty."""
    random = Random(5)
    base = [random.gauss(100, 50) for _ in range(10)]
    variant = [a + random.gauss(3, 2) for a in base]
    assert paired_difference(base, variant).half_width < mean_interval(variant).half_width / 5


def test_what_an_interval_says_of_zero() -> None:
    """It is excluded when both ends are on one side of it."""
    assert mean_interval([1.0, 1.1, 0.9]).excludes_zero
    assert mean_interval([-1.0, -1.1, -0.9]).excludes_zero
    assert not mean_interval([-1.0, 1.1, 0.9]).excludes_zero


def test_values_that_do_not_differ_leave_no_doubt() -> None:
    """Their interval is a point."""
    assert mean_interval([7.0] * 5).half_width == 0


@pytest.mark.parametrize(
    ("values", "level", "method", "said"),
    [
        ([1.0], 0.95, "t", "takes at least 2 values, got 1"),
        ([], 0.95, "signed_rank", "takes at least 1 values, got 0"),
        ([1.0, 2.0], 1.0, "t", "level: expected a number between 0 and 1, got 1.0"),
        ([1.0, 2.0], 0.95, "bayes", "method: there is no 'bayes'; there are t, signed_rank"),
    ],
)
def test_intervals_that_cannot_be_made(values: list[float], level: float, method: str, said: str) -> None:
    """The reason is told."""
    with pytest.raises(ValueError, match=said):
        interval_of(values, level, method)


def test_pairs_have_two_members() -> None:
    """Samples of different lengths are no pairs."""
    with pytest.raises(ValueError, match="argument 2 is longer"):
        paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])


# --- survival -------------------------------------------------------------------------------


def test_survival_by_hand() -> None:
    """Ten users: one event in day 0, one leaves after a day, two events in day 2, six are left."""
    curve = kaplan_meier([1, 0, 2, 0, 0], [0, 1, 0, 0, 6])
    assert curve.survival == pytest.approx((1, 0.9, 0.9, 0.9 * 6 / 8, 0.9 * 6 / 8))
    assert curve.at_risk == (10, 8, 8, 6, 6 - 6)
    assert (list(curve.days), curve.events) == ([0, 1, 2, 3, 4], 3)
    assert (curve.median_days, curve.quantile_days(0.25)) == (None, 3)


def test_survival_without_censoring_is_the_share_that_is_left() -> None:
    """And its median that of the durations."""
    curve = kaplan_meier([2, 3, 5, 0], [0, 0, 0, 0])
    assert curve.survival == pytest.approx((1, 0.8, 0.5, 0))
    assert curve.median_days == 2
    assert (curve.low[-1], curve.high[-1]) == (0, curve.high[-2])


def test_survival_of_nobody() -> None:
    """There is one point, and nobody is at risk."""
    curve = kaplan_meier([0, 0], [0, 0])
    assert (curve.survival, curve.at_risk) == ((1.0,), (0,))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30))
def test_survival_falls_and_stays_inside_of_its_interval(counts: list[tuple[int, int]]) -> None:
    """From 1 on, whatever the counts are."""
    curve = kaplan_meier([e for e, _ in counts], [c for _, c in counts])
    assert list(curve.survival) == sorted(curve.survival, reverse=True)
    for low, left, high in zip(curve.low, curve.survival, curve.high, strict=True):
        assert 0 <= low <= left + 1e-12
        assert left <= high + 1e-12
        assert high <= 1


def test_survival_is_right_though_most_are_censored() -> None:
    """Users who come over 60 days and are followed to day 60, events at a rate of 1 in 20 days: the truth is in the interval as often as it says."""
    random = Random("censored")
    held_at_30 = rounds = 0
    for _ in range(400):
        events, censored = [0] * 61, [0] * 61
        for _ in range(200):
            followed, day = int(60 - random.uniform(0, 60)), int(random.expovariate(1 / 20))
            if day < followed:
                events[day] += 1
            else:
                censored[followed] += 1
        curve = kaplan_meier(events, censored)
        rounds += 1
        held_at_30 += curve.low[30] <= math.exp(-30 / 20) <= curve.high[30]
    spread = ALARM * math.sqrt(rounds * 0.95 * 0.05)
    assert abs(held_at_30 - 0.95 * rounds) <= spread
