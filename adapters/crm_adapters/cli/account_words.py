"""What does a step of an account say, in plain words?"""

from __future__ import annotations

from typing import Any

from crm_domain import events as e
from crm_domain.account_statement import StatementLine
from crm_domain.ids import is_canonical_uuid
from crm_domain.rows import CreditGrant

from .printing import shown


def told(line: StatementLine) -> str:
    """Return what a person did, or what happened to them; ids are cut to their first 8 signs."""
    event = line.entry.event
    match event:
        case e.UserRegistered():
            return f"Registered as {shown(event.row.email)}"
        case e.ProfileCreated():
            return f"Got a profile, with {_credits(event.row.credits_remaining)}"
        case e.CrmUserCreated():
            return f"Became a CRM user as {shown(event.row.email)}"
        case e.CrmUserSynced():
            return "Synced again"
        case e.DashboardCreated():
            return "Got counters, all 0"
        case e.JobRequestCreated() | e.RegularJobRequestCreated():
            return f"Stored job request {short(event.row.id)}{_said(event.row.job_title, event.row.company_name)}"
        case e.RecordingCreated() | e.RegularRecordingCreated():
            return f"Stored recording {short(event.row.id)}{_said(event.row.status)}"
        case e.ResumeUploaded() | e.RegularResumeUploaded():
            return f"Stored resume {short(event.row.id)}{_said(event.row.resume_name)}"
        case e.PaymentRecorded():
            return f"Paid ${event.row.amount}, payment {shown(event.row.ref)}"
        case e.CreditGranted():
            return f"Got {_credits(event.row.credits)}: {_named(line.grant)}"
        case e.CreditConsumed():
            return f"Gave 1 credit for recording {short(event.row.recording_id)}, from {_named(line.grant)}"
        case e.CreditRefunded():
            return f"Got back the credit of recording {_recording_of(event.consumption_id)}, to {_named(line.grant)}"
        case e.CreditVoided():
            return f"Lost {_credits(event.credits)}, from {_named(line.grant)}"
        case e.RecordingCompleted():
            return f"Recording {_recording_of(event.consumption_id)} was completed: its video is fixed from now on"
        case e.ViewTracked():
            return "Pages were viewed"
        case e.LoginTracked():
            return "Logged in"
        case e.TimeTracked():
            return f"Spent {event.seconds} seconds"
        case e.RowUpdated():
            changes = (f"{name} = {_value(value)}" for name, value in event.changes if name != "updated_at")
            return f"Row {short(event.key)} of {event.table_name} was changed: {', '.join(changes)}"
        case e.RowDeleted():
            return f"Row {short(event.key)} of {event.table_name} was deleted"
    last: e.IdempotencyKeyUsed = event  # were another event left, mypy would name it
    return f"Used the idempotency key {shown(last.row.key)}"


def short(id_: str) -> str:
    """Return the first 8 signs of a UUID; all of any other key."""
    return id_[:8] if is_canonical_uuid(id_) else str(shown(id_))


def _credits(number: int) -> str:
    return f"{number} credit" if number == 1 else f"{number} credits"


def _named(grant: CreditGrant | None) -> str:
    return "no grant" if grant is None else f"grant {grant.number} ({grant.source})"


def _recording_of(consumption_id: str) -> str:
    """Return the recording's id out of a consumption's, which may stand between table and number."""
    return short(next(filter(is_canonical_uuid, consumption_id.split("/"))))


def _said(*texts: str | None) -> str:
    given = [shown(text) for text in texts if text is not None]
    return f" ({', '.join(given)})" if given else ""


def _value(value: Any) -> str:
    return "NULL" if value is None else str(shown(value))
