"""Time and ids: the system's, and repeatable ones."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from crm_domain import Crm, ManualClock, SequentialIds
from crm_domain.clocks import label_uuid, random_ids, stopwatch, system_clock
from crm_domain.ids import is_canonical_uuid

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_system_clock_tells_utc() -> None:
    """An aware time, between two looks at the system's."""
    before, now, after = datetime.now(UTC), system_clock(), datetime.now(UTC)
    assert before <= now <= after
    assert now.tzinfo is UTC


def test_random_ids_are_canonical_uuids_of_version_4() -> None:
    """And no two are the same."""
    ids = [random_ids() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(is_canonical_uuid(i) and uuid.UUID(i).version == 4 for i in ids)


def test_a_manual_clock_stands_still_until_it_is_told_otherwise() -> None:
    """It may also be told to go back."""
    clock = ManualClock()
    assert [clock(), clock()] == [START, START]
    clock.advance(timedelta(hours=1))
    assert clock() == START + timedelta(hours=1)
    clock.advance(timedelta(hours=-2))
    assert clock() == START - timedelta(hours=1)


def test_a_manual_clock_may_go_on_by_itself() -> None:
    """By its step, after each time that it was asked."""
    clock = ManualClock(START, step=timedelta(seconds=1))
    assert [clock(), clock(), clock.now] == [START + timedelta(seconds=n) for n in range(3)]


def test_sequential_ids_are_the_same_in_every_run() -> None:
    """Those of the labels id-1, id-2 and so on; another prefix makes others."""
    ids, others = SequentialIds(), SequentialIds("other")
    assert [ids(), ids()] == [label_uuid("id-1"), label_uuid("id-2")]
    assert others() not in {label_uuid("id-1"), label_uuid("id-2")}
    assert ids.made == 2
    assert is_canonical_uuid(ids())


def test_a_label_always_stands_for_the_same_id() -> None:
    """In every version of this library: logs and tests are written with them."""
    assert label_uuid("amy") == "ea9b6077-d903-5591-a858-10d47f737d34"
    assert uuid.UUID(label_uuid("amy")).version == 5


def test_a_crm_lives_in_the_world_unless_told_otherwise() -> None:
    """By default, rows have the system's time and random ids."""
    crm = Crm()
    before = datetime.now(UTC)
    user_id = crm.as_service().sync_crm_user(email="amy@example.com").user_id
    assert user_id is not None
    assert uuid.UUID(user_id).version == 4
    (entry, *_) = crm.journal.entries()
    assert before <= entry.at <= datetime.now(UTC)


def test_a_stopwatch_tells_what_has_gone_by() -> None:
    """It never goes back, and begins at 0 or little more."""
    elapsed = stopwatch()
    assert 0 <= elapsed() <= elapsed()
