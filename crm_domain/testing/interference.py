"""Can anyone tell, from all that they see, what others do?

Two runs are compared in the eyes of one person: one with everything, one without what others do
and what the service does for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import attrs

from crm_domain import commands as c
from crm_domain.command_log import LogLine
from crm_domain.ids import SERVICE, Principal, normal_email
from crm_domain.laws import RunLaw, law_named
from crm_domain.reads import GetDashboard, Select
from crm_domain.rows import TABLES
from crm_domain.rules import HARDENED, Rules

from .histories import Lines, run
from .people import PEOPLE, Person


class Concern(Enum):
    """Whom a request concerns."""

    OBSERVER = "the observer"
    OTHERS = "others"
    BOTH = "the observer and others"


def interference(lines: Lines, observer: Person, rules: Rules = HARDENED) -> list[str]:
    """Return what *observer* would notice of the others, in words.

    Requests of the service that concern both are left out of both runs: what it does for all
    at once may well depend on others. So are others' requests that choose an id or a payment
    reference which is the observer's later (see the law).
    """
    law = law_named("noninterference")
    assert isinstance(law, RunLaw)
    told, others = separated(lines, observer)
    told = Lines((*told, *looks(observer.principal)))
    one, other = run(told, rules), run(told, rules, without=others)
    return list(law.check(one.steps, other.steps, observer.principal))


def separated(lines: Lines, observer: Person) -> tuple[Lines, frozenset[int]]:
    """Return the lines that concern someone alone, and the indexes of those that concern others."""
    kept: list[tuple[LogLine, Concern]] = []
    chosen_later: set[object] = set()
    for line in reversed(lines):
        concern, choices = concern_of(line, observer), set(_choices(line))
        if concern is Concern.OBSERVER:
            chosen_later |= choices
        if concern is Concern.OBSERVER or (concern is Concern.OTHERS and not choices & chosen_later):
            # The service's keys are its own, and it uses them for everybody.
            kept.append((attrs.evolve(line, key=None) if line.principal == SERVICE else line, concern))
    kept.reverse()
    others = frozenset(n for n, (_, concern) in enumerate(kept) if concern is Concern.OTHERS)
    return Lines(line for line, _ in kept), others


def concern_of(line: LogLine, observer: Person) -> Concern:
    """Return whom a line concerns: a person's concerns them alone, the service's whom it names."""
    if line.principal != SERVICE:
        return Concern.OBSERVER if line.principal == observer.principal else Concern.OTHERS
    named = [*_named(line)]
    is_observer = [name in {observer.user_id, observer.email} for name in named]
    if not named or (any(is_observer) and not all(is_observer)):
        return Concern.BOTH
    return Concern.OBSERVER if any(is_observer) else Concern.OTHERS


def _named(line: LogLine) -> Iterator[str]:
    """Yield the ids and addresses of those whose rows a request of the service is about."""
    request: Any = line.request
    named = request.where if isinstance(request, c.Update | c.Delete | Select) else attrs.asdict(request, recurse=False)
    if isinstance(named.get("user_id"), str):
        yield named["user_id"]
    if isinstance(named.get("email"), str):
        yield normal_email(named["email"])


def _choices(line: LogLine) -> Iterator[object]:
    """Yield the ids and references that a request chooses."""
    request = line.request
    if isinstance(request, c.CreateRow):
        yield request.table.name, request.id
    elif isinstance(request, c.RecordPayment):
        yield from (("ref", request.ref), ("payment", request.id))


def looks(principal: Principal) -> Iterator[LogLine]:
    """Yield requests to see all that there is to see."""
    for table in TABLES.values():
        yield LogLine(principal, Select(table=table))
    for person in PEOPLE:
        yield LogLine(principal, GetDashboard(email=person.email))
