"""Which step moved a person's credits, and to what balance? An account statement, from the journal alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from attrs import frozen

from . import events as e
from .ports import JournalEntry
from .rows import PROFILES, CreditGrant


@frozen(kw_only=True)
class StatementLine:
    """One step of an account.

    Attributes:
        entry: What happened.
        credits: How many credits came; below 0, how many went.
        balance: The balance in credits behind it; None while the person has no profile.
        grant: The grant that came, that paid, or that got a credit back, as it was when it came;
            None if there was none.
    """

    entry: JournalEntry
    credits: int
    balance: int | None
    grant: CreditGrant | None


def statement(entries: Iterable[JournalEntry]) -> Iterator[StatementLine]:
    """Yield the statement of one account.

    Args:
        entries: All entries of the account, as `crm_domain.ports.Journal.entries_of` yields them.
    """
    balance: int | None = None
    grants: dict[str | None, CreditGrant] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, e.CreditGranted):
            grants[event.row.id] = event.row
        before, balance = balance, balance_after(balance, event)
        yield StatementLine(
            entry=entry, credits=(balance or 0) - (before or 0), balance=balance, grant=grants.get(_grant_id(event))
        )


def balance_after(balance: int | None, event: e.Event) -> int | None:
    """Return the balance behind an event that concerns its owner; None while there is no profile."""
    match event:
        case e.ProfileCreated():
            return cast("int", event.row.credits_remaining)
        case e.RowUpdated(table_name=PROFILES.name):
            return cast("int | None", dict(event.changes).get("credits_remaining", balance))
        case e.RowDeleted(table_name=PROFILES.name):
            return None
        case e.CreditGranted():
            return _moved(balance, event.row.credits)
        case e.CreditConsumed():
            return _moved(balance, -1)
        case e.CreditRefunded():
            return _moved(balance, 1)
        case e.CreditVoided():
            return _moved(balance, -event.credits)
        case e.UserRegistered() | e.CrmUserCreated() | e.CrmUserSynced() | e.DashboardCreated():
            return balance
        case e.JobRequestCreated() | e.RecordingCreated() | e.RecordingCompleted() | e.ResumeUploaded():
            return balance
        case e.RegularJobRequestCreated() | e.RegularRecordingCreated() | e.RegularResumeUploaded():
            return balance
        case e.ViewTracked() | e.LoginTracked() | e.TimeTracked() | e.PaymentRecorded() | e.IdempotencyKeyUsed():
            return balance
    _others: e.RowUpdated | e.RowDeleted = event  # of other tables; were another event left, mypy would name it
    return balance


def _moved(balance: int | None, by: int) -> int | None:
    """Return the balance moved by some credits, if there is a profile to keep it."""
    return None if balance is None else balance + by


def _grant_id(event: e.Event) -> str | None:
    """Return the id of the grant that an event concerns; None if none."""
    match event:
        case e.CreditGranted():
            return cast("str", event.row.id)
        case e.CreditConsumed():
            return cast("str | None", event.row.grant_id)
        case e.CreditRefunded() | e.CreditVoided():
            return event.grant_id
        case _:
            return None
