"""What comes of any few requests? Every sequence of a small alphabet up to a length, none left out.

What breaks a rule is mostly short. Here nothing is left to chance: every request of the alphabet is
asked in every state that any sequence of them can lead to. Sequences that lead to the same state
go on together, for what the rules decide depends on nothing else.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from crm_domain.command_log import LogLine
from crm_domain.crm import Crm
from crm_domain.laws import Step, Violation
from crm_domain.ports import Backend
from crm_domain.rows import TABLES
from crm_domain.rules import HARDENED, Rules
from crm_domain.schema import ColumnType, Values

from ..comparing.branching import Fork, Point, begun_with, in_short
from ..histories import History, Lines, Past, Snapshot, broken_laws, run, violations
from ..people import LABELS
from ..requests.alphabet import ALPHABET, BEGINNINGS
from ..requests.prices import at_price
from .reports import Finding
from .searching import Search
from .shrinking import shortened


@frozen(kw_only=True)
class SmallScopeReport:
    """The result of every short sequence.

    Attributes:
        rules: What the backend, or the model itself, was held to.
        depth: How long the sequences were.
        sequences: How many there were, those that begin others included.
        states: How many states they lead to that are not the same.
        outcomes: How many sequences end in each outcome, in a word or two.
        findings: What was found, the shortest first.
        requests: How many requests were made of the backend, looks and shortening aside.
    """

    rules: Rules
    depth: int
    sequences: int
    states: int
    outcomes: Mapping[str, int]
    findings: tuple[Finding, ...]
    requests: int = 0

    def assert_held(self) -> None:
        """Assert that nothing was found.

        Raises:
            AssertionError: Something was; the message holds the shortest sequence for each.
        """
        if self.findings:
            raise AssertionError("\n\n".join(map(str, self.findings)))


def small_scope(
    backend: Backend | None = None,
    rules: Rules = HARDENED,
    *,
    depth: int = 3,
    alphabet: Sequence[LogLine] = ALPHABET,
    search: Search | None = None,
) -> SmallScopeReport:
    """Ask every sequence of an alphabet, up to *depth* lines, behind each of the two beginnings.

    Args:
        backend: The backend: every outcome, and what everybody sees after every step, is compared
            with the model's. Without one the model itself is judged, by all laws of states and steps.
        rules: What it is held to.
        depth: How long the sequences are.
        alphabet: What they are made of: lines that choose their ids and do not overlap.
        search: Where what is found is noted, if this is part of a longer search.

    Example:
        >>> report = small_scope(depth=1)
        >>> report.sequences == 2 * len(ALPHABET), report.findings
        (True, ())
    """
    price = rules.credit_policy.price
    alphabet = at_price(alphabet, price)
    scope = (
        _Judging(rules, alphabet) if backend is None else _Comparing(rules, alphabet, search or Search(backend, rules))
    )
    ways = Counter(scope.root(at_price(beginning, price)) for beginning in BEGINNINGS)
    outcomes: Counter[str] = Counter()
    for _ in range(depth):
        ways = _longer(scope, ways, outcomes)
    return SmallScopeReport(
        rules=rules,
        depth=depth,
        sequences=outcomes.total(),
        states=len(scope.lines),
        outcomes=outcomes,
        findings=scope.found(),
        requests=scope.requests,
    )


def _longer(scope: _Scope, ways: Counter[bytes], outcomes: Counter[str]) -> Counter[bytes]:
    """Return how many sequences of one more line lead to each state; count what they end in."""
    longer: Counter[bytes] = Counter()
    for state, sequences in ways.items():
        for (outcome, following), times in scope.moves(state).items():
            outcomes[outcome] += sequences * times
            longer[following] += sequences * times
    return longer


Moves: TypeAlias = Counter[tuple[str, bytes]]
"""What comes of the letters asked in one state: the outcome in short, and the state afterwards."""


@define
class _Scope:
    """The states that were reached.

    Attributes:
        rules: The rules in force.
        alphabet: What may be asked in each.
        lines: The first sequence that led to each state; there is no shorter one.
        requests: How many requests were made of the backend.
    """

    rules: Rules
    alphabet: Sequence[LogLine]
    lines: dict[bytes, Lines] = field(factory=dict, init=False)
    requests: int = field(default=0, init=False)
    _moves: dict[bytes, Moves] = field(factory=dict, init=False)

    def root(self, beginning: Lines) -> bytes:
        """Return the state to which a beginning leads."""
        return self._reached(Point.behind(beginning, self.rules).crm, beginning)

    def moves(self, state: bytes) -> Moves:
        """Return what comes of each letter in a state; asked once for each."""
        if state not in self._moves:
            self._moves[state] = Counter(self._asked(state, self.lines[state]))
        return self._moves[state]

    def found(self) -> tuple[Finding, ...]:
        """Return what was found, the shortest first."""
        raise NotImplementedError

    def _asked(self, state: bytes, lines: Lines) -> Iterator[tuple[str, bytes]]:
        """Yield for each letter what comes of it, and the state to which it leads."""
        raise NotImplementedError

    def _reached(self, crm: Crm, lines: Lines) -> bytes:
        state = _state_of(crm)
        self.lines.setdefault(state, lines)
        return state


@define
class _Judging(_Scope):
    """The model alone, judged by the laws."""

    _first: dict[str, Finding] = field(factory=dict, init=False)

    def found(self) -> tuple[Finding, ...]:
        return tuple(sorted(self._first.values(), key=_length))

    def _asked(self, state: bytes, lines: Lines) -> Iterator[tuple[str, bytes]]:
        point = Point.behind(lines, self.rules)
        before = _snapshot(point.crm, self.rules)
        for line in self.alphabet:
            outcome, crm = point.ask(line)
            after = _snapshot(crm, self.rules, before)
            step = Step(
                before=before,
                principal=line.principal,
                command=line.request,
                outcome=outcome,
                entries=tuple(crm.journal.entries(after=before.journal.length)),
                after=after,
            )
            longer = Lines((*lines, line))
            for _, violation in violations(History(rules=self.rules, lines=Lines((line,)), steps=(step,))):
                self._note(longer, violation)
            yield in_short(outcome), self._reached(crm, longer) if step.entries else state

    def _note(self, lines: Lines, violation: Violation) -> None:
        law = violation.law.name
        if law not in self._first:
            short = shortened(lines, lambda candidate: law in broken_laws(run(candidate, self.rules)))
            self._first[law] = Finding(lines=short, text=violation.text, violations=(violation,))


@define
class _Comparing(_Scope):
    """A backend, compared with the model."""

    _search: Search
    _known: int = field(init=False)

    @_known.default
    def _findings_before(self) -> int:
        return len(self._search.findings)

    def found(self) -> tuple[Finding, ...]:
        return tuple(sorted(self._search.findings[self._known :], key=_length))

    def root(self, beginning: Lines) -> bytes:
        fork = begun_with(self._fork(Lines()), beginning, self._search.ask)
        self._count(fork)
        return self._reached(fork.point.crm, fork.begun)

    def _asked(self, state: bytes, lines: Lines) -> Iterator[tuple[str, bytes]]:
        fork = self._fork(lines)
        branches = fork.branches(self.alphabet)
        known = -1
        while known < (known := len(self._search.known.traits)):  # what became known hides nothing else
            differing = [n for n, branch in enumerate(branches) if branch.difference]
            for n in differing:
                self._search.ask(Lines((*lines, branches[n].line)))
            for n, again in zip(differing, fork.branches([branches[n].line for n in differing]), strict=True):
                branches[n] = again
        self._count(fork)
        for branch in branches:
            if branch.is_there and not branch.difference:
                is_same = branch.after is fork.point.crm
                following = state if is_same else self._reached(branch.after, Lines((*lines, branch.line)))
                yield in_short(branch.outcome), following

    def _fork(self, lines: Lines) -> Fork:
        search = self._search
        looks = search.has.looks
        return Fork(
            search.backend, Point.behind(lines, self.rules, search.has.given), search.has, lines, looks, search.known
        )

    def _count(self, fork: Fork) -> None:
        self.requests += fork.requests
        self._search.requests += fork.requests


def _length(finding: Finding) -> int:
    return len(finding.lines)


# --- when are two states the same? ------------------------------------------------------------


def _snapshot(crm: Crm, rules: Rules, last: Snapshot | None = None) -> Snapshot:
    entries = list(crm.journal.entries())
    return Snapshot.of(crm.tables, Past(entries, len(entries)), rules, last=last)


_CHOSEN: Final = frozenset(id_ for id_, _ in LABELS.items())


def _state_of(crm: Crm) -> bytes:
    """Return what distinguishes states: every row of every table in order, ids that were made by when they appear.

    The clock stands still, so that the same rows have the same times.
    """
    made: dict[Any, int] = {}
    plain = [
        [_plain(table.values_of(row), uuids, made) for row in crm.tables.by_name[name]]
        for name, (table, uuids) in _UUIDS.items()
    ]
    return hashlib.blake2b(repr(plain).encode(), digest_size=32).digest()


_UUIDS: Final = {
    name: (table, frozenset(n for n, column in enumerate(table.columns) if column.type is ColumnType.UUID))
    for name, table in TABLES.items()
}


def _plain(values: Values, uuids: frozenset[int], made: dict[Any, int]) -> list[Any]:
    return [
        made.setdefault(value, len(made)) if n in uuids and value is not None and value not in _CHOSEN else value
        for n, value in enumerate(values)
    ]
