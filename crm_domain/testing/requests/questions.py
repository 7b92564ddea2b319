"""What can be asked for at all? For each role and table every command and read, each column in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from attrs import frozen

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import REQUESTS, LogLine, Request, argument_types
from crm_domain.ids import ANON, SERVICE, Principal
from crm_domain.reads import GetDashboard, Select
from crm_domain.schema import Column, ColumnType, Table

from ..histories import Lines
from ..people import AMY, BOB, CAL, DAN, Person
from .pools import IDS_OF, good_values, odd_values


@frozen
class Asker:
    """One who asks, and whose rows they ask for.

    Attributes:
        name: What the table calls them.
        principal: Who asks.
        owner: Whose rows of a CRM user.
        regular_owner: Whose rows in the tables of regular users.
    """

    name: str
    principal: Principal
    owner: Person
    regular_owner: Person

    def owner_in(self, table: Table[Any]) -> Person:
        """Return whose rows of *table* they ask for."""
        return self.regular_owner if table in rows.REGULAR_TABLES else self.owner


ASKERS: Final = (
    Asker("anon", ANON, AMY, CAL),
    Asker("service", SERVICE, AMY, CAL),
    Asker("service, somebody new", SERVICE, DAN, DAN),
    Asker("CRM user, own rows", AMY.principal, AMY, AMY),
    Asker("CRM user, another's rows", AMY.principal, BOB, CAL),
    Asker("regular user", CAL.principal, CAL, CAL),
    Asker("deactivated CRM user", BOB.principal, BOB, BOB),
    Asker("unregistered", DAN.principal, DAN, DAN),
)
"""Everybody who asks."""


def _stored_by(person: Person, n: int) -> Iterator[LogLine]:
    """Yield the *n*-th person's requests to store one row of each kind that CRM users have."""
    own: dict[str, Any] = {"user_id": person.user_id, "email": person.email}
    job, recording, resume = (IDS_OF[table.name][n] for table in rows.CRM_TABLES[1:4])
    for request in (
        c.CreateJobRequest(id=job, **own),
        c.CreateRecording(id=recording, video_url="a", status="completed", **own),
        c.UploadResume(id=resume, resume_url="a", is_primary=True, **own),
    ):
        yield LogLine(person.principal, request)


def _stored_before(person: Person, n: int) -> Iterator[LogLine]:
    """Yield what makes the *n*-th person a regular user who paid and has one row of each kind."""
    own: dict[str, Any] = {"user_id": person.user_id}
    job, recording, resume = (IDS_OF[table.name][n] for table in rows.REGULAR_TABLES)
    yield LogLine(SERVICE, c.RegisterUser(email=person.email, **own))
    yield LogLine(SERVICE, c.RecordPayment(amount="12.99", ref=_ref(person), **own))
    for request in (
        c.CreateRegularJobRequest(id=job, **own),
        c.CreateRegularRecording(id=recording, job_request_id=job, **own),
        c.UploadRegularResume(id=resume, resume_url="a", **own),
    ):
        yield LogLine(person.principal, request)


def _ref(person: Person) -> str:
    return f"pay-{person.label}"


def _scene() -> Iterator[LogLine]:
    for n, person in enumerate((AMY, CAL)):
        yield from _stored_before(person, n)
    for n, person in enumerate((AMY, BOB)):
        yield LogLine(SERVICE, c.SyncCrmUser(user_id=person.user_id, email=person.email))
        yield from _stored_by(person, n)
    deactivated: dict[str, Any] = {"where": {"email": BOB.email}, "set": {"is_active": False}}
    yield LogLine(SERVICE, c.Update(table=rows.CRM_USERS, **deactivated))


SCENE: Final = Lines(_scene())
"""What everything is asked behind: a CRM user with rows from before, a deactivated one, a regular user."""

_REFS: Final = (_ref(AMY), _ref(CAL))
"""References of payments that the scene has."""

_FREE: Final = 2
"""Which of the few ids no row of the scene has."""


# --- what is asked ----------------------------------------------------------------------------

Question: TypeAlias = tuple[str, Request]
"""The column that is given or changed, empty where none is, and the request."""


def questions(asker: Asker, table: Table[Any]) -> Iterator[Question]:
    """Yield everything that someone asks of a table."""
    whose = {"user_id": asker.owner_in(table).user_id}
    yield "", Select(table=table)
    yield "user_id", Select(table=table, where=whose)
    for kind in REQUESTS.values():
        if _HOMES.get(kind) is table:
            yield from _given(kind, table, asker.owner_in(table))
    for column in table.columns:
        for value in _values(table, column):
            yield column.name, c.Update(table=table, where=whose, set={column.name: value})
    yield "", c.Delete(table=table, where=whose)


_HOMES: Final[Mapping[type[Request], Table[Any]]] = {
    **{kind: kind.table for kind in REQUESTS.values() if issubclass(kind, c.CreateRow)},
    c.SyncCrmUser: rows.CRM_USERS,
    c.RegisterUser: rows.PROFILES,
    c.RecordPayment: rows.PAYMENTS,
    **dict.fromkeys((GetDashboard, c.TrackLogin, c.TrackView, c.TrackTime), rows.CRM_DASHBOARD_STATS),
}
"""The table that a request is about, where it does not name one."""


def _given(kind: type[Any], table: Table[Any], owner: Person) -> Iterator[Question]:
    """Yield a request of one kind as it usually is, and with each argument in turn."""
    usual = _usual(kind, table, owner)
    yield "", kind(**usual)
    for name in argument_types(kind):
        column = _column(table, name)
        for value in _values(table, column):
            if name not in usual or usual[name] != value:
                yield name, kind(**(usual | {name: value}))


def _usual(kind: type[Any], table: Table[Any], owner: Person) -> dict[str, Any]:
    """Return the arguments with which someone usually asks."""
    arguments = argument_types(kind)
    usual = {
        "user_id": owner.user_id,
        "email": owner.email,
        "resume_url": "a",
        "amount": Decimal("12.99"),
        "ref": "pay-1",
        "seconds": 1,
    }
    if issubclass(kind, c.CreateRow):
        usual["id"] = IDS_OF[table.name][_FREE]
    return {name: value for name, value in usual.items() if name in arguments}


def _column(table: Table[Any], argument: str) -> Column:
    """Return the column that an argument would be stored in; the accounts' are those of the main table."""
    if argument == "seconds":
        return rows.CRM_DASHBOARD_STATS.column("total_time_spent")
    return table.by_name.get(argument) or rows.CRM_USERS.column(argument)


_FREE_TYPES: Final = frozenset({ColumnType.TEXT, ColumnType.TIMESTAMPTZ, ColumnType.JSONB})


def _values(table: Table[Any], column: Column) -> Iterator[Any]:
    """Yield the values that a column is given: of those that are as good as others one, and what no reading takes."""
    good, odd = good_values(table, column), odd_values(column)
    if column.name == "ref":
        yield from (*_REFS, *odd)
    elif column.type in _FREE_TYPES and column.name != "email" and not column.one_of:
        yield good[1]
        yield from (value for value in odd if value is None or any(column.faults(column.atom(value))))
    else:
        yield from (*good, *odd)
