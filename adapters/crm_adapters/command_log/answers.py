"""What does the outcome of a line say?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import attrs

from crm_domain import Changed, DashboardData, Paid, Provisioned, Refused
from crm_domain import commands as c
from crm_domain.command_log import Labels, rfc3339
from crm_domain.reads import GetDashboard, Select
from crm_domain.rows import CREDIT_CONSUMPTIONS, CRM_DASHBOARD_STATS, CRM_USERS, PAYMENTS, PROFILES
from crm_domain.schema import ColumnType

from .reading import Entry

Outcome: TypeAlias = dict[str, Any]
"""The result of one line, as plain JSON: ``n``, ``result``, and the answer or the refusal."""

_NAMED_BY: Final = {
    CRM_USERS.name: "user_id",
    CRM_DASHBOARD_STATS.name: "user_id",
    PROFILES.name: "user_id",
    PAYMENTS.name: "ref",
    CREDIT_CONSUMPTIONS.name: "recording_id",
}
"""The column by which ``select`` names the rows of a table; those of all others by their ``id``."""


def outcome_of(entry: Entry, answer: Any, labels: Labels) -> Outcome:
    """Return the outcome of a line.

    Args:
        entry: The line.
        answer: What its command or its read answered, or the refusal.
        labels: Ids are written as these labels.
    """
    if isinstance(answer, Refused):
        return {"n": entry.number, "result": answer.code, "sqlstate": answer.sqlstate, "message": answer.message}
    return {"n": entry.number, "result": "ok"} | _answered(entry, answer, labels)


def _answered(entry: Entry, answer: Any, labels: Labels) -> Outcome:
    request = entry.line.request
    if isinstance(request, Select):
        return {"rows": _row_names(request, answer, labels)}
    if isinstance(request, GetDashboard):
        return {"rows": [] if answer is None else [_dashboard(answer)]}
    match answer:
        case Provisioned() if isinstance(request, c.SyncCrmUser):
            return {"user": labels.name(answer.user_id)}
        case Paid():
            return {"credited": answer.credited}
        case Changed():
            return {"affected": answer.affected}
        case _:
            return {}


def _row_names(select: Select, rows: Sequence[Any], labels: Labels) -> list[str]:
    column = select.table.column(_NAMED_BY.get(select.table.name, "id"))
    names: list[str] = [getattr(row, column.name) for row in rows]
    return sorted(map(labels.name, names) if column.type is ColumnType.UUID else names)


def _dashboard(data: DashboardData) -> dict[str, Any]:
    dates = {"last_application_date": data.last_application_date, "last_recording_date": data.last_recording_date}
    return attrs.asdict(data) | {name: at and rfc3339(at) for name, at in dates.items()}
