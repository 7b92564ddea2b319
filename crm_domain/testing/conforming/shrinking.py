"""What is the shortest sequence that shows the same?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from crm_domain import commands as c
from crm_domain.command_log import OWNER_COLUMNS, LogLine, id_named
from crm_domain.ids import Principal, normal_email, user
from crm_domain.reads import Select
from crm_domain.schema import Table

from ..histories import Lines
from ..people import JOB_REQUESTS, LABELS, PEOPLE, RECORDINGS, RESUMES


def shortened(lines: Lines, shows: Callable[[Lines], bool]) -> Lines:
    """Leave lines out, and make those that are left simpler, as long as what is left *shows* the same.

    Each argument of each line is dropped or made plain, and people and rows are the first that there are.

    Args:
        lines: What shows it.
        shows: Says whether other lines do; asked for some tens of candidates a line.
    """
    while True:
        shorter = _simplified(_without_needless(lines, shows), shows)
        if shorter == lines:
            break
        lines = shorter
    for names in _plainer_names(lines):
        candidate = renamed(lines, names)
        if shows(candidate):
            lines = candidate
    return lines


def _without_needless(lines: Lines, shows: Callable[[Lines], bool]) -> Lines:
    """Leave out blocks of lines, large ones first, from the end."""
    size = max(1, len(lines) // 2)
    while True:
        start = len(lines)
        while start > 0:
            start = max(0, start - size)
            candidate = Lines((*lines[:start], *lines[start + size :]))
            if candidate and shows(candidate):
                lines = candidate
        if size == 1:
            return lines
        size //= 2


def _simplified(lines: Lines, shows: Callable[[Lines], bool]) -> Lines:
    for n, line in enumerate(lines):
        for simpler in _simpler(line):
            candidate = Lines((*lines[:n], simpler, *lines[n + 1 :]))
            if shows(candidate):
                lines = candidate
                break
    return lines


def _simpler(line: LogLine) -> Iterator[LogLine]:
    """Yield a line without some of what it says, the plainest first."""
    if line.key is not None or line.concurrent is not None:
        yield attrs.evolve(line, key=None, concurrent=None)
    for request in _simpler_requests(line.request):
        yield attrs.evolve(line, request=request)


def _simpler_requests(request: Any) -> Iterator[Any]:
    if isinstance(request, c.Update | c.Delete | Select):
        if request.where:
            yield attrs.evolve(request, where={})
        if len(request.where) > 1:
            for name, value in request.where.items():
                yield attrs.evolve(request, where={name: value})
        yield from (attrs.evolve(request, where=plainer) for plainer in _plainer(request.table, request.where))
    if isinstance(request, c.Update):
        if len(request.set) > 1:
            for name, value in request.set.items():
                yield attrs.evolve(request, set={name: value})
        yield from (attrs.evolve(request, set=plainer) for plainer in _plainer(request.table, request.set))
    elif not isinstance(request, c.Delete | Select):
        yield from _plainer_arguments(request)


def _plainer_arguments(request: Any) -> Iterator[Any]:
    """Yield a request with fewer arguments, or one of them as it usually is."""
    fields = {a.name: a.default for a in attrs.fields(type(request)) if a.init}
    kept = {"id", *OWNER_COLUMNS} if isinstance(request, c.CreateRow) else fields.keys() - {"id", "payment_details"}
    optional = [name for name, default in fields.items() if name not in kept and getattr(request, name) != default]
    if len(optional) > 1:
        yield attrs.evolve(request, **{name: fields[name] for name in optional})
    for name in optional:
        yield attrs.evolve(request, **{name: fields[name]})
    for name, default in fields.items():
        if getattr(request, name) != default:  # a default is as plain as it gets
            for plain in _plain_values(name, getattr(request, name)):
                yield attrs.evolve(request, **{name: plain})


def _plainer(table: Table[Any], columns: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield columns with one value made plain, if the column takes that."""
    for name, value in columns.items():
        for plain in _plain_values(name, value):
            if not any(table.column(name).faults(plain)):
                yield {**columns, name: plain}


def _plain_values(name: str, value: Any) -> Iterator[Any]:
    """Yield a value that says less than another one of its type: ids aside, which `renamed` changes everywhere."""
    if name == "email" and isinstance(value, str):
        yield from (person.email for person in PEOPLE if value != person.email == normal_email(value))
    elif isinstance(value, str) and LABELS.name(value) == value and value not in {"a", ""}:
        yield "a"
    elif isinstance(value, int) and not isinstance(value, bool) and value not in {0, 1, -1}:
        yield 1 if value > 0 else -1


def renamed(lines: Lines, names: Mapping[str, str]) -> Lines:
    """Return lines with other people and rows in them: each id or address of *names* is another everywhere."""
    return Lines(
        attrs.evolve(
            line,
            principal=_renamed_principal(line.principal, names),
            request=_renamed_in(line.request, names),
        )
        for line in lines
    )


def _renamed_principal(principal: Principal, names: Mapping[str, str]) -> Principal:
    return principal if principal.user_id is None else user(_renamed_value(principal.user_id, names))


def _renamed_in(request: Any, names: Mapping[str, str]) -> Any:
    given = {a.name: getattr(request, a.name) for a in attrs.fields(type(request)) if a.init}
    for name, value in given.items():
        if isinstance(value, Mapping):
            given[name] = {column: _renamed_value(item, names) for column, item in value.items()}
        else:
            given[name] = _renamed_value(value, names)
    return attrs.evolve(request, **given)


def _renamed_value(value: Any, names: Mapping[str, str]) -> Any:
    return names.get(value, value) if isinstance(value, str) else value


def _plainer_names(lines: Lines) -> Iterator[dict[str, str]]:
    """Yield how people and rows would be called, if the first of them were those that appear."""
    people = [person for person in PEOPLE if {person.user_id, person.email} & _texts(lines)]
    yield {
        old: new
        for person, first in zip(people, PEOPLE, strict=False)
        for old, new in ((person.user_id, first.user_id), (person.email, first.email))
    }
    for labels in (JOB_REQUESTS, RECORDINGS, RESUMES):
        ids = [id_named(label) for label in labels]
        used = [id_ for id_ in ids if id_ in _texts(lines)]
        yield dict(zip(used, ids, strict=False))


def _texts(lines: Lines) -> set[str]:
    """Return all ids and other texts in lines."""
    found: set[str] = set()
    for line in lines:
        given = attrs.asdict(line.request, recurse=False)
        values = [line.principal.user_id, *given.values()]
        values += [item for value in given.values() if isinstance(value, Mapping) for item in value.values()]
        found.update(value for value in values if isinstance(value, str))
    return found
