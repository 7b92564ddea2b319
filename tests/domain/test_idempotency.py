"""A retry with the same key gets the same answer, and does nothing more."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from crm_domain import (
    SERVICE,
    CheckViolation,
    Command,
    Conflict,
    CreateJobRequest,
    CreateRecording,
    Crm,
    Delete,
    InsufficientCredits,
    Principal,
    RecordPayment,
    RegisterUser,
    RlsViolation,
    SyncCrmUser,
    TrackLogin,
    TrackTime,
    TrackView,
    Update,
    UploadRegularResume,
    UploadResume,
    user,
)
from crm_domain.clocks import label_uuid

if TYPE_CHECKING:
    from tests.domain.conftest import World

AMY, BOB, RITA = map(label_uuid, ("amy", "bob", "rita"))
AMYS = "amy@example.com"

COMMANDS: list[tuple[Principal, Command]] = [
    (SERVICE, RegisterUser(email="new@example.com")),
    (SERVICE, SyncCrmUser(email="new@example.com", payment_details={"card": [1]})),
    (user(AMY), CreateJobRequest(job_title="Engineer")),
    (user(AMY), CreateRecording(job_request_id=label_uuid("crm_job_requests of amy"))),
    (user(AMY), UploadResume(resume_url="/cv", parsed_data={"a": [None, True, 1.5]})),
    (user(RITA), UploadRegularResume(resume_url="/cv")),
    (SERVICE, RecordPayment(user_id=RITA, amount="12.99", ref="next")),
    (SERVICE, RecordPayment(user_id=RITA, amount="12.99", ref="first of rita")),
    (user(AMY), Update(table="crm_recordings", set={"status": "completed"})),
    (user(AMY), Update(table="crm_recordings", where={"user_id": BOB}, set={"status": "completed"})),
    (user(AMY), Delete(table="crm_recordings")),
    (SERVICE, TrackView(email=AMYS)),
    (SERVICE, TrackLogin(email="nobody@example.com")),
    (SERVICE, TrackTime(email=AMYS, seconds=7)),
]


@pytest.mark.parametrize(
    ("principal", "command"), COMMANDS, ids=[f"{who.role.value} {type(c).__name__}" for who, c in COMMANDS]
)
def test_a_retry_gets_the_first_answer(
    principal: Principal, command: Command, world: World, state_of: Callable[[Crm], object]
) -> None:
    """Id, person, number of rows, version and all; only that it is a replay is told, and nothing happened."""
    first = world.crm.execute(principal, command, key="key")
    after = state_of(world.crm)
    again = world.crm.execute(principal, attrs.evolve(command), key="key")
    assert again == attrs.evolve(first, events=(), replayed=True)
    assert first.replayed is False
    assert state_of(world.crm) == after


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            SyncCrmUser(email="new@example.com", payment_details={"a": 1, "b": {"c": 2, "d": 3}}),
            SyncCrmUser(email="new@example.com", payment_details={"b": {"d": 3, "c": 2}, "a": 1}),
        ),
        (
            RecordPayment(user_id=RITA, amount=Decimal("12.99"), ref="next"),
            RecordPayment(user_id=RITA.upper(), amount="12.990", ref="next"),
        ),
        (
            Update(table="crm_users", where={"email": AMYS}, set={"is_active": False, "payment_details": [1]}),
            Update(
                table="digital_resume_by_CRM", where={"email": AMYS}, set={"payment_details": [1], "is_active": False}
            ),
        ),
    ],
    ids=["order of keys", "trailing zeros", "order of columns"],
)
def test_the_same_content_is_a_retry_however_it_is_written(one: Command, other: Command, world: World) -> None:
    """Two commands that are equal ask for the same."""
    assert one == other
    world.crm.execute(SERVICE, one, key="key")
    assert world.crm.execute(SERVICE, other, key="key").replayed is True


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CreateJobRequest(job_title="a"), CreateJobRequest(job_title="b")),
        (CreateJobRequest(), CreateJobRequest(job_title="")),
        (CreateJobRequest(), CreateJobRequest(email=AMYS)),
        (CreateJobRequest(job_title="a"), CreateJobRequest(company_name="a")),
        (CreateJobRequest(), CreateRecording()),
        (UploadResume(resume_url="/cv", parsed_data=[1]), UploadResume(resume_url="/cv", parsed_data=[1.0])),
        (UploadResume(resume_url="/cv", parsed_data=[1]), UploadResume(resume_url="/cv", parsed_data=[True])),
        (UploadResume(resume_url="/cv", parsed_data="null"), UploadResume(resume_url="/cv")),
        (Delete(table="crm_recordings"), Delete(table="crm_recordings", where={"status": None})),
        (Delete(table="crm_recordings"), Delete(table="crm_resumes")),
    ],
)
def test_other_content_is_a_conflict(
    one: Command, other: Command, world: World, state_of: Callable[[Crm], object]
) -> None:
    """A key names one command; what it was used for stands."""
    world.crm.execute(user(AMY), one, key="key")
    after = state_of(world.crm)
    with pytest.raises(Conflict, match="idempotency key 'key' was used for another command"):
        world.crm.execute(user(AMY), other, key="key")
    assert state_of(world.crm) == after


def test_a_refused_command_does_not_use_its_key_up(world: World) -> None:
    """When the reason is gone, the retry is accepted; and the key is free for another command until then."""
    world.service.adjust_balance(AMY, credits=0)
    with pytest.raises(InsufficientCredits):
        world.crm.execute(user(AMY), CreateRecording(), key="key")
    world.service.adjust_balance(AMY, credits=1)
    assert world.crm.execute(user(AMY), CreateRecording(), key="key").replayed is False
    assert world.crm.execute(user(AMY), CreateRecording(), key="key").replayed is True
    assert world.balance_of("amy") == 0


def test_keys_belong_to_who_used_them(world: World) -> None:
    """Two people, or the service, may use the same key for different things."""
    principals = (user(AMY), user(BOB), SERVICE)
    for number, principal in enumerate(principals):
        delete = Delete(table="crm_recordings", where={"duration": number})
        assert world.crm.execute(principal, delete, key="key").replayed is False
    assert [row.user_id for row in world.service.select("idempotency_keys")].count(None) == 1


def test_an_answer_outlives_what_it_is_about(world: World) -> None:
    """The row may have gone since, and the person may not write any more."""
    command = CreateJobRequest()
    created = world.crm.execute(user(AMY), command, key="key").id
    world.by("amy").delete(table="crm_job_requests", where={"id": created})
    world.service.deactivate(AMYS)
    assert world.crm.execute(user(AMY), command, key="key").id == created
    with pytest.raises(RlsViolation):
        world.crm.execute(user(AMY), CreateRecording(), key="key")


def test_keys_are_in_the_journal(world: World) -> None:
    """Every event of the command says under which key it came; so keys survive a rebuild."""
    command = CreateRecording()
    start = len(world.crm.journal)
    world.crm.execute(user(AMY), command, key="key")
    assert [entry.idempotency_key for entry in world.crm.journal.entries(after=start)] == ["key"] * 3
    world.by("amy").create_recording()
    assert [entry.idempotency_key for entry in world.crm.journal.entries(after=start + 3)] == [None] * 2
    world.crm.rebuild()
    assert world.crm.execute(user(AMY), command, key="key").replayed is True


def test_any_text_may_be_a_key(world: World) -> None:
    """Also one with a slash in it, of 1 to 255 characters."""
    keys = ["a", "/", "ключ", "a" * 255, "\U0001f600" * 255]
    for key in keys:
        assert world.crm.execute(user(AMY), CreateJobRequest(), key=key).replayed is False
    assert {row.key for row in world.service.select("idempotency_keys")} == set(keys)
    for key in ("", "a" * 256):
        with pytest.raises(CheckViolation, match=f"idempotency_keys.key has {len(key)} characters, expected 1 to 255"):
            world.crm.execute(user(AMY), CreateJobRequest(), key=key)


@pytest.mark.parametrize(
    ("key", "mistake"), [(7, TypeError), (b"key", TypeError), ("\0", ValueError), ("\ud800", ValueError)]
)
def test_what_no_database_stores_is_no_key(key: Any, mistake: type[Exception], world: World) -> None:
    """A mistake of the program, told before anything is done."""
    with pytest.raises(mistake, match=r"^key: "):
        world.crm.execute(user(AMY), CreateJobRequest(), key=key)
    with pytest.raises(mistake, match=r"^key: "):
        world.by("amy").execute(CreateJobRequest(), key=key)
    assert len(world.by("amy").job_requests()) == 1


@pytest.mark.parametrize("key", [None, "key"])
@pytest.mark.parametrize("nonsense", ["delete everything", None, SERVICE, CreateJobRequest])
def test_what_is_no_command_is_a_type_error(nonsense: Any, key: str | None, world: World) -> None:
    """With a key or without one."""
    with pytest.raises(TypeError, match="is not one of crm_domain's commands"):
        world.crm.execute(user(AMY), nonsense, key=key)


def test_an_amount_that_is_none_can_be_asked_for_with_a_key(world: World) -> None:
    """What the command breaks is said, whatever its amount is."""
    for amount in ("NaN", "sNaN", "-Infinity"):
        with pytest.raises(CheckViolation):
            world.crm.execute(SERVICE, RecordPayment(user_id=RITA, amount=amount, ref="x"), key="key")
