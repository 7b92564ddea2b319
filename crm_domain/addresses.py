"""Which account does an address mean? Its key: the normal form, or what an older file stored.

See the safeguard ``one_email``.
"""

from __future__ import annotations

from typing import overload

from .decision import View, refuse_faults
from .errors import InvalidEmail, NotNullViolation
from .ids import SERVICE, Email, Principal, email_fault, normal_email
from .isolation import owns
from .rows import CRM_USERS
from .wording import quoted


def address(view: View, given: str | None) -> Email:
    """Return the key for an address that is about to be stored, or that an account has.

    Raises:
        NotNullViolation: It is missing.
        InvalidEmail: Under ``one_email``, it cannot be an address.
        CheckViolation: No database stores such a text.
    """
    if given is None:
        raise NotNullViolation(
            "An e-mail address is needed: it is the key of the account.",
            table=CRM_USERS.name,
            column="email",
            section=CRM_USERS.section,
        )
    refuse_faults(CRM_USERS.column("email").faults(given), CRM_USERS, view.rules)
    key = known_address(view, SERVICE, given)
    fault = email_fault(key) if view.rules.one_email else None
    if fault is not None and key not in view.tables.crm_users:
        raise InvalidEmail(
            f"{quoted(given)} is not an e-mail address: {fault}.",
            table=CRM_USERS.name,
            column="email",
            safeguard="one_email",
            section=CRM_USERS.section,
        )
    return key


@overload
def known_address(view: View, principal: Principal, given: str) -> Email: ...


@overload
def known_address(view: View, principal: Principal, given: str | None) -> Email | None: ...


def known_address(view: View, principal: Principal, given: str | None) -> Email | None:
    """Return the key that an address means for *principal*, without judging it.

    Under ``one_email`` that is its normal form, unless an account that *principal* may see has this
    very text as its key: keys stay as they were stored, no matter what the normal form was then.

    Raises:
        TypeError: It is not text.
    """
    if not isinstance(given, str | None):
        raise TypeError(f"email: expected str or None, got {type(given).__name__}")
    given = None if given is None else str.__str__(given)
    if given is None or not view.rules.one_email:
        return None if given is None else Email(given)
    key = Email(normal_email(given))
    if key != given:
        account = view.tables.crm_users.get(given)
        if account is not None and owns(principal, account.user_id):
            return account.email
    return key
