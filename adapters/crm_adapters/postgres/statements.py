"""What would the document's front end send for a command? One statement, with everything written out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import attrs
from attrs import frozen

from crm_domain import commands as c
from crm_domain.command_log import REQUESTS, argument_types
from crm_domain.errors import CheckViolation, NotNullViolation, Refused, refusal
from crm_domain.ids import Principal
from crm_domain.reads import GetDashboard
from crm_domain.rows import AUTH_USERS, CRM_DASHBOARD_STATS, CRM_USERS, PAYMENTS
from crm_domain.schema import DEFAULT, Atom, Column, ColumnType, Table
from crm_domain.testing import ColumnsNotThere

from .catalog import Argument, Catalog, Relation, id_of
from .literals import harmless, is_sendable, literal, name
from .operations import ASKER, Operation, filled
from .sessions import Result

Row: TypeAlias = Mapping[str, Any]

Answer: TypeAlias = Callable[[Sequence[Row], int], Any]
"""Makes an answer of the rows that came back, and of how many rows were touched."""

OPERATION_OF: Final[dict[type[Any], str]] = {kind: cmd for cmd, kind in REQUESTS.items()}
"""What command logs call a kind of request."""


@frozen
class Part:
    """One statement of a request, in a transaction of its own.

    Attributes:
        sql: The statement.
        by_service: Whether it is sent as the service does it on the asker's behalf.
        otherwise: The refusal that it means if it gives false, NULL or no row; empty if that is an answer.
    """

    sql: str
    by_service: bool = False
    otherwise: str = ""

    def check(self, result: Result) -> None:
        """Look whether the statement said no without an error.

        Raises:
            Refused: It did.
        """
        if self.otherwise and not any(value not in {None, False} for row in result.rows[:1] for value in row.values()):
            raise refusal(self.otherwise, "It gave false, NULL or no row.")


@frozen
class Made:
    """The id that the database chooses for what a request makes.

    Attributes:
        table: Whose ids they are.
        part: What it is called in the answer.
        ours: The kit's id; None if it leaves that to the database, too.
    """

    table: str
    part: str
    ours: str | None


@frozen(kw_only=True)
class Statement:
    """What is sent for one request.

    Attributes:
        parts: The statements; mostly one.
        answer: What the last one's result says.
        sendable: Whether all that was given could be sent; else something harmless stands in its place.
        unsent: What the rules say to what could not be sent.
        looks_first: Whether nothing is said of values while no row is found.
        also: The same statement on what else the table is called; the one that lets more through counts.
        made: The id that the database chooses, if it does.
        role: The role that it is sent in when the service asks, if that is another.
    """

    parts: Sequence[Part]
    answer: Answer
    sendable: bool = True
    unsent: type[Refused] = CheckViolation
    looks_first: bool = False
    also: Sequence[str] = ()
    made: Made | None = None
    role: str = ""

    @property
    def sql(self) -> str:
        """The first of the statements, mostly the only one."""
        return self.parts[0].sql

    def answered(self, result: Result) -> Any:
        """Return what is said of a result; of a harmless one, that it is none.

        Raises:
            CheckViolation: There was something that cannot be sent, and a row to put it into.
            NotNullViolation: An id that the database chooses was said to be NULL.
        """
        if self.sendable or (self.looks_first and not result.touched):
            return self.answer(result.rows, result.touched)
        raise self.unsent(_NOT_SENT)

    def refused(self, refused: Refused) -> Refused:
        """Return the refusal that counts: what cannot be sent is refused where the server would look at it."""
        if self.sendable or refused.precedence <= self.unsent.precedence:
            return refused
        return self.unsent(_NOT_SENT)


_NOT_SENT: Final = (
    "A value holds what this database cannot be sent: a NUL, half of a surrogate pair, more than 64 bits, or an id "
    "that it chooses itself."
)


def statement_of(request: Any, catalog: Catalog, principal: Principal) -> Statement:
    """Return what is sent for a command or for the read of a dashboard.

    Raises:
        NotImplementedError: The database has no such thing.
    """
    match request:
        case c.CreateRow() if OPERATION_OF[type(request)] not in catalog.operations.operations:
            return _insert(request, _On(catalog.relation(request.table), catalog))
        case c.Update():
            return _update(request, _On(catalog.relation(request.table), catalog))
        case c.Delete():
            on = _On(catalog.relation(request.table), catalog)
            return _on_each(on, lambda sql: f"delete from {sql}{on.where(request.where)}", answer=_affected)
    return _called(request, catalog, principal)


def plain_insert(request: c.CreateRow, catalog: Catalog) -> str:
    """Return the statement that stores a row in its table, past any operation of the database's own.

    Raises:
        NotImplementedError: The database has no such table, or columns.
    """
    return _insert(request, _On(catalog.relation(request.table), catalog)).sql


def selects(table: Table[Any], where: Mapping[str, Atom], catalog: Catalog) -> list[str]:
    """Return statements that read the rows that meet *where*: one, or one for each name of the table."""
    on = _On(catalog.readable(table), catalog)
    return [f"select * from {sql}{on.where(where)}" for sql in (on.relation.sql, *on.relation.also)]


@frozen
class _On:
    """A table of the database, and the ids that stand for the kit's."""

    relation: Relation
    catalog: Catalog

    def literals(self, given: Mapping[str, Any]) -> tuple[list[str], bool]:
        """Return values as SQL, and whether all of them can be sent."""
        columns = [(self.relation.table.by_name[n], value) for n, value in given.items()]
        sendable = all(is_sendable(column, value) for column, value in columns)
        return [self.literal(column, value) for column, value in columns], sendable

    def literal(self, column: Column, value: Atom) -> str:
        if not is_sendable(column, value):
            return harmless(column)
        return literal(self.relation.given(column, value, self.catalog.ids))

    def where(self, where: Mapping[str, Atom]) -> str:
        if not where:
            return ""
        self.relation.check_columns(where)
        return " where " + " and ".join(self._condition(n, value) for n, value in where.items())

    def _condition(self, name_: str, value: Atom) -> str:
        column = self.relation.table.by_name[name_]
        if not is_sendable(column, value) or self._is_of_no_row(column, value):
            return "false"
        column_sql = self.relation.name(name_)
        return f"{column_sql} is null" if value is None else f"{column_sql} = {self.literal(column, value)}"

    def _is_of_no_row(self, column: Column, value: Atom) -> bool:
        """Tell whether a value is an id of the kit that stands for none of the database's, which look otherwise."""
        of = id_of(self.relation.table, column)
        type_ = self.relation.columns.get(self.relation.names.get(column.name, column.name))
        return bool(of) and value is not None and type_ != "uuid" and not self.catalog.ids.knows(of, value)


def _on_each(on: _On, sql_of: Callable[[str], str], **others: Any) -> Statement:
    """Return a statement on a table, and the same on what else that is called."""
    also = tuple(sql_of(sql) for sql in on.relation.also)
    return Statement(parts=(Part(sql_of(on.relation.sql)),), also=also, **others)


# --- on one table ---------------------------------------------------------------------------


def _insert(request: Any, on: _On) -> Statement:
    """Return an insert that names the columns that are not as their defaults are."""
    table, relation = request.table, on.relation
    given = {"id": request.id, **{n: getattr(request, n) for n in ("email", "user_id") if n in table.by_name}}
    given |= dict(zip(table.by_name, (None,) * len(table.by_name), strict=True)) | given
    columns = table.columns[table.position["user_id"] + 1 : -2]
    given |= {column.name: atom for column, atom in zip(columns, request.columns, strict=True)}
    given |= {"created_at": request.created_at, "updated_at": request.updated_at}
    told = {n: v for n, v in given.items() if v is not DEFAULT and (n in _OWNER or v != table.by_name[n].default)}
    if relation.makes_ids:
        told.pop("id", None)
    relation.check_columns(told)
    values, sendable = on.literals(told)
    names = ", ".join(relation.name(n) for n in told)
    returning = f" returning {relation.name('id')} as id" if "id" not in told else ""
    return _on_each(
        on,
        lambda sql: f"insert into {sql} ({names}) values ({', '.join(values)}){returning}",
        answer=lambda rows, touched: _stored(rows[0]["id"] if rows else request.id, touched),
        **_making(Made(table.name, "id", _chosen(request.id)) if relation.makes_ids else None, request.id, sendable),
    )


def _stored(id_: Any, touched: int) -> Any:
    """Return the answer of a row that was stored, or was passed over without a word."""
    return {"id": id_} if touched else {"id": id_, "affected": 0}


def _chosen(id_: Any) -> str | None:
    return None if id_ is DEFAULT else id_


def _making(made: Made | None, id_: Any, sendable: bool) -> dict[str, Any]:  # noqa: FBT001 - a part of a statement
    """Return what of a statement says that the database makes an id: it cannot be given NULL."""
    if made is None or id_ is not None:
        return {"made": made, "sendable": sendable}
    return {"sendable": False, "unsent": NotNullViolation}


_OWNER: Final = frozenset({"id", "user_id", "email"})


def _update(request: c.Update, on: _On) -> Statement:
    on.relation.check_columns(request.set)
    values, sendable = on.literals(request.set)
    changes = ", ".join(f"{on.relation.name(n)} = {v}" for n, v in zip(request.set, values, strict=True))
    return _on_each(
        on,
        lambda sql: f"update {sql} set {changes}{on.where(request.where)}",
        answer=_affected,
        sendable=sendable,
        looks_first=True,
    )


def _affected(_: Sequence[Row], touched: int) -> Any:
    return {"affected": touched}


# --- operations of the service ----------------------------------------------------------------


def _called(request: Any, catalog: Catalog, principal: Principal) -> Statement:
    kind, wanted = type(request), OPERATION_OF[type(request)]
    operation = catalog.operation(wanted)
    given = {n: _argument(request, n) for n in argument_types(kind)}
    made = _made(request, wanted, catalog)
    _check_arguments(request, operation, given, made)
    columns = {n: _column(kind, n) for n in given}
    sendable = all(is_sendable(columns[n], v) for n, v in given.items() if v is not DEFAULT and n not in _sought(kind))
    if made is None:
        given |= _new_ids(given, columns, operation, catalog)
    literals = {n: _told(catalog, columns[n], v) for n, v in given.items() if v is not DEFAULT}
    if operation.function:
        parts: tuple[Part, ...] = (
            Part(called(operation, literals, catalog.takes(operation)), False, operation.otherwise),
        )
    else:
        others = {n: "now()" for n, v in given.items() if v is DEFAULT}
        parts = tuple(_parts(operation, {**others, **literals, ASKER: _asker(catalog, principal)}))
    answer = _ANSWERS.get(kind, _row_made)
    making = _making(made, DEFAULT if made is None else given[made.part], sendable)
    return Statement(parts=parts, answer=partial(answer, given), role=operation.role, **making)


def _new_ids(
    given: Mapping[str, Any], columns: Mapping[str, Column], operation: Operation, catalog: Catalog
) -> dict[str, str]:
    """Return new ids for those that were left out and that the database must be given."""
    types = catalog.takes(operation) or {} if operation.function else {}
    optional = {n for n, own in operation.arguments.items() if own in types and types[own].has_default}
    wanted = operation.taken - optional
    return {
        n: str(uuid.uuid4())
        for n, v in given.items()
        if v is DEFAULT and columns[n].type is ColumnType.UUID and n in wanted
    }


def _parts(operation: Operation, literals: dict[str, str]) -> Iterator[Part]:
    if operation.sql:
        yield Part(filled(operation.sql, literals), False, operation.otherwise)
    for step in operation.steps:
        yield Part(filled(step.sql, literals), step.by == "service", step.otherwise)


def _made(request: Any, wanted: str, catalog: Catalog) -> Made | None:
    """Return what of a request the database gives an id of its own."""
    if not catalog.makes_id(wanted):
        return None
    if isinstance(request, c.CreateRow):
        return Made(request.table.name, "id", _chosen(request.id))
    return Made(AUTH_USERS.name, "user_id", _chosen(request.user_id))


def _check_arguments(request: Any, operation: Operation, given: Mapping[str, Any], made: Made | None) -> None:
    """Look whether an operation takes all that is given.

    Raises:
        ColumnsNotThere: It does not; it says which.
    """
    usual = {a.name: a.default for a in attrs.fields(type(request))}
    left_out = [n for n, v in given.items() if n not in operation.taken and v is not DEFAULT and v != usual[n]]
    if missing := [n for n in left_out if made is None or n != made.part]:
        raise ColumnsNotThere(*missing)


def _told(catalog: Catalog, column: Column, value: Any) -> str:
    """Return an argument as SQL, with the database's own id in place of the kit's."""
    of = "" if column.type is not ColumnType.UUID else _ID_OF.get(column.name) or (column.references or ("",))[0]
    if of and catalog.ids.knows(of, value):
        value = catalog.ids.theirs(of, value)
    return _literal(column, value)


_ID_OF: Final = {"user_id": AUTH_USERS.name}


def _asker(catalog: Catalog, principal: Principal) -> str:
    return literal(catalog.ids.theirs(AUTH_USERS.name, principal.user_id))


def _literal(column: Column, value: Atom) -> str:
    return literal(value) if is_sendable(column, value) else harmless(column)


def called(operation: Operation, told: Mapping[str, str], types: Mapping[str, Argument] | None = None) -> str:
    """Return a call of a function, given arguments as SQL, as the types that it declares."""
    arguments = (
        f"{name(own)} => {_cast(told[n], types[own].type) if types else told[n]}"
        for n, own in operation.arguments.items()
        if n in told
    )
    return f"select * from {operation.function}({', '.join(arguments)})"


def _cast(value: str, type_: str) -> str:
    """Return a number as one of a narrower type; everything else fits by itself."""
    is_number = value.lstrip("-")[:1].isdigit()
    return f"cast({value} as {type_})" if is_number and type_ not in {"numeric", "bigint"} else value


def _argument(request: Any, argument: str) -> Any:
    return request.payment_details_atom if argument == "payment_details" else getattr(request, argument)


def _column(kind: type[Any], argument: str) -> Column:
    if issubclass(kind, c.CreateRow):
        return kind.table.column(argument)
    if argument == "seconds":
        return CRM_DASHBOARD_STATS.column("total_time_spent")
    return (PAYMENTS if kind is c.RecordPayment else CRM_USERS).column(argument)


def _sought(kind: type[Any]) -> frozenset[str]:
    """Return the arguments that say what is sought: a value that nothing has finds nothing."""
    return frozenset({"email"}) if kind in _SEEKING else frozenset()


_SEEKING: Final = frozenset({c.TrackLogin, c.TrackView, c.TrackTime, GetDashboard})


def _named(part: str, given: Mapping[str, Any], rows: Sequence[Row], _: int) -> Any:
    """Return a row, or a single value as this *part* of the answer; where nothing came back, what was given."""
    if not rows:
        return None if given.get(part) in {None, DEFAULT} else {part: given[part]}
    (row,) = rows[:1]
    return {part: next(iter(row.values()))} if len(row) == 1 else row


def _row_made(given: Mapping[str, Any], rows: Sequence[Row], touched: int) -> Any:
    """Return a row that was stored: by the id that was given, or that came back."""
    row = rows[0] if rows else {}
    if given["id"] is not DEFAULT and "id" not in row:
        return _stored(given["id"], touched)
    return _stored(row["id"] if "id" in row else next(iter(row.values()), None), touched)


def _dashboard(_: Mapping[str, Any], rows: Sequence[Row], __: int) -> Any:
    return rows[0] if rows and any(value is not None for value in rows[0].values()) else None


_ANSWERS: Final[Mapping[type[Any], Callable[[Mapping[str, Any], Sequence[Row], int], Any]]] = {
    c.RegisterUser: partial(_named, "user_id"),
    c.SyncCrmUser: partial(_named, "user_id"),
    c.RecordPayment: partial(_named, "credited"),
    **dict.fromkeys((c.TrackLogin, c.TrackView, c.TrackTime), partial(_named, "affected")),
    GetDashboard: _dashboard,
}
