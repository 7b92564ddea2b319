"""How does PostgreSQL bring an address to the normal form that `crm_domain.ids.normal_email` has?

Servers differ in how they lower case: by version, by locale, by the library that they were built
with. So nothing is left to them but composing characters (``normalize``). Which characters may stand
in an address, and what each becomes in lower case, is written out from the tables of `crm_domain`.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Final

from crm_domain import ids
from crm_domain.characters import EDGES, is_known

_WIDTH: Final = 96
"""How many characters of a long literal stand on a line."""

LENGTH_MAX: Final = ids.EMAIL_LENGTH_MAX
NAME_LENGTH_MAX: Final = ids.EMAIL_NAME_LENGTH_MAX
LABEL_LENGTH_MAX: Final = ids.EMAIL_LABEL_LENGTH_MAX
SPECIALS: Final = ids.EMAIL_SPECIALS


@cache
def lower_cases() -> dict[str, str]:
    """Return the lower case of each character that may stand in an address and has one."""
    return {c: c.lower() for c in _characters() if c != c.lower() and is_known(c)}


@cache
def lowered(text: str) -> str:
    """Return the SQL expression that lower-cases *text*, an expression, each character by itself."""
    return f"translate(\n{text},\n{_literal(''.join(lower_cases()))},\n{_literal(''.join(lower_cases().values()))})"


@cache
def spaces() -> str:
    """Return the characters that are trimmed, as an SQL literal: by their numbers, which can be read."""
    codes = [f"\\{ord(c):04X}" for c in _characters() if c.isspace()]
    lines = ["".join(codes[n : n + 12]) for n in range(0, len(codes), 12)]
    return "U&'" + "'\n  '".join(lines) + "'"


@cache
def edges() -> str:
    """Return the code points at which the table of characters changes, as the literal of an array."""
    numbers = list(map(str, EDGES))
    lines = [",".join(numbers[n : n + 16]) for n in range(0, len(numbers), 16)]
    return "'{" + ",\n".join(lines) + "}'"


@cache
def _characters() -> tuple[str, ...]:
    surrogates = range(0xD800, 0xE000)
    return tuple(chr(n) for n in range(1, sys.maxunicode + 1) if n not in surrogates)


def _literal(text: str) -> str:
    """Return a long literal in several lines, which SQL joins."""
    return "'" + "'\n'".join(text[n : n + _WIDTH] for n in range(0, len(text), _WIDTH)) + "'"
