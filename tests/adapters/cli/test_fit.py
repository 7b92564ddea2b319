"""``crm-domain fit``: from data to a scenario that can be run."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from crm_adapters.scenarios import load
from crm_domain.simulation import Scenario

LOG = "".join(
    f"{user:05} {1997 + (month > 12)}{(month - 1) % 12 + 1:02}{day:02} 1 {10 + user % 3}.50\n"
    for user in range(40)
    for month, day in ((1, 1 + user % 28), (2, 3 + user % 20), (3 + user % 9, 5))
)
"""Three payments of each of 40 users, in the layout of the CDNOW log."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, where the log is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.txt").write_text(LOG)
    return tmp_path


def test_a_table_tells_what_was_fitted_from_how_much(call: Any) -> None:
    """Each number with its interval; and what was taken for granted."""
    called = call("fit", "log.txt")
    lines = called.stdout.splitlines()
    assert lines[0] == "log.txt: 120 payments of 40 users"
    assert lines[2].split() == ["parameter", "estimate", "95%", "interval", "from"]
    row = next(line for line in lines if line.startswith("churn.per_day "))
    assert "80 repeat" in row
    assert " to " in row
    assert any(line.startswith("policy.price") and "mean of 120" in line for line in lines)
    assert "Taken for granted: what a payment gives (3 credits)" in called.stdout
    assert (called.exit_code, called.stderr) == (0, "")


def test_json_and_csv_have_every_estimate(call: Any) -> None:
    """With both ends of its interval, where there is one."""
    objects = call("fit", "log.txt", "--json").objects
    by_path = {row["path"]: row for row in objects}
    assert by_path["regular_users"] == {
        "path": "regular_users", "value": 40, "low": None, "high": None, "basis": "counted"
    }  # fmt: skip
    alike = by_path["alike"]
    assert alike["value"] is None or alike["low"] < alike["value"] < alike["high"]
    rows = list(csv.DictReader(io.StringIO(call("fit", "log.txt", "--csv").stdout, newline="")))
    assert [row["path"] for row in rows] == list(by_path)


def test_the_scenario_is_written_to_a_new_file(call: Any, folder: Path) -> None:
    """Which simulate runs."""
    called = call("fit", "log.txt", "--out", "mine.toml", "--set", "policy.credits_per_payment=1")
    assert called.stdout.splitlines()[-1] == "Wrote mine.toml. Run it with: crm-domain simulate mine.toml"
    scenario = load(folder / "mine.toml")
    assert (scenario.regular_users, scenario.crm_users, scenario.policy.credits_per_payment) == (40, 0, 1)
    assert scenario.payments.when_blocked == 1
    ran = call("simulate", "mine.toml", "--engine", "plain", "--replications", 1, "--days", 30)
    assert ran.stdout.startswith("0 CRM users and 40 regular users over 30 days")
    silent = call("fit", "log.txt", "--out", "other.toml", "--json")
    assert "Wrote other.toml" in silent.stderr
    assert "Wrote" not in silent.stdout


def test_a_file_that_exists_stays_as_it_is(call: Any, folder: Path) -> None:
    (folder / "mine.toml").write_text("days = 3\n")
    called = call("fit", "log.txt", "--out", "mine.toml")
    assert (called.exit_code, called.stdout) == (2, "")
    assert "mine.toml exists already" in called.stderr
    assert (folder / "mine.toml").read_text() == "days = 3\n"


def test_a_database_brings_its_rules_along(call: Any, folder: Path) -> None:
    """Unless others are asked for, or set; its events were simulated here."""
    make = ("simulate", "--users", 60, "--days", 40, "--engine", "plain", "--replications", 1, "--db", "made.db")
    call(*make, "--set", "policy.initial_credits=2", "--set", "rules=hardened,-one_email")
    called = call("fit", "made.db", "--out", "a.toml")
    assert called.stdout.startswith("made.db: ")
    scenario = load(folder / "a.toml")
    assert (scenario.crm_users, scenario.regular_users) == (48, 12)
    assert (scenario.policy.initial_credits, scenario.rules.one_email) == (2, False)
    assert scenario.activity.job_requests_per_day != Scenario().activity.job_requests_per_day
    call("fit", "made.db", "--out", "b.toml", "--set", "policy.initial_credits=5", "--real-dates")
    scenario = load(folder / "b.toml")
    assert (scenario.policy.initial_credits, scenario.rules.one_email) == (5, False)
    assert scenario.crm_arrivals.dates is not None
    (folder / "base.toml").write_text("resyncs_per_day = 1\nalike = 9\n")
    call("fit", "made.db", "--out", "c.toml", "--base", "base.toml")
    assert load(folder / "c.toml").policy.initial_credits == 4


def test_columns_and_the_end_can_be_given(call: Any, folder: Path) -> None:
    (folder / "sales.csv").write_text("client,paid_on,sum\na,1997-01-01,5\nb,1997-01-05,7\n")
    columns = ("--column", "user=client", "--column", "time=paid_on", "--column", "amount=sum")
    objects = call("fit", "sales.csv", *columns, "--until", "1997-03-02T00:00:00Z", "--json").objects
    assert {row["path"]: row["value"] for row in objects}["days"] == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'SOURCES...'"),
        (("nowhere.db",), "Error: nowhere.db: cannot be read: No such file or directory"),
        (("log.txt", "--column", "who=x"), "expected user=NAME, time=NAME or amount=NAME, got 'who=x'"),
        (("log.txt", "--column", "user"), "expected user=NAME, time=NAME or amount=NAME, got 'user'"),
        (("log.txt", "--until", "soon"), "Error: --until: expected a time such as 2026-01-05T09:30:00Z, got 'soon'"),
        (("log.txt", "--until", "1990-01-01"), "Error: log.txt: has no payment before the given end"),
        (("main.csv", "--until", "1990-01-01"), "Error: main.csv: there is no user who came before the end"),
        (("log.txt", "--set", "policy.pric=3"), "did you mean policy.price?"),
        (("log.txt", "--base", "bad.toml"), "Error: bad.toml:1: days: expected a whole number from 1 to 3660, got 0"),
        (("log.txt", "--json", "--csv"), "Give either --json or --csv."),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], message: str, call: Any, folder: Path
) -> None:
    (folder / "bad.toml").write_text("days = 0\n")
    (folder / "main.csv").write_text("email,user_created_at,total_applications\na@x.test,1997-01-01,0\n")
    called = call("fit", *arguments)
    assert (called.exit_code, called.stdout) == (2, "")
    assert message in called.stderr.splitlines()[-1]


def test_progress_is_shown_on_a_terminal(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)
    assert "fit activity and churn: 0 %" in call("fit", "log.txt").stderr
