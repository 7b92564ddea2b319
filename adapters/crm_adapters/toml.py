"""What does a TOML document say, or where can it not be read?

`tomllib` refuses what is not TOML. What is TOML, and holds what no one can count, ends in other errors of Python's:
a whole number of thousands of digits, an exponent of twenty, brackets in brackets in brackets. Here all of them are one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any, Final

DIGITS_MAX: Final = 4_300
"""The most digits of a whole number: of more, Python makes none."""

_PLACE: Final = re.compile(r"\(at line (\d+), column \d+\)")
_DIGITS: Final = re.compile(r"value has (\d+) digits")
_SAID_MAX: Final = 100


class BadToml(ValueError):  # noqa: N818 - says what is bad
    """Raised when a document cannot be read.

    Attributes:
        number: The line, from 1.
        problem: What is wrong.
        is_syntax: Whether it is not TOML at all, rather than TOML that says what cannot be.
    """

    def __init__(self, number: int, problem: str, *, is_syntax: bool) -> None:
        super().__init__(f"line {number}: {problem}")
        self.number = number
        self.problem = problem
        self.is_syntax = is_syntax


def read_toml(text: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Return what a document says.

    Args:
        text: The document.
        parse_float: Reads numbers with a fraction; what it cannot read is a ValueError of its own.

    Raises:
        BadToml: It is not TOML, or says what cannot be.

    >>> read_toml("price = 12")
    {'price': 12}
    """
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        number = int(place[1]) if place else max(len(text.splitlines()), 1)
        said = _PLACE.sub("", str(error)).replace("(at end of document)", "").strip()
        said = said.replace("Cannot overwrite a value", "a key is there twice")
        raise BadToml(number, f"is not TOML: {said[:_SAID_MAX]}", is_syntax=True) from None
    except (ValueError, RecursionError) as error:
        raise BadToml(_line_of(text, parse_float), _said(error), is_syntax=False) from None


def _said(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nests too deeply to be read"
    found = _DIGITS.search(str(error))
    return str(error) if found is None else f"a whole number has {int(found[1]):,} digits, the most are {DIGITS_MAX:,}"


def _line_of(text: str, parse_float: Callable[[str], Any]) -> int:
    """Return the first line up to which a document cannot be read for another reason than that it is not TOML."""
    lines = text.splitlines(keepends=True)
    low, high = 1, len(lines)
    while low < high:
        middle = (low + high) // 2
        if _is_readable("".join(lines[:middle]), parse_float):
            low = middle + 1
        else:
            high = middle
    return low


def _is_readable(text: str, parse_float: Callable[[str], Any]) -> bool:
    try:
        tomllib.loads(text, parse_float=parse_float)
    except tomllib.TOMLDecodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return True
