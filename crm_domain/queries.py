"""What may a principal read? Rows under the row policies, and the document's queries.

Columns have the document's names. A user sees their own rows in every query, the service all.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import attrs
from attrs import frozen

from .decision import View, known_address
from .errors import PermissionDenied
from .ids import SERVICE, Email, Principal, Role, UserId
from .isolation import owns, refuse_role, visible_rows
from .rows import (
    CRM_DASHBOARD_STATS,
    CRM_JOB_REQUESTS,
    CRM_RECORDINGS,
    CRM_RESUMES,
    CRM_TABLES,
    CRM_USERS,
    CrmDashboardStats,
    CrmJobRequest,
    CrmRecording,
    CrmResume,
    CrmUser,
)
from .schema import Table

R = TypeVar("R")

_BEGINNING = datetime.min.replace(tzinfo=UTC)


def select(
    view: View,
    principal: Principal,
    table: Table[R],
    where: Mapping[str, object] | None = None,
    *,
    limit: int | None = None,
    after: R | None = None,
) -> list[R]:
    """Return the rows that the principal sees, newest first ("Fetching CRM User Data").

    Args:
        view: State and rules.
        principal: Who asks.
        table: The table.
        where: Equalities that rows must meet; NULL equals NULL.
        limit: The most rows to return.
        after: The last row of the page before; the page goes on behind it, also if rows came
            or went meanwhile.

    Raises:
        PermissionDenied: The role may not read the table at all.
        ValueError: A column of *where* does not exist; *limit* is negative.
    """
    _refuse_negative(limit)
    refuse_role(principal, "SELECT", table, view.rules)
    newest: Iterable[Any]
    if limit is not None and not where:
        newest = islice(_newest_first(view, principal, table, after), limit)
    else:
        found = _found(view, principal, table, where, after)
        newest = _sorted(table, found) if limit is None else heapq.nlargest(limit, found, key=lambda r: _age(table, r))
    return [table.public(table.values_of(row)) for row in newest]


def _refuse_negative(limit: int | None) -> None:
    if limit is not None and limit < 0:
        raise ValueError(f"limit: expected 0 or more, got {limit}")


def _newest_first(view: View, principal: Principal, table: Table[R], after: Any) -> Iterator[R]:
    """Yield the rows that the principal sees, unsorted where an index has them in this order already."""
    stored, age = view.tables.by_name[table.name], _born(table)
    if principal.is_service and age in stored.indexed:
        return stored.descending(age, below=after and (getattr(after, age), getattr(after, table.key)))
    return iter(_sorted(table, _found(view, principal, table, None, after)))


def _found(
    view: View, principal: Principal, table: Table[R], where: Mapping[str, object] | None, after: Any
) -> Iterable[R]:
    found = visible_rows(view.tables, principal, table, table.atoms(where or {}))
    if after is None:
        return found
    behind = _age(table, after)
    return (row for row in found if _age(table, row) < behind)


def _sorted(table: Table[R], rows: Iterable[R]) -> list[R]:
    return sorted(rows, key=lambda row: _age(table, row), reverse=True)


def count(view: View, principal: Principal, table: Table[Any]) -> int:
    """Return the number of rows that the principal sees.

    Raises:
        PermissionDenied: The role may not read the table at all.
    """
    refuse_role(principal, "SELECT", table, view.rules)
    if principal.is_service:
        return len(view.tables.by_name[table.name])
    return len(visible_rows(view.tables, principal, table, {}))


def _born(table: Table[Any]) -> str:
    """Return the column that tells how old a row is."""
    return "user_created_at" if table is CRM_USERS else "created_at"


def _age(table: Table[Any], row: Any) -> tuple[bool, datetime, str]:
    """Return what orders rows by age: rows without a time are the oldest."""
    created_at = getattr(row, _born(table), None)
    return (created_at is not None, created_at or _BEGINNING, str(getattr(row, table.key)))


@frozen(kw_only=True)
class DashboardData:
    """What ``get_crm_dashboard_data`` returns ("Helper Functions")."""

    total_applications: int
    total_recordings: int
    total_resumes: int
    total_views: int
    credits_remaining: int
    last_application_date: datetime | None
    last_recording_date: datetime | None


def get_crm_dashboard_data(view: View, principal: Principal, email: str | None) -> DashboardData | None:
    """Return the dashboard of the CRM user with this address; None if there is none to see.

    Another's address and an unknown one give no row (``private_dashboard``); without that
    safeguard anybody who has signed in may ask for any address, as the document has it.

    Raises:
        PermissionDenied: Nobody has signed in.
        TypeError: *email* is neither text nor None.
    """
    if email is not None and not isinstance(email, str):
        raise TypeError(f"email: expected str or None, got {type(email).__name__}")
    if principal.role is Role.ANON:
        raise PermissionDenied(
            "The role 'anon' may not call get_crm_dashboard_data; sign in first.", section="Helper Functions"
        )
    key = known_address(view, principal if view.rules.private_dashboard else SERVICE, email)
    crm_user = view.tables.crm_users.get(key)
    stats = view.tables.crm_dashboard_stats.one("email", key)
    if crm_user is None or stats is None or (view.rules.private_dashboard and not owns(principal, crm_user.user_id)):
        return None
    return DashboardData(
        total_applications=stats.total_applications,
        total_recordings=stats.total_recordings,
        total_resumes=stats.total_resumes,
        total_views=stats.total_views,
        credits_remaining=crm_user.credits_remaining,
        last_application_date=stats.last_application_date,
        last_recording_date=stats.last_recording_date,
    )


def is_crm_user(view: View, principal: Principal, user_id: UserId | None) -> bool:
    """Tell whether a person is a CRM user ("Detecting CRM Users"), as far as the principal sees.

    Raises:
        PermissionDenied: Nobody has signed in.
    """
    refuse_role(principal, "SELECT", CRM_USERS, view.rules)
    return bool(visible_rows(view.tables, principal, CRM_USERS, {"user_id": user_id}))


@frozen(kw_only=True)
class CrmUserWithStats:
    """A row of "Get all CRM users with their stats"; counters are None without a dashboard row."""

    email: Email
    credits_remaining: int
    user_created_at: datetime | None
    total_applications: int | None
    total_recordings: int | None
    total_resumes: int | None


def crm_users_with_stats(
    view: View,
    principal: Principal,
    *,
    limit: int | None = None,
    after: CrmUserWithStats | CrmUser | None = None,
) -> list[CrmUserWithStats]:
    """Return the active CRM users with their stats, newest first ("Querying Examples").

    Args:
        view: State and rules.
        principal: Who asks.
        limit: The most users to return; None for all.
        after: The last user of the page before; the page goes on behind them.

    Raises:
        PermissionDenied: Nobody has signed in.
        ValueError: *limit* is negative.
    """
    _refuse_negative(limit)
    refuse_role(principal, "SELECT", CRM_USERS, view.rules)
    active = (user for user in _newest_first(view, principal, CRM_USERS, after) if user.is_active)
    return [
        CrmUserWithStats(
            email=user.email,
            credits_remaining=user.credits_remaining,
            user_created_at=user.user_created_at,
            total_applications=None if stats is None else stats.total_applications,
            total_recordings=None if stats is None else stats.total_recordings,
            total_resumes=None if stats is None else stats.total_resumes,
        )
        for user in islice(active, limit)
        for stats in [view.tables.crm_dashboard_stats.one("email", user.email)]
    ]


@frozen(kw_only=True)
class UserData:
    """A CRM user's complete data ("Get CRM user's complete data"); lists newest first."""

    user: CrmUser | None
    job_requests: list[CrmJobRequest]
    recordings: list[CrmRecording]
    resumes: list[CrmResume]
    stats: CrmDashboardStats | None


def user_data(view: View, principal: Principal, email: str) -> UserData:
    """Return everything that is stored under an address, as far as the principal sees it.

    Raises:
        PermissionDenied: Nobody has signed in.
    """
    where = {"email": known_address(view, principal, email)}
    user = select(view, principal, CRM_USERS, where)
    stats = select(view, principal, CRM_DASHBOARD_STATS, where)
    return UserData(
        user=user[0] if user else None,
        job_requests=select(view, principal, CRM_JOB_REQUESTS, where),
        recordings=select(view, principal, CRM_RECORDINGS, where),
        resumes=select(view, principal, CRM_RESUMES, where),
        stats=stats[0] if stats else None,
    )


@frozen(kw_only=True)
class UserInNeedOfCredits:
    """A row of "Get CRM users who need more credits"."""

    email: Email
    credits_remaining: int
    total_recordings: int
    last_recording_date: datetime | None


def crm_users_who_need_more_credits(view: View, principal: Principal) -> list[UserInNeedOfCredits]:
    """Return the CRM users at 0 credits who have recorded before, the latest recording first.

    Raises:
        PermissionDenied: Nobody has signed in.
    """
    found = [
        UserInNeedOfCredits(
            email=user.email,
            credits_remaining=user.credits_remaining,
            total_recordings=stats.total_recordings,
            last_recording_date=stats.last_recording_date,
        )
        for user in select(view, principal, CRM_USERS, {"credits_remaining": 0})
        for stats in [view.tables.crm_dashboard_stats.one("email", user.email)]
        if stats is not None and stats.total_recordings > 0
    ]
    return sorted(found, key=lambda row: (row.last_recording_date or _BEGINNING, row.email), reverse=True)


def crm_users_export(view: View, principal: Principal) -> list[dict[str, Any]]:
    """Return every CRM user with the counters, one flat mapping each ("Export CRM User Data").

    Raises:
        PermissionDenied: Nobody has signed in.
    """
    counters = ("total_applications", "total_recordings", "total_resumes")
    return [
        attrs.asdict(user) | {name: getattr(stats, name, None) for name in counters}
        for user in select(view, principal, CRM_USERS)
        for stats in [view.tables.crm_dashboard_stats.one("email", user.email)]
    ]


def record_counts(view: View, principal: Principal) -> dict[str, int]:
    """Return the number of rows of all five CRM tables ("Check record counts").

    The document's ``LIKE 'crm_%'`` misses the main table; this counts all five.

    Raises:
        PermissionDenied: Nobody has signed in.
    """
    return {table.name: count(view, principal, table) for table in CRM_TABLES}
