"""The command ``crm-domain stats``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import attrs
import click

from crm_adapters.sqlite.figures import Figures, TableFigures, figures

from ..database import db_option
from ..printing import Form, form_options, json_value, print_json, print_rows, shown, table

_COLUMNS: Final = tuple(a.name for a in attrs.fields(TableFigures))
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_STEP: Final = 1024


@click.command(short_help="Count rows, bytes, events and credits.")
@form_options
@db_option
def stats(*, form: Form, db: Path) -> None:
    """Count what is in the file: rows and bytes of each table, events, and credits.

    These are the document's queries "Check record counts" and "Check table sizes". The latter
    looks for names LIKE 'crm_%' and so misses the main table, digital_resume_by_CRM; here all five
    CRM tables are counted, and all others too. The size of a table includes its indexes. JSON is
    one object; CSV has the tables alone.

    \b
    Examples:
      crm-domain stats
      crm-domain stats --json | jq '.credits.remaining'
      crm-domain stats --csv
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    found = figures(db)
    if form is Form.JSON:
        print_json(_plain(found))
    elif form is Form.CSV:
        print_rows(form, _COLUMNS, map(attrs.asdict, found.tables))
    else:
        click.echo("\n\n".join((_file(found), *_tables(found))))


def _plain(found: Figures) -> Any:
    return json_value(
        attrs.asdict(found, recurse=False)
        | {
            "path": str(found.path),
            "rules": str(found.rules),
            "credits": attrs.asdict(found.credits),
            "tables": [attrs.asdict(row) for row in found.tables],
        }
    )


def _file(found: Figures) -> str:
    credits_ = found.credits
    sources = ", ".join(f"{source} {number}" for source, number in credits_.granted.items())
    times = f"{shown(found.first_at)} to {shown(found.last_at)} (UTC)" if found.events else ""
    rows = [
        ("size", _size(found.bytes), ""),
        ("rules", str(found.rules), ""),
        ("events", str(found.events), times),
        ("credits granted", str(sum(credits_.granted.values())), sources),
        ("credits consumed", str(credits_.consumed), ""),
        ("credits voided", str(credits_.voided), ""),
        ("credits remaining", str(credits_.remaining), ""),
    ]
    return f"{shown(str(found.path))}\n{table((), rows)}"


def _tables(found: Figures) -> tuple[str, str]:
    crm = [_cells(row) for row in found.tables if row.is_crm]
    others = [_cells(row) for row in found.tables if not row.is_crm]
    told = any(row.bytes is not None for row in found.tables)
    headers = ("table", "rows", "size")
    note = "" if told else "\nThis SQLite was built without dbstat, which tells the sizes of tables."
    return (
        f"The five CRM tables (LIKE 'crm_%' would miss the first)\n{table(headers, crm)}",
        f"All other tables\n{table(headers, others)}{note}",
    )


def _cells(row: TableFigures) -> tuple[Any, ...]:
    return (row.table_name, row.record_count, None if row.bytes is None else _size(row.bytes))


def _size(number: float) -> str:
    """Return a number of bytes as people read it."""
    unit = 0
    while number >= _STEP and unit < len(_UNITS) - 1:
        number, unit = number / _STEP, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit else f"{number} bytes"
