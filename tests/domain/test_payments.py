"""A payment is credited once, if it is one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from crm_domain import (
    HARDENED,
    SEED,
    CheckViolation,
    Conflict,
    CreditPolicy,
    Crm,
    ForeignKeyViolation,
    NotNullViolation,
    Rules,
    UniqueViolation,
)
from crm_domain.clocks import label_uuid
from crm_domain.ids import is_canonical_uuid
from crm_domain.schema import COUNT_MAX

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, RITA = label_uuid("amy"), label_uuid("rita")
PRICE = Decimal("12.99")


def test_a_payment_gives_credits_from_its_own_grant(world: World) -> None:
    """Two events in one command: the payment with what it gave, and the grant that names it."""
    accepted = world.service.record_payment(user_id=RITA, amount=PRICE, ref="next")
    assert accepted.id is not None
    assert is_canonical_uuid(accepted.id)
    assert accepted.credited is True
    payment = world.one("payments", ref="next")
    assert (payment.id, payment.user_id, payment.amount, payment.credits) == (accepted.id, RITA, PRICE, 3)
    assert payment.created_at == world.clock.now
    grant = world.one("credit_grants", payment_id=payment.id)
    assert (grant.user_id, grant.source, grant.credits) == (RITA, "payment", 3)
    assert world.balance_of("rita") == 6


def test_a_second_delivery_gets_the_first_ones_id(world: World) -> None:
    """Accepted, and nothing happens; whoever's command it is, and under whichever id."""
    first = world.service.record_payment(user_id=RITA, amount=PRICE, ref="next")
    again = world.service.record_payment(user_id=RITA, amount="12.990", ref="next", id=label_uuid("other"))
    assert (again.id, again.credited, again.events) == (first.id, False, ())
    assert world.balance_of("rita") == 6


@pytest.mark.parametrize(
    ("user_id", "amount"), [(AMY, "12.99"), (RITA, "9.99")], ids=["another person", "another amount"]
)
def test_other_content_under_a_known_reference_is_a_conflict(user_id: str, amount: str, make_world: MakeWorld) -> None:
    """Whatever the price is."""
    world = make_world(HARDENED.without("exact_price"))
    with pytest.raises(Conflict, match="look up which delivery is right"):
        world.service.record_payment(user_id=user_id, amount=amount, ref="first of rita")


def test_a_reference_is_kept_as_it_is(world: World) -> None:
    """Only the very same one is the same payment; of 1 to 255 characters."""
    for ref in ("First of rita", "first of rita ", "\U0001f600" * 255):
        assert world.service.record_payment(user_id=RITA, amount=PRICE, ref=ref).credited is True
    assert world.balance_of("rita") == 3 + 9


def test_an_id_may_be_chosen_once(world: World) -> None:
    """Another payment with it is refused."""
    chosen = label_uuid("chosen")
    assert world.service.record_payment(id=chosen, user_id=RITA, amount=PRICE, ref="1").id == chosen
    with pytest.raises(UniqueViolation):
        world.service.record_payment(id=chosen, user_id=RITA, amount=PRICE, ref="2")


@pytest.mark.parametrize(
    "amount", ["0.00", "-12.99", "-0", "12.98", "13", "1299", "1E+1", "9999999999.99"], ids=lambda a: f"amount {a}"
)
def test_only_the_price_is_a_payment(amount: str, world: World) -> None:
    """Not a cent more or less; nothing is credited."""
    with pytest.raises(CheckViolation, match=r"the price is 12\.99, not .*: nothing was credited"):
        world.service.record_payment(user_id=RITA, amount=amount, ref="next")


@pytest.mark.parametrize("amount", ["12.990", "12.99", "1299E-2", "0012.99"])
def test_the_price_in_any_spelling_is_a_payment(amount: str, world: World) -> None:
    """It is a number."""
    assert world.service.record_payment(user_id=RITA, amount=amount, ref="next").credited is True
    assert str(world.one("payments", ref="next").amount) == "12.99"


@pytest.mark.parametrize(("amount", "taken"), [("0.01", True), ("100", True), ("0", False), ("-1", False)])
def test_without_the_price_any_amount_above_0_is_one(amount: str, *, taken: bool, make_world: MakeWorld) -> None:
    """``valid_values`` still keeps out what is no payment; the seed takes even that."""
    world = make_world(HARDENED.without("exact_price"))
    if taken:
        assert world.service.record_payment(user_id=RITA, amount=amount, ref="next").credited is True
    else:
        with pytest.raises(CheckViolation, match=rf"^payments\.amount: {amount} is not above 0\.$") as refused:
            world.service.record_payment(user_id=RITA, amount=amount, ref="next")
        assert refused.value.safeguard == "valid_values"
    assert make_world(SEED).service.record_payment(user_id=RITA, amount=amount, ref="next").credited is True


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity", "12.991", "1E+10", "1E-3"])
@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=["HARDENED", "SEED"])
def test_what_is_no_amount_is_refused_in_every_reading(amount: str, rules: Rules, make_world: MakeWorld) -> None:
    """Not a number, more than two decimals, more than the column holds."""
    with pytest.raises(CheckViolation) as refused:
        make_world(rules).service.record_payment(user_id=RITA, amount=amount, ref="next")
    assert refused.value.safeguard is None


@pytest.mark.parametrize("name", ["user_id", "amount", "ref", "id"])
def test_everything_about_a_payment_is_needed(name: str, world: World) -> None:
    """Whose it is, how much, and its reference; an id is made, but not where it is NULL."""
    whole: dict[str, Any] = {"user_id": RITA, "amount": "12.99", "ref": "next"}
    with pytest.raises(NotNullViolation) as refused:
        world.service.record_payment(**whole | {name: None})
    assert (refused.value.table, refused.value.column) == ("payments", name)


def test_a_payment_needs_a_profile(world: World) -> None:
    """Of somebody who is registered."""
    with pytest.raises(ForeignKeyViolation, match="register or sync them first"):
        world.service.record_payment(user_id=label_uuid("stranger"), amount=PRICE, ref="next")


def test_the_price_of_another_policy(make_world: MakeWorld) -> None:
    """It is what it says."""
    policy = CreditPolicy(price=Decimal("20.00"), credits_per_payment=5)
    world = make_world(attrs.evolve(HARDENED, credit_policy=policy))
    with pytest.raises(CheckViolation, match=r"the price is 20\.00"):
        world.service.record_payment(user_id=RITA, amount=PRICE, ref="next")
    assert world.service.record_payment(user_id=RITA, amount="20", ref="next").credited is True
    assert world.balance_of("rita") == 8


def test_a_deactivated_user_may_be_paid_for(world: World) -> None:
    """The service records it, whose writing needs no activity."""
    world.service.deactivate("amy@example.com")
    assert world.service.record_payment(user_id=AMY, amount=PRICE, ref="next").credited is True


def test_a_balance_has_a_greatest_value() -> None:
    """A payment that would take the balance beyond it is refused, and changes nothing."""
    crm = Crm()
    service = crm.as_service()
    amy = service.sync_crm_user(email="amy@x.test").user_id
    assert amy is not None
    service.adjust_balance(amy, credits=COUNT_MAX - 2)
    length = len(crm.journal)
    with pytest.raises(CheckViolation, match="lower the balance"):
        service.record_payment(user_id=amy, amount="12.99", ref="p-1")
    assert len(crm.journal) == length
    assert service.select("payments") == []
