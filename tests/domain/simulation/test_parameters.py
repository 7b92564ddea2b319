"""A dotted path names one number of a scenario; a wrong one is answered with those that are near."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import field, frozen, validators

from crm_domain import HARDENED, CreditPolicy, Rules
from crm_domain.simulation import Scenario
from crm_domain.simulation.parameters import UnknownParameter, parameters_of, with_parameters


@frozen(kw_only=True)
class Habits:
    recordings_per_day: float = field(default=0.25, validator=validators.ge(0))
    logins_per_day: float = 0.5


@frozen(kw_only=True)
class World:
    users: int = 100
    crm: Habits = Habits()
    regular: Habits = Habits()
    rules: Rules = HARDENED


def test_every_number_has_a_path() -> None:
    """Fields of what is inside follow its name; the credit policy has a short one."""
    parameters = parameters_of(World())
    assert parameters["users"] == 100
    assert parameters["crm.recordings_per_day"] == parameters["regular.recordings_per_day"] == 0.25
    assert parameters["policy.initial_credits"] == 4
    assert parameters["rules.grant_once"] is True
    assert not [path for path in parameters if path.startswith("rules.credit_policy")]


def test_several_values_change_together() -> None:
    """And nothing else changes."""
    world = World()
    changed = with_parameters(
        world, {"users": 5, "policy.initial_credits": 2, "policy.price": 5, "crm.logins_per_day": 3}
    )
    assert changed == World(
        users=5,
        crm=Habits(logins_per_day=3),
        rules=Rules(credit_policy=CreditPolicy(initial_credits=2, price=Decimal(5))),
    )
    assert world == World()
    assert with_parameters(world, {}) == world


@pytest.mark.parametrize("price", [9.99, "9.99", Decimal("9.99")])
def test_a_price_may_be_written_as_any_number(price: object) -> None:
    """It is the decimal that is written, not the binary number next to it."""
    assert with_parameters(World(), {"policy.price": price}).rules.credit_policy.price == Decimal("9.99")


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("policy.inital_credits", ("policy.initial_credits",)),
        ("recordings_per_day", ("crm.recordings_per_day", "regular.recordings_per_day")),
        ("crm.recording_per_day", ("crm.recordings_per_day", "regular.recordings_per_day")),
        ("rules.credit_policy.price", ("policy.price",)),
        ("user", ("users",)),
    ],
)
def test_an_unknown_path_is_answered_with_near_ones(path: str, near: tuple[str, ...]) -> None:
    """Those that read alike, or end alike."""
    with pytest.raises(UnknownParameter) as unknown:
        with_parameters(World(), {path: 1})
    assert unknown.value.near[: len(near)] == near
    assert f"there is no parameter {path!r}; did you mean {near[0]}" in str(unknown.value)


def test_a_path_like_no_other_is_answered_with_all() -> None:
    """So that one can be chosen."""
    with pytest.raises(UnknownParameter, match=r"'zzz'; there are users, crm\.recordings_per_day, "):
        with_parameters(World(), {"zzz": 1})


@pytest.mark.parametrize(("path", "value"), [("crm.recordings_per_day", -1), ("policy.initial_credits", "four")])
def test_an_impossible_value_is_refused_by_its_path(path: str, value: object) -> None:
    """As the field itself refuses it, with the path in front."""
    with pytest.raises((TypeError, ValueError), match=rf"^{path}: "):
        with_parameters(World(), {path: value})


def test_parameters_of_a_scenario() -> None:
    """Its own numbers, those of its sections, the safeguards, and the policy."""
    parameters = parameters_of(Scenario())
    assert {"days", "crm_users", "activity.recordings_per_day", "payments.when_blocked"} <= parameters.keys()
    assert {"policy.initial_credits", "rules.grant_once", "crm_arrivals.per_day"} <= parameters.keys()
    assert with_parameters(Scenario(), {"policy.initial_credits": 2}).policy.initial_credits == 2


def test_a_path_is_said_once() -> None:
    """A section's own message begins with the path already."""
    with pytest.raises(ValueError, match=r"^payments\.early: expected a number from 0 to 1, got 2$"):
        with_parameters(Scenario(), {"payments.early": 2})
