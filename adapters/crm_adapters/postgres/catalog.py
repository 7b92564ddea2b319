"""What does a database have of what the document describes? Its own catalogue says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg
from attrs import field, frozen

from crm_domain.command_log import LOG_TABLES
from crm_domain.rows import AUTH_USERS, CRM_TABLES
from crm_domain.schema import Table

from .errors import BadOperations, PostgresError
from .literals import literal, name
from .operations import Operation, Operations

OLDEST: Final = 15
"""The oldest PostgreSQL whose views can go by the rights of those who look."""

DRIVEN: Final = (AUTH_USERS, *LOG_TABLES)
"""The tables that are written when the document's database is driven."""


@frozen
class Relation:
    """A table of the document, as a database has it.

    Attributes:
        table: The document's table.
        sql: What it is called in a statement.
        columns: The database's own columns.
        names: What columns are called that have other names.
    """

    table: Table[Any]
    sql: str
    columns: frozenset[str]
    names: Mapping[str, str]

    def name(self, column: str) -> str:
        """Return what the database calls a column of the document, as SQL.

        Raises:
            NotImplementedError: It has no such column.
        """
        own = self.names.get(column, column)
        if own not in self.columns:
            raise NotImplementedError(f"{self.sql} has no column {own}")
        return name(own)

    def renamed(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a row of the database by the document's names."""
        if not self.names:
            return row
        return {**row, **{column: row[own] for column, own in self.names.items() if own in row}}

    @property
    def missing(self) -> list[str]:
        """The document's columns that are not there."""
        return [n for n in self.table.by_name if self.names.get(n, n) not in self.columns]


@frozen
class Catalog:
    """What a database has.

    Attributes:
        relations: The document's tables that are there, by the document's names.
        operations: How it is driven.
        functions: The functions that are there, each with the names of its arguments, once for each of that name.
    """

    relations: Mapping[str, Relation]
    operations: Operations
    functions: Mapping[str, Sequence[frozenset[str]]] = field(repr=False)

    def relation(self, table: Table[Any]) -> Relation:
        """Return where a table is.

        Raises:
            NotImplementedError: It is not there.
        """
        if table.name not in self.relations:
            raise NotImplementedError(f"the database has no table {table.name}")
        return self.relations[table.name]

    def operation(self, wanted: str) -> Operation:
        """Return how an operation is called.

        Raises:
            NotImplementedError: The database has no such thing.
        """
        operation = self.operations.operations[wanted]
        if not self.has(wanted):
            raise NotImplementedError(f"the database has no function {signature(operation)}")
        return operation

    def has(self, wanted: str) -> bool:
        """Tell whether an operation can be called."""
        operation = self.operations.operations.get(wanted)
        return operation is not None and (bool(operation.sql) or self._takes(operation))

    def _takes(self, operation: Operation) -> bool:
        arguments = set(operation.arguments.values())
        return any(arguments <= names for names in self.functions.get(_plain(operation.function), ()))

    def problems(self) -> Iterator[PostgresError]:
        """Yield what keeps the database from being examined."""
        missing = [table.name for table in CRM_TABLES if table.name not in self.relations]
        if missing:
            yield PostgresError(
                f"it has no {_listed(missing)}: apply the migrations first, or name where they are under [tables] in --config."
            )
        for table in CRM_TABLES:
            if table.name in self.relations and (lacking := self.relations[table.name].missing):
                relation = self.relations[table.name]
                yield PostgresError(
                    f"{relation.sql} has no column {_listed(lacking)} (it has {', '.join(sorted(relation.columns))}): "
                    f"name what they are called under [columns.{table.name}] in --config."
                )
        for wanted in sorted(self.operations.own):
            operation = self.operations.operations[wanted]
            if operation.function and not self._takes(operation):
                yield BadOperations(
                    f"operations.{wanted}: the database has no function {signature(operation)}{self._instead(operation)}"
                )

    def _instead(self, operation: Operation) -> str:
        found = self.functions.get(_plain(operation.function), ())
        return "".join(f"; it has {operation.function}({', '.join(sorted(names))})" for names in found[:1]) + "."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def signature(operation: Operation) -> str:
    """Return a function with what it has to take, in words."""
    return f"{operation.function}({', '.join(operation.arguments.values())})"


def _plain(function: str) -> str:
    """Return a function's name as the catalogue has it."""
    schema, _, bare = function.replace('"', "").rpartition(".")
    return f"{schema or 'public'}.{bare}"


def catalog_of(connection: psycopg.Connection[Any], operations: Operations) -> Catalog:
    """Look up what a database has of all that the document describes.

    Raises:
        PostgresError: It cannot be examined; the message says why.
    """
    version = connection.info.server_version // 10_000
    if version < OLDEST:
        raise PostgresError(f"the server is PostgreSQL {version}; {OLDEST} or newer is needed.")
    _check_roles(connection, operations)
    found = {table.name: _relation(connection, table, operations) for table in DRIVEN}
    relations = {n: relation for n, relation in found.items() if relation is not None}
    functions: dict[str, list[frozenset[str]]] = {}
    for function, arguments in connection.execute(_FUNCTIONS):
        functions.setdefault(function, []).append(frozenset(arguments))
    return Catalog(relations, operations, functions)


_FUNCTIONS: Final = """
select n.nspname || '.' || p.proname, coalesce(p.proargnames[1:p.pronargs], '{}')
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema')
"""


def _check_roles(connection: psycopg.Connection[Any], operations: Operations) -> None:
    roles = operations.roles
    for role in (roles.user, roles.service, roles.anon):
        found = connection.execute(
            f"select rolname, pg_catalog.pg_has_role(oid, 'member') from pg_catalog.pg_roles where rolname = {literal(role)}"
        ).fetchone()
        if found is None:
            raise PostgresError(f"the server has no role {role}: name its roles under [roles] in --config.")
        if not found[1]:
            raise PostgresError(f"this login may not take the role {role}: GRANT {role} TO it, or log in as another.")


def _relation(connection: psycopg.Connection[Any], table: Table[Any], operations: Operations) -> Relation | None:
    """Return where a table is: where somebody says, or under its own name, or under the folded one."""
    if table.name in operations.tables:
        candidates = [operations.tables[table.name]]
    elif table is AUTH_USERS:
        candidates = ["auth.users"]
    else:
        candidates = [f"public.{name(n)}" for n in dict.fromkeys((table.name, table.name.lower()))]
    for candidate in candidates:
        columns: list[Any] = []
        with suppress(psycopg.Error):  # before 16, what is no name is an error
            columns = connection.execute(_COLUMNS, [candidate]).fetchall()
        if columns:
            return Relation(table, candidate, frozenset(n for (n,) in columns), operations.columns.get(table.name, {}))
    if table.name in operations.tables:
        raise BadOperations(f"tables: the database has no table {candidates[0]}.")
    return None


_COLUMNS: Final = """
select attname from pg_catalog.pg_attribute
where attrelid = pg_catalog.to_regclass(%s) and attnum > 0 and not attisdropped
"""
