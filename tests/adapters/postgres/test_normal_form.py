"""The database brings addresses to the model's normal form, character for character, and judges them alike."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_domain import HARDENED
from crm_domain.ids import EMAIL_LENGTH_MAX, email_fault, normal_email
from crm_domain.testing import texts

from .asking import SERVICE, Database, user_id


@pytest.fixture(scope="module")
def database(make_database: Any) -> Iterator[Database]:
    opened = Database(make_database(HARDENED))
    yield opened
    opened.close()


def characters() -> list[str]:
    """Return every character that has another normal form, and some of those that have none."""
    every = (chr(n) for n in range(1, sys.maxunicode + 1))
    stored = [c for c in every if unicodedata.category(c) not in {"Cs", "Cn"}]
    changed = [c for c in stored if normal_email(f"a{c}b") != f"a{c}b"]
    return changed + sorted(set(stored) - set(changed))[::200]


def test_every_character_has_the_same_normal_form(database: Database) -> None:
    """Alone, and between letters, where it is not trimmed."""
    asked = [text for c in characters() for text in (c, f"a{c}b")]
    told = database.sql(
        "select a, crm_normal_email(a) from unnest(%s::text[]) with ordinality as asked (a, n) order by n", asked
    )
    assert [(a, n) for a, n in told if n != normal_email(a)] == []
    assert len(told) == len(asked) > 5_000


@given(texts() | st.text("aA \u00a0\u0130\u0131\u00df\u03a3\u03c2e\u0301\u0345\u0323\ufb03", max_size=8))
def test_every_text_has_the_same_normal_form(database: Database, text: str) -> None:
    """Spellings that are equivalent are one, as Python has it."""
    assert database.one("select crm_normal_email(%s)", text) == normal_email(text)


@pytest.mark.parametrize(
    "text",
    [
        *("amy@x.test", "", "no-at", "@x.test", "amy@", "a my@x.test", "a\tmy@x.test", "a@b@c", "@@", "a@@", "\n@x"),
        *("a\u00a0b@x", "a\u200bb@x", "a\x7fb@x", "a\U000f0000b@x", "\u00e4@\u00fc", "a" * EMAIL_LENGTH_MAX + "@x"),
        "a" * (EMAIL_LENGTH_MAX - 2) + "@x",
    ],
)
def test_addresses_are_judged_alike(database: Database, text: str) -> None:
    """What cannot be an address is refused as such, and what can is taken."""
    fault = database.one("select crm_email_fault(%s)", normal_email(text))
    assert (fault is None) == (email_fault(normal_email(text)) is None)
    if fault is not None:
        refused = database.refused(SERVICE, "select register_user(p_email => %s)", text)
        assert (refused.sqlstate, refused.diag.constraint_name) == ("PT422", "one_email")


def test_one_address_is_one_account(database: Database) -> None:
    """However it is written, and in whatever order people come."""
    sync = "select sync_crm_user(p_email => %s, p_user_id => %s)::text"
    first = database.ask(SERVICE, sync, " Stra\u00dfe@X.test ", user_id("first"))
    assert database.ask(SERVICE, sync, "STRASSE@x.TEST", user_id("second")) == first == [(user_id("first"),)]
    assert database.ask("first", "select email, credits_remaining from digital_resume_by_crm") == [
        ("strasse@x.test", 4)
    ]
    assert database.ask("first", "select total_views from get_crm_dashboard_data('STRA\u1e9eE@x.test')") == [(0,)]


def test_main_table_takes_no_other_form(database: Database) -> None:
    """Whoever writes it: a row is stored under the normal form, and never under another."""
    database.sql("insert into auth.users (id, email) values (%s, 'dan@x.test')", user_id("dan"))
    database.sql("insert into profiles (user_id) values (%s)", user_id("dan"))
    text = "insert into digital_resume_by_crm (email, user_id, credits_remaining) values ('DAN@x.test', %s, 0)"
    database.ask(SERVICE, text, user_id("dan"))
    assert database.one("select email from digital_resume_by_crm where user_id = %s", user_id("dan")) == "dan@x.test"
    database.sql("alter table digital_resume_by_crm disable trigger crm_z_fixed")
    refused = database.refused(
        SERVICE, "update digital_resume_by_crm set email = 'Dan@x.test' where email = 'dan@x.test'"
    )
    assert refused.diag.constraint_name == "digital_resume_by_crm_email_check"
