"""The matrix: nothing is left out, the rules agree with themselves, and whoever may too much stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from crm_domain import HARDENED, Crm, Delete, Principal, RecordPayment, Update
from crm_domain.command_log import LOG_TABLES, REQUESTS, argument_types
from crm_domain.commands import CreateRow
from crm_domain.reads import GetDashboard, Select
from crm_domain.testing import AMY, CrmBackend, MatrixReport, matrix
from crm_domain.testing.requests.questions import ASKERS, SCENE


@pytest.fixture(scope="module")
def of_the_model() -> MatrixReport:
    return matrix(CrmBackend())


def test_model_agrees_with_itself(of_the_model: MatrixReport) -> None:
    """Every cell of the model is as the model says, and the whole scene stands."""
    assert of_the_model.differing == ()
    assert of_the_model.findings == ()
    assert of_the_model.scene == SCENE
    of_the_model.assert_held()


def test_every_combination_is_there(of_the_model: MatrixReport) -> None:
    """Each role reads, changes and deletes in each table, and gives each command each of its arguments."""
    asked = {(cell.role, cell.table, cell.command, cell.column) for cell in of_the_model.cells}
    for asker in ASKERS:
        for table in LOG_TABLES:
            assert {(asker.name, table.name, cmd, "") for cmd in ("select", "delete")} <= asked
            assert {(asker.name, table.name, "update", column) for column in table.by_name} <= asked
        for cmd, kind in REQUESTS.items():
            if kind not in {Select, Update, Delete}:
                given = {column for role, _, command, column in asked if (role, command) == (asker.name, cmd)}
                assert given == {"", *argument_types(kind)}


def test_every_column_is_given_null(of_the_model: MatrixReport) -> None:
    """An explicit NULL is among the values of every column."""
    nulls = {
        (cell.table, cell.column)
        for cell in of_the_model.cells
        if isinstance(cell.line.request, Update) and cell.line.request.set == {cell.column: None}
    }
    assert nulls == {(table.name, column) for table in LOG_TABLES for column in table.by_name}
    stored = [cell for cell in of_the_model.cells if isinstance(cell.line.request, CreateRow) and cell.column]
    given = {(cell.table, cell.column) for cell in stored if getattr(cell.line.request, cell.column) is None}
    assert given == {(cell.table, cell.column) for cell in stored}


def best(report: MatrixReport, role: str, table: str, command: str) -> set[str]:
    return {c.outcome for c in report.cells if (c.role, c.table, c.command) == (role, table, command)}


@pytest.mark.parametrize(
    ("role", "table", "command", "outcomes"),
    [
        ("anon", "profiles", "select", {"permission_denied"}),
        ("anon", "crm_dashboard_stats", "get_dashboard", {"permission_denied"}),
        ("unregistered", "crm_recordings", "delete", {"0 rows"}),
        ("CRM user, own rows", "crm_resumes", "delete", {"ok"}),
        ("CRM user, another's rows", "crm_resumes", "delete", {"0 rows"}),
        ("CRM user, own rows", "digital_resume_by_CRM", "update", {"permission_denied"}),
        ("regular user", "job_requests", "delete", {"foreign_key_violation"}),
        ("deactivated CRM user", "crm_job_requests", "create_job_request", {"rls_violation"}),
        ("service", "payments", "update", {"permission_denied"}),
    ],
)
def test_outcomes_by_the_document(
    of_the_model: MatrixReport, role: str, table: str, command: str, outcomes: set[str]
) -> None:
    """The matrix says what the document says of each role."""
    assert best(of_the_model, role, table, command) == outcomes


def test_table_for_people(of_the_model: MatrixReport) -> None:
    """The text has a block for each table, a line for each role, and the best outcome for each command."""
    blocks = str(of_the_model).split("\n\n")
    assert [block.split()[0] for block in blocks] == [table.name for table in LOG_TABLES]
    heading, *lines = blocks[1].splitlines()
    assert heading.split() == ["crm_job_requests", "select", "create_job_request", "update", "delete"]
    assert [line[:24].strip() for line in lines] == [asker.name for asker in ASKERS]
    (own,) = (line for line in lines if line.startswith("CRM user, own rows"))
    assert own.split()[-4:] == ["ok", "ok", "ok", "ok"]


@pytest.mark.parametrize(
    ("safeguard", "role", "table", "command"),
    [
        ("private_dashboard", "CRM user, another's rows", "crm_dashboard_stats", "get_dashboard"),
        pytest.param("idempotent_payment", "service", "payments", "record_payment", marks=pytest.mark.thorough),
        pytest.param("one_primary", "CRM user, own rows", "crm_resumes", "upload_resume", marks=pytest.mark.thorough),
    ],
)
def test_a_missing_safeguard_stands_in_it(safeguard: str, role: str, table: str, command: str) -> None:
    """Who may too much differs in the cells that the safeguard is about, and the finding names it."""
    report = matrix(CrmBackend(lambda: Crm(rules=HARDENED.without(safeguard))))
    assert (role, table, command) in {(cell.role, cell.table, cell.command) for cell in report.differing}
    assert {finding.missing for finding in report.findings} == {(safeguard,)}
    (block,) = (block for block in str(report).split("\n\n") if block.startswith(table))
    assert " differ)" in block
    with pytest.raises(AssertionError, match=rf"{role}, {table}, {command} \(") as failure:
        report.assert_held()
    assert '{"as": ' in str(failure.value)


class Hasty(CrmBackend):
    """Credits everybody's payments twice, and has no resumes."""

    def execute(self, principal: Principal, command: Any) -> Any:
        answer = super().execute(principal, command)
        if isinstance(command, RecordPayment) and answer.credited:
            for profile in self.crm.tables.profiles:
                profile.credits_remaining += 1
        return answer

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        if table == "crm_resumes":
            raise NotImplementedError("no resumes")
        return super().select(principal, table, where)


@pytest.fixture(scope="module")
def of_the_hasty() -> MatrixReport:
    return matrix(Hasty())


def test_a_scene_that_parts_is_told_and_followed(of_the_hasty: MatrixReport) -> None:
    """What differs in the scene itself is a finding; the model follows, and the cells are asked behind all of it."""
    left_out = {type(line.request) for line in SCENE if line not in of_the_hasty.scene}
    assert RecordPayment not in left_out
    found = [type(line.request) for finding in of_the_hasty.findings for line in finding.lines]
    assert RecordPayment in found


def test_what_is_not_there_is_no_difference(of_the_hasty: MatrixReport) -> None:
    """A table that the backend does not have is said to be not there."""
    selects = [c for c in of_the_hasty.cells if (c.table, c.command) == ("crm_resumes", "select")]
    assert {cell.outcome for cell in selects} == {"not there"}
    assert all(cell.agrees for cell in selects)


def test_cells_tell_their_request(of_the_model: MatrixReport) -> None:
    """A cell has the line that was asked, and what the rules say to it."""
    wanted = ("CRM user, own rows", "crm_recordings", "update", "status")
    cells = [c for c in of_the_model.cells if (c.role, c.table, c.command, c.column) == wanted]
    said = {}
    for cell in cells:
        assert isinstance(cell.line.request, Update)
        said[cell.line.request.set["status"]] = cell.expected
    assert said["failed"] == "ok"
    assert said["banana"] == "check_violation"
    assert said[None] == "not_null_violation"
    assert {cell.line.principal for cell in cells} == {AMY.principal}


def test_dashboards_are_asked_for_by_everybody(of_the_model: MatrixReport) -> None:
    """Every role asks for its own or another's dashboard."""
    plain = [c for c in of_the_model.cells if isinstance(c.line.request, GetDashboard) and not c.column]
    assert [cell.role for cell in plain] == [asker.name for asker in ASKERS]
