"""When is a credit granted, consumed, refunded, voided, mirrored?

Credits are a ledger of sourced grants, consumed oldest first; the balance is its fold. The
leading balance is ``profiles.credits_remaining``; ``digital_resume_by_CRM.credits_remaining``
follows it ("Credit Sync").
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from .errors import CheckViolation, InsufficientCredits
from .events import CreditConsumed, CreditGranted, CreditRefunded, CreditVoided
from .ids import Email, RowId, UserId
from .ports import Tables
from .rows import CRM_RECORDINGS, CreditConsumption, CreditGrant, Profile
from .schema import COUNT_MAX, Atom, Table, Values

# --- decisions: what would happen -----------------------------------------------------------


def balance_of(tables: Tables, user_id: UserId | None) -> int:
    """Return a person's balance in credits; 0 if there is no profile."""
    profile = tables.profiles.get(user_id)
    return 0 if profile is None else profile.credits_remaining


def grant_to_pay(tables: Tables, user_id: UserId | None) -> CreditGrant | None:
    """Return the person's oldest grant that has credits left, or None."""
    return tables.credit_grants.one("open", user_id)


def consumption_of(tables: Tables, table: Table[Any], recording_id: Atom) -> CreditConsumption | None:
    """Return what paid for a stored recording: the latest consumption of its table under its id."""
    found, number = None, 1
    while (entry := tables.credit_consumptions.get(_consumption_id(table, recording_id, number))) is not None:
        found, number = entry, number + 1
    return found


def _consumption_id(table: Table[Any], recording_id: Atom, number: int) -> str:
    id_ = str(recording_id) if table is CRM_RECORDINGS else f"{table.name}/{recording_id}"
    return id_ if number == 1 else f"{id_}/{number}"


def consumed(
    tables: Tables, table: Table[Any], values: Values, user_id: UserId | None, status: object, at: datetime
) -> CreditConsumed:
    """Return the event in which the recording stored as *values* takes its credit."""
    recording_id = values[0]
    number = 1
    while (id_ := _consumption_id(table, recording_id, number)) in tables.credit_consumptions:
        number += 1  # another recording had this id, and was deleted
    grant = grant_to_pay(tables, user_id)
    grant_id = None if grant is None else grant.id
    completed_at = at if status == "completed" else None
    return CreditConsumed.of(
        id=id_,
        recording_id=recording_id,
        user_id=user_id,
        grant_id=grant_id,
        created_at=at,
        completed_at=completed_at,
    )


def refuse_without_credits(tables: Tables, user_id: UserId | None, table: str) -> None:
    """Refuse a recording at a balance of 0 ("Credit Consumption": block creation).

    Raises:
        InsufficientCredits: The balance of the row's user is not above 0.
    """
    profile = tables.profiles.get(user_id)
    if profile is None or profile.credits_remaining <= 0:
        raise InsufficientCredits(
            "The balance is 0 credits and a recording costs 1: pay for more, then try again.",
            table=table,
            section="Credit Consumption",
        )


def granted(
    tables: Tables,
    user_id: UserId,
    *,
    source: str,
    credits: int,  # noqa: A002 - the ledger's own word
    at: datetime,
    email: Email | None = None,
    payment_id: RowId | None = None,
) -> CreditGranted:
    """Return the event in which a person gets credits from a source.

    Raises:
        CheckViolation: The balance would be greater than any that is kept.
    """
    if balance_of(tables, user_id) + credits > COUNT_MAX:
        raise CheckViolation(
            f"profiles.credits_remaining would be above {COUNT_MAX}: lower the balance first.",
            table="profiles",
            column="credits_remaining",
            section="Credit Consumption",
        )
    number = tables.credit_grants.count("user_id", user_id) + 1
    grant_id = f"{user_id}/{number}"
    return CreditGranted.of(
        id=grant_id,
        user_id=user_id,
        number=number,
        source=source,
        email=email,
        payment_id=payment_id,
        credits=credits,
        remaining=credits,
        created_at=at,
    )


def adjusted(
    tables: Tables, user_id: UserId, *, to: int, source: str, at: datetime, email: Email | None = None
) -> Iterator[CreditGranted | CreditVoided]:
    """Yield the events that bring a balance to *to* credits: one grant, or voids from the oldest on."""
    missing = to - balance_of(tables, user_id)
    if missing > 0:
        yield granted(tables, user_id, source=source, credits=missing, at=at, email=email)
    for grant in tables.credit_grants.find("open", user_id):
        if missing < 0:
            credits_ = min(grant.remaining, -missing)
            yield CreditVoided(user_id, grant.id, credits_)
            missing += credits_
    if missing < 0:
        yield CreditVoided(user_id, None, -missing)


def had_initial_grant(tables: Tables, user_id: UserId, email: Email) -> bool:
    """Tell whether the ledger holds an initial grant for this address or this person."""
    return bool(tables.credit_grants.find("email", email)) or any(
        grant.source == "initial" for grant in tables.credit_grants.find("user_id", user_id)
    )


# --- folds: what an event does -------------------------------------------------------------


def granted_after(tables: Tables, event: CreditGranted, at: datetime) -> None:
    """Enter a grant and raise the balance by it."""
    tables.credit_grants.insert(event.values)
    _, user_id, _, _, _, _, credits_, *_ = event.values
    _move_balance(tables, user_id, credits_, at)  # type: ignore[arg-type]


def consumed_after(tables: Tables, event: CreditConsumed, at: datetime) -> None:
    """Enter a consumption, take 1 credit from its grant and from the balance ("Credit Consumption")."""
    _, _, user_id, grant_id, *_ = event.values
    tables.credit_consumptions.insert(event.values)
    if grant_id is not None:
        _move_grant(tables, grant_id, remaining=-1, consumed=1)  # type: ignore[arg-type]
    _move_balance(tables, user_id, -1, at)  # type: ignore[arg-type]


def refunded_after(tables: Tables, event: CreditRefunded, at: datetime) -> None:
    """Give 1 credit back to the grant that it came from, and to the balance."""
    tables.credit_consumptions.update(event.consumption_id, {"refunded_at": at})
    _move_grant(tables, event.grant_id, remaining=1, consumed=-1)
    _move_balance(tables, event.user_id, 1, at)


def voided_after(tables: Tables, event: CreditVoided, at: datetime) -> None:
    """Take credits from a grant and from the balance without a recording."""
    if event.grant_id is not None:
        _move_grant(tables, event.grant_id, remaining=-event.credits, voided=event.credits)
    _move_balance(tables, event.user_id, -event.credits, at)


def mirrored_after(tables: Tables, profile: Profile) -> None:
    """Copy the leading balance to the main CRM table ("Credit Sync")."""
    crm_user = tables.crm_users.one("user_id", profile.user_id)
    if crm_user is not None:
        tables.crm_users.touch(crm_user)
        crm_user.credits_remaining = profile.credits_remaining


def _move_balance(tables: Tables, user_id: UserId, by: int, at: datetime) -> None:
    profile = tables.profiles.get(user_id)
    if profile is not None:
        tables.profiles.touch(profile)
        profile.credits_remaining += by
        profile.updated_at = at
        mirrored_after(tables, profile)


def _move_grant(tables: Tables, grant_id: str, *, remaining: int, consumed: int = 0, voided: int = 0) -> None:
    grants = tables.credit_grants
    grant = grants.get(grant_id)
    assert grant is not None, f"the ledger has no grant {grant_id}"
    left = grant.remaining + remaining
    if grant.remaining and left:  # it stays among the open grants
        grants.touch(grant)
        grant.remaining = left
    else:
        grants.update(grant_id, {"remaining": left})
        grant = grants.get(grant_id)
        assert grant is not None
        grants.touch(grant)
    grant.consumed += consumed
    grant.voided += voided
