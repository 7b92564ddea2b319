"""How is a sequence found on which a backend does not do what the rules say?

First the shortest sequence of every known hole is tried, and the last credit. Then random walks are asked of the
backend and of the model, which predicts every outcome and all that anyone sees. Where the two
part, the laws say what is broken, the walk is made as short as it gets, and goes on without that
line. What a backend turned out to lack, the model then does without, too: so that one hole does not
hide what is behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from attrs import define, evolve, field

from crm_domain.command_log import LogLine
from crm_domain.crm import Crm
from crm_domain.ids import SERVICE
from crm_domain.laws import Violation, law_named
from crm_domain.ports import Backend, Tables
from crm_domain.reads import Read
from crm_domain.rules import Rules

from ..comparing.backends import CrmBackend, Probe, Probing, Telling
from ..comparing.capabilities import Capabilities
from ..comparing.differences import Difference, Known, Outcome, Trait, need_of
from ..comparing.judging import AGREES_WITH_MODEL, Judgement, behaves_by, judged
from ..comparing.lockstep import Lockstep, NotInBackend, Parting, Survey, understood
from ..comparing.observing import compared_columns, look
from ..comparing.predicting import outcomes_of
from ..comparing.twins import noticed, replayed_otherwise
from ..histories import Lines, overlapping_groups
from ..people import AMY, BOB, LABELS
from ..requests.plain import is_plain
from ..requests.prices import at_price
from ..requests.themes import BEGINNING
from ..requests.walks import walk
from .evidence import laws_tried
from .reports import Finding
from .route import Route
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
        tried: How often each law was put to the test.
        only: The laws that are searched for; all, if empty.
        plain_text_only: Whether requests with odd characters are left out.
        is_over: Says whether there is no time left; then nothing more is begun, and nothing is shortened.
    """

    backend: Backend
    rules: Rules
    has: Capabilities = field(init=False)
    findings: list[Finding] = field(factory=list)
    requests: int = 0
    lacking: set[str] = field(factory=set)
    tried: Counter[str] = field(factory=Counter)
    only: Collection[str] = ()
    plain_text_only: bool = False
    is_over: Callable[[], bool] = lambda: False
    _lacking_in_part: set[str] = field(factory=set)
    _met: dict[object, int] = field(factory=dict)
    _traits: set[Trait] = field(factory=set)
    _walk: str = ""
    _known_of_twins: set[tuple[str, Trait]] = field(factory=set)

    @has.default
    def _capabilities(self) -> Capabilities:
        return Capabilities.of(self.backend)

    @property
    def known(self) -> Known:
        """What was seen often enough to be left out of all further comparison; it grows."""
        return Known(self._traits)

    def try_hole(self, lines: Lines) -> None:
        """Try a sequence, and again as long as another safeguard turned out to be missing on its way."""
        known: set[str] | None = None
        while known != self.lacking:
            known = set(self.lacking)
            self._ask(self._understood(lines), only_last=True)

    def probes(self) -> None:
        """Try what only this kind of backend can be asked, if it has any such thing."""
        if isinstance(self.backend, Probing):
            for probe in self.backend.probes():
                if probe.safeguard in self.rules.safeguards and self._is_wanted({probe.law}) and not self.is_over():
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
        self.tried[probe.law] += 1
        if text:
            violation = Violation(law_named(probe.law), text)
            sent = tuple(self.backend.sent()) if isinstance(self.backend, Telling) else ()
            lines = Lines(probe.begun)
            self._note(Finding(lines=lines, text=text, violations=(violation,), missing=(probe.safeguard,)), sent)
            self.lacking.add(probe.safeguard)

    def walk(self, seed: str, *, twins: bool) -> None:
        """Ask one walk; with *twins* it is also compared with itself, run a little otherwise."""
        self._walk = seed
        lines = self.ask(walk(seed, wanted=self._is_askable))
        if twins and lines:
            self._compare_twins(lines)
        self._walk = ""

    def wants(self, line: LogLine) -> bool:
        """Tell whether a line may be asked, as far as its text goes."""
        return not self.plain_text_only or is_plain(line)

    def _is_askable(self, line: LogLine) -> bool:
        return self.has.asking(line) is not None and self.wants(line)

    def ask(self, lines: Lines) -> Lines:
        """Ask lines, go on behind everything that is found in them, and return those that the backend can be asked."""
        return self._ask(self._understood(lines))

    def _ask(self, lines: Lines, *, only_last: bool = False) -> Lines:
        route = Route(lines)
        if self.is_over():
            return Lines()
        asked, number = self._first(route)
        for _ in range(_PARTINGS_MAX):
            if not number or self.is_over() or (only_last and number < len(route.lines)):
                break
            self._judge_where(route, number)
            _, number = self._first(route)
        self._remember(route.known)
        return asked

    def _remember(self, traits: Iterable[Trait]) -> None:
        """Leave out of all comparison what was seen in several walks: it is the backend's way."""
        for trait in traits:
            if not self._is_new(trait, _SAME_MAX):
                self._traits.add(trait)

    def unseen(self) -> tuple[str, ...]:
        """Return the columns that the backend does not show, which are not compared."""
        self.backend.reset()
        for line in self._understood(BEGINNING):
            if (asked := self.has.asking(line)) is not None:
                outcomes_of(self.backend, [asked])
        shown = [(table, look(self.backend, SERVICE, table)) for table in self.has.tables]
        return tuple(f"{table.name}.{compared_columns(table)[n]}" for table, rows in shown for n in sorted(rows.absent))

    # --- where they part --------------------------------------------------------------------

    def _lockstep(self, route: Route) -> Lockstep:
        return Lockstep(
            self.backend,
            self.rules.without(*self.lacking),
            self.has.tables,
            self.has.looks,
            known=Known(self._traits | route.known),
            followed=route.followed,
            begins_with_rows=bool(self.has.given),
        )

    def _understood(self, lines: Sequence[LogLine]) -> Lines:
        wanted = filter(self.wants, lines)
        return understood(at_price(wanted, self.rules.credit_policy.price), self.backend)

    def watch(self, line: LogLine, expected: Outcome, tables: Tables) -> None:
        """Count the laws that a request put to the test."""
        self.tried.update(laws_tried(line, expected, tables))

    def _first(self, route: Route) -> tuple[Lines, int | None]:
        """Return the lines that the backend can be asked, and after which of them a difference is seen, if one is."""
        while True:
            route.lines = lines = Lines(asked for asked in map(self.has.asking, route.lines) if asked is not None)
            try:
                number = self._lockstep(route).first(lines, self.watch)
            except NotInBackend as lacking:
                self.has.learn(lines[lacking.number - 1], lacking.said)
            else:
                self.requests += len(lines) if number is None else number
                return lines, number

    def _judge_where(self, route: Route, number: int) -> None:
        """Judge where the two part, after *number* lines at most, and see how the walk goes on behind it."""
        lockstep, lacking = self._lockstep(route), set(self.lacking)
        parting = lockstep.parting(route.lines[: lockstep.place(route.lines, number)])
        if parting is None:
            self._note_once(Lines(route.lines[:number]))
            route.lines = Lines()
            return
        survey = lockstep.survey(parting.lines)
        if self._is_new(_looks_like(parting), _SAME_MAX) and not self._keeps_after_all(parting):
            self._judge(route, parting)
        self._judge_others(route, parting, survey)
        if lacking == self.lacking:
            route.go_on(parting, survey)

    def _judge_others(self, route: Route, parting: Parting, survey: Survey) -> None:
        """Judge what is wrong in the same looks in another way, if nothing that is stored explains it."""
        if survey.answers or survey.is_stored:
            return
        for aspect in parting.difference.aspects:
            self._is_new(aspect)
        for difference in survey.looks:
            if new := [aspect for aspect in difference.aspects if self._is_new(aspect)]:
                about = frozenset(new)
                other = self._lockstep(route).parting(parting.lines, about)
                if other is not None and other.difference.aspects & about:
                    self._judge(route, other, about)

    def _keeps_after_all(self, parting: Parting) -> bool:
        """Tell whether the backend has a safeguard here that it seemed to lack; then it lacks that in part only."""
        for back in (*((name,) for name in sorted(self.lacking)), tuple(self.lacking)):
            reading = self.rules.without(*self.lacking.difference(back))
            if back and behaves_by(reading, parting):
                self.lacking.difference_update(back)
                self._lacking_in_part.update(back)
                return True
        return False

    def _judge(self, route: Route, parting: Parting, about: frozenset[Trait] = frozenset()) -> None:
        """Note what a parting means, in its shortest form, unless it is known."""
        judgement = judged(parting)
        is_read = isinstance(parting.difference.line.request, Read) and not parting.other_tables
        key = (
            judgement.laws,
            judgement.missing,
            type(parting.difference.line.request),
            parting.difference.aspects if is_read else about,
        )
        if self._is_wanted(judgement.laws) and self._is_new(key):
            self._shorten(route, parting, judgement, about)
        self.lacking.update(set(judgement.missing) - self._lacking_in_part)

    def _is_wanted(self, laws: Iterable[str]) -> bool:
        return not self.only or not set(self.only).isdisjoint(laws)

    def _is_new(self, key: object, times: int = 1) -> bool:
        self._met[key] = self._met.get(key, 0) + 1
        return self._met[key] <= times

    def _shorten(self, route: Route, parting: Parting, judgement: Judgement, about: frozenset[Trait]) -> None:
        sets = [judgement.missing] if judgement.missing else []
        lockstep, shortest = self._lockstep(route), parting

        def shows(lines: Lines) -> bool:
            nonlocal shortest
            candidate = None if self.is_over() else lockstep.parting(lines, about)
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
        if found.laws == {AGREES_WITH_MODEL.name} and not found.missing:  # perhaps it is somebody else's doing
            self._compare_twins(shortest.lines)

    def _note_once(self, lines: Lines) -> None:
        """Note that a difference did not come again; what does not repeat itself does so in many ways."""
        if self._is_new(_NOT_AGAIN):
            violation = Violation(AGREES_WITH_MODEL, _NOT_AGAIN)
            self._note(Finding(lines=lines, text=_NOT_AGAIN, violations=(violation,)))

    def _note(self, finding: Finding, sent: tuple[str, ...] | None = None) -> None:
        """Note what was found, with what the backend sends for these lines alone, if it says that."""
        sent = self._sent_for(finding.lines) if sent is None else sent
        violations = tuple(Violation(violation.law, LABELS.told(violation.text)) for violation in finding.violations)
        text = LABELS.told(finding.text)
        self.findings.append(
            evolve(finding, text=text, violations=violations, sent=sent, found_after=self.requests, walk=self._walk)
        )

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
            if self.is_over() or not self._is_wanted({law}):
                continue
            self.tried[law] += 1
            differing = partial(self._differing, law, differences)
            if (found := differing(lines)) is None or not self._is_new((law, _ways(found)), 1):
                continue
            short = shortened(lines, lambda candidate: not self.is_over() and differing(candidate) is not None)  # noqa: B023
            if (found := differing(short)) is None:
                self._note_once(short)
                continue
            violation = Violation(law_named(law), found.text)
            self._note(Finding(lines=Lines((*short, *found.shows)), text=found.text, violations=(violation,)))
            self._known_of_twins |= {(law, way) for way in _ways(found)}

    def _differing(self, law: str, differences: Differences, lines: Lines) -> Difference | None:
        """Return in what two runs differ that is not known, and by the rules, which may be weak ones, would not."""
        for found in differences(self.backend, lines):
            if any((law, way) not in self._known_of_twins for way in _ways(found)):
                model = CrmBackend(lambda: Crm(rules=self.rules))
                return found if next(differences(model, lines), None) is None else None
        return None

    def _twin_laws(self) -> Iterator[tuple[str, Differences]]:
        for observer in (AMY, BOB):
            yield "noninterference", partial(noticed, observer=observer, looks=self.has.looks)
        yield "replay_reproduces_state", partial(replayed_otherwise, looks=self.has.looks)


def _ways(difference: Difference) -> frozenset[Trait]:
    """Return what differences of two runs have in common that likely mean the same."""
    if difference.aspects:
        return difference.aspects
    kinds = tuple(type(outcome).__name__ for outcome in (difference.outcome, difference.expected))
    return frozenset({(need_of(difference.line), difference.line.principal.role, *kinds)})


def _looks_like(parting: Parting) -> object:
    """Return what partings have in common that most likely mean the same."""
    seen_at, last = parting.difference, parting.lines[-1]
    kinds = tuple(type(outcome).__name__ for outcome in (seen_at.outcome, seen_at.expected))
    asked = (need_of(last), last.principal.role, need_of(seen_at.line), seen_at.line.principal.role)
    return asked, kinds, parting.other_tables
