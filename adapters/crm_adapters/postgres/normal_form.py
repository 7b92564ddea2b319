"""How does PostgreSQL bring an address to the normal form that `crm_domain.ids.normal_email` has?

Servers differ in how they fold case: by version, by locale, by the library that they were built
with. So nothing is left to them but taking characters apart and together (``normalize``); what
becomes of which character is told to them, from Python's own tables.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from crm_domain.ids import EMAIL_LENGTH_MAX

_WIDTH: Final = 96
"""How many characters of a long literal stand on a line."""

LENGTH_MAX: Final = EMAIL_LENGTH_MAX


@cache
def foldings() -> dict[str, str]:
    """Return what each character becomes that is not taken apart and that folding changes."""
    return {c: c.casefold() for c in _characters() if c.casefold() != c and unicodedata.is_normalized("NFD", c)}


@cache
def folded(text: str) -> str:
    """Return the SQL expression that folds the case of *text*, an expression whose value is in NFD."""
    singles = {c: f for c, f in foldings().items() if len(f) == 1}
    expression = f"translate(\n{text},\n{_literal(''.join(singles))},\n{_literal(''.join(singles.values()))})"
    for character, several in foldings().items():
        if len(several) > 1:
            expression = f"replace({expression}, '{character}', '{several}')"
    return expression


@cache
def spaces() -> str:
    """Return the characters that are trimmed, as an SQL literal."""
    return _escaped(_ranges(str.isspace), each=True)


@cache
def forbidden() -> str:
    """Return a bracket expression of the spaces and control characters that no address holds.

    Code points that Unicode has not assigned are left out: there are hundreds of ranges of them,
    and what they will be is for a later Unicode to say.
    """
    ranges = _ranges(lambda c: c.isspace() or unicodedata.category(c) in {"Cc", "Cf", "Co"})
    return _escaped(ranges, each=False)


@cache
def _characters() -> tuple[str, ...]:
    surrogates = range(0xD800, 0xE000)
    return tuple(chr(n) for n in range(1, sys.maxunicode + 1) if n not in surrogates)


def _ranges(is_in: Callable[[str], bool]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for character in filter(is_in, _characters()):
        n = ord(character)
        if ranges and ranges[-1][1] == n - 1:
            ranges[-1] = (ranges[-1][0], n)
        else:
            ranges.append((n, n))
    return ranges


def _escaped(ranges: list[tuple[int, int]], *, each: bool) -> str:
    """Return ranges of code points by their numbers: nobody could read them otherwise."""
    parts = [p for first, last in ranges for p in (_members(first, last) if each else _range(first, last))]
    lines = ["".join(parts[n : n + 12]) for n in range(0, len(parts), 12)]
    return "U&'" + "'\n  '".join(lines) + "'"


def _members(first: int, last: int) -> Iterator[str]:
    return (_code(n) for n in range(first, last + 1))


def _range(first: int, last: int) -> Iterator[str]:
    yield _code(first) if first == last else f"{_code(first)}-{_code(last)}"


def _code(n: int) -> str:
    return f"\\{n:04X}" if n < 2**16 else f"\\+{n:06X}"


def _literal(text: str) -> str:
    """Return a long literal in several lines, which SQL joins."""
    return "'" + "'\n'".join(text[n : n + _WIDTH] for n in range(0, len(text), _WIDTH)) + "'"
