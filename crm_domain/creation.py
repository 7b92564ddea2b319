"""May this job request, recording or resume be stored?

See "Data Insertion Flow", "Recording Creation Flow".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from . import commands as c
from . import events as e
from . import rows
from .addresses import known_address
from .answers import Stored
from .credits import consumed, refuse_without_credits
from .decision import View, refuse_faults
from .errors import ForeignKeyViolation, UniqueViolation
from .ids import Email, Principal, UserId
from .isolation import refuse_foreign_row, refuse_population, refuse_role, refuse_writer
from .ports import Tables
from .rows import CrmUser
from .rules import Rules
from .schema import DEFAULT, Atom, Fault, Table, Values


@frozen
class _Kind:
    """What a decision has to know of a kind of row.

    Attributes:
        table: Where it is stored.
        event: The event that stores it.
        of_crm: Whether it belongs to CRM users, and so has an e-mail address.
        is_recording: Whether it costs a credit.
        is_resume: Whether it may be the primary one.
    """

    table: Table[Any]
    event: Callable[[Values], e.Event]
    of_crm: bool
    is_recording: bool = False
    is_resume: bool = False


_KINDS: Final[dict[type[Any], _Kind]] = {
    c.CreateJobRequest: _Kind(rows.CRM_JOB_REQUESTS, e.JobRequestCreated, of_crm=True),
    c.CreateRecording: _Kind(rows.CRM_RECORDINGS, e.RecordingCreated, of_crm=True, is_recording=True),
    c.UploadResume: _Kind(rows.CRM_RESUMES, e.ResumeUploaded, of_crm=True, is_resume=True),
    c.CreateRegularJobRequest: _Kind(rows.JOB_REQUESTS, e.RegularJobRequestCreated, of_crm=False),
    c.CreateRegularRecording: _Kind(rows.RECORDINGS, e.RegularRecordingCreated, of_crm=False, is_recording=True),
    c.UploadRegularResume: _Kind(rows.RESUMES, e.RegularResumeUploaded, of_crm=False, is_resume=True),
}
RECORDINGS: Final = frozenset(kind.table.name for kind in _KINDS.values() if kind.is_recording)
"""The tables whose rows cost a credit."""

_FOREIGN_KEYS: Final = "Issue: Foreign key constraint violation"


def decide_creation(view: View, principal: Principal, command: c.Creation, at: datetime) -> Stored:
    """Decide whether a row may be stored, and what a recording takes to pay for it.

    Raises (in order of precedence):
        PermissionDenied: No one has signed in.
        RlsViolation: The row would be another's; the user was deactivated, or is of the other population.
        NotNullViolation: A column that must have a value has none.
        CheckViolation: A value is outside of what its column takes.
        UniqueViolation: The id is taken, or there is a primary resume already.
        ForeignKeyViolation: Address and user are not one account, or the job request is not theirs.
        InsufficientCredits: A recording, and the balance is 0 credits.
    """
    kind = _KINDS[type(command)]
    tables, rules, table = view.tables, view.rules, kind.table
    user_id: UserId | None = principal.user_id if command.user_id is DEFAULT else command.user_id  # type: ignore[assignment]
    account = tables.crm_users.one("user_id", user_id)
    email = _owner_email(view, principal, command, account) if kind.of_crm else None

    if not principal.is_service:
        refuse_role(principal, "INSERT", table, rules)
        refuse_foreign_row(principal, user_id, table)
        refuse_writer(principal, account, table, rules)
    if command.faults or user_id is None or (kind.of_crm and email is None):
        refuse_faults((*command.faults, *_missing_owner(table, user_id, email)), table, rules)
    if not kind.of_crm:
        refuse_population(account, table, rules)
    row_id: Any = view.new_id() if command.id is DEFAULT else command.id
    stored = tables.by_name[table.name]
    if row_id in stored:
        raise _duplicate(table)
    if kind.is_resume and command.is_primary and rules.one_primary and stored.one("primary", user_id) is not None:  # type: ignore[union-attr]
        raise second_primary(table)
    if account is None or account.email != email:
        _refuse_owner(view, table, email, user_id)
    if kind.is_recording:
        refuse_foreign_job(view, table, command.job_request_id, user_id)  # type: ignore[union-attr, arg-type]
        if not view.credit_checked:
            refuse_without_credits(tables, user_id, table.name)

    created_at: Any = at if command.created_at is DEFAULT else command.created_at
    updated_at: Any = at if command.updated_at is DEFAULT else command.updated_at
    owner = (email, user_id) if kind.of_crm else (user_id,)
    values = (row_id, *owner, *command.columns, created_at, updated_at)
    if kind.is_recording:
        paid = consumed(tables, table, values, user_id, command.status, at)  # type: ignore[union-attr]
        return Stored((kind.event(values), paid), row_id)
    return Stored((kind.event(values),), row_id)


def _owner_email(view: View, principal: Principal, command: c.Creation, account: CrmUser | None) -> Email | None:
    given = command.email  # type: ignore[union-attr]
    if given is DEFAULT:
        return None if account is None else account.email
    if account is not None and given == account.email:
        return account.email
    return known_address(view, principal, given)


def _missing_owner(table: Table[Any], user_id: UserId | None, email: Email | None) -> Iterator[Fault]:
    if user_id is None:
        yield from table.column("user_id").faults(None)
    if email is None and "email" in table.by_name:
        yield from table.column("email").faults(None)


def _duplicate(table: Table[Any]) -> UniqueViolation:
    return UniqueViolation(
        f"{table.name} has a row with this id already: choose another, or leave it out to have one made.",
        table=table.name,
        column="id",
        section=table.section,
    )


def second_primary(table: Table[Any]) -> UniqueViolation:
    """Return the refusal of a second primary resume."""
    return UniqueViolation(
        "There is a primary resume already: make that one ordinary first (is_primary = false).",
        table=table.name,
        column="is_primary",
        safeguard="one_primary",
        section="4. crm_resumes (CRM User Resumes)",
    )


def _refuse_owner(view: View, table: Table[Any], email: Email | None, user_id: UserId | None) -> None:
    """Refuse an owner who is not one account; unknown and foreign addresses look the same."""
    owner = None if email is None else view.tables.crm_users.get(email)
    spoofed = view.rules.owner_pair and email is not None and user_id is not None
    if (email is not None and owner is None) or spoofed:
        raise unknown_address(table, view.rules)
    if user_id is not None and user_id not in view.tables.auth_users:
        raise unknown_user(table)


def unknown_address(table: Table[Any], rules: Rules) -> ForeignKeyViolation:
    """Return the refusal of an address that is not the owner's, the same whether it exists or not."""
    return ForeignKeyViolation(
        "No CRM user has this user_id and this email in digital_resume_by_CRM: "
        "ensure the user exists there before inserting into other CRM tables.",
        table=table.name,
        column="email",
        safeguard="owner_pair" if rules.owner_pair else None,
        section=_FOREIGN_KEYS,
    )


def unknown_user(table: Table[Any]) -> ForeignKeyViolation:
    """Return the refusal of a user who is not in ``auth.users``."""
    return ForeignKeyViolation(
        "No such user in auth.users: register them first.",
        table=table.name,
        column="user_id",
        section=_FOREIGN_KEYS,
    )


def refuse_foreign_job(view: View, table: Table[Any], job_request_id: Atom, user_id: UserId | None) -> None:
    """Refuse a reference to a job request that is not there, or not the recording's owner's.

    Raises:
        ForeignKeyViolation: It is not; both look the same.
    """
    if job_request_id is None:
        return
    job = _jobs(view.tables, table).get(job_request_id)
    own_only = view.rules.same_owner_reference
    if job is None or (own_only and job.user_id != user_id):
        raise ForeignKeyViolation(
            "No such job request of this user: create it first, or leave job_request_id out.",
            table=table.name,
            column="job_request_id",
            safeguard="same_owner_reference" if own_only else None,
            section=table.section,
        )


def _jobs(tables: Tables, table: Table[Any]) -> Any:
    return tables.crm_job_requests if table is rows.CRM_RECORDINGS else tables.job_requests
