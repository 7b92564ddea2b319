"""What comes of each line of a command log?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, cast

from crm_domain import HARDENED, Accepted, Clock, Command, Crm, Refused, Rules
from crm_domain.command_log import Labels
from crm_domain.memory import MemoryStore
from crm_domain.reads import Read
from crm_domain.sources import SequentialIds, system_clock

from .answers import Outcome, outcome_of
from .explaining import ExplainedLine, explained_read
from .reading import Entry, LogError


class Run:
    """A command log being executed, line by line, on a `Crm` of its own.

    Ids that the model makes are those of the labels ``line-7-1``, ``line-7-2``, … after the line
    that caused them, so that every run of a log makes the same ones.

    Args:
        rules: The rules in force.
        clock: Tells the time of lines that have no ``at``.

    Attributes:
        crm: The state after the lines executed so far.
        labels: The labels of the ids in it.
    """

    def __init__(self, *, rules: Rules = HARDENED, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._at: datetime | None = None
        self._ids = SequentialIds()
        self.labels = Labels()
        self._store = MemoryStore()
        self.crm = Crm(self._store, rules=rules, clock=lambda: self._at or self._clock(), new_id=self._ids)

    def outcomes(self, entries: Iterable[Entry]) -> Iterator[Outcome]:
        """Execute the entries and yield what came of each, as soon as it is known.

        A group of concurrent lines is executed once the line behind it was read.

        Raises:
            LogError: Reading came to a line that is not a command; all lines before it stand.
        """
        for step in _steps(entries):
            for entry, answer in zip(step, self._answers(step), strict=True):
                if not isinstance(answer, Refused):
                    self._remember(entry, answer)
                yield outcome_of(entry, answer, self.labels)

    def explain(self, entry: Entry) -> ExplainedLine:
        """Tell, without executing it, what would come of an entry now; its idempotency key is passed over."""
        self._begin(entry)
        for name in entry.names:
            self.labels.add(name)
        principal, request = entry.line.principal, entry.line.request
        if isinstance(request, Read):
            answer, explanation = explained_read(self._store, self.crm.rules, principal, request)
        else:
            explanation = self.crm.explain(principal, request)
            answer = explanation.refusal or explanation.accepted
        return ExplainedLine(entry=entry, outcome=outcome_of(entry, answer, self.labels), explanation=explanation)

    def _begin(self, entry: Entry) -> None:
        self._at = entry.line.at
        self._ids.prefix, self._ids.made = f"line-{entry.number}", 0

    def _answers(self, step: Sequence[Entry]) -> list[Any]:
        """Execute lines that overlap, or the one line that does not."""
        first = step[0]
        self._begin(first)
        principal, request = first.line.principal, first.line.request
        try:
            if isinstance(request, Read):
                return [request.answer(self.crm, principal)]
            if first.line.concurrent is None:
                return [self.crm.execute(principal, request, key=first.line.key)]
        except Refused as refusal:
            return [refusal]
        overlapping = [(entry.line.principal, cast("Command", entry.line.request)) for entry in step]
        return [*self.crm.execute_overlapping(overlapping)]

    def _remember(self, entry: Entry, answer: object) -> None:
        """Know the labels of what was stored; others would grow with the log instead of the state."""
        if isinstance(answer, Accepted) and answer.events:
            made = (f"{self._ids.prefix}-{n}" for n in range(1, self._ids.made + 1))
            for name in (*entry.names, *made):
                self.labels.add(name)


def _steps(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield the lines of each concurrent group together and all others one by one, without waiting."""
    group: list[Entry] = []
    try:
        for entry in entries:
            if group and entry.line.concurrent != group[0].line.concurrent:
                yield group
                group = []
            if entry.line.concurrent is None:
                yield [entry]
            else:
                group.append(entry)
    except LogError:
        if group:
            yield group
        raise
    if group:
        yield group
