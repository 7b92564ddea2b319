"""Elasticities and elementary effects are what they are known to be where theory knows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from crm_domain.simulation import (
    Activity,
    Churn,
    Payments,
    Recordings,
    Rhythm,
    Scenario,
    UnknownParameter,
    elasticities,
    screen,
)

PLAIN = Scenario(
    crm_users=40,
    regular_users=0,
    days=20,
    rhythm=Rhythm.even(),
    alike=None,
    churn=Churn(per_day=0, when_blocked=0),
    recordings=Recordings(failed=0),
    activity=Activity(job_requests_per_day=0.5, recordings_per_day=0.5),
    payments=Payments(when_blocked=0.2, early=0),
)


def effect_of(parameter: str, figure: str, **more: Any) -> Any:
    (effect,) = elasticities(PLAIN, [parameter], figure, engine="plain", replications=6, **more).effects
    return effect


def test_revenue_is_proportional_to_the_price() -> None:
    """Nobody pays less often for it here: the elasticity is 1 and certain."""
    effect = effect_of("policy.price", "revenue")
    assert (effect.low, effect.value, effect.high) == (Decimal("11.69"), Decimal("12.99"), Decimal("14.29"))
    assert effect.interval.estimate == pytest.approx(1)
    assert effect.interval.half_width < 1e-9


def test_job_requests_are_proportional_to_their_rate() -> None:
    """Within what chance leaves."""
    interval = effect_of("activity.job_requests_per_day", "job_requests").interval
    assert interval.low <= 1 <= interval.high
    assert interval.half_width < 0.3


def test_what_does_not_matter_has_no_elasticity() -> None:
    """The same luck gives the same figure."""
    interval = effect_of("activity.views_per_day", "revenue").interval
    assert (interval.low, interval.high) == (0, 0)


def test_whole_numbers_are_tried_in_whole_steps() -> None:
    """One credit fewer and one more, and as many as are possible."""
    effect = effect_of("policy.initial_credits", "revenue")
    assert (effect.low, effect.high) == (3, 5)
    assert effect.interval.high < 0


def test_what_is_at_its_limit_is_tried_on_one_side() -> None:
    """A probability does not go above 1."""
    scenario = attrs.evolve(PLAIN, payments=Payments(when_blocked=1.0, early=0))
    (effect,) = elasticities(scenario, ["payments.when_blocked"], engine="plain", replications=3).effects
    assert (effect.low, effect.high) == (0.9, 1.0)


def test_all_numbers_are_tried_unless_some_are_named() -> None:
    """The largest first; not how many users there are for how long, nor what is 0, and no safeguard."""
    small = attrs.evolve(PLAIN, crm_users=15, days=6)
    found = elasticities(small, figure="recordings", engine="plain", replications=2)
    names = [effect.parameter for effect in found.effects]
    assert {"policy.initial_credits", "payments.when_blocked", "activity.recordings_per_day"} <= set(names)
    assert not {"crm_users", "days", "churn.per_day", "rules.grant_once", "alike"} & set(names)
    sizes = [abs(effect.interval.estimate) for effect in found.effects]
    assert sizes == sorted(sizes, reverse=True)


def test_elasticities_are_a_table() -> None:
    """In text and for a notebook."""
    found = elasticities(PLAIN, ["policy.price", "activity.views_per_day"], engine="plain", replications=3)
    assert "Elasticity of revenue: % of change for 1 % more of a parameter" in str(found)
    assert "policy.price +1.00 ± 0.00 * 11.69 to 14.29" in " ".join(str(found).split())
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("parameters", "more", "said"),
    [
        (["policy.prize"], {}, "did you mean policy.price"),
        (["rules.grant_once"], {}, "rules.grant_once: it is True, so that nothing is a percentage of it"),
        (["churn.per_day"], {}, "churn.per_day: it is 0.0, so that nothing"),
        (["policy.price"], {"change": 0}, "change: expected a share between 0 and 1, got 0"),
        (["policy.price"], {"figure": "overdrawn_users"}, "overdrawn_users: it is 0 in this scenario"),
        (["policy.price"], {"figure": "revenu"}, "did you mean revenue"),
    ],
)
def test_elasticities_that_there_are_not(parameters: list[str], more: dict[str, Any], said: str) -> None:
    """The reason is told."""
    with pytest.raises(ValueError, match=said):
        elasticities(PLAIN, parameters, engine="plain", replications=2, **more)


def test_a_price_of_a_cent_leaves_nothing_to_try() -> None:
    """A tenth of it is less than a cent."""
    scenario = attrs.evolve(
        PLAIN, rules=attrs.evolve(PLAIN.rules, credit_policy=attrs.evolve(PLAIN.policy, price=Decimal("0.01")))
    )
    with pytest.raises(ValueError, match=r"policy\.price: there is nothing to try around 0\.01"):
        elasticities(scenario, ["policy.price"], engine="plain", replications=2)


# --- Morris ---------------------------------------------------------------------------------

RANGES: dict[str, Any] = {
    "activity.job_requests_per_day": (0.2, 1.4),
    "activity.views_per_day": (0.0, 1.0),
    "policy.initial_credits": (1, 7),
    "policy.price": (Decimal(5), Decimal(20)),
}


def test_screening_finds_what_matters() -> None:
    """Job requests come at their rate and hang on nothing else: an effect of users x days x range, the same everywhere."""
    found = screen(PLAIN, RANGES, "job_requests", trajectories=4, engine="plain")
    first, *others = found.effects
    assert first.parameter == "activity.job_requests_per_day"
    assert first.mu_star.estimate == pytest.approx(40 * 20 * 1.2, rel=0.1)
    assert first.mu.estimate == first.mu_star.estimate
    assert first.sigma < 0.1 * first.mu_star.estimate
    assert [other.mu_star.estimate for other in others] == [0, 0, 0]
    assert "activity.job_requests_per_day" in str(found).splitlines()[4]
    assert "<table" in found._repr_html_()


def test_screening_tells_direction_from_size() -> None:
    """More free credits are less revenue."""
    effects = {e.parameter: e for e in screen(PLAIN, RANGES, trajectories=4, engine="plain").effects}
    credit = effects["policy.initial_credits"]
    assert credit.mu.estimate == -credit.mu_star.estimate < 0
    assert effects["policy.price"].mu.estimate > 0
    assert effects["activity.views_per_day"].mu_star.estimate == 0


def test_screening_repeats_exactly_and_walks_by_its_seed() -> None:
    """The same seed gives the same walks, another one others."""
    one, again, other = (screen(PLAIN, RANGES, trajectories=2, engine="plain", seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


@pytest.mark.parametrize(
    ("ranges", "more", "said"),
    [
        ({}, {}, "screen: there is no parameter to screen"),
        ({"days": (20, 10)}, {}, "days: expected a range from a lower to an upper end, got 20 to 10"),
        ({"days": (10, 20)}, {"levels": 3}, "an even number of levels and at least 2 trajectories"),
        ({"days": (10, 20)}, {"trajectories": 1}, "an even number of levels and at least 2 trajectories"),
        ({"day": (10, 20)}, {}, "there is no parameter 'day'; did you mean days"),
        (
            {"days": (5, 8)},
            {"figure": "retention_week_4"},
            "retention_week_4: it has no value somewhere in these ranges",
        ),
    ],
)
def test_screenings_that_cannot_be(ranges: dict[str, Any], more: dict[str, Any], said: str) -> None:
    """The reason is told."""
    with pytest.raises(ValueError, match=said):
        screen(PLAIN, ranges, engine="plain", **{"trajectories": 2, **more})


def test_an_unknown_parameter_is_one() -> None:
    """Of its own class, as everywhere."""
    with pytest.raises(UnknownParameter):
        screen(None, {"crm_user": (1, 2)}, engine="plain")
    with pytest.raises(UnknownParameter):
        elasticities(None, ["crm_user"], engine="plain")
