"""What comes of each line, in which order, and with which ids and times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_adapters.command_log import LogError, Run, read_log
from crm_domain import HARDENED, SEED, JournalEntry
from crm_domain.command_log import id_named

OWN = {"user": "amy", "email": "amy@x.test"}
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def story(write: Any) -> list[tuple[bytes, dict[str, Any]]]:
    """Lines with every kind of answer, and what each comes to beside ``n`` and ``result``."""
    return [
        (write("service", "register_user", user="rita", email="rita@x.test"), {}),
        (write("service", "sync_crm_user", **OWN, payment_details={"plan": "a"}), {"user": "amy"}),
        (write("service", "sync_crm_user", user="amy-2", email="AMY@x.test"), {"user": "amy"}),
        (write("amy", "create_job_request", id="j1", **OWN), {}),
        (write("amy", "create_recording", id="r2", **OWN, job_request="j1"), {}),
        (write("amy", "create_recording", id="r1", **OWN), {}),
        (write("amy", "upload_resume", id="cv", **OWN, resume_url="a"), {}),
        (write("service", "record_payment", user="rita", amount="12.99", ref="pay-1"), {"credited": True}),
        (write("service", "record_payment", user="rita", amount="12.990", ref="pay-1"), {"credited": False}),
        (write("rita", "create_regular_job_request", id="j2", user="rita"), {}),
        (write("rita", "create_regular_recording", id="r3", user="rita"), {}),
        (write("rita", "upload_regular_resume", id="cv", user="rita", resume_url="a"), {}),
        (write("amy", "select", table="crm_recordings"), {"rows": ["r1", "r2"]}),
        (write("amy", "select", table="crm_recordings", where={"job_request": "j1"}), {"rows": ["r2"]}),
        (write("service", "select", table="crm_users", where={}), {"rows": ["amy"]}),
        (write("service", "select", table="digital_resume_by_CRM", where={"user": "amy"}), {"rows": ["amy"]}),
        (write("service", "select", table="profiles"), {"rows": ["amy", "rita"]}),
        (write("amy", "select", table="crm_dashboard_stats"), {"rows": ["amy"]}),
        (write("rita", "select", table="payments"), {"rows": ["pay-1"]}),
        (write("rita", "select", table="credit_consumptions"), {"rows": ["r3"]}),
        (write("amy", "select", table="credit_grants"), {"rows": [f"{id_named('amy')}/1"]}),
        (write("amy", "update", table="crm_recordings", where={"id": "r1"}, set={"status": "completed"}), {"affected": 1}),
        (write("rita", "update", table="crm_recordings", set={"status": "failed"}), {"affected": 0}),
        (write("amy", "delete", table="crm_recordings", where={"id": "r1"}), {"affected": 1}),
        (write("service", "track_login", email="amy@x.test"), {"affected": 1}),
        (write("service", "track_view", email="nobody@x.test"), {"affected": 0}),
        (write("service", "track_time", email="amy@x.test", seconds=5), {"affected": 1}),
        (write("amy", "get_dashboard", email="rita@x.test"), {"rows": []}),
        (write("amy", "get_dashboard", email=None), {"rows": []}),
    ]  # fmt: skip


def test_answers(story: list[tuple[bytes, dict[str, Any]]], run_lines: Any) -> None:
    """Each command answers what the format says, and nothing else."""
    outcomes = run_lines(*(line for line, _ in story))
    assert outcomes == [{"n": n, "result": "ok", **answer} for n, (_, answer) in enumerate(story, start=1)]


def test_dashboard_answers_the_documents_columns(amy_comes: bytes, write: Any, run_lines: Any) -> None:
    """The row has the columns of get_crm_dashboard_data; times are RFC 3339, or null."""
    recording = write("amy", "create_recording", **OWN, at="2026-01-05T13:00:00+01:00")
    _, _, outcome = run_lines(amy_comes, recording, write("amy", "get_dashboard", email="amy@x.test"))
    row = {
        "total_applications": 0,
        "total_recordings": 1,
        "total_resumes": 0,
        "total_views": 0,
        "credits_remaining": 3,
        "last_application_date": None,
        "last_recording_date": "2026-01-05T12:00:00Z",
    }
    assert outcome == {"n": 3, "result": "ok", "rows": [row]}


def test_refusal_is_an_outcome(amy_comes: bytes, write: Any, run_lines: Any) -> None:
    """It has the kind, PostgreSQL's code or null, and a message, and the run goes on."""
    conflict = write("service", "update", table="crm_users", set={"credits_remaining": 9})
    outcomes = run_lines(amy_comes, write("anon", "select", table="profiles"), conflict, amy_comes)
    assert [(o["n"], o["result"], o.get("sqlstate", "no code")) for o in outcomes] == [
        (1, "ok", "no code"),
        (2, "permission_denied", "42501"),
        (3, "conflict", None),
        (4, "ok", "no code"),
    ]
    assert outcomes[1].keys() == {"n", "result", "sqlstate", "message"}
    assert outcomes[1]["message"] == "The role 'anon' may not SELECT on profiles; sign in first."


def test_missing_owner_is_null(amy_comes: bytes, write: Any, run_lines: Any) -> None:
    """A column without a default is NULL when left out, also that of the principal's own id and address."""
    lines = [write("amy", "create_recording", email="amy@x.test"), write("amy", "create_recording", user="amy")]
    assert [o["result"] for o in run_lines(amy_comes, *lines)] == ["ok", "rls_violation", "not_null_violation"]


def test_made_ids_are_named_after_their_line(write: Any, run_lines: Any) -> None:
    """An id that the model makes is that of a label, so that every run makes the same one, and lines can name it."""
    outcomes = run_lines(
        b"\n",
        write("service", "sync_crm_user", email="amy@x.test"),
        write("line-2-1", "create_recording", user="line-2-1", email="amy@x.test"),
        write("line-2-1", "select", table="crm_recordings", where={"id": "line-3-1"}),
    )
    assert [o.get("user") or o.get("rows") for o in outcomes] == ["line-2-1", None, ["line-3-1"]]


def test_unknown_ids_stay_ids(write: Any, run_lines: Any) -> None:
    """A UUID that came without a label is written as it is."""
    id_ = id_named("amy")
    assert run_lines(write("service", "sync_crm_user", user=id_, email="amy@x.test")) == [
        {"n": 1, "result": "ok", "user": id_}
    ]


def test_clock_is_the_lines_or_the_runs(amy_comes: bytes, write: Any, run_lines: Any) -> None:
    """``at`` is the time of its line alone, and may jump back; other lines have the clock of the run."""
    run, entries = Run(clock=lambda: NOON), list[JournalEntry]()
    run.crm.subscribe(entries.append)
    views = [
        write("service", "track_view", email="amy@x.test", **at) for at in ({}, {"at": "2020-01-01T00:00:00Z"}, {})
    ]
    run_lines(amy_comes, *views, run=run)
    assert [entry.at.year for entry in entries[-3:]] == [2026, 2020, 2026]


def test_idempotency_key(amy_comes: bytes, write: Any, run_lines: Any) -> None:
    """A retry with the same key gets the first answer and does nothing more; reads need no key."""
    recording = write("amy", "create_recording", id="r1", **OWN, key="k")
    other = write("amy", "create_recording", id="r2", **OWN, key="k")
    select = write("amy", "select", table="crm_recordings", key="k")
    outcomes = run_lines(amy_comes, recording, recording, other, select)
    assert [o["result"] for o in outcomes] == ["ok", "ok", "ok", "conflict", "ok"]
    assert outcomes[-1]["rows"] == ["r1"]


@pytest.mark.parametrize(
    ("rules", "results", "credits_"),
    [
        (HARDENED, ["ok", "insufficient_credits", "insufficient_credits"], 0),
        (HARDENED.without("atomic_consume"), ["ok", "ok", "ok"], -2),
    ],
)
def test_concurrent_lines_overlap(
    rules: Any, results: list[str], credits_: int, amy_comes: bytes, write: Any, run_lines: Any
) -> None:
    """Each line of a group is checked before any is written: without atomic_consume they oversell."""
    run = Run(rules=rules)
    spent = write("service", "update", table="profiles", where={"user": "amy"}, set={"credits_remaining": 1})
    tabs = [write("amy", "create_recording", id=f"r{n}", **OWN, concurrent="tabs") for n in range(3)]
    alone = write("amy", "create_recording", id="r9", **OWN, concurrent="other")
    outcomes = run_lines(amy_comes, spent, *tabs, alone, run=run)
    assert [o["result"] for o in outcomes[2:]] == [*results, "insufficient_credits"]
    assert [o["n"] for o in outcomes] == [1, 2, 3, 4, 5, 6]
    assert run.crm.as_user(id_named("amy")).select("profiles")[0].credits_remaining == credits_


def test_group_before_a_malformed_line_stands(amy_comes: bytes, write: Any) -> None:
    """Lines before a malformed one are executed, also those that were waiting for the rest of their group."""
    group = write("amy", "create_recording", **OWN, concurrent="tabs")
    outcomes = Run().outcomes(read_log([amy_comes, group, group, b"{}"], "log"))
    assert [next(outcomes)["n"] for _ in range(3)] == [1, 2, 3]
    with pytest.raises(LogError):
        next(outcomes)


def test_outcomes_come_line_by_line(amy_comes: bytes) -> None:
    """A line's outcome is there before the next line is asked for."""
    asked = []

    def lines() -> Iterator[bytes]:
        for n in (1, 2):
            asked.append(n)
            yield amy_comes

    for n, _ in enumerate(Run().outcomes(read_log(lines(), "log")), start=1):
        assert asked[-1] == n
    assert asked == [1, 2]


def test_labels_grow_with_the_state_alone(amy_comes: bytes, write: Any, run_lines: Any) -> None:
    """The labels of refused lines and of reads are forgotten, so that a long log needs no more memory."""
    run = Run()
    refused = write("amy", "create_recording", id="refused", user="bob", email="amy@x.test")
    run_lines(amy_comes, refused, write("amy", "select", table="profiles", where={"user": "read"}), run=run)
    assert run.labels.name(id_named("amy")) == "amy"
    assert [run.labels.name(id_named(name)) == name for name in ("refused", "bob", "read")] == [False] * 3


def test_readings_run(amy_comes: bytes, write: Any, run_lines: Any) -> None:
    """A run may be under any reading: the seed lets users write their own balance."""
    line = write("amy", "update", table="profiles", set={"credits_remaining": 100})
    assert run_lines(amy_comes, line, run=Run(rules=SEED))[1] == {"n": 2, "result": "ok", "affected": 1}


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"]":', "}")], ids=["lists", "objects"])
@pytest.mark.parametrize(("levels", "result"), [(512, "ok"), (513, "check_violation"), (100_000, "check_violation")])
def test_json_is_as_deep_as_the_rules_let_it(
    amy_comes: bytes, run_lines: Any, levels: int, result: str, opening: str, closing: str
) -> None:
    """However deep it is, the line is read, and refused by the rule; a bracket in a text is none."""
    nested = opening * levels + '"[[["' + closing * levels
    args = f'{{"user": "amy", "email": "amy@x.test", "resume_url": "a", "parsed_data": {nested}}}'
    line = f'{{"as": "amy", "cmd": "upload_resume", "args": {args}}}\n'
    run = Run()
    assert run_lines(amy_comes, line.encode(), run=run)[1]["result"] == result
    assert len(run.crm.as_service().resumes()) == int(result == "ok")


def test_an_idempotency_key_has_1_to_255_characters(amy_comes: bytes, write: Any, run_lines: Any) -> None:
    """An empty or a longer one is refused by the rule; the line itself is one."""
    lines = [write("service", "track_view", email="amy@x.test", key="k" * length) for length in (0, 1, 255, 256)]
    results = [outcome["result"] for outcome in run_lines(amy_comes, *lines)[1:]]
    assert results == ["check_violation", "ok", "ok", "check_violation"]
