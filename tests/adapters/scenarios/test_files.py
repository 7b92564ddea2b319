"""Scenarios in TOML files: what is written is read again, and a mistake is told with its line."""

from __future__ import annotations

import sqlite3
import tomllib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_adapters.scenarios import DataError, ScenarioError, dumps, load, loads, save
from crm_adapters.scenarios.lines import lines_of
from crm_adapters.sqlite import SqliteStore
from crm_domain import HARDENED, SAFEGUARDS, CreditPolicy, Crm, ManualClock
from crm_domain.simulation import Activity, Arrivals, Churn, Payments, Recordings, Rhythm, Scenario

RATES = st.floats(0, 1000)
SHARES = st.floats(0, 1)
MOMENTS = st.integers(86_400, 221_845_392_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def weights(count: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(0.001, 1000), min_size=count, max_size=count)


POLICIES = st.builds(
    CreditPolicy,
    initial_credits=st.integers(0, 1_000_000),
    credits_per_payment=st.integers(1, 1_000_000),
    price=st.integers(1, 100_000_000).map(lambda cents: Decimal(cents) / 100),
    refund_failed_recordings=st.booleans(),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Any scenario that a file can hold."""
    people: dict[str, Any] = {}
    for kind in ("crm", "regular"):
        dates = draw(st.none() | st.lists(MOMENTS, max_size=15))
        per_day = draw(st.floats(0, 1e9)) if dates is None else 0.0
        balances = None
        if dates is not None:
            credits_ = st.none() | st.integers(0, 1_000_000)
            balances = draw(st.none() | st.lists(credits_, min_size=len(dates), max_size=len(dates)))
        people[f"{kind}_arrivals"] = Arrivals(per_day=per_day, dates=dates, balances=balances)
        people[f"{kind}_users"] = draw(st.integers(0, 1_000_000_000)) if dates is None else len(dates)
    off = draw(st.sets(st.sampled_from(sorted(SAFEGUARDS))))
    return Scenario(
        **people,
        days=draw(st.integers(1, 3660)),
        start=draw(MOMENTS),
        activity=draw(
            st.builds(Activity, **dict.fromkeys(attrs.fields_dict(Activity), RATES)),
        ),
        rhythm=Rhythm(weekdays=draw(weights(7)), hours=draw(weights(24))),
        payments=draw(st.builds(Payments, when_blocked=SHARES, early=SHARES, delay_days=RATES, delivered_twice=SHARES)),
        churn=draw(st.builds(Churn, per_day=RATES, when_blocked=SHARES)),
        recordings=draw(st.builds(Recordings, failed=SHARES, processing_minutes=RATES, two_tabs=SHARES)),
        resyncs_per_day=draw(RATES),
        alike=draw(st.none() | st.floats(0.05, 10_000)),
        rules=attrs.evolve(HARDENED.without(*off), credit_policy=draw(POLICIES)),
    )


# --- what is written is read ------------------------------------------------------------------


@settings(max_examples=60)
@given(scenarios())
def test_what_is_written_is_read(scenario: Scenario) -> None:
    """A scenario comes back from its file, to the last digit."""
    assert loads(dumps(scenario)) == scenario


def test_an_empty_file_is_the_default_scenario() -> None:
    assert loads("") == Scenario()


def test_every_key_is_explained() -> None:
    """In a file that is written, a comment stands above each key and each section."""
    lines = dumps(Scenario()).splitlines()
    keys = [n for n, line in enumerate(lines) if line[:1].isalpha() or line.startswith("[")]
    assert len(keys) > 35
    assert [lines[n] for n in keys if not lines[n - 1].startswith("#")] == []


def test_no_line_is_too_long_for_a_screen() -> None:
    dates = [datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=n) for n in range(50)]
    scenario = Scenario(crm_users=50, crm_arrivals=Arrivals(dates=dates))
    assert max(map(len, dumps(scenario).splitlines())) < 115
    assert loads(dumps(scenario)) == scenario


def test_a_file_is_saved_under_a_new_name_only(tmp_path: Path) -> None:
    """What is there already stays as it is."""
    path = tmp_path / "s.toml"
    save(Scenario(days=7), path)
    assert load(path).days == 7
    with pytest.raises(FileExistsError):
        save(Scenario(days=8), path)
    assert load(path).days == 7


def test_all_alike_is_an_infinite_shape() -> None:
    assert loads("alike = inf").alike is None


def test_a_day_is_its_beginning() -> None:
    assert loads("start = 2026-02-01").start == datetime(2026, 2, 1, tzinfo=UTC)


# --- arrivals from files ----------------------------------------------------------------------


def test_dates_come_from_a_contact_file(tmp_path: Path) -> None:
    """There is a user for each date, and the scenario starts on the day of the first one."""
    (tmp_path / "contacts.csv").write_text(
        "email;Created_At\na@x.test;2025-03-04 09:30:00+00\nb@x.test;\nc@x.test;2025-03-02T23:00:00.5Z\n", "utf-8-sig"
    )
    (tmp_path / "s.toml").write_text('[crm_arrivals]\nfile = "contacts.csv"\n')
    scenario = load(tmp_path / "s.toml")
    assert scenario.crm_users == 2
    assert scenario.start == datetime(2025, 3, 2, tzinfo=UTC)
    assert scenario.crm_arrivals.dates == (
        datetime(2025, 3, 4, 9, 30, tzinfo=UTC),
        datetime(2025, 3, 2, 23, 0, 0, 500_000, tzinfo=UTC),
    )


def test_dates_come_from_the_column_that_is_named(tmp_path: Path) -> None:
    """And a start or a number of users that is given stands."""
    (tmp_path / "c.csv").write_text("created_at,seen\n2025-01-01,20250203\n")
    (tmp_path / "s.toml").write_text('start = 2025-01-01\n[regular_arrivals]\nfile = "c.csv"\ncolumn = "seen"\n')
    scenario = load(tmp_path / "s.toml")
    assert (scenario.regular_users, scenario.start.day) == (1, 1)
    assert scenario.regular_arrivals.dates == (datetime(2025, 2, 3, tzinfo=UTC),)


def test_dates_come_from_a_database(tmp_path: Path) -> None:
    """CRM users from their sync, regular users from their registration."""
    clock = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC), step=timedelta(hours=1))
    with SqliteStore(tmp_path / "crm.db") as store:
        service = Crm(store, clock=clock).as_service()
        service.sync_crm_user(email="amy@x.test")
        service.register_user(email="rita@x.test")
        service.register_user(email="ron@x.test")
    (tmp_path / "s.toml").write_text('[crm_arrivals]\nfile="crm.db"\n[regular_arrivals]\nfile="crm.db"\n')
    scenario = load(tmp_path / "s.toml")
    assert scenario.crm_arrivals.dates is not None
    assert scenario.regular_arrivals.dates is not None
    assert [at.hour for at in scenario.crm_arrivals.dates + scenario.regular_arrivals.dates] == [12, 13, 14]
    assert scenario.users == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "c.csv: is empty: the first line has to name the columns"),
        ("a,b\n1,2\n", "c.csv:1: no column is known to hold times: call one 'user_created_at'; there are a, b"),
        ("date\n", "c.csv: has no date in its column 'date'"),
        ("date\n2025-01-01\n\nsoon\n", "c.csv:4: expected a time such as 2026-01-05T09:30:00Z, got 'soon'"),
        ("date,name\n2025-01-01\n", "c.csv:2: expected 2 cells as in the first line, got 1"),
        ('date\n"2025-01-01"x\n', "c.csv:2: is not CSV: ',' expected after '\"'"),
    ],
)
def test_a_mistake_in_a_contact_file_is_told_with_its_line(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        loads('[crm_arrivals]\nfile = "c.csv"', folder=tmp_path)
    assert str(caught.value) == f"{tmp_path}/{message}"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("creatd", "there is no column 'creatd'; did you mean created?"),
        ("xyz", "there is no column 'xyz'; there are created, email"),
    ],
)
def test_an_unknown_column_is_told_with_near_ones(column: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("created,email\n2025-01-01,a\n")
    with pytest.raises(DataError) as caught:
        loads(f'[crm_arrivals]\nfile = "c.csv"\ncolumn = "{column}"', folder=tmp_path)
    assert caught.value.problem == message


def test_a_contact_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """One that is missing, is not UTF-8, or is a database that knows no such column or is damaged."""
    (tmp_path / "latin.csv").write_bytes(b"date\n2025-01-01\nZo\xeb\n")
    with closing(sqlite3.connect(tmp_path / "bad.db")) as raw:
        raw.execute("CREATE TABLE t (x)")
    for text, said in (
        ('file = "none.csv"', "none.csv: cannot be read: No such file or directory"),
        ('file = "."', ": is a folder: name a file"),
        ('file = "latin.csv"', "latin.csv:3: byte 0xeb is not UTF-8: save the file as UTF-8"),
        ('file = "bad.db"\ncolumn = "x"', "bad.db: is a database, which knows its dates: leave out column = 'x'"),
        ('file = "bad.db"', "bad.db: is a database of another application"),
    ):
        with pytest.raises(DataError) as caught:
            loads(f"[crm_arrivals]\n{text}", folder=tmp_path)
        assert said in str(caught.value)


# --- mistakes ---------------------------------------------------------------------------------

MISTAKES = [
    ("days = 0", 1, "days: expected a whole number from 1 to 3660, got 0"),
    ("days =\n", 1, "is not TOML: Invalid value"),
    ("days = 1\ndays = 2", 2, "is not TOML: a key is there twice"),
    ("\n[payments]\n\nwhen_blocked = 1.5", 4, "payments.when_blocked: expected a number from 0 to 1, got 1.5"),
    (
        "[activity]\n# many\nrecording_per_day = 3",
        3,
        (
            "there is no parameter 'activity.recording_per_day'; "
            "did you mean activity.recordings_per_day or activity.logins_per_day?"
        ),
    ),
    ("[polcy]\nx = 1", 1, "there is no parameter 'polcy'; did you mean policy?"),
    ("days = 3\nprice = 9.99", 2, "there is no parameter 'price'; did you mean policy.price?"),
    (
        "[churn]\nzzz = 1",
        2,
        "there is no parameter 'churn.zzz'; there are churn.per_day, churn.when_blocked",
    ),
    ("activity = 3", 1, "activity: expected a section [activity], got a number"),
    ("[[activity]]\nx = 1", 1, "activity: expected a section [activity], got a list"),
    ("[policy]\nprice = 12.999", 2, "policy.price: expected a positive amount with at most two decimals, got 12.999"),
    ('[policy]\nprice = "x"', 2, "policy.price: expected an amount such as 12.99, got 'x'"),
    (
        "policy.initial_credits = 2.5",
        1,
        "policy.initial_credits: expected a whole number from 0 to 2147483647, got 2.5",
    ),
    (
        "[policy]\ncredits_per_payment = 0",
        2,
        (
            "payments.when_blocked: nobody pays for nothing, and policy.credits_per_payment is 0: "
            "set payments.when_blocked to 0, or have a payment give credits"
        ),
    ),
    ("[churn]\nper_day = -1", 2, "churn.per_day: expected a number from 0 to 1000, got -1"),
    ("[rhythm]\nweekdays = [1,\n  2]\nhours = 3", 4, "rhythm.hours: expected a list of weights, got int"),
    ("[rhythm]\n\nweekdays = [\n  1, # one\n  2,\n]", 3, "rhythm.weekdays: expected 7 weights, got 2"),
    ("days = true", 1, "days: expected a whole number, got bool"),
    ("alike = nan", 1, "alike: expected a number from 0.05 to 10000, got nan"),
    (
        "[crm_arrivals]\nper_day = 1\ndates = [2026-01-05]",
        1,
        "crm_arrivals: per_day and dates exclude each other: give one of them",
    ),
    (
        "crm_users = 3\n[crm_arrivals]\ndates = [2026-01-05]",
        3,
        "crm_arrivals.dates: 1 dates for 3 users: give one for each, or set crm_users to their number",
    ),
    ("[crm_arrivals]\ndates = 3", 2, "crm_arrivals.dates: expected a list of times, got a number"),
    (
        "[crm_arrivals]\nper_day = 0\ndates = [3]",
        3,
        "crm_arrivals.dates: expected a time with an offset such as 2026-01-05T09:30:00Z, got a number",
    ),
    (
        "start = 2026-01-05T00:00:00",
        1,
        "start: expected a time with an offset such as 2026-01-05T09:30:00Z, got a time without one",
    ),
    ("[crm_arrivals]\nbalances = 3", 2, "crm_arrivals.balances: expected a list of whole numbers, got a number"),
    ("[crm_arrivals]\nbalances = [-2]", 2, "crm_arrivals.balances: expected numbers from 0 to 1000000, got -2"),
    ("[crm_arrivals]\nper_day = -1", 2, "crm_arrivals.per_day: expected a number from 0 to 1000000000, got -1"),
    ("[crm_arrivals]\nfile = 3", 2, 'crm_arrivals.file: expected a name such as "contacts.csv"'),
    ('[crm_arrivals]\ncolumn = "x"', 1, 'crm_arrivals.file: expected a name such as "contacts.csv"'),
    ('[crm_arrivals]\nfile = "x"\ncolumn = []', 3, "crm_arrivals.column: expected a name, got a list"),
    (
        '[crm_arrivals]\nfile = "x"\ndates = []',
        3,
        "crm_arrivals: file and dates exclude each other: give one of them",
    ),
    ('\nrules = "foo"', 2, "rules: 'foo' is not 'seed', 'hardened', '+safeguard' or '-safeguard'"),
    ("rules = {}", 1, 'rules: expected steps such as "hardened,-grant_once", got a section'),
    ("rules = true", 1, 'rules: expected steps such as "hardened,-grant_once", got true or false'),
]


@pytest.mark.parametrize(("text", "line", "problem"), MISTAKES)
def test_a_mistake_is_told_with_its_line(text: str, line: int, problem: str) -> None:
    """And with what was wrong, under the name that it has in the file."""
    with pytest.raises(ScenarioError) as caught:
        loads(text, name="s.toml")
    assert str(caught.value) == f"s.toml:{line}: {problem}"


def test_a_file_that_is_not_text_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"days = 1\n# \xff\n")
    with pytest.raises(ScenarioError, match=r"s\.toml:2: byte 0xff is not UTF-8"):
        load(path)


def test_absurd_nesting_is_no_crash() -> None:
    with pytest.raises(ScenarioError, match="nests too deeply to be read"):
        loads(f"x = {'[' * 100_000}")


# --- lines ------------------------------------------------------------------------------------

DOCUMENT = '''\
# a comment
one = 1   # more, and more,
"quoted key" = """
two = 2
"""

[first]
dotted.deep = [  # an array
    1, # with comments
    2,
]
inline = { a = 1, b = { c = 2 } }

[[many]]
x = 1
[[many]]
x = 2
[ first . below ]
last = true'''


def test_keys_are_found_where_they_begin() -> None:
    """Whatever stands in texts, arrays and comments."""
    tomllib.loads(DOCUMENT)
    assert lines_of(DOCUMENT) == {
        ("one",): 2,
        ("quoted key",): 3,
        ("first",): 7,
        ("first", "dotted"): 8,
        ("first", "dotted", "deep"): 8,
        ("first", "inline"): 12,
        ("first", "inline", "a"): 12,
        ("first", "inline", "b"): 12,
        ("first", "inline", "b", "c"): 12,
        ("many",): 14,
        ("many", "x"): 15,
        ("first", "below"): 18,
        ("first", "below", "last"): 19,
    }
