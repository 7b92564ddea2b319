"""How is a result printed, for programs and for people?"""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from typing import Any, Final

import click
import tabulate

from crm_domain import Refused

tabulate.MIN_PADDING = 0  # else every head takes two columns more, and 80 are not enough for our tables

_WIDTH_MAX: Final = 140
_WIDTH_PIPED: Final = 110
_CELL_MAX: Final = 42
_LAST_CELL_MIN: Final = 20
"""Widths of lines and cells, in characters."""


def print_json(value: object) -> None:
    """Print one JSON value on one line, in UTF-8 wherever it goes, and at once."""
    # Half a surrogate pair, which UTF-8 has no bytes for, becomes the very escape that JSON has for it.
    click.echo(json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace"))


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as a table that a person reads, as wide as the terminal at most.

    Numbers stand on the right, None is "-", and the last column takes what room the others leave.

    Args:
        headers: The names of the columns; none for a table without a head.
        rows: The cells; each may have several lines.
    """
    cells = [[*(_wrapped(_text(cell), _CELL_MAX) for cell in others), _text(last)] for *others, last in rows]
    columns = zip(*(row[:-1] for row in (headers, *cells) if row), strict=True)
    taken = sum(2 + max(len(line) for cell in column for line in cell.split("\n")) for column in columns)
    for row in cells:
        row[-1] = _wrapped(row[-1], max(_width() - taken, _LAST_CELL_MIN))
    return tabulate.tabulate(
        cells,
        headers,
        tablefmt="simple" if headers else "plain",
        disable_numparse=True,  # a label like 007 is no number
        colalign=["right" if all(map(_is_number, column)) else "left" for column in zip(*rows, strict=True)],
    )


def _width() -> int:
    return min(shutil.get_terminal_size((_WIDTH_PIPED, 24)).columns, _WIDTH_MAX)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | None)


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:.1f}" if isinstance(cell, float) else str(cell)


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())


def meaning_of(kind: type[Refused]) -> str:
    """Return when a kind of refusal is raised, from its own description."""
    return (kind.__doc__ or "").partition("\n")[0].removeprefix("Raised when ").rstrip(".")
