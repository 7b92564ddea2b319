"""A command is checked when it is made: mistakes of the program then, what its values break kept as faults."""

from __future__ import annotations

import inspect
import math
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_domain import (
    DEFAULT,
    Command,
    CreateJobRequest,
    CreateRecording,
    CreateRegularJobRequest,
    CreateRegularRecording,
    Delete,
    RecordPayment,
    RegisterUser,
    SyncCrmUser,
    TrackTime,
    Update,
    UploadRegularResume,
    UploadResume,
)
from crm_domain.clocks import label_uuid
from crm_domain.commands import Creation
from crm_domain.rows import CRM_RECORDINGS
from crm_domain.schema import INT64_MAX, ColumnType

COMMANDS: dict[str, type[Any]] = {command.__name__: command for command in get_args(Command)}
CREATIONS: dict[str, type[Any]] = {command.__name__: command for command in get_args(Creation)}
NEEDED: dict[str, dict[str, Any]] = {
    "Update": {"table": "crm_recordings", "set": {"status": "failed"}},
    "Delete": {"table": "crm_recordings"},
}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def arguments_of(command: type[Any]) -> list[str]:
    return [a.name for a in attrs.fields(command) if a.init]


# --- shape ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", CREATIONS.values(), ids=CREATIONS)
def test_arguments_of_a_creation_are_the_columns_of_its_table(command: type[Any]) -> None:
    """In the document's order, and what is not given takes the column's default."""
    assert arguments_of(command) == list(command.table.by_name)
    made = command()
    for column in command.table.columns:
        wanted = DEFAULT if column.owner else column.default
        assert getattr(made, column.name) is wanted, column.name


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_arguments_are_named(command: type[Any]) -> None:
    """No argument goes by its place: rows have too many columns for that."""
    with pytest.raises(TypeError, match="positional"):
        command("x")
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        command(**NEEDED.get(command.__name__, {}), colour="red")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_is_small(command: type[Any]) -> None:
    """Whoever replays a log makes millions of them: neither a dict nor a place for weak references."""
    assert not {"__dict__", "__weakref__"} & set(dir(command))


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_is_described(command: type[Any]) -> None:
    """Its docstring says what it does; a session's method shows the same."""
    assert inspect.getdoc(command)


# --- types ----------------------------------------------------------------------------------

MISTAKES = [(name, argument) for name, command in COMMANDS.items() for argument in arguments_of(command)]


@pytest.mark.parametrize(("name", "argument"), MISTAKES, ids=[f"{name}({argument})" for name, argument in MISTAKES])
@pytest.mark.parametrize("value", [object(), b"bytes", {1}], ids=["object", "bytes", "set"])
def test_a_wrong_type_is_a_type_error_that_names_the_argument(name: str, argument: str, value: object) -> None:
    """At the place where the mistake was made, before anything is executed."""
    with pytest.raises(TypeError, match=rf"^{argument}: "):
        COMMANDS[name](**NEEDED.get(name, {}) | {argument: value})


@pytest.mark.parametrize("command", CREATIONS.values(), ids=CREATIONS)
def test_a_wrong_type_is_found_where_the_model_has_nothing_to_fill_in(command: type[Any]) -> None:
    """Ids, times and owners given or not: it is the same mistake."""
    given_: dict[str, Any] = dict.fromkeys(arguments_of(command))
    given_ |= {"id": label_uuid("it"), "user_id": label_uuid("amy"), "created_at": NOON, "updated_at": NOON}
    wrong = "email" if "email" in given_ else "updated_at"
    with pytest.raises(TypeError, match=rf"^{wrong}: "):
        command(**given_ | {wrong: 7})


@pytest.mark.parametrize(
    ("command", "argument", "value"),
    [
        (CreateRecording, "duration", True),
        (CreateRecording, "file_size", False),
        (CreateRegularRecording, "duration", True),
        (CreateRecording, "duration", 1.0),
        (CreateRecording, "duration", "1"),
        (CreateRecording, "duration", Decimal(1)),
        (UploadResume, "is_primary", 1),
        (UploadResume, "is_active", "true"),
        (UploadResume, "parsed_data", (1,)),
        (UploadResume, "parsed_data", {1: 2}),
        (UploadResume, "parsed_data", {"a": object()}),
        (SyncCrmUser, "payment_details", {"when": NOON}),
        (CreateRecording, "recording_date", "2026-01-01"),
        (CreateRecording, "recording_date", NOON.date()),
        (CreateRecording, "status", 1),
        (CreateJobRequest, "job_title", DEFAULT),
        (CreateRecording, "status", DEFAULT),
        (UploadResume, "parsed_data", DEFAULT),
        (RegisterUser, "email", DEFAULT),
        (RecordPayment, "user_id", DEFAULT),
        (RecordPayment, "amount", 12.99),
        (RecordPayment, "amount", True),
        (TrackTime, "seconds", True),
        (TrackTime, "seconds", 1.5),
    ],
)
def test_near_misses_are_wrong_types_too(command: type[Any], argument: str, value: object) -> None:
    """Booleans are not numbers, texts are not times, and DEFAULT stands only where its meaning is known."""
    with pytest.raises(TypeError, match=rf"^{argument}: "):
        command(**{argument: value})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CreateRecording(id="7"), "id: '7' is not a UUID"),
        (lambda: CreateRecording(user_id="amy"), "user_id: 'amy' is not a UUID"),
        (lambda: CreateRecording(job_request_id=""), "job_request_id: '' is not a UUID"),
        (lambda: RegisterUser(user_id="amy"), "user_id: 'amy' is not a UUID"),
        (lambda: SyncCrmUser(user_id="amy"), "user_id: 'amy' is not a UUID"),
        (lambda: RecordPayment(user_id="amy"), "user_id: 'amy' is not a UUID"),
        (lambda: RecordPayment(id="1"), "id: '1' is not a UUID"),
        (lambda: RecordPayment(amount="12,99"), "amount: '12,99' is not a decimal number"),
        (lambda: CreateRecording(recording_date=NOON.replace(tzinfo=None)), "recording_date: 2026-01-01T12:00:00 has"),
        (lambda: CreateJobRequest(created_at=NOON.replace(tzinfo=None)), "created_at: 2026-01-01T12:00:00 has"),
        (lambda: UploadResume(parsed_data=[math.nan]), "parsed_data: not plain JSON"),
        (lambda: SyncCrmUser(payment_details=math.inf), "payment_details: not plain JSON"),
        (lambda: Update(table="videos", set={"a": 1}), "table: there is no 'videos'"),
        (lambda: Update(table="crm_recordings", set={}), "set: name at least one column to change"),
        (lambda: Update(table="crm_recordings", set={"title": "x"}), "crm_recordings has no column 'title'"),
        (lambda: Update(table="crm_recordings", set={"job_request_id": "7"}), "job_request_id: '7' is not a UUID"),
        (lambda: Delete(table="crm_recordings", where={"title": "x"}), "crm_recordings has no column 'title'"),
        (lambda: Delete(table="crm_recordings", where={"id": "7"}), "id: '7' is not a UUID"),
    ],
)
def test_a_value_that_cannot_be_meant_is_a_value_error(make: Callable[[], object], message: str) -> None:
    """It has the right type and names no moment, no row, no column: the message says which."""
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"status": 1}, "status: expected str or None, got int"),
        ({"duration": True}, "duration: expected int or None, got bool"),
        ({"duration": DEFAULT}, "duration: expected int or None, got Default"),
    ],
)
@pytest.mark.parametrize("name", ["set", "where"])
def test_changes_and_conditions_have_the_types_of_their_columns(
    name: str, given: dict[str, object], message: str
) -> None:
    """What an `Update` sets or looks for is checked as a creation's arguments are."""
    with pytest.raises(TypeError, match=message):
        Update(**NEEDED["Update"] | {name: given})


# --- what comes of the arguments ------------------------------------------------------------


def test_ids_and_times_are_brought_to_their_one_form() -> None:
    """So that two commands that mean the same are equal."""
    east = timezone(timedelta(hours=3))
    one = CreateRecording(
        id=uuid.UUID(label_uuid("1")),
        user_id=label_uuid("amy").upper(),
        job_request_id="{" + label_uuid("job") + "}",
        recording_date=datetime(2026, 1, 1, 15, tzinfo=east),
    )
    other = CreateRecording(
        id=label_uuid("1"), user_id=label_uuid("amy"), job_request_id=label_uuid("job"), recording_date=NOON
    )
    assert one == other
    assert (one.id, one.user_id, one.recording_date) == (label_uuid("1"), label_uuid("amy"), NOON)


@pytest.mark.parametrize("amount", [Decimal("12.99"), "12.99", "1299e-2"], ids=["decimal", "text", "exponent"])
def test_an_amount_is_exact(amount: Decimal | str) -> None:
    """Decimal text is read as it is; floats, which are not what they print, are refused above."""
    assert RecordPayment(amount=amount).amount == Decimal("12.99")
    assert RecordPayment(amount=13).amount == Decimal(13)


NOT_GIVEN: dict[str, dict[str, Any]] = {
    "RegisterUser": {"user_id": DEFAULT, "email": None},
    "SyncCrmUser": {"user_id": DEFAULT, "email": None, "payment_details": None},
    "RecordPayment": {"user_id": None, "amount": None, "ref": None, "id": DEFAULT},
    "Update": {"where": {}},
    "Delete": {"where": {}},
    "TrackView": {"email": None},
    "TrackLogin": {"email": None},
    "TrackTime": {"email": None, "seconds": None},
}


@pytest.mark.parametrize("name", NOT_GIVEN)
def test_what_is_not_given_is_null_or_for_the_model_to_say(name: str) -> None:
    """What is missing is found when the command is decided; an update without condition is for all rows."""
    command = COMMANDS[name](**NEEDED.get(name, {}))
    assert {argument: getattr(command, argument) for argument in NOT_GIVEN[name]} == NOT_GIVEN[name]
    assert set(arguments_of(COMMANDS[name])) == {*NEEDED.get(name, {}), *NOT_GIVEN[name]}


def test_null_and_not_given_are_two_things() -> None:
    """None is an explicit NULL; an argument that is not given takes the column's default."""
    assert CreateRecording().status == "processing"
    assert CreateRecording(status=None).status is None
    assert CreateRecording().user_id is DEFAULT
    assert CreateRecording(user_id=None).user_id is None


def test_changes_and_conditions_are_the_commands_own() -> None:
    """What the caller does with the mapping afterwards does not reach the command."""
    changes = {"status": "failed"}
    command = Update(table="crm_recordings", set=changes, where=changes)
    changes["status"] = "completed"
    assert (command.set, command.where) == ({"status": "failed"}, {"status": "failed"})


@pytest.mark.parametrize("command", [UploadResume, UploadRegularResume], ids=lambda c: c.__name__)
@given(value=JSON)
def test_json_of_a_resume_is_kept_equal_and_apart(command: type[Any], value: Any) -> None:
    """The field is plain JSON that equals the caller's; making the command anew from it changes nothing."""
    made = command(parsed_data=value)
    assert made.parsed_data == value
    again = attrs.evolve(made, resume_name="again")
    assert again.parsed_data == value


@given(JSON)
def test_json_of_payment_details_is_kept_equal_and_apart(value: Any) -> None:
    """The same for the one JSON column of the main table."""
    made = SyncCrmUser(payment_details=value)
    assert made.payment_details == value
    assert attrs.evolve(made, email="amy@example.com").payment_details == value


def test_commands_share_no_json_with_the_caller() -> None:
    """What the caller does with the object afterwards does not reach the command."""
    skills: Any = ["sql"]
    resume, sync = UploadResume(parsed_data={"skills": skills}), SyncCrmUser(payment_details=skills)
    skills.append("python")
    assert resume.parsed_data == {"skills": ["sql"]}
    assert sync.payment_details == ["sql"]


# --- faults ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        (CreateRecording(), []),
        (CreateRecording(duration=0, file_size=INT64_MAX, status="failed", video_url="ä"), []),
        (CreateRecording(duration=-1), ["duration"]),
        (CreateRecording(file_size=2**63), ["file_size"]),
        (CreateRecording(file_size=-(2**63) - 1), ["file_size"]),
        (CreateRecording(status=None), ["status"]),
        (CreateRecording(status="banana"), ["status"]),
        (CreateRecording(video_url="\0"), ["video_url"]),
        (CreateRecording(video_url="\ud800"), ["video_url"]),
        (CreateRecording(video_url="ä\0"), ["video_url"]),
        (CreateRecording(id=None, user_id=None, email=None), ["id", "email", "user_id"]),
        (CreateRecording(duration=-1, status="banana", transcription="\0"), ["duration", "transcription", "status"]),
        (CreateJobRequest(id=label_uuid("1").upper(), job_title="\0"), ["job_title"]),
        (CreateRegularJobRequest(user_id=None), ["user_id"]),
        (UploadResume(), ["resume_url"]),
        (UploadResume(resume_url="x", is_primary=None, is_active=None), ["is_primary", "is_active"]),
        (UploadResume(resume_url="x", parsed_data=["\0"]), ["parsed_data"]),
        (UploadRegularResume(resume_url="x", parsed_data={"\ud800": 1}), ["parsed_data"]),
        (RecordPayment(user_id=label_uuid("amy"), amount=1, ref="x"), []),
        (RecordPayment(), ["user_id", "amount", "ref"]),
        (RecordPayment(user_id=label_uuid("amy"), amount="NaN", ref="\0"), ["amount", "ref"]),
    ],
)
def test_what_values_break_is_kept(command: Any, columns: list[str]) -> None:
    """Making the command does not raise: whether and when that refuses it is not the command's to say."""
    assert [fault.column.name for fault in command.faults] == columns


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_what_a_command_works_out_is_not_of_what_it_asks_for(command: type[Any]) -> None:
    """It cannot be given, does not make two commands different, and does not show."""
    fields = attrs.fields(command)
    asked = [a.name for a in fields if a.init]
    assert [a.name for a in fields if a.eq] == [a.name for a in fields if a.repr] == asked


def test_commands_are_equal_if_they_ask_for_the_same() -> None:
    """Faults and other things that a command works out do not count, nor show when it is printed."""
    assert CreateRecording(duration=1) == CreateRecording(duration=1)
    assert CreateRecording(duration=1) != CreateRecording(duration=2)
    assert SyncCrmUser(payment_details={"a": 1, "b": 2}) == SyncCrmUser(payment_details={"b": 2, "a": 1})
    assert "fault" not in repr(CreateRecording(duration=-1))


@given(
    st.builds(
        dict,
        video_url=st.none() | st.text(),
        status=st.none() | st.text(),
        duration=st.none() | st.integers(),
        id=st.uuids() | st.uuids().map(str) | st.uuids().map(lambda u: str(u).upper()),
        recording_date=st.none() | st.datetimes(timezones=st.timezones()),
    )
)
def test_the_quick_way_finds_what_the_plain_way_finds(arguments: dict[str, Any]) -> None:
    """However a command was checked, its faults are those of its columns, one by one."""
    command = CreateRecording(**arguments)
    plain = [
        fault
        for column in CRM_RECORDINGS.columns
        if (value := getattr(command, column.name)) is not DEFAULT and column.type is not ColumnType.JSONB
        for fault in column.faults(value)
    ]
    assert list(command.faults) == plain
