"""What is an estimate, how sure is it, and from how much was it made?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import Any, Final

from attrs import frozen

LEVEL: Final = 0.95
_Z: Final = NormalDist().inv_cdf((1 + LEVEL) / 2)


@frozen(kw_only=True)
class Estimate:
    """A number of a scenario that was fitted.

    Attributes:
        path: Which, as `parameters.with_parameters` names it.
        value: Its value.
        low: The lower end of its 95 % interval; None if there is no interval.
        high: The upper end.
        basis: From how much it was made, in words.
    """

    path: str
    value: Any
    low: float | None = None
    high: float | None = None
    basis: str


def by_log(path: str, value: float, error: float, basis: str) -> Estimate:
    """Return an estimate of a positive number, with the standard error of its logarithm."""
    if not math.isfinite(error):
        return Estimate(path=path, value=value, basis=basis)
    reach = math.exp(min(_Z * error, 50))
    return Estimate(path=path, value=value, low=value / reach, high=value * reach, basis=basis)


def by_odds(path: str, value: float, error: float, basis: str) -> Estimate:
    """Return an estimate of a probability, with the standard error of the logarithm of its odds."""
    if not (math.isfinite(error) and 0 < value < 1):
        return Estimate(path=path, value=value, basis=basis)
    odds = math.log(value / (1 - value))
    low, high = (1 / (1 + math.exp(-(odds + sign * _Z * error))) for sign in (-1, 1))
    return Estimate(path=path, value=value, low=low, high=high, basis=basis)


def rate(path: str, count: int, exposure: float, basis: str) -> Estimate:
    """Return the rate of events that were counted over an exposure (Poisson); without any, at most 3 were to be expected."""
    if not count:
        return Estimate(path=path, value=0.0, low=0.0, high=3 / exposure, basis=basis)
    return by_log(path, count / exposure, 1 / math.sqrt(count), basis)


def share(path: str, count: int, total: int, basis: str) -> Estimate:
    """Return a share (Wilson's interval)."""
    p, z2 = count / total, _Z**2 / total
    middle = (p + z2 / 2) / (1 + z2)
    reach = _Z * math.sqrt(p * (1 - p) / total + z2 / (4 * total)) / (1 + z2)
    return Estimate(path=path, value=p, low=max(middle - reach, 0.0), high=min(middle + reach, 1.0), basis=basis)


def mean(path: str, values: Sequence[float], basis: str) -> Estimate:
    """Return a mean, with an interval that takes many values."""
    middle = fmean(values)
    reach = _Z * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    if not math.isfinite(reach):
        return Estimate(path=path, value=middle, basis=basis)
    return Estimate(path=path, value=middle, low=middle - reach, high=middle + reach, basis=basis)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
