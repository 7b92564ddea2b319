"""Where does a backend part from the model, when both are asked the same?

The model predicts the outcome of every request and what everybody sees. The backend is asked
first, so that the model can take over the ids that it made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, TypeAlias, cast

import attrs
from attrs import field, frozen

from crm_domain import commands as c
from crm_domain.command_log import LOG_TABLES, OWNER_COLUMNS, LoggedRead, LogLine
from crm_domain.ids import SERVICE
from crm_domain.ports import Backend, JournalEntry, Tables
from crm_domain.reads import GetDashboard, Read, Select
from crm_domain.rows import TABLES
from crm_domain.rules import HARDENED, Rules
from crm_domain.schema import DEFAULT, Table

from ..histories import Lines, Snapshot, overlapping_groups
from ..people import PEOPLE
from .backends import Keyed, Overlapping
from .differences import NOTHING_KNOWN, Difference, Known, Outcome, Trait, differences_of
from .observing import OBSERVERS, Seen, look, seen_values
from .predicting import Prediction, outcomes_of
from .stored import stored_in, take_over

Watch: TypeAlias = Callable[[LogLine, Outcome, Tables], object]
"""Is given each request, what the rules say, and the model's tables afterwards."""


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
        stored: What is in the backend's tables afterwards.
        known: What was left out of the comparison.
        followed: What the model took over on the way, by the number of the line after which it did.
    """

    lines: Lines
    difference: Difference
    answers: Sequence[Sequence[Outcome]] = field(repr=False)
    expected: Sequence[Outcome] = field(repr=False)
    before: Snapshot = field(repr=False)
    after: Snapshot = field(repr=False)
    entries: Sequence[JournalEntry] = field(repr=False)
    stored: Mapping[str, Seen] = field(repr=False)
    known: Known = NOTHING_KNOWN
    followed: Mapping[int, Mapping[str, Seen]] = field(factory=dict, repr=False)

    @property
    def other_tables(self) -> frozenset[str]:
        """The names of the tables in which there are other rows than the model has."""
        after = self.after.values
        return frozenset(n for n, found in self.stored.items() if not found.same(seen_values(TABLES[n], after[n])))


@frozen(kw_only=True)
class Survey:
    """Everything in which a backend and the model differ at one place.

    Attributes:
        answers: How the answers differ.
        looks: How what everyone sees differs.
        can_follow: Whether the two are the same again, as far as they were, once the model holds the rows that the
            backend stored.
    """

    answers: tuple[Difference, ...]
    looks: tuple[Difference, ...]
    can_follow: bool

    @property
    def is_stored(self) -> bool:
        """Whether other rows are stored than the model has, by the service's word."""
        return any(difference.line.principal == SERVICE for difference in self.looks)


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
        looks: How everyone sees everything; by default the tables and the dashboards.
        known: What is left out of the comparison.
        followed: Lines after which the model takes over what the backend did.
        begins_with_rows: Whether there are rows after a reset, which the model takes over.
    """

    def __init__(
        self,
        backend: Backend,
        rules: Rules = HARDENED,
        tables: tuple[Table[Any], ...] = LOG_TABLES,
        looks: Sequence[LogLine] | None = None,
        *,
        known: Known = NOTHING_KNOWN,
        followed: Sequence[LogLine] = (),
        begins_with_rows: bool = False,
    ) -> None:
        self.backend = backend
        self.rules = rules
        self.tables = tables
        self.looks = looks_of(tables) if looks is None else looks
        self.known = known
        self.followed = followed
        self.begins_with_rows = begins_with_rows

    def first(self, lines: Sequence[LogLine], watch: Watch | None = None) -> int | None:
        """Return the number of the line, from 1, at which a difference is seen; None if the two are the same.

        Everyone looks at everything after the last line only, so that a difference that no answer
        shows is seen later than it came; `place` says where.

        Args:
            lines: What is asked.
            watch: Is given each request, what the rules say, and the model's tables afterwards.

        Raises:
            NotInBackend: The backend has no such thing.
        """
        pair = _Pair(self)
        for group in overlapping_groups(lines):
            difference = next(pair.ask(group), None)
            if watch is not None:
                pair.show(watch, group)
            if difference:
                return pair.number
        if next(pair.look(), None):
            return len(lines)
        if watch is not None:
            pair.show_looks(watch)
        return None

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

    def parting(self, lines: Sequence[LogLine], about: frozenset[Trait] = frozenset()) -> Parting | None:
        """Return what happens at the last of *lines*, if the two part there; if they part earlier, there.

        Args:
            lines: What is asked.
            about: Of several differences the first of these aspects is meant, if there is one.

        Raises:
            NotInBackend: The backend has no such thing.
        """
        pair, number = self._before_last(lines)
        if number is not None:
            return self.parting(lines[:number], about)
        last = list(overlapping_groups(lines))[-1]
        before = pair.model.state()
        found = chain(pair.ask(last), pair.look())
        difference = next(found, None)
        if about and difference is not None and not difference.aspects & about:
            difference = next((other for other in found if other.aspects & about), difference)
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
            stored=pair.stored(),
            known=self.known,
            followed=pair.taken_over,
        )

    def survey(self, lines: Sequence[LogLine]) -> Survey:
        """Return everything in which the two differ after the last of *lines*, where they part."""
        pair, _ = self._before_last(lines)
        answers = tuple(pair.ask(list(overlapping_groups(lines))[-1]))
        looks = tuple(pair.look())
        known = {trait for difference in looks for trait in difference.traits}
        pair.take_over()
        left = {trait for difference in pair.look() for trait in difference.traits}
        is_stored = any(trait[0] == SERVICE for trait in known)
        can_follow = is_stored and left <= known and not any(trait[0] == SERVICE for trait in left)
        return Survey(answers=answers, looks=looks, can_follow=can_follow)

    def _before_last(self, lines: Sequence[LogLine]) -> tuple[_Pair, int | None]:
        """Return the two before the last of *lines*, or the number of an earlier line at which they part."""
        pair = _Pair(self)
        for group in list(overlapping_groups(lines))[:-1]:
            if next(pair.ask(group), None):
                return pair, pair.number
        return pair, None


class _Pair:
    """A backend that was reset, and a new model next to it."""

    def __init__(self, lockstep: Lockstep) -> None:
        self._lockstep = lockstep
        self._backend = lockstep.backend
        self._known = lockstep.known
        self.model = Prediction(lockstep.rules)
        self.number = 0
        self.answers: list[Sequence[Outcome]] = []
        self.expected: Sequence[Outcome] = ()
        self.taken_over: dict[int, Mapping[str, Seen]] = {}
        self._backend.reset()
        if lockstep.begins_with_rows:
            self.take_over()

    def ask(self, group: Sequence[LogLine]) -> Iterator[Difference]:
        """Ask one line, or several that overlap; yield how the answers differ."""
        self.number += len(group)
        try:
            outcomes = outcomes_of(self._backend, group)
        except NotImplementedError as error:
            raise NotInBackend(self.number, error) from error
        self.answers.append(outcomes)
        self.expected = self.model.ask(group, outcomes)
        if any(line in self._lockstep.followed for line in group):
            self.take_over()
            return iter(())
        return differences_of(group, outcomes, self.expected, self._known)

    def look(self) -> Iterator[Difference]:
        """Have everyone look at everything; yield what differs."""
        return (difference for line in self._lockstep.looks for difference in self._look(line))

    def _look(self, line: LogLine) -> Iterator[Difference]:
        found, expected = (outcomes_of(backend, [line]) for backend in (self._backend, self.model.backend))
        return differences_of([line], found, expected, self._known)

    def show(self, watch: Watch, group: Sequence[LogLine]) -> None:
        """Have what was asked last watched."""
        for line, expected in zip(group, self.expected, strict=True):
            watch(line, expected, self.model.crm.tables)

    def show_looks(self, watch: Watch) -> None:
        """Have the looks watched."""
        for line in self._lockstep.looks:
            watch(line, None, self.model.crm.tables)

    def stored(self) -> dict[str, Seen]:
        """Return what is in the backend's tables."""
        return {
            table.name: stored_in(self._backend, table, look(self.model.backend, SERVICE, table), self._known)
            for table in self._lockstep.tables
        }

    def take_over(self) -> None:
        """Have the model hold what is in the backend's tables."""
        self.taken_over[self.number] = self.stored()
        take_over(self.model.crm, self.taken_over[self.number])


@cache
def looks_of(tables: tuple[Table[Any], ...]) -> tuple[LogLine, ...]:
    """Return everybody's requests to see everything."""
    reads: list[LoggedRead] = [
        *(Select(table=table) for table in tables),
        *(GetDashboard(email=p.email) for p in PEOPLE),
    ]
    return tuple(LogLine(reader, read) for reader in OBSERVERS for read in reads)
