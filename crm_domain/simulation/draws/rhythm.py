"""When in the week does activity fall?

By a change of time: an activity runs evenly in *operational* time, which flows faster in busy hours;
`calendar` says when its moments are, `operational` is the way back. One draw an event, no matter what the
rhythm, and none is thrown away; the law is that of a Poisson process whose rate follows the week.

Both times are in microseconds since the Monday before the scenario's start.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from ..scenario import Rhythm

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
WEEK_US: Final = 7 * DAY_US
HOURS: Final = 168
PLACES: Final = 8192
"""Into how many places a week of operational time is divided to find its hour."""

_WEIGHTS: Final = HOURS + 1
# These meet hours, which compiled code keeps as unsigned numbers.
_NEXT: Final = 1
_INVERSE: Final = 2 * HOURS + 1
_STARTS: Final = 3 * HOURS + 1
WORDS: Final = ("_NEXT", "_INVERSE", "_STARTS")
"""The names of the constants that meet what compiled code keeps as unsigned."""

_WEEK: Final = float(WEEK_US)
_PER_WEEK: Final = 1.0 / WEEK_US
_PLACE: Final = PLACES / WEEK_US


@lru_cache(maxsize=8)
def hours_of(rhythm: Rhythm) -> tuple[float, ...]:
    """Return what `calendar` and `operational` look up, one after the other.

    Returns:
        The operational time before each hour of the week (and, behind the last one, infinity), each
        hour's weight, of mean 1, the inverse of that (0 if nothing happens then), and when it begins.
    """
    raw = [day * hour for day in rhythm.weekdays for hour in rhythm.hours]
    mean = math.fsum(raw) / HOURS
    weights = [weight / mean for weight in raw]
    before = [math.fsum(weights[:hour]) * HOUR_US for hour in range(HOURS)]
    inverse = [1 / weight if weight else 0.0 for weight in weights]
    return (*before, math.inf, *weights, *inverse, *(float(hour * HOUR_US) for hour in range(HOURS)))


@lru_cache(maxsize=8)
def first_hours_of(hours: tuple[float, ...]) -> tuple[int, ...]:
    """Return, for each place in a week of operational time, the hour that it begins in."""
    before = hours[:HOURS]
    return tuple(bisect_right(before, place / PLACES * WEEK_US) - 1 for place in range(PLACES + 1))


def since_monday_us(start: datetime) -> int:
    """Return the microseconds from the Monday (UTC) before *start* to it."""
    monday = datetime(start.year, start.month, start.day, tzinfo=UTC) - timedelta(days=start.weekday())
    return (start - monday) // timedelta(microseconds=1)


def operational(at_us: int, hours: Sequence[float]) -> float:
    """Return the operational time of a moment."""
    week = at_us // WEEK_US
    rest = at_us - week * WEEK_US
    hour = rest // HOUR_US
    return float(week) * _WEEK + hours[hour] + float(rest - hour * HOUR_US) * hours[_WEIGHTS + hour]


def calendar(time: float, hours: Sequence[float], first: Sequence[int]) -> int:
    """Return the moment of an operational time, rounded down to a microsecond."""
    week = int(time * _PER_WEEK)
    rest = time - float(week) * _WEEK
    hour = first[int(rest * _PLACE)]
    while rest >= hours[hour + _NEXT]:
        hour += _NEXT
    return week * WEEK_US + int(hours[hour + _STARTS] + (rest - hours[hour]) * hours[hour + _INVERSE])


FUNCTIONS: Final = (operational, calendar)
"""What can be compiled, each after what it needs."""
