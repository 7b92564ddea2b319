"""What would come of a command, and why, told without executing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from crm_domain import (
    SEED,
    SERVICE,
    Command,
    CreateJobRequest,
    CreateRecording,
    CreateRegularRecording,
    Crm,
    Principal,
    RecordPayment,
    Refused,
    SyncCrmUser,
    Update,
    UploadResume,
    user,
)
from crm_domain.clocks import label_uuid

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB, RITA = map(label_uuid, ("amy", "bob", "rita"))
AMYS = "amy@example.com"


def test_an_explanation_changes_nothing(world: World, state_of: Callable[[Crm], object]) -> None:
    """Accepted or refused, and the id that it would have is not used up."""
    before = state_of(world.crm)
    world.crm.explain(user(AMY), CreateRecording())
    world.crm.explain(user(AMY), CreateRecording(email="bob@example.com"))
    assert state_of(world.crm) == before


@pytest.mark.parametrize(
    ("principal", "command", "code", "safeguards"),
    [
        (user(AMY), CreateJobRequest(), None, ()),
        (user(AMY), CreateRecording(), None, ()),
        (user(AMY), CreateJobRequest(email="bob@example.com"), "foreign_key_violation", ("owner_pair",)),
        (user(AMY), CreateRecording(duration=-1), "check_violation", ("valid_values",)),
        (user(AMY), CreateRecording(video_url="\0"), "check_violation", ()),
        (user(AMY), UploadResume(resume_url="/cv", is_primary=True), "unique_violation", ("one_primary",)),
        (user(AMY), CreateRegularRecording(), "rls_violation", ("separate_populations",)),
        (user(AMY), SyncCrmUser(email=AMYS), "permission_denied", ("tracking_read_only",)),
        (
            user(AMY),
            Update(table="profiles", set={"credits_remaining": 9}),
            "permission_denied",
            ("profile_read_only",),
        ),
        (SERVICE, SyncCrmUser(email=AMYS), None, ("grant_once",)),
        (SERVICE, SyncCrmUser(email="New@example.com"), None, ("one_email",)),
        (SERVICE, SyncCrmUser(email="nobody"), "invalid_email", ("one_email",)),
        (SERVICE, RecordPayment(user_id=RITA, amount="0.01", ref="x"), "check_violation", ("exact_price",)),
        (SERVICE, RecordPayment(user_id=RITA, amount="-1", ref="x"), "check_violation", ("exact_price",)),
        (SERVICE, RecordPayment(user_id=RITA, amount="12.99", ref="first of rita"), None, ("idempotent_payment",)),
    ],
)
def test_the_safeguards_that_decide_are_those_without_which_it_would_come_out_differently(
    principal: Principal, command: Command, code: str | None, safeguards: tuple[str, ...], world: World
) -> None:
    """Each taken by itself, all else as it is: so none is named if two would refuse."""
    explanation = world.crm.explain(principal, command)
    assert (explanation.refusal and explanation.refusal.code) == code
    assert (explanation.accepted is None) is (code is not None)
    assert explanation.safeguards == safeguards


def test_a_safeguard_that_is_off_may_decide_too(make_world: MakeWorld) -> None:
    """In the seed, those are named that would have refused, or done otherwise."""
    explanation = make_world(SEED).crm.explain(user(AMY), CreateRecording(duration=-1, email="bob@example.com"))
    assert explanation.accepted is not None
    assert explanation.safeguards == ("owner_pair", "valid_values")


def test_what_would_happen_is_told(world: World) -> None:
    """The events, and the grant that would pay: the oldest that has credits left."""
    world.service.adjust_balance(AMY, credits=1)
    explanation = world.crm.explain(user(AMY), CreateRecording())
    assert explanation.accepted is not None
    assert [type(event).__name__ for event in explanation.accepted.events] == ["RecordingCreated", "CreditConsumed"]
    assert explanation.grant is not None
    assert (explanation.grant.user_id, explanation.grant.remaining) == (AMY, 1)


def test_the_grant_is_the_callers_own(world: World, state_of: Callable[[Crm], object]) -> None:
    """Neither does changing it reach the CRM, nor does it change with the CRM."""
    grant = world.crm.explain(user(AMY), CreateRecording()).grant
    assert grant is not None
    remaining = grant.remaining
    world.by("amy").create_recording()
    assert grant.remaining == remaining
    before = state_of(world.crm)
    grant.remaining = 100
    assert state_of(world.crm) == before


def test_no_grant_pays_where_none_is_needed_or_left(make_world: MakeWorld) -> None:
    """Job requests are free; and in the seed a recording may be made for a balance that came from nowhere."""
    world = make_world(SEED)
    assert world.crm.explain(user(AMY), CreateJobRequest()).grant is None
    world.service.adjust_balance(AMY, credits=0)
    assert world.crm.explain(user(AMY), CreateRecording()).grant is None
    world.by("amy").update(table="profiles", set={"credits_remaining": 1})
    explanation = world.crm.explain(user(AMY), CreateRecording())
    assert explanation.accepted is not None
    assert explanation.grant is None


@pytest.mark.parametrize(
    ("principal", "command", "text"),
    [
        (
            user(AMY),
            CreateRecording(),
            """
            accepted: RecordingCreated, CreditConsumed
              pays: grant 3 (adjustment, 1 of 1 credits left)
            """,
        ),
        (
            user(AMY),
            Update(table="crm_recordings", where={"user_id": BOB}, set={"status": "failed"}),
            "accepted: nothing to do",
        ),
        (
            user(AMY),
            CreateRecording(duration=-1),
            """
            refused: check_violation (23514)
              crm_recordings.duration is -1, expected 0 or more.
              rule: the safeguard valid_values
              section: 3. crm_recordings (CRM User Video Recordings)
              turns on: valid_values (They are refused.)
            """,
        ),
        (
            SERVICE,
            SyncCrmUser(email="amy@"),
            """
            refused: invalid_email
              'amy@' is not an e-mail address: it has no domain after the @.
              rule: the safeguard one_email
              section: 1. digital_resume_by_CRM (Main CRM User Table)
              turns on: one_email (One normal form (trimmed, lower-cased) is the key; an impossible address is refused.)
            """,
        ),
        (
            user(AMY),
            CreateRecording(id=label_uuid("crm_recordings of bob")),
            """
            refused: unique_violation (23505)
              crm_recordings has a row with this id already: choose another, or leave it out to have one made.
              section: 3. crm_recordings (CRM User Video Recordings)
            """,
        ),
    ],
    ids=["accepted", "nothing", "refused", "refused without SQLSTATE", "refused without safeguard"],
)
def test_an_explanation_reads_like_an_answer(principal: Principal, command: Command, text: str, world: World) -> None:
    """What, why, under which rule and section, what would pay and what it turns on: a line each."""
    world.service.adjust_balance(AMY, credits=0)
    world.service.adjust_balance(AMY, credits=1)
    lines = [line.strip() for line in text.strip().splitlines()]
    said = str(world.crm.explain(principal, command)).splitlines()
    number = said[1].partition("grant ")[2][:1] if "pays" in said[-1] else ""
    assert [line.strip().replace(f"grant {number}", "grant 3") for line in said] == lines


def test_a_refusal_that_is_explained_is_the_one_that_would_be_raised(world: World) -> None:
    """Word for word."""
    command = CreateRecording(email="bob@example.com")
    explained = world.crm.explain(user(AMY), command).refusal
    with pytest.raises(Refused) as raised:
        world.crm.execute(user(AMY), command)
    assert explained is not None
    assert (str(explained), explained.signature) == (str(raised.value), raised.value.signature)


def test_what_is_no_command_cannot_be_explained(world: World) -> None:
    """A mistake of the program stays one."""
    with pytest.raises(TypeError, match="is not one of crm_domain's commands"):
        world.crm.explain(user(AMY), "delete everything")  # type: ignore[arg-type]
