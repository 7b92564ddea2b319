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
from crm_domain.ids import EMAIL_LENGTH_MAX, email_fault, known_user_id, normal_email, row_id, uuid_text

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
        ("straße@example.com", "strasse@example.com"),
        ("zoe\u0308@example.com", "zo\xeb@example.com"),
        ("ZOË@example.com", "zo\xeb@example.com"),
        ("\u03b1\u0345\u0301@example.com", "\u03ac\u03b9@example.com"),
        ("\u1fb4@example.com", "\u03ac\u03b9@example.com"),
    ],
)
def test_spellings_of_one_address_are_one_key(spelling: str, key: str) -> None:
    """Trimmed, case-folded, and the same for what Unicode calls equivalent."""
    assert normal_email(spelling) == key


@given(st.text())
@example("\u1fb4\u0301")
def test_the_normal_form_is_its_own(text: str) -> None:
    """Whoever asks with the stored key finds the account."""
    assert normal_email(normal_email(text)) == normal_email(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_equivalent_spellings_are_one_key(text: str) -> None:
    """Composed or decomposed, an address is the same; so it is in capital letters that fold back."""
    assert normal_email(unicodedata.normalize("NFD", text)) == normal_email(text)
    assert normal_email(unicodedata.normalize("NFC", text)) == normal_email(text)
    assert normal_email(text.casefold()) == normal_email(text)


def test_254_characters_are_an_address_and_255_are_not() -> None:
    """RFC 5321 leaves no room for a longer one."""
    longest = "a" * (EMAIL_LENGTH_MAX - len("@x.de")) + "@x.de"
    assert len(longest) == 254
    assert email_fault(longest) is None
    assert email_fault("a" + longest) == "it has 255 characters, the most is 254"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("amy@example.com", None),
        ("a@b", None),
        ('"a@b"@example.com', None),
        ("", "it is empty"),
        ("amy", "it has no name before the @"),
        ("@example.com", "it has no name before the @"),
        ("@", "it has no name before the @"),
        ("amy@", "it has no domain after the @"),
        ("amy smith@example.com", "it holds a space or a control character"),
        ("amy\xa0smith@example.com", "it holds a space or a control character"),
        ("amy@exam\tple.com", "it holds a space or a control character"),
        ("amy\x7f@example.com", "it holds a space or a control character"),
        ("amy\u200b@example.com", "it holds a space or a control character"),
        ("amy\u202e@example.com", "it holds a space or a control character"),
        ("amy\ue000@example.com", "it holds a space or a control character"),
    ],
)
def test_what_keeps_a_text_from_being_an_address(text: str, fault: str | None) -> None:
    """A name, an @ and a domain are needed, and nothing that cannot be seen."""
    assert email_fault(text) == fault


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
