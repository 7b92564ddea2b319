"""The result of a sequence of requests, step by step, and which laws did it break?"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final, cast

from attrs import define, field, frozen

from crm_domain.answers import Accepted
from crm_domain.clocks import ManualClock, SequentialIds
from crm_domain.command_log import LogLine, log_text, plain_line
from crm_domain.commands import Command
from crm_domain.crm import Crm
from crm_domain.errors import Refused
from crm_domain.laws import LAWS, Answer, AnyLaw, StateLaw, Step, StepLaw, Violation
from crm_domain.memory.rows import memory_rows
from crm_domain.memory.store import rebuilt
from crm_domain.ports import JournalEntry, Rows, Tables
from crm_domain.reads import GetDashboard, Select
from crm_domain.rows import TABLES
from crm_domain.rules import HARDENED, Rules
from crm_domain.schema import Values

from .people import LABELS, PEOPLE

if TYPE_CHECKING:
    from hypothesis.vendor.pretty import RepresentationPrinter

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a run starts; each line that does not say when comes 1 second after the place of the one before."""


class Lines(tuple[LogLine, ...]):
    """Lines of a command log, which hypothesis prints as such."""

    __slots__ = ()

    def __str__(self) -> str:
        emails = {person.user_id: person.email for person in PEOPLE}
        return log_text(self, LABELS, emails=emails)

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: bool) -> None:  # noqa: FBT001 - IPython's protocol
        for n, line in enumerate(str(self).splitlines()):
            if n:
                printer.break_()
            printer.text(line)


@define
class Past:
    """The first *length* entries of a journal that may have grown since."""

    all_entries: list[JournalEntry]
    length: int

    def entries(self) -> Iterator[JournalEntry]:
        """Yield every entry."""
        return islice(self.all_entries, self.length)


@frozen(kw_only=True)
class Snapshot:
    """A state that stays as it is.

    Attributes:
        tables: A copy of the tables; what did not change is shared with the snapshot before.
        journal: The events up to then.
        rules: The rules in force.
        values: The rows of each table, as they are compared.
    """

    tables: Tables
    journal: Past
    rules: Rules
    values: dict[str, list[Values]] = field(repr=False)

    @classmethod
    def of(cls, tables: Tables, journal: Past, rules: Rules, *, last: Snapshot | None = None) -> Snapshot:
        """Copy *tables*, sharing with *last* what is the same."""
        values: dict[str, list[Values]] = {}
        copies: dict[str, Rows[object]] = {}
        for name, table in TABLES.items():
            rows = [table.values_of(row) for row in tables.by_name[name]]
            if last is not None and rows == last.values[name]:
                values[name], copies[name] = last.values[name], last.tables.by_name[name]
            else:
                values[name], copies[name] = rows, memory_rows(table)
                for row in rows:
                    copies[name].insert(row)
        return cls(tables=Tables.made_by(lambda table: copies[table.name]), journal=journal, rules=rules, values=values)


@frozen(kw_only=True)
class History:
    """The result of a sequence of requests.

    Attributes:
        rules: The rules in force.
        lines: The requests.
        steps: The result of each.
    """

    rules: Rules
    lines: Lines
    steps: tuple[Step, ...]

    @property
    def log(self) -> str:
        """The requests as a command log that runs: one JSON object a line."""
        return "".join(_logged(line, step.before.tables) for line, step in zip(self.lines, self.steps, strict=True))


def _logged(line: LogLine, tables: Tables) -> str:
    emails = {crm_user.user_id: crm_user.email for crm_user in tables.crm_users}
    return json.dumps(plain_line(line, LABELS, emails=emails)) + "\n"


class Recorder:
    """A `Crm` in memory that keeps the result of every request.

    Time and made ids depend only on a line's place, so that runs can be compared line by line.

    Args:
        rules: The rules in force.
    """

    def __init__(self, rules: Rules = HARDENED) -> None:
        self._clock = ManualClock(START)
        self._ids = SequentialIds()
        self.crm = Crm(rules=rules, clock=self._clock, new_id=self._ids)
        self._place = 0
        self._entries: list[JournalEntry] = []
        self._lines: list[LogLine] = []
        self._steps: list[Step] = []
        self._state = Snapshot.of(self.crm.tables, Past(self._entries, 0), rules)

    @property
    def history(self) -> History:
        """The result of all requests until now."""
        return History(rules=self.crm.rules, lines=Lines(self._lines), steps=tuple(self._steps))

    def skip(self, places: int) -> None:
        """Leave places empty: the next line comes when it would have come behind as many others."""
        self._place += places

    def ask(self, *lines: LogLine) -> list[Step]:
        """Execute one line, or several commands that overlap in time."""
        self._place += 1
        self._clock.now = lines[0].at or START + timedelta(seconds=self._place)
        self._ids.prefix, self._ids.made = f"made-{self._place}", 0
        self._place += len(lines) - 1
        try:
            outcomes = [self._answer(lines[0])] if len(lines) == 1 else self._overlapping(lines)
        except Exception as error:
            failing = "".join(_logged(line, self.crm.tables) for line in lines)
            error.add_note(f"It failed on the last of these lines:\n{self.history.log}{failing}")
            raise
        return [
            self._kept(line, outcome, last=line is lines[-1]) for line, outcome in zip(lines, outcomes, strict=True)
        ]

    def _answer(self, line: LogLine) -> Answer:
        try:
            if isinstance(line.request, Select | GetDashboard):
                return self.crm.answer(line.principal, line.request)
            return self.crm.execute(line.principal, line.request, key=line.key)
        except Refused as refusal:
            return refusal

    def _overlapping(self, lines: Sequence[LogLine]) -> Sequence[Answer]:
        return self.crm.execute_overlapping([(line.principal, cast("Command", line.request)) for line in lines])

    def _kept(self, line: LogLine, outcome: Answer, *, last: bool) -> Step:
        """Keep the result of a line; the state after all but the last of a group is replayed."""
        known, journal = len(self._entries), self.crm.journal
        upto = len(journal) if last else known + (len(outcome.events) if isinstance(outcome, Accepted) else 0)
        self._entries += journal.entries(after=known, upto=upto)
        tables = self.crm.tables if last else rebuilt(journal, upto=upto)
        before = self._state
        self._state = Snapshot.of(tables, Past(self._entries, upto), self.crm.rules, last=before)
        step = Step(
            before=before,
            principal=line.principal,
            command=line.request,
            outcome=outcome,
            entries=tuple(self._entries[known:]),
            after=self._state,
        )
        self._lines.append(line)
        self._steps.append(step)
        return step


def run(lines: Iterable[LogLine], rules: Rules = HARDENED, *, without: Container[int] = ()) -> History:
    """Execute *lines* on a new `Crm` in memory.

    Args:
        lines: The requests; consecutive ones of one ``concurrent`` group overlap in time.
        rules: The rules in force.
        without: Indexes of lines that are left out; the others come when they would have come anyway.
    """
    recorder = Recorder(rules)
    index = 0
    for group in overlapping_groups(lines):
        kept = [line for n, line in enumerate(group, start=index) if n not in without]
        index += len(group)
        if kept:
            recorder.ask(*kept)
        recorder.skip(len(group) - len(kept))
    return recorder.history


def overlapping_groups(lines: Iterable[LogLine]) -> Iterator[list[LogLine]]:
    """Yield lines that overlap together, all others alone."""
    for group, members in groupby(lines, lambda line: line.concurrent):
        if group is None:
            yield from ([line] for line in members)
        else:
            yield list(members)


def violations(history: History, laws: Iterable[AnyLaw] = LAWS, *, after: int = 0) -> Iterator[tuple[int, Violation]]:
    """Yield where a history breaks laws of states and steps, each with the number of the line, from 1.

    Args:
        history: The result of the requests.
        laws: The laws; those of runs say nothing about one history.
        after: How many lines at the start have been judged before.
    """
    laws = tuple(laws)
    for number, step in enumerate(history.steps[after:], start=after + 1):
        for law in laws:
            for text in _broken(law, step):
                yield number, Violation(law, text)


def _broken(law: AnyLaw, step: Step) -> Iterator[str]:
    match law:
        case StateLaw():
            # Where nothing happened, the state was judged before; that it is the same, a law of steps says.
            return law.check(step.after) if step.entries else iter(())
        case StepLaw():
            return law.check(step)
        case _:
            return iter(())


def broken_laws(history: History) -> frozenset[str]:
    """Return the names of the laws that a history breaks."""
    return frozenset(violation.law.name for _, violation in violations(history))


def assert_lawful(history: History, laws: Iterable[AnyLaw] = LAWS, *, after: int = 0) -> None:
    """Assert that a history keeps the laws; the arguments are those of `violations`.

    Raises:
        AssertionError: It does not; a note holds the requests as a command log that runs.
    """
    broken = [f"line {number}: {violation}" for number, violation in violations(history, laws, after=after)]
    if broken:
        error = AssertionError("\n".join(broken))
        policy = history.rules.credit_policy
        reading = f"--rules {history.rules}" + (f", {policy}" if policy != HARDENED.credit_policy else "")
        error.add_note(f"The requests, as a command log that runs ({reading}):\n{history.log}")
        raise error
