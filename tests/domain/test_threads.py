"""Many threads may use one CRM: commands come one after another, whichever thread asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from crm_domain import SEED, CreateRecording, Crm, InsufficientCredits, JournalEntry, user
from crm_domain.clocks import label_uuid

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB, CAT = map(label_uuid, ("amy", "bob", "cat"))
THREADS = 8


def at_once(work: Callable[[int], object]) -> list[object]:
    """Do *work* in many threads that all start together."""
    barrier = threading.Barrier(THREADS)

    def start(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(start, range(THREADS)))


def test_totals_are_exact(world: World) -> None:
    """No count and no credit is lost, and none is made."""
    world.service.adjust_balance(AMY, credits=100)
    world.service.adjust_balance(BOB, credits=100)

    def work(number: int) -> None:
        name = ("amy", "bob")[number % 2]
        for _ in range(10):
            world.by(name).create_job_request()
            world.by(name).create_recording()
            world.service.track_view(email=f"{name}@example.com")
            world.service.record_payment(user_id=CAT, amount="12.99", ref=f"{number}")

    at_once(work)
    for name in ("amy", "bob"):
        data = world.by(name).get_crm_dashboard_data(f"{name}@example.com")
        assert data is not None
        counted = (data.total_applications, data.total_recordings, data.total_views, data.credits_remaining)
        assert counted == (41, 41, 40, 60)
        assert world.balance_of(name) == 60
    assert world.balance_of("cat") == 3 + 3 * THREADS


def test_nothing_is_sold_twice(world: World) -> None:
    """Exactly as many recordings as there were credits, however many ask for the last one."""

    def work(_: int) -> bool:
        try:
            world.by("amy").create_recording()
        except InsufficientCredits:
            return False
        return True

    assert sorted(map(bool, at_once(work))) == [False] * (THREADS - 3) + [True] * 3
    assert world.balance_of("amy") == 0


def test_positions_and_versions_are_without_gaps(world: World) -> None:
    """Each event has its place among all, and among those of its account."""
    at_once(lambda number: world.by(("amy", "bob", "cat", "rita")[number % 4]).delete(table="crm_resumes"))
    at_once(lambda number: world.service.track_login(email=f"{('amy', 'bob', 'cat')[number % 3]}@example.com"))
    versions: dict[object, list[int]] = {}
    for position, entry in enumerate(world.crm.journal.entries(), start=1):
        assert entry.position == position
        versions.setdefault(entry.account, []).append(entry.version)
    for found in versions.values():
        assert found == list(range(1, len(found) + 1))


def test_subscribers_are_told_in_order_by_one_thread_at_a_time(world: World) -> None:
    """Whichever thread caused the event."""
    heard: list[JournalEntry] = []
    inside = threading.Lock()

    def subscriber(entry: JournalEntry) -> None:
        assert inside.acquire(blocking=False)
        heard.append(entry)
        inside.release()

    start = len(world.crm.journal)
    world.crm.subscribe(subscriber)
    at_once(lambda _: [world.by("amy").create_job_request() for _ in range(20)])
    assert heard == list(world.crm.journal.entries(after=start))
    assert len(heard) == 20 * THREADS


def test_a_key_is_used_once(world: World) -> None:
    """Of many deliveries of one command at the same time, one does it and all get its answer."""
    command = CreateRecording()
    ids = at_once(lambda _: world.crm.execute(user(AMY), command, key="key").id)
    assert len(set(ids)) == 1
    assert world.balance_of("amy") == 2


def test_the_state_is_that_of_the_commands_one_after_another(world: World, state_of: Callable[[Crm], object]) -> None:
    """As the journal has them: made anew from it, all tables are the same."""
    at_once(lambda number: (world.by("amy").create_job_request(), world.service.adjust_balance(AMY, credits=number)))
    at_once(lambda _: world.by("amy").delete(table="crm_resumes"))
    state = state_of(world.crm)
    world.crm.rebuild()
    assert state_of(world.crm) == state


@pytest.mark.parametrize("threads", [1, THREADS])
def test_the_seed_may_oversell_but_loses_nothing(threads: int, make_world: MakeWorld) -> None:
    """Check and consume are two steps there; every recording that was stored was still charged once."""
    world = make_world(SEED)
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(world.by("amy").create_recording) for _ in range(20)]
    stored = sum(future.exception() is None for future in futures)
    assert stored >= 3
    assert world.balance_of("amy") == 3 - stored
    assert len(world.by("amy").recordings()) == 1 + stored
