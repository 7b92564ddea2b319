"""What the writer writes, the reader reads, and a run of it comes to the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_adapters.command_log import Run, read_line, read_log
from crm_domain import (
    ANON,
    DEFAULT,
    HARDENED,
    SEED,
    SERVICE,
    CreateRecording,
    CreateRegularRecording,
    RecordPayment,
    Refused,
    Rules,
    SyncCrmUser,
    TrackView,
    Update,
    UploadResume,
    user,
)
from crm_domain.command_log import REQUESTS, Labels, LogLine, argument_types, id_named, log_text, plain_line, rfc3339
from crm_domain.commands import CreateRow
from crm_domain.rows import TABLES
from crm_domain.schema import ColumnType, Table
from crm_domain.testing import LABELS, command_sequences, run
from crm_domain.testing.histories import Lines

AMY = user(id_named("amy"))
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_VALUES: dict[ColumnType, st.SearchStrategy[Any]] = {
    ColumnType.TEXT: st.text(st.characters()) | st.just("half a pair: \ud800"),
    ColumnType.UUID: st.sampled_from([id_named("amy"), id_named("row-1")]) | st.uuids().map(str),
    ColumnType.INTEGER: st.integers(),
    ColumnType.BIGINT: st.integers(),
    ColumnType.BOOLEAN: st.booleans(),
    ColumnType.TIMESTAMPTZ: st.datetimes(timezones=st.just(UTC)),
    ColumnType.JSONB: _JSON,
    ColumnType.NUMERIC: st.decimals(allow_nan=False),
}
_TIMES = st.datetimes(
    min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1),  # noqa: DTZ001 - the strategy adds a zone
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)  # fmt: skip


@st.composite
def _columns(draw: st.DrawFn, table: Table[Any], at_least: int = 0) -> dict[str, Any]:
    columns = draw(st.lists(st.sampled_from(table.columns), min_size=at_least, max_size=3, unique_by=lambda c: c.name))
    return {column.name: draw(st.none() | _VALUES[column.type]) for column in columns}


@st.composite
def _arguments(draw: st.DrawFn, cmd: str) -> dict[str, Any]:
    """Draw arguments that say whose row it is, so that equal lines mean the same."""
    kind = REQUESTS[cmd]
    types = argument_types(kind)
    if not types:
        table = draw(st.sampled_from(list(TABLES.values())))
        given_: dict[str, Any] = {"table": table, "where": draw(_columns(table))}
        return given_ | ({"set": draw(_columns(table, at_least=1))} if cmd == "update" else {})
    owner = {"user_id", "email"} & types.keys() if issubclass(kind, CreateRow) else set()
    given_ = {name: draw(_VALUES[type_]) for name, type_ in types.items() if name in owner or draw(st.booleans())}
    return given_ | {name: None for name in given_ if name != "id" and draw(st.integers(0, 9)) == 0}


@st.composite
def _lines(draw: st.DrawFn) -> LogLine:
    cmd = draw(st.sampled_from(list(REQUESTS)))
    request = REQUESTS[cmd](**draw(_arguments(cmd)))
    beside: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={"at": _TIMES, "key": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))},
        )
    )
    return LogLine(draw(st.sampled_from([SERVICE, ANON, AMY])), request, **beside)


@settings(deadline=None)
@given(_lines(), st.sampled_from([None, Labels(["amy", "row-1"])]))
def test_reader_reads_what_the_writer_writes(line: LogLine, labels: Labels | None) -> None:
    """Whatever can be asked comes back equal, with labels and without."""
    (text,) = log_text([line], labels).splitlines()
    assert read_line(text.encode(), name="log", number=1).line == line


@settings(deadline=None)
@given(command_sequences(), st.sampled_from([HARDENED, SEED]))
def test_a_history_runs_as_a_log(lines: Lines, rules: Rules) -> None:
    """A sequence of requests and its log come to the same outcomes, line by line."""
    history = run(lines, rules)
    outcomes = Run(rules=rules, clock=lambda: NOON).outcomes(read_log(history.log.encode().splitlines(), "log"))
    answers = [step.outcome for step in history.steps]
    assert [o["result"] for o in outcomes] == [a.code if isinstance(a, Refused) else "ok" for a in answers]


def test_only_what_differs_is_written() -> None:
    """An argument that a reader would come to by itself is left out; an explicit NULL is not."""
    command = UploadResume(user_id=AMY.user_id, email="amy@x.test", resume_name="CV", is_active=True, is_primary=None)
    assert plain_line(LogLine(AMY, command), Labels(["amy"])) == {
        "as": "amy",
        "cmd": "upload_resume",
        "args": {"user": "amy", "email": "amy@x.test", "resume_name": "CV", "is_primary": None},
    }


EVERYTHING = """\
{"as": "amy", "cmd": "create_recording", "args": {"job_request": "job-1", "created_at": "2026-01-05T12:00:00Z"}, \
"at": "2026-01-05T12:00:00Z", "concurrent": "tabs"}
{"as": "service", "cmd": "record_payment", "args": {"user": "BOB", "amount": "12.90"}, "key": "k"}
{"as": "service", "cmd": "sync_crm_user", "args": {"email": "zo\\u00eb@x.test", "payment_details": {"plan": ["a", 1.5]}}}
{"as": "service", "cmd": "update", "args": {"table": "crm_users", "where": {}, "set": {"user": "amy", "payment_details": [1]}}}
"""


def test_everything_that_a_line_may_hold() -> None:
    """Labels, times, decimal text and JSON stand as the format says."""
    labels = Labels(["amy", "job-1"])
    recording = CreateRecording(user_id=None, email=None, job_request_id=id_named("job-1"), created_at=NOON)
    lines = [
        LogLine(AMY, recording, at=NOON, concurrent="tabs"),
        LogLine(SERVICE, RecordPayment(user_id=id_named("bob"), amount=Decimal("12.90")), key="k"),
        LogLine(SERVICE, SyncCrmUser(email="zoë@x.test", payment_details={"plan": ["a", 1.5]})),
        LogLine(SERVICE, Update(table="crm_users", set={"user_id": AMY.user_id, "payment_details": [1]})),
    ]
    assert log_text(lines, labels) == EVERYTHING.replace("BOB", id_named("bob"))


def test_owner_that_python_leaves_out_is_written() -> None:
    """In Python a missing owner is the principal, in the log it is NULL: so the log names them."""
    emails = {AMY.user_id: "amy@x.test"}
    written = [
        plain_line(LogLine(principal, command), Labels(["amy"]), emails=emails)["args"]  # type: ignore[arg-type]
        for principal, command in [
            (AMY, CreateRecording()),
            (AMY, CreateRegularRecording()),
            (SERVICE, CreateRecording()),
            (SERVICE, CreateRecording(user_id=AMY.user_id)),
            (AMY, CreateRecording(email=DEFAULT, user_id=id_named("bob"))),
        ]
    ]
    owner = {"user": "amy", "email": "amy@x.test"}
    assert written == [owner, {"user": "amy"}, {}, owner, {"user": id_named("bob")}]


def test_address_that_nobody_knows_cannot_be_written() -> None:
    """Whose address a missing one means depends on the state, so the writer asks for it."""
    with pytest.raises(ValueError, match="email: the command names none"):
        plain_line(LogLine(AMY, CreateRecording()))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-01-05T12:00:00Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-05T12:00:00Z"),
        (datetime(44, 3, 15, microsecond=7, tzinfo=UTC), "0044-03-15T00:00:00.000007Z"),
    ],
)
def test_times_are_written_in_utc(moment: datetime, text: str) -> None:
    """A time is RFC 3339 in UTC, with microseconds where there are any."""
    assert rfc3339(moment) == text


def test_log_of_generated_people_is_labelled() -> None:
    """A counterexample reads by names, not by UUIDs."""
    line = LogLine(user(id_named("bob")), TrackView(email="bob@x.test"))
    assert json.loads(log_text([line], LABELS))["as"] == "bob"
