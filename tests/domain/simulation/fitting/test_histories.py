"""What a fit looks at of a user's history."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from crm_domain.simulation.fitting.histories import (
    ACTIVITIES,
    Histories,
    History,
    day_of,
    exposure_by_weekday,
    first_window,
    moment_of,
    whole_life,
)
from crm_domain.simulation.fitting.likelihoods import Seen

AMY = History(
    population="crm",
    arrived=10.0,
    moments={"recordings": [11, 13], "job_requests": [9, 12, 20]},
    credits=[(10, 2), (11, -1), (13, -1), (16, 3), (17, -1), (18, -2)],
)


def test_days_are_counted_from_a_monday() -> None:
    monday = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert int(day_of(monday)) % 7 == 0
    assert moment_of(day_of(monday)) == monday


def test_spells_are_the_times_without_credits() -> None:
    """Each from the recording that took the last one to the payment; the last has no end."""
    assert list(AMY.spells) == [(13, 16), (18, math.inf)]


def test_who_comes_without_credits_is_without_from_the_arrival_on() -> None:
    rita = History(population="regular", arrived=5.0, credits=[(8, 3)])
    assert list(rita.spells) == [(5, 8)]
    assert list(History(population="regular", arrived=5.0).spells) == [(5, math.inf)]


def test_the_first_window_ends_with_the_credits() -> None:
    """Then the user is known to be there; what was before the arrival does not count."""
    assert first_window(AMY, ACTIVITIES, 30) == Seen(3, 3.0, 3.0, alive=True)
    assert first_window(AMY, ACTIVITIES, 12.5) == Seen(2, 2.0, 2.5)
    assert first_window(AMY, ["resumes"], 12.5) == Seen(0, 0.0, 2.5)


def test_a_whole_life_ends_with_the_observation() -> None:
    assert whole_life(AMY, ["job_requests"], 30) == Seen(2, 10.0, 20.0)


def test_users_are_watched_each_day_since_they_came() -> None:
    """From Monday noon to the Tuesday after next, 6 o'clock."""
    exposure = exposure_by_weekday([History(population="crm", arrived=0.5)], 8.25)
    assert exposure == pytest.approx([1.5, 1.25, 1, 1, 1, 1, 1])
    assert sum(exposure) == pytest.approx(7.75)


def test_histories_know_their_populations_and_their_beginning() -> None:
    """Who came after the end is not there."""
    rita = History(population="regular", arrived=12.5)
    late = History(population="crm", arrived=40.0)
    histories = Histories(users=[rita, AMY, late], until=30.0, source="")
    assert histories.of("crm") == [AMY]
    assert histories.of("regular") == [rita]
    assert histories.start == 10.0
