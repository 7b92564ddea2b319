"""How is a sequence found on which a backend does not do what the rules say?

First the shortest sequence of every known hole is tried, and the last credit. Then random walks are asked of the
backend and of the model, which predicts every outcome and all that anybody sees. Where the two
part, the laws say what is broken, the walk is made as short as it gets, and goes on without that
line. What a backend turned out to lack, the model then does without, too: so that one hole does not
hide what is behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from attrs import define, evolve, field

from crm_domain.command_log import LogLine
from crm_domain.crm import Crm
from crm_domain.ids import SERVICE
from crm_domain.laws import Violation, law_named
from crm_domain.ports import Backend
from crm_domain.rules import Rules

from ..comparing.backends import CrmBackend, Probe, Probing, Telling
from ..comparing.capabilities import Capabilities, need_of
from ..comparing.judging import AGREES_WITH_MODEL, Judgement, behaves_by, judged
from ..comparing.lockstep import Difference, Lockstep, NotInBackend, Parting, understood
from ..comparing.observing import compared_columns, look
from ..comparing.predicting import outcomes_of
from ..comparing.twins import noticed, replayed_otherwise
from ..histories import Lines, overlapping_groups
from ..people import AMY, BOB, LABELS
from ..requests.prices import at_price
from ..requests.themes import BEGINNING
from ..requests.walks import walk
from .holes import HOLES, last_credit
from .reports import Finding
from .shrinking import shortened

Differences: TypeAlias = Callable[[Backend, Lines], Iterator[Difference]]
"""Yields in what two runs of a backend differ."""

_PARTINGS_MAX: Final = 8
"""How often one walk goes on behind a place where the two parted."""

_SAME_MAX: Final = 3
"""How often a parting that looks like one before is judged: it may mean something else."""

_NOT_AGAIN: Final = "a difference was seen once, and not when the same was asked again from the beginning"


@define
class Search:
    """What was found until now.

    Attributes:
        backend: The backend.
        rules: What it is held to.
        has: What it has.
        findings: What was found.
        requests: How many requests were made, shortening aside.
        lacking: The safeguards that it turned out to lack altogether.
    """

    backend: Backend
    rules: Rules
    has: Capabilities = field(init=False)
    findings: list[Finding] = field(factory=list)
    requests: int = 0
    lacking: set[str] = field(factory=set)
    _lacking_in_part: set[str] = field(factory=set)
    _met: dict[object, int] = field(factory=dict)

    @has.default
    def _capabilities(self) -> Capabilities:
        return Capabilities.of(self.backend)

    def known_holes(self) -> None:
        """Try the shortest sequence of every known hole, and to spend one credit more than is free."""
        for safeguard, lines in HOLES.items():
            if safeguard in self.rules.safeguards:
                self._try_hole(lines)
        self.ask(last_credit(self.rules.credit_policy))

    def _try_hole(self, lines: Lines) -> None:
        """Try a sequence, and again as long as another safeguard turned out to be missing on its way."""
        known: set[str] | None = None
        while known != self.lacking:
            known = set(self.lacking)
            asked, number = self._first(self._understood(lines))
            if number == len(lines):
                self._judge_where(asked, number)

    def probes(self) -> None:
        """Try what only this kind of backend can be asked, if it has any such thing."""
        if isinstance(self.backend, Probing):
            for probe in self.backend.probes():
                if probe.safeguard in self.rules.safeguards:
                    self._try(probe)

    def _try(self, probe: Probe) -> None:
        self.backend.reset()
        try:
            for line in probe.begun:
                outcomes_of(self.backend, [line])
            text = probe.attempt()
        except NotImplementedError:  # it needs what the backend does not have
            return
        self.requests += len(probe.begun) + 1
        if text:
            violation = Violation(law_named(probe.law), text)
            sent = tuple(self.backend.sent()) if isinstance(self.backend, Telling) else ()
            lines = Lines(probe.begun)
            self._note(Finding(lines=lines, text=text, violations=(violation,), missing=(probe.safeguard,)), sent)
            self.lacking.add(probe.safeguard)

    def walk(self, seed: str, *, twins: bool) -> None:
        """Ask one walk; with *twins* it is also compared with itself, run a little otherwise."""
        lines = self.ask(walk(seed, wanted=lambda line: self.has.asking(line) is not None))
        if twins and lines:
            self._compare_twins(lines)

    def ask(self, lines: Lines) -> Lines:
        """Ask lines, go on behind whatever is found in them, and return those that the backend can be asked."""
        asked, number = self._first(self._understood(lines))
        rest = asked
        for _ in range(_PARTINGS_MAX):
            if not number:  # none, or before anything was asked
                break
            rest, number = self._first(self._judge_where(rest, number))
        return asked

    def unseen(self) -> tuple[str, ...]:
        """Return the columns that the backend does not show, which are not compared."""
        self.backend.reset()
        for line in self._understood(BEGINNING):
            if (asked := self.has.asking(line)) is not None:
                outcomes_of(self.backend, [asked])
        shown = [(table, look(self.backend, SERVICE, table)) for table in self.has.tables]
        return tuple(f"{table.name}.{compared_columns(table)[n]}" for table, rows in shown for n in sorted(rows.absent))

    # --- where they part --------------------------------------------------------------------

    @property
    def _lockstep(self) -> Lockstep:
        return Lockstep(self.backend, self.rules.without(*self.lacking), self.has.tables, self.has.looks)

    def _understood(self, lines: Sequence[LogLine]) -> Lines:
        return understood(at_price(lines, self.rules.credit_policy.price), self.backend)

    def _first(self, lines: Lines) -> tuple[Lines, int | None]:
        """Return the lines that the backend can be asked, and after which of them a difference is seen, if one is."""
        while True:
            lines = Lines(asked for asked in map(self.has.asking, lines) if asked is not None)
            try:
                number = self._lockstep.first(lines)
            except NotInBackend as lacking:
                self.has.learn(lines[lacking.number - 1], lacking.said)
            else:
                self.requests += len(lines) if number is None else number
                return lines, number

    def _judge_where(self, lines: Lines, number: int) -> Lines:
        """Judge where the two part, after *number* lines at most, and return the lines without those at which they do."""
        lockstep = self._lockstep
        parting = lockstep.parting(lines[: lockstep.place(lines, number)])
        if parting is None:
            self._note_once(Lines(lines[:number]))
            return Lines()
        if self._is_new(_looks_like(parting), _SAME_MAX) and not self._keeps_after_all(parting):
            self._judge(parting)
        last = len(parting.answers[-1])
        return Lines((*lines[: len(parting.lines) - last], *lines[len(parting.lines) :]))

    def _keeps_after_all(self, parting: Parting) -> bool:
        """Tell whether the backend has a safeguard here that it seemed to lack; then it lacks that in part only."""
        for back in (*((name,) for name in sorted(self.lacking)), tuple(self.lacking)):
            reading = self.rules.without(*self.lacking.difference(back))
            if back and behaves_by(reading, parting):
                self.lacking.difference_update(back)
                self._lacking_in_part.update(back)
                return True
        return False

    def _judge(self, parting: Parting) -> None:
        """Note what a parting means, in its shortest form, unless it is known."""
        judgement = judged(parting)
        key = (judgement.laws, judgement.missing, type(parting.difference.line.request))
        if self._is_new(key):
            self._shorten(parting, judgement)
        self.lacking.update(set(judgement.missing) - self._lacking_in_part)

    def _is_new(self, key: object, times: int = 1) -> bool:
        self._met[key] = self._met.get(key, 0) + 1
        return self._met[key] <= times

    def _shorten(self, parting: Parting, judgement: Judgement) -> None:
        sets = [judgement.missing] if judgement.missing else []
        lockstep, shortest = self._lockstep, parting

        def shows(lines: Lines) -> bool:
            nonlocal shortest
            candidate = lockstep.parting(lines)
            if candidate is None or judged(candidate, sets).laws != judgement.laws:
                return False
            shortest = candidate
            return True

        shortened(parting.lines, shows)
        found = judged(shortest, sets)
        looks = [line for line in shortest.difference.shows if line not in shortest.lines]
        self._note(
            Finding(
                lines=Lines((*shortest.lines, *looks)),
                text=shortest.difference.text,
                violations=found.violations,
                missing=found.missing,
            )
        )
        if found.laws == {AGREES_WITH_MODEL.name}:  # perhaps it is somebody else's doing
            self._compare_twins(shortest.lines)

    def _note_once(self, lines: Lines) -> None:
        """Note that a difference did not come again; what does not repeat itself does so in many ways."""
        if self._is_new(_NOT_AGAIN):
            violation = Violation(AGREES_WITH_MODEL, _NOT_AGAIN)
            self._note(Finding(lines=lines, text=_NOT_AGAIN, violations=(violation,)))

    def _note(self, finding: Finding, sent: tuple[str, ...] | None = None) -> None:
        """Note what was found, with what the backend sends for these lines alone, if it tells that."""
        sent = self._sent_for(finding.lines) if sent is None else sent
        violations = tuple(Violation(violation.law, LABELS.told(violation.text)) for violation in finding.violations)
        text = LABELS.told(finding.text)
        self.findings.append(evolve(finding, text=text, violations=violations, sent=sent, found_after=self.requests))

    def _sent_for(self, lines: Lines) -> tuple[str, ...]:
        if not isinstance(self.backend, Telling):
            return ()
        self.backend.reset()
        for group in overlapping_groups(self._understood(lines)):
            outcomes_of(self.backend, group)
        return tuple(self.backend.sent())

    # --- where a run is not like itself -----------------------------------------------------

    def _compare_twins(self, lines: Lines) -> None:
        for law, differences in self._twin_laws():
            if law not in self._met and self._differs_against_rules(differences, lines):
                self._met[law] = 1
                short = shortened(lines, partial(self._differs_against_rules, differences))
                found = next(differences(self.backend, short), None)
                if found is None:
                    self._note_once(short)
                    continue
                violation = Violation(law_named(law), found.text)
                self._note(Finding(lines=Lines((*short, *found.shows)), text=found.text, violations=(violation,)))

    def _differs_against_rules(self, differences: Differences, lines: Lines) -> bool:
        """Tell whether two runs differ, and by the rules, which may be weak ones, would not."""
        if next(differences(self.backend, lines), None) is None:
            return False
        model = CrmBackend(lambda: Crm(rules=self.rules))
        return next(differences(model, lines), None) is None

    def _twin_laws(self) -> Iterator[tuple[str, Differences]]:
        for observer in (AMY, BOB):
            yield "noninterference", partial(noticed, observer=observer, looks=self.has.looks)
        yield "replay_reproduces_state", partial(replayed_otherwise, looks=self.has.looks)


def _looks_like(parting: Parting) -> object:
    """Return what partings have in common that most likely mean the same."""
    seen_at, last = parting.difference, parting.lines[-1]
    kinds = tuple(type(outcome).__name__ for outcome in (seen_at.outcome, seen_at.expected))
    asked = (need_of(last), last.principal.role, need_of(seen_at.line), seen_at.line.principal.role)
    return asked, kinds, parting.other_tables
