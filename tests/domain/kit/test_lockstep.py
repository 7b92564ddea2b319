"""A backend and the model side by side: where they part, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from crm_domain import (
    HARDENED,
    SERVICE,
    CreateJobRequest,
    CreateRecording,
    Crm,
    Delete,
    Principal,
    RecordPayment,
    SyncCrmUser,
    TrackView,
    Update,
    UploadResume,
)
from crm_domain.command_log import LOG_TABLES, LogLine, id_named
from crm_domain.errors import refusal
from crm_domain.reads import GetDashboard, Select
from crm_domain.testing import AMY, BOB, CrmBackend, walk
from crm_domain.testing.comparing.capabilities import Capabilities
from crm_domain.testing.comparing.lockstep import Lockstep, NotInBackend, understood

AMYS: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}
SYNC = LogLine(SERVICE, SyncCrmUser(**AMYS))
VIEW = LogLine(SERVICE, TrackView(email=AMY.email))
APPLY = LogLine(AMY.principal, CreateJobRequest(id=id_named("job-1"), **AMYS))
READ = LogLine(AMY.principal, Select(table="crm_job_requests"))
DASHBOARD = LogLine(AMY.principal, GetDashboard(email=AMY.email))


class Port:
    """A backend with no more than the port asks for."""

    def __init__(self) -> None:
        self.model = CrmBackend()

    def reset(self) -> None:
        self.model.reset()

    def execute(self, principal: Principal, command: Any) -> Any:
        return self.model.execute(principal, command)

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        return self.model.select(principal, table, where)


class Answering(Port):
    """Answers one kind of request otherwise than the rules do."""

    def __init__(self, kind: type[Any], answer: Any) -> None:
        super().__init__()
        self.kind, self.answer = kind, answer

    def execute(self, principal: Principal, command: Any) -> Any:
        said = super().execute(principal, command)
        if not isinstance(command, self.kind):
            return said
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


# --- what a backend is asked ------------------------------------------------------------------


def test_a_backend_is_asked_what_it_understands() -> None:
    """It has a clock of its own; keys and overlaps are left out unless it knows them."""
    line = attrs.evolve(APPLY, at=datetime(2026, 1, 1, tzinfo=UTC), key="k")
    together = attrs.evolve(APPLY, concurrent="g")
    assert understood([line, together], Port()) == (APPLY, APPLY)
    assert understood([line, together], CrmBackend()) == (attrs.evolve(APPLY, key="k"), together)
    assert understood([attrs.evolve(READ, key="k")], CrmBackend()) == (READ,)


def test_owners_that_are_left_out_are_null() -> None:
    """As in a command log: a backend has no principal's own to fall back on."""
    (line,) = understood([LogLine(AMY.principal, CreateJobRequest(id=id_named("job-1")))], Port())
    assert line.request == CreateJobRequest(id=id_named("job-1"), user_id=None, email=None)


# --- where they part --------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(5))
def test_model_does_not_part_from_itself(n: int) -> None:
    """The model as a backend, with or without all that backends may add, is like the model."""
    for backend in (CrmBackend(), Port()):
        lockstep = Lockstep(backend)
        lines = understood(walk(n, wanted=Capabilities.of(backend).has), backend)
        assert lockstep.first(lines) is None
        assert lockstep.parting(lines) is None


def test_ids_that_the_backend_makes_are_taken_over() -> None:
    """A backend may make ids of its own: the model takes them, and both go on with the same."""
    made = LogLine(AMY.principal, CreateJobRequest(**AMYS))
    anybody = LogLine(SERVICE, SyncCrmUser(email=BOB.email))
    assert Lockstep(Port()).first([SYNC, made, anybody, VIEW]) is None


@pytest.mark.parametrize(
    ("kind", "answer", "line", "text"),
    [
        (TrackView, OSError("gone"), VIEW, "service asked for TrackView and it failed with OSError: gone (in test_lockstep.py, line "),
        (TrackView, refusal("conflict", "no"), VIEW, "got conflict (no), expected an answer"),
        (TrackView, refusal("conflict"), VIEW, "got conflict, expected an answer"),
        (TrackView, {"affected": 2}, VIEW, "was told affected 2, expected 1"),
        (CreateJobRequest, {"id": BOB.user_id}, APPLY, "was told id"),
        (RecordPayment, {"credited": False}, LogLine(SERVICE, RecordPayment(user_id=AMY.user_id, amount="12.99", ref="a")),
         "was told credited False, expected True"),
        (GetDashboard, None, DASHBOARD, "amy@x.test"),
        (GetDashboard, {"total_views": 0}, DASHBOARD, "amy@x.test"),
    ],
)  # fmt: skip
def test_other_answers_are_told(kind: type[Any], answer: Any, line: LogLine, text: str) -> None:
    """What a backend answers, and what the rules say, is told in words."""
    lockstep = Lockstep(Answering(kind, answer))
    assert lockstep.first([SYNC, line, VIEW]) == 2
    parting = lockstep.parting([SYNC, line])
    assert parting is not None
    assert text in parting.difference.text
    assert parting.difference.line == line
    assert parting.lines == (SYNC, line)


@pytest.mark.parametrize("answer", [None, {}, {"affected": None}, {"version": 7}])
def test_what_is_not_told_is_not_compared(answer: Any) -> None:
    """A backend need not tell more than it knows."""
    assert Lockstep(Answering(TrackView, answer)).first([SYNC, VIEW]) is None


def test_another_refusal_is_told() -> None:
    """A refusal of another kind is a difference, of the same kind with another message none."""

    class Refusing(Port):
        code = "conflict"

        def execute(self, principal: Principal, command: Any) -> Any:
            if isinstance(command, TrackView) and not principal.is_service:
                raise refusal(self.code, "no")
            return super().execute(principal, command)

    denied = LogLine(AMY.principal, TrackView(email=AMY.email))
    parting = Lockstep(Refusing()).parting([SYNC, denied])
    assert parting is not None
    assert "got conflict (no), expected permission_denied (" in parting.difference.text
    Refusing.code = "42501"
    assert Lockstep(Refusing()).parting([SYNC, denied]) is None


class LosesJobs(Port):
    """Loses job requests when a view is counted, and answers as if nothing were."""

    def execute(self, principal: Principal, command: Any) -> Any:
        answer = super().execute(principal, command)
        if isinstance(command, TrackView):
            for row in list(self.model.crm.tables.crm_job_requests):
                self.model.crm.tables.crm_job_requests.delete(row.id)
        return answer


def test_what_no_answer_shows_is_seen() -> None:
    """Where answers are as they should be, somebody's look shows the difference, and where it came is found."""
    lockstep = Lockstep(LosesJobs())
    lines = [SYNC, APPLY, VIEW, SYNC, SYNC]
    assert lockstep.first(lines) == 5
    assert lockstep.place(lines, 5) == 3
    parting = lockstep.parting(lines[:3])
    assert parting is not None
    assert "crm_job_requests" in parting.other_tables
    assert parting.difference.line not in lines
    assert "crm_job_requests job-1 is not there, expected" in parting.difference.text


def test_a_parting_before_the_last_line_is_told_where_it_is() -> None:
    """Lines behind the place where they part are left out."""
    lockstep = Lockstep(Answering(TrackView, {"affected": 2}))
    parting = lockstep.parting([SYNC, VIEW, SYNC])
    assert parting is not None
    assert parting.lines == (SYNC, VIEW)


def test_several_rows_too_many_are_counted() -> None:
    """Of many rows some are told, and how many more there are."""

    class Doubling(Port):
        def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
            rows = list(super().select(principal, table, where))
            if table != "crm_job_requests":
                return rows
            return [*rows, *(attrs.evolve(row, id=id_named(f"{row.id}-{n}")) for row in rows for n in range(5))]

    parting = Lockstep(Doubling()).parting([SYNC, APPLY])
    assert parting is not None
    assert parting.difference.text.count("expected no such row") == 3
    assert parting.difference.text.endswith("and 2 more")


def test_a_refused_look_is_told() -> None:
    """Who refuses a table that should be shown, or shows one that should be refused, parts."""

    class Closed(Port):
        def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
            if table == "crm_resumes" and principal == AMY.principal:
                raise refusal("permission_denied")
            return super().select(principal, table, where)

    parting = Lockstep(Closed()).parting([SYNC])
    assert parting is not None
    assert "Select and got permission_denied, expected an answer" in parting.difference.text
    assert parting.other_tables == frozenset()


def test_junk_rows_are_told() -> None:
    """Rows that are none are told as a failure."""

    class Junk(Port):
        def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
            return [7] if table == "crm_resumes" else super().select(principal, table, where)

    parting = Lockstep(Junk()).parting([SYNC])
    assert parting is not None
    assert "crm_resumes: failed with" in parting.difference.text
    assert parting.difference.text.endswith("expected 0 rows")


def test_overlapping_lines_part_together() -> None:
    """Lines that overlap are asked, and parted at, together."""
    low = LogLine(SERVICE, Update(table="profiles", set={"credits_remaining": 1}))
    taken = [
        LogLine(AMY.principal, CreateRecording(id=id_named(f"recording-{n}"), **AMYS), concurrent="g") for n in (1, 2)
    ]
    lockstep = Lockstep(CrmBackend(lambda: Crm(rules=HARDENED.without("atomic_consume"))))
    assert lockstep.first([SYNC, low, *taken]) == 4
    parting = lockstep.parting([SYNC, low, *taken])
    assert parting is not None
    assert [len(answers) for answers in parting.answers] == [1, 1, 2]


def test_what_is_not_there_names_the_line() -> None:
    """A request that the backend does not have is named by its line, with what the backend said."""

    class Without(Port):
        def execute(self, principal: Principal, command: Any) -> Any:
            if isinstance(command, UploadResume):
                raise NotImplementedError
            if isinstance(command, Delete):
                raise NotImplementedError("nothing is deleted here")
            return super().execute(principal, command)

    lockstep = Lockstep(Without(), HARDENED, LOG_TABLES)
    with pytest.raises(NotInBackend, match="line 2: nothing is deleted here") as lacking:
        lockstep.first([SYNC, LogLine(SERVICE, Delete(table="crm_resumes"))])
    assert lacking.value.number == 2
    with pytest.raises(NotInBackend, match=r"^line 1: $"):
        lockstep.parting([LogLine(AMY.principal, UploadResume())])
