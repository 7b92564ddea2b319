"""How is an answer printed: as a table for people, as JSON, or as CSV?"""

from __future__ import annotations

import csv
import io
import json
import shutil
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import wraps
from typing import Any, Final, TypeAlias

import click
import tabulate

from crm_domain import Refused
from crm_domain.command_log import rfc3339

Row: TypeAlias = Mapping[str, Any]
"""What is printed as one JSON object, or as one line of CSV: values by the names of their columns."""

ROWS_MAX: Final = 2**31 - 1
"""The most rows that one may ask for."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a text begins that a spreadsheet would execute (OWASP, CSV Injection)."""


class Form(Enum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def form_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options --json and --csv, which exclude each other; the command gets its `Form` as *form*."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON: one object a line, times in RFC 3339.")
    @click.option(
        "--csv",
        "as_csv",
        is_flag=True,
        help="Print CSV (RFC 4180), the names of the columns first. A text that a spreadsheet would take for a "
        "formula gets an apostrophe before it; JSON has it as it is.",
    )
    @wraps(command)
    def with_form(*args: Any, as_json: bool, as_csv: bool, **kwargs: Any) -> None:
        if as_json and as_csv:
            raise click.UsageError("Give either --json or --csv.")
        command(*args, form=Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE, **kwargs)

    return with_form


def print_rows(form: Form, columns: Iterable[str], rows: Iterable[Row]) -> None:
    """Print rows as JSON lines or as CSV, each as soon as it comes.

    Args:
        form: JSON or CSV; a table is made by `crm_adapters.cli.printing.table`, which needs all rows at once.
        columns: The names of the columns, all of which each row has.
        rows: The rows.
    """
    names = tuple(columns)
    if form is Form.JSON:
        for row in rows:
            print_json({name: json_value(row[name]) for name in names})
        return
    _print_csv(names)
    for row in rows:
        _print_csv(_cell(row[name]) for name in names)


def json_value(value: Any) -> Any:
    """Return a value as JSON has it: times are RFC 3339, amounts are text, since they are exact.

    It may be JSON that is as deep as the stack, so it is not walked through but written and read.
    """
    return json.loads(json.dumps(value, default=_json_leaf))


def _json_leaf(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, Decimal) else dict(value)


def _print_csv(cells: Iterable[object]) -> None:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    click.echo(line.getvalue().encode(errors="backslashreplace"), nl=False)


def _cell(value: Any) -> object:
    """Return what stands in a cell: NULL is empty, and no text is a formula."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = _text(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def shown(value: Any) -> Any:
    """Return a value as a cell of a table for people: times to the minute, and nothing that moves a terminal's cursor."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | None):
        return value
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in _text(value))


def _text(value: Any) -> str:
    plain = json_value(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


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
    cells = [[*(_wrapped(_cell_text(cell), _CELL_MAX) for cell in others), _cell_text(last)] for *others, last in rows]
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


def _cell_text(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:.1f}" if isinstance(cell, float) else str(cell)


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())


def meaning_of(kind: type[Refused]) -> str:
    """Return when a kind of refusal is raised, from its own description."""
    return (kind.__doc__ or "").partition("\n")[0].removeprefix("Raised when ").rstrip(".")
