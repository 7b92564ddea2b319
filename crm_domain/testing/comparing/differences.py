"""In what do a backend and the model differ, in words, and which differences are known already?

A difference has traits: who asked for what, and which column, or which rows, are not the same. What
was noted once is left out of further comparison by its traits, so that it hides nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeAlias, cast

import attrs
from attrs import frozen

from crm_domain import commands as c
from crm_domain.command_log import LogLine
from crm_domain.errors import Refused
from crm_domain.ids import SERVICE, Principal, normal_email
from crm_domain.reads import GetDashboard, Read, Select
from crm_domain.schema import DEFAULT, Table

from ..histories import Lines
from ..people import LABELS, PEOPLE
from .leniency import is_tolerated
from .observing import (
    ABSENT,
    ANSWERED,
    Failed,
    Seen,
    Shown,
    compared_columns,
    dashboard_shown,
    identity_of,
    same_refusal,
    seen,
    seen_values,
    told,
)

Outcome: TypeAlias = Any
"""An answer, a `Refused`, or `Failed`."""

Need: TypeAlias = tuple[type[Any], str]
"""A kind of request, and the table that it is about; empty if its kind says all."""

Trait: TypeAlias = tuple[Any, ...]
"""What a difference is about: who asked, for what, and the column or the rows that are not the same."""

EXTRA, MISSING, OUTCOME, TOLD = "extra", "missing", "outcome", "told"
"""What may be wrong besides a column: rows too many, too few, another kind of outcome, a part of an answer."""


def need_of(line: LogLine) -> Need:
    """Return what a line needs of a backend."""
    request: Any = line.request
    return type(request), request.table.name if isinstance(request, c.Update | c.Delete | Select) else ""


@frozen(kw_only=True)
class Difference:
    """Something in which a backend and the model are not the same.

    Attributes:
        text: What the backend said or showed, and what the rules say, in words.
        line: What was asked: a line of the sequence, or a look at the result.
        expected: The model's outcome.
        outcome: The backend's.
        traits: What it is about; empty where one accepted what the other did not.
    """

    text: str
    line: LogLine
    expected: Outcome = None
    outcome: Outcome = None
    traits: frozenset[Trait] = frozenset()

    @property
    def shows(self) -> Lines:
        """The look that shows it, if it is a user's own; what the service sees, it sees in the final state."""
        is_look = isinstance(self.line.request, Read) and self.line.principal != SERVICE
        return Lines([self.line] if is_look else [])

    @property
    def aspects(self) -> frozenset[Trait]:
        """Its traits without the table and the person: what differences have in common that likely mean the same."""
        kind = type(self.line.request)
        return frozenset((self.line.principal.role, kind, *trait[3:]) for trait in self.traits)


@frozen
class Known:
    """The traits of differences that were noted, and are left out of further comparison.

    Attributes:
        traits: The traits.
    """

    traits: AbstractSet[Trait] = frozenset()

    def __contains__(self, trait: Trait) -> bool:
        """Tell whether a trait is known; what is known of all rows is so of those that meet a condition."""
        return trait in self.traits or (
            bool(trait) and trait[2] is True and (*trait[:2], False, *trait[3:]) in self.traits
        )

    def distrusts(self, line: LogLine) -> bool:
        """Tell whether anything is known to be wrong in what a look shows."""
        return any(trait[:2] == _place(line)[:2] for trait in self.traits)

    def cleaned(self, line: LogLine, found: Seen, wanted: Seen) -> Seen:
        """Return the rows that a backend showed, with everything that is known to be wrong as it should be."""
        if not self.traits or found.same(wanted):
            return found
        place, table = _place(line), cast("Select", line.request).table
        if (*place, *_outcome_trait(found.shown, wanted.shown)) in self:
            return wanted
        if not isinstance(found.shown, tuple) or not isinstance(wanted.shown, tuple):
            return found
        return seen_values(table, list(self._cleaned_rows(place, line.principal, table, found, wanted)))

    def answer(self, line: LogLine, outcome: Outcome, expected: Outcome) -> Outcome:
        """Return what a backend said, with everything that is known to be wrong in a read as it should be."""
        request = line.request
        if not self.traits or isinstance(outcome, Refused | Failed) or isinstance(expected, Refused | Failed):
            return outcome
        if isinstance(request, Select):
            rows = self.cleaned(line, seen(request.table, outcome), seen(request.table, expected))
            return [dict(zip(request.table.by_name, values, strict=True)) for values in rows.values]
        if isinstance(request, GetDashboard) and outcome is not None and expected is not None:
            names = attrs.fields_dict(type(expected))
            right = {name: (*_place(line), name) in self for name in names}
            return {name: told(expected if right[name] else outcome, name) for name in names}
        return outcome

    def _cleaned_rows(
        self, place: Trait, principal: Principal, table: Table[Any], found: Seen, wanted: Seen
    ) -> Iterator[tuple[Any, ...]]:
        columns = [(*place, name) in self for name in table.by_name]
        for found_at, wanted_at in _pairs(table, found, wanted):
            values = found.values[found_at] if found_at is not None else ()
            right = wanted.values[wanted_at] if wanted_at is not None else ()
            if found_at is not None and wanted_at is not None:
                yield tuple(want if known else value for value, want, known in zip(values, right, columns, strict=True))
            elif found_at is not None and (*place, EXTRA, _whose(principal, table, values)) not in self:
                yield values
            elif wanted_at is not None and (*place, MISSING, _whose(principal, table, right)) in self:
                yield right


def _pairs(table: Table[Any], found: Seen, wanted: Seen) -> Iterator[tuple[int | None, int | None]]:
    """Yield which row that is shown is which that should be, by their places; None where there is no such row."""
    key = compared_columns(table).index(identity_of(table))
    shown, left = _rows_shown(found), dict(enumerate(_rows_shown(wanted)))
    twins: dict[int, int] = {}
    for same in (None, key):  # rows that are the same in everything first, as keys may not be unique
        for n, row in enumerate(shown):
            twin = next((m for m, want in left.items() if _is_twin(row, want, same)), None) if n not in twins else None
            if twin is not None:
                twins[n] = twin
                del left[twin]
    yield from ((n, twins.get(n)) for n in range(len(shown)))
    yield from ((None, m) for m in left)


def _is_twin(row: Shown, want: Shown, place: int | None) -> bool:
    return row == want if place is None else row[place] == want[place]


def _rows_shown(seen_: Seen) -> Sequence[Shown]:
    return seen_.shown if isinstance(seen_.shown, tuple) else ()


NOTHING_KNOWN: Final = Known()


def differences_of(
    group: Sequence[LogLine],
    outcomes: Sequence[Outcome],
    expected: Sequence[Outcome],
    known: Known = NOTHING_KNOWN,
) -> Iterator[Difference]:
    """Yield how a backend's outcomes are not what the rules say, apart from what is *known*."""
    for line, outcome, wanted in zip(group, outcomes, expected, strict=True):
        found = [(trait, text) for trait, text in _differing(line, outcome, wanted, known) if trait not in known]
        if found:
            yield Difference(
                text=_sentence(line, [text for _, text in found]),
                line=line,
                expected=wanted,
                outcome=outcome,
                traits=frozenset(trait for trait, _ in found if trait),
            )


_ACCEPTED: Final[Trait] = ()
"""Stands for the traits of a difference that is never left out: one accepted what the other did not."""

_LISTED_MAX: Final = 3
"""How many differences of one look are listed; a counterexample has few."""


def _sentence(line: LogLine, texts: Sequence[str]) -> str:
    """Return what is not the same in one line: sentences go on behind who asked, lists of values behind a colon."""
    asked = f"{LABELS.name(str(line.principal))} asked for {type(line.request).__name__}"
    if not texts[0].startswith(" "):
        asked += f" of {line.request.email}: " if isinstance(line.request, GetDashboard) else ": "
    more = f", and {len(texts) - _LISTED_MAX} more" if len(texts) > _LISTED_MAX else ""
    return f"{asked}{'; '.join(texts[:_LISTED_MAX])}{more}"


def _differing(line: LogLine, outcome: Outcome, expected: Outcome, known: Known) -> Iterator[tuple[Trait, str]]:
    """Yield each trait in which a backend's outcome is not what the rules say, with what is said of it."""
    request, place = line.request, _place(line)
    if outcome is not expected and is_tolerated(line, outcome, expected):
        return
    is_refused = isinstance(outcome, Refused | Failed), isinstance(expected, Refused | Failed)
    if any(is_refused):
        if not _same_end(outcome, expected):
            went_wrong = f" and it {outcome}" if isinstance(outcome, Failed) else f" and got {_kind(outcome)}"
            is_soft = isinstance(request, Read) or all(is_refused)
            trait = (*place, *_outcome_trait(outcome, expected)) if is_soft else _ACCEPTED
            yield trait, f"{went_wrong}, expected {_kind(expected)}"
    elif isinstance(request, Select):
        wanted = seen(request.table, expected)
        found = known.cleaned(line, seen(request.table, outcome), wanted)
        if not found.same(wanted):
            yield from _rows_differ(place, line.principal, request.table, found, wanted)
    elif isinstance(request, GetDashboard):
        yield from _dashboards_differ(place, dashboard_shown(outcome), dashboard_shown(expected))
    else:
        for name in ANSWERED:
            got, want = told(outcome, name), told(expected, name)
            is_made = getattr(request, name, None) is DEFAULT
            if got is not None and want is not None and got != want and not is_made:
                yield (*place, TOLD, name), f" and was told {name} {got}, expected {want}"


def _same_end(outcome: Outcome, expected: Outcome) -> bool:
    if isinstance(outcome, Refused) and isinstance(expected, Refused):
        return same_refusal(outcome, expected)
    return isinstance(outcome, Failed) and outcome == expected


def _kind(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        return f"{outcome.code} ({outcome.message})" if outcome.message else outcome.code
    return str(outcome) if isinstance(outcome, Failed) else "an answer"


# --- traits ---------------------------------------------------------------------------------


def _place(line: LogLine) -> Trait:
    """Return who asked for what: of reads the person counts, of commands the role."""
    request: Any = line.request
    if isinstance(request, Select):
        return line.principal, request.table.name, bool(request.where)
    if isinstance(request, GetDashboard):
        own = {person.email for person in PEOPLE if person.principal == line.principal}
        return line.principal, ("own dashboard" if normal_email(request.email or "") in own else "dashboards"), False
    return line.principal.role, need_of(line), False


def _outcome_trait(outcome: Outcome, expected: Outcome) -> Trait:
    return OUTCOME, _end_of(outcome), _end_of(expected)


def _end_of(outcome: Outcome) -> str:
    """Return the kind of an outcome: rows where none should be are not the same as none."""
    if isinstance(outcome, Refused):
        return outcome.code
    if isinstance(outcome, Failed):
        return type(outcome.error).__name__
    return "rows" if outcome else "no rows"


def _whose(principal: Principal, table: Table[Any], values: Sequence[Any]) -> str:
    """Return whose row it is, in the eyes of the one who looks."""
    owner = values[table.position["user_id" if "user_id" in table.by_name else table.key]]
    return "own" if principal.user_id is not None and owner == principal.user_id else "another's"


def _rows_differ(
    place: Trait, principal: Principal, table: Table[Any], found: Seen, wanted: Seen
) -> Iterator[tuple[Trait, str]]:
    """Yield how rows that a principal sees are not those that the rules say."""
    if not isinstance(found.shown, tuple) or not isinstance(wanted.shown, tuple):
        trait = (*place, *_outcome_trait(found.shown, wanted.shown))
        yield trait, f"{table.name}: {_extent(found)}, expected {_extent(wanted)}"
        return
    names = compared_columns(table)
    key = names.index(identity_of(table))
    for found_at, wanted_at in _pairs(table, found, wanted):
        row = found.shown[found_at] if found_at is not None else ()
        want = wanted.shown[wanted_at] if wanted_at is not None else ()
        there = f"{table.name} {_named((row or want)[key])}"
        if found_at is not None and wanted_at is not None:
            for name, value, right in zip(names, row, want, strict=True):
                if value != right and value is not ABSENT:
                    yield (*place, name), f"{there}: {name} is {_named(value)}, expected {_named(right)}"
        elif found_at is not None:
            trait = (*place, EXTRA, _whose(principal, table, found.values[found_at]))
            yield trait, f"{there} is there, expected no such row"
        elif wanted_at is not None:
            trait = (*place, MISSING, _whose(principal, table, wanted.values[wanted_at]))
            yield trait, f"{there} is not there, expected {_row(names, want)}"


def _row(names: Sequence[str], row: Sequence[Any]) -> str:
    return ", ".join(f"{n} {_named(v)}" for n, v in zip(names, row, strict=True) if v is not None)


def _named(value: object) -> str:
    """Return a value in words: an id as its label."""
    return LABELS.name(value) if isinstance(value, str) else str(value)


def _extent(rows: Seen) -> str:
    return f"{len(rows.shown)} rows" if isinstance(rows.shown, tuple) else _kind(rows.shown)


def _dashboards_differ(place: Trait, found: object, wanted: object) -> Iterator[tuple[Trait, str]]:
    """Yield how a dashboard is not the one that the rules say."""
    if found == wanted:
        return
    if not isinstance(found, tuple) or not isinstance(wanted, tuple):
        yield (*place, OUTCOME, found is None), f"got {_whether(found)}, expected {_whether(wanted)}"
        return
    for (name, value), (_, want) in zip(found, wanted, strict=True):
        if value != want:
            yield (*place, name), f"{name} is {value}, expected {want}"


def _whether(dashboard: object) -> str:
    if dashboard is None:
        return "none"
    return ", ".join(f"{n} {v}" for n, v in dashboard) if isinstance(dashboard, tuple) else str(dashboard)
