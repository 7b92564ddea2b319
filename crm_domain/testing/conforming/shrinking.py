"""What is the shortest sequence that shows the same?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from crm_domain import commands as c
from crm_domain.command_log import OWNER_COLUMNS, LogLine
from crm_domain.reads import Select

from ..histories import Lines


def shortened(lines: Lines, shows: Callable[[Lines], bool]) -> Lines:
    """Leave lines out, and make those that are left simpler, as long as what is left *shows* the same.

    Args:
        lines: What shows it.
        shows: Tells whether other lines do; asked for some tens of candidates a line.
    """
    while True:
        shorter = _simplified(_without_needless(lines, shows), shows)
        if shorter == lines:
            return lines
        lines = shorter


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
    request: Any = line.request
    if isinstance(request, c.CreateRow):
        yield from (attrs.evolve(line, request=plainer) for plainer in _plainer_rows(request))
    elif isinstance(request, c.Update | c.Delete | Select) and request.where:
        yield attrs.evolve(line, request=attrs.evolve(request, where={}))
    if isinstance(request, c.Update) and len(request.set) > 1:
        for name, value in request.set.items():
            yield attrs.evolve(line, request=attrs.evolve(request, set={name: value}))


def _plainer_rows(request: Any) -> Iterator[Any]:
    """Yield a request to store a row with fewer columns."""
    fields = {a.name: a.default for a in attrs.fields(type(request)) if a.init}
    optional = [
        name
        for name, default in fields.items()
        if name not in {"id", *OWNER_COLUMNS} and getattr(request, name) != default
    ]
    if len(optional) > 1:
        yield attrs.evolve(request, **{name: fields[name] for name in optional})
    for name in optional:
        yield attrs.evolve(request, **{name: fields[name]})
