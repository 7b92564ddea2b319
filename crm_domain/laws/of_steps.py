"""What holds in every step? Laws that compare a request and its outcome with the states around it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Final

from crm_domain import events as e
from crm_domain import rows
from crm_domain.answers import Accepted, Paid
from crm_domain.commands import RecordPayment, SyncCrmUser
from crm_domain.errors import Refused, RlsViolation
from crm_domain.ids import Role, UserId
from crm_domain.reads import DashboardData, GetDashboard, Select

from .differences import differences
from .kinds import State, Step, of_step

_NOT_DATA: Final = frozenset({rows.IDEMPOTENCY_KEYS.name})
"""Tables in which an accepted command may leave a note though there was nothing to do."""


def _changes(step: Step) -> Iterator[str]:
    """Yield what a step changed, its idempotency key aside."""
    for difference in differences(step.before.tables, step.after.tables):
        if difference.table.name not in _NOT_DATA:
            yield str(difference)


@of_step(6, section="Recording Creation Flow")
def refused_changes_nothing(step: Step) -> Iterator[str]:
    """A refusal or a read leaves tables and journal as they were; so does an answer without events."""
    if step.entries and not isinstance(step.outcome, Accepted):
        yield f"{_said(step)} and {len(step.entries)} events happened, expected none"
    if not step.entries:
        for difference in differences(step.before.tables, step.after.tables):
            yield f"{_said(step)} and nothing happened, but {difference}"


def _said(step: Step) -> str:
    answer = step.outcome.code if isinstance(step.outcome, Refused) else "an answer"
    return f"{step.principal} asked for {type(step.command).__name__}, got {answer}"


@of_step(7, section="Row Level Security (RLS)")
def no_user_command_raises_credits(step: Step) -> Iterator[str]:
    """No command of a user raises anyone's credits, in either of the two balances."""
    if step.principal.role is Role.SERVICE:
        return
    balances = {profile.user_id: profile.credits_remaining for profile in step.before.tables.profiles}
    mirrors = {crm_user.user_id: crm_user.credits_remaining for crm_user in step.before.tables.crm_users}
    for profile in step.after.tables.profiles:
        had = balances.get(profile.user_id, 0)
        if profile.credits_remaining > had:
            yield f"{_said(step)}: the balance of {profile.user_id} rose from {had} to {profile.credits_remaining}"
    for crm_user in step.after.tables.crm_users:
        had = mirrors.get(crm_user.user_id, balances.get(crm_user.user_id, 0))
        if crm_user.credits_remaining > had:
            yield f"{_said(step)}: the mirror of {crm_user.email} rose from {had} to {crm_user.credits_remaining}"


# --- reads ----------------------------------------------------------------------------------


@of_step(8, section="Row Level Security (RLS)")
def reads_see_only_own_rows(step: Step) -> Iterator[str]:
    """A user reads their own rows, all of them and no others; no one in particular reads nothing."""
    if step.principal.role is Role.SERVICE or not isinstance(step.command, Select | GetDashboard):
        return
    is_hidden = isinstance(step.command, Select) and step.command.table.name in _HIDDEN
    if isinstance(step.outcome, Refused) == (step.principal.role is Role.USER and not is_hidden):
        yield f"{_said(step)}, expected the opposite"
    elif isinstance(step.command, Select):
        yield from _wrong_rows(step, step.principal.user_id)
    else:
        yield from _wrong_dashboard(step, step.principal.user_id)


_HIDDEN: Final = frozenset({rows.AUTH_USERS.name, rows.IDEMPOTENCY_KEYS.name})
"""Tables that only the service reads."""


def _wrong_rows(step: Step, owner: UserId | None) -> Iterator[str]:
    """Yield what an answered select has too much or too little; an owner of None may see every row."""
    if isinstance(step.outcome, Refused):
        return
    select = step.command
    assert isinstance(select, Select)
    assert isinstance(step.outcome, list)
    table, where = select.table, select.where
    expected = {
        getattr(row, table.key): table.public(table.values_of(row))
        for row in step.after.tables.by_name[table.name]
        if owner in (None, getattr(row, "user_id", None)) and all(getattr(row, c) == v for c, v in where.items())
    }
    for row in step.outcome:
        if expected.pop(getattr(row, table.key), None) != row:
            yield f"{step.principal} read {table.name} {getattr(row, table.key)}, which is not theirs to see, or not so"
    for key in expected:
        yield f"{step.principal} did not see {table.name} {key}, which is theirs to see"


def _wrong_dashboard(step: Step, owner: UserId | None) -> Iterator[str]:
    """Yield how an answer differs from the dashboard; an owner of None may see everybody's."""
    if isinstance(step.outcome, Refused):
        return
    get, tables = step.command, step.after.tables
    assert isinstance(get, GetDashboard)
    crm_user = _account(step.after, get.email) if step.after.rules.one_email else tables.crm_users.get(get.email)
    stats = None if crm_user is None else tables.crm_dashboard_stats.one("email", crm_user.email)
    expected = None
    if crm_user is not None and stats is not None and owner in (None, crm_user.user_id):
        expected = DashboardData(
            total_applications=stats.total_applications,
            total_recordings=stats.total_recordings,
            total_resumes=stats.total_resumes,
            total_views=stats.total_views,
            credits_remaining=crm_user.credits_remaining,
            last_application_date=stats.last_application_date,
            last_recording_date=stats.last_recording_date,
        )
    if step.outcome != expected:
        yield f"{step.principal} asked for the dashboard of {get.email} and got {step.outcome}, expected {expected}"


# --- deliveries that come twice --------------------------------------------------------------


@of_step(11, section="CRM User Creation Flow")
def provisioning_is_idempotent(step: Step) -> Iterator[str]:
    """A person, and an address in any spelling, get initial credits once; a re-sync only notes that it happened."""
    if not isinstance(step.command, SyncCrmUser) or not isinstance(step.outcome, Accepted):
        return
    known = _account(step.before, step.command.email)
    if known is not None:
        yield from _changed_by_resync(step, known)
    initial = [grant for grant in step.after.tables.credit_grants if grant.source == "initial"]
    for user_id, count in Counter(grant.user_id for grant in initial).items():
        if count > 1:
            yield f"credit_grants: {user_id} got initial credits {count} times"
    for email, count in Counter(_normal(grant.email or "") for grant in initial).items():
        if count > 1:
            yield f"credit_grants: {email} got initial credits {count} times"


def _account(state: State, email: str | None) -> rows.CrmUser | None:
    """Return the CRM user whom this address, in any spelling, means."""
    wanted = _normal(email or "")
    return next((user for user in state.tables.crm_users if _normal(user.email) == wanted), None)


def _changed_by_resync(step: Step, known: rows.CrmUser) -> Iterator[str]:
    """Yield what a re-sync changed besides ``last_sync_at``; it may bring back missing counters."""
    for difference in differences(step.before.tables, step.after.tables):
        is_note = difference.table is rows.CRM_USERS and difference.columns == ("last_sync_at",)
        is_new_dashboard = difference.table is rows.CRM_DASHBOARD_STATS and difference.before is None
        if difference.table.name not in _NOT_DATA and not is_note and not is_new_dashboard:
            yield f"a re-sync of {known.email}: {difference}"


@of_step(12, section="Comparison: Regular Users vs CRM Users")
def payment_is_idempotent(step: Step) -> Iterator[str]:
    """A payment is credited once, however often it is delivered; other content under its reference is refused."""
    payment = step.command
    if not isinstance(payment, RecordPayment):
        return
    known = step.before.tables.payments.find("ref", payment.ref)
    if not known or isinstance(step.outcome, Refused):
        return
    if (known[0].user_id, known[0].amount) != (payment.user_id, payment.amount):
        yield f"payment {payment.ref!r} was accepted again with other content"
    elif isinstance(step.outcome, Paid) and step.outcome.credited and not step.outcome.replayed:
        yield f"payment {payment.ref!r} was credited again"
    for change in _changes(step):
        yield f"payment {payment.ref!r} was delivered again: {change}"


# --- the service ----------------------------------------------------------------------------


@of_step(16, section="Service Role Policies")
def service_passes_policies_not_rules(step: Step) -> Iterator[str]:
    """The service sees all rows and still needs credits and valid references; no one else passes row policies."""
    if step.principal.role is Role.SERVICE:
        yield from _kept_from_service(step)
        yield from _given_to_service(step)
    else:
        yield from _passed_by_user(step)


def _kept_from_service(step: Step) -> Iterator[str]:
    if isinstance(step.outcome, RlsViolation):
        yield f"a row policy refused {type(step.command).__name__} to the service: {step.outcome}"
    elif isinstance(step.command, Select):
        if isinstance(step.outcome, Refused):
            yield f"the service may not read {step.command.table.name}: {step.outcome}"
        else:
            yield from _wrong_rows(step, None)
    elif isinstance(step.command, GetDashboard):
        yield from _wrong_dashboard(step, None)


def _given_to_service(step: Step) -> Iterator[str]:
    for entry in step.entries:
        event = entry.event
        if not isinstance(event, e.RowStored):
            continue
        row, before = event.row, step.before.tables
        if isinstance(event, e.RecordingCreated | e.RegularRecordingCreated):
            profile = before.profiles.get(row.user_id)
            if profile is None or profile.credits_remaining < 1:
                yield f"the service stored recording {row.id} for {row.user_id}, who had no credits"
        for column in event.table.columns:
            target = column.references and step.after.tables.by_name[column.references[0]]
            value = getattr(row, column.name)
            if target and value is not None and value not in target:
                yield f"the service stored {event.table.name} {row.id}: {column.name} {value} is not there"


def _passed_by_user(step: Step) -> Iterator[str]:
    principal = step.principal
    crm_user = step.before.tables.crm_users.one("user_id", principal.user_id)
    for entry in step.entries:
        kind = type(entry.event).__name__
        if entry.account != principal.user_id or principal.role is Role.ANON:
            yield f"{kind} at position {entry.position} is {entry.account}'s affair, and {principal} did it"
        elif crm_user is not None and not crm_user.is_active and not isinstance(entry.event, e.IdempotencyKeyUsed):
            yield f"{kind} at position {entry.position}: {principal} did it, who was deactivated"


def _normal(email: str) -> str:
    """Return what all spellings of one address have in common: letter by letter, each in lower case."""
    return unicodedata.normalize("NFD", "".join(map(str.lower, unicodedata.normalize("NFC", email.strip()))))
