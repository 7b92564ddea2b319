"""``crm-domain users``: a page for people, everything for programs, never all of it in memory."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

COMMAND = Path(sysconfig.get_path("scripts")) / "crm-domain"

SHOWN = """\
e-mail      credits  since (UTC)       jobs  recordings  resumes
----------  -------  ----------------  ----  ----------  -------
ben@x.test        4  2026-01-01 00:05     0           0        0
amy@x.test        5  2026-01-01 00:00     1           2        0
"""


@pytest.fixture
def many(keep: Any) -> list[str]:
    """The addresses of sixty users, the newest first."""
    with keep() as crm, crm.batch():
        for n in range(60):
            crm.as_service().sync_crm_user(email=f"u{n}@x.test")
    return [f"u{n}@x.test" for n in reversed(range(60))]


def test_active_users_come_newest_first(call: Any, shop: Any) -> None:
    """A regular user is none of them, nor is one that was deactivated."""
    assert call("users").stdout == SHOWN
    with shop() as crm:
        crm.as_service().deactivate("ben@x.test")
    assert "ben" not in call("users").stdout


def test_json_and_csv_have_the_documents_columns(call: Any, shop: Any) -> None:
    ben, amy = call("users", "--json").objects
    assert list(ben.values()) == ["ben@x.test", 4, "2026-01-01T00:05:00Z", 0, 0, 0]
    assert amy["email"] == "amy@x.test"
    assert call("users", "--csv").stdout.splitlines() == [
        "email,credits_remaining,user_created_at,total_applications,total_recordings,total_resumes",
        "ben@x.test,4,2026-01-01T00:05:00Z,0,0,0",
        "amy@x.test,5,2026-01-01T00:00:00Z,1,2,0",
    ]


def test_a_table_shows_a_page_and_how_to_go_on(many: list[str], call: Any) -> None:
    *_, last, more = call("users").stdout.splitlines()
    assert last.split()[0] == "u10@x.test"
    assert more == "… and more: --after u10@x.test"
    _, _, *rest = call("users", "--after", "u10@x.test").stdout.splitlines()
    assert [line.split()[0] for line in rest] == many[50:]


def test_no_page_is_promised_that_would_be_empty(many: list[str], call: Any) -> None:
    """Neither when the last user fits the page, nor behind them."""
    assert "more" not in call("users", "--limit", 60).stdout
    assert call("users", "--after", "u0@x.test").stdout == "There are no more active CRM users.\n"


@pytest.mark.parametrize(
    ("args", "found"), [([], 60), (["--limit", 7], 7), (["--limit", 23, "--after", "u20@x.test"], 20)]
)
def test_programs_get_all_that_they_asked_for(
    args: list[object], found: int, many: list[str], call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, each user once."""
    monkeypatch.setattr("crm_adapters.cli.commands.users._PAGE", 10)
    start = 40 if "--after" in args else 0
    assert [user["email"] for user in call("users", "--json", *args).objects] == many[start : start + found]


def test_to_go_on_behind_a_user_they_must_be_one(call: Any, shop: Any) -> None:
    """In any spelling; a regular user and an unknown address are errors."""
    assert call("users", "--after", "BEN@x.test").stdout.splitlines()[2].startswith("amy@x.test")
    regular = call("users", "--after", "rita@x.test")
    assert (regular.exit_code, regular.stderr) == (2, "Error: rita@x.test is not a CRM user.\n")
    unknown = call("users", "--after", "bem@x.test")
    assert (unknown.exit_code, "near it: ben@x.test" in unknown.stderr) == (2, True)


def test_an_address_that_a_shell_would_read_is_quoted(call: Any, keep: Any) -> None:
    with keep() as crm:
        for email in ("a@x.test", "$(b)@x.test"):
            crm.as_service().sync_crm_user(email=email)
    assert call("users", "--limit", 1).stdout.splitlines()[-1] == "… and more: --after '$(b)@x.test'"


def test_head_may_take_what_it_wants(many: list[str], tmp_path: Path) -> None:
    """When nobody reads on, the command ends quietly."""
    with subprocess.Popen(
        [COMMAND, "users", "--json", "--db", tmp_path / "crm.db"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 141
