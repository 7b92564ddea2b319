"""What does one event change? The only writer of tables; it never refuses.

The document's triggers are folds here: each rule stands in its own module and is called from
one place, whichever store runs it.
"""

from __future__ import annotations

from datetime import datetime

from . import events as e
from .credits import consumed_after, granted_after, mirrored_after, refunded_after, voided_after
from .ports import Tables
from .stats import (
    application_counted_after,
    login_noted_after,
    recording_counted_after,
    resume_counted_after,
    time_added_after,
    view_counted_after,
)


def evolve(tables: Tables, event: e.Event, *, at: datetime) -> None:
    """Bring *tables* to what they are after *event*, which happened at *at*."""
    match event:
        case e.JobRequestCreated(values):
            tables.crm_job_requests.insert(values)
            application_counted_after(tables, values[1], at)
        case e.RecordingCreated(values):
            tables.crm_recordings.insert(values)
            recording_counted_after(tables, values[1], at)
        case e.CreditConsumed(values):
            consumed_after(tables, values, at)
        case e.ResumeUploaded(values):
            tables.crm_resumes.insert(values)
            resume_counted_after(tables, values[1], at)
        case e.ViewTracked(_, email):
            view_counted_after(tables, email, at)
        case e.LoginTracked(_, email):
            login_noted_after(tables, email, at)
        case e.TimeTracked(_, email, seconds):
            time_added_after(tables, email, seconds, at)
        case e.PaymentRecorded(values):
            tables.payments.insert(values)
        case e.CreditGranted(values):
            granted_after(tables, values, at)
        case e.CreditRefunded():
            refunded_after(tables, event, at)
        case e.CreditVoided():
            voided_after(tables, event, at)
        case e.RecordingCompleted(_, recording_id):
            tables.credit_consumptions.update(recording_id, {"completed_at": at})
        case e.RegularJobRequestCreated(values):
            tables.job_requests.insert(values)
        case e.RegularRecordingCreated(values):
            tables.recordings.insert(values)
        case e.RegularResumeUploaded(values):
            tables.resumes.insert(values)
        case e.RowUpdated():
            _updated(tables, event)
        case e.RowDeleted(_, table_name, key):
            tables.by_name[table_name].delete(key)
        case e.CrmUserSynced(_, email):
            tables.crm_users.update(email, {"last_sync_at": at})
        case e.UserRegistered(values):
            tables.auth_users.insert(values)
        case e.ProfileCreated(values):
            tables.profiles.insert(values)
        case e.CrmUserCreated(values):
            tables.crm_users.insert(values)
        case e.DashboardCreated(values):
            tables.crm_dashboard_stats.insert(values)
        case e.IdempotencyKeyUsed(values):
            tables.idempotency_keys.insert(values)


def _updated(tables: Tables, event: e.RowUpdated) -> None:
    tables.by_name[event.table_name].update(event.key, dict(event.changes))
    if event.table_name == "profiles":
        profile = tables.profiles.get(event.key)
        assert profile is not None
        mirrored_after(tables, profile)
