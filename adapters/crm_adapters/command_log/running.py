"""What comes of each line of a command log?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, cast

from attrs import frozen

from crm_domain import HARDENED, Accepted, Clock, Command, Crm, Refused, Rules, Store
from crm_domain.clocks import label_uuid, system_clock
from crm_domain.command_log import Labels
from crm_domain.memory.store import MemoryStore
from crm_domain.reads import Read

from .answers import Outcome, outcome_of
from .explaining import ExplainedLine, explained_read
from .reading import Entry, LogError


@frozen
class _Done:
    """The result of lines that overlap, or of one line.

    Attributes:
        entries: The lines.
        answers: The answer or the refusal of each.
        made: The labels of the ids that were made for them.
    """

    entries: Sequence[Entry]
    answers: Sequence[Any]
    made: Sequence[str]


class Run:
    """A command log being executed, line by line.

    Ids that the model makes are those of the labels ``line-7-1``, ``line-7-2``, … after the line
    that caused them, so that every run of a log makes the same ones. Where others have written to
    the store, too, the number of events before the line distinguishes its ids from theirs:
    ``after-120-line-7-1``.

    Args:
        rules: The rules in force.
        clock: Gives the time of lines that have no ``at``.
        store: Where the state is; in memory by default.

    Attributes:
        crm: The state after the lines executed so far.
        labels: The labels of the ids in it.
    """

    def __init__(
        self,
        *,
        rules: Rules = HARDENED,
        clock: Clock = system_clock,
        store: Store | None = None,
    ) -> None:
        self._clock = clock
        self._at: datetime | None = None
        self._line = 0
        self._made: list[str] = []
        self._events = 0
        self.labels = Labels()
        self._store = store or MemoryStore()
        self.crm = Crm(self._store, rules=rules, clock=lambda: self._at or self._clock(), new_id=self._new_id)

    def outcomes(self, entries: Iterable[Entry], *, at_once: int = 1) -> Iterator[Outcome]:
        """Execute the entries and yield the result of each, as soon as it is known, and kept.

        A group of concurrent lines is executed once the line behind it was read.

        Args:
            entries: The lines.
            at_once: How many of them are kept together, all or none; a group is not divided.

        Raises:
            LogError: Reading came to a line that is not a command; all lines before it stand.
        """
        for steps in _together(_steps(entries), at_once):
            for done in self._kept(steps, as_one=at_once > 1):
                for entry, answer in zip(done.entries, done.answers, strict=True):
                    if not isinstance(answer, Refused):
                        self._remember(entry, answer, done.made)
                    yield outcome_of(entry, answer, self.labels)

    def _kept(self, steps: Sequence[Sequence[Entry]], *, as_one: bool) -> Sequence[_Done]:
        with self.crm.batch() if as_one else nullcontext():
            return [self._done(step) for step in steps]

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
        self._at, self._line, self._made = entry.line.at, entry.number, []

    def _new_id(self) -> str:
        events = len(self.crm.journal)
        before = "" if events == self._events else f"after-{events}-"
        self._made.append(f"{before}line-{self._line}-{len(self._made) + 1}")
        return label_uuid(self._made[-1])

    def _done(self, step: Sequence[Entry]) -> _Done:
        self._begin(step[0])
        answers = self._answers(step)
        self._events += sum(map(_events_of, step, answers))
        return _Done(step, answers, self._made)

    def _answers(self, step: Sequence[Entry]) -> list[Any]:
        """Execute lines that overlap, or the one line that does not."""
        first = step[0]
        principal, request = first.line.principal, first.line.request
        try:
            if isinstance(request, Read):
                return [self.crm.answer(principal, request)]
            if first.line.concurrent is None:
                return [self.crm.execute(principal, request, key=first.line.key)]
        except Refused as refusal:
            return [refusal]
        overlapping = [(entry.line.principal, cast("Command", entry.line.request)) for entry in step]
        return [*self.crm.execute_overlapping(overlapping)]

    def _remember(self, entry: Entry, answer: object, made: Sequence[str]) -> None:
        """Know the labels of what was stored; others would grow with the log instead of the state."""
        if isinstance(answer, Accepted) and answer.events:
            for name in (*entry.names, *made):
                self.labels.add(name)


def _events_of(entry: Entry, answer: object) -> int:
    """Return how many events were appended; a key that is used is one more than the answer has."""
    if not isinstance(answer, Accepted) or answer.replayed:
        return 0
    alone = entry.line.concurrent is None  # lines that overlap do not use their keys
    return len(answer.events) + int(alone and entry.line.key is not None)


def _together(steps: Iterable[list[Entry]], at_once: int) -> Iterator[list[list[Entry]]]:
    """Yield the steps, so many lines at a time."""
    waiting: list[list[Entry]] = []
    try:
        for step in steps:
            waiting.append(step)
            if sum(map(len, waiting)) >= at_once:
                yield waiting
                waiting = []
    except LogError:
        if waiting:
            yield waiting
        raise
    if waiting:
        yield waiting


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
