"""Every number and time of every file, and of every option, is read, or refused in one line that says where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from crm_adapters.cli.app import cli
from crm_adapters.scenarios import DataError, loads, with_settings
from crm_adapters.scenarios.lines import lines_of
from crm_adapters.toml import BadToml, read_toml
from crm_domain.simulation import Scenario
from crm_domain.simulation.fitting.histories import day_of, moment_of

ROWS = "".join(f"u{n % 40},2026-01-{n % 28 + 1:02}T0{n % 10}:00:00Z,12.99\n" for n in range(150))

TOML = [
    "0x" + "f" * 5_000, "1" * 5_000, "-" + "1" * 5_000, "9" * 400, "1e308", "1e400", "1e9999999999999999999",
    "-1e-9999999999999999999", "9" * 300 + ".5", "0." + "1" * 5_000, "nan", "-inf", "inf", "1e-400", "true",
    '"x"', '"' + "x" * 3_000 + '"', "[]", "{}", "[" * 20_000, "1979-05-27", "07:32:00", "1979-05-27T07:32:00",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", '"a\\u0000b"',
]  # fmt: skip

PLACES = [
    "days", "crm_users", "start", "alike", "rules", "resyncs_per_day", "policy.price", "policy.initial_credits",
    "policy.refund_failed_recordings", "activity.recordings_per_day", "rhythm.hours", "crm_arrivals.dates",
    "crm_arrivals.balances", "crm_arrivals.per_day", "crm_arrivals.file", "payments.delay_days", "policy.colour",
]  # fmt: skip

TIMES = [
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "9999-12-31T23:59:59.999999", "0001-01-01",
    "1969-12-31", "infinity", "294276-01-01", "0044-03-15 BC", "2026-02-30", "9" * 5_000, "2026-01-05T24:00:00Z",
    "2026-01-05T09:30:00+99:99", "\N{FULLWIDTH DIGIT TWO}026-01-05", "",
]  # fmt: skip

AMOUNTS = [
    "1e308",
    "9" * 5_000,
    "1e9999999999999999999",
    "nan",
    "-1",
    "inf",
    "1_0",
    "1\N{FULLWIDTH DIGIT TWO}.99",
    "0x10",
    "",
    "1e13",
    "1e-400",
]

COUNTS = [
    "9" * 5_000,
    "9007199254740993",
    "9007199254740992",
    "999999999",
    "-1",
    "1_0",
    "٣",
    "1.5",
    "",
    "0000000000000000000005",
]

JSON = [
    "1" * 5_000, "-" + "1" * 4_301, "1" * 4_300, "1e308", "1e400", "9" * 19, "[" * 1_000 + "]" * 1_000,
    '"' + "x" * 5_000 + '"', '{"' + "k" * 3_000 + '": 1}', "true", "0." + "1" * 5_000, '"0001-01-01T00:00:00+23:59"',
    '"9999-12-31T23:59:60Z"', '"1e9999999999999999999"',
]  # fmt: skip

NUMBERS = ["1" * 5_000, "9" * 30, "-" + "9" * 30, "1e308", "nan", "inf", "0x10", "x" * 3_000, ""]


@frozen
class Done:
    """How a call ended."""

    exit_code: int
    text: str


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call the command line on files of these names and texts; it is right, or refuses in one line."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str, stdin: str | None = None, **files: str) -> Done:
        for name, text in files.items():
            Path(name).write_text(text, encoding="utf-8")
        return _ended(*arguments, stdin=stdin)

    return called


def _ended(*arguments: str, stdin: str | None = None) -> Done:
    done = CliRunner().invoke(cli, arguments, input=stdin, prog_name="crm-domain")
    assert done.exit_code in {0, 2}, done.output
    if done.exit_code:
        problem = done.stderr.splitlines()[-1]
        assert "Error: " in problem
        assert len(problem) <= 2_100
        assert "digit_string" not in problem
        assert "set_int_max_str_digits" not in problem
        assert done.stderr.count("Error: ") == 1
    return Done(done.exit_code, done.stderr)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", TOML, ids=lambda value: value[:24])
def test_of_a_scenario(value: str, place: str, call: Any) -> None:
    """The file, the line and the key are named; of a setting, its path."""
    section, _, key = place.rpartition(".")
    head = f"[{section}]\n" if section else ""
    of_file = call("simulate", "--print-scenario", "a", a=f"{head}{key} = {value}\n")
    assert of_file.exit_code == 0 or of_file.text.startswith("Error: a:") or place == "crm_arrivals.file"
    of_setting = call("simulate", "--print-scenario", "--set", f"{place}={value}")
    assert of_setting.exit_code == 0 or place.rpartition(".")[2] in of_setting.text


@pytest.mark.parametrize("value", TOML, ids=lambda value: value[:24])
@pytest.mark.parametrize(
    "text", ["roles.user = {}", "tables.profiles = {}", "operations.track_view.sql = {}", "operations.track_view = {}",
             "operations = {}", "refusals = {}", "[[refusals]]\ncode = 'conflict'\nmessage = {}"],
)  # fmt: skip
def test_of_a_file_of_operations(text: str, value: str, call: Any) -> None:
    """It is the file that is named, or the server that is not there."""
    done = call("check", "postgresql://127.0.0.1:1/db", "--config", "a", a=text.format(value))
    assert done.exit_code == 2
    assert done.text.startswith(("Error: a:", "Error: postgresql://127.0.0.1:1/db: "))
    assert done.text.count("\n") == 1
    assert "unknown error" not in done.text


@pytest.mark.parametrize("pattern", ["a{99999999999}", "(" * 5_000, "[", "(?P<n>"])
def test_of_a_pattern(pattern: str, call: Any) -> None:
    """Whatever keeps it from being one."""
    done = call(
        "check", "postgresql://h/db", "--config", "a", a=f"[[refusals]]\ncode = 'conflict'\nmessage = '{pattern}'"
    )
    assert "is no regular expression" in done.text


@pytest.mark.parametrize("value", TIMES, ids=lambda value: value[:24])
def test_of_a_time(value: str, call: Any) -> None:
    """Of payments, exports, dates of arrivals, options and logs; the line is named where it is one of a file."""
    for rest in (ROWS, ""):
        done = call("fit", "a", a=f'user,time,amount\namy,"{value}",12.99\n{rest}')
        assert done.exit_code == 0 or done.text.startswith("Error: a:")
        call("fit", "a", a=f"amy {value} 12.99\n{rest.replace(',', ' ')}")
        call("fit", "a", "--real-dates", a=f'email,user_created_at\na@x.test,"{value}"\n{rest[:0]}')
    done = call("fit", "a", "--until", value, a=f"user,time,amount\n{ROWS}")
    assert done.exit_code == 0 or "--until: " in done.text or "Error: a: " in done.text
    call(
        "simulate",
        "b",
        "--print-scenario",
        b="[crm_arrivals]\nfile = 'a'",
        a=f'email,created_at\nx,"{value}"\ny,2026-01-01\n',
    )
    call(
        "run",
        "-",
        stdin=f'{{"as": "service", "cmd": "sync_crm_user", "args": {{"email": "a@x.test"}}, "at": "{value}"}}',
    )


@pytest.mark.parametrize("value", AMOUNTS, ids=lambda value: value[:24])
def test_of_an_amount(value: str, call: Any) -> None:
    """The line of the file is named."""
    for text in (
        f'user,time,amount\namy,2026-01-01,"{value}"\n{ROWS}',
        f"amy 2026-01-01 {value}\n{ROWS.replace(',', ' ')}",
    ):
        done = call("fit", "a", a=text)
        assert (done.exit_code == 0) == (value == "1e-400")
        assert done.exit_code == 0 or done.text.startswith(
            ("Error: a:2: expected an amount", "Error: a:1: expected ", "Error: a:2: expected ")
        )


@pytest.mark.parametrize("value", COUNTS, ids=lambda value: value[:24])
@pytest.mark.parametrize("column", range(4))
def test_of_a_count(value: str, column: int, call: Any) -> None:
    """However often somebody records, the fit ends."""
    cells = ["3", "4", "5", "0"]
    cells[column] = value
    rows = "".join(f"b{n}@x.test,2026-01-0{n % 9 + 1},{n % 5},{n % 4},{n % 3},{n % 2}\n" for n in range(60))
    head = "email,user_created_at,total_applications,total_resumes,total_recordings,credits_remaining\n"
    done = call("fit", "a", "--until", "2026-03-01", a=f"{head}a@x.test,2026-01-01,{','.join(cells)}\n{rows}")
    assert done.exit_code == 0 or done.text.startswith("Error: a:")


@pytest.mark.parametrize("value", JSON, ids=lambda value: value[:24])
def test_of_a_log(value: str, call: Any) -> None:
    """A line is run, refused by a rule, or an error that names its number."""
    line = '{{"as": "service", "cmd": "{}", "args": {{"user": "amy", "email": "a@x.test", "{}": {}}}}}\n'
    for cmd, name in (("create_recording", "duration"), ("track_time", "seconds"), ("record_payment", "amount"),
                      ("upload_resume", "parsed_data"), ("create_job_request", "applied_date"), ("track_view", "colour")):  # fmt: skip
        done = call("run", "-", "--final", stdin="\n" + line.format(cmd, name, value))
        assert done.exit_code == 0 or done.text.startswith("Error: <stdin>:2: ")
    for name in ("as", "cmd", "at", "key", "concurrent", "colour"):
        done = call("run", "-", stdin=f'{{"as": "anon", "cmd": "track_view", "args": {{}}, "{name}": {value}}}')
        assert done.exit_code == 0 or done.text.startswith("Error: <stdin>:1: ")


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: value[:24])
@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "--print-scenario", "--days"), ("simulate", "--print-scenario", "--users"), ("simulate", "--seed"),
        ("simulate", "--replications"), ("simulate", "--workers"), ("explain", "--sample", "--line"),
        ("run", "--db", "x.db", "--batch"), ("verify", "--timeout"), ("users", "--limit"), ("history", "a@x.test", "--limit"),
        ("check", "x.db", "--seed"), ("check", "x.db", "--budget"), ("check", "x.db", "--walks"), ("rules", "--rules"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_of_an_option(arguments: tuple[str, ...], value: str, call: Any) -> None:
    """None is taken, and the option is named."""
    done = call(*arguments, value)
    assert done.exit_code == 2
    assert (
        arguments[-1] in done.text or "There is no such line" in done.text or "LOG" in done.text or "a log" in done.text
    )


def test_of_a_budget(call: Any) -> None:
    """A year is enough."""
    assert "is longer than 10000h" in call("check", "x.db", "--budget", "9" * 400 + "h").text


def test_of_a_comparison(call: Any) -> None:
    """Combinations multiply."""
    values = ",".join(map(str, range(1, 40)))
    done = call("simulate", "--compare", f"days={values}", "--compare", f"crm_users={values}")
    assert "these are more than 1,000 combinations" in done.text


def _of_file(place: str, value: str) -> Scenario:
    section, _, key = place.rpartition(".")
    return loads(f"[{section}]\n{key} = {value}\n" if section else f"{key} = {value}\n")


def _of_setting(place: str, value: str) -> Scenario:
    return with_settings(Scenario(), [f"{place}={value}"])


@given(st.text(alphabet="0123456789eE+-._:TZnaif\"'[]{}=x\n ", max_size=40))
@example("1e9999999999999999999")
@example("0x" + "f" * 5_000)
@example("[" * 5_000)
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    """As a value of each kind, of a scenario and of a setting."""
    for read in (_of_file, _of_setting):
        for place in ("days", "start", "policy.price", "rhythm.hours", "crm_arrivals.dates"):
            try:
                found: object = read(place, text)
            except DataError as error:
                found = error
            assert isinstance(found, Scenario | DataError)


# --- where it is ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("1" * 5_000, "a whole number has 5,000 digits, the most are 4,300"),
        ("[" * 20_000, "nests too deeply to be read"),
        ("1x", "is not TOML: Expected newline or end of document after a statement"),
    ],
)
def test_the_line_is_found(value: str, problem: str) -> None:
    """Also of what Python refuses without saying where."""
    for before in range(5):
        with pytest.raises(BadToml) as error:
            read_toml("".join(f"a{n} = {n}\n" for n in range(before)) + f"b = {value}\nc = 3\nd = 4")
        assert (error.value.number, error.value.problem) == (before + 1, problem)


def test_lines_of_a_long_array_are_not_tried_one_by_one() -> None:
    """Where each has a comment, too; what stands behind the array is found."""
    array = "dates = [\n" + "2026-01-01T00:00:00Z, # a day\n" * 20_000 + "]\n"
    text = f'{array}note = """\na\nb"""\ndays = 3\n'
    assert lines_of(text) == {("dates",): 1, ("note",): 20_003, ("days",): 20_006}


def test_the_last_moment_there_is() -> None:
    """A day is a float, which may be later than what there is of it."""
    last = moment_of(day_of(moment_of(1e7)))
    assert (last.year, last.month, last.day) == (9999, 12, 31)
