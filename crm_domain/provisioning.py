"""How does a person become a user?

See "CRM User Creation Flow".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from .addresses import address
from .answers import Provisioned
from .commands import RegisterUser, SyncCrmUser
from .credits import adjusted, balance_of, granted, had_initial_grant
from .decision import View, refuse_faults
from .errors import NotNullViolation, UniqueViolation
from .events import CrmUserCreated, CrmUserSynced, DashboardCreated, Event, ProfileCreated, UserRegistered
from .ids import Email, Principal, UserId
from .isolation import refuse_foreign_row, refuse_operation
from .rows import AUTH_USERS, CRM_USERS
from .schema import DEFAULT, Default

_SECTION = "CRM User Creation Flow"


def decide_registration(view: View, principal: Principal, command: RegisterUser, at: datetime) -> Provisioned:
    """Decide whether a regular user may be registered: a person, and a profile with 0 credits.

    Raises (in order of precedence):
        PermissionDenied: The principal is not the service role.
        NotNullViolation: There is no address, or an id that is NULL.
        CheckViolation, InvalidEmail: The address cannot be one.
        UniqueViolation: The id or the address is taken.
    """
    refuse_operation(principal, "register users")
    user_id = _chosen_id(view, command.user_id)
    email = address(view, command.email)
    if view.tables.auth_users.one("email", email) is not None:
        raise UniqueViolation(
            f"{email} is registered already.", table=AUTH_USERS.name, column="email", section=_SECTION
        )
    _refuse_taken_id(view, user_id)
    events: list[Event] = [*_person(view, user_id, email, at)]
    if free := view.rules.credit_policy.regular_initial_credits:
        # Not an initial grant: that is a CRM user's, who may have been a regular one.
        events.append(granted(view.tables, user_id, source="adjustment", credits=free, at=at))
    return Provisioned(tuple(events), user_id=user_id)


def decide_sync(view: View, principal: Principal, command: SyncCrmUser, at: datetime) -> Provisioned:
    """Decide whether a CRM user may be created, or seen again: the six steps, each done once.

    Raises (in order of precedence):
        PermissionDenied: The principal is not the service role (``tracking_read_only``).
        RlsViolation: Without that safeguard, the row would be another's.
        NotNullViolation: There is no address, or an id that is NULL.
        CheckViolation, InvalidEmail: The address or the payment details cannot be stored.
        UniqueViolation: The address is new, but the id belongs to another one.
    """
    tables, rules = view.tables, view.rules
    if not principal.is_user:
        refuse_operation(principal, "provision CRM users")
    elif rules.tracking_read_only:
        refuse_operation(principal, "provision CRM users", safeguard="tracking_read_only")
    given = principal.user_id or command.user_id if command.user_id is DEFAULT else command.user_id
    if given is not DEFAULT:
        refuse_foreign_row(principal, given, CRM_USERS)
    wanted = _chosen_id(view, given)
    email = address(view, command.email)
    person = tables.auth_users.one("email", email)
    if person is not None:
        refuse_foreign_row(principal, person.id, CRM_USERS)
    details = command.payment_details_atom
    refuse_faults(CRM_USERS.column("payment_details").faults(details), CRM_USERS, rules)
    if person is None:
        _refuse_taken_id(view, wanted)
    user_id = wanted if person is None else person.id

    events: list[Event] = [*_person(view, user_id, email, at)]
    crm_user = tables.crm_users.get(email)
    balance = balance_of(tables, user_id)
    if not rules.grant_once and crm_user is not None:
        events += adjusted(
            tables, user_id, to=rules.credit_policy.initial_credits, source="initial", at=at, email=email
        )
    elif not (rules.grant_once and had_initial_grant(tables, user_id, email)):
        free = rules.credit_policy.initial_credits
        events.append(granted(tables, user_id, source="initial", credits=free, at=at, email=email))
        balance += free
    if crm_user is None:
        events.append(
            CrmUserCreated.of(
                email=email,
                user_id=user_id,
                credits_remaining=balance,
                payment_details=details,
                user_created_at=at,
                last_sync_at=at,
            )
        )
    else:
        events.append(CrmUserSynced(user_id, email))
    if tables.crm_dashboard_stats.one("email", email) is None:
        events.append(DashboardCreated.of(id=view.new_id(), email=email, user_id=user_id, created_at=at, updated_at=at))
    return Provisioned(tuple(events), user_id=user_id)


def _person(view: View, user_id: UserId, email: Email, at: datetime) -> Iterator[Event]:
    """Yield what is missing of steps 2 and 3: the person and the profile."""
    if user_id not in view.tables.auth_users:
        yield UserRegistered.of(id=user_id, email=email, created_at=at)
    if user_id not in view.tables.profiles:
        yield ProfileCreated.of(user_id=user_id, created_at=at, updated_at=at)


def _chosen_id(view: View, given: UserId | None | Default) -> UserId:
    if given is None:
        raise NotNullViolation(
            "user_id is NULL: leave it out to have one made.",
            table=AUTH_USERS.name,
            column="id",
            section=_SECTION,
        )
    return UserId(view.new_id()) if given is DEFAULT else given


def _refuse_taken_id(view: View, user_id: UserId) -> None:
    if user_id in view.tables.auth_users:
        raise UniqueViolation(
            f"{user_id} is registered with another address, and an e-mail change is not offered: "
            "sync the address that is known, or choose another id.",
            table=AUTH_USERS.name,
            column="id",
            section=_SECTION,
        )
