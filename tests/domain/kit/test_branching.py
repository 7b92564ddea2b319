"""Many requests from one point: each as if it were the only one, and nothing that one changes goes unseen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from crm_domain import HARDENED, SERVICE, CreateRecording, Delete, Principal, SyncCrmUser, TrackLogin, TrackView, Update
from crm_domain.command_log import LogLine
from crm_domain.errors import refusal
from crm_domain.reads import GetDashboard, Select
from crm_domain.testing import AMY, BOB, ColumnsNotThere, CrmBackend, Lines
from crm_domain.testing.comparing.branching import Fork, Point, begun_with, in_short
from crm_domain.testing.comparing.capabilities import Capabilities
from crm_domain.testing.comparing.observing import Failed

from .backends import CountsRefusals, WithoutViews

SYNC = LogLine(SERVICE, SyncCrmUser(user_id=AMY.user_id, email=AMY.email))
VIEW = LogLine(SERVICE, TrackView(email=AMY.email))
DENIED = LogLine(AMY.principal, TrackView(email=AMY.email))
READ = LogLine(AMY.principal, GetDashboard(email=AMY.email))
LOOKS = (LogLine(SERVICE, Select(table="crm_dashboard_stats")),)


def fork_of(backend: CrmBackend, *begun: LogLine) -> Fork:
    return Fork(backend, Point.behind(begun, HARDENED), Capabilities.of(backend), Lines(begun), LOOKS)


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (refusal("23503"), "foreign_key_violation"),
        (Failed(OSError()), "failed"),
        (NotImplementedError(), "not there"),
        (None, "0 rows"),
        ([], "0 rows"),
        ([{"id": 1}], "ok"),
        ({"affected": 0}, "0 rows"),
        ({"affected": 2}, "ok"),
        ({}, "ok"),
    ],
)
def test_an_outcome_in_short(outcome: Any, text: str) -> None:
    """An outcome is a refusal's code, or a word or two."""
    assert in_short(outcome) == text


def test_each_request_is_asked_at_the_same_point() -> None:
    """What one request changes, the next one does not meet."""
    branches = fork_of(CrmBackend(), SYNC).branches([VIEW, DENIED, VIEW, READ])
    assert [in_short(branch.outcome) for branch in branches] == ["ok", "permission_denied", "ok", "ok"]
    views = [stats.total_views for branch in branches for stats in branch.after.tables.crm_dashboard_stats]
    assert views == [1, 0, 1, 0]
    assert [branch.difference for branch in branches] == [None] * 4


def test_what_changes_nothing_needs_no_reset() -> None:
    """Refusals and reads are asked one after another; only what changes something begins anew."""
    fork = fork_of(CrmBackend(), SYNC)
    fork.branches([DENIED, READ, DENIED])
    assert fork.requests == len([SYNC]) + 3
    fork.branches([VIEW, VIEW])
    assert fork.requests == 4 + 2 + len([SYNC])


def test_a_refusal_that_changes_something_is_found() -> None:
    """Of several requests that should change nothing, the one that does is told."""
    branches = fork_of(CountsRefusals(), SYNC).branches([READ, DENIED, READ])
    assert [branch.difference is None for branch in branches] == [True, False, True]
    assert branches[1].difference is not None
    assert "crm_dashboard_stats" in branches[1].difference.text


class AlsoDeaf(CountsRefusals):
    """Has no dashboard for anybody, besides."""

    def execute(self, principal: Principal, command: Any) -> Any:
        return None if isinstance(command, GetDashboard) else super().execute(principal, command)


def test_a_wrong_answer_does_not_hide_a_silent_change() -> None:
    """Beside requests that are answered wrongly, one that changes something silently is found, too."""
    branches = fork_of(AlsoDeaf(), SYNC).branches([DENIED, READ])
    assert [branch.difference is None for branch in branches] == [False, False]


def test_what_is_not_there_is_asked_for_once() -> None:
    """What the backend does not have is no difference, and not asked for again."""
    backend = WithoutViews()
    branches = fork_of(backend, SYNC).branches([VIEW, DENIED, VIEW, READ])
    assert [branch.is_there for branch in branches] == [False, False, False, True]
    assert [branch.difference for branch in branches] == [None] * 4
    assert backend.asked == 1


class WithoutDashboards(CrmBackend):
    """Does not let anybody read a dashboard."""

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, GetDashboard):
            raise NotImplementedError("no dashboards")
        return super().execute(principal, command)


def test_a_look_that_is_not_there_is_passed_over() -> None:
    """Of what everybody should look at, only what the backend has is compared."""
    fork = fork_of(WithoutDashboards(), SYNC)
    fork.looks = (READ, *LOOKS)
    (branch,) = fork.branches([VIEW])
    assert branch.difference is None
    assert fork.has.lacking == {(GetDashboard, ""): "no dashboards"}


class RefusesViews(CrmBackend):
    """Refuses to count a view."""

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, TrackView) and principal.is_service:
            raise refusal("conflict")
        return super().execute(principal, command)


class LosesViews(CrmBackend):
    """Answers views, and counts none."""

    def execute(self, principal: Principal, command: Any) -> Any:
        answer = super().execute(principal, command)
        if isinstance(command, TrackView):
            for stats in self.crm.tables.crm_dashboard_stats:
                stats.total_views = 0
        return answer


def test_a_change_that_is_not_kept_is_found() -> None:
    """Behind what should change something, it is looked whether it did."""
    (branch,) = fork_of(LosesViews(), SYNC).branches([VIEW])
    assert in_short(branch.outcome) == "ok"
    assert branch.difference is not None


def test_a_beginning_keeps_what_both_agree_on() -> None:
    """Lines at which the two part, or that the backend does not have, are left out; the first are told."""
    bob = LogLine(SERVICE, SyncCrmUser(user_id=BOB.user_id, email=BOB.email))
    delete = LogLine(SERVICE, Delete(table="crm_resumes"))
    noted: list[Lines] = []
    fork = begun_with(fork_of(RefusesViews()), Lines((SYNC, VIEW, DENIED, bob, delete)), noted.append)
    assert fork.begun == (SYNC, DENIED, bob, delete)
    assert noted == [(SYNC, VIEW)]
    assert len(fork.point.crm.tables.crm_users) == 2
    assert begun_with(fork_of(WithoutViews()), Lines((SYNC, VIEW, bob)), noted.append).begun == (SYNC, bob)
    assert len(noted) == 1


def test_the_model_follows_what_a_beginning_stores() -> None:
    """A line that both accepted stays, though other rows are stored: the model holds them from there on."""
    noted: list[Lines] = []
    fork = begun_with(fork_of(LosesViews()), Lines((SYNC, VIEW, DENIED)), noted.append)
    assert fork.begun == (SYNC, VIEW, DENIED)
    assert noted
    assert all(lines == (SYNC, VIEW) for lines in noted)
    assert [stats.total_views for stats in fork.point.crm.tables.crm_dashboard_stats] == [0]
    (login,) = fork.branches([LogLine(SERVICE, TrackLogin(email=AMY.email))])
    assert login.difference is None
    assert [stats.total_views for stats in login.after.tables.crm_dashboard_stats] == [0]


def test_a_beginning_goes_without_what_cannot_be_followed() -> None:
    """Where the service's word and the owners' word contradict each other, the line is left out."""

    class HidesViews(CrmBackend):
        def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
            rows = super().select(principal, table, where)
            if table == "crm_dashboard_stats" and principal.is_service:
                return [attrs.evolve(row, total_views=0) for row in rows]
            return rows

    fork = fork_of(HidesViews())
    fork.looks = (*LOOKS, LogLine(AMY.principal, Select(table="crm_dashboard_stats")))
    assert begun_with(fork, Lines((SYNC, VIEW, DENIED)), lambda _: None).begun == (SYNC, DENIED)


class WithoutTranscriptions(CrmBackend):
    """Keeps recordings, but not what is said in them."""

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, CreateRecording) and command.transcription:
            raise ColumnsNotThere("transcription")
        return super().execute(principal, command)


def test_a_beginning_goes_without_columns_that_are_not_there() -> None:
    """The rest of such a line is asked."""
    own: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email, "video_url": "https://example.com/1.mp4"}
    recording = LogLine(AMY.principal, CreateRecording(**own, transcription="hello"))
    noted: list[Lines] = []
    fork = begun_with(fork_of(WithoutTranscriptions()), Lines((SYNC, recording)), noted.append)
    assert (fork.begun, noted) == ((SYNC, LogLine(AMY.principal, CreateRecording(**own))), [])
    assert len(fork.point.crm.tables.crm_recordings) == 1


def test_the_point_stays_as_it_is() -> None:
    """Whatever is asked, the state that it is asked in does not change."""
    point = Point.behind([SYNC], HARDENED)
    low = LogLine(SERVICE, Update(table="profiles", set={"credits_remaining": 1}))
    _, crm = point.ask(low)
    assert [p.credits_remaining for p in crm.tables.profiles] == [1]
    assert [p.credits_remaining for p in point.crm.tables.profiles] == [4]
    assert point.is_left_by(crm)
    assert not point.is_left_by(point.ask(DENIED)[1])
