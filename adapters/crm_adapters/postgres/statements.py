"""What would the document's front end send for a command? One statement, with everything written out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import frozen

from crm_domain import commands as c
from crm_domain.command_log import REQUESTS, argument_types
from crm_domain.errors import CheckViolation, Refused
from crm_domain.reads import GetDashboard
from crm_domain.rows import CRM_DASHBOARD_STATS, CRM_USERS, PAYMENTS
from crm_domain.schema import DEFAULT, Atom, Column, Table

from .catalog import Catalog, Relation
from .literals import harmless, is_sendable, literal, name
from .operations import Operation, filled
from .sessions import Result

Row: TypeAlias = Mapping[str, Any]

Answer: TypeAlias = Callable[[Sequence[Row], int], Any]
"""Makes an answer of the rows that came back, and of how many rows were touched."""

OPERATION_OF: Final = {kind: cmd for cmd, kind in REQUESTS.items()}
"""What command logs call a kind of request."""


@frozen
class Statement:
    """What is sent for one request.

    Attributes:
        sql: The statement.
        answer: What its result says.
        sendable: Whether all that was given could be sent; else something harmless stands in its place.
        looks_first: Whether nothing is said of values while no row is found.
    """

    sql: str
    answer: Answer
    sendable: bool = True
    looks_first: bool = False

    def answered(self, result: Result) -> Any:
        """Return what is said of a result; of one that came of something harmless, that it is none.

        Raises:
            CheckViolation: There was something that cannot be sent, and a row to put it into.
        """
        if self.sendable or (self.looks_first and not result.touched):
            return self.answer(result.rows, result.touched)
        raise CheckViolation(_NOT_SENT)

    def refused(self, refused: Refused) -> Refused:
        """Return the refusal that counts: what cannot be sent is refused where the server would look at it."""
        if self.sendable or refused.precedence <= CheckViolation.precedence:
            return refused
        return CheckViolation(_NOT_SENT)


_NOT_SENT: Final = (
    "A value holds what PostgreSQL cannot be sent: a NUL, half of a surrogate pair, or more than 64 bits."
)


def statement_of(request: Any, catalog: Catalog) -> Statement:
    """Return what is sent for a command or for the read of a dashboard.

    Raises:
        NotImplementedError: The database has no such thing.
    """
    match request:
        case c.CreateRow():
            return _insert(request, catalog.relation(request.table))
        case c.Update():
            return _update(request, catalog.relation(request.table))
        case c.Delete():
            relation = catalog.relation(request.table)
            return Statement(f"delete from {relation.sql}{_where(relation, request.where)}", _affected)
    return _called(request, catalog)


def select(relation: Relation, where: Mapping[str, Atom]) -> str:
    """Return a statement that reads the rows that meet *where*."""
    return f"select * from {relation.sql}{_where(relation, where)}"


# --- on one table ---------------------------------------------------------------------------


def _insert(request: Any, relation: Relation) -> Statement:
    """Return an insert that names the columns that are not as their defaults are."""
    table: Table[Any] = request.table
    given = {"id": request.id, **{n: getattr(request, n) for n in ("email", "user_id") if n in table.by_name}}
    given |= dict(zip(table.by_name, (None,) * len(table.by_name), strict=True)) | given
    columns = table.columns[table.position["user_id"] + 1 : -2]
    given |= {column.name: atom for column, atom in zip(columns, request.columns, strict=True)}
    given |= {"created_at": request.created_at, "updated_at": request.updated_at}
    told = {n: v for n, v in given.items() if v is not DEFAULT and (n in _OWNER or v != table.by_name[n].default)}
    values, sendable = _literals(table, told)
    names = ", ".join(relation.name(n) for n in told)
    made = f" returning {relation.name('id')} as id" if request.id is DEFAULT else ""
    sql = f"insert into {relation.sql} ({names}) values ({', '.join(values)}){made}"
    return Statement(sql, lambda rows, _: {"id": rows[0]["id"]} if rows else {"id": request.id}, sendable)


_OWNER: Final = frozenset({"id", "user_id", "email"})


def _update(request: c.Update, relation: Relation) -> Statement:
    values, sendable = _literals(request.table, request.set)
    changes = ", ".join(f"{relation.name(n)} = {v}" for n, v in zip(request.set, values, strict=True))
    sql = f"update {relation.sql} set {changes}{_where(relation, request.where)}"
    return Statement(sql, _affected, sendable, looks_first=True)


def _affected(_: Sequence[Row], touched: int) -> Any:
    return {"affected": touched}


def _literals(table: Table[Any], given: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Return values as SQL, and whether all of them can be sent."""
    columns = [(table.by_name[n], value) for n, value in given.items()]
    sendable = all(is_sendable(column, value) for column, value in columns)
    return [_literal(column, value) for column, value in columns], sendable


def _literal(column: Column, value: Atom) -> str:
    return literal(value) if is_sendable(column, value) else harmless(column)


def _where(relation: Relation, where: Mapping[str, Atom]) -> str:
    if not where:
        return ""
    return " where " + " and ".join(_condition(relation, n, value) for n, value in where.items())


def _condition(relation: Relation, column: str, value: Atom) -> str:
    if not is_sendable(relation.table.by_name[column], value):
        return "false"
    return f"{relation.name(column)} is null" if value is None else f"{relation.name(column)} = {literal(value)}"


# --- operations of the service ----------------------------------------------------------------


def _called(request: Any, catalog: Catalog) -> Statement:
    kind = type(request)
    operation = catalog.operation(OPERATION_OF[kind])
    columns = {n: _column(kind, n) for n in argument_types(kind)}
    given = {n: _argument(request, n) for n in columns}
    sendable = all(is_sendable(columns[n], v) for n, v in given.items() if v is not DEFAULT and n not in _SOUGHT[kind])
    sql = _statement(operation, {n: (columns[n], value) for n, value in given.items()})
    return Statement(sql, _ANSWERS[kind], sendable, looks_first=False)


def _statement(operation: Operation, given: Mapping[str, tuple[Column, Any]]) -> str:
    if operation.sql:
        return filled(
            operation.sql,
            {
                n: literal(str(uuid.uuid4())) if v is DEFAULT else _literal(column, v)
                for n, (column, v) in given.items()
            },
        )
    told = {n: _literal(column, v) for n, (column, v) in given.items() if v is not DEFAULT}
    return called(operation, told)


def called(operation: Operation, told: Mapping[str, str]) -> str:
    """Return a call of a function, given arguments as SQL."""
    arguments = (f"{name(operation.arguments[n])} => {v}" for n, v in told.items() if n in operation.arguments)
    return f"select * from {operation.function}({', '.join(arguments)})"


def _argument(request: Any, argument: str) -> Any:
    return request.payment_details_atom if argument == "payment_details" else getattr(request, argument)


def _column(kind: type[Any], argument: str) -> Column:
    if argument == "seconds":
        return CRM_DASHBOARD_STATS.column("total_time_spent")
    return (PAYMENTS if kind is c.RecordPayment else CRM_USERS).column(argument)


_SOUGHT: Final[Mapping[type[Any], frozenset[str]]] = {
    **dict.fromkeys((c.RegisterUser, c.SyncCrmUser, c.RecordPayment), frozenset()),
    **dict.fromkeys((c.TrackLogin, c.TrackView, c.TrackTime, GetDashboard), frozenset({"email"})),
}
"""The arguments that say what is sought: a value that nothing has finds nothing."""


def _named(part: str) -> Answer:
    """Return what makes an answer of a row, or of a single value that is this *part* of it."""

    def answer(rows: Sequence[Row], _: int) -> Any:
        if not rows:
            return None
        (row,) = rows[:1]
        return {part: next(iter(row.values()))} if len(row) == 1 else row

    return answer


def _dashboard(rows: Sequence[Row], _: int) -> Any:
    return rows[0] if rows and any(value is not None for value in rows[0].values()) else None


_ANSWERS: Final[Mapping[type[Any], Answer]] = {
    c.RegisterUser: _named("user_id"),
    c.SyncCrmUser: _named("user_id"),
    c.RecordPayment: _named("credited"),
    **dict.fromkeys((c.TrackLogin, c.TrackView, c.TrackTime), _named("affected")),
    GetDashboard: _dashboard,
}
