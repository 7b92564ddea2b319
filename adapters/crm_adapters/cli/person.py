"""Whose address is this?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from crm_domain import SERVICE, Crm, FindAddress
from crm_domain.addresses import known_address
from crm_domain.decision import View
from crm_domain.ids import EMAIL_LENGTH_MAX, normal_email
from crm_domain.rows import AUTH_USERS, AuthUser

from .printing import shown

_SIGNS: Final = "abcdefghijklmnopqrstuvwxyz0123456789.-_+@"
_NEAR_MAX: Final = 3


class NotFound(click.ClickException):
    """What a command asks for is not in the file."""

    exit_code = 2


def person_of(crm: Crm, email: str) -> AuthUser:
    """Return the person with this address, in whichever spelling the rules take for the same.

    Raises:
        NotFound: There is no one; the message names those whose address is one slip away.
    """
    for person in crm.as_service().select(AUTH_USERS, {"email": crm.as_service().answer(FindAddress(email=email))}):
        return person
    near = crm.read(_near, email)
    hint = f"; near it: {', '.join(map(shown, near))}" if near else ""
    raise NotFound(f"There is nobody with the address {shown(email)}{hint}.")


def _near(view: View, email: str) -> list[str]:
    """Return known addresses that are one slip away, found by their keys, however many there are."""
    address = known_address(view, SERVICE, email)
    if len(address) > EMAIL_LENGTH_MAX:
        return []
    near: list[str] = []
    for slip in dict.fromkeys(_slips(address)):
        if len(near) < _NEAR_MAX and view.tables.auth_users.one("email", slip) is not None:
            near.append(slip)
    return near


def _slips(address: str) -> Iterator[str]:
    """Yield what becomes of an address by one slip: a sign left out, swapped with the next, taken for another, added."""
    yield normal_email(address)
    for n in range(len(address) + 1):
        head, tail = address[:n], address[n:]
        yield head + tail[1:]
        yield head + tail[1:2] + tail[:1] + tail[2:]
        for sign in _SIGNS:
            yield head + sign + tail[1:]
            yield head + sign + tail
