"""Single settings, as they are written on a command line."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from crm_adapters.scenarios import ScenarioError, alternatives, with_settings
from crm_domain import SEED
from crm_domain.simulation import Scenario


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("policy.initial_credits=2", lambda s: s.policy.initial_credits == 2),
        (" policy.price = 9.99 ", lambda s: s.policy.price == Decimal("9.99")),
        ("policy.price=9", lambda s: s.policy.price == 9),
        ("payments.when_blocked=1", lambda s: s.payments.when_blocked == 1),
        ("alike=inf", lambda s: s.alike is None),
        ("alike=none", lambda s: s.alike is None),
        ("alike=0.5", lambda s: s.alike == 0.5),
        ("start=2026-02-01T00:00:00Z", lambda s: s.start == datetime(2026, 2, 1, tzinfo=UTC)),
        ("rhythm.weekdays=[1, 1, 1, 1, 1, 0.5, 0]", lambda s: s.rhythm.weekdays == (1, 1, 1, 1, 1, 0.5, 0)),
        ("rules=seed", lambda s: s.rules.safeguards == SEED.safeguards),
        ("rules=hardened,-grant_once", lambda s: not s.rules.grant_once and s.rules.atomic_consume),
        ("rules.grant_once=false", lambda s: not s.rules.grant_once),
    ],
)
def test_a_setting_is_written_as_in_a_file(setting: str, found: Any) -> None:
    """Texts need no quotes."""
    assert found(with_settings(Scenario(), [setting]))
    assert not found(Scenario())


def test_the_policy_stays_when_rules_are_set() -> None:
    scenario = with_settings(Scenario(), ["rules=seed", "policy.initial_credits=7"])
    assert (scenario.policy.initial_credits, scenario.rules.safeguards) == (7, frozenset())


def test_settings_take_effect_together() -> None:
    """A payment that gives nothing is possible where nobody pays."""
    together = ["policy.credits_per_payment=0", "payments.when_blocked=0", "payments.early=0"]
    assert with_settings(Scenario(), together).policy.credits_per_payment == 0
    with pytest.raises(ScenarioError, match="nobody pays for nothing"):
        with_settings(Scenario(), together[:1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["days"], "setting: expected PATH=VALUE such as policy.initial_credits=2, got 'days'"),
        (["=3"], "setting: expected PATH=VALUE such as policy.initial_credits=2, got '=3'"),
        (["days="], "setting: expected PATH=VALUE such as policy.initial_credits=2, got 'days='"),
        (["days=3", "days=4"], "days: is set twice: leave one out"),
        (["policy.initial_credit=2"], "setting: there is no parameter 'policy.initial_credit'; did you mean policy.initial_credits or policy.regular_initial_credits?"),
        (["initial_credits=2"], "setting: there is no parameter 'initial_credits'; did you mean policy.initial_credits or policy.regular_initial_credits?"),
        (["days=x"], "setting: days: expected a whole number, got str"),
        (["payments.when_blocked=2"], "setting: payments.when_blocked: expected a number from 0 to 1, got 2"),
        (["policy.initial_credits=2.5"], "setting: policy.initial_credits: expected a whole number from 0 to 2147483647, got 2.5"),
        (["crm_arrivals.per_day=-1"], "setting: crm_arrivals.per_day: expected a number from 0 to 1000000000, got -1"),
        (["policy.price=cheap"], "setting: policy.price: expected an amount such as 12.99, got 'cheap'"),
        (["rules=x"], "setting: rules: 'x' is not 'seed', 'hardened', '+safeguard' or '-safeguard'"),
    ],
)  # fmt: skip
def test_a_mistake_names_the_path(settings: list[str], message: str) -> None:
    """And an unknown path lists the near ones."""
    with pytest.raises(ScenarioError) as caught:
        with_settings(Scenario(), settings)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("setting", "path", "texts"),
    [
        ("policy.initial_credits=2,3, 4", "policy.initial_credits", ["2", "3", "4"]),
        ("days=30", "days", ["30"]),
        ("rules=seed;hardened,-grant_once", "rules", ["seed", "hardened,-grant_once"]),
    ],
)
def test_alternatives_are_parted_by_commas_or_semicolons(setting: str, path: str, texts: list[str]) -> None:
    """Where there is a semicolon, commas are part of the values."""
    assert alternatives(setting) == (path, texts)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("days=1,,2", "days: a value is missing in 'days=1,,2': write days=VALUE,VALUE"),
        ("days=1,1", "days: a value is there twice in 'days=1,1'"),
    ],
)
def test_alternatives_that_make_no_sense_are_refused(setting: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        alternatives(setting)
    assert str(caught.value) == message
