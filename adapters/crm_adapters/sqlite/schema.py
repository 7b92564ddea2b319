"""How do the tables look in SQLite? All of it is derived from `crm_domain.rows.TABLES`.

Tables and columns have the document's names; ``auth.users`` is ``auth_users``. Times are ISO 8601
text in UTC with microseconds, so that text sorts as time does; JSON and amounts are text, booleans
0 and 1. Foreign keys are deferred: rows are written table by table, not in the order of their
references. A CHECK or unique index that a safeguard brings is there if the file's rules have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from crm_domain.rows import TABLES
from crm_domain.rules import Rules
from crm_domain.schema import Atom, Column, ColumnType, Default, Index, Table

APPLICATION_ID: Final = 0x43524D44
"""What marks a file as ours: the letters CRMD."""

VERSION: Final = 1
"""The version of the schema that this library writes; see `migrations`."""

_TYPES: Final = {
    ColumnType.TEXT: "TEXT",
    ColumnType.UUID: "TEXT",
    ColumnType.INTEGER: "INTEGER",
    ColumnType.BIGINT: "INTEGER",
    ColumnType.BOOLEAN: "INTEGER",
    ColumnType.TIMESTAMPTZ: "TEXT",
    ColumnType.JSONB: "TEXT",
    ColumnType.NUMERIC: "TEXT",
}

_JOURNAL: Final = """
CREATE TABLE "journal" (
  "position" INTEGER PRIMARY KEY,
  "at" TEXT NOT NULL,
  "role" TEXT NOT NULL,
  "user_id" TEXT,
  "account" TEXT,
  "version" INTEGER NOT NULL,
  "idempotency_key" TEXT,
  "type" TEXT NOT NULL,
  "schema_version" INTEGER NOT NULL,
  "data" TEXT NOT NULL CHECK (json_valid("data")),
  UNIQUE ("account", "version")
) STRICT"""

_METADATA: Final = 'CREATE TABLE "store_metadata" ("name" TEXT PRIMARY KEY, "value" TEXT NOT NULL) STRICT'

_LABELS: Final = 'CREATE TABLE "labels" ("id" TEXT PRIMARY KEY, "label" TEXT NOT NULL) STRICT'


def sql_name(table: str) -> str:
    """Return the name in SQLite of the document's *table*, which must be a declared one, quoted."""
    return _quoted(TABLES[table].name.replace(".", "_"))


def column_name(table: Table[Any], name: str) -> str:
    """Return the quoted name of a declared column.

    Raises:
        ValueError: The table has no such column, so it does not get into SQL.
    """
    return _quoted(table.column(name).name)


def statements(rules: Rules) -> Iterator[str]:
    """Yield what creates the tables and indexes of a file that is kept under *rules*."""
    yield _METADATA
    yield _JOURNAL
    yield _LABELS
    for table in TABLES.values():
        yield _create_table(table, rules)
        yield from create_indexes(table, rules)


def create_indexes(table: Table[Any], rules: Rules) -> Iterator[str]:
    """Yield what creates the declared indexes of *table*."""
    for index in table.indexes:
        unique = is_unique(index, rules)
        # The rows of one value come out of the index in its order, without sorting.
        columns = index.columns if index.order is None else (*index.columns, index.order)
        name = index_name(table, index, unique=unique)
        yield (
            f"CREATE {'UNIQUE ' if unique else ''}INDEX {_quoted(name)} ON {sql_name(table.name)} "
            f"({', '.join(column_name(table, c) for c in columns)})"
            + ("" if index.where is None else f" WHERE {condition_of(table, index)}")
        )


def index_name(table: Table[Any], index: Index, *, unique: bool) -> str:
    """Return what an index is called in SQLite."""
    return f"{table.name.replace('.', '_')}_{index.name}_{'key' if unique else 'idx'}"


def is_unique(index: Index, rules: Rules) -> bool:
    """Tell whether a second row is refused: what a safeguard brings is unique only while it is on."""
    return index.unique and (index.safeguard is None or getattr(rules, index.safeguard))


def condition_of(table: Table[Any], index: Index) -> str:
    """Return what rows of a partial index meet, as SQL; always true for the other indexes.

    A query must repeat it letter for letter, or SQLite does not use the index.
    """
    if index.where is None:
        return "1"
    column, operator, value = index.where
    return f"{column_name(table, column)} {operator} {_literal(value)}"


def _create_table(table: Table[Any], rules: Rules) -> str:
    columns = ",\n".join(f"  {_column(table, c, rules)}" for c in table.columns)
    return f"CREATE TABLE {sql_name(table.name)} (\n{columns}\n) STRICT"


def _column(table: Table[Any], column: Column, rules: Rules) -> str:
    name = column_name(table, column.name)
    parts = [name, _TYPES[column.type]]
    if column.not_null or (column.not_null_if_valid and rules.valid_values):
        parts.append("NOT NULL")
    if column.default is not None and not isinstance(column.default, Default):
        parts.append(f"DEFAULT {_literal(column.default)}")
    if column.key:
        parts.append("PRIMARY KEY")
    parts += (f"CHECK ({check})" for check in _checks(name, column, rules))
    if column.references is not None:
        parent, key = column.references
        target = f"{sql_name(parent)} ({column_name(TABLES[parent], key)})"
        parts.append(f"REFERENCES {target} DEFERRABLE INITIALLY DEFERRED")
    return " ".join(parts)


def _checks(name: str, column: Column, rules: Rules) -> Iterator[str]:
    if column.type is ColumnType.BOOLEAN:
        yield f"{name} IN (0, 1)"
    elif column.type is ColumnType.JSONB:
        yield f"{name} IS NULL OR json_valid({name})"
    if not rules.valid_values:
        return
    if column.one_of:
        yield f"{name} IN ({', '.join(map(_literal, column.one_of))})"
    # Where check and consume are two steps, a balance may fall below 0 whatever values may be given.
    if column.not_negative and (rules.atomic_consume or column.name != "credits_remaining"):
        yield f"{name} >= 0"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Atom) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return str(int(value))
    raise TypeError(f"{value!r} has no place in the schema")
