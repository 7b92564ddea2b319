"""Who may see or change which row ("Row Level Security (RLS)")?

Three questions, in this order: may the role do this to the table at all; whose rows does it
see; and may this person write now. The service role passes the last two, not the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from .errors import CheckViolation, PermissionDenied, Refused, RlsViolation
from .ids import Principal, Role, UserId
from .ports import Rows, Tables
from .rows import (
    AUTH_USERS,
    CREDIT_CONSUMPTIONS,
    CREDIT_GRANTS,
    CRM_DASHBOARD_STATS,
    CRM_TABLES,
    CRM_USERS,
    PAYMENTS,
    PROFILES,
    REGULAR_TABLES,
    CrmUser,
)
from .rules import Rules
from .schema import Atom, ColumnType, Table
from .values import same_json

_WRITTEN_OTHERWISE: Final = {ColumnType.NUMERIC, ColumnType.JSONB}

Verb: TypeAlias = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]

SECTION: Final = "Row Level Security (RLS)"

_OWN_DATA: Final = frozenset(t.name for t in (*CRM_TABLES[1:4], *REGULAR_TABLES))
_OWN_READING: Final = _OWN_DATA | {
    t.name for t in (CRM_USERS, CRM_DASHBOARD_STATS, PROFILES, PAYMENTS, CREDIT_GRANTS, CREDIT_CONSUMPTIONS)
}
_SERVICE_WRITING: Final = _OWN_DATA | {CRM_USERS.name, CRM_DASHBOARD_STATS.name, PROFILES.name}
_READ_ONLY: Final = {
    CRM_USERS.name: "tracking_read_only",
    CRM_DASHBOARD_STATS.name: "stats_read_only",
    PROFILES.name: "profile_read_only",
}
_REGULAR: Final = frozenset(t.name for t in REGULAR_TABLES)


def refuse_role(principal: Principal, verb: Verb, table: Table[Any], rules: Rules) -> None:
    """Refuse what the principal's role may not do to the table at all.

    Raises:
        PermissionDenied: It may not; the message names the safeguard, if one forbids it.
    """
    name = table.name
    safeguard = None
    if principal.is_user:
        if name in (_OWN_READING if verb == "SELECT" else _OWN_DATA):
            return
        safeguard = _READ_ONLY.get(name)
        if safeguard is not None and not getattr(rules, safeguard):
            return
    elif principal.is_service and (verb == "SELECT" or name in _SERVICE_WRITING):
        return
    raise PermissionDenied(
        f"The role {principal.role.value!r} may not {verb} on {name}"
        + ("; sign in first." if principal.role is Role.ANON else "; ask the service to do it."),
        table=name,
        safeguard=safeguard,
        section=SECTION,
    )


def refuse_operation(principal: Principal, operation: str, *, safeguard: str | None = None) -> None:
    """Refuse an operation of the service to anyone else.

    Raises:
        PermissionDenied: The principal is not the service role.
    """
    if not principal.is_service:
        raise PermissionDenied(
            f"Only the service role may {operation}.", safeguard=safeguard, section="Service Role Policies"
        )


def owns(principal: Principal, user_id: UserId | None) -> bool:
    """Tell whether a row of *user_id* is the principal's to see: ``auth.uid() = user_id``."""
    return principal.is_service or (user_id is not None and user_id == principal.user_id)


def refuse_foreign_row(principal: Principal, user_id: UserId | None, table: Table[Any]) -> None:
    """Refuse to store a row for someone else.

    Raises:
        RlsViolation: The new row's ``user_id`` is not the principal's.
    """
    if not owns(principal, user_id):
        raise RlsViolation(
            f"New row violates the row policy of {table.name}: user_id must be your own.",
            table=table.name,
            column="user_id",
            section=SECTION,
        )


def refuse_writer(principal: Principal, account: CrmUser | None, table: Table[Any], rules: Rules) -> None:
    """Refuse a write by a user who may only read, or whose rows belong to the other tables.

    Args:
        principal: Who writes; the service role passes.
        account: The principal's own row of the main CRM table, if there is one.
        table: Where they write to.
        rules: The rules in force.

    Raises:
        RlsViolation: The user was deactivated, or is a CRM user and writes a regular table.
    """
    if principal.is_service or account is None:
        return
    if rules.active_only and not account.is_active:
        raise RlsViolation(
            "This account was deactivated: it may read, and may not write until the service activates it again.",
            table=table.name,
            safeguard="active_only",
            section=CRM_USERS.section,
        )
    if rules.separate_populations and table.name in _REGULAR:
        raise _wrong_population(table, RlsViolation)


def refuse_population(account: CrmUser | None, table: Table[Any], rules: Rules) -> None:
    """Refuse a CRM user's row in a regular table, no matter who stores it.

    Raises:
        CheckViolation: The row's user is a CRM user.
    """
    if rules.separate_populations and account is not None and table.name in _REGULAR:
        raise _wrong_population(table, CheckViolation)


def account_of(tables: Tables, user_id: UserId | None) -> CrmUser | None:
    """Return the person's row in the main CRM table, or None for a regular user."""
    return None if user_id is None else tables.crm_users.one("user_id", user_id)


def _wrong_population(table: Table[Any], kind: type[Refused]) -> Refused:
    return kind(
        f"A CRM user's rows go to crm_{table.name}, not to {table.name}.",
        table=table.name,
        column="user_id",
        safeguard="separate_populations",
        section="Comparison: Regular Users vs CRM Users",
    )


def _found_by_one(stored: Rows[Any], table: Table[Any], where: Mapping[str, Atom]) -> Iterable[Any]:
    """Return the rows that meet one of the conditions, better by an index than by asking the store for each."""
    # Amounts and JSON may be equal and written otherwise, which a store that keeps them as text does not know.
    exact = [name for name in where if table.column(name).type not in _WRITTEN_OTHERWISE]
    best = next((name for name in where if name in stored.indexed), exact[0] if exact else None)
    return stored if best is None else stored.find(best, where[best])


def visible_rows(tables: Tables, principal: Principal, table: Table[Any], where: Mapping[str, Atom]) -> list[Any]:
    """Return the rows that the principal sees and that meet *where*, in the order of their insertion.

    NULL equals NULL here. Nothing distinguishes a hidden row from one that does not exist.
    """
    stored = tables.by_name[table.name]
    owner = "id" if table is AUTH_USERS else "user_id"
    if table.key in where or (principal.is_user and owner == table.key):
        row = stored.get(where.get(table.key, principal.user_id))
        candidates: Iterable[Any] = () if row is None else (row,)
    elif principal.is_user:
        candidates = stored.find(owner, principal.user_id)
    else:
        candidates = stored if not where else _found_by_one(stored, table, where)
    return [
        row
        for row in candidates
        if owns(principal, getattr(row, owner))
        and all(is_equal(getattr(row, name), value, table.column(name).type) for name, value in where.items())
    ]


def is_equal(one: Atom, other: Atom, type_: ColumnType) -> bool:
    """Tell whether two atoms of a column are equal: JSON is whose numbers are, as decimals."""
    if one == other or type_ is not ColumnType.JSONB or None in {one, other}:
        return one == other
    return same_json(str(one)) == same_json(str(other))
