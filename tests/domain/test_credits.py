"""Credits are a ledger of sourced grants, consumed oldest first; the balance is its fold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_domain import (
    HARDENED,
    SEED,
    CheckViolation,
    CreateRegularRecording,
    CreditPolicy,
    Delete,
    Refused,
    Rules,
    Update,
    user,
)
from crm_domain.clocks import label_uuid
from crm_domain.credits import adjusted, balance_of, granted, had_initial_grant
from crm_domain.events import CreditRefunded, CreditVoided, ProfileCreated, RecordingCompleted
from crm_domain.evolve import evolve
from crm_domain.ids import Email, UserId
from crm_domain.memory.rows import memory_rows
from crm_domain.ports import Tables
from crm_domain.schema import COUNT_MAX

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, RITA = label_uuid("amy"), label_uuid("rita")
AMYS = "amy@example.com"


def ledger(world: World, name: str) -> list[tuple[Any, ...]]:
    """Return a person's grants, oldest first: source, granted, remaining, consumed, voided."""
    grants = world.service.select("credit_grants", {"user_id": label_uuid(name)})
    return [
        (g.source, g.credits, g.remaining, g.consumed, g.voided) for g in sorted(grants, key=lambda grant: grant.number)
    ]


def pay(world: World, name: str, ref: str) -> None:
    price = world.crm.rules.credit_policy.price
    world.service.record_payment(user_id=label_uuid(name), amount=price, ref=ref)


# --- grants ---------------------------------------------------------------------------------


def test_grants_say_where_credits_come_from(empty: World) -> None:
    """An initial grant has the address, a paid one its payment, an adjustment neither."""
    empty.crm_user("amy")
    pay(empty, "amy", "1")
    empty.service.adjust_balance(AMY, credits=10)
    payment = empty.one("payments", ref="1").id
    grants = sorted(empty.service.select("credit_grants"), key=lambda grant: grant.number)
    assert [(g.number, g.source, g.email, g.payment_id, g.credits) for g in grants] == [
        (1, "initial", AMYS, None, 4),
        (2, "payment", None, payment, 3),
        (3, "adjustment", None, None, 3),
    ]
    assert {g.user_id for g in grants} == {AMY}


def test_grants_are_consumed_oldest_first(empty: World) -> None:
    """A recording takes its credit of the oldest grant that has one left."""
    amy = empty.crm_user("amy")
    pay(empty, "amy", "1")
    for _ in range(5):
        amy.create_recording()
    assert ledger(empty, "amy") == [("initial", 4, 0, 4, 0), ("payment", 3, 2, 1, 0)]
    taken = [c.grant_id for c in reversed(empty.service.select("credit_consumptions"))]
    assert sorted(taken) == [f"{AMY}/1"] * 4 + [f"{AMY}/2"]


def test_a_regular_user_pays_from_the_same_ledger(empty: World) -> None:
    """And goes on with what is left when they become a CRM user."""
    empty.regular("rita").create_regular_recording()
    empty.crm_user("rita").create_recording()
    assert ledger(empty, "rita") == [("payment", 3, 1, 2, 0), ("initial", 4, 4, 0, 0)]


@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=["HARDENED", "SEED"])
@pytest.mark.parametrize(("initial", "paid", "price"), [(0, 1, "0.01"), (10, 5, "99.99"), (1, 0, "12.99")])
def test_other_credit_policies(initial: int, paid: int, price: str, rules: Rules, make_world: MakeWorld) -> None:
    """Initial credits, credits for a payment, and its price are the policy's; 0 is a number too."""
    policy = CreditPolicy(initial_credits=initial, credits_per_payment=paid, price=Decimal(price))
    world = make_world(attrs.evolve(rules, credit_policy=policy), people=False)
    world.crm_user("amy")
    assert world.balance_of("amy") == world.one("crm_users", email=AMYS).credits_remaining == initial
    pay(world, "amy", "1")
    assert world.balance_of("amy") == initial + paid
    assert ledger(world, "amy") == [("initial", initial, initial, 0, 0), ("payment", paid, paid, 0, 0)]


def test_no_credits_are_an_initial_grant_too(make_world: MakeWorld) -> None:
    """Where the policy gives 0, becoming a CRM user again does not give more when the policy does."""
    world = make_world(Rules(credit_policy=CreditPolicy(initial_credits=0)), people=False)
    world.crm_user("amy")
    world.crm_user("amy")
    assert ledger(world, "amy") == [("initial", 0, 0, 0, 0)]


def test_a_re_sync_of_the_seed_grants_under_the_same_address(make_world: MakeWorld) -> None:
    """What is missing to the initial credits is an initial grant too, and the ledger knows whose address it was for."""
    world = make_world(SEED, people=False)
    world.crm_user("amy").create_recording()
    world.crm_user("amy")
    assert ledger(world, "amy") == [("initial", 4, 3, 1, 0), ("initial", 1, 1, 0, 0)]
    assert {grant.email for grant in world.service.select("credit_grants")} == {AMYS}


def test_an_initial_grant_is_known_by_its_address_and_by_its_person(empty: World) -> None:
    """Each by itself: nobody gets another under a new address, and no address gets another with a new person."""
    empty.crm_user("amy")
    empty.regular("rita")
    tables = empty.crm.tables
    amy, rita, amys, others = UserId(AMY), UserId(RITA), Email(AMYS), Email("other@example.com")
    known = [had_initial_grant(tables, user_id, email) for user_id in (amy, rita) for email in (amys, others)]
    assert known == [True, True, True, False]


def test_a_grant_may_fill_a_balance_and_not_overfill_it(empty: World) -> None:
    """The greatest balance belongs to what a balance may be; a payment too many is refused and nothing has changed."""
    empty.crm_user("amy")
    empty.service.adjust_balance(AMY, credits=COUNT_MAX - 3)
    pay(empty, "amy", "the last")
    assert empty.balance_of("amy") == COUNT_MAX
    with pytest.raises(CheckViolation, match="lower the balance first") as refused:
        pay(empty, "amy", "one too many")
    assert (refused.value.table, refused.value.column) == ("profiles", "credits_remaining")
    assert refused.value.section == "Credit Consumption"
    assert empty.balance_of("amy") == empty.one("crm_users", email=AMYS).credits_remaining == COUNT_MAX


# --- adjustments and voids ------------------------------------------------------------------


@given(st.lists(st.integers(0, 2**31 - 1), max_size=4), st.integers(0, COUNT_MAX))
@example([4], 5)
@example([4], 3)
@example([4, 3], 3)
@example([4, 3], 2)
@example([], COUNT_MAX)
def test_any_balance_is_adjusted_to_any_other(grants: list[int], to: int) -> None:
    """Whatever was granted before: what remains of the grants is the new balance, and none is overdrawn."""
    tables, at, amy = Tables.made_by(memory_rows), datetime(2026, 1, 1, tzinfo=UTC), UserId(AMY)
    evolve(tables, ProfileCreated((amy, 0, at, at)), at=at)
    for credits_ in grants:
        evolve(tables, granted(tables, amy, source="payment", credits=credits_, at=at), at=at)
    for event in list(adjusted(tables, amy, to=to, source="adjustment", at=at)):
        evolve(tables, event, at=at)
    assert balance_of(tables, amy) == sum(grant.remaining for grant in tables.credit_grants) == to
    assert all(grant.remaining + grant.voided == grant.credits for grant in tables.credit_grants)
    assert all(min(grant.remaining, grant.voided) >= 0 for grant in tables.credit_grants)


def test_an_adjustment_upwards_is_a_grant_of_the_difference(empty: World) -> None:
    """By the service: in the ledger, and mirrored."""
    empty.crm_user("amy")
    empty.service.adjust_balance(AMY, credits=9)
    assert ledger(empty, "amy") == [("initial", 4, 4, 0, 0), ("adjustment", 5, 5, 0, 0)]
    assert empty.balance_of("amy") == empty.one("crm_users", email=AMYS).credits_remaining == 9


def test_an_adjustment_downwards_voids_from_the_oldest_grant_on(empty: World) -> None:
    """As many credits of each as are left in it."""
    amy = empty.crm_user("amy")
    pay(empty, "amy", "1")
    amy.create_recording()
    empty.service.adjust_balance(AMY, credits=2)
    assert ledger(empty, "amy") == [("initial", 4, 0, 1, 3), ("payment", 3, 2, 0, 1)]
    assert empty.balance_of("amy") == empty.one("crm_users", email=AMYS).credits_remaining == 2
    empty.service.adjust_balance(AMY, credits=0)
    assert ledger(empty, "amy") == [("initial", 4, 0, 1, 3), ("payment", 3, 0, 0, 3)]


def test_an_adjustment_to_the_same_balance_changes_nothing(empty: World) -> None:
    """The row was found, and there is nothing to do."""
    empty.crm_user("amy")
    accepted = empty.service.adjust_balance(AMY, credits=4)
    assert (accepted.affected, accepted.events) == (1, ())


def test_an_adjustment_may_be_for_many(world: World) -> None:
    """An update without a condition is for all profiles, each with its own difference."""
    world.by("amy").create_recording()
    accepted = world.service.update(table="profiles", set={"credits_remaining": 5})
    assert accepted.affected == 5
    assert {profile.credits_remaining for profile in world.service.select("profiles")} == {5}
    assert {crm_user.credits_remaining for crm_user in world.service.select("crm_users")} == {5}


def test_voided_credits_come_back_as_new_ones_only(empty: World) -> None:
    """A void is not undone: what is given again is an adjustment of its own."""
    empty.crm_user("amy")
    empty.service.adjust_balance(AMY, credits=0)
    empty.service.adjust_balance(AMY, credits=4)
    assert ledger(empty, "amy") == [("initial", 4, 0, 0, 4), ("adjustment", 4, 4, 0, 0)]


def test_credits_that_came_from_nowhere_are_voided_from_nowhere(make_world: MakeWorld) -> None:
    """In the seed a user may set their own balance: the service takes back what no grant had given."""
    world = make_world(SEED, people=False)
    world.crm_user("amy").update(table="profiles", set={"credits_remaining": 100})
    accepted = world.service.adjust_balance(AMY, credits=1)
    assert accepted.events == (CreditVoided(UserId(AMY), f"{AMY}/1", 4), CreditVoided(UserId(AMY), None, 95))
    assert world.balance_of("amy") == world.one("crm_users", email=AMYS).credits_remaining == 1


def test_a_recording_may_be_paid_from_nowhere_in_the_seed(make_world: MakeWorld) -> None:
    """It still costs a credit of the balance, and its consumption names no grant."""
    world = make_world(SEED, people=False)
    amy = world.crm_user("amy")
    world.service.adjust_balance(AMY, credits=0)
    amy.update(table="profiles", set={"credits_remaining": 2})
    amy.create_recording()
    assert world.balance_of("amy") == 1
    assert [c.grant_id for c in world.service.select("credit_consumptions")] == [None]


def test_a_balance_that_was_overdrawn_can_be_set_right(make_world: MakeWorld) -> None:
    """In the seed it may be negative; the adjustment grants the difference."""
    world = make_world(SEED, people=False)
    world.crm_user("amy")
    world.service.update(table="profiles", set={"credits_remaining": -3})
    assert world.balance_of("amy") == -3
    world.service.adjust_balance(AMY, credits=1)
    assert ledger(world, "amy") == [("initial", 4, 0, 0, 4), ("adjustment", 4, 4, 0, 0)]


def test_a_profile_that_is_gone_pays_nothing(make_world: MakeWorld) -> None:
    """In the seed, one may check one's balance and delete one's profile before the recording is stored."""
    world = make_world(SEED, people=False)
    world.service.register_user(user_id=RITA, email="rita@example.com")
    rita = world.by("rita")
    rita.update(table="profiles", set={"credits_remaining": 1})
    outcomes = world.crm.execute_overlapping(
        [(user(RITA), Delete(table="profiles")), (user(RITA), CreateRegularRecording())]
    )
    assert not any(isinstance(outcome, Refused) for outcome in outcomes)
    assert (len(rita.select("recordings")), rita.count("profiles")) == (1, 0)


MOVES: dict[str, Callable[[World], object]] = {
    "a payment": lambda world: pay(world, "amy", "next"),
    "a recording": lambda world: world.by("amy").create_recording(),
    "a void": lambda world: world.service.adjust_balance(AMY, credits=0),
    "a refund": lambda world: world.service.update(table="crm_recordings", set={"status": "failed"}),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_balance_tells_when_it_moved(name: str, refunding: World) -> None:
    """``updated_at`` of the profile is the time of its last movement."""
    refunding.by("amy").create_recording()
    before = refunding.clock.now
    assert refunding.one("profiles").updated_at == before
    refunding.clock.advance(timedelta(hours=1))
    MOVES[name](refunding)
    assert refunding.one("profiles").updated_at == before + timedelta(hours=1)


# --- refunds --------------------------------------------------------------------------------


@pytest.fixture
def refunding(make_world: MakeWorld) -> World:
    """A world that gives the credit of a failed recording back; Amy has an old grant and a new one."""
    world = make_world(Rules(credit_policy=CreditPolicy(refund_failed_recordings=True)), people=False)
    world.crm_user("amy")
    pay(world, "amy", "1")
    return world


def mark(world: World, recording: str | None, status: str) -> tuple[Any, ...]:
    where = {"id": recording}
    return world.service.update(table="crm_recordings", where=where, set={"status": status}).events


def test_a_refund_goes_back_to_the_grant_that_paid(refunding: World) -> None:
    """Not to the one that would pay now; balance and mirror rise by it."""
    amy = refunding.by("amy")
    ids = [amy.create_recording().id for _ in range(5)]
    assert ledger(refunding, "amy") == [("initial", 4, 0, 4, 0), ("payment", 3, 2, 1, 0)]
    mark(refunding, ids[0], "failed")
    assert ledger(refunding, "amy") == [("initial", 4, 1, 3, 0), ("payment", 3, 2, 1, 0)]
    assert refunding.balance_of("amy") == refunding.one("crm_users", email=AMYS).credits_remaining == 3
    assert refunding.one("credit_consumptions", recording_id=ids[0]).refunded_at == refunding.clock.now
    amy.create_recording()
    assert ledger(refunding, "amy")[0] == ("initial", 4, 0, 4, 0)


def test_only_a_failure_gives_a_credit_back(refunding: World) -> None:
    """A recording that was completed, or is processed once more, has its credit's worth."""
    recording = refunding.by("amy").create_recording().id
    for status in ("completed", "processing"):
        mark(refunding, recording, status)
        assert refunding.balance_of("amy") == 6


def test_only_the_service_marks_a_recording_as_failed_with_effect(refunding: World) -> None:
    """A user's own word must not give them a credit back."""
    amy = refunding.by("amy")
    recording = amy.create_recording().id
    amy.update(table="crm_recordings", where={"id": recording}, set={"status": "failed"})
    assert refunding.balance_of("amy") == 6


def test_a_recording_that_was_stored_as_failed_is_not_refunded(refunding: World) -> None:
    """It is the change that counts, and it must be the service's."""
    recording = refunding.by("amy").create_recording(status="failed").id
    assert len(mark(refunding, recording, "failed")) == 1
    assert refunding.balance_of("amy") == 6
    refunding.service.create_recording(user_id=AMY, email=AMYS, status="failed")
    assert refunding.balance_of("amy") == 5


@pytest.mark.parametrize("status", ["processing", "completed"])
def test_a_refunded_recording_stays_failed(status: str, refunding: World) -> None:
    """Else it would have been free; for the service as for its owner. Other columns may still change."""
    recording = refunding.by("amy").create_recording().id
    mark(refunding, recording, "failed")
    for session in (refunding.service, refunding.by("amy")):
        with pytest.raises(CheckViolation, match="stays 'failed': the credit was given back"):
            session.update(table="crm_recordings", where={"id": recording}, set={"status": status})
    for others in ({"transcription": "x", "status": "failed"}, {"transcription": "y"}):
        assert refunding.by("amy").update(table="crm_recordings", set=others).affected == 1
    assert refunding.balance_of("amy") == 7


def test_a_refund_comes_once(refunding: World) -> None:
    """Marking it as failed again gives nothing more, and so does deleting it."""
    recording = refunding.by("amy").create_recording().id
    assert [type(event) for event in mark(refunding, recording, "failed")][1:] == [CreditRefunded]
    assert len(mark(refunding, recording, "failed")) == 1
    refunding.by("amy").delete(table="crm_recordings")
    assert refunding.balance_of("amy") == 7


def test_many_are_refunded_at_once(refunding: World) -> None:
    """One update may mark many recordings; each gives its own credit back."""
    for _ in range(5):
        refunding.by("amy").create_recording()
    refunding.service.update(table="crm_recordings", set={"status": "failed"})
    assert ledger(refunding, "amy") == [("initial", 4, 4, 0, 0), ("payment", 3, 3, 0, 0)]


def test_a_refund_of_a_completed_recording(refunding: World) -> None:
    """A recording may fail after it was completed; what it took comes back all the same."""
    recording = refunding.by("amy").create_recording(status="completed").id
    mark(refunding, recording, "failed")
    assert refunding.balance_of("amy") == 7


def test_a_regular_users_recording_is_refunded_too(refunding: World) -> None:
    """There is one ledger."""
    recording = refunding.regular("rita").create_regular_recording().id
    refunding.service.update(table="recordings", where={"id": recording}, set={"status": "failed"})
    assert refunding.balance_of("rita") == 3


def test_what_no_grant_paid_is_not_refunded(make_world: MakeWorld) -> None:
    """In the seed a recording can be paid from nowhere, and nothing goes back there."""
    policy = CreditPolicy(refund_failed_recordings=True)
    world = make_world(attrs.evolve(SEED, credit_policy=policy), people=False)
    world.service.register_user(user_id=RITA, email="rita@example.com")
    world.by("rita").update(table="profiles", set={"credits_remaining": 1})
    world.by("rita").create_regular_recording()
    world.service.update(table="recordings", set={"status": "failed"})
    assert world.balance_of("rita") == 0


# --- the ledger outlives deletes ------------------------------------------------------------


def test_the_id_of_a_deleted_recording_may_be_used_again(empty: World) -> None:
    """The new recording is paid for like any other; what was consumed before stays consumed."""
    amy = empty.crm_user("amy")
    recording = amy.create_recording(status="completed").id
    amy.delete(table="crm_recordings")
    amy.create_recording(id=recording, video_url="/1.mp4")
    assert ledger(empty, "amy") == [("initial", 4, 2, 2, 0)]
    consumptions = empty.service.select("credit_consumptions", {"recording_id": recording})
    assert sorted(c.completed_at is None for c in consumptions) == [False, True]
    assert amy.update(table="crm_recordings", set={"video_url": "/2.mp4"}).affected == 1


def test_a_consumption_has_the_same_id_for_ever(world: World) -> None:
    """Journals have it: the recording's own, a regular one's after its table, and a number from the second on."""
    amys, ritas = label_uuid("crm_recordings of amy"), label_uuid("recordings of rita")
    world.by("amy").delete(table="crm_recordings")
    world.by("amy").create_recording(id=amys)
    world.by("rita").delete(table="recordings")
    world.by("rita").create_regular_recording(id=ritas)
    for recording, first in ((amys, amys), (ritas, f"recordings/{ritas}")):
        consumptions = world.service.select("credit_consumptions", {"recording_id": recording})
        assert {c.id for c in consumptions} == {first, f"{first}/2"}


def test_the_id_of_anothers_recording_is_no_way_into_their_ledger(refunding: World) -> None:
    """A regular recording may have the id of a CRM one, and the other way round: each is paid and refunded by itself."""
    theirs = refunding.by("amy").create_recording(status="completed").id
    before = refunding.by("amy").select("credit_consumptions")
    rita = refunding.regular("rita")
    assert rita.create_regular_recording(id=theirs).id == theirs
    assert refunding.by("amy").select("credit_consumptions") == before
    with pytest.raises(CheckViolation):
        refunding.by("amy").update(table="crm_recordings", set={"video_url": "/2.mp4"})
    assert rita.update(table="recordings", set={"video_url": "/2.mp4"}).affected == 1
    refunding.service.update(table="recordings", where={"id": theirs}, set={"status": "failed"})
    assert (refunding.balance_of("rita"), refunding.balance_of("amy")) == (3, 6)
    refunding.service.update(table="crm_recordings", where={"id": theirs}, set={"status": "failed"})
    assert (refunding.balance_of("rita"), refunding.balance_of("amy")) == (3, 7)
    refunding.by("amy").delete(table="crm_recordings")
    bob = refunding.crm_user("bob")
    assert bob.create_recording(id=theirs).id == theirs
    assert len(refunding.by("amy").select("credit_consumptions")) == 1


def test_consumptions_outlive_their_recordings(empty: World) -> None:
    """A delete takes nothing out of the ledger."""
    amy = empty.crm_user("amy")
    amy.create_recording()
    before = empty.service.select("credit_consumptions")
    amy.delete(table="crm_recordings")
    assert empty.service.select("credit_consumptions") == before


def test_an_update_of_something_else_is_not_a_change_of_status(empty: World) -> None:
    """Completing is noted once, at the model's time."""
    amy = empty.crm_user("amy")
    amy.create_recording()
    first = amy.update(table="crm_recordings", set={"status": "completed"})
    again = amy.update(table="crm_recordings", set={"status": "completed"})
    amy.update(table="crm_recordings", set={"status": "processing"})
    once_more = empty.crm.execute(user(AMY), Update(table="crm_recordings", set={"status": "completed"}))
    assert [len(a.events) for a in (first, again, once_more)] == [2, 1, 1]
    assert first.events[1] == RecordingCompleted(UserId(AMY), empty.one("credit_consumptions").id)
