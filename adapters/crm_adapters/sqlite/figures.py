"""How much is in a file: rows and bytes of each table, events, credits ("Monitoring")?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from crm_domain.rows import CRM_TABLES
from crm_domain.rules import Rules

from .connection import Connection
from .opening import opened, real_path, stored_rules

_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table'"
_KNOWS_SIZES: Final = "SELECT count(*) FROM pragma_module_list WHERE name = 'dbstat'"
_SIZES: Final = """
SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) WHERE aggregate = 1 GROUP BY tbl_name"""
_ENDS: Final = "SELECT at FROM journal WHERE position IN (1, (SELECT max(position) FROM journal)) ORDER BY position"
_GRANTED: Final = "SELECT source, sum(credits) FROM credit_grants GROUP BY source"
_SPENT: Final = "SELECT coalesce(sum(consumed), 0), coalesce(sum(voided), 0) FROM credit_grants"
_REMAINING: Final = "SELECT coalesce(sum(credits_remaining), 0) FROM profiles"


@frozen(kw_only=True)
class TableFigures:
    """One table, by its name in the file.

    Attributes:
        table_name: The name.
        is_crm: Whether it is one of the document's five.
        record_count: How many rows it has.
        bytes: What it takes in the file, with its indexes; None where SQLite was built without telling.
    """

    table_name: str
    is_crm: bool
    record_count: int
    bytes: int | None


@frozen(kw_only=True)
class CreditFigures:
    """The credits of everybody.

    Attributes:
        granted: How many were granted, by their source.
        consumed: How many recordings took, net of refunds.
        voided: How many were taken away.
        remaining: The sum of all balances.
    """

    granted: Mapping[str, int]
    consumed: int
    voided: int
    remaining: int


@frozen(kw_only=True)
class Figures:
    """What there is to monitor in a file.

    Attributes:
        path: Where it really is.
        bytes: Its size, with the log of what was not brought into it yet.
        rules: The rules that it is kept under.
        events: The length of the journal.
        first_at: When the first event happened; None without any.
        last_at: When the last one did.
        credits: The credits of everybody.
        tables: The document's five, then all others.
    """

    path: Path
    bytes: int
    rules: Rules
    events: int
    first_at: datetime | None
    last_at: datetime | None
    credits: CreditFigures
    tables: tuple[TableFigures, ...]


def figures(path: str | os.PathLike[str]) -> Figures:
    """Count what is in an existing file, at one moment.

    Raises:
        StoreError: There is no such file, or it cannot be used.
    """
    file, rules = real_path(path), stored_rules(path)
    with (
        closing(opened(file, rules, synchronous="FULL", busy_timeout_seconds=10)) as connection,
        connection.reading(),
    ):
        ends = [datetime.fromisoformat(at) for (at,) in connection.rows(_ENDS)]
        return Figures(
            path=file,
            bytes=sum(part.stat().st_size for part in (file, Path(f"{file}-wal")) if part.exists()),
            rules=rules,
            events=connection.value("SELECT count(*) FROM journal"),
            first_at=ends[0] if ends else None,
            last_at=ends[-1] if ends else None,
            credits=_credits(connection),
            tables=tuple(_tables(connection)),
        )


def _credits(connection: Connection) -> CreditFigures:
    ((consumed, voided),) = connection.rows(_SPENT)
    return CreditFigures(
        granted=dict(connection.rows(_GRANTED)),
        consumed=consumed,
        voided=voided,
        remaining=connection.value(_REMAINING),
    )


def _tables(connection: Connection) -> Iterator[TableFigures]:
    sizes = dict(connection.rows(_SIZES)) if connection.value(_KNOWS_SIZES) else {}
    crm = [table.name for table in CRM_TABLES]
    others = sorted({name for (name,) in connection.rows(_TABLES)}.difference(crm))
    for name in (*crm, *others):
        quoted = name.replace('"', '""')
        count = connection.value(f'SELECT count(*) FROM "{quoted}"')  # noqa: S608 - quoted, and a name that is there
        yield TableFigures(table_name=name, is_crm=name in crm, record_count=count, bytes=sizes.get(name))
