"""What does a decision look at, and how does it refuse?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, overload

from attrs import frozen

from .errors import InvalidEmail, NotNullViolation
from .ids import SERVICE, Email, Principal, email_fault, normal_email
from .isolation import owns
from .ports import IdSource, Tables
from .rows import CRM_USERS
from .rules import Rules
from .schema import Fault, Table
from .wording import quoted


@frozen
class View:
    """What a decision may look at. It changes nothing.

    Attributes:
        tables: The state.
        rules: The rules in force.
        new_id: Makes an id where the caller chose none.
        credit_checked: Whether the balance was looked at before and is not to be again. Only
            without ``atomic_consume``, where check and consume are two steps.
    """

    tables: Tables
    rules: Rules
    new_id: IdSource
    credit_checked: bool = False


def refuse_faults(faults: Iterable[Fault], table: Table[Any], rules: Rules) -> None:
    """Refuse values that their columns do not take: missing ones first, then bad ones.

    Raises:
        NotNullViolation, CheckViolation: The first fault that counts under *rules*.
    """
    counting = [f for f in faults if f.safeguard is None or getattr(rules, f.safeguard)]
    if counting:
        raise min(counting, key=_precedence).refusal(table)


def _precedence(fault: Fault) -> int:
    return fault.kind.precedence


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
    very text as its key: keys stay as they were stored, whatever the normal form was then.

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
