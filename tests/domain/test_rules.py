"""A reading of the document is a set of safeguards and a credit policy."""

from __future__ import annotations

import importlib
import inspect
import re
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_domain import HARDENED, SAFEGUARDS, SEED, CreditPolicy, Rules
from crm_domain.laws import LAWS

DECIDED = [
    "atomic_consume",
    "owner_pair",
    "immutable_owner",
    "tracking_read_only",
    "stats_read_only",
    "profile_read_only",
    "private_dashboard",
    "same_owner_reference",
    "grant_once",
    "idempotent_payment",
    "exact_price",
    "one_email",
    "valid_values",
    "one_primary",
    "active_only",
    "separate_populations",
    "definer_safety",
    "charge_after_write",
    "paid_media_immutable",
]
IN_THE_DATABASE_ONLY = {"definer_safety", "charge_after_write"}


# --- safeguards -----------------------------------------------------------------------------


def test_safeguards_are_the_decided_ones() -> None:
    """In the order of the table of decisions, each under its name."""
    assert list(SAFEGUARDS) == DECIDED
    assert all(safeguard.name == name for name, safeguard in SAFEGUARDS.items())


@pytest.mark.parametrize("name", DECIDED)
def test_a_safeguard_says_which_hole_it_closes_and_where(name: str, headings: str) -> None:
    """Its hole, what it does, its section; and its law and module, unless only a database can have the hole."""
    safeguard = SAFEGUARDS[name]
    assert safeguard.hole.endswith(".")
    assert safeguard.closes.endswith(".")
    assert safeguard.section in headings
    if name in IN_THE_DATABASE_ONLY:
        assert (safeguard.law, safeguard.module) == (None, None)
    else:
        assert safeguard.law in {law.name for law in LAWS}
        rule = importlib.import_module(f"crm_domain.{safeguard.module}")
        assert re.search(rf'\brules\.{name}\b|"{name}"', inspect.getsource(rule))


@pytest.mark.parametrize("kind", [CreditPolicy, Rules])
def test_rules_are_named(kind: type[Any]) -> None:
    """A number or a switch says nothing by its place."""
    with pytest.raises(TypeError, match="positional"):
        kind(attrs.fields(kind)[0].default)


def test_the_readings() -> None:
    """HARDENED is every safeguard, and the default; SEED is none; both have the document's credit policy."""
    assert HARDENED.safeguards == set(DECIDED)
    assert SEED.safeguards == set()
    assert Rules() == HARDENED
    assert HARDENED.credit_policy == SEED.credit_policy == CreditPolicy()


def test_any_mixture_is_a_reading() -> None:
    """On and off by name; the rules that one started from stay as they are."""
    mixture = SEED.having("grant_once", "owner_pair").without("owner_pair")
    assert mixture.safeguards == {"grant_once"}
    assert mixture.grant_once
    assert not mixture.owner_pair
    assert SEED.safeguards == set()


@pytest.mark.parametrize("method", [Rules.having, Rules.without], ids=["having", "without"])
def test_an_unknown_safeguard_is_a_mistake_that_lists_the_known(method: Any) -> None:
    """So that a typing error cannot leave a hole open; the credit policy is none either."""
    with pytest.raises(ValueError, match=r"^rules: there is no safeguard 'grant_twice'; did you mean grant_once"):
        method(HARDENED, "grant_twice")
    with pytest.raises(ValueError, match=r"^rules: there is no safeguard 'credit_policy'"):
        method(HARDENED, "credit_policy")


def test_a_safeguard_is_on_or_off() -> None:
    """Neither 1 nor None will do."""
    for value in (1, None, "on"):
        with pytest.raises(TypeError, match="grant_once"):
            Rules(grant_once=value)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="credit_policy"):
        Rules(credit_policy=4)  # type: ignore[arg-type]


# --- as text --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "rules"),
    [
        ([], HARDENED),
        (["hardened"], HARDENED),
        (["seed"], SEED),
        (["seed,+owner_pair"], SEED.having("owner_pair")),
        (["seed", "+owner_pair", "+one_email"], SEED.having("owner_pair", "one_email")),
        (["-grant_once"], HARDENED.without("grant_once")),
        ([" hardened , -grant_once "], HARDENED.without("grant_once")),
        (["-grant_once,seed"], SEED),
        (["-grant_once,+grant_once"], HARDENED),
    ],
)
def test_rules_are_read_from_left_to_right(texts: list[str], rules: Rules) -> None:
    """A reading, then changes to it; hardened, if none is named."""
    assert Rules.parse(*texts) == rules


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "rules: '' is not 'seed'"),
        ("seed,", "rules: '' is not 'seed'"),
        ("Seed", "rules: 'Seed' is not 'seed'"),
        ("grant_once", "rules: 'grant_once' is not 'seed'"),
        ("-", "rules: there is no safeguard ''"),
        ("+ grant_once", "rules: there is no safeguard ' grant_once'"),
        ("-grant_twice", "rules: there is no safeguard 'grant_twice'"),
    ],
)
def test_what_is_no_step_is_a_mistake(text: str, reason: str) -> None:
    """The message names the step."""
    with pytest.raises(ValueError, match=reason):
        Rules.parse(text)


@given(st.sets(st.sampled_from(DECIDED)))
def test_rules_come_back_from_their_text(names: set[str]) -> None:
    """Whatever the mixture, in the shorter of the two ways to say it."""
    rules = SEED.having(*names)
    assert Rules.parse(str(rules)) == rules
    assert str(rules).startswith("seed" if len(names) <= len(DECIDED) // 2 else "hardened")


# --- credit policy --------------------------------------------------------------------------


def test_the_credit_policy_is_the_documents() -> None:
    """Comparison: 4 credits free from the CRM, $12.99 gives 3; no refund."""
    policy = CreditPolicy()
    assert (policy.initial_credits, policy.credits_per_payment, policy.price) == (4, 3, Decimal("12.99"))
    assert policy.refund_failed_recordings is False


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("initial_credits", -1, ValueError),
        ("initial_credits", 2**31, ValueError),
        ("initial_credits", True, ValueError),
        ("initial_credits", 4.0, ValueError),
        ("credits_per_payment", -1, ValueError),
        ("credits_per_payment", None, ValueError),
        ("price", Decimal(0), ValueError),
        ("price", Decimal("-12.99"), ValueError),
        ("price", Decimal("12.999"), ValueError),
        ("price", Decimal("NaN"), ValueError),
        ("price", Decimal("sNaN"), ValueError),
        ("price", Decimal("Infinity"), ValueError),
        ("price", 12.99, TypeError),
        ("price", "12.99", TypeError),
        ("refund_failed_recordings", 1, TypeError),
    ],
)
def test_a_credit_policy_that_cannot_be_meant_is_a_mistake(field: str, value: object, kind: type[Exception]) -> None:
    """Numbers of credits from 0 to 31 bits, a price above 0 in cents, a plain yes or no."""
    with pytest.raises(kind, match=field):
        CreditPolicy(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("credits_", [0, 2**31 - 1])
def test_the_borders_of_a_credit_policy_belong_to_it(credits_: int) -> None:
    """No free credits at all is a policy too."""
    policy = CreditPolicy(initial_credits=credits_, credits_per_payment=credits_, price=Decimal("0.01"))
    assert (policy.initial_credits, policy.credits_per_payment) == (credits_, credits_)


def test_rules_cannot_be_changed_in_place() -> None:
    """A CRM that runs under them keeps them."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        HARDENED.grant_once = False  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        HARDENED.credit_policy.initial_credits = 5  # type: ignore[misc]
