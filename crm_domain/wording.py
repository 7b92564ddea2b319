"""How does a message name what is wrong? Cut to what a person reads, with what is near to it.

Every error that repeats a name or a value goes through `quoted` or `unknown`: what a caller sends may be long.

>>> unknown("owner_pear", ["owner_pair", "grant_once"], "safeguard")
"there is no safeguard 'owner_pear'; did you mean owner_pair?"
>>> quoted("x" * 2_000)
"'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'"
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

SHOWN_MAX: Final = 60
"""How much of a name or a value a message repeats, in characters."""

_DIGITS_MAX: Final = 300
"""Longer whole numbers are described: Python refuses to write those of thousands of digits."""

_BITS_A_DIGIT: Final = 3.32193


def cut(text: str, most: int = SHOWN_MAX) -> str:
    """Return *text*, or its beginning and "…" where it has more than *most* characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def quoted(value: object) -> str:
    """Return what a message repeats of a value, as Python writes it, cut."""
    if isinstance(value, str):
        return repr(cut(value))
    if isinstance(value, int) and value.bit_length() > _DIGITS_MAX * _BITS_A_DIGIT:
        return f"a whole number of about {round(value.bit_length() / _BITS_A_DIGIT):,} digits"
    try:
        return cut(repr(value))
    except ValueError:  # such a number is inside of it
        return f"a {type(value).__name__} that cannot be written"


def near(name: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return the known names that read like *name*, the likeliest first."""
    return get_close_matches(name[: 2 * SHOWN_MAX], list(known), n=most, cutoff=cutoff)


def unknown(name: object, known: Iterable[str], what: str = "") -> str:
    """Return a message about a name that is not known, with those that are near, or else with all that there are.

    Args:
        name: The name; what is no text is near to nothing.
        known: The names that there are.
        what: What it should be the name of.
    """
    return f"there is no {what}{' ' if what else ''}{quoted(name)}; {hint(name, known)}"


def hint(name: object, known: Iterable[str]) -> str:
    """Return what a message about an unknown name ends with: what is near to it, or else what there is."""
    known = list(known)
    return meant(near(name, known) if isinstance(name, str) else ()) or f"there are {', '.join(known)}"


def meant(alike: Iterable[str]) -> str:
    """Return the question whether one of these names was meant; empty if there is none."""
    text = " or ".join(alike)
    return f"did you mean {text}?" if text else ""
