"""Ids have one spelling, addresses one form, and a principal is always somebody definite."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_domain import ANON, SERVICE, Principal, Role, user
from crm_domain.ids import email_fault, known_user_id, normal_email, row_id, uuid_text
from tests.addresses import hostile_addresses

CANONICAL = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"

# --- ids ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        CANONICAL,
        CANONICAL.upper(),
        CANONICAL.replace("-", ""),
        f"{{{CANONICAL}}}",
        f"urn:uuid:{CANONICAL}",
        uuid.UUID(CANONICAL),
    ],
    ids=["canonical", "upper case", "without hyphens", "in braces", "as URN", "uuid.UUID"],
)
def test_every_spelling_of_a_uuid_is_stored_as_one(spelling: str | uuid.UUID) -> None:
    """PostgreSQL takes these spellings for one uuid too."""
    assert uuid_text(spelling, "id") == CANONICAL
    assert row_id(spelling) == CANONICAL
    assert known_user_id(spelling) == CANONICAL
    assert user(spelling).user_id == CANONICAL


@given(st.uuids())
def test_uuids_come_back_as_their_text(value: uuid.UUID) -> None:
    """The canonical text is that of the standard library."""
    assert uuid_text(value, "id") == uuid_text(str(value), "id") == str(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "amy",
        CANONICAL[:-1],
        CANONICAL + "0",
        CANONICAL + "\n",
        " " + CANONICAL[1:].replace("-", ""),
        "+" + CANONICAL[1:].replace("-", ""),
        "0x" + CANONICAL[2:].replace("-", ""),
        "0_1" + CANONICAL[3:].replace("-", ""),
        "\N{ARABIC-INDIC DIGIT ZERO}" * 32,
    ],
    ids=[
        "empty",
        "a name",
        "too short",
        "too long",
        "a line",
        "a space",
        "a sign",
        "a prefix",
        "an underscore",
        "Arabic digits",
    ],
)
def test_other_texts_are_not_uuids(text: str) -> None:
    """What int() would read as a number, but no database as a uuid, is a mistake that names the field."""
    with pytest.raises(ValueError, match=r"^job_request_id: .* is not a UUID$"):
        uuid_text(text, "job_request_id")


@pytest.mark.parametrize("value", [None, 7, 7.0, b"7", ["7"], {"id": 7}], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("convert", [known_user_id, user], ids=["known_user_id", "user"])
def test_other_types_are_not_user_ids(convert: Callable[[object], object], value: object) -> None:
    """A wrong type, hashable or not, is a TypeError that names the field."""
    with pytest.raises(TypeError, match=rf"^user_id: expected a UUID or its text, got {type(value).__name__}$"):
        convert(value)


# --- e-mail addresses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("amy@example.com", "amy@example.com"),
        ("Amy@Example.COM", "amy@example.com"),
        (" \tamy@example.com\r\n", "amy@example.com"),
        ("\u3000amy@example.com\xa0", "amy@example.com"),
        ("STRASSE@example.com", "strasse@example.com"),
        ("STRA\u1e9eE@example.com", "stra\xdfe@example.com"),
        ("zoe\u0308@example.com", "zo\xeb@example.com"),
        ("ZOË@example.com", "zo\xeb@example.com"),
        ("\u039f\u0394\u039f\u03a3@example.com", "\u03bf\u03b4\u03bf\u03c3@example.com"),
        ("\u03b1\u0345\u0301@example.com", "\u1fb4@example.com"),
        ("\u1fbc@example.com", "\u1fb3@example.com"),
        ("\u212aim@\u212a.example", "kim@k.example"),
    ],
)
def test_spellings_of_one_address_are_one_key(spelling: str, key: str) -> None:
    """Trimmed, composed and lower-cased, letter by letter."""
    assert normal_email(spelling) == key
    assert email_fault(key) is None


@pytest.mark.parametrize(
    "texts",
    [
        ("stra\xdfe@x.test", "strasse@x.test"),
        ("\u03bf\u03b4\u03cc\u03c2@x.test", "\u03bf\u03b4\u03cc\u03c3@x.test"),
        ("\u0131@x.test", "i@x.test"),
        ("\u1fb3@x.test", "\u03b1\u03b9@x.test"),
        ("\xe9@x.test", "e@x.test"),
        ("o'brien@x.test", "obrien@x.test"),
        ("amy+crm@x.test", "amy@x.test"),
        ("a.my@x.test", "amy@x.test"),
    ],
    ids=ascii,
)
def test_two_mailboxes_are_two_keys(texts: tuple[str, str]) -> None:
    """Nothing is folded: what a mail server may keep apart is kept apart."""
    one, other = texts
    assert email_fault(normal_email(one)) is email_fault(normal_email(other)) is None
    assert normal_email(one) != normal_email(other)


@given(hostile_addresses())
@example("\u1fb4\u0301@x.test")
@example("I\u0307@x.test")
def test_the_normal_form_is_its_own(text: str) -> None:
    """Whoever asks with the stored key finds the account."""
    assert normal_email(normal_email(text)) == normal_email(text)


@given(hostile_addresses())
@example("\u0345\u0301\u03b1@x.test")
def test_equivalent_spellings_are_one_key(text: str) -> None:
    """Composed or decomposed, an address is the same, or the same as none: both are refused."""
    key = normal_email(text)
    for form in ("NFC", "NFD"):
        again = normal_email(unicodedata.normalize(form, text))
        assert again == key or (email_fault(again) and email_fault(key))


@given(hostile_addresses())
def test_what_is_taken_has_no_second_spelling(text: str) -> None:
    """A key is in lower case, composed, compatible with nothing else, and has one name and one domain."""
    key = normal_email(text)
    if email_fault(key) is None:
        assert "".join(map(str.lower, key)) == key == unicodedata.normalize("NFKC", key)
        name, domain = key.split("@")
        assert domain.isascii()
        assert all((*name.split("."), *domain.split(".")))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a" * 64 + "@" + ".".join(("b" * 63, "c" * 63, "d" * 61)), None),
        ("a" * 65 + "@x.test", "its name is longer than 64 characters"),
        ("a@" + "b" * 64 + ".test", "a part of its domain is longer than 63 characters"),
        ("a@x." + "b" * 64, "a part of its domain is longer than 63 characters"),
        ("a" * 64 + "@" + ".".join(("b" * 63, "c" * 63, "d" * 62)), "it is longer than 254 characters"),
    ],
    ids=["254 in all", "name", "first label", "last label", "255 in all"],
)
def test_lengths_are_those_of_smtp(text: str, fault: str | None) -> None:
    """64 characters of a name, 63 of a label, 254 in all (RFC 5321, RFC 1035)."""
    assert email_fault(text) == fault


_HIDDEN = "it holds a space, or a control, invisible or compatibility character, or one that is not known"
_MORE_THAN_ASCII = "its domain holds more than ASCII letters, digits, hyphens, underscores and dots"
_DOTTED_NAME = "its name begins or ends with a dot, or has two in a row"
_DOTTED_DOMAIN = "its domain begins or ends with a dot, or has two in a row"
_SPECIAL = 'its name holds one of ",:;<>[\\]'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("amy@example.com", None),
        ("a@b", None),
        ("a!#$%&'*+/=?^_`{|}~-z@x_y.de", None),
        ("", "it is empty"),
        ("amy", "it has no name before the @"),
        ("@example.com", "it has no name before the @"),
        ("@", "it has no name before the @"),
        ("amy@", "it has no domain after the @"),
        ("a@b@c", "it has more than one @"),
        ('"a@b"@example.com', "it has more than one @"),
        ('"amy"@example.com', _SPECIAL),
        ("<amy@example.com>", _SPECIAL),
        ("amy<amy@example.com", _SPECIAL),
        ("amy@example.com>", _MORE_THAN_ASCII),
        ("mailto:amy@example.com", _SPECIAL),
        ("amy@example.com?subject=hi", _MORE_THAN_ASCII),
        ("bob,amy@example.com", _SPECIAL),
        ("bob;amy@example.com", _SPECIAL),
        ("amy(at_home)@example.com", None),
        ("a\\my@example.com", _SPECIAL),
        ("amy@[127.0.0.1]", _MORE_THAN_ASCII),
        (".amy@example.com", _DOTTED_NAME),
        ("amy.@example.com", _DOTTED_NAME),
        ("a..my@example.com", _DOTTED_NAME),
        (".@example.com", _DOTTED_NAME),
        ("a@x..com", _DOTTED_DOMAIN),
        ("a@x.com.", _DOTTED_DOMAIN),
        ("a@.com", _DOTTED_DOMAIN),
        ("a@.", _DOTTED_DOMAIN),
        ("amy@b\xfccher.example", _MORE_THAN_ASCII),
        ("amy@x\u3002com", _MORE_THAN_ASCII),
        ("amy smith@example.com", _HIDDEN),
        ("amy\xa0smith@example.com", _HIDDEN),
        ("amy@exam\tple.com", _HIDDEN),
        ("amy\x7f@example.com", _HIDDEN),
        ("amy\u200b@example.com", _HIDDEN),
        ("amy\u202e@example.com", _HIDDEN),
        ("amy\ue000@example.com", _HIDDEN),
        ("amy\ufe0f@example.com", _HIDDEN),
        ("amy\u3164@example.com", _HIDDEN),
        ("amy\u034f@example.com", _HIDDEN),
        ("\uff41my@example.com", _HIDDEN),
        ("\ufb01@example.com", _HIDDEN),
        ("\xaa@example.com", _HIDDEN),
        ("\u201camy\u201d@example.com", _HIDDEN),
        ("\u0130@example.com", _HIDDEN),
        ("I\u0307@example.com", _HIDDEN),
        ("\U0001e030@example.com", _HIDDEN),
        ("\ua7cb@example.com", _HIDDEN),
        ("\u0378@example.com", _HIDDEN),
        ("\ud800@example.com", _HIDDEN),
        ("a\u037eb@example.com", _SPECIAL),
    ],
    ids=ascii,
)
def test_what_keeps_a_text_from_being_an_address(text: str, fault: str | None) -> None:
    """A name, an @ and an ASCII domain are needed, and nothing that would give one mailbox a second spelling."""
    assert email_fault(normal_email(text)) == fault


# --- principals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "user_id"),
    [(Role.USER, None), (Role.SERVICE, CANONICAL), (Role.ANON, CANONICAL)],
    ids=["a user who is nobody", "a service who is somebody", "anon who is somebody"],
)
def test_users_have_an_id_and_nobody_else(role: Role, user_id: str | None) -> None:
    """A principal that is half one role and half another cannot be made."""
    with pytest.raises(ValueError, match=r"^user_id: "):
        Principal(role, user_id)


def test_a_principal_has_a_role_and_a_canonical_id() -> None:
    """Two spellings of an id are one principal; anything but a role is a mistake that names the field."""
    assert Principal(Role.USER, CANONICAL.upper()) == user(CANONICAL)
    with pytest.raises(TypeError, match="role"):
        Principal("service")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^user_id: "):
        Principal(Role.USER, "amy")


def test_only_the_service_is_the_service() -> None:
    """It is what row policies and constraints tell apart."""
    assert [p.is_service for p in (SERVICE, ANON, user(CANONICAL))] == [True, False, False]


def test_principals_print_as_who_they_are() -> None:
    """A user as their id, the others as their role: no two principals print the same."""
    assert [str(p) for p in (SERVICE, ANON, user(CANONICAL))] == ["service", "anon", CANONICAL]
    assert not re.fullmatch(r"[0-9a-f-]{36}", str(SERVICE))
