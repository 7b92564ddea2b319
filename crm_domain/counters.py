"""Which event moves which counter ("Dashboard Stats Updates")?

Counters are lifetime totals: they never fall, and a delete takes nothing back. The last-dates
are the model's clock, never the caller's. Without a row of counters nothing is counted.
"""

from __future__ import annotations

from datetime import datetime

from .ports import Tables
from .rows import CrmDashboardStats
from .schema import Atom


def application_counted_after(tables: Tables, email: Atom, at: datetime) -> None:
    """Job Request Created: ``total_applications++``, ``last_application_date`` updated."""
    stats = _changing(tables, email, at)
    if stats is not None:
        stats.total_applications += 1
        stats.last_application_date = at


def recording_counted_after(tables: Tables, email: Atom, at: datetime) -> None:
    """Recording Created: ``total_recordings++``, ``last_recording_date`` updated."""
    stats = _changing(tables, email, at)
    if stats is not None:
        stats.total_recordings += 1
        stats.last_recording_date = at


def resume_counted_after(tables: Tables, email: Atom, at: datetime) -> None:
    """Resume Uploaded: ``total_resumes++``."""
    stats = _changing(tables, email, at)
    if stats is not None:
        stats.total_resumes += 1


def view_counted_after(tables: Tables, email: Atom, at: datetime) -> None:
    """A view: ``total_views++``."""
    stats = _changing(tables, email, at)
    if stats is not None:
        stats.total_views += 1


def login_noted_after(tables: Tables, email: Atom, at: datetime) -> None:
    """A login: ``last_login_date`` updated."""
    stats = _changing(tables, email, at)
    if stats is not None:
        stats.last_login_date = at


def time_added_after(tables: Tables, email: Atom, seconds: int, at: datetime) -> None:
    """Time spent: ``total_time_spent`` grows by *seconds*."""
    stats = _changing(tables, email, at)
    if stats is not None:
        stats.total_time_spent += seconds


def _changing(tables: Tables, email: Atom, at: datetime) -> CrmDashboardStats | None:
    stats = tables.crm_dashboard_stats.one("email", email)
    if stats is not None:
        tables.crm_dashboard_stats.touch(stats)
        stats.updated_at = at
    return stats
