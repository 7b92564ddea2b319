"""A line that is not a command is an error that names the log, the line and what is wrong."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest

from crm_adapters.command_log import LogError, Run, read_log

Case: TypeAlias = tuple[str, bytes | str, str]


def _line(args: str, cmd: str = "create_recording", beside: str = "") -> str:
    return f'{{"as": "amy", "cmd": "{cmd}", "args": {args}{beside}}}'


NOT_JSON: list[Case] = [
    ("broken JSON", '{"as": "amy", ', "not JSON: Expecting "),
    ("rest behind it", "{} {}", "not JSON: Extra data at column 4"),
    ("not an object", "[]", "expected an object, got []"),
    ("not UTF-8", b'{"as": "am\xff"}', "not UTF-8: byte 0xff at position 11"),
    ("UTF-16", '{"as": "amy"}'.encode("utf-16-le"), "not JSON: "),
    ("byte order mark", b"\xef\xbb\xbf{}", "starts with a byte order mark"),
    ("NaN", '{"at": NaN}', "not JSON: NaN is no JSON value"),
    ("infinity", _line('{"parsed_data": -Infinity}', "upload_resume"), "not JSON: -Infinity is no JSON value"),
    ("too large a float", _line('{"parsed_data": [1e400]}', "upload_resume"), "the number 1e400 is too large"),
    ("too many digits", '{"at": ' + "1" * 5000 + "}", "a whole number has 5,000 digits, the most are 4,300"),
    ("too deep", "[" * 100_000, "nests too deeply to be read"),
    ("too deep and never closed", '{"args": {"parsed_data": ' + "[" * 600, "nests too deeply to be read"),
    ("duplicate key", '{"as": "amy", "cmd": "select", "as": "bob"}', 'the key "as" is there twice'),
    ("duplicate key inside", _line('{"table": "profiles", "where": {"id": 1, "id": 2}}', "select"), 'the key "id" is there twice'),
]  # fmt: skip

NOT_A_LINE: list[Case] = [
    ("empty", "{}", "as: is missing; cmd: is missing"),
    ("no principal", '{"cmd": "track_view"}', "as: is missing"),
    ("no command", '{"as": "amy"}', "cmd: is missing"),
    ("unknown key", _line("{}", beside=', "user": "amy"'), "there is no 'user'; there are as, cmd, args, at, key, concurrent"),
    ("unknown command", _line("{}", "make_film"), "cmd: there is no command 'make_film'; there are register_user, "),
    ("near command", _line("{}", "create_video"), "cmd: there is no command 'create_video'; did you mean create_recording"),
    ("command is no text", '{"as": "amy", "cmd": 5}', "cmd: expected the name of a command, got 5"),
    ("principal is no text", '{"as": null, "cmd": "track_view"}', 'as: expected "service", "anon", a UUID or a label, got null'),
    ("principal is half a pair", '{"as": "\\ud800", "cmd": "track_view"}', "as: '\\ud800' holds half of a surrogate pair"),
    ("arguments are no object", _line("[]"), "args: expected an object, got []"),
    ("arguments are NULL", _line("null"), "args: expected an object, got null"),
    ("key is no text", _line("{}", beside=', "key": 7'), "key: expected text that a database can store, got 7"),
    ("key is half a pair", _line("{}", beside=', "key": "\\udfff"'), "key: expected text that a database can store"),
    ("time is no text", _line("{}", beside=', "at": 1767225600'), "at: expected a time with its zone"),
    ("overlapping read", _line('{"table": "profiles"}', "select", ', "concurrent": "a"'), "concurrent: only commands overlap"),
    ("overlapping retry", _line("{}", beside=', "concurrent": "a", "key": "k"'), "concurrent: only commands overlap"),
]  # fmt: skip

NOT_ARGUMENTS: list[Case] = [
    ("unknown argument", _line('{"vidoe_url": "x"}'), "args: there is no 'vidoe_url'; did you mean video_url?"),
    ("name of the column", _line('{"user_id": "amy"}'), "args: there is no 'user_id'; did you mean user"),
    ("number for text", _line('{"video_url": 5}'), "args.video_url: expected text or null, got 5"),
    ("text for a number", _line('{"duration": "5"}'), 'args.duration: expected a whole number or null, got "5"'),
    ("float for a number", _line('{"duration": 5.0}'), "args.duration: expected a whole number or null, got 5.0"),
    ("truth for a number", _line('{"seconds": true}', "track_time"), "args.seconds: expected a whole number or null, got true"),
    ("number for truth", _line('{"is_primary": 1}', "upload_resume"), "args.is_primary: expected true, false or null, got 1"),
    ("number for an id", _line('{"id": 5}'), "args.id: expected a UUID, a label or null, got 5"),
    ("half a pair for an id", _line('{"job_request": "\\udfff"}'), "args.job_request: '\\udfff' holds half of a surrogate pair"),
    ("float amount", _line('{"amount": 12.99}', "record_payment"), 'args.amount: expected decimal text, like "12.99", or null, got 12.99'),
    ("whole amount", _line('{"amount": 13}', "record_payment"), "args.amount: expected decimal text"),
    ("amount with a unit", _line('{"amount": "$12.99"}', "record_payment"), "args.amount: expected decimal text"),
    ("amount with a comma", _line('{"amount": "12,99"}', "record_payment"), "args.amount: expected decimal text"),
    ("amount with a blank", _line('{"amount": " 12.99"}', "record_payment"), "args.amount: expected decimal text"),
    ("uncountable exponent", _line('{"amount": "1e9999999999999999999"}', "record_payment"), "args.amount: expected decimal text"),
    ("naive time", _line('{"created_at": "2026-01-31T09:30:00"}'), "args.created_at: expected a time with its zone as in RFC 3339"),
    ("other ISO 8601", _line('{"created_at": "20260131T093000Z"}'), "args.created_at: expected a time with its zone"),
    ("day that is not", _line('{"created_at": "2026-02-30T09:30:00Z"}'), "args.created_at: there is no time 2026-02-30T09:30:00Z"),
    ("before all time", _line('{"created_at": "0001-01-01T00:00:00+14:00"}'), "args.created_at: there is no time 0001-01-01"),
    ("two mistakes", _line('{"duration": "5", "status": 1}'), 'got "5"; args.status: expected text or null, got 1'),
    ("long value", _line('{"duration": "' + "5" * 99 + '"}'), 'got "' + "5" * 58 + "…"),
]  # fmt: skip

NOT_ON_A_TABLE: list[Case] = [
    ("no table", _line('{"where": {}}', "select"), "args.table: is missing"),
    ("unknown table", _line('{"table": "users"}', "select"), "args.table: there is no 'users'; did you mean crm_users"),
    ("table is no text", _line('{"table": ["profiles"]}', "delete"), 'args.table: expected the name of a table, got ["profiles"]'),
    ("unknown argument", _line('{"table": "profiles", "limit": 3}', "select"), "args: there is no 'limit'; there are table, where"),
    ("condition is no object", _line('{"table": "profiles", "where": []}', "select"), "args.where: expected an object, got []"),
    ("unknown column", _line('{"table": "profiles", "where": {"email": "a@x.test"}}', "select"), "args.where: there is no 'email'; there are user, credits_remaining"),
    ("wrong type", _line('{"table": "profiles", "set": {"credits_remaining": "4"}}', "update"), 'args.set.credits_remaining: expected a whole number or null, got "4"'),
    ("nothing to set", _line('{"table": "profiles"}', "update"), "args.set: is missing"),
    ("set without columns", _line('{"table": "profiles", "set": {}}', "update"), "args: set: name at least one column to change"),
]  # fmt: skip


def _params(*groups: list[Case]) -> list[Any]:
    return [pytest.param(line, problem, id=name) for group in groups for name, line, problem in group]


MALFORMED = _params(NOT_JSON, NOT_A_LINE, NOT_ARGUMENTS, NOT_ON_A_TABLE)


@pytest.mark.parametrize(("line", "problem"), MALFORMED)
def test_malformed_line(line: bytes | str, problem: str, amy_comes: bytes) -> None:
    """The error names log and line and says what is wrong; lines before it stand, and nothing of it is applied."""
    text = line if isinstance(line, bytes) else line.encode()
    run = Run()
    outcomes = run.outcomes(read_log([b"\n", amy_comes, text + b"\n", amy_comes], "two.jsonl"))
    assert next(outcomes) == {"n": 2, "result": "ok", "user": "amy"}
    events = len(run.crm.journal)
    with pytest.raises(LogError) as error:
        next(outcomes)
    assert (error.value.name, error.value.number) == ("two.jsonl", 3)
    assert str(error.value).startswith("two.jsonl:3: ")
    assert problem in error.value.problem
    assert len(run.crm.journal) == events > 0


def test_lines_that_overlap_have_one_time(write: Any) -> None:
    """Lines of one group overlap, so a second time in it is a mistake."""
    lines = [
        write("service", "track_view", email="a@x.test", concurrent="a", at=f"2026-01-01T00:00:0{n}Z")
        for n in (0, 0, 1)
    ]
    with pytest.raises(LogError, match=r'log:3: at: the lines of group "a" overlap, so they have one time'):
        list(read_log(lines, "log"))


@pytest.mark.parametrize(
    ("args", "cmd"),
    [
        ('{"user": "amy", "amount": "NaN", "ref": "p"}', "record_payment"),
        ('{"user": "amy", "amount": "-Infinity", "ref": "p"}', "record_payment"),
        ('{"user": "amy", "amount": "12.995", "ref": "p"}', "record_payment"),
        ('{"user": "amy", "amount": "1e9999999", "ref": "p"}', "record_payment"),
        ('{"email": "a@x.test", "seconds": -1}', "track_time"),
        ('{"user": "amy", "email": "amy@x.test", "duration": -1}', "create_recording"),
        ('{"user": "amy", "email": "amy@x.test", "file_size": 9223372036854775808}', "create_recording"),
        ('{"user": "amy", "email": "amy@x.test", "status": "banana"}', "create_recording"),
        ('{"user": "amy", "email": "amy@x.test", "video_url": "a\\u0000b"}', "create_recording"),
        ('{"user": "amy", "email": "amy@x.test", "transcription": "\\ud800"}', "create_recording"),
    ],
)
def test_bad_values_are_refusals(args: str, cmd: str, amy_comes: bytes) -> None:
    """A value of the right JSON type that breaks a rule is no mistake of the log: the domain refuses it."""
    line = f'{{"as": "service", "cmd": "{cmd}", "args": {args}}}'.encode()
    _, outcome = Run().outcomes(read_log([amy_comes, line], "log"))
    assert (outcome["result"], outcome["sqlstate"]) == ("check_violation", "23514")


@pytest.mark.parametrize(
    "time",
    ["2026-01-31T09:30:00Z", "2026-01-31t09:30:00z", "2026-01-31T10:30:00+01:00", "2026-01-31T09:30:00.000-00:00"],
)
def test_times_that_rfc3339_allows(time: str, write: Any) -> None:
    """Any offset and any number of decimals of a second name a time, in either case."""
    (entry,) = read_log([write("service", "track_view", at=time)], "log")
    assert entry.line.at is not None
    assert entry.line.at.isoformat() == "2026-01-31T09:30:00+00:00"


def test_blank_lines_are_skipped_and_counted(amy_comes: bytes) -> None:
    """A line's number is the one that an editor shows."""
    assert [entry.number for entry in read_log([b"\n", amy_comes, b" \t\r\n", b"", amy_comes], "log")] == [2, 5]
