"""What can be seen of a backend from outside, and when do two of them look the same?

Two implementations have clocks of their own and make ids of their own. What they show is compared
without those: of a time that no one chose, whether there is one; of ids that no one chose, nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias

import attrs
from attrs import field, frozen

from crm_domain.command_log import LOG_TABLES
from crm_domain.errors import Forbidden, PermissionDenied, Refused, RlsViolation
from crm_domain.ids import ANON, SERVICE, Principal
from crm_domain.ports import Backend
from crm_domain.reads import DashboardData
from crm_domain.rows import CRM_DASHBOARD_STATS, PAYMENTS
from crm_domain.schema import Atom, ColumnType, Table
from crm_domain.values import same_json

from ..people import PEOPLE
from ..requests.pools import CHOSEN_TIMES

OBSERVERS: Final = (*(person.principal for person in PEOPLE), SERVICE, ANON)
"""Everybody who may look; the service after those whose rows they are, for whom the laws of reads say more."""

A_TIME: Final = "a time"
"""Stands for a time that a clock said."""

Shown: TypeAlias = tuple[Any, ...]
"""What is compared of one row."""


@frozen
class Failed:
    """An outcome that is none: the backend broke down.

    Attributes:
        error: What it raised. Two failures of one type are the same: texts have ids and addresses in them.
    """

    error: Exception = field(eq=type)

    def __str__(self) -> str:
        return f"failed with {last_words(self.error)}"


_ELSEWHERE: Final = frozenset({"crm_domain", "crm_adapters", "site-packages"})
"""Folders with code that is not a backend's own: this library, and what is installed."""


def last_words(error: BaseException) -> str:
    """Return what an exception says, and the last line of the backend's own code that it came through.

    Example:
        >>> last_words(KeyError("credits"))
        "KeyError: 'credits'"
    """
    said, place = f"{type(error).__name__}: {error}", ""
    trace = error.__traceback__
    while trace is not None:
        *folders, name = trace.tb_frame.f_code.co_filename.replace("\\", "/").split("/")
        if not _ELSEWHERE.intersection(folders) and not any(folder.startswith("python3") for folder in folders):
            place = f" (in {name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return said + place


class Absent(Enum):
    """The marker of a column that a backend does not show."""

    ABSENT = "not shown"

    def __repr__(self) -> str:
        return self.value


ABSENT: Final = Absent.ABSENT
"""Stands for the value of a column that a backend does not show; it is not compared."""


@frozen
class Seen:
    """The rows of one table, as someone sees them.

    Attributes:
        shown: What is compared of each row, sorted; a refusal, or a failure, in place of rows.
        values: The rows' atoms, in the same order.
        absent: The places, in what is compared, of columns that are not shown.
    """

    shown: tuple[Shown, ...] | Refused | Failed
    values: tuple[tuple[Any, ...], ...] = ()
    absent: frozenset[int] = frozenset()

    def same(self, other: Seen) -> bool:
        """Tell whether both look the same, as far as both show it."""
        if isinstance(self.shown, Refused) and isinstance(other.shown, Refused):
            return same_refusal(self.shown, other.shown)
        if isinstance(self.shown, tuple) and isinstance(other.shown, tuple) and (absent := self.absent | other.absent):
            return _without(self.shown, absent) == _without(other.shown, absent)
        return self.shown == other.shown


def _without(rows: Sequence[Shown], absent: frozenset[int]) -> list[Shown]:
    """Return rows without some places, sorted again."""
    return sorted((tuple(v for n, v in enumerate(row) if n not in absent) for row in rows), key=repr)


def look(backend: Backend, principal: Principal, table: Table[Any], where: Mapping[str, Any] | None = None) -> Seen:
    """Return what *principal* sees of *table*.

    Raises:
        NotImplementedError: The backend does not have the table.
    """
    try:
        rows = backend.select(principal, table.name, where or {})
    except NotImplementedError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever breaks in somebody's backend is a finding
        return Seen(refused_or_failed(error))
    return seen(table, rows)


def refused_or_failed(error: Exception) -> Refused | Failed:
    """Return what an exception says: a refusal is of a kind, and everything else a failure."""
    return error if isinstance(error, Refused) and hasattr(error, "code") else Failed(error)


def seen(table: Table[Any], rows: Sequence[Any]) -> Seen:
    """Return rows as they are compared."""
    try:
        values = [values_of(table, row) for row in rows]
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        return Seen(Failed(error))
    return seen_values(table, values)


def seen_values(table: Table[Any], values: Sequence[tuple[Any, ...]]) -> Seen:
    """Return stored rows as they are compared."""
    pairs = sorted(((shown(table, row), row) for row in values), key=lambda pair: repr(pair[0]))
    absent = frozenset(n for row, _ in pairs for n, value in enumerate(row) if value is ABSENT)
    return Seen(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs), absent)


def values_of(table: Table[Any], row: Any) -> tuple[Any, ...]:
    """Return the atoms of a row that a backend showed: an object or mapping with the table's columns.

    A column that is not there is `ABSENT`: the backend does not have it.

    Raises:
        TypeError, ValueError: A value cannot stand in its column.
        LookupError: The key is not there, so that no one can tell which row it is.
    """
    given = [row.get(n, ABSENT) if isinstance(row, Mapping) else getattr(row, n, ABSENT) for n in table.by_name]
    if given[table.position[table.key]] is ABSENT and table.key == identity_of(table):
        raise LookupError(f"a row of {table.name} has no {table.key}: {row!r}")
    return tuple(v if v is ABSENT else column.atom(v) for column, v in zip(table.columns, given, strict=True))


def shown(table: Table[Any], values: Sequence[Any]) -> Shown:
    """Return what is compared of one row."""
    return tuple(_compared(values[n], type_) for n, type_ in _PICKED[table.name])


def _compared(value: Any, type_: ColumnType) -> Any:
    if value is ABSENT or value is None:
        return value
    if type_ is ColumnType.JSONB:
        return same_json(value)
    if type_ is ColumnType.TIMESTAMPTZ and value not in CHOSEN_TIMES:
        return A_TIME
    return round(value, 2) if isinstance(value, Decimal) and value.is_finite() else value


def compared_columns(table: Table[Any]) -> tuple[str, ...]:
    """Return the columns of which something is compared, in the order of what is."""
    return _COMPARED[table.name]


def identity_of(table: Table[Any]) -> str:
    """Return the column by which a row is known to everybody: its key, unless no one chose that."""
    return _IDENTITY.get(table.name, table.key)


_IDENTITY: Final = {CRM_DASHBOARD_STATS.name: "email", PAYMENTS.name: "ref"}

_COMPARED: Final = {
    table.name: tuple(n for n in table.by_name if not (n == table.key and table.key != identity_of(table)))
    for table in LOG_TABLES
}
_PICKED: Final = {
    table.name: tuple((table.position[n], table.by_name[n].type) for n in _COMPARED[table.name]) for table in LOG_TABLES
}
"""For each table the places of what is compared, with the types of their columns."""


def dashboard_shown(answer: Any) -> object:
    """Return what is compared of an answered dashboard."""
    if answer is None:
        return None
    names = attrs.fields_dict(DashboardData)
    try:
        given = {n: answer[n] if isinstance(answer, Mapping) else getattr(answer, n) for n in names}
    except (LookupError, AttributeError) as error:
        return Failed(error)
    return tuple((n, A_TIME if isinstance(v, datetime) else v) for n, v in given.items())


ANSWERED: Final = ("id", "user_id", "credited", "affected")
"""What of an answer is compared, where both tell it."""


def told(answer: Any, name: str) -> Atom:
    """Return one part of an answer; None where it is not given."""
    found: Atom = answer.get(name) if isinstance(answer, Mapping) else getattr(answer, name, None)
    return found


def same_refusal(one: Refused, other: Refused) -> bool:
    """Tell whether two refusals are of one kind.

    Where one says 42501 alone, either kind of it will do; where the model says that another kind is as right, that one.
    """
    if one.code in other.as_right or other.code in one.as_right:
        return True
    if isinstance(one, Forbidden) or isinstance(other, Forbidden):
        return all(isinstance(refused, PermissionDenied | RlsViolation) for refused in (one, other))
    return one.code == other.code
