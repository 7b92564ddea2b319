"""How sure is a figure? Intervals over independent replications, and survival under censoring.

Replications are independent, so that their figures are: an interval of their mean is Student's.
Two scenarios under one seed share their random draws (common random numbers), so that they are
compared seed by seed: the interval is that of the mean of the *paired differences*, and what
both have in common cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import accumulate
from statistics import NormalDist, fmean, median, stdev
from typing import Final

from attrs import frozen

from crm_domain.wording import quoted, unknown


@frozen(kw_only=True)
class Interval:
    """A confidence interval.

    Attributes:
        estimate: The value in its middle, or the most plausible one.
        low: Its lower end.
        high: Its upper end.
        level: How often intervals of this kind hold the true value.
        values: How many values it was made of.
        method: ``t`` or ``signed_rank``, see `METHODS`.
    """

    estimate: float
    low: float
    high: float
    level: float
    values: int
    method: str

    @property
    def half_width(self) -> float:
        """How far the farther end is from the estimate."""
        return max(self.high - self.estimate, self.estimate - self.low)

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside: a difference is then significant at 1 - level."""
        return self.low > 0 or self.high < 0


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Return Student's interval of a mean.

    It is exact for normal values; figures of a replication are sums over many users, so that the
    central limit theorem is on its side.

    Raises:
        ValueError: There are fewer than two values, or *level* is not between 0 and 1.
    """
    _checked(values, level, least=2)
    centre, n = fmean(values), len(values)
    margin = student_t_quantile((1 + level) / 2, n - 1) * stdev(values) / math.sqrt(n)
    return Interval(estimate=centre, low=centre - margin, high=centre + margin, level=level, values=n, method="t")


def signed_rank_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Return the interval that Wilcoxon's signed-rank test does not reject, around Hodges and Lehmann's estimate.

    Its level is at least *level*, exactly and for any number of values, if they are distributed
    symmetrically; they need not be normal. It is the one to take for few paired differences.

    Raises:
        ValueError: There are too few values for *level* (95 % needs 6), or *level* is not between 0 and 1.
    """
    _checked(values, level, least=1)
    n = len(values)
    outside = _outside(n, (1 - level) / 2)
    if outside is None:
        needed = math.ceil(1 - math.log2(1 - level))
        raise ValueError(f"signed_rank: {n} values are too few for level {level:g}: it takes {needed}")
    averages = sorted((values[i] + values[j]) / 2 for i in range(n) for j in range(i + 1))
    return Interval(
        estimate=median(averages),
        low=averages[outside],
        high=averages[-1 - outside],
        level=level,
        values=n,
        method="signed_rank",
    )


METHODS: Final[Mapping[str, Callable[[Sequence[float], float], Interval]]] = {
    "t": mean_interval,
    "signed_rank": signed_rank_interval,
}
"""How an interval can be made; `experiments` takes the name."""


def interval_of(values: Sequence[float], level: float = 0.95, method: str = "t") -> Interval:
    """Return an interval by the name of its method.

    Raises:
        ValueError: There is no such method, or it cannot do with these values.
    """
    check_method(level, method)
    return METHODS[method](values, level)


def check_method(level: float, method: str) -> None:
    """Refuse a level or a method that there is not.

    Raises:
        ValueError: It is one of these.
    """
    if method not in METHODS:
        raise ValueError(f"method: {unknown(method, METHODS)}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {quoted(level)}")


def paired_difference(
    base: Sequence[float], variant: Sequence[float], level: float = 0.95, method: str = "t"
) -> Interval:
    """Return an interval of how much *variant* is above *base*, value by value.

    Raises:
        ValueError: They are not of the same length, or too short.
    """
    return interval_of([b - a for a, b in zip(base, variant, strict=True)], level, method)


def _checked(values: Sequence[float], level: float, *, least: int) -> None:
    check_method(level, "t")
    if len(values) < least:
        raise ValueError(f"an interval takes at least {least} values, got {len(values)}: make more replications")


# --- quantiles ------------------------------------------------------------------------------


@cache
def student_t_quantile(p: float, degrees: int) -> float:
    """Return the value below which Student's t with so many degrees of freedom is with probability *p*.

    Raises:
        ValueError: *p* is not between 0 and 1, or *degrees* is not positive.
    """
    if not 0 < p < 1 or degrees < 1:
        raise ValueError(f"student_t_quantile: expected 0 < p < 1 and degrees >= 1, got {p!r} and {degrees!r}")
    if p < 0.5:  # noqa: PLR2004  # it is symmetric
        return -student_t_quantile(1 - p, degrees)
    low, high = 0.0, 1.0
    while _t_below(high, degrees) < p:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _t_below(middle, degrees) < p else (low, middle)
    return low


def _t_below(t: float, degrees: int) -> float:
    """Return the probability of Student's t below a *t* that is not negative: a finite sum (Abramowitz, Stegun 26.7)."""
    root = math.sqrt(degrees)
    angle, cos2 = math.atan2(t, root), degrees / (degrees + t * t)
    if degrees % 2:
        terms = _products(cos2, [(k - 1) / k for k in range(3, degrees - 1, 2)], math.sqrt(cos2))
        inner = angle + math.sin(angle) * (terms if degrees > 1 else 0.0)
        return 0.5 + inner / math.pi
    terms = _products(cos2, [(k - 1) / k for k in range(2, degrees - 1, 2)], 1.0)
    return 0.5 + math.sin(angle) * terms / 2


def _products(factor: float, ratios: Sequence[float], first: float) -> float:
    """Return the sum of a series whose terms follow one another by these ratios, each times *factor*."""
    term, terms = first, [first]
    for ratio in ratios:
        term *= factor * ratio
        terms.append(term)
    return math.fsum(terms)


@cache
def _outside(n: int, tail: float) -> int | None:
    """Return how many Walsh averages an interval may leave out at each end so that *tail* is kept; None if none may."""
    ways = [1]  # ways[s]: subsets of the ranks 1…n whose sum is s
    for rank in range(1, n + 1):
        longer = ways + [0] * rank
        for s, count in enumerate(ways):
            longer[s + rank] += count
        ways = longer
    allowed = tail * 2**n * (1 + 1e-12)  # 1 - level is not exact, and a tail may be met exactly
    kept = sum(below <= allowed for below in accumulate(ways))
    return kept - 1 if kept else None


# --- survival -------------------------------------------------------------------------------


@frozen(kw_only=True)
class Survival:
    """A survival curve by Kaplan and Meier, day by day.

    Attributes:
        survival: At place d, the share to whom it has not happened d days after their arrival; the first is 1.
        low: The lower ends of intervals, day by day (pointwise; from Greenwood's variance, log-log transformed).
        high: Their upper ends.
        at_risk: At place d, how many were still followed at the start of day d and it had not happened.
        events: How many it happened to.
        level: The level of the intervals.
    """

    survival: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    at_risk: tuple[int, ...]
    events: int
    level: float

    @property
    def days(self) -> range:
        """The days since arrival that the columns are about."""
        return range(len(self.survival))

    @property
    def median_days(self) -> int | None:
        """After how many days it has happened to half of the users; None if it is not observed to get that far."""
        return self.quantile_days(0.5)

    def quantile_days(self, share: float) -> int | None:
        """Return after how many days it has happened to this share of the users; None if that is not observed."""
        return next((day for day, left in enumerate(self.survival) if left <= 1 - share), None)


def kaplan_meier(events: Sequence[int], censored: Sequence[int], level: float = 0.95) -> Survival:
    """Estimate survival from durations in whole days, some of them censored.

    Args:
        events: At place d, to how many it happened in day d (from 0) since their arrival, while they were followed.
        censored: At place d, how many were followed for d whole days without its happening.
        level: The level of the intervals.

    Returns:
        The curve, up to the last day on which someone was at risk.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    total = sum(events) + sum(censored)
    left, variance, gone = 1.0, 0.0, 0
    survival, lows, highs, risks = [1.0], [1.0], [1.0], []
    for day, happened in enumerate(events):
        gone += censored[day]
        at_risk = total - gone
        if at_risk <= 0:
            break
        risks.append(at_risk)
        left *= 1 - happened / at_risk
        if happened < at_risk:
            variance += happened / (at_risk * (at_risk - happened))
        low, high = _log_log(left, z * math.sqrt(variance), highs[-1])
        survival.append(left)
        lows.append(low)
        highs.append(high)
        gone += happened
    risks.append(total - gone)
    return Survival(
        survival=tuple(survival),
        low=tuple(lows),
        high=tuple(highs),
        at_risk=tuple(risks),
        events=sum(events),
        level=level,
    )


def _log_log(left: float, margin: float, before: float) -> tuple[float, float]:
    """Return the interval of a share that stays between 0 and 1; where it is 0, up to the upper end *before*."""
    if left <= 0:
        return 0.0, before
    if margin <= 0:
        return left, left
    stretch = math.exp(margin / -math.log(left))
    return left**stretch, left ** (1 / stretch)
