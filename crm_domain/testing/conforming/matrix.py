"""Who may do what to which column of which table? Every combination, asked once and compared with the rules.

Random walks come by the usual requests again and again, and by some never. Here each role asks for
everything: every command and read, every column given in turn, with values that are taken and such
that should not be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from attrs import frozen

from crm_domain.command_log import LOG_TABLES, REQUESTS, LogLine
from crm_domain.errors import REFUSALS
from crm_domain.ids import SERVICE
from crm_domain.ports import Backend
from crm_domain.reads import Select
from crm_domain.rules import HARDENED, Rules
from crm_domain.schema import Table

from ..comparing.branching import FAILED, NO_ROWS, NOT_THERE, OK, Branch, Fork, Point, begun_with, in_short
from ..histories import Lines
from ..requests.prices import at_price
from ..requests.questions import ASKERS, SCENE, Asker, questions
from .reports import Finding
from .searching import Search


@frozen(kw_only=True)
class Cell:
    """One request of the matrix.

    Attributes:
        role: Who asks, for whose rows.
        table: The document's name of the table.
        command: What for, as command logs say it.
        column: The column that is given or changed; empty where none is.
        line: The request.
        expected: What the rules say: ``ok``, ``0 rows`` or the code of a refusal.
        outcome: What the backend said, besides these ``failed`` or ``not there``.
        text: In what the two part, in words; empty if they do not.
    """

    role: str
    table: str
    command: str
    column: str
    line: LogLine
    expected: str
    outcome: str
    text: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the backend does what the rules say, as far as it has what was asked for."""
        return not self.text


@frozen(kw_only=True)
class MatrixReport:
    """Who may do what.

    Attributes:
        rules: What the backend was held to.
        scene: The lines behind which each cell was asked.
        cells: The result of every request.
        findings: What the cells that differ mean, each in its shortest form.
        requests: How many requests were made, shortening aside.
    """

    rules: Rules
    scene: Lines
    cells: tuple[Cell, ...]
    findings: tuple[Finding, ...]
    requests: int

    @property
    def differing(self) -> tuple[Cell, ...]:
        """The cells in which the backend does not do what the rules say."""
        return tuple(cell for cell in self.cells if not cell.agrees)

    def assert_held(self) -> None:
        """Assert that every cell is as the rules say.

        Raises:
            AssertionError: One is not; the message says which.
        """
        if self.differing or self.findings:
            raise AssertionError("\n".join((*_places(self.differing), *map(str, self.findings))))

    def __str__(self) -> str:
        """Return a table for people: for each command the best that comes of it, and how many cells differ."""
        return "\n\n".join(_text(table.name, self.cells) for table in LOG_TABLES)


def _places(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield where cells differ, those of one command in one line."""
    by_place: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        by_place.setdefault((cell.role, cell.table, cell.command), []).append(cell)
    for place, differing in by_place.items():
        columns = ", ".join(dict.fromkeys(cell.column or "as usual" for cell in differing))
        yield f"{', '.join(place)} ({columns}): {differing[0].text}"


def matrix(backend: Backend, rules: Rules = HARDENED, *, search: Search | None = None) -> MatrixReport:
    """Ask a backend for everything, as everybody.

    Args:
        backend: The backend; it is reset again and again.
        rules: What it is held to.
        search: Where what is found is noted, if the matrix is part of a longer search.

    Example:
        >>> from crm_domain.testing import CrmBackend
        >>> report = matrix(CrmBackend())
        >>> len(report.cells) > 3000, report.differing
        (True, ())
    """
    search = search or Search(backend, rules)
    known = len(search.findings)
    looks = [LogLine(SERVICE, Select(table=table)) for table in search.has.tables]
    fork = Fork(backend, Point.behind((), rules, search.has.given), search.has, Lines(), looks, search.known)
    fork = begun_with(fork, at_price(SCENE, rules.credit_policy.price), search.ask)
    places = ((asker, table) for asker in ASKERS for table in LOG_TABLES if not search.is_over())
    cells = tuple(cell for asker, table in places for cell in _cells(fork, asker, table, search))
    for cell in cells:
        if not cell.agrees:
            search.ask(Lines((*fork.begun, cell.line)))
    search.requests += fork.requests
    findings = tuple(search.findings[known:])
    return MatrixReport(rules=rules, scene=fork.begun, cells=cells, findings=findings, requests=fork.requests)


def _cells(fork: Fork, asker: Asker, table: Table[Any], search: Search) -> Iterator[Cell]:
    asked = [(column, LogLine(asker.principal, request)) for column, request in questions(asker, table)]
    asked = [(column, line) for column, line in asked if search.wants(line)]
    lines = [line for _, line in asked]
    branches = fork.branches(at_price(lines, fork.point.crm.rules.credit_policy.price))
    for (column, _), branch in zip(asked, branches, strict=True):
        if branch.is_there:
            search.watch(branch.line, branch.expected, branch.after.tables)
        yield _cell(asker, table, column, branch)


_CMDS: Final = {kind: cmd for cmd, kind in REQUESTS.items()}


def _cell(asker: Asker, table: Table[Any], column: str, branch: Branch) -> Cell:
    return Cell(
        role=asker.name,
        table=table.name,
        command=_CMDS[type(branch.line.request)],
        column=column,
        line=branch.line,
        expected=in_short(branch.expected),
        outcome=in_short(branch.outcome),
        text=branch.difference.text if branch.difference else "",
    )


# --- for people -------------------------------------------------------------------------------

_BEST_FIRST: Final = (OK, NO_ROWS, *reversed(REFUSALS), FAILED, NOT_THERE)
"""What may come of a request, from what lets most through."""


def _text(table: str, cells: Sequence[Cell]) -> str:
    """Return the table of one table: a line for each role, a column for each command."""
    of_table = [cell for cell in cells if cell.table == table]
    commands = list(dict.fromkeys(cell.command for cell in of_table))
    lines = [[table, *commands]]
    for asker in ASKERS:
        mine = [cell for cell in of_table if cell.role == asker.name]
        lines.append([asker.name, *(_best([cell for cell in mine if cell.command == cmd]) for cmd in commands)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _best(cells: Sequence[Cell]) -> str:
    best = min((cell.outcome for cell in cells), key=_BEST_FIRST.index)
    differing = sum(not cell.agrees for cell in cells)
    return f"{best} ({differing} differ)" if differing else best
