"""The command ``crm-domain history``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from crm_domain.account_statement import StatementLine, statement
from crm_domain.events import data_of

from ..account_words import short, told
from ..database import db_option, opened_crm
from ..person import person_of
from ..printing import ROWS_MAX, Form, form_options, print_rows, shown, table

_COLUMNS: Final = ("position", "at", "by", "event", "what", "credits", "balance", "grant", "data")
_LAST_SHOWN: Final = 50
"""How many steps a table shows by default."""


@click.command(short_help="Tell what happened to one person, step by step.")
@click.argument("email")
@click.option(
    "--limit",
    type=click.IntRange(1, ROWS_MAX),
    metavar="N",
    help=f"Only the last N steps. A table shows {_LAST_SHOWN} unless told otherwise, JSON and CSV all.",
)
@form_options
@db_option
def history(email: str, *, limit: int | None, form: Form, db: Path) -> None:
    """Tell what happened to the person with the address EMAIL, the latest step last.

    For each step: when (UTC), by whom ("self" is the person), the credits that came or went, the
    balance behind it, and what happened, with the grant that paid. Ids are cut to 8 signs here; in
    JSON and CSV, "data" has all of the event, and "grant" is the number of the grant.

    \b
    Examples:
      crm-domain history amy@example.com
      crm-domain history amy@example.com --limit 10
      crm-domain history amy@example.com --json | jq 'select(.credits != 0)'
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    with opened_crm(db) as crm:
        lines = statement(crm.journal.entries_of(person_of(crm, email).id))
        if form is Form.TABLE:
            click.echo(_table(lines, limit or _LAST_SHOWN))
        else:
            print_rows(form, _COLUMNS, map(_row, lines if limit is None else deque(lines, limit)))


def _row(line: StatementLine) -> dict[str, Any]:
    entry = line.entry
    values = (
        entry.position,
        entry.at,
        str(entry.principal),
        type(entry.event).__name__,
        told(line),
        line.credits,
        line.balance,
        None if line.grant is None else line.grant.number,
        data_of(entry.event),
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _table(lines: Iterator[StatementLine], limit: int) -> str:
    last: deque[StatementLine] = deque(maxlen=limit)
    number = 0
    for number, line in enumerate(lines, start=1):  # noqa: B007 - the last one is how many there are
        last.append(line)
    headers = ("when (UTC)", "by", "credits", "balance", "what")
    shown_ = table(headers, [_cells(line) for line in last])
    return shown_ if number <= limit else f"{shown_}\n… and {number - limit} steps before: --limit {number} shows all"


def _cells(line: StatementLine) -> tuple[Any, ...]:
    principal, account = line.entry.principal, line.entry.account
    by = "self" if principal.user_id == account else short(str(principal))
    return (shown(line.entry.at), by, f"{line.credits:+}" if line.credits else "", line.balance, told(line))
