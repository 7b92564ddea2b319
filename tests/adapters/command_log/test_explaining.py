"""What would come of a line, and why, without executing it."""

from __future__ import annotations

from typing import Any

import pytest

from crm_adapters.command_log import ExplainedLine, Run, read_line
from crm_domain import SAFEGUARDS, SEED, Rules

OWN = {"user": "amy", "email": "amy@x.test"}


@pytest.fixture
def explained(amy_comes: bytes, run_lines: Any) -> Any:
    """Explain a line as if it came after Amy did."""

    def explain(line: bytes, *before: bytes, rules: Rules | None = None) -> ExplainedLine:
        run = Run() if rules is None else Run(rules=rules)
        run_lines(amy_comes, *before, run=run)
        events = len(run.crm.journal)
        explanation = run.explain(read_line(line, name="log", number=9))
        assert len(run.crm.journal) == events
        return explanation

    return explain


def test_accepted_command(write: Any, explained: Any) -> None:
    """An accepted command tells its events, the grant that pays, and its answer."""
    line = explained(write("amy", "create_recording", id="r1", **OWN))
    assert str(line).splitlines() == [
        "accepted: RecordingCreated, CreditConsumed",
        "  pays: grant 1 (initial, 4 of 4 credits left)",
    ]
    assert line.plain() == {
        "n": 9,
        "result": "ok",
        "events": ["RecordingCreated", "CreditConsumed"],
        "grant": {"number": 1, "source": "initial", "credits": 4, "remaining": 4},
        "turns_on": [],
    }


def test_answer_is_told_with_labels_of_the_line(write: Any, explained: Any) -> None:
    """A label that the line brings is known, although the line was not executed."""
    line = explained(write("service", "sync_crm_user", user="bob", email="bob@x.test"))
    assert str(line).splitlines()[1] == '  answer: {"user": "bob"}'


def test_refused_command(write: Any, explained: Any) -> None:
    """A refused command tells the rule, and on which safeguard it turns."""
    line = explained(write("amy", "update", table="profiles", set={"credits_remaining": 100}))
    assert str(line).splitlines() == [
        "refused: permission_denied (42501)",
        "  The role 'user' may not UPDATE on profiles; ask the service to do it.",
        "  rule: the safeguard profile_read_only",
        "  section: Row Level Security (RLS)",
        f"  turns on: profile_read_only ({SAFEGUARDS['profile_read_only'].closes})",
    ]
    assert line.plain() == {
        "n": 9,
        "result": "permission_denied",
        "sqlstate": "42501",
        "message": "The role 'user' may not UPDATE on profiles; ask the service to do it.",
        "table": "profiles",
        "column": None,
        "safeguard": "profile_read_only",
        "section": "Row Level Security (RLS)",
        "events": [],
        "grant": None,
        "turns_on": ["profile_read_only"],
    }


@pytest.mark.parametrize("rules", [None, SEED])
def test_read(rules: Rules | None, write: Any, explained: Any) -> None:
    """A read tells its answer, and on which safeguard that turns, from either side."""
    comes = write("service", "sync_crm_user", user="bob", email="bob@x.test")
    line = explained(write("bob", "get_dashboard", email="amy@x.test"), comes, rules=rules)
    head, answer, turns = str(line).splitlines()
    assert head == "accepted: a read, which changes nothing"
    assert answer.startswith('  answer: {"rows": [' + ("]}" if rules is None else '{"total_applications": 0'))
    assert turns == "  turns on: private_dashboard (Another's or an unknown address gives no row.)"


def test_refused_read(write: Any, explained: Any) -> None:
    """A refused read tells the rule, like a command."""
    line = explained(write("anon", "select", table="profiles"))
    assert str(line).startswith("refused: permission_denied (42501)\n")
    assert line.plain()["turns_on"] == []
