"""An account statement tells each step's credits and balance, from the events of one person alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from crm_domain import HARDENED, SEED, CreditPolicy, Rules
from crm_domain.account_statement import StatementLine, balance_after, statement
from crm_domain.clocks import label_uuid
from crm_domain.events import CreditVoided
from crm_domain.ids import UserId
from crm_domain.testing import PEOPLE, command_sequences, run

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY = label_uuid("amy")
REFUNDING = attrs.evolve(HARDENED, credit_policy=CreditPolicy(refund_failed_recordings=True))


def amys(world: World) -> list[StatementLine]:
    return list(statement(world.crm.journal.entries_of(UserId(AMY))))


def moves(world: World) -> list[tuple[str, int, int | None, str | None]]:
    """Return the steps of Amy that moved credits: event, credits, balance, the source of the grant."""
    return [
        (type(line.entry.event).__name__, line.credits, line.balance, None if line.grant is None else line.grant.source)
        for line in amys(world)
        if line.credits
    ]


@given(lines=command_sequences(), rules=st.sampled_from([HARDENED, SEED, REFUNDING]))
def test_the_last_balance_is_the_profiles(lines: Any, rules: Rules) -> None:
    """Whatever happened, under the rules and under the seed's holes; and credits add up to the balance."""
    history = run(lines, rules)
    if not history.steps:
        return
    state = history.steps[-1].after
    entries = list(state.journal.entries())
    for person in PEOPLE:
        steps = list(statement(entry for entry in entries if entry.account == person.user_id))
        profile = state.tables.profiles.get(person.user_id)
        balance = steps[-1].balance if steps else None
        assert balance == (None if profile is None else profile.credits_remaining)
        assert sum(step.credits for step in steps) == (balance or 0)


def test_it_names_the_grant_that_paid(empty: World) -> None:
    """The oldest one first; and every step that moved no credits keeps the balance."""
    amy = empty.crm_user("amy")
    empty.service.adjust_balance(AMY, credits=1)
    empty.service.record_payment(user_id=AMY, amount="12.99", ref="pay-1")
    amy.create_recording()
    amy.create_recording()
    assert moves(empty) == [
        ("CreditGranted", 4, 4, "initial"),
        ("CreditVoided", -3, 1, "initial"),
        ("CreditGranted", 3, 4, "payment"),
        ("CreditConsumed", -1, 3, "initial"),
        ("CreditConsumed", -1, 2, "payment"),
    ]
    assert [line.entry.position for line in amys(empty)] == list(range(1, len(empty.crm.journal) + 1))


def test_a_refund_goes_back_to_the_grant_that_paid(make_world: MakeWorld) -> None:
    empty = make_world(REFUNDING, people=False)
    recording = empty.crm_user("amy").create_recording().id
    empty.service.update(table="crm_recordings", where={"id": recording}, set={"status": "failed"})
    assert moves(empty)[-1] == ("CreditRefunded", 1, 4, "initial")


def test_a_balance_that_was_set_past_the_ledger_shows(make_world: MakeWorld) -> None:
    """In the seed a user may write their own profile: the credits come from no grant."""
    empty = make_world(SEED, people=False)
    empty.crm_user("amy").update(table="profiles", set={"credits_remaining": 100})
    assert moves(empty)[-1] == ("RowUpdated", 96, 100, None)


def test_there_is_no_balance_without_a_profile(make_world: MakeWorld) -> None:
    """It goes with the profile, and comes back as 0 with a new one."""
    empty = make_world(SEED, people=False)
    amy = empty.crm.as_user(empty.service.register_user(email="amy@example.com", user_id=AMY).user_id or "")
    amy.update(table="profiles", set={"credits_remaining": 5})
    empty.service.delete(table="profiles")
    assert [(line.credits, line.balance) for line in amys(empty)] == [(0, None), (0, 0), (5, 5), (-5, None)]
    empty.crm_user("amy")
    assert [line.balance for line in amys(empty)][4:] == [0, 4, 4, 4]


def test_credits_without_a_profile_move_no_balance() -> None:
    """As `crm_domain.credits` keeps them: the ledger has them, and no balance follows."""
    assert balance_after(None, CreditVoided(UserId(AMY), None, 1)) is None
