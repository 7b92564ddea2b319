"""A file from before the present normal form opens, and its accounts keep their keys and are found by them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from crm_adapters.sqlite import SqliteStore
from crm_adapters.sqlite.verification import Verification
from crm_domain import HARDENED, Crm, InvalidEmail, UniqueViolation
from crm_domain.clocks import label_uuid

REFUSED, WRITTEN_OTHERWISE, COMPATIBLE = "<dan@x.test>", "\u13a0@x.test", "\ufb01n@x.test"
OLD_KEYS: Final = (REFUSED, WRITTEN_OTHERWISE, COMPATIBLE, "a@x..test", "eve@x.test.")
TODAY: Final = "\uab70@x.test"
"""What the key that is written otherwise today is now."""


def owner(key: str) -> str:
    return label_uuid(f"owner of {key}")


@pytest.fixture
def crm(path: Path) -> Crm:
    """A file whose accounts have old keys: made without a normal form, and opened with it."""
    with SqliteStore(path) as store:
        service = Crm(store, rules=HARDENED.without("one_email")).as_service()
        for key in OLD_KEYS:
            service.sync_crm_user(user_id=owner(key), email=key)
        service.register_user(email="regular@x..test")
    with closing(sqlite3.connect(path)) as raw, raw:
        every = json.dumps(sorted(HARDENED.safeguards))
        raw.execute("UPDATE store_metadata SET value = ? WHERE name = 'safeguards'", [every])
    return Crm(SqliteStore(path))


@pytest.mark.parametrize("key", OLD_KEYS, ids=ascii)
def test_owners_lose_nothing(crm: Crm, key: str) -> None:
    """They read and write under their key, and pay for it, as before."""
    amy = crm.as_user(owner(key))
    amy.create_recording(email=key, video_url="a")
    amy.create_recording(video_url="b")
    dashboard = amy.get_crm_dashboard_data(key)
    assert dashboard is not None
    assert (dashboard.credits_remaining, dashboard.total_recordings) == (2, 2)
    assert {recording.email for recording in amy.user_data(key).recordings} == {key}


@pytest.mark.parametrize("key", OLD_KEYS, ids=ascii)
def test_the_service_finds_them_by_their_key(crm: Crm, key: str) -> None:
    """A re-sync is one: no second account, no second grant."""
    service = crm.as_service()
    assert service.sync_crm_user(email=key).user_id == owner(key)
    assert (service.track_view(email=key).affected, service.deactivate(key).affected) == (1, 1)
    assert service.get_crm_dashboard_data(key).credits_remaining == 4  # type: ignore[union-attr]
    with pytest.raises(UniqueViolation):
        service.register_user(email=key)


def test_another_spelling_finds_a_key_that_is_its_normal_form(crm: Crm) -> None:
    """Though a new account could not have it."""
    assert crm.as_service().sync_crm_user(email=" A@X..Test ").user_id == owner("a@x..test")
    assert crm.as_service().track_login(email="EVE@x.test.").affected == 1


def test_who_has_the_normal_form_is_somebody_else(crm: Crm) -> None:
    """An old key is found by its own text alone; and only those see it whose it is."""
    new = crm.as_service().sync_crm_user(email=TODAY).user_id
    assert new != owner(WRITTEN_OTHERWISE)
    assert crm.as_service().sync_crm_user(email=WRITTEN_OTHERWISE).user_id == owner(WRITTEN_OTHERWISE)
    assert new is not None
    crm.as_user(new).create_recording(email=WRITTEN_OTHERWISE)
    assert crm.as_user(new).get_crm_dashboard_data(WRITTEN_OTHERWISE).credits_remaining == 3  # type: ignore[union-attr]


def test_no_new_account_gets_such_a_key(crm: Crm) -> None:
    """Not even a person's who is registered under it."""
    for email in ("b@x..test", "regular@x..test", "<eve@x.test>"):
        with pytest.raises(InvalidEmail):
            crm.as_service().sync_crm_user(email=email)


def test_verify_notes_them(crm: Crm, path: Path) -> None:
    """Each with what a new account would be refused for, or whose its normal form is."""
    other = crm.as_service().sync_crm_user(email=TODAY).user_id
    verification = Verification(path)
    assert list(verification.problems()) == []
    notes = {note.where: note.what for note in verification.notes()}
    assert len(notes) == len(OLD_KEYS) + 1
    assert notes[f"auth.users {owner(WRITTEN_OTHERWISE)}"] == (
        f"{WRITTEN_OTHERWISE!r} stays as it is, but its normal form is {TODAY!r}, which {other} has"
    )
    assert "two in a row" in notes[f"auth.users {owner('a@x..test')}"]


def test_verify_notes_a_key_whose_normal_form_nobody_has(crm: Crm, path: Path) -> None:
    """It would be given to a second account."""
    assert crm.rules.one_email
    verification = Verification(path)
    assert list(verification.problems()) == []
    assert [note.what for note in verification.notes() if note.what.endswith("which nobody has")] != []


def test_without_a_normal_form_every_text_is_a_key(path: Path) -> None:
    """Nothing is noted of a file of the seed's rules."""
    with SqliteStore(path) as store:
        Crm(store, rules=HARDENED.without("one_email")).as_service().sync_crm_user(email="a@x..test")
    verification = Verification(path)
    assert (list(verification.problems()), list(verification.notes())) == ([], [])
