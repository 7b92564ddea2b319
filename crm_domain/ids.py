"""Who is who: user and row ids, e-mail addresses, roles and principals.

Ids are UUIDs kept as their canonical text (36 characters, lower case), so that they
compare, sort and travel as they do in a database, in JSON and in a command log.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from enum import Enum
from functools import lru_cache
from typing import Final, NewType

from attrs import converters, field, frozen, validators

from .characters import is_known
from .wording import quoted

UserId = NewType("UserId", str)
"""The id of a person: ``auth.users.id``, canonical UUID text."""

RowId = NewType("RowId", str)
"""The id of a stored row, canonical UUID text."""

Email = NewType("Email", str)
"""An e-mail address as it is stored. Under ``one_email`` that is its normal form."""

EMAIL_LENGTH_MAX: Final = 254
"""The longest address that SMTP can carry (RFC 5321), in characters of its normal form."""

EMAIL_NAME_LENGTH_MAX: Final = 64
"""The longest name before the @ (RFC 5321)."""

EMAIL_LABEL_LENGTH_MAX: Final = 63
"""The longest part of a domain between dots (RFC 1035)."""

EMAIL_SPECIALS: Final = '",:;<>[\\]'
"""What no unquoted name holds (RFC 5322): marks of quotes, lists, and of what stands around an address."""

_SPECIALS: Final = frozenset(EMAIL_SPECIALS)

_is_domain_text = re.compile(r"[A-Za-z0-9_.-]+").fullmatch

is_canonical_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
"""Match the one spelling in which ids are stored."""

_may_spell_uuid = re.compile(r"(?:urn:uuid:)?[0-9A-Fa-f{}-]+").fullmatch
# uuid.UUID reads its digits with int(), which would also take spaces, underscores, "0x" and other scripts' digits.


def uuid_text(value: object, field_name: str) -> str:
    """Return *value*, a UUID or its text in any spelling, as canonical UUID text.

    Raises:
        TypeError: *value* is neither text nor ``uuid.UUID``.
        ValueError: *value* is text, but not of a UUID.
    """
    if isinstance(value, uuid.UUID):
        text = uuid.UUID.__str__(value)
    elif isinstance(value, str):
        text = str.__str__(value)  # a subclass may compare and print as it likes
    else:
        raise TypeError(f"{field_name}: expected a UUID or its text, got {type(value).__name__}")
    if is_canonical_uuid(text):
        return text
    try:
        if _may_spell_uuid(text):
            return str(uuid.UUID(text))
    except ValueError:
        pass
    raise ValueError(f"{field_name}: {quoted(text)} is not a UUID")


_cached_uuid_text = lru_cache(maxsize=65_536)(uuid_text)
_CACHED: Final = frozenset({str, uuid.UUID})
# A subclass may be equal to an id that it is not, and something else may not even be hashable.


def known_user_id(value: str | uuid.UUID, field_name: str = "user_id") -> UserId:
    """Return *value* as a `UserId`; cached, because the same people come again and again.

    Raises:
        TypeError, ValueError: As `uuid_text`.
    """
    if type(value) in _CACHED:
        return UserId(_cached_uuid_text(value, field_name))
    return UserId(uuid_text(value, field_name))


def row_id(value: str | uuid.UUID, field_name: str = "id") -> RowId:
    """Return *value* as a `RowId`.

    Raises:
        TypeError, ValueError: As `uuid_text`.
    """
    return RowId(uuid_text(value, field_name))


def normal_email(text: str) -> str:
    """Return the one form of an address that is a key: trimmed, composed, and in lower case.

    Every character is lower-cased by itself and none is folded: ``ß`` and ``ss`` are two mailboxes.
    A text that holds what no address does is only trimmed; `email_fault` then says what that is.
    """
    text = text.strip()
    if text.isascii():
        return text.lower()
    if not all(map(is_known, text)):  # what a later Unicode does with it must not make it somebody's key
        return text
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", "".join(map(_lower, composed)))


def _lower(character: str) -> str:
    """Return the lower case of one character; where that is several, it stays as it is, and is refused."""
    lower = character.lower()
    return lower if len(lower) == 1 else character


def email_fault(text: str) -> str | None:
    """Say what keeps *text*, in normal form, from being an address; None if it is one."""
    name, at, domain = text.rpartition("@")
    if not text:
        return "it is empty"
    if len(text) > EMAIL_LENGTH_MAX:
        return f"it is longer than {EMAIL_LENGTH_MAX} characters"
    if not all(map(is_known, text)):
        return "it holds a space, or a control, invisible or compatibility character, or one that is not known"
    if not at or not name:
        return "it has no name before the @"
    if not domain:
        return "it has no domain after the @"
    return _name_fault(name) or _domain_fault(domain)


def _name_fault(name: str) -> str | None:
    if "@" in name:
        return "it has more than one @"
    if len(name) > EMAIL_NAME_LENGTH_MAX:
        return f"its name is longer than {EMAIL_NAME_LENGTH_MAX} characters"
    if not _SPECIALS.isdisjoint(name):
        return f"its name holds one of {EMAIL_SPECIALS}"
    if "" in name.split("."):
        return "its name begins or ends with a dot, or has two in a row"
    return None


def _domain_fault(domain: str) -> str | None:
    if not _is_domain_text(domain):
        return "its domain holds more than ASCII letters, digits, hyphens, underscores and dots"
    labels = domain.split(".")
    if "" in labels:
        return "its domain begins or ends with a dot, or has two in a row"
    if max(map(len, labels)) > EMAIL_LABEL_LENGTH_MAX:
        return f"a part of its domain is longer than {EMAIL_LABEL_LENGTH_MAX} characters"
    return None


class Role(Enum):
    """The roles that the document's policies know (Row Level Security)."""

    USER = "user"
    SERVICE = "service"
    ANON = "anon"


@frozen
class Principal:
    """On whose behalf a command is executed.

    Attributes:
        role: What the row policies go by.
        user_id: The person's id for `Role.USER`, None for the other roles.
        is_service: Whether the role is the service's, which passes row policies.
        is_user: Whether it is a person who has signed in.
    """

    role: Role = field(validator=validators.instance_of(Role))
    user_id: UserId | None = field(default=None, converter=converters.optional(known_user_id))
    is_service: bool = field(init=False, eq=False, repr=False)
    is_user: bool = field(init=False, eq=False, repr=False)

    @is_service.default
    def _is_service(self) -> bool:
        return self.role is Role.SERVICE

    @is_user.default
    def _is_user(self) -> bool:
        return self.role is Role.USER

    def __attrs_post_init__(self) -> None:
        if (self.role is Role.USER) != (self.user_id is not None):
            raise ValueError("user_id: a principal of role 'user' has one, the other roles have none")

    def __str__(self) -> str:
        return self.user_id or self.role.value


def user(user_id: str | uuid.UUID) -> Principal:
    """Return the principal for the person with this id.

    Raises:
        TypeError, ValueError: *user_id* is not a UUID.
    """
    return Principal(Role.USER, known_user_id(user_id))


SERVICE: Final = Principal(Role.SERVICE)
"""The service role: it passes row policies, not rules."""

ANON: Final = Principal(Role.ANON)
"""No one in particular: may do nothing and read nothing."""
