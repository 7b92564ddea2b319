"""What is there at the end of a command log, and who sees how much of it?"""

from __future__ import annotations

from typing import Any, Final

from crm_domain import Crm, PermissionDenied, Session
from crm_domain.command_log import LOG_TABLES, Labels, table_name
from crm_domain.rows import CRM_DASHBOARD_STATS, CRM_USERS, PROFILES, CrmDashboardStats, CrmUser

_COUNTERS: Final = ("total_applications", "total_recordings", "total_resumes", "total_views", "total_time_spent")
_DATES: Final = ("last_application", "last_recording", "last_login")


def final_state(crm: Crm, labels: Labels) -> dict[str, Any]:
    """Return, as plain JSON, every user and how many rows every principal sees in every table.

    Users stand in the order in which they came, by label, or by id where they have none.
    """
    service = crm.as_service()
    people = [person.id for person in crm.tables.auth_users]
    balances = {profile.user_id: profile.credits_remaining for profile in service.select(PROFILES)}
    crm_users = {crm_user.user_id: crm_user for crm_user in service.select(CRM_USERS)}
    stats = {row.email: row for row in service.select(CRM_DASHBOARD_STATS)}
    users = {}
    for id_ in people:
        crm_user = crm_users.get(id_)
        counters = None if crm_user is None else stats.get(crm_user.email)
        users[labels.name(id_)] = {
            "profile_credits": balances.get(id_),
            **_crm_user(crm_user),
            "stats": _stats(counters),
        }
    sessions = {"anon": crm.as_anon(), "service": service, **{labels.name(id_): crm.as_user(id_) for id_ in people}}
    return {"users": users, "visible": {name: _visible(session) for name, session in sessions.items()}}


def _crm_user(crm_user: CrmUser | None) -> dict[str, Any]:
    return {
        "crm_credits": None if crm_user is None else crm_user.credits_remaining,
        "is_active": None if crm_user is None else crm_user.is_active,
        "payment_details": None if crm_user is None else crm_user.payment_details,
    }


def _stats(row: CrmDashboardStats | None) -> dict[str, Any] | None:
    if row is None:
        return None
    counters = {name: getattr(row, name) for name in _COUNTERS}
    return counters | {f"has_{name}": getattr(row, f"{name}_date") is not None for name in _DATES}


def _visible(session: Session) -> dict[str, int | str]:
    return {table_name(table): _count(session, table_name(table)) for table in LOG_TABLES}


def _count(session: Session, table: str) -> int | str:
    try:
        return session.count(table)
    except PermissionDenied as refusal:
        return refusal.code
