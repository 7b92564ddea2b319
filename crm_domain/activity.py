"""Who fills the counters of views, logins and time?

The service role does; the document leaves it open.
"""

from __future__ import annotations

from datetime import datetime

from .addresses import known_address
from .answers import Changed
from .commands import TrackLogin, TrackTime, TrackView
from .decision import View
from .errors import CheckViolation
from .events import LoginTracked, TimeTracked, ViewTracked
from .ids import Principal
from .isolation import refuse_operation
from .rows import CRM_DASHBOARD_STATS, CrmDashboardStats
from .schema import INT64_MAX
from .wording import quoted


def decide_tracking(
    view: View,
    principal: Principal,
    command: TrackView | TrackLogin | TrackTime,
    at: datetime,  # noqa: ARG001
) -> Changed:
    """Decide what is counted for a CRM user; an unknown address affects 0 rows.

    Raises (in order of precedence):
        PermissionDenied: The principal is not the service role.
        CheckViolation: The seconds are negative, or the total would not fit 64 bits.
    """
    refuse_operation(principal, "track views, logins and time")
    seconds = (command.seconds or 0) if isinstance(command, TrackTime) else 0
    _refuse_seconds(seconds, 0)
    email = known_address(view, principal, command.email)
    stats = None if email is None else view.tables.crm_dashboard_stats.one("email", email)
    if stats is None:
        return Changed((), affected=0)
    _refuse_seconds(seconds, stats.total_time_spent)
    return Changed((_event(command, stats, seconds),), affected=1)


def _event(
    command: TrackView | TrackLogin | TrackTime, stats: CrmDashboardStats, seconds: int
) -> ViewTracked | LoginTracked | TimeTracked:
    if isinstance(command, TrackView):
        return ViewTracked(stats.user_id, stats.email)
    if isinstance(command, TrackLogin):
        return LoginTracked(stats.user_id, stats.email)
    return TimeTracked(stats.user_id, stats.email, seconds)


def _refuse_seconds(seconds: int, total: int) -> None:
    if seconds < 0:
        reason = f"seconds is {quoted(seconds)}, expected 0 or more."
    elif total + seconds > INT64_MAX:
        reason = f"seconds is {quoted(seconds)}: the total would not fit 64 bits."
    else:
        return
    raise CheckViolation(
        reason,
        table=CRM_DASHBOARD_STATS.name,
        column="total_time_spent",
        section=CRM_DASHBOARD_STATS.section,
    )
