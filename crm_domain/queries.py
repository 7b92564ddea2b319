"""What may a principal read? Rows under the row policies, and the document's queries.

A user sees their own rows in every query, the service all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, TypeVar

import attrs

from . import reads as r
from .addresses import known_address
from .decision import View
from .errors import PermissionDenied
from .ids import SERVICE, Email, Principal, Role
from .isolation import owns, refuse_role, visible_rows
from .rows import CRM_DASHBOARD_STATS, CRM_JOB_REQUESTS, CRM_RECORDINGS, CRM_RESUMES, CRM_TABLES, CRM_USERS
from .schema import INT64_MAX, Table

R = TypeVar("R")

_BEGINNING = datetime.min.replace(tzinfo=UTC)


def answer(view: View, principal: Principal, read: r.Read[R]) -> R:
    """Answer *read* as *principal* sees the state; change nothing.

    Raises:
        PermissionDenied: The role may not read this at all.
        TypeError: It is not a read.
    """
    try:
        query = QUERIES[type(read)]
    except KeyError:
        raise TypeError(f"read: {type(read).__name__} is not one of crm_domain's reads") from None
    result: R = query(view, principal, read)
    return result


def select(view: View, principal: Principal, read: r.Select) -> list[Any]:
    """Return the rows that the principal sees, newest first ("Fetching CRM User Data").

    Raises:
        PermissionDenied: The role may not read the table at all.
    """
    table = read.table
    refuse_role(principal, "SELECT", table, view.rules)
    return _public(table, _sorted(table, visible_rows(view.tables, principal, table, read.where)))


def select_page(view: View, principal: Principal, read: r.SelectPage) -> list[Any]:
    """Return some of the rows that `select` returns.

    Raises:
        PermissionDenied: The role may not read the table at all.
    """
    table, limit = read.table, read.limit
    refuse_role(principal, "SELECT", table, view.rules)
    newest: Iterable[Any]
    if not read.where:
        newest = _first(_newest_first(view, principal, table, read.after), limit)
    else:
        found = _behind(table, visible_rows(view.tables, principal, table, read.where), read.after)
        newest = _first(_sorted(table, found), limit)
    return _public(table, newest)


def _first(rows: Iterable[R], limit: int | None) -> Iterator[R]:
    return islice(rows, None if limit is None else min(limit, INT64_MAX))  # islice counts in 64 bits


def _public(table: Table[Any], rows: Iterable[Any]) -> list[Any]:
    return [table.public(table.values_of(row)) for row in rows]


def _newest_first(view: View, principal: Principal, table: Table[R], after: Any) -> Iterator[R]:
    """Yield the rows that the principal sees, unsorted where an index has them in this order already."""
    stored, age = view.tables.by_name[table.name], _born(table)
    if principal.is_service and age in stored.indexed:
        return stored.descending(age, below=after and (getattr(after, age), getattr(after, table.key)))
    return iter(_sorted(table, _behind(table, visible_rows(view.tables, principal, table, {}), after)))


def _behind(table: Table[R], rows: Iterable[R], after: Any) -> Iterable[R]:
    if after is None:
        return rows
    bound = _age(table, after)
    return (row for row in rows if _age(table, row) < bound)


def _sorted(table: Table[R], rows: Iterable[R]) -> list[R]:
    return sorted(rows, key=lambda row: _age(table, row), reverse=True)


def count(view: View, principal: Principal, read: r.Count) -> int:
    """Return the number of rows that the principal sees.

    Raises:
        PermissionDenied: The role may not read the table at all.
    """
    table = read.table
    refuse_role(principal, "SELECT", table, view.rules)
    if principal.is_service:
        return len(view.tables.by_name[table.name])
    return len(visible_rows(view.tables, principal, table, {}))


def _born(table: Table[Any]) -> str:
    """Return the column that says how old a row is."""
    return "user_created_at" if table is CRM_USERS else "created_at"


def _age(table: Table[Any], row: Any) -> tuple[bool, datetime, str]:
    """Return what orders rows by age: rows without a time are the oldest."""
    created_at = getattr(row, _born(table), None)
    return (created_at is not None, created_at or _BEGINNING, str(getattr(row, table.key)))


def find_address(view: View, principal: Principal, read: r.FindAddress) -> Email | None:
    """Return the key that an address means for the principal, whether there is an account or not."""
    return known_address(view, principal, read.email)


def get_crm_dashboard_data(view: View, principal: Principal, read: r.GetDashboard) -> r.DashboardData | None:
    """Return the dashboard of the CRM user with this address; None if there is none to see.

    Another's address and an unknown one give no row (``private_dashboard``); without that
    safeguard anyone who has signed in may ask for any address, as in the document.

    Raises:
        PermissionDenied: No one has signed in.
    """
    if principal.role is Role.ANON:
        raise PermissionDenied(
            "The role 'anon' may not call get_crm_dashboard_data; sign in first.", section="Helper Functions"
        )
    key = known_address(view, principal if view.rules.private_dashboard else SERVICE, read.email)
    crm_user = view.tables.crm_users.get(key)
    stats = view.tables.crm_dashboard_stats.one("email", key)
    if crm_user is None or stats is None or (view.rules.private_dashboard and not owns(principal, crm_user.user_id)):
        return None
    return r.DashboardData(
        total_applications=stats.total_applications,
        total_recordings=stats.total_recordings,
        total_resumes=stats.total_resumes,
        total_views=stats.total_views,
        credits_remaining=crm_user.credits_remaining,
        last_application_date=stats.last_application_date,
        last_recording_date=stats.last_recording_date,
    )


def is_crm_user(view: View, principal: Principal, read: r.DetectCrmUser) -> bool:
    """Tell whether a person is a CRM user ("Detecting CRM Users"), as far as the principal sees.

    Raises:
        PermissionDenied: No one has signed in.
    """
    refuse_role(principal, "SELECT", CRM_USERS, view.rules)
    return bool(visible_rows(view.tables, principal, CRM_USERS, {"user_id": read.user_id}))


def crm_users_with_stats(view: View, principal: Principal, read: r.ListCrmUsersWithStats) -> list[r.CrmUserWithStats]:
    """Return the active CRM users with their stats, newest first ("Querying Examples").

    Raises:
        PermissionDenied: No one has signed in.
    """
    refuse_role(principal, "SELECT", CRM_USERS, view.rules)
    active = (user for user in _newest_first(view, principal, CRM_USERS, read.after) if user.is_active)
    return [
        r.CrmUserWithStats(
            email=user.email,
            credits_remaining=user.credits_remaining,
            user_created_at=user.user_created_at,
            total_applications=None if stats is None else stats.total_applications,
            total_recordings=None if stats is None else stats.total_recordings,
            total_resumes=None if stats is None else stats.total_resumes,
        )
        for user in _first(active, read.limit)
        for stats in [view.tables.crm_dashboard_stats.one("email", user.email)]
    ]


def user_data(view: View, principal: Principal, read: r.GetUserData) -> r.UserData:
    """Return everything that is stored under an address, as far as the principal sees it.

    Raises:
        PermissionDenied: No one has signed in.
    """
    where = {"email": known_address(view, principal, read.email)}

    def of(table: Table[R]) -> list[R]:
        return select(view, principal, r.Select(table=table, where=where))

    return r.UserData(
        user=next(iter(of(CRM_USERS)), None),
        job_requests=of(CRM_JOB_REQUESTS),
        recordings=of(CRM_RECORDINGS),
        resumes=of(CRM_RESUMES),
        stats=next(iter(of(CRM_DASHBOARD_STATS)), None),
    )


def crm_users_who_need_more_credits(
    view: View, principal: Principal, _: r.ListUsersInNeedOfCredits
) -> list[r.UserInNeedOfCredits]:
    """Return the CRM users at 0 credits who have recorded before, the latest recording first.

    Raises:
        PermissionDenied: No one has signed in.
    """
    found = [
        r.UserInNeedOfCredits(
            email=user.email,
            credits_remaining=user.credits_remaining,
            total_recordings=stats.total_recordings,
            last_recording_date=stats.last_recording_date,
        )
        for user in select(view, principal, r.Select(table=CRM_USERS, where={"credits_remaining": 0}))
        for stats in [view.tables.crm_dashboard_stats.one("email", user.email)]
        if stats is not None and stats.total_recordings > 0
    ]
    return sorted(found, key=lambda row: (row.last_recording_date or _BEGINNING, row.email), reverse=True)


def crm_users_export(view: View, principal: Principal, _: r.ExportCrmUsers) -> list[dict[str, Any]]:
    """Return every CRM user with the counters, one flat mapping each ("Export CRM User Data").

    Raises:
        PermissionDenied: No one has signed in.
    """
    counters = ("total_applications", "total_recordings", "total_resumes")
    return [
        attrs.asdict(user, recurse=False) | {name: getattr(stats, name, None) for name in counters}
        for user in select(view, principal, r.Select(table=CRM_USERS))
        for stats in [view.tables.crm_dashboard_stats.one("email", user.email)]
    ]


def record_counts(view: View, principal: Principal, _: r.CountRecords) -> dict[str, int]:
    """Return the number of rows of all five CRM tables ("Check record counts").

    The document's ``LIKE 'crm_%'`` misses the main table; this counts all five.

    Raises:
        PermissionDenied: No one has signed in.
    """
    return {table.name: count(view, principal, r.Count(table=table)) for table in CRM_TABLES}


QUERIES: Final[dict[type[r.Read[Any]], Callable[[View, Principal, Any], Any]]] = {
    r.Select: select,
    r.SelectPage: select_page,
    r.Count: count,
    r.FindAddress: find_address,
    r.GetDashboard: get_crm_dashboard_data,
    r.DetectCrmUser: is_crm_user,
    r.GetUserData: user_data,
    r.ListCrmUsersWithStats: crm_users_with_stats,
    r.ListUsersInNeedOfCredits: crm_users_who_need_more_credits,
    r.ExportCrmUsers: crm_users_export,
    r.CountRecords: record_counts,
}
"""Which query answers which read."""
