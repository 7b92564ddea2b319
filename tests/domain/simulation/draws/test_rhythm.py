"""The change of time: where operational time goes, calendar time comes back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_domain.simulation import Rhythm
from crm_domain.simulation.draws.rhythm import (
    HOUR_US,
    WEEK_US,
    calendar,
    first_hours_of,
    hours_of,
    operational,
    since_monday_us,
)

from ..populations import rhythms


@given(rhythms(), st.integers(0, 60 * WEEK_US))
def test_calendar_time_comes_back(rhythm: Rhythm, at_us: int) -> None:
    """To a microsecond, where anything happens at all; else to when it begins to."""
    hours = hours_of(rhythm)
    back = calendar(operational(at_us, hours), hours, first_hours_of(hours))
    weights = [day * hour for day in rhythm.weekdays for hour in rhythm.hours]
    if weights[at_us // HOUR_US % 168] > 0.01:
        assert abs(back - at_us) <= 1_000
    assert weights[back // HOUR_US % 168] > 0 or back % HOUR_US == 0


@given(rhythms(), st.lists(st.floats(0, 1e14), min_size=2, max_size=20))
def test_time_never_goes_back(rhythm: Rhythm, times: list[float]) -> None:
    """What comes later in operational time does not come earlier in the calendar."""
    hours = hours_of(rhythm)
    first = first_hours_of(hours)
    moments = [calendar(time, hours, first) for time in sorted(times)]
    assert moments == sorted(moments)


@given(rhythms(), st.integers(0, 500))
def test_a_week_takes_a_week(rhythm: Rhythm, week: int) -> None:
    """A rhythm moves things within a week, and no further."""
    assert operational(week * WEEK_US, hours_of(rhythm)) == pytest.approx(week * WEEK_US, abs=1)


@pytest.mark.parametrize(
    ("start", "us"),
    [
        (datetime(2026, 1, 5, tzinfo=UTC), 0),
        (datetime(2026, 1, 4, 23, 59, 59, 999_999, tzinfo=UTC), WEEK_US - 1),
        (datetime(2026, 1, 7, 1, tzinfo=UTC), 49 * HOUR_US),
    ],
)
def test_weeks_begin_on_monday(start: datetime, us: int) -> None:
    """In UTC."""
    assert since_monday_us(start) == us
