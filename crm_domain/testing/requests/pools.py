"""Which values meet the rules? Small pools, so that guesses hit, ids are taken and payments come twice.

Good values are those that a column takes; odd ones are rejected by some rule, or should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

from crm_domain import rows
from crm_domain.command_log import id_named
from crm_domain.ids import ANON, SERVICE
from crm_domain.schema import Column, ColumnType, Table

from ..histories import START
from ..people import AMY, JOB_REQUESTS, PAYMENTS, PEOPLE, RECORDINGS, RESUMES, Person

Pairs: TypeAlias = Sequence[tuple[str, Any]]
"""Columns, each with a value."""

LATER: Final = START + timedelta(days=1)
"""A time to which the clock jumps."""

EARLIER: Final = START - timedelta(days=400)
"""A time to which it jumps back."""

CHOSEN_TIMES: Final = frozenset({LATER, EARLIER})
"""The times that callers write into columns; no clock says exactly these."""

PRINCIPALS: Final = (*(person.principal for person in PEOPLE), SERVICE, AMY.principal, SERVICE, ANON)
"""Everybody who may ask, the usual ones more than once."""


def spellings(person: Person) -> tuple[str, ...]:
    """Return ways in which people write one address; the first is its normal form."""
    return (person.email, person.email.title(), f" {person.email.upper()} ")


ODD_EMAILS: Final = (None, "", "nobody@x.test", "no-at", "@x.test", "amy@", "a my@x.test", "\0@x.test")
"""Addresses that are no one's, or none at all."""

EMAILS: Final = (*(text for person in PEOPLE for text in spellings(person)), *ODD_EMAILS)
"""Addresses of all sorts."""

IDS_OF: Final = {
    table.name: tuple(map(id_named, labels))
    for tables, labels in (
        ((rows.CRM_JOB_REQUESTS, rows.JOB_REQUESTS), JOB_REQUESTS),
        ((rows.CRM_RECORDINGS, rows.RECORDINGS), RECORDINGS),
        ((rows.CRM_RESUMES, rows.RESUMES), RESUMES),
        ((rows.PAYMENTS,), PAYMENTS),
    )
    for table in tables
}
"""The few ids that rows of a table have; regular rows have the same ones."""


def good_values(table: Table[Any], column: Column) -> tuple[Any, ...]:
    """Return values that a column takes, or would if they were there."""
    target = column.references[0] if column.references else table.name
    match column.type:
        case ColumnType.UUID if target in IDS_OF:
            return IDS_OF[target]
        case ColumnType.UUID:
            return tuple(person.user_id for person in PEOPLE)
        case ColumnType.TEXT if column.name == "email":
            return tuple(person.email for person in PEOPLE)
        case ColumnType.TEXT:
            return column.one_of or ("a", "b", "")
        case ColumnType.INTEGER | ColumnType.BIGINT:
            return (0, 1, 5)
        case ColumnType.BOOLEAN:
            return (True, False)
        case ColumnType.TIMESTAMPTZ:
            return (LATER, EARLIER)
        case ColumnType.JSONB:
            return ({"a": [1]}, "a")
        case _:  # an amount
            return (Decimal("12.99"),)


def odd_values(column: Column) -> tuple[Any, ...]:
    """Return values that some rule minds, or should; None is the last."""
    match column.type:
        case ColumnType.TEXT if column.name == "email":
            return ("Amy@X.Test", "nobody@x.test", None)
        case ColumnType.TEXT:
            return ("banana", "\0", "\ud800", "cafe\N{COMBINING ACUTE ACCENT}", None)
        case ColumnType.INTEGER | ColumnType.BIGINT:
            return (-1, 2**63, None)
        case ColumnType.JSONB:
            return ({"\0": 1}, None)
        case ColumnType.NUMERIC:
            return (Decimal("0.01"), None)
        case _:
            return (None,)


_OF_RECORDINGS: Final = [("status", "completed"), ("video_url", "a"), ("video_url", "b"), ("status", "failed")]
_OF_RESUMES: Final = [("is_primary", True), ("is_primary", True), ("is_primary", False)]
_TELLING: Final[dict[str, Pairs]] = {
    rows.CRM_USERS.name: [("is_active", False), ("is_active", True), ("credits_remaining", 5)],
    rows.PROFILES.name: [("credits_remaining", credits_) for credits_ in (0, 1, 5)],
    rows.CRM_RECORDINGS.name: _OF_RECORDINGS,
    rows.RECORDINGS.name: _OF_RECORDINGS,
    rows.CRM_RESUMES.name: _OF_RESUMES,
    rows.RESUMES.name: _OF_RESUMES,
    rows.CRM_DASHBOARD_STATS.name: [("total_views", 1), ("total_recordings", 0), ("total_time_spent", 5)],
}
"""What rules depend on: it comes more often."""


REFERENCES: Final[dict[str, Pairs]] = {
    table.name: [(c.name, v) for c in table.columns if c.references and not c.owner for v in good_values(table, c)]
    for table in rows.TABLES.values()
}
"""The columns that name a row of another table than the owner's, each with the few ids that there are."""


def _contents(table: Table[Any]) -> tuple[Pairs, ...]:
    columns = [column for column in table.columns if not column.owner and not column.key]
    good = [(column.name, value) for column in columns for value in good_values(table, column)]
    odd = [(column.name, value) for column in columns for value in odd_values(column)]
    telling = _TELLING.get(table.name, good)
    referring = REFERENCES[table.name] or telling
    return (telling, telling, telling, telling, referring, good, good, odd)


def _changes(table: Table[Any]) -> tuple[Pairs, ...]:
    fixed = [column for column in table.columns if column.owner or column.key]
    moved = [(column.name, value) for column in fixed for value in (*good_values(table, column), *odd_values(column))]
    return (*_contents(table), moved, moved)


CONTENTS: Final = {table.name: _contents(table) for table in rows.TABLES.values()}
"""What a row may hold besides key and owner, in groups that come equally often."""

CHANGES: Final = {table.name: _changes(table) for table in rows.TABLES.values()}
"""What someone may try to write into a stored row."""


def _wheres(table: Table[Any]) -> tuple[dict[str, Any], ...]:
    whose = [{"user_id": person.user_id} for person in PEOPLE[:3] if "user_id" in table.by_name]
    which = [{table.key: id_} for id_ in IDS_OF.get(table.name, ())]
    unset = [{column.name: None} for column in table.columns if column.default is None and not column.not_null][-1:]
    return ({}, {}, {}, {}, {}, *whose, *which, *unset)


WHERES: Final = {table.name: _wheres(table) for table in rows.TABLES.values()}
"""Which rows are meant: mostly every row that one sees."""
