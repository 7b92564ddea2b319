"""What does a database have of what the document describes? Its own catalogue says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg
from attrs import field, frozen

from crm_domain.command_log import LOG_TABLES
from crm_domain.rows import AUTH_USERS, CRM_TABLES, TABLES
from crm_domain.schema import Atom, Column, ColumnType, Table
from crm_domain.testing import ColumnsNotThere
from crm_domain.testing.comparing.observing import identity_of
from crm_domain.testing.comparing.own_ids import OwnIds

from .errors import BadOperations, PostgresError
from .literals import literal, name
from .operations import CREATIONS, Operation, Operations

OLDEST: Final = 15
"""The oldest PostgreSQL whose views can go by the rights of those who look."""

DRIVEN: Final = (AUTH_USERS, *LOG_TABLES)
"""The tables that are written when the document's database is driven."""

_PEOPLE: Final = frozenset({"register_user", "sync_crm_user"})
"""The operations that make people."""


@frozen
class Relation:
    """A table of the document, as a database has it.

    Attributes:
        table: The document's table.
        sql: What it is called in a statement.
        columns: The database's own columns, with their types.
        names: What columns are called that have other names.
        also: What else it is called: a table that stands behind a view of the document's name.
        cost: What a recording costs, in the database's units of credits.
        makes_ids: Whether the database chooses the ids of its rows.
    """

    table: Table[Any]
    sql: str
    columns: Mapping[str, str]
    names: Mapping[str, str]
    also: Sequence[str] = ()
    cost: int = 1
    makes_ids: bool = False

    def name(self, column: str) -> str:
        """Return what the database calls a column of the document, as SQL.

        Raises:
            ColumnsNotThere: It has no such column.
        """
        own = self.names.get(column, column)
        if own not in self.columns:
            raise ColumnsNotThere(column)
        return name(own)

    def check_columns(self, names: Iterable[str]) -> None:
        """Look whether there are columns of these names.

        Raises:
            ColumnsNotThere: There are not; it says which.
        """
        if missing := [n for n in names if self.names.get(n, n) not in self.columns]:
            raise ColumnsNotThere(*missing)

    def given(self, column: Column, value: Atom, ids: OwnIds) -> Any:
        """Return what a value of the document is in the database: its id, or credits in its own units."""
        if value is None:
            return None
        if column.name in _CREDITS and isinstance(value, int):
            return value * self.cost
        if (of := id_of(self.table, column)) and ids.knows(of, value):
            return ids.theirs(of, value)
        return value

    def shown(self, row: Mapping[str, Any], ids: OwnIds | None) -> Mapping[str, Any]:
        """Return a row of the database as the document has it: its names, the kit's ids, credits in recordings.

        Raises:
            ValueError: A number of credits pays for a part of a recording.
        """
        if self.names:
            row = {**row, **{column: row[own] for column, own in self.names.items() if own in row}}
        if self.cost > 1:
            row = {**row, **{n: self._in_recordings(n, row[n]) for n in _CREDITS & row.keys()}}
        if ids is None:
            return row
        made = ((c, of) for c in self.table.columns if c.name in row and (of := id_of(self.table, c)))
        return {**row, **{column.name: ids.ours(of, row[column.name]) for column, of in made}}

    def _in_recordings(self, column: str, credits_: int | None) -> int | None:
        if credits_ is None:
            return None
        recordings, rest = divmod(credits_, self.cost)
        if rest:
            raise ValueError(f"{self.sql}: {column} is {credits_}, no multiple of what a recording costs, {self.cost}")
        return recordings

    @property
    def missing(self) -> list[str]:
        """The document's columns that are not there."""
        return [n for n in self.table.by_name if self.names.get(n, n) not in self.columns]


_CREDITS: Final = frozenset({"credits_remaining", "credits"})
"""The columns that hold credits."""


def id_of(table: Table[Any], column: Column) -> str:
    """Return the table whose ids a column holds; nothing if it holds none."""
    if column.type is not ColumnType.UUID:
        return ""
    if column.name == "user_id":
        return AUTH_USERS.name
    return column.references[0] if column.references else table.name


@frozen
class Argument:
    """An argument of a function: its type, and whether it may be left out."""

    type: str
    has_default: bool = False


@frozen
class Catalog:
    """What a database has.

    Attributes:
        relations: The document's tables that are there, by the document's names.
        queries: What is read in place of a table, by the document's name of it.
        operations: How it is driven.
        functions: The functions that are there, each with its arguments and their types, once for each of that name.
        ids: The ids that the database chose, in place of the kit's.
    """

    relations: Mapping[str, Relation]
    operations: Operations
    functions: Mapping[str, Sequence[Mapping[str, Argument]]] = field(repr=False)
    queries: Mapping[str, Relation] = field(factory=dict)
    ids: OwnIds = field(factory=OwnIds, repr=False)

    @property
    def makes_ids(self) -> bool:
        """Whether the database chooses ids of any kind."""
        return any(relation.makes_ids for relation in self.relations.values()) or any(
            self.makes_id(wanted) for wanted in self.operations.own
        )

    def makes_id(self, wanted: str) -> bool:
        """Tell whether an operation that makes a person or a row is not given its id."""
        made = "user_id" if wanted in _PEOPLE else "id" if wanted in CREATIONS else ""
        operation = self.operations.operations.get(wanted)
        return bool(made) and operation is not None and made not in operation.taken

    def relation(self, table: Table[Any]) -> Relation:
        """Return where a table is.

        Raises:
            NotImplementedError: It is not there.
        """
        if table.name not in self.relations:
            raise NotImplementedError(f"the database has no table {table.name}")
        return self.relations[table.name]

    def readable(self, table: Table[Any]) -> Relation:
        """Return where a table is read: it may be a query.

        Raises:
            NotImplementedError: It is not there.
        """
        return self.queries.get(table.name) or self.relation(table)

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
        return operation is not None and (not operation.function or self.takes(operation) is not None)

    def takes(self, operation: Operation) -> Mapping[str, Argument] | None:
        """Return the arguments of the function that an operation calls, with their types; None if there is none such."""
        arguments = set(operation.arguments.values())
        found = self.functions.get(_plain(operation.function), ())
        return next((names for names in found if arguments <= names.keys()), None)

    def problems(self) -> Iterator[PostgresError]:
        """Yield what keeps the database from being examined."""
        own = self.operations.own_tables
        missing = [table.name for table in CRM_TABLES if table.name not in {**self.relations, **self.queries}]
        if missing and not own:
            yield PostgresError(
                f"it has no {_listed(missing)}: apply the migrations first, or name where they are under [tables] in --config."
            )
        for relation in (*self.relations.values(), *self.queries.values()):
            table = relation.table
            if table.name in own:
                lacking = [n for n in relation.missing if n == identity_of(table)]
            else:
                lacking = relation.missing if own or table in CRM_TABLES else []
            if lacking:
                yield PostgresError(
                    f"{relation.sql} has no column {_listed(lacking)} (it has {', '.join(sorted(relation.columns))}): "
                    f"name what they are called under [columns.{table.name}] in --config"
                    + (f", or say tables.{table.name} = '' if it is another table." if own else ".")
                )
        for wanted in sorted(self.operations.own):
            operation = self.operations.operations[wanted]
            if operation.function and self.takes(operation) is None:
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
    functions: dict[str, list[Mapping[str, Argument]]] = {}
    for function, names, types, defaults in connection.execute(_FUNCTIONS):
        has_default = [n >= len(types) - defaults for n in range(len(types))]
        arguments = dict(zip(names, map(Argument, types, has_default), strict=False))
        functions.setdefault(function, []).append(arguments)
    queries = {n: _query(connection, TABLES[n], query, operations) for n, query in operations.reads.items()}
    return Catalog(relations, operations, functions, queries)


_FUNCTIONS: Final = """
select n.nspname || '.' || p.proname, coalesce(p.proargnames[1:p.pronargs], '{}'),
  array(select pg_catalog.format_type(t, null) from unnest(p.proargtypes) with ordinality as a(t, n) order by n),
  p.pronargdefaults
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema')
"""

SCHEMAS: Final = """
select 'public'::pg_catalog.regnamespace::pg_catalog.oid
union select f.pronamespace from pg_catalog.pg_trigger t
  join pg_catalog.pg_class r on r.oid = t.tgrelid join pg_catalog.pg_proc f on f.oid = t.tgfoid
 where r.relnamespace = 'public'::pg_catalog.regnamespace and not t.tgisinternal
   and f.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
"""
"""Where functions are that belong to the schema: in ``public``, and wherever its triggers have theirs."""


def _check_roles(connection: psycopg.Connection[Any], operations: Operations) -> None:
    roles = operations.roles
    for role in filter(None, (roles.user, roles.service, roles.anon)):
        found = connection.execute(
            f"select rolname, pg_catalog.pg_has_role(oid, 'member') from pg_catalog.pg_roles where rolname = {literal(role)}"
        ).fetchone()
        if found is None:
            raise PostgresError(f"the server has no role {role}: name its roles under [roles] in --config.")
        if not found[1]:
            raise PostgresError(f"this login may not take the role {role}: GRANT {role} TO it, or log in as another.")


def _relation(connection: psycopg.Connection[Any], table: Table[Any], operations: Operations) -> Relation | None:
    """Return where a table is: where someone says, or under its own name, or under the folded one."""
    if table.name in operations.tables:
        candidates = list(filter(None, [operations.tables[table.name]]))
    elif table is AUTH_USERS:
        candidates = ["auth.users"]
    else:
        candidates = [f"public.{name(n)}" for n in dict.fromkeys((table.name, table.name.lower()))]
    found: dict[str, dict[str, str]] = {}
    for candidate in candidates:
        with suppress(psycopg.Error):  # before 16, what is no name is an error
            found[candidate] = dict(connection.execute(_COLUMNS, [candidate]).fetchall())
    there = [candidate for candidate in candidates if found.get(candidate)]
    if there:
        return _relation_of(table, there[0], found[there[0]], operations, also=there[1:])
    if candidates and table.name in operations.tables:
        raise BadOperations(f"tables: the database has no table {candidates[0]}.")
    return None


def _relation_of(
    table: Table[Any], sql: str, columns: Mapping[str, str], operations: Operations, **others: Any
) -> Relation:
    names, chosen = operations.columns.get(table.name, {}), operations.ids.chosen_by_database
    is_other = columns.get(names.get(table.key, table.key), "uuid") != "uuid"
    makes_ids = table.name in chosen or (is_other and table.by_name[table.key].type is ColumnType.UUID)
    return Relation(table, sql, columns, names, cost=operations.policy.cost, makes_ids=makes_ids, **others)


def _query(connection: psycopg.Connection[Any], table: Table[Any], query: str, operations: Operations) -> Relation:
    try:
        cursor = connection.execute(f"select * from ({query}) as found limit 0")
    except psycopg.Error as error:
        raise BadOperations(f"reads.{table.name}: {error.diag.message_primary or error}.") from None
    columns = {column.name: column.type_display for column in cursor.description or ()}
    return _relation_of(table, f"({query}) as found", columns, operations)


_COLUMNS: Final = """
select attname, pg_catalog.format_type(atttypid, null) from pg_catalog.pg_attribute
where attrelid = pg_catalog.to_regclass(%s) and attnum > 0 and not attisdropped
"""
