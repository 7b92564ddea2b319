"""``crm-domain run``: outcomes for programs, a summary for people, errors with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

OWN = {"user": "amy", "email": "amy@x.test"}


@pytest.fixture
def lines(amy_comes: bytes, write: Any) -> list[bytes]:
    return [
        amy_comes,
        write("amy", "create_recording", id="r1", **OWN),
        write("anon", "get_dashboard", email="amy@x.test"),
        write("service", "register_user", user="rita", email="rita@x.test"),
    ]


def test_outcomes_are_json_lines(call: Any, log: Any, lines: list[bytes]) -> None:
    """By default every line of the log gives one JSON object, and nothing else is printed."""
    called = call("run", log(*lines))
    assert (called.exit_code, called.stderr) == (0, "")
    assert [(o["n"], o["result"]) for o in called.objects] == [
        (1, "ok"),
        (2, "ok"),
        (3, "permission_denied"),
        (4, "ok"),
    ]


@pytest.mark.parametrize("args", [[], ["-"]])
def test_standard_input(args: list[str], call: Any, lines: list[bytes]) -> None:
    """A log may be piped in, with a dash or without."""
    assert len(call("run", *args, stdin=b"".join(lines)).objects) == 4


def test_final_comes_after_the_outcomes(call: Any, log: Any, lines: list[bytes]) -> None:
    """With --final there is one more object."""
    *outcomes, final = call("run", log(*lines), "--final").objects
    assert len(outcomes) == 4
    assert list(final) == ["final"]
    assert final["final"]["users"]["amy"]["profile_credits"] == 3


def test_quiet_leaves_out_the_outcomes(call: Any, log: Any, lines: list[bytes]) -> None:
    """With --quiet only what was asked for besides is printed."""
    path = log(*lines)
    assert call("run", path, "--quiet").stdout == ""
    assert [list(o) for o in call("run", path, "-q", "--final").objects] == [["final"]]


def test_text_beyond_ascii_stands_in_utf8(call: Any, write: Any) -> None:
    """Outcomes are UTF-8."""
    assert '"user": "zoë"' in call("run", stdin=write("service", "sync_crm_user", user="zoë", email="z@x.test")).stdout


SUMMARY = """\
Users
user  kind     credits  active  jobs  recordings  resumes  views  hours
----  -------  -------  ------  ----  ----------  -------  -----  -----
amy   CRM            3  yes        0           1        0      0    0.0
rita  regular        0  -          0           0        0      -      -

Refusals
   kind               SQLSTATE  when
-  -----------------  --------  -------------------------------------------
1  permission_denied  42501     the role may not do this at all, on any row

Totals, as in: hardened
lines              4  3 accepted, 1 refused
events             9
credits granted    4  initial 4
credits consumed   1
credits voided     0
credits remaining  3

Laws
all 10 that a single state can show hold
"""


def test_summary_is_for_people(call: Any, log: Any, lines: list[bytes]) -> None:
    """With --summary there are tables instead of outcomes, and they fit a terminal."""
    called = call("run", log(*lines), "--summary")
    assert (called.exit_code, called.stdout) == (0, SUMMARY)
    assert max(map(len, called.stdout.splitlines())) <= 80


def test_summary_of_nothing(call: Any, log: Any) -> None:
    """A log without lines has a summary too."""
    called = call("run", log(b"\n"), "--summary")
    assert called.exit_code == 0
    assert "Refusals\nnone" in called.stdout


def test_summary_of_deactivated_and_deleted(call: Any, amy_comes: bytes, write: Any) -> None:
    """A deactivated user is not active, and what was deleted is a dash."""
    lines = [
        amy_comes,
        write("service", "register_user", user="rita", email="rita@x.test"),
        write("service", "update", table="crm_users", set={"is_active": False}),
        write("service", "delete", table="crm_dashboard_stats"),
        write("service", "delete", table="profiles", where={"user": "rita"}),
    ]
    _, _, _, amy, rita, *_ = call("run", "--summary", stdin=b"".join(lines)).stdout.splitlines()
    assert amy.split() == ["amy", "CRM", "4", "no", "-", "-", "-", "-", "-"]
    assert rita.split() == ["rita", "regular", "-", "-", "0", "0", "0", "-", "-"]


def test_labels_are_no_numbers(call: Any, write: Any) -> None:
    """A label that looks like a number is shown as it is, and stands on the left like all others."""
    people = [write("service", "register_user", user=name, email=f"{name}@x.test") for name in ("007", "1e5")]
    _, _, _, *rows = call("run", "--summary", stdin=b"".join(people)).stdout.splitlines()
    assert [row[:6] for row in rows[:2]] == ["007   ", "1e5   "]


def test_summary_of_many_users_shows_some(call: Any, write: Any) -> None:
    """A person reads fifty users; how many more there are is said."""
    people = [write("service", "register_user", user=f"u{n}", email=f"u{n}@x.test") for n in range(53)]
    shown = call("run", "--summary", stdin=b"".join(people)).stdout
    assert "u49" in shown
    assert "u50" not in shown
    assert "\n… and 3 more\n" in shown


def test_summary_tells_broken_laws(call: Any, log: Any, amy_comes: bytes, write: Any) -> None:
    """Under a reading with holes the summary says which laws were broken, by people's labels."""
    cheat = write("amy", "update", table="profiles", set={"credits_remaining": 100})
    shown = call("run", log(amy_comes, cheat), "--summary", "--rules", "seed").stdout
    _, _, broken = shown.partition("Laws that are broken\n")
    assert "1  balance_equals_granted_minus_consumed  profiles amy: the balance" in broken


@pytest.mark.parametrize(
    ("rules", "result"),
    [
        ([], "permission_denied"),
        (["--rules", "seed"], "ok"),
        (["--rules", "hardened,-profile_read_only"], "ok"),
        (["--rules", "-profile_read_only"], "ok"),
        (["--rules", "seed", "--rules", "+profile_read_only"], "permission_denied"),
    ],
)
def test_rules(rules: list[str], result: str, call: Any, log: Any, amy_comes: bytes, write: Any) -> None:
    """The reading is chosen by steps, taken from left to right."""
    path = log(amy_comes, write("amy", "update", table="profiles", set={"credits_remaining": 100}))
    assert call("run", path, *rules).objects[1]["result"] == result


def test_malformed_line_ends_the_run(call: Any, log: Any, lines: list[bytes]) -> None:
    """The error names file, line and reason; the lines before it stand, and the exit code is 2."""
    path = log(lines[0], b"\n", b'{"as": "amy", "cmd": "track_vew"}\n', lines[1])
    called = call("run", path, "--final")
    assert called.exit_code == 2
    assert called.stderr.startswith(f"Error: {path}:3: cmd: there is no command 'track_vew'; did you mean track_view")
    outcome, final = called.objects
    assert outcome == {"n": 1, "result": "ok", "user": "amy"}
    assert final["final"]["users"]["amy"]["profile_credits"] == 4


def test_malformed_line_of_standard_input(call: Any) -> None:
    """What is piped in has a name in errors too."""
    called = call("run", "-", stdin=b"{}\n")
    assert (called.exit_code, called.stderr) == (2, "Error: <stdin>:1: as: is missing; cmd: is missing\n")


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["nowhere.jsonl"], "'nowhere.jsonl': No such file or directory"),
        ([Path(__file__).parent], "Is a directory"),
        ([__file__, "--sample"], "Give either LOG or --sample."),
        (["--sample", "--rules", "hardend"], "'hardend' is not 'seed', 'hardened', '+safeguard' or '-safeguard'"),
        (["--sample", "--rules", "+magic"], "there is no safeguard 'magic'; there are atomic_consume, "),
    ],
)
def test_wrong_command_lines(args: list[object], problem: str, call: Any) -> None:
    """A wrong command line is told what is wrong, and the exit code is 2."""
    called = call("run", *args)
    assert called.exit_code == 2
    assert problem in called.stderr


def test_nobody_waits_for_a_keyboard(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a log and with nothing piped in, the command says what it needs instead of waiting."""
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("crm_adapters.cli.options.sys", SimpleNamespace(stdin=terminal))
    called = call("run")
    assert (called.exit_code, "Name a log, or pipe one in, or take --sample." in called.stderr) == (2, True)


def test_json_survives_half_a_surrogate_pair(call: Any, write: Any) -> None:
    """What UTF-8 cannot say leaves as the escape that JSON has for it."""
    line = write("service", "register_user", user="amy", email="\ud800 no address")
    assert json.loads(call("run", stdin=line).stdout)["result"] == "check_violation"
