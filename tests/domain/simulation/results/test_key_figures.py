"""Key figures are what their definitions say, of parts in which every number is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from crm_domain.simulation.results.counts import Counts
from crm_domain.simulation.results.key_figures import FIGURES, KeyFigures, figure_named
from crm_domain.simulation.results.part import MANY, Part

from ..conftest import Handmade

DAYS = 42


@pytest.fixture
def month(handmade: Handmade) -> Part:
    """Ten CRM users, of whom eight come in week 0 and two in week 1, and five regular users on day 0."""
    return handmade(
        DAYS,
        15,
        crm_users=10,
        crm_arrived=10,
        crm_churned_users=2,
        crm_blocked_users=6,
        crm_paying_users=3,
        crm_credits_outstanding=12,
        regular_users=5,
        regular_arrived=5,
        regular_paying_users=1,
        regular_credits_outstanding=2,
        regular_overdrawn_users=1,
        crm_arrivals={0: 6, 3: 2, 9: 2},
        regular_arrivals={0: 5},
        crm_payments={10: 3, 20: 2},
        regular_payments={1: 1},
        crm_revenue_cents={10: 3897, 20: 2598},
        regular_revenue_cents={1: 1299},
        crm_recordings=dict.fromkeys(range(40), 1),
        regular_recordings={2: 3},
        crm_blocked_recordings={20: 12},
        regular_blocked_recordings={0: 5},
        crm_job_requests={0: 11},
        crm_active_users={0: 42, 1: 42},
        crm_credits_granted_free={0: 40},
        crm_credits_granted_paid={10: 15},
        regular_credits_granted_paid={1: 3},
        crm_credits_consumed={0: 43},
        crm_payments_per_user={0: 7, 1: 2, 3: 1},
        regular_payments_per_user={0: 4, 1: 1},
        crm_first_block_days={5: 4, 12: 2},
        crm_first_block_censored_days={42: 4},
        regular_first_block_days={0: 5},
        crm_free_credits_spent_days={8: 5, 30: 1},
        crm_free_credits_spent_censored_days={42: 4},
        crm_first_payment_days={10: 2, 35: 1},
        crm_first_payment_censored_days={30: 2, 42: 5},
        crm_cohort_active={0: 8, 1: 6, 2: 4, 3: 3, 4: 2, 5: 1, 6: 2, 7: 1, 8: 1, 9: 1, 10: 1},
        regular_cohort_active={0: 5, 4: 5},
    )


@pytest.mark.parametrize(
    ("name", "everybody", "crm", "regular"),
    [
        ("users", 15, 10, 5),
        ("daily_active_users", 2.0, 2.0, 0.0),
        ("retention_week_4", 7 / 13, 2 / 8, 1.0),
        ("churned_share", 2 / 15, 0.2, 0.0),
        ("revenue", Decimal("77.94"), Decimal("64.95"), Decimal("12.99")),
        ("payments", 6, 5, 1),
        ("arpu", Decimal("5.196"), Decimal("6.495"), Decimal("2.598")),
        ("arppu", Decimal("19.485"), Decimal("21.65"), Decimal("12.99")),
        ("paying_share", 4 / 15, 0.3, 0.2),
        ("conversion", 0.3, 0.3, None),
        ("conversion_within_30_days", 0.2, 0.2, None),
        ("repeat_share", 0.25, 1 / 3, 0.0),
        ("job_requests", 11, 11, 0),
        ("recordings", 43, 40, 3),
        ("blocked_recordings", 17, 12, 5),
        ("blocked_share", 17 / 60, 12 / 52, 5 / 8),
        ("blocked_users_share", 0.4, 0.6, 0.0),
        ("median_time_to_first_block", 6, 13, 1),
        ("median_life_of_free_credits", 9, 9, None),
        ("credits_granted", 58, 55, 3),
        ("credits_consumed", 43, 43, 0),
        ("credits_outstanding", 14, 12, 2),
        ("overdrawn_users", 1, 0, 1),
    ],
)
def test_figures_by_hand(month: Part, name: str, everybody: Any, crm: Any, regular: Any) -> None:
    """Of all users, and of each population alone; money is exact."""
    counts = Counts(part=month)
    found = [figure_named(name).of(c) for c in (counts, counts.of("crm"), counts.of("regular"))]
    assert found == [pytest.approx(value) if isinstance(value, float) else value for value in (everybody, crm, regular)]
    assert [type(value) for value in found] == [type(value) for value in (everybody, crm, regular)]


def test_every_figure_is_tested_by_hand() -> None:
    """One that is added needs a row above."""
    (rows,) = (mark.args[1] for mark in test_figures_by_hand.pytestmark)
    assert [row[0] for row in rows] == list(FIGURES)


def test_nobody_has_no_shares(handmade: Handmade) -> None:
    """What is divided by nobody is None; what is counted is 0."""
    figures = KeyFigures(Counts(part=handmade(7, 0)))
    assert {name for name, value in figures.items() if value is None} == {
        "retention_week_4",
        "churned_share",
        "arpu",
        "arppu",
        "paying_share",
        "conversion",
        "conversion_within_30_days",
        "repeat_share",
        "blocked_share",
        "blocked_users_share",
        "median_time_to_first_block",
        "median_life_of_free_credits",
    }
    assert not any(value for value in figures.values() if value is not None)
    assert len(figures) == len(FIGURES)


def test_every_figure_says_what_it_is() -> None:
    """In a sentence, with a unit and a title."""
    for figure in FIGURES.values():
        assert figure.definition.endswith("."), figure.name
        assert figure.unit
        assert figure.title


def test_an_unknown_figure_is_answered_with_near_ones() -> None:
    """Or with all that there are."""
    with pytest.raises(ValueError, match="there is no key figure 'revenu'; did you mean revenue"):
        figure_named("revenu")
    with pytest.raises(ValueError, match="there is no key figure 'xyz'; there are users, "):
        figure_named("xyz")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("revenue", Decimal("1234567.8"), "$1,234,567.80"),
        ("revenue", -12.5, "-$12.50"),
        ("paying_share", 0.1234, "12.3 %"),
        ("users", 12345, "12,345"),
        ("daily_active_users", 1234.56, "1,234.6"),
        ("median_time_to_first_block", None, "-"),
        ("median_time_to_first_block", 31, "31 days"),
        ("median_time_to_first_block", 30.5, "30.5 days"),
    ],
)
def test_figures_as_people_read_them(name: str, value: Any, text: str) -> None:
    """In their unit."""
    assert figure_named(name).text(value) == text


# --- cohorts --------------------------------------------------------------------------------


def test_cohorts_are_shown_as_far_as_they_are_seen_whole(month: Part) -> None:
    """Who came until day 6 is seen for five whole weeks, who came until day 9 for four; empty cohorts at the end are left out."""
    cohorts = Counts(part=month).of("crm").cohorts()
    assert cohorts.sizes == (8, 2)
    assert cohorts.active == ((8, 6, 4, 3, 2), (2, 1, 1, 1))
    assert cohorts.rows[1] == (1.0, 0.5, 0.5, 0.5)
    assert cohorts.retention(3) == 4 / 10
    assert cohorts.retention(4) == 2 / 8
    assert cohorts.retention(5) is None


def test_who_comes_at_the_start_is_seen_to_the_end(month: Part) -> None:
    """Six weeks are whole for users who all came as the scenario began."""
    assert Counts(part=month).of("regular").cohorts().active == ((5, 0, 0, 0, 5, 0),)


def test_many_payments_are_more_than_one(handmade: Handmade) -> None:
    """The last place of the histogram stands for that many or more."""
    part = handmade(7, 1, crm_users=1, crm_arrived=1, crm_paying_users=1, crm_payments_per_user={MANY: 1})
    assert KeyFigures(Counts(part=part))["repeat_share"] == 1
