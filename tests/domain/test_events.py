"""An event says what happened in a form that can be taken apart, written down and put together again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import pytest

from crm_domain import CreditPolicy, Crm, Event, EventRecord, Rules, UploadResume, event_of, record_of
from crm_domain.clocks import label_uuid
from crm_domain.events import (
    ACCOUNT_AT,
    EVENT_TYPES,
    PAYLOAD_OF,
    SCHEMA_VERSIONS,
    CreditVoided,
    PaymentRecorded,
    ProfileCreated,
    RowStored,
    RowUpdated,
    data_of,
    from_data,
    from_payload,
)
from crm_domain.ids import UserId
from crm_domain.schema import Atom

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AMY = UserId(label_uuid("amy"))


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world in which every type of event has happened."""
    world = make_world(Rules(credit_policy=CreditPolicy(refund_failed_recordings=True)))
    amy, service = world.by("amy"), world.service
    service.sync_crm_user(email="amy@example.com")
    service.track_view(email="amy@example.com")
    service.track_login(email="amy@example.com")
    service.track_time(email="amy@example.com", seconds=7)
    recording = label_uuid("crm_recordings of amy")
    service.update(table="crm_recordings", where={"id": recording}, set={"status": "completed"})
    service.update(table="crm_recordings", where={"id": recording}, set={"status": "failed"})
    amy.delete(table="crm_recordings")
    amy.execute(UploadResume(resume_url="x", parsed_data={"skills": ["sql"]}), key="key")
    return world


def events_of(crm: Crm) -> list[Event]:
    return [entry.event for entry in crm.journal.entries()]


def test_every_type_of_event_happens(world: World) -> None:
    """The tests below look at all of them."""
    assert {type(event).__name__ for event in events_of(world.crm)} == set(EVENT_TYPES)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_an_event_is_small(kind: type[Any]) -> None:
    """A journal holds millions of them: neither a dict nor a place for weak references."""
    assert not {"__dict__", "__weakref__"} & set(dir(kind))


def test_an_event_has_a_value_for_every_column() -> None:
    """Else it cannot be told, and nothing of it is."""
    with pytest.raises(ValueError, match="argument"):
        data_of(PaymentRecorded(("id", AMY)))


def test_every_event_has_a_stable_name_and_a_version() -> None:
    """Its class's name, and a number that only grows."""
    assert list(EVENT_TYPES.values()) == list(get_args(Event))
    assert SCHEMA_VERSIONS.keys() == EVENT_TYPES.keys() == {kind.__name__ for kind in PAYLOAD_OF}
    assert all(version >= 1 for version in SCHEMA_VERSIONS.values())


@pytest.mark.parametrize(
    "there_and_back",
    [
        lambda event: from_payload(type(event), PAYLOAD_OF[type(event)](event)),
        lambda event: from_data(type(event).__name__, data_of(event)),
        lambda event: event_of(record_of(event)),
    ],
    ids=["payload", "data", "record"],
)
def test_an_event_comes_back_equal(there_and_back: Callable[[Event], Event], world: World) -> None:
    """From its payload, which the journal keeps, and from its data, which stores and logs write."""
    for event in events_of(world.crm):
        assert there_and_back(event) == event


def test_data_is_flat(world: World) -> None:
    """Names and atoms only, so that any store and any person can read it."""
    for event in events_of(world.crm):
        data = data_of(event)
        assert all(isinstance(name, str) for name in data)
        assert all(isinstance(value, Atom) for value in data.values())


def test_a_payload_says_whom_it_concerns(world: World) -> None:
    """Where in it the person's id stands, whichever type it is."""
    for event in events_of(world.crm):
        account = PAYLOAD_OF[type(event)](event)[ACCOUNT_AT[type(event)]]
        data = data_of(event)
        assert account == data["id" if type(event).__name__ == "UserRegistered" else "user_id"]


def test_a_stored_row_is_seen_as_an_object_of_ones_own(world: World) -> None:
    """Of the table's class, JSON as plain JSON, and never the journal's own."""
    (upload,) = (e for e in events_of(world.crm) if isinstance(e, RowStored) and '{"skills":["sql"]}' in e.values)
    upload.row.parsed_data["skills"].clear()
    assert upload.row.parsed_data == {"skills": ["sql"]}
    assert upload.row.resume_url == "x"


def test_changes_are_told_from_what_they_are_made_to() -> None:
    """The columns that were set stand in the data under names of their own."""
    event = RowUpdated(AMY, "crm_users", "amy@example.com", (("user_id", "x"), ("is_active", False)), by_owner=False)
    assert data_of(event) == {
        "user_id": AMY,
        "table_name": "crm_users",
        "key": "amy@example.com",
        "by_owner": False,
        "set.user_id": "x",
        "set.is_active": False,
    }


@pytest.mark.parametrize(
    ("type_name", "data", "reason"),
    [
        ("CreditLost", {}, "there is no type 'CreditLost'; it may come from a newer version"),
        ("CreditVoided", {"user_id": AMY, "grant_id": None}, "CreditVoided has other fields: .*credits"),
        ("CreditVoided", {"user_id": AMY, "grant_id": None, "credits": 1, "why": ""}, "CreditVoided has other fields"),
        ("UserRegistered", {"id": AMY, "email": "amy@example.com"}, "UserRegistered has other fields: .*created_at"),
        ("UserRegistered", {"id": AMY, "email": "x", "made": None}, "UserRegistered has other fields: .*made"),
        ("RowUpdated", {"user_id": AMY, "set.status": "failed"}, "RowUpdated has other fields"),
    ],
)
def test_data_of_something_else_is_a_value_error(type_name: str, data: dict[str, Any], reason: str) -> None:
    """A type that is unknown, or fields that are not its, name the type and the field."""
    with pytest.raises(ValueError, match=rf"^event: {reason}"):
        from_data(type_name, data)


def test_a_record_is_what_is_written() -> None:
    """Type name, schema version, flat data."""
    assert record_of(CreditVoided(AMY, None, 3)) == EventRecord(
        type_name="CreditVoided", schema_version=1, data={"user_id": AMY, "grant_id": None, "credits": 3}
    )


def test_an_event_is_made_from_columns_by_name() -> None:
    """What is left out takes the column's default; a key, or a time of the model's, has none."""
    made = PaymentRecorded.of(id="id", user_id=AMY, ref="pay-1", amount=Decimal("12.99"), credits=3, created_at=NOON)
    assert made == PaymentRecorded(("id", AMY, "pay-1", Decimal("12.99"), 3, NOON))
    profile = ProfileCreated.of(user_id=AMY, created_at=NOON, updated_at=NOON)
    assert profile.row.credits_remaining == 0
    with pytest.raises(KeyError, match="created_at"):
        ProfileCreated.of(user_id=AMY, updated_at=NOON)
    with pytest.raises(TypeError, match=r"^profiles has no column balance$"):
        ProfileCreated.of(user_id=AMY, created_at=NOON, updated_at=NOON, balance=4)
