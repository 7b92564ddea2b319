"""What does one event change? The only writer of tables; it never refuses.

The document's triggers are folds here: each rule stands in its own module and is called from
one place, whichever store runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from . import events as e
from .counters import (
    application_counted_after,
    login_noted_after,
    recording_counted_after,
    resume_counted_after,
    time_added_after,
    view_counted_after,
)
from .credits import consumed_after, granted_after, mirrored_after, refunded_after, voided_after
from .ports import Tables


def evolve(tables: Tables, event: e.Event, *, at: datetime) -> None:
    """Bring *tables* to what they are after *event*, which happened at *at*."""
    FOLDS[type(event)](tables, event, at)


def _job_request_created(tables: Tables, event: e.JobRequestCreated, at: datetime) -> None:
    values = event.values
    tables.crm_job_requests.insert(values)
    application_counted_after(tables, values[1], at)


def _recording_created(tables: Tables, event: e.RecordingCreated, at: datetime) -> None:
    values = event.values
    tables.crm_recordings.insert(values)
    recording_counted_after(tables, values[1], at)


def _resume_uploaded(tables: Tables, event: e.ResumeUploaded, at: datetime) -> None:
    values = event.values
    tables.crm_resumes.insert(values)
    resume_counted_after(tables, values[1], at)


def _view_tracked(tables: Tables, event: e.ViewTracked, at: datetime) -> None:
    view_counted_after(tables, event.email, at)


def _login_tracked(tables: Tables, event: e.LoginTracked, at: datetime) -> None:
    login_noted_after(tables, event.email, at)


def _time_tracked(tables: Tables, event: e.TimeTracked, at: datetime) -> None:
    time_added_after(tables, event.email, event.seconds, at)


def _recording_completed(tables: Tables, event: e.RecordingCompleted, at: datetime) -> None:
    tables.credit_consumptions.update(event.consumption_id, {"completed_at": at})


def _crm_user_synced(tables: Tables, event: e.CrmUserSynced, at: datetime) -> None:
    tables.crm_users.update(event.email, {"last_sync_at": at})


def _row_stored(tables: Tables, event: e.RowStored, at: datetime) -> None:  # noqa: ARG001
    tables.by_name[event.table.name].insert(event.values)


def _row_updated(tables: Tables, event: e.RowUpdated, at: datetime) -> None:  # noqa: ARG001
    tables.by_name[event.table_name].update(event.key, dict(event.changes))
    if event.table_name == "profiles":
        profile = tables.profiles.get(event.key)
        assert profile is not None
        mirrored_after(tables, profile)


def _row_deleted(tables: Tables, event: e.RowDeleted, at: datetime) -> None:  # noqa: ARG001
    tables.by_name[event.table_name].delete(event.key)


FOLDS: Final[dict[type[Any], Callable[[Tables, Any, datetime], None]]] = {
    e.UserRegistered: _row_stored,
    e.ProfileCreated: _row_stored,
    e.CrmUserCreated: _row_stored,
    e.CrmUserSynced: _crm_user_synced,
    e.DashboardCreated: _row_stored,
    e.JobRequestCreated: _job_request_created,
    e.RecordingCreated: _recording_created,
    e.RecordingCompleted: _recording_completed,
    e.ResumeUploaded: _resume_uploaded,
    e.RegularJobRequestCreated: _row_stored,
    e.RegularRecordingCreated: _row_stored,
    e.RegularResumeUploaded: _row_stored,
    e.PaymentRecorded: _row_stored,
    e.CreditGranted: granted_after,
    e.CreditConsumed: consumed_after,
    e.CreditRefunded: refunded_after,
    e.CreditVoided: voided_after,
    e.ViewTracked: _view_tracked,
    e.LoginTracked: _login_tracked,
    e.TimeTracked: _time_tracked,
    e.RowUpdated: _row_updated,
    e.RowDeleted: _row_deleted,
    e.IdempotencyKeyUsed: _row_stored,
}
"""The fold of every event. A test holds it complete; a dict is faster than a ``match`` of classes."""
