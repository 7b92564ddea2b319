"""``crm-domain explain``: one line, not executed, with its reasons."""

from __future__ import annotations

from typing import Any

import pytest

OWN = {"user": "amy", "email": "amy@x.test"}


@pytest.fixture
def path(log: Any, amy_comes: bytes, write: Any) -> Any:
    return log(
        amy_comes,
        b"\n",
        write("amy", "create_recording", id="r1", **OWN),
        write("amy", "create_recording", id="r1", **OWN),
    )


def test_last_line(path: Any, call: Any) -> None:
    """The last line is explained in the state after all others, and shown as it was understood."""
    called = call("explain", path)
    assert called.exit_code == 0
    line, refused, *reasons = called.stdout.splitlines()
    assert line == (
        'line 4: {"as": "amy", "cmd": "create_recording", "args": {"id": "r1", "email": "amy@x.test", "user": "amy"}}'
    )
    assert refused == "refused: unique_violation (23505)"
    assert "  section: 3. crm_recordings (CRM User Video Recordings)" in reasons


def test_chosen_line(path: Any, call: Any) -> None:
    """Only the lines before a chosen one are executed."""
    _, accepted, pays = call("explain", path, "--line", 3).stdout.splitlines()
    assert accepted == "accepted: RecordingCreated, CreditConsumed"
    assert pays == "  pays: grant 1 (initial, 4 of 4 credits left)"


def test_lines_behind_the_chosen_one_are_not_read(call: Any, log: Any, amy_comes: bytes) -> None:
    """So a mistake behind it is no hindrance."""
    assert call("explain", log(amy_comes, b"{}"), "--line", 1).exit_code == 0


def test_json(path: Any, call: Any) -> None:
    """For programs there is one JSON object."""
    (explained,) = call("explain", path, "--line", 3, "--json").objects
    assert (explained["n"], explained["grant"]["remaining"], explained["turns_on"]) == (3, 4, [])


def test_line_that_is_not_in_the_log(path: Any, call: Any) -> None:
    """Something that comes next can be explained without writing it to the log."""
    then = '{"as": "amy", "cmd": "update", "args": {"table": "profiles", "set": {"credits_remaining": 9}}}'
    shown = call("explain", path, "--then", then).stdout
    assert shown.startswith("line 5: ")
    assert "turns on: profile_read_only" in shown
    assert "accepted: RowUpdated" in call("explain", path, "--then", then, "--rules", "seed").stdout


def test_line_without_a_log(call: Any, amy_comes: bytes) -> None:
    """Without a log the line comes first of all; standard input is left alone."""
    assert call("explain", "--then", amy_comes.decode()).stdout.startswith("line 1: ")


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--line", 2], "There is no such line, or it is blank."),
        (["--line", 9], "There is no such line, or it is blank."),
        (["--line", 0], "0 is not in the range x>=1."),
        (["--line", 1, "--then", "{}"], "Give either --line or --then."),
        (["--then", "{"], "Error: --then:5: not JSON: "),
    ],
)
def test_wrong_command_lines(args: list[object], problem: str, path: Any, call: Any) -> None:
    """A wrong command line is told what is wrong, and the exit code is 2."""
    called = call("explain", path, *args)
    assert called.exit_code == 2
    assert problem in called.stderr


def test_empty_log(call: Any, log: Any) -> None:
    """Where there is no line, there is nothing to explain."""
    called = call("explain", log())
    assert (called.exit_code, "The log has no lines." in called.stderr) == (2, True)
