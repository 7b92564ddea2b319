"""What a backend does not have is found out, not asked for again, and no reason for an alarm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from crm_domain import (
    CreateRecording,
    CreateRegularRecording,
    Delete,
    GetDashboard,
    Principal,
    RecordPayment,
    Update,
    UploadResume,
)
from crm_domain.command_log import LOG_TABLES, LogLine
from crm_domain.rows import CRM_RECORDINGS
from crm_domain.testing import AMY, ColumnsNotThere, CrmBackend, Report, conformance
from crm_domain.testing.comparing.capabilities import Capabilities
from crm_domain.testing.conforming.reports import NOT_TESTABLE


class Partial(CrmBackend):
    """Has no payments, no resumes, no dashboards, and no changes of profiles."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, RecordPayment | GetDashboard):
            self.asked[type(command).__name__] += 1
            raise NotImplementedError("there is no " + type(command).__name__)
        if isinstance(command, UploadResume):
            raise NotImplementedError
        if isinstance(command, Update) and command.table.name == "profiles":
            self.asked["Update profiles"] += 1
            raise NotImplementedError("profiles cannot be changed")
        return super().execute(principal, command)

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        if table == "resumes":
            raise NotImplementedError
        if table == "crm_resumes":
            raise NotImplementedError("resumes are kept elsewhere")
        return super().select(principal, table, where)


@pytest.fixture(scope="module")
def backend() -> Partial:
    return Partial()


@pytest.fixture(scope="module")
def report(backend: Partial) -> Report:
    return conformance(backend, walks=40)


def test_tables_are_found_out_at_the_start() -> None:
    """The tables that a backend shows are known before anything is asked; those that it does not, with the reason."""
    has = Capabilities.of(Partial())
    assert {table.name for table in LOG_TABLES} - {table.name for table in has.tables} == {"crm_resumes", "resumes"}
    assert "resumes are kept elsewhere" in has.lacking.values()
    assert "there is no resumes" in has.lacking.values()


def test_there_is_no_false_alarm(report: Report) -> None:
    """Nothing that is not there is held against a backend that is otherwise as it should be."""
    report.assert_held()
    assert report.broken == frozenset()
    assert report.requests > 100


def test_laws_that_need_it_are_not_testable(report: Report) -> None:
    """A law that cannot be seen says so, with what the backend said; the others held."""
    verdicts = {verdict.law.name: verdict for verdict in report.verdicts}
    assert verdicts["payment_is_idempotent"].verdict == NOT_TESTABLE
    assert verdicts["payment_is_idempotent"].reason == "there is no RecordPayment"
    assert verdicts["at_most_one_primary_resume"].verdict == NOT_TESTABLE
    assert verdicts["at_most_one_primary_resume"].reason in {"UploadResume", "resumes are kept elsewhere"}
    assert verdicts["mirror_equals_profile"].verdict == "held"


def test_what_is_not_there_is_not_asked_for_again(report: Report, backend: Partial) -> None:
    """Once a backend has said that it does not have something, it is left in peace."""
    assert report.walks == 40
    assert backend.asked == {"RecordPayment": 1, "GetDashboard": 1, "Update profiles": 1}


def test_everything_is_there_by_default() -> None:
    """A backend that has everything leaves no law untested."""
    has = Capabilities.of(CrmBackend())
    assert has.tables == LOG_TABLES
    assert dict(has.untestable()) == {}


def test_a_walk_goes_without_it() -> None:
    """In a walk for a backend without recordings there are none."""

    class WithoutRecordings(CrmBackend):
        def execute(self, principal: Principal, command: Any) -> Any:
            if isinstance(command, CreateRecording | CreateRegularRecording):
                raise NotImplementedError
            return super().execute(principal, command)

    report = conformance(WithoutRecordings(), walks=10)
    report.assert_held()
    assert report.unsupported["one_credit_per_recording"] == "CreateRecording"


def test_a_law_is_seen_in_whatever_shows_it() -> None:
    """Regular recordings show what a recording costs, where there are no others."""

    class RegularAlone(CrmBackend):
        def execute(self, principal: Principal, command: Any) -> Any:
            if isinstance(command, CreateRecording):
                raise NotImplementedError
            return super().execute(principal, command)

    assert "one_credit_per_recording" not in conformance(RegularAlone(), walks=10).unsupported


class FewColumns(CrmBackend):
    """Keeps no transcriptions; recordings are not looked for by their status, nor is that ever changed."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.stored = 0

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, CreateRecording):
            self.refuse({"transcription", "thumbnail_url"}, {name for name in COLUMNS if given(command, name)})
            self.stored += 1
        if isinstance(command, Update) and command.table.name == "crm_recordings":
            self.refuse({"status"}, {*command.set, *command.where})
        return super().execute(principal, command)

    def refuse(self, columns: set[str], named: set[str]) -> None:
        for name in sorted(columns & named):
            self.asked[name] += 1
        if columns & named:
            raise ColumnsNotThere(*sorted(columns))


COLUMNS = [column.name for column in CRM_RECORDINGS.columns]


def given(command: Any, name: str) -> bool:
    return bool(getattr(command, name) != getattr(CreateRecording(), name))


@pytest.mark.thorough
@pytest.mark.parametrize("with_matrix", [False, True])
def test_columns_that_are_not_there_are_left_out(*, with_matrix: bool) -> None:
    """The rest of the request is asked, and compared; the report says what was left out."""
    backend = FewColumns()
    report = conformance(backend, walks=60, with_matrix=with_matrix)
    report.assert_held()
    assert report.unsupported == {}
    assert report.untaken == (
        "CreateRecording.thumbnail_url",
        "CreateRecording.transcription",
        "Update crm_recordings.status",
    )
    assert max(backend.asked.values()) <= 3
    assert backend.stored > 50


def test_columns_that_nobody_named_are_no_reason() -> None:
    """A backend that names others than it was asked for does not have the request, or it would be asked for ever."""
    has = Capabilities.of(CrmBackend())
    line = LogLine(AMY.principal, CreateRecording(video_url="/1.mp4"))
    has.learn(line, ColumnsNotThere("transcription"))
    assert has.asking(line) is None
    assert has.why_not(line) == "there is no transcription"


def test_what_is_asked_without_some_columns() -> None:
    """What is stored and set goes without them; what is looked for by them is not asked at all."""
    has = Capabilities.of(CrmBackend())
    recording = LogLine(AMY.principal, CreateRecording(video_url="/1.mp4", transcription="hello"))
    update = LogLine(AMY.principal, Update(table="crm_recordings", set={"status": "failed", "duration": 3}))
    only = LogLine(AMY.principal, Update(table="crm_recordings", set={"status": "failed"}))
    found = LogLine(AMY.principal, Update(table="crm_recordings", where={"status": "failed"}, set={"duration": 3}))
    deleted = LogLine(AMY.principal, Delete(table="crm_recordings", where={"status": "failed"}))
    for line in (recording, update, only, found, deleted):
        assert has.asking(line) is line
    has.learn(recording, ColumnsNotThere("transcription"))
    has.learn(update, ColumnsNotThere("status"))
    has.learn(deleted, ColumnsNotThere("status"))
    assert has.asking(recording) == LogLine(AMY.principal, CreateRecording(video_url="/1.mp4"))
    assert has.asking(update) == LogLine(AMY.principal, Update(table="crm_recordings", set={"duration": 3}))
    assert [has.asking(line) for line in (only, found, deleted)] == [None, None, None]
    assert not any(map(has.has, (recording, update, only, found, deleted)))
    assert has.why_not(update) == "there is no status"
