"""How does a scenario stand in a TOML file, so that someone can read it and change it?

Sections and keys are those of `Scenario`; what each of them means and its unit is what the
docstrings of the scenario's classes say.
"""

from __future__ import annotations

import inspect
import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs

from crm_adapters.files import write_new
from crm_domain.command_log import rfc3339
from crm_domain.simulation import Arrivals, Scenario

_WIDTH: Final = 110
_WRITTEN_OTHERWISE: Final = frozenset({"rules"})
"""Fields of a scenario that are no section of the same name."""

_HEAD: Final = """\
A scenario of crm-domain: who comes, what they do, and under which rules. Run it, or try other values:
  crm-domain simulate FILE
  crm-domain simulate FILE --set policy.initial_credits=2
  crm-domain simulate FILE --compare policy.initial_credits=2,3,4,6
What is left out takes its default. Rates are averages over users."""

_FILE_HINT: Final = """\
Real dates instead: a contact file (CSV) or a database (crm.db), its path relative to this file. The
column is the one of the dates, found by its name if left out; the number of users is that of the dates.
  file = "contacts.csv"
  column = "user_created_at\""""

_ATTRIBUTE: Final = re.compile(r"^(\w+): (.*?)(?=^\w+: |\Z)", re.MULTILINE | re.DOTALL)


def dumps(scenario: Scenario) -> str:
    """Return a scenario as a TOML document, with comments; `loads` gives back the same scenario."""
    lines = [*_comment(_HEAD), "", *_keys(scenario)]
    lines += ["", *_comment(_described(scenario)["rules"] + ' "seed" or "hardened", then "+name" or "-name" for each')]
    lines += _comment('safeguard to be set otherwise, such as "hardened,-grant_once"; see: crm-domain rules')
    lines += [f"rules = {_literal(str(scenario.rules))}", "", *_section("policy", scenario.policy)]
    for field in attrs.fields(Scenario):
        value = getattr(scenario, field.name)
        if attrs.has(type(value)) and field.name not in _WRITTEN_OTHERWISE:
            lines += ["", *_section(field.name, value)]
    return "\n".join(lines) + "\n"


def save(scenario: Scenario, path: str | os.PathLike[str]) -> None:
    """Write a scenario to a file that does not exist yet.

    Raises:
        NotAFile: A device, a FIFO, a socket or a folder is there.
        FileExistsError: It exists.
        OSError: It cannot be written.
    """
    write_new(Path(path), dumps(scenario).encode())


def _section(name: str, part: Any) -> Iterator[str]:
    yield from _comment((inspect.getdoc(part) or "").partition("\n")[0])
    yield f"[{name}]"
    yield from _keys(part)
    if isinstance(part, Arrivals):
        yield from _comment(_FILE_HINT)


def _keys(part: Any) -> Iterator[str]:
    described = _described(part)
    for field in attrs.fields(type(part)):
        value = getattr(part, field.name)
        if attrs.has(type(value)):
            continue
        yield from _comment(described.get(field.name, ""))
        if value is not None or field.name not in _ABSENT_IF_NONE:
            yield f"{field.name} = {_literal(value)}"
        else:
            yield f"# {field.name} = []"


_ABSENT_IF_NONE: Final = frozenset({"dates", "balances"})
"""What stands as a comment if it is None; any other None is infinity."""


def _described(part: Any) -> dict[str, str]:
    """Return what the docstring of a class says of each of its attributes; in a file, None is ``inf`` or -1."""
    _, _, listed = (inspect.getdoc(part) or "").partition("Attributes:\n")
    return {
        name: " ".join(text.split()).replace("None:", "inf:").replace("None for", "-1 for")
        for name, text in _ATTRIBUTE.findall(textwrap.dedent(listed))
    }


def _comment(text: str) -> list[str]:
    lines = [wrapped for line in text.splitlines() for wrapped in textwrap.wrap(line, _WIDTH, drop_whitespace=True)]
    return [f"# {line}" for line in lines]


def _literal(value: Any) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, str):
        return f'"{value}"'  # names of safeguards alone
    if isinstance(value, Decimal):
        return f"{value:f}"
    if value is None:
        return "inf"
    if isinstance(value, Sequence):
        return _array(value)
    return repr(value)


def _array(values: Sequence[Any]) -> str:
    text = ", ".join("-1" if value is None else _literal(value) for value in values)
    if len(text) < _WIDTH:
        return f"[{text}]"
    return "[\n" + "\n".join(f"    {line}" for line in textwrap.wrap(f"{text},", _WIDTH - 4)) + "\n]"
