"""Does a backend say the same when it is asked again, a little otherwise? Laws of two runs, from outside."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import suppress

from attrs import evolve

from crm_domain.command_log import LogLine
from crm_domain.errors import Refused
from crm_domain.ids import SERVICE
from crm_domain.ports import Backend
from crm_domain.reads import Select

from ..histories import Lines
from ..interference import separated
from ..people import Person
from .differences import Difference, Outcome, differences_of, need_of
from .observing import Failed
from .predicting import id_chosen, outcomes_of


def noticed(backend: Backend, lines: Lines, observer: Person, looks: Sequence[LogLine]) -> Iterator[Difference]:
    """Yield what *observer* notices of what others do: all that they see is compared with a run without that.

    Args:
        backend: The backend; it is reset.
        lines: What is asked.
        observer: In whose eyes.
        looks: How everybody sees everything that the backend has.
    """
    told, others = separated(Lines(_one_by_one(lines)), observer)
    asked = [*told, *(look for look in looks if look.principal == observer.principal)]
    with_others, alone = _run(backend, asked), _run(backend, asked, without=others)
    for n, line in enumerate(asked):
        if line.principal == observer.principal and n in with_others.keys() & alone.keys():
            yield from _differ(line, with_others[n], alone[n])


def _differ(line: LogLine, outcome: Outcome, alone: Outcome) -> Iterator[Difference]:
    for difference in differences_of([line], [outcome], [alone]):
        yield evolve(difference, text=f"{difference.text} as without the others")
    if isinstance(outcome, Refused) and isinstance(alone, Refused) and outcome.message != alone.message:
        text = f"{line.principal} was told {outcome.message!r}, and without the others {alone.message!r}"
        traits = frozenset({(line.principal.role, need_of(line), False, "message")})
        yield Difference(text=text, line=line, expected=alone, outcome=outcome, traits=traits)


def replayed_otherwise(backend: Backend, lines: Lines, looks: Sequence[LogLine]) -> Iterator[Difference]:
    """Yield what is not the same in the tables after the accepted requests alone, rebuilt from the beginning.

    Args:
        backend: The backend; it is reset.
        lines: What is asked.
        looks: How everybody sees everything that the backend has.
    """
    rows = [look for look in looks if look.principal == SERVICE and isinstance(look.request, Select)]
    told = [*_one_by_one(lines)]
    asked = [*told, *rows]
    first = _run(backend, asked)
    refused = {n for n in range(len(told)) if isinstance(first.get(n), Refused | Failed)}
    again = _run(backend, asked, without=refused)
    for n, line in enumerate(rows, start=len(told)):
        if n in first.keys() & again.keys():
            for difference in differences_of([line], [again[n]], [first[n]]):
                yield evolve(difference, text=f"{difference.text}, as when refused requests came between")


def _one_by_one(lines: Lines) -> Iterator[LogLine]:
    """Yield the lines without overlaps, whom they concern is said of each alone, and those that choose their ids."""
    return (evolve(line, concurrent=None) for line in lines if id_chosen(line))


def _run(backend: Backend, lines: Sequence[LogLine], *, without: Container[int] = ()) -> dict[int, Outcome]:
    """Return what a backend says to each line, by its index; without those lines that it does not have."""
    backend.reset()
    outcomes: dict[int, Outcome] = {}
    for n, line in enumerate(lines):
        if n not in without:
            with suppress(NotImplementedError):
                outcomes[n] = outcomes_of(backend, [line])[0]
    return outcomes
