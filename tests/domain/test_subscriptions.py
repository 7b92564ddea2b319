"""Subscribers are told what happened: everything, once, in order, after it was kept."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from crm_domain import SEED, CreateJobRequest, CreateRecording, Crm, InsufficientCredits, JournalEntry, user
from crm_domain.clocks import label_uuid
from crm_domain.events import JobRequestCreated, RecordingCreated

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY = label_uuid("amy")


@pytest.fixture
def heard(world: World) -> list[JournalEntry]:
    """What a subscriber of the world is told."""
    entries: list[JournalEntry] = []
    world.crm.subscribe(entries.append)
    return entries


def entries_after(crm: Crm, position: int) -> list[JournalEntry]:
    return list(crm.journal.entries(after=position))


def test_subscribers_are_told_every_event_in_the_order_of_the_journal(world: World, heard: list[JournalEntry]) -> None:
    """From when they subscribed on: an entry with its position, time, principal, account, version and event."""
    start = len(world.crm.journal)
    world.by("amy").create_recording()
    world.service.sync_crm_user(email="new@example.com")
    assert heard == entries_after(world.crm, start)
    assert [entry.position for entry in heard] == list(range(start + 1, start + 8))


def test_subscribers_are_told_in_the_seed_as_well(make_world: MakeWorld) -> None:
    """When the command is done, though it was checked in a step of its own."""
    world = make_world(SEED)
    heard: list[JournalEntry] = []
    world.crm.subscribe(heard.append)
    world.by("amy").create_recording()
    assert heard == entries_after(world.crm, heard[0].position - 1)
    assert len(heard) == 2


def test_a_refused_command_is_not_told(world: World, heard: list[JournalEntry]) -> None:
    """Nothing happened."""
    world.service.adjust_balance(AMY, credits=0)
    told = len(heard)
    with pytest.raises(InsufficientCredits):
        world.by("amy").create_recording()
    assert len(heard) == told


def test_subscribers_see_the_state_after_the_commit(world: World) -> None:
    """All of the command, not only the event that they are told."""
    balances: list[int] = []
    world.crm.subscribe(lambda _: balances.append(world.balance_of("amy")))
    world.by("amy").create_recording()
    assert balances == [2, 2]


def test_a_batch_is_told_when_it_is_over(world: World, heard: list[JournalEntry]) -> None:
    """In one go, after its commit; one that is undone is not told at all."""
    start = len(world.crm.journal)
    with world.crm.batch():
        world.by("amy").create_job_request()
        world.by("amy").create_recording()
        assert heard == []
    assert heard == entries_after(world.crm, start)
    assert len(heard) == 3
    with suppress(InsufficientCredits), world.crm.batch():
        for _ in range(4):
            world.by("amy").create_recording()
    assert len(heard) == 3


def test_overlapping_commands_are_told(world: World, heard: list[JournalEntry]) -> None:
    """As those are that come one after the other."""
    start = len(world.crm.journal)
    world.crm.execute_overlapping([(user(AMY), CreateRecording())] * 2)
    assert heard == entries_after(world.crm, start)
    assert len(heard) == 4


def test_a_subscriber_that_fails_harms_nobody(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with the position; the command stands, and the others are told."""
    heard: list[JournalEntry] = []

    def fail(_: JournalEntry) -> None:
        raise RuntimeError("out of order")

    world.crm.subscribe(fail)
    world.crm.subscribe(heard.append)
    with caplog.at_level(logging.ERROR, logger="crm_domain.outbox"):
        accepted = world.by("amy").create_job_request()
    assert [type(entry.event) for entry in heard] == [JobRequestCreated]
    assert world.one("crm_job_requests", id=accepted.id).user_id == AMY
    (record,) = caplog.records
    assert f"position {heard[0].position}" in record.getMessage()
    assert record.exc_info is not None
    assert "out of order" in str(record.exc_info[1])


def test_a_subscriber_may_execute_commands(world: World) -> None:
    """What they cause is told after what they were told about, to all in the same order."""
    first: list[JournalEntry] = []
    second: list[JournalEntry] = []
    start = len(world.crm.journal)

    def follow_up(entry: JournalEntry) -> None:
        first.append(entry)
        if isinstance(entry.event, RecordingCreated):
            world.by("amy").create_job_request(job_title="Follow up")

    world.crm.subscribe(follow_up)
    world.crm.subscribe(second.append)
    world.by("amy").create_recording()
    assert first == second == entries_after(world.crm, start)
    assert [type(entry.event) for entry in first][::2] == [RecordingCreated, JobRequestCreated]


def test_an_interrupt_of_a_subscriber_comes_through(world: World) -> None:
    """The command stands, and later ones are told again."""
    heard: list[JournalEntry] = []

    def interrupted(entry: JournalEntry) -> None:
        if not heard:
            heard.append(entry)
            raise KeyboardInterrupt
        heard.append(entry)

    world.crm.subscribe(interrupted)
    with pytest.raises(KeyboardInterrupt):
        world.by("amy").create_job_request()
    assert len(world.by("amy").job_requests()) == 2
    world.by("amy").create_job_request()
    assert len(heard) == 2


def test_who_unsubscribes_is_told_no_more(world: World) -> None:
    """Twice is no mistake; others go on."""
    one: list[JournalEntry] = []
    other: list[JournalEntry] = []
    unsubscribe = world.crm.subscribe(one.append)
    world.crm.subscribe(other.append)
    world.by("amy").create_job_request()
    unsubscribe()
    unsubscribe()
    world.by("amy").create_job_request()
    assert (len(one), len(other)) == (1, 2)


def test_a_subscriber_may_unsubscribe_itself(world: World) -> None:
    """While it is told, and without keeping the others from being told."""
    one: list[JournalEntry] = []
    other: list[JournalEntry] = []

    def once(entry: JournalEntry) -> None:
        one.append(entry)
        unsubscribe()

    unsubscribe = world.crm.subscribe(once)
    world.crm.subscribe(other.append)
    world.by("amy").create_recording()
    assert (len(one), len(other)) == (1, 2)


def test_a_replayed_answer_is_not_told_again(world: World, heard: list[JournalEntry]) -> None:
    """The retry of a command with an idempotency key causes nothing."""
    for _ in range(2):
        world.crm.execute(user(AMY), CreateJobRequest(job_title="x"), key="key")
    assert len(heard) == 2
