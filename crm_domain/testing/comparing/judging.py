"""Which laws does a backend break at the place where it parts from the model, and what does it lack?

First it is asked whether the backend does what the rules say without one of their safeguards, or
without two: then the model does the same without them, and the laws judge that. Otherwise they
judge the rows that the service sees in the backend's tables, next to the events by the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, Final

import attrs
from attrs import frozen

from crm_domain.answers import Accepted, Paid
from crm_domain.command_log import LogLine, Request
from crm_domain.commands import CreateRow, RecordPayment
from crm_domain.errors import Conflict, Refused
from crm_domain.ids import SERVICE, RowId, normal_email
from crm_domain.laws import LAWS, Answer, AnyLaw, Law, StateLaw, Step, StepLaw, Violation
from crm_domain.laws.differences import differences
from crm_domain.ports import Tables
from crm_domain.reads import DashboardData, GetDashboard, Select
from crm_domain.rows import TABLES
from crm_domain.rules import Rules

from ..histories import Lines, Past, overlapping_groups, run, violations
from .differences import Outcome, differences_of
from .lockstep import Parting
from .observing import Failed, look, seen, told
from .predicting import Prediction, outcomes_of
from .stored import row_like, rows_like, take_over

AGREES_WITH_MODEL: Final = Law(
    number=0,
    name="agrees_with_model",
    statement="Every outcome, and everything that anybody sees, is what the rules say.",
    section="Overview",
)
"""What is broken where none of the laws says more."""


@frozen
class Judgement:
    """What a parting means.

    Attributes:
        violations: The laws that are broken, each with the first place; never empty.
        missing: The safeguards without which the rules would do the same; empty if there are none such.
    """

    violations: tuple[Violation, ...]
    missing: tuple[str, ...] = ()

    @property
    def laws(self) -> frozenset[str]:
        """The names of the laws that are broken."""
        return frozenset(violation.law.name for violation in self.violations)


def judged(parting: Parting, missing_sets: Iterable[tuple[str, ...]] | None = None) -> Judgement:
    """Return what a parting means.

    Args:
        parting: The parting.
        missing_sets: The sets of safeguards that may be missing, in the order in which they are tried;
            by default every one, every two, and all of them.
    """
    rules = parting.before.rules
    for missing in sets_of_safeguards(rules) if missing_sets is None else missing_sets:
        reading = rules.without(*missing)
        if behaves_by(reading, parting):
            found = [] if parting.followed else list(_broken_by_model(parting, reading))
            return Judgement(_first_of_each(found or _broken_by_rows(parting), parting), missing)
    return Judgement(_first_of_each(_broken_by_rows(parting), parting))


def sets_of_safeguards(rules: Rules) -> Iterator[tuple[str, ...]]:
    """Yield what may be missing: one safeguard, two, or all of them."""
    on = sorted(rules.safeguards)
    yield from combinations(on, 1)
    yield from combinations(on, 2)
    yield tuple(on)


def _first_of_each(found: Iterable[Violation], parting: Parting) -> tuple[Violation, ...]:
    by_law: dict[str, Violation] = {}
    for violation in found:
        by_law.setdefault(violation.law.name, violation)
    return tuple(by_law.values()) or (Violation(AGREES_WITH_MODEL, parting.difference.text),)


# --- by the model without some safeguards ---------------------------------------------------


def behaves_by(reading: Rules, parting: Parting) -> bool:
    """Tell whether the model under another *reading* says and shows what the backend did."""
    prediction, known, number = Prediction(reading), parting.known, 0
    if 0 in parting.followed:  # rows that were there at the beginning
        take_over(prediction.crm, parting.followed[0])
    for group, answers in zip(overlapping_groups(parting.lines), parting.answers, strict=True):
        expected = prediction.ask(group, answers)
        number += len(group)
        if number in parting.followed:
            take_over(prediction.crm, parting.followed[number])
        elif any(differences_of(group, answers, expected, known)):
            return False
    for name, found in parting.stored.items():
        line = LogLine(SERVICE, Select(table=TABLES[name]))
        wanted = look(prediction.backend, SERVICE, TABLES[name])
        if not known.cleaned(line, found, wanted).same(wanted):
            return False
    seen_at = parting.difference
    if seen_at.line in parting.lines:
        return True
    expected = outcomes_of(prediction.backend, [seen_at.line])
    return not any(differences_of([seen_at.line], [seen_at.outcome], expected, known))


def _broken_by_model(parting: Parting, reading: Rules) -> Iterator[Violation]:
    """Yield what the last line breaks under another *reading*, and none before it did."""
    lines = list(parting.lines)
    before = len(lines) - len(parting.answers[-1])
    if parting.difference.line not in lines:
        lines.append(parting.difference.line)
    found = list(violations(run(Lines(lines), reading)))
    known = {violation for number, violation in found if number <= before}
    return (violation for number, violation in found if number > before and violation not in known)


# --- by the rows ----------------------------------------------------------------------------

_BY_EVENTS: Final = "replay_reproduces_state"
"""The law that says of every other row that it is one; it is tested by replaying instead."""

_UNCHANGED: Final = "refused_changes_nothing"
"""The law that means refusals here: what an answer changed without the rules' events, the others judge."""

_BESIDE_EVENTS: Final = frozenset(
    {"balance_equals_granted_minus_consumed", "one_credit_per_recording", "counters_equal_fold_of_events"}
)
"""The laws that compare rows with events. Where a backend accepts what the rules refuse, there are none: these laws say
nothing of a row that was stored, and of all else only if no other does."""


@frozen
class _State:
    """What a law of states looks at."""

    tables: Tables
    journal: Past
    rules: Rules


def _broken_by_rows(parting: Parting) -> Iterable[Violation]:
    steps, followed = list(_steps(parting)), bool(parting.followed)
    found = [violation for step in steps for violation in _broken_in(step, followed=followed)]
    if (
        found and len(parting.expected) == 1
    ):  # what the model does as well, under rules that may be weak ones, is not where the two part
        also = {_digest(violation) for violation in _broken_in(_model_step(parting), followed=followed)}
        found = [violation for violation in found if _digest(violation) not in also]
    if isinstance(steps[0].outcome, Refused):  # whatever else is broken, is so because something changed
        return [violation for violation in found if violation.law.name == _UNCHANGED] or found
    if not isinstance(parting.expected[-1], Refused):
        return found
    beside_rows = [violation for violation in found if violation.law.name not in _BESIDE_EVENTS]
    return beside_rows if isinstance(steps[0].command, CreateRow) else beside_rows or found


def _digest(violation: Violation) -> tuple[str, str]:
    return violation.law.name, _NUMBER.sub("", violation.text)


def _model_step(parting: Parting) -> Step:
    """Return the last line as a step of the model."""
    last = parting.lines[-1]
    return Step(
        before=parting.before,
        principal=last.principal,
        command=last.request,
        outcome=parting.expected[-1],
        entries=parting.entries,
        after=parting.after,
    )


def _broken_in(step: Step, *, followed: bool) -> Iterator[Violation]:
    for law in LAWS:
        if law.name == _BY_EVENTS or (law.name == _UNCHANGED and not isinstance(step.outcome, Refused)):
            continue
        yield from (Violation(law, text) for text in _broken(law, step, followed=followed))
        if law.name == _POLICIES:
            yield from (Violation(law, text) for text in _passed_policies(step))


def _broken(law: AnyLaw, step: Step, *, followed: bool) -> Iterable[str]:
    match law:
        case StateLaw() if followed:  # what was taken over is no doing of this step
            before = {_NUMBER.sub("", text) for text in law.check(step.before)}
            return (text for text in law.check(step.after) if _NUMBER.sub("", text) not in before)
        case StateLaw():
            return law.check(step.after)
        case StepLaw():
            return law.check(step)
        case _:
            return ()


_NUMBER: Final = re.compile(r"\d+")

_POLICIES: Final = "service_passes_policies_not_rules"
"""The law that says of events whose affair they are; of a backend only the rows can be seen."""


def _passed_policies(step: Step) -> Iterator[str]:
    """Yield the rows that a user changed and may not: others', and any while deactivated."""
    principal = step.principal
    if principal == SERVICE or isinstance(step.outcome, Refused):
        return
    crm_user = step.before.tables.crm_users.one("user_id", principal.user_id)
    is_deactivated = crm_user is not None and not crm_user.is_active
    for difference in differences(step.before.tables, step.after.tables):
        owner = getattr(difference.before or difference.after, "user_id", None)
        if owner != principal.user_id:
            yield f"{difference}; it is {owner}'s affair, and {principal} did it"
        elif is_deactivated:
            yield f"{difference}; {principal} did it, who was deactivated"


def _steps(parting: Parting) -> Iterator[Step]:
    """Yield the last line as a step between two states, and the look that showed a difference as another."""
    answer, expected = parting.answers[-1][-1], parting.expected[-1]
    as_expected = isinstance(answer, Refused | Failed) == isinstance(expected, Refused)
    base = parting.after if as_expected else parting.before
    tables = Tables.made_by(lambda table: rows_like(table, parting.stored.get(table.name), base.tables))
    after = _State(tables, base.journal, base.rules)
    last, look_ = parting.lines[-1], parting.difference.line
    yield Step(
        before=parting.before,
        principal=last.principal,
        command=last.request,
        outcome=_as_answer(last.request, parting.known.answer(last, answer, expected), tables),
        entries=parting.entries if as_expected else (),
        after=after,
    )
    if look_ not in parting.lines:
        shown = parting.known.answer(look_, parting.difference.outcome, parting.difference.expected)
        outcome = _as_answer(look_.request, shown, tables)
        yield Step(
            before=after, principal=look_.principal, command=look_.request, outcome=outcome, entries=(), after=after
        )


def _as_answer(request: Request, outcome: Outcome, tables: Tables) -> Answer:
    """Return what a backend said as the laws know it."""
    if isinstance(outcome, Refused):
        return outcome
    if isinstance(outcome, Failed):  # for the laws it is a refusal: nothing may have changed
        return Conflict(str(outcome))
    if isinstance(request, Select):
        found = seen(request.table, outcome)
        known = {getattr(row, request.table.key): row for row in tables.by_name[request.table.name]}
        rows = [row_like(request.table, values, known.values()) for values in found.values]
        return [request.table.public(values) for values in rows]
    if isinstance(request, GetDashboard):
        return _dashboard(request, outcome, tables)
    return (
        Paid((), RowId(""), credited=told(outcome, "credited") is True)
        if isinstance(request, RecordPayment)
        else Accepted(())
    )


def _dashboard(request: GetDashboard, outcome: Outcome, tables: Tables) -> DashboardData | None:
    """Return an answered dashboard, with the times of the row that it is made from."""
    if outcome is None:
        return None
    given: Mapping[str, Any] = outcome if isinstance(outcome, Mapping) else attrs.asdict(outcome)
    stats = tables.crm_dashboard_stats.one("email", normal_email(request.email or ""))
    names = [field.name for field in attrs.fields(DashboardData)]
    dates = {n: getattr(stats, n, None) for n in names if n.endswith("_date") and given[n] is not None}
    columns: dict[str, Any] = {n: dates.get(n, given[n]) for n in names}
    return DashboardData(**columns)
