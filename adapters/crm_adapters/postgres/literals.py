"""How is a value written into a statement, so that what is sent can be typed into psql?

A few values cannot be sent at all: no text of PostgreSQL holds a NUL or half of a surrogate pair,
and no number beyond 64 bits is stored. The server is then asked with something harmless in their
place, for what it refuses before it would look at the value; see `crm_adapters.postgres.statements`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from psycopg import sql

from crm_domain.schema import INT64_MAX, INT64_MIN, Atom, Column, ColumnType
from crm_domain.values import json_text_fault, text_fault


@lru_cache(maxsize=65_536, typed=True)
def literal(value: Atom) -> str:
    """Return a value as SQL; a time for which UTC has no year as one that PostgreSQL has, and no table takes."""
    if isinstance(value, datetime) and value.tzinfo is not UTC:
        return "'-infinity'" if value.year == 1 else "'infinity'"
    return sql.Literal(value).as_string().strip()


def name(text: str) -> str:
    """Return the name of a column, or of a role, as SQL: quoted only where it has to be."""
    return text if text.isidentifier() and text.islower() and text.isascii() else sql.Identifier(text).as_string()


def is_sendable(column: Column, value: Atom) -> bool:
    """Tell whether PostgreSQL can be sent a value at all, no matter what it then says to it."""
    if isinstance(value, int):
        return INT64_MIN <= value <= INT64_MAX
    if isinstance(value, str) and column.type is not ColumnType.UUID:
        return (json_text_fault if column.type is ColumnType.JSONB else text_fault)(value) is None
    return True


def harmless(column: Column) -> str:
    """Return what is sent instead of a value that cannot be."""
    return _HARMLESS[column.type]


_HARMLESS: Final = {
    ColumnType.TEXT: "'\N{REPLACEMENT CHARACTER}@invalid'",  # an address, too, so that only the other one is refused
    ColumnType.JSONB: "'{}'",
    ColumnType.INTEGER: "0",
    ColumnType.BIGINT: "0",
}
