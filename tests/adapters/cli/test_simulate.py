"""``crm-domain simulate``: a table for people, rows for programs, a database that is whole or not there."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from crm_adapters.cli import model_check, simulation_report
from crm_adapters.cli.commands import simulate as command
from crm_adapters.scenarios import loads
from crm_adapters.sqlite.verification import Verification
from crm_domain import SEED
from crm_domain.laws import Violation, law_named
from crm_domain.simulation import FIGURES, Churn, ExecutorBroken, Interrupted, Payments, Recordings, Scenario
from crm_domain.simulation.engines import engine_named

COMMAND = Path(sysconfig.get_path("scripts")) / "crm-domain"
SMALL = ("simulate", "--users", 30, "--days", 21, "--engine", "plain")
"""A run that takes no time."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have both outputs be a terminal."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


# --- for people -------------------------------------------------------------------------------


def test_the_default_scenario_needs_no_argument(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells what is free, who runs dry and when, and what it earns; and that the model does the same."""
    monkeypatch.setattr(command, "Scenario", lambda: Scenario(crm_users=24, regular_users=6, days=21))
    called = call("simulate", "--engine", "plain")
    lines = called.stdout.splitlines()
    assert lines[0] == "24 CRM users and 6 regular users over 21 days, 5 times"
    assert lines[1] == "4 credits free for CRM users, 3 for a payment of $12.99; rules: hardened"
    assert lines[3].split() == ["mean", "95%", "interval"]
    for title in ("Who comes, and stays", "What they do", "Who runs dry, and when", "What it earns"):
        assert title in lines
    assert next(line for line in lines if line.startswith("  Users ")).split() == ["Users", "30", "30", "to", "30"]
    assert "Checked on the model itself, all 30 users of seed 0:" in lines
    assert "  the plain engine did the same, event by event" in lines
    assert any(line.startswith("  10 laws hold, over the ") for line in lines)
    assert (called.exit_code, called.stderr) == (0, "")


def test_every_key_figure_that_there_is_has_a_line(call: Any) -> None:
    """Whichever group it is in."""
    shown = call(*SMALL).stdout
    figures = {row["figure"]: row for row in call(*SMALL, "--json").objects}
    assert set(figures) == set(FIGURES)
    known = [name for name, row in figures.items() if row["mean"] is not None and name != "overdrawn_users"]
    assert [name for name in known if f"  {FIGURES[name].title}" not in shown] == []
    assert len(known) > 15


def test_free_credits_and_revenue_are_drawn_week_by_week(call: Any) -> None:
    """Unless there are too few weeks, nothing free, or nothing earned."""
    shown = call(*SMALL, "--set", "payments.when_blocked=1").stdout
    assert "Free credits left, by week since arrival  █" in shown
    assert "Revenue, by week" in shown
    nothing = ("--set", "policy.initial_credits=0", "--set", "payments.when_blocked=0", "--set", "payments.early=0")
    assert "by week" not in call(*SMALL, *nothing).stdout
    assert "by week" not in call("simulate", "--users", 5, "--days", 13, "--engine", "plain").stdout


def test_one_run_has_no_intervals(call: Any) -> None:
    shown = call(*SMALL, "--replications", 1).stdout
    assert "one run" in shown
    assert "interval" not in shown
    first = call(*SMALL, "--replications", 1, "--json").objects[0]
    assert first == {
        "figure": "users",
        "unit": "users",
        "mean": 30.0,
        "low": None,
        "high": None,
        "level": None,
        "least": 30.0,
        "greatest": 30.0,
        "replications": 1,
    }


def test_nobody_at_all_is_a_population_too(call: Any) -> None:
    called = call("simulate", "-", "--engine", "plain", stdin=b"crm_users = 0\nregular_users = 0\n")
    assert called.exit_code == 0
    assert called.stdout.startswith("0 CRM users and 0 regular users")


def test_somebody_new_is_told_what_to_try(call: Any, terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not in a pipe, nor who gave an option."""
    monkeypatch.setattr(command, "Scenario", lambda: Scenario(crm_users=4, regular_users=1, days=7))
    monkeypatch.setattr("sys.argv", ["crm-domain", "simulate"])
    assert "What if? crm-domain simulate --compare" in call("simulate", "--engine", "plain").stdout
    monkeypatch.setattr("sys.argv", ["crm-domain", "simulate", "--days", "7"])
    assert "What if?" not in call("simulate", "--engine", "plain", "--days", 7).stdout


def test_progress_is_shown_on_a_terminal_alone(call: Any, request: pytest.FixtureRequest) -> None:
    assert call(*SMALL).stderr == ""
    request.getfixturevalue("terminal")
    shown = call(*SMALL).stderr
    assert "simulate: 100 %" in shown
    assert shown.endswith("\r")  # click takes from a terminal that is none the sign that clears the line


def test_who_would_wait_long_is_told_how_not_to(call: Any, terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without compiled code, and where much is asked for."""
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    assert "pip install 'crm-domain[fast]'" not in call(*SMALL).stderr
    monkeypatch.setattr(command, "_LARGE", 10)
    assert "pip install 'crm-domain[fast]'" in call(*SMALL).stderr


def test_where_signs_are_missing_the_table_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines become dashes, bars are left out."""
    text = "Revenue  ─ – ±…\n▁▂▃\nend"  # noqa: RUF001
    assert simulation_report.printable(text) == text
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert simulation_report.printable(text) == "Revenue  - - +~\nend"


# --- for programs -----------------------------------------------------------------------------


def test_json_and_csv_have_the_same_rows(call: Any) -> None:
    objects = call(*SMALL, "--json").objects
    rows = rows_of(call(*SMALL, "--csv").stdout)
    assert [row["figure"] for row in rows] == [row["figure"] for row in objects] == list(FIGURES)
    for row, found in zip(rows, objects, strict=True):
        assert [row[name] for name in row] == ["" if found[name] is None else str(found[name]) for name in row]
    revenue = next(row for row in objects if row["figure"] == "revenue")
    assert revenue["low"] <= revenue["mean"] <= revenue["high"]
    assert revenue["least"] <= revenue["mean"] <= revenue["greatest"]
    assert (revenue["unit"], revenue["level"], revenue["replications"]) == ("$", 0.95, 5)


def test_results_hang_on_neither_workers_nor_engine(call: Any) -> None:
    """The same to the last digit; the reference engine is the model itself."""
    expected = call(*SMALL, "--json").stdout
    assert call(*SMALL, "--json", "--workers", 2).stdout == expected
    reference = call("simulate", "--users", 30, "--days", 21, "--engine", "reference", "--json")
    assert reference.stdout == expected
    text = call("simulate", "--users", 5, "--days", 5, "--engine", "reference", "--replications", 1).stdout
    assert "engine did the same" not in text
    assert "10 laws hold" in text


def test_seeds_follow_the_first(call: Any) -> None:
    """Two replications from seed 7 are those of seeds 7 and 8."""

    def revenue(*options: object) -> Any:
        return next(row for row in call(*SMALL, "--json", *options).objects if row["figure"] == "recordings")

    both = revenue("--seed", 7, "--replications", 2)
    one, other = (revenue("--seed", seed, "--replications", 1)["mean"] for seed in (7, 8))
    assert (both["least"], both["greatest"]) == (min(one, other), max(one, other))


# --- comparisons ------------------------------------------------------------------------------


def test_values_are_compared_with_the_scenario(call: Any) -> None:
    """The scenario's own value is the base, not a variant."""
    called = call(*SMALL, "--compare", "policy.initial_credits=2,4,6")
    assert "2 variants against a base, 5 replications" in called.stdout
    assert "  policy.initial_credits=2 " in called.stdout
    assert "  policy.initial_credits=4 " not in called.stdout
    rows = call(*SMALL, "--compare", "policy.initial_credits=2,4,6", "--json").objects
    assert list(rows[0]) == ["variant", "figure", "unit", "base", "mean", "difference", "low", "high", "level"]
    recordings = {row["variant"]: row["difference"] for row in rows if row["figure"] == "recordings"}
    assert recordings["policy.initial_credits=2"] < 0 < recordings["policy.initial_credits=6"]


def test_every_combination_is_compared(call: Any) -> None:
    """Of rules too, whose steps have commas."""
    options = ("--compare", "rules=seed;hardened,-grant_once", "--compare", "days=14,7")
    rows = rows_of(call(*SMALL, *options, "--csv").stdout)
    assert list(dict.fromkeys(row["variant"] for row in rows)) == [
        "rules=seed, days=14",
        "rules=seed, days=7",
        "rules=hardened,-grant_once, days=14",
        "rules=hardened,-grant_once, days=7",
    ]


# --- scenarios and settings -------------------------------------------------------------------


def test_the_scenario_is_printed_as_a_file(call: Any, folder: Path) -> None:
    """With all settings in it; and such a file is run."""
    printed = call(*SMALL, "--set", "policy.initial_credits=2", "--print-scenario").stdout
    scenario = loads(printed)
    assert (scenario.crm_users, scenario.regular_users, scenario.days) == (24, 6, 21)
    assert scenario.policy.initial_credits == 2
    assert tomllib.loads(printed)["policy"]["price"] == 12.99
    (folder / "mine.toml").write_text(printed)
    expected = call(*SMALL, "--set", "policy.initial_credits=2", "--json").stdout
    assert call("simulate", "mine.toml", "--engine", "plain", "--json").stdout == expected


def test_users_keep_the_mixture(call: Any) -> None:
    """Of a scenario with nobody in it, all are CRM users."""
    assert loads(call("simulate", "--users", 10, "--print-scenario").stdout).crm_users == 8
    nobody = call("simulate", "-", "--users", 10, "--print-scenario", stdin=b"crm_users = 0\nregular_users = 0\n")
    assert loads(nobody.stdout).crm_users == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("nowhere.toml",), "'nowhere.toml': No such file or directory"),
        (("bad.toml",), "Error: bad.toml:2: days: expected a whole number from 1 to 3660, got 0"),
        (("latin.toml",), "Error: latin.toml:1: byte 0xff is not UTF-8: save the file as UTF-8"),
        (("--set", "policy.initial_credit=2"), "there is no parameter 'policy.initial_credit'; did you mean policy.initial_credits"),
        (("--compare", "policy.initial_credit=2,3"), "did you mean policy.initial_credits"),
        (("--compare", "policy.initial_credits=4"), "every value is the scenario's own, so there is nothing to compare"),
        (("--compare", "days=3,4", "--replications", "1"), "--compare takes at least 2 replications"),
        (("--days", "9999"), "9999 is not in the range 1<=x<=3660"),
        (("--users", "0"), "0 is not in the range 1<=x<="),
        (("--seed", str(2**64 - 1)), "the last of 5 seeds would be above 18446744073709551615"),
        (("--json", "--csv"), "Give either --json or --csv."),
        (("--db", "bad.toml"), "bad.toml: exists already: choose another name, or move it away"),
        (("--db", "no/x.db"), "there is no folder"),
        (("--plot", "x.gif"), "--plot: x.gif must end in .png, .svg, .pdf."),
        (("--plot", "no/x.png"), "--plot: there is no folder"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(options: tuple[str, ...], message: str, call: Any, folder: Path) -> None:
    """And nothing is run or written."""
    (folder / "bad.toml").write_text("# mine\ndays = 0\n")
    (folder / "latin.toml").write_bytes(b"\xff")
    before = sorted(folder.iterdir())
    called = call("simulate", *options)
    assert (called.exit_code, called.stdout) == (2, "")
    assert message in called.stderr.splitlines()[-1]
    assert sorted(folder.iterdir()) == before


def test_what_is_not_installed_is_told(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setattr("crm_adapters.cli.pictures.find_spec", lambda _: None)
    called = call(*SMALL, "--plot", "x.png")
    assert (called.exit_code, "pip install 'crm-domain[plot]'" in called.stderr) == (2, True)
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    called = call("simulate", "--engine", "compiled")
    assert (called.exit_code, "pip install 'crm-domain[fast]'" in called.stderr) == (2, True)


# --- the database -----------------------------------------------------------------------------


def test_the_first_run_is_kept_event_by_event(call: Any, folder: Path) -> None:
    """In a sound file that the other commands read."""
    called = call(*SMALL, "--db", "out.db", "--replications", 2)
    assert "Checked on the model itself, all 30 users of seed 0:" in called.stdout
    assert "out.db holds the run of seed 0: crm-domain stats --db out.db" in called.stdout
    assert list(Verification(folder / "out.db").problems()) == []
    assert len(call("users", "--db", "out.db", "--json").objects) == 24
    assert [path.name for path in folder.iterdir() if path.suffix != ".db-lock"] == ["out.db"]
    figures = {row["figure"]: row["mean"] for row in call(*SMALL, "--replications", 1, "--json").objects}
    stored = call("stats", "--db", "out.db", "--json").objects
    assert str(int(figures["credits_consumed"])) in str(stored)


@pytest.mark.parametrize("doing", ["check_model", "save_as"])
def test_an_interrupt_leaves_no_file(doing: str, call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the model's run nor in the writing of it; the exit code is a shell's for Ctrl-C."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, doing, interrupted)
    called = call(*SMALL, "--db", "out.db", "--plot", "out.png")
    assert (called.exit_code, called.stdout) == (130, "")
    assert "Nothing was written." in called.stderr
    assert list(folder.iterdir()) == []


def test_an_interrupt_says_how_far_it_came(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise Interrupted(1500, 6250, None)

    monkeypatch.setattr(command, "replicate", interrupted)
    called = call(*SMALL)
    assert called.exit_code == 130
    assert called.stderr == "Interrupted: 1,500 of 6,250 users were simulated. Nothing was written.\n"


def test_ctrl_c_ends_a_real_run(folder: Path) -> None:
    """By the signal that a terminal sends, with workers too; no traceback is seen."""
    with subprocess.Popen(
        [COMMAND, "simulate", "--users", "200000", "--engine", "plain", "--workers", "2", "--db", "x.db"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONFAULTHANDLER": ""},
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        wait_for_children(running.pid)
        os.killpg(running.pid, signal.SIGINT)
        stdout, stderr = running.communicate(timeout=120)
    assert (running.returncode, stdout) == (130, "")
    assert "Traceback" not in stderr
    assert "Nothing was written." in stderr
    assert list(folder.iterdir()) == []


def wait_for_children(pid: int) -> None:
    """Wait until a process has started its workers, and so is in the middle of its work."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    while len(path.read_text().split()) < 2:
        os.sched_yield()


def test_a_broken_executor_is_told_with_what_was_lost(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost:
        def __str__(self) -> str:
            return "users 0 to 29 of seed 3"

    def broken(*_: object, **__: object) -> None:
        raise ExecutorBroken(Lost(), RuntimeError("killed"))  # type: ignore[arg-type]

    monkeypatch.setattr(command, "replicate", broken)
    called = call(*SMALL)
    assert called.exit_code == 1
    assert "users 0 to 29 of seed 3" in called.stderr


# --- the check --------------------------------------------------------------------------------


def test_a_large_run_is_checked_in_part(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On users of both kinds, and it says which."""
    monkeypatch.setattr(model_check, "EVENTS_ABOUT", 150)
    found = re.search(r"Checked on the model itself, users (\d+) to (\d+) of seed 0:", call(*SMALL).stdout)
    assert found is not None
    first, last = map(int, found.groups())
    assert 0 < first < 24 <= last < 29


def test_laws_that_rules_let_break_are_told(call: Any) -> None:
    """As the document has it, so that it is no error."""
    scenario = Scenario(
        crm_users=20,
        regular_users=0,
        days=14,
        resyncs_per_day=0.5,
        payments=Payments(when_blocked=1, delivered_twice=0.5, delay_days=0.1),
        recordings=Recordings(two_tabs=0.5),
        churn=Churn(per_day=0),
        rules=SEED,
    )
    check = model_check.check_model(scenario, 0, "plain")
    assert "laws are broken: " in check.text
    assert "balance_equals_granted_minus_consumed (" in check.text
    assert not check.is_bad


def broken_law(monkeypatch: pytest.MonkeyPatch) -> None:
    law = law_named("balance_never_negative")
    monkeypatch.setattr(model_check, "check_all", lambda _: [Violation(law, "Amy has -1")])


def other_part(monkeypatch: pytest.MonkeyPatch) -> None:
    real = engine_named

    def differing(name: str) -> Callable[..., Any]:
        return lambda scenario, seed, users, keep: real(name)(attrs.evolve(scenario, alike=None), seed, users, keep)

    monkeypatch.setattr(model_check, "engine_named", differing)


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (broken_law, "laws are broken: balance_never_negative (1 time), over the "),
        (other_part, "the plain engine DIFFERS: this is a bug of crm-domain"),
    ],
)
def test_what_must_not_be_is_exit_code_1(
    breaks: Callable[[pytest.MonkeyPatch], None], message: str, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A law broken though all safeguards are on, or an engine that differs; programs are told on standard error."""
    breaks(monkeypatch)
    called = call(*SMALL)
    assert (called.exit_code, message in called.stdout) == (1, True)
    called = call(*SMALL, "--json")
    assert (called.exit_code, message in called.stderr) == (1, True)
    assert len(called.objects) == len(FIGURES)


# --- pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "begin"),
    [
        ("a.png", (), b"\x89PNG"),
        ("a.svg", ("--compare", "days=14,28"), b"<?xml"),
        ("a.PDF", ("--replications", 1, "--set", "policy.initial_credits=0"), b"%PDF"),
    ],
)
def test_a_picture_is_drawn(name: str, options: tuple[object, ...], begin: bytes, call: Any, folder: Path) -> None:
    """In the format of its name."""
    called = call(*SMALL, "--plot", name, *options)
    assert called.stdout.splitlines()[-1] == f"The picture is {name}."
    assert (folder / name).read_bytes().startswith(begin)


def test_nothing_to_draw_is_told(call: Any, folder: Path) -> None:
    options = ("-", "--engine", "plain", "--replications", 1, "--plot", "a.png")
    called = call("simulate", *options, stdin=b"crm_users = 0\nregular_users = 0\n")
    assert (called.exit_code, "nothing to draw" in called.stderr) == (1, True)
    assert list(folder.iterdir()) == []


def test_help_names_no_module(call: Any) -> None:
    """Help is about what somebody wants, with examples that run."""
    shown = call("simulate", "--help").stdout
    assert "crm-domain simulate --compare policy.initial_credits=2,3,4,6" in shown
    assert sys.executable not in shown
