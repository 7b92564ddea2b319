"""The journal keeps what happened, in order, each event in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crm_domain import SERVICE, ManualClock, user
from crm_domain.clocks import label_uuid
from crm_domain.events import CreditVoided, RowDeleted, ViewTracked
from crm_domain.ids import Email, UserId
from crm_domain.memory.journal import MemoryJournal
from crm_domain.ports import JournalEntry

if TYPE_CHECKING:
    from tests.domain.conftest import World

AMY, BOB = UserId(label_uuid("amy")), UserId(label_uuid("bob"))
AT = ManualClock().now
VIEW, VOID = ViewTracked(AMY, Email("amy@example.com")), CreditVoided(BOB, None, 1)
OF_NOBODY = RowDeleted(None, "crm_job_requests", "1")


@pytest.fixture
def journal() -> MemoryJournal:
    """Four events: Amy's, Bob's, Amy's under a key, nobody's."""
    journal = MemoryJournal()
    journal.append([VIEW, VOID], at=AT, principal=SERVICE, key=None)
    journal.append([VIEW], at=AT, principal=user(AMY), key="key")
    journal.append([OF_NOBODY], at=AT, principal=SERVICE, key=None)
    return journal


def test_an_entry_is_an_event_in_its_place(journal: MemoryJournal) -> None:
    """Position among all, version among the account's, when, by whom, under which key."""
    assert list(journal.entries()) == [
        JournalEntry(position=1, at=AT, principal=SERVICE, account=AMY, version=1, idempotency_key=None, event=VIEW),
        JournalEntry(position=2, at=AT, principal=SERVICE, account=BOB, version=1, idempotency_key=None, event=VOID),
        JournalEntry(position=3, at=AT, principal=user(AMY), account=AMY, version=2, idempotency_key="key", event=VIEW),
        JournalEntry(
            position=4, at=AT, principal=SERVICE, account=None, version=1, idempotency_key=None, event=OF_NOBODY
        ),
    ]


@pytest.mark.parametrize(
    ("after", "upto", "positions"),
    [
        (0, None, [1, 2, 3, 4]),
        (2, None, [3, 4]),
        (4, None, []),
        (9, None, []),
        (0, 2, [1, 2]),
        (0, 0, []),
        (1, 3, [2, 3]),
        (3, 1, []),
        (0, 99, [1, 2, 3, 4]),
    ],
)
def test_entries_are_those_behind_one_position_and_up_to_another(
    after: int, upto: int | None, positions: list[int], journal: MemoryJournal
) -> None:
    """The second belongs to them."""
    assert [entry.position for entry in journal.entries(after=after, upto=upto)] == positions


def test_appending_tells_the_version_of_the_first_account(journal: MemoryJournal) -> None:
    """That it has with all of the command; nobody's events have none to tell."""
    assert journal.append([VIEW, VOID, VIEW], at=AT, principal=SERVICE, key=None) == 4
    assert journal.append([OF_NOBODY, VOID], at=AT, principal=SERVICE, key=None) == 3
    assert journal.append([OF_NOBODY], at=AT, principal=SERVICE, key=None) == 0
    assert (journal.version_of(AMY), journal.version_of(BOB)) == (4, 3)
    assert journal.version_of(UserId(label_uuid("cat"))) == 0


@pytest.mark.parametrize("length", range(5))
def test_a_journal_that_is_cut_off_is_the_one_that_it_was(length: int, journal: MemoryJournal) -> None:
    """Entries, versions and keys; and it goes on from there."""
    kept = list(journal.entries(upto=length))
    journal.truncate(length)
    assert len(journal) == length
    assert list(journal.entries()) == kept
    for account in (AMY, BOB):
        assert journal.version_of(account) == sum(entry.account == account for entry in kept)
    journal.append([VIEW], at=AT, principal=SERVICE, key=None)
    (*_, last) = journal.entries()
    assert (last.position, last.version) == (length + 1, journal.version_of(AMY))
    assert last.idempotency_key is None


def test_entries_may_be_read_while_others_are_written(world: World) -> None:
    """Those that were there when the reading began."""
    length = len(world.crm.journal)
    read = 0
    for _ in world.crm.journal.entries():
        read += 1
        if read == 3:
            world.by("amy").create_job_request()
    assert read == length


def test_the_entries_of_an_account_are_those_that_concern_it(world: World) -> None:
    """Each once and in order, whoever caused them; of somebody unknown there are none."""
    everything = list(world.crm.journal.entries())
    for name in ("amy", "rita"):
        account = UserId(label_uuid(name))
        assert list(world.crm.journal.entries_of(account)) == [e for e in everything if e.account == account]
    assert list(world.crm.journal.entries_of(UserId(label_uuid("stranger")))) == []
