"""The database brings addresses to the model's normal form, character for character, and judges them alike."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given

from crm_adapters.postgres.migrations import migrations
from crm_domain import HARDENED
from crm_domain.characters import EDGES, is_known
from crm_domain.ids import email_fault, normal_email
from crm_domain.testing import texts
from tests.addresses import hostile_addresses

from .asking import SERVICE, Database, user_id


@pytest.fixture(scope="module")
def database(make_database: Any) -> Iterator[Database]:
    opened = Database(make_database(HARDENED))
    yield opened
    opened.close()


def characters() -> list[str]:
    """Return every character that has another normal form or is refused in one, and some of all others."""
    every = [chr(n) for n in range(1, sys.maxunicode + 1) if not 0xD800 <= n < 0xE000]
    told = [c for c in every if normal_email(f"a{c}b") != f"a{c}b" or (is_known(c) and email_fault(f"a{c}b@x"))]
    edges = [chr(n + shift) for n in EDGES for shift in (-1, 0) if not 0xD800 <= n + shift < 0xE000]
    return sorted({*told, *edges, *every[::500]})


def test_every_character_is_judged_and_written_alike(database: Database) -> None:
    """Alone, and between letters, where it is not trimmed."""
    asked = [text for c in characters() for text in (c, f"a{c}b", f"a{c}b@x.test")]
    told = database.sql(
        "select a, crm_internal.crm_normal_email(a), crm_internal.crm_email_fault(crm_internal.crm_normal_email(a)) from unnest(%s::text[]) as asked (a)",
        asked,
    )
    assert [row for row in told if row[1:] != (normal_email(row[0]), email_fault(normal_email(row[0])))] == []
    assert len(told) == len(asked) > 10_000


@given(hostile_addresses() | texts())
@example("a@x..com")
@example("I\u0307@x.test")
@example("a\u037eb@x.test")
@example("\ua7cb@x.test")
@example("a@x\n.test")
@example("a" * 65 + "@x.test")
@example("a@" + "b" * 64)
@example("a" * 64 + "@" + "b." * 95)
@example("@@")
@example("a@@")
@example(".@x")
@example(" ")
def test_every_text_is_judged_and_written_alike(database: Database, text: str) -> None:
    """Its normal form is the same, and what keeps it from being an address, to the word."""
    key = database.one("select crm_internal.crm_normal_email(%s)", text)
    assert key == normal_email(text)
    assert database.one("select crm_internal.crm_email_fault(%s)", key) == email_fault(key)


@pytest.mark.parametrize("text", ["no-at", "a@x..com", "<amy@x.test>", "\u0130@x.test", "a@\xfc", ".a@x"], ids=ascii)
def test_what_is_no_address_is_refused(database: Database, text: str) -> None:
    """As such, by the service's operations."""
    for operation in ("register_user", "sync_crm_user"):
        refused = database.refused(SERVICE, f"select {operation}(p_email => %s)", text)
        assert (refused.sqlstate, refused.diag.constraint_name) == ("PT422", "one_email")


def test_one_address_is_one_account(database: Database) -> None:
    """However it is written, and in whatever order people come; and two mailboxes are two."""
    sync = "select sync_crm_user(p_email => %s, p_user_id => %s)::text"
    first = database.ask(SERVICE, sync, " Stra\u00dfe@X.test ", user_id("first"))
    assert database.ask(SERVICE, sync, "STRA\u1e9eE@x.TEST", user_id("second")) == first == [(user_id("first"),)]
    assert database.ask(SERVICE, sync, "STRASSE@x.test", user_id("third")) == [(user_id("third"),)]
    assert database.ask("first", "select email, credits_remaining from digital_resume_by_crm") == [
        ("stra\xdfe@x.test", 4)
    ]
    assert database.ask("first", "select total_views from get_crm_dashboard_data('STRA\u1e9eE@x.test')") == [(0,)]
    assert database.ask("first", "select total_views from get_crm_dashboard_data('strasse@x.test')") == []


def test_main_table_takes_no_other_form(database: Database) -> None:
    """Whoever writes it: a row is stored under the normal form, and never under another."""
    database.sql("insert into auth.users (id, email) values (%s, 'dan@x.test')", user_id("dan"))
    database.sql("insert into profiles (user_id) values (%s)", user_id("dan"))
    text = "insert into digital_resume_by_crm (email, user_id, credits_remaining) values ('DAN@x.test', %s, 0)"
    database.ask(SERVICE, text, user_id("dan"))
    assert database.one("select email from digital_resume_by_crm where user_id = %s", user_id("dan")) == "dan@x.test"
    database.sql("alter table digital_resume_by_crm disable trigger crm_z_fixed")
    change = "update digital_resume_by_crm set email = %s where user_id = %s returning email"
    assert database.ask(SERVICE, change, "Dan@x.test", user_id("dan")) == [("dan@x.test",)]
    refused = database.refused(SERVICE, change, "dan@x..test", user_id("dan"))
    assert refused.diag.constraint_name == "digital_resume_by_crm_email_check"


OLD_KEYS = ("a@x..test", "\u13a0@x.test", "<dan@x.test>")
"""Keys that were normal forms once: refused today, written otherwise today, and refused."""


@pytest.fixture
def kept(make_database: Any) -> Iterator[Database]:
    """A database whose accounts are from before this normal form, migrated again."""
    database = Database(make_database(HARDENED))
    database.sql('alter table digital_resume_by_crm disable trigger "Crm_key"')
    for n, key in enumerate(OLD_KEYS):
        owner = user_id(f"old-{n}")
        database.sql("insert into auth.users (id, email) values (%s, %s)", owner, key)
        database.sql("insert into profiles (user_id) values (%s)", owner)
        database.sql(
            "insert into credit_grants (id, user_id, number, source, email, credits, remaining)"
            " values (%s, %s, 1, 'initial', %s, 4, 4)",
            f"{owner}/1",
            owner,
            key,
        )
        for trigger in ("digital_resume_by_crm", "crm_dashboard_stats"):
            database.sql(f"alter table {trigger} disable trigger crm_c_normal_email")
        database.sql(
            "insert into digital_resume_by_crm (email, user_id, credits_remaining) values (%s, %s, 4)", key, owner
        )
        database.sql("insert into crm_dashboard_stats (email, user_id) values (%s, %s)", key, owner)
    database.sql(
        "alter table digital_resume_by_crm add constraint digital_resume_by_crm_email_check"
        " check (email = crm_internal.crm_normal_email(email)) not valid"
    )
    database.sql("create function public.crm_folded(text) returns text language sql return $1")
    for trigger in ("digital_resume_by_crm", "crm_dashboard_stats"):
        database.sql(f"alter table {trigger} enable trigger crm_c_normal_email")
    for migration in (*migrations(HARDENED), *migrations(HARDENED)):
        database.sql(migration.up)
    yield database
    database.close()


@pytest.mark.parametrize("n", range(len(OLD_KEYS)))
def test_accounts_keep_the_keys_that_they_had(kept: Database, n: int) -> None:
    """Their owners read, write and spend as before, and the service finds them by that very text, not as new people."""
    key, owner = OLD_KEYS[n], f"old-{n}"
    assert kept.ask(owner, "select credits_remaining from get_crm_dashboard_data(%s)", key) == [(4,)]
    insert = "insert into crm_recordings (email, user_id, video_url) values (%s, %s, 'v')"
    kept.ask(owner, insert, key, user_id(owner))
    assert kept.ask(owner, "select credits_remaining from get_crm_dashboard_data(%s)", key) == [(3,)]
    assert kept.ask(owner, "select email from crm_recordings") == [(key,)]
    assert kept.ask(SERVICE, "select sync_crm_user(p_email => %s)::text", key) == [(user_id(owner),)]
    assert kept.ask(SERVICE, "select track_view(%s)", key) == [(1,)]
    kept.ask(SERVICE, "update digital_resume_by_crm set is_active = false where email = %s", key)
    assert kept.ask(owner, "select credits_remaining, is_active from digital_resume_by_crm") == [(3, False)]
    assert kept.ask("old-9", "select * from get_crm_dashboard_data(%s)", key) == []
    assert kept.one("select count(*) from digital_resume_by_crm") == len(OLD_KEYS)


def test_what_held_old_keys_to_a_normal_form_is_gone(kept: Database) -> None:
    """A check would refuse every change of their rows; that no new account gets such a key, a trigger sees to."""
    checks = "select count(*) from pg_constraint where conname = 'digital_resume_by_crm_email_check'"
    assert kept.one(checks) == 0
    assert kept.one("select to_regproc('public.crm_folded') is null")
    refused = kept.refused(SERVICE, "select sync_crm_user(p_email => 'b@x..test')")
    assert refused.diag.constraint_name == "one_email"
