"""What comes of each of many requests, if it alone is asked next? All of them, from one point, with few resets.

Most requests change nothing: they are refused, or read, or touch no row. Those are asked one after
another, and then all that there is to see is looked at once. Only what changes something needs a
backend that starts over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field, frozen

from crm_domain.clocks import ManualClock, SequentialIds
from crm_domain.command_log import LogLine
from crm_domain.crm import Crm
from crm_domain.errors import Refused
from crm_domain.ids import SERVICE
from crm_domain.memory.store import MemoryStore
from crm_domain.ports import Backend, Tables
from crm_domain.rows import TABLES
from crm_domain.rules import Rules

from ..histories import Lines
from .backends import CrmBackend
from .capabilities import Capabilities
from .differences import NOTHING_KNOWN, Difference, Known, Outcome, differences_of
from .leniency import may_be_refused
from .observing import Failed, Seen, look, told
from .predicting import Prediction, outcomes_of
from .stored import copied_rows, stored_in, take_over

OK, NO_ROWS, FAILED, NOT_THERE = "ok", "0 rows", "failed", "not there"
"""What is said of an outcome that is no refusal."""


def in_short(outcome: Outcome) -> str:
    """Return an outcome in a word or two: ``ok``, ``0 rows``, the code of a refusal, ``failed`` or ``not there``."""
    match outcome:
        case Refused():
            return outcome.code
        case Failed():
            return FAILED
        case NotImplementedError():
            return NOT_THERE
        case None | [] | ():
            return NO_ROWS
        case [*_]:
            return OK
    return NO_ROWS if told(outcome, "affected") == 0 else OK


class Point:
    """A state of the model in which many requests are asked, each as if it were the only one.

    Args:
        crm: The state; it stays as it is.
        is_altered: Whether it has rows of which its journal does not know: the model took them over.
    """

    def __init__(self, crm: Crm, *, is_altered: bool = False) -> None:
        self.crm = crm
        self.is_altered = is_altered
        self._spare = self._copied()

    @classmethod
    def behind(cls, lines: Sequence[LogLine], rules: Rules, given: Mapping[str, Seen] | None = None) -> Point:
        """Return the state to which *lines*, none of which overlap, lead.

        Args:
            lines: The lines.
            rules: The rules in force.
            given: Rows that are there at the beginning.
        """
        prediction = Prediction(rules)
        if given:
            take_over(prediction.crm, given)
        for line in lines:
            prediction.ask([line], [None])
        return cls(prediction.crm, is_altered=bool(given))

    def ask(self, line: LogLine) -> tuple[Outcome, Crm]:
        """Return what the rules say, and the state afterwards; if nothing happened, it is used for the next line too."""
        crm = self._spare
        (outcome,) = outcomes_of(_backend(crm), [line])
        if self.is_left_by(crm):
            self._spare = self._copied()
        return outcome, crm

    def _copied(self) -> Crm:
        crm = self.crm
        if not self.is_altered:
            return crm.as_of(position=len(crm.journal))
        store = MemoryStore()
        for entry in crm.journal.entries():
            store.journal.append([entry.event], at=entry.at, principal=entry.principal, key=entry.idempotency_key)
        store.replace_tables(Tables.made_by(lambda table: copied_rows(table, crm.tables.by_name[table.name])))
        return Crm(store, rules=crm.rules, clock=ManualClock(), new_id=SequentialIds("made"))

    def is_left_by(self, crm: Crm) -> bool:
        """Tell whether anything has happened in a state behind this one."""
        return len(crm.journal) > len(self.crm.journal)


def _backend(crm: Crm) -> Backend:
    return CrmBackend(lambda: crm)


@frozen(kw_only=True)
class Branch:
    """One request, asked next.

    Attributes:
        line: The request.
        expected: What the rules say.
        outcome: What the backend said; a `NotImplementedError` where it has no such thing.
        after: The model's state afterwards.
        difference: In what the two part; None if they do not.
    """

    line: LogLine
    expected: Outcome
    outcome: Outcome
    after: Crm = field(repr=False)
    difference: Difference | None = None

    @property
    def is_there(self) -> bool:
        """Whether the backend has what was asked for."""
        return not isinstance(self.outcome, NotImplementedError)


@define
class Fork:
    """A backend and the model at a point to which both come back.

    Attributes:
        backend: The backend; it is reset whenever something has changed.
        point: The model's state.
        has: What the backend has; what it says that it does not have is not asked again.
        begun: The lines that lead there; both agree on all of them.
        looks: What is looked at afterwards.
        known: What is left out of the comparison.
        requests: How many requests were made of the backend, looks aside.
    """

    backend: Backend
    point: Point
    has: Capabilities
    begun: Lines
    looks: Sequence[LogLine]
    known: Known = NOTHING_KNOWN
    requests: int = 0
    _is_there: bool = False

    def branches(self, lines: Sequence[LogLine]) -> list[Branch]:
        """Return what comes of each of *lines*, in their order."""
        predicted = [self._predicted(line) for line in lines]
        quiet = [n for n, (_, _, after) in enumerate(predicted) if after is self.point.crm]
        found = dict(zip(quiet, self._quiet([predicted[n] for n in quiet]), strict=True))
        return [found[n] if n in found else self._alone(*asked) for n, asked in enumerate(predicted)]

    def branch(self, line: LogLine) -> Branch:
        """Return what comes of one line; without those columns that the backend does not take."""
        (branch,) = self.branches([line])
        if not branch.is_there and (rest := self.has.asking(line)) is not None:
            (branch,) = self.branches([rest])
        return branch

    def _predicted(self, line: LogLine) -> tuple[LogLine, Outcome, Crm]:
        expected, crm = self.point.ask(line)
        return line, expected, crm if self.point.is_left_by(crm) else self.point.crm

    def _quiet(self, predicted: Sequence[tuple[LogLine, Outcome, Crm]]) -> list[Branch]:
        """Ask what should change nothing, and look once; if anything changed, ask and look one by one."""
        branches = [self._asked(*asked) for asked in predicted]
        agreeing = [branch for branch in branches if branch.difference is None]
        if len(agreeing) < len(branches):  # a reset after one that differs hides what was changed before
            self._is_there = False
            agreeing = [self._asked(branch.line, branch.expected, branch.after) for branch in agreeing]
        if not agreeing or next(self._seen(self.point.crm), None) is None:
            return branches
        self._is_there = False
        return [self._alone(branch.line, branch.expected, branch.after) for branch in branches]

    def _alone(self, line: LogLine, expected: Outcome, after: Crm) -> Branch:
        """Ask one request at the point, and look."""
        branch = self._asked(line, expected, after)
        self._is_there = False
        if branch.difference is not None or not branch.is_there:
            return branch
        return evolve(branch, difference=next(self._seen(branch.after), None))

    def _asked(self, line: LogLine, expected: Outcome, after: Crm) -> Branch:
        if self.has.has(line):
            self._come_back()
            self.requests += 1
        outcome, predicted = self._outcome(line), expected
        if isinstance(outcome, NotImplementedError):
            return Branch(line=line, expected=expected, outcome=outcome, after=after)
        if may_be_refused(line, outcome, lambda: predicted):
            expected, after = outcome, self.point.crm
        difference = next(differences_of([line], [outcome], [expected], self.known), None)
        self._is_there = difference is None
        return Branch(line=line, expected=expected, outcome=outcome, after=after, difference=difference)

    def _outcome(self, line: LogLine) -> Outcome:
        """Return what the backend says now; what it said once that it does not have is not asked for."""
        if not self.has.has(line):
            return NotImplementedError(self.has.why_not(line))
        try:
            (outcome,) = outcomes_of(self.backend, [line])
        except NotImplementedError as error:
            self.has.learn(line, error)
            return error
        return outcome

    def _come_back(self) -> None:
        if self._is_there:
            return
        self.backend.reset()
        for line in self.begun:
            outcomes_of(self.backend, [line])
        self.requests += len(self.begun)
        self._is_there = True

    def _seen(self, crm: Crm) -> Iterator[Difference]:
        """Yield what a look shows otherwise than in the model."""
        model = _backend(crm)
        for line in self.looks:
            found = self._outcome(line)
            if not isinstance(found, NotImplementedError):
                yield from differences_of([line], [found], outcomes_of(model, [line]), self.known)

    def following(self, branch: Branch) -> Fork | None:
        """Return the fork behind a line after which the model takes over what the backend stored.

        None if they are not the same even then. The line was asked last.
        """
        wanted = _backend(branch.after)
        stored = {
            name: stored_in(self.backend, TABLES[name], look(wanted, SERVICE, TABLES[name]), self.known)
            for name in (table.name for table in self.has.tables)
        }
        take_over(branch.after, stored)
        if next(self._seen(branch.after), None) is not None:
            return None
        point = Point(branch.after, is_altered=True)
        return evolve(self, point=point, begun=Lines((*self.begun, branch.line)), is_there=False)


_TRIES_MAX: Final = 4
"""How often a line is asked again, while what differs becomes known."""


def begun_with(fork: Fork, lines: Lines, note: Callable[[Lines], object]) -> Fork:
    """Move a fork on behind *lines*, one after another.

    Args:
        fork: Where to begin.
        lines: What is asked.
        note: Is given each sequence at whose last line the two part; what it makes known is not compared any more.

    Returns:
        The fork behind those lines that the backend has, and on which the two agree, or which the model could follow.
    """
    for line in lines:
        for _ in range(_TRIES_MAX):
            branch = fork.branch(line)
            if branch.difference is None:
                break
            note(Lines((*fork.begun, branch.line)))
            if not branch.difference.traits:  # one accepted what the other did not
                break
        if branch.difference is None:
            if branch.is_there:
                point = Point(branch.after, is_altered=fork.point.is_altered)
                fork = evolve(fork, point=point, begun=Lines((*fork.begun, branch.line)), is_there=False)
        elif branch.difference.line != branch.line:  # seen in a look
            fork = fork.following(fork.branch(line)) or evolve(fork, is_there=False)
    return fork
