"""Where does a backend part from the model, when both are asked the same?

The model predicts the outcome of every request and what everybody sees. The backend is asked
first, so that the model can take over the ids that it made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

import attrs
from attrs import field, frozen

from crm_domain import commands as c
from crm_domain.command_log import LOG_TABLES, OWNER_COLUMNS, LoggedRead, LogLine
from crm_domain.errors import Refused
from crm_domain.ids import SERVICE
from crm_domain.ports import Backend, JournalEntry
from crm_domain.reads import GetDashboard, Read, Select
from crm_domain.rows import TABLES
from crm_domain.rules import HARDENED, Rules
from crm_domain.schema import DEFAULT, Table

from ..histories import Lines, Snapshot, overlapping_groups
from ..people import LABELS, PEOPLE
from .backends import Keyed, Overlapping
from .leniency import is_tolerated
from .observing import (
    ABSENT,
    ANSWERED,
    OBSERVERS,
    Failed,
    Seen,
    compared_columns,
    dashboard_shown,
    identity_of,
    look,
    same_refusal,
    seen,
    seen_values,
    told,
)
from .predicting import Outcome, Prediction, outcomes_of


class NotInBackend(Exception):  # noqa: N818 - says what is not there, and is no error
    """Raised when the backend does not have what a line asks for.

    Attributes:
        number: The line, from 1.
        said: What it said.
    """

    def __init__(self, number: int, said: NotImplementedError) -> None:
        super().__init__(f"line {number}: {said}")
        self.number = number
        self.said = said


@frozen(kw_only=True)
class Difference:
    """Something in which a backend and the model are not the same.

    Attributes:
        text: What the backend said or showed, and what the rules say, in words.
        line: What was asked: a line of the sequence, or a look at what came of it.
        expected: The model's outcome.
        outcome: The backend's.
    """

    text: str
    line: LogLine
    expected: Outcome = None
    outcome: Outcome = None

    @property
    def shows(self) -> Lines:
        """The look that shows it, if it is somebody's own; what the service sees, it sees in the final state."""
        is_look = isinstance(self.line.request, Read) and self.line.principal != SERVICE
        return Lines([self.line] if is_look else [])


@frozen(kw_only=True)
class Parting:
    """What a backend and the model did at the line where they parted.

    Attributes:
        lines: Everything that was asked; they part at the last line, or the last that overlap.
        difference: In what; the first that was found.
        answers: What the backend said: to each line alone, or to those together that overlap.
        expected: What the model said to the last of them.
        before: The state before the last lines, the same in both.
        after: The model's state after them.
        entries: What happened by the model.
        stored: What the service sees in the backend's tables afterwards.
    """

    lines: Lines
    difference: Difference
    answers: Sequence[Sequence[Outcome]] = field(repr=False)
    expected: Sequence[Outcome] = field(repr=False)
    before: Snapshot = field(repr=False)
    after: Snapshot = field(repr=False)
    entries: Sequence[JournalEntry] = field(repr=False)
    stored: Mapping[str, Seen] = field(repr=False)

    @property
    def other_tables(self) -> frozenset[str]:
        """The names of the tables in which the service sees other rows than the model has."""
        after = self.after.values
        return frozenset(n for n, found in self.stored.items() if not found.same(seen_values(TABLES[n], after[n])))


def understood(lines: Sequence[LogLine], backend: Backend) -> Lines:
    """Return lines as a backend can be asked them.

    It has a clock of its own, so times are left out; idempotency keys and overlaps too, unless it
    knows them. Owners that a command leaves out are NULL, as in a command log.
    """
    keyed, overlapping = isinstance(backend, Keyed), isinstance(backend, Overlapping)
    return Lines(
        LogLine(
            line.principal,
            _with_owner(line.request),
            key=line.key if keyed and not isinstance(line.request, Read) else None,
            concurrent=line.concurrent if overlapping else None,
        )
        for line in lines
    )


def _with_owner(request: Any) -> Any:
    if not isinstance(request, c.CreateRow):
        return request
    left_out = {name: None for name in OWNER_COLUMNS if getattr(request, name, None) is DEFAULT}
    return attrs.evolve(cast("Any", request), **left_out) if left_out else request


class Lockstep:
    """A backend and the model, asked the same from the beginning.

    Args:
        backend: The backend.
        rules: What it is held to.
        tables: The tables that it has.
        looks: How everybody sees everything; by default the tables and the dashboards.
    """

    def __init__(
        self,
        backend: Backend,
        rules: Rules = HARDENED,
        tables: tuple[Table[Any], ...] = LOG_TABLES,
        looks: Sequence[LogLine] | None = None,
    ) -> None:
        self.backend = backend
        self.rules = rules
        self.tables = tables
        self.looks = looks_of(tables) if looks is None else looks

    def first(self, lines: Sequence[LogLine]) -> int | None:
        """Return the number of the line, from 1, at which a difference is seen; None if the two are the same.

        Everybody looks at everything after the last line only, so that a difference that no answer
        shows is seen later than it came; `place` says where.

        Raises:
            NotInBackend: The backend has no such thing.
        """
        pair = _Pair(self.backend, self.rules, self.looks)
        for group in overlapping_groups(lines):
            if next(pair.ask(group), None):
                return pair.number
        return len(lines) if next(pair.look(), None) else None

    def place(self, lines: Sequence[LogLine], number: int) -> int:
        """Return the number of the line at which a difference came that is seen after *number* lines.

        Differences mostly stay; if one went again, the place is one of those where another came.
        """
        same, other = 0, number
        middle = number - 1  # mostly it is seen at once
        while other - same > 1:
            if self.first(lines[:middle]) is None:
                same = middle
            else:
                other = middle
            middle = (same + other) // 2
        return other

    def parting(self, lines: Sequence[LogLine]) -> Parting | None:
        """Return what happens at the last of *lines*, if the two part there; if they part earlier, there.

        Raises:
            NotInBackend: The backend has no such thing.
        """
        *earlier, last = overlapping_groups(lines)
        pair = _Pair(self.backend, self.rules, self.looks)
        for group in earlier:
            if next(pair.ask(group), None):
                return self.parting(lines[: pair.number])
        before = pair.model.state()
        difference = next(pair.ask(last), None) or next(pair.look(), None)
        if difference is None:
            return None
        return Parting(
            lines=Lines(lines),
            difference=difference,
            answers=tuple(pair.answers),
            expected=pair.expected,
            before=before,
            after=pair.model.state(),
            entries=tuple(pair.model.crm.journal.entries(after=before.journal.length)),
            stored={table.name: look(self.backend, SERVICE, table) for table in self.tables},
        )


class _Pair:
    """A backend that was reset, and a new model beside it."""

    def __init__(self, backend: Backend, rules: Rules, looks: Sequence[LogLine]) -> None:
        self._backend = backend
        self._looks = looks
        self.model = Prediction(rules)
        self.number = 0
        self.answers: list[Sequence[Outcome]] = []
        self.expected: Sequence[Outcome] = ()
        backend.reset()

    def ask(self, group: Sequence[LogLine]) -> Iterator[Difference]:
        """Ask one line, or several that overlap; yield how the answers differ."""
        self.number += len(group)
        try:
            outcomes = outcomes_of(self._backend, group)
        except NotImplementedError as error:
            raise NotInBackend(self.number, error) from error
        self.answers.append(outcomes)
        self.expected = self.model.ask(group, outcomes)
        return differences_of(group, outcomes, self.expected)

    def look(self) -> Iterator[Difference]:
        """Have everybody look at everything; yield what differs."""
        return (difference for line in self._looks for difference in self._look(line))

    def _look(self, line: LogLine) -> Iterator[Difference]:
        found, expected = (outcomes_of(backend, [line]) for backend in (self._backend, self.model.backend))
        return differences_of([line], found, expected)


@cache
def looks_of(tables: tuple[Table[Any], ...]) -> tuple[LogLine, ...]:
    """Return everybody's requests to see everything."""
    reads: list[LoggedRead] = [
        *(Select(table=table) for table in tables),
        *(GetDashboard(email=p.email) for p in PEOPLE),
    ]
    return tuple(LogLine(reader, read) for reader in OBSERVERS for read in reads)


# --- what is not the same, in words ------------------------------------------------------------


def differences_of(
    group: Sequence[LogLine], outcomes: Sequence[Outcome], expected: Sequence[Outcome]
) -> Iterator[Difference]:
    """Yield how a backend's outcomes are not what the rules say."""
    for line, outcome, wanted in zip(group, outcomes, expected, strict=True):
        for text in _answers_differ(line, outcome, wanted):
            yield Difference(text=text, line=line, expected=wanted, outcome=outcome)


def _answers_differ(line: LogLine, outcome: Outcome, expected: Outcome) -> Iterator[str]:
    """Yield how the backend's outcome is not what the rules say."""
    asked = f"{LABELS.name(str(line.principal))} asked for {type(line.request).__name__}"
    if outcome is not expected and is_tolerated(line, outcome, expected):
        return
    if isinstance(outcome, Failed):
        if outcome != expected:
            yield f"{asked} and it {outcome}, expected {_kind(expected)}"
    elif isinstance(outcome, Refused) and isinstance(expected, Refused):
        if not same_refusal(outcome, expected):
            yield f"{asked} and got {_kind(outcome)}, expected {_kind(expected)}"
    elif isinstance(outcome, Refused) or isinstance(expected, Refused):
        yield f"{asked} and got {_kind(outcome)}, expected {_kind(expected)}"
    elif isinstance(line.request, Select):
        table = line.request.table
        found, wanted = seen(table, outcome), seen(table, expected)
        if not found.same(wanted):
            yield f"{asked}: {_rows_differ(table, found, wanted)}"
    elif isinstance(line.request, GetDashboard):
        got, want = dashboard_shown(outcome), dashboard_shown(expected)
        if got != want:
            yield f"{asked} of {line.request.email}: {_dashboards_differ(got, want)}"
    else:
        for name in ANSWERED:
            got, want = told(outcome, name), told(expected, name)
            is_made = getattr(line.request, name, None) is DEFAULT
            if got is not None and want is not None and got != want and not is_made:
                yield f"{asked} and was told {name} {got}, expected {want}"


def _kind(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        return f"{outcome.code} ({outcome.message})" if outcome.message else outcome.code
    return str(outcome) if isinstance(outcome, Failed) else "an answer"


_LISTED_MAX: Final = 3
"""How many differences of one look are told; a counterexample has few."""


def _rows_differ(table: Table[Any], found: Seen, expected: Seen) -> str:
    """Say how rows that somebody sees are not those that the rules say."""
    if not isinstance(found.shown, tuple) or not isinstance(expected.shown, tuple):
        return f"{table.name}: {_said(found)}, expected {_said(expected)}"
    texts = [*_row_differences(table, found, expected)]
    more = f", and {len(texts) - _LISTED_MAX} more" if len(texts) > _LISTED_MAX else ""
    return "; ".join(texts[:_LISTED_MAX]) + more


def _row_differences(table: Table[Any], found: Seen, expected: Seen) -> Iterator[str]:
    names = compared_columns(table)
    key = names.index(identity_of(table))
    wanted = {row[key]: row for row in _rows(expected)}
    for row in _rows(found):
        place, twin = f"{table.name} {_named(row[key])}", wanted.pop(row[key], None)
        if twin is None:
            yield f"{place} is there, expected no such row"
            continue
        for name, value, want in zip(names, row, twin, strict=True):
            if value != want and value is not ABSENT:
                yield f"{place}: {name} is {_named(value)}, expected {_named(want)}"
    for row in wanted.values():
        yield f"{table.name} {_named(row[key])} is not there, expected {_row(names, row)}"


def _rows(seen_: Seen) -> Sequence[Sequence[Any]]:
    return seen_.shown if isinstance(seen_.shown, tuple) else ()


def _row(names: Sequence[str], row: Sequence[Any]) -> str:
    return ", ".join(f"{n} {_named(v)}" for n, v in zip(names, row, strict=True) if v is not None)


def _named(value: object) -> str:
    """Return a value in words: an id as its label."""
    return LABELS.name(value) if isinstance(value, str) else str(value)


def _said(rows: Seen) -> str:
    return f"{len(rows.shown)} rows" if isinstance(rows.shown, tuple) else _kind(rows.shown)


def _dashboards_differ(found: object, expected: object) -> str:
    """Say how a dashboard is not the one that the rules say."""
    if not isinstance(found, tuple) or not isinstance(expected, tuple):
        return f"got {_whether(found)}, expected {_whether(expected)}"
    return "; ".join(f"{n} is {v}, expected {w}" for (n, v), (_, w) in zip(found, expected, strict=True) if v != w)


def _whether(dashboard: object) -> str:
    if dashboard is None:
        return "none"
    return ", ".join(f"{n} {v}" for n, v in dashboard) if isinstance(dashboard, tuple) else str(dashboard)
