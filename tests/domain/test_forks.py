"""A forked process has a copy of its own, or refuses at once what was cut in two; it never waits for a thread of its parent."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from crm_domain import Crm, ManualClock, TrackView
from crm_domain.ids import SERVICE
from crm_domain.laws import check_all

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

EMAIL: Final = "amy@example.com"
REFUSED: Final = "this Crm was in the middle of a command or a batch when the process was forked"
_GIVEN_UP_SECONDS: Final = 30


def said_in_a_child(attempt: Callable[[], object]) -> str:
    """Return what a forked child says of an attempt: what it returns, or raises; never wait for it long."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(_GIVEN_UP_SECONDS)
        try:
            said = str(attempt())
        except BaseException as error:  # noqa: BLE001 - the parent is to see it
            said = str(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "it waited for ever"
    return said


@pytest.fixture
def crm() -> Crm:
    """A CRM in memory with Amy, a CRM user."""
    made = Crm(clock=ManualClock())
    made.as_service().sync_crm_user(email=EMAIL)
    return made


def views_in(crm: Crm) -> int:
    """Return how often Amy was viewed."""
    (stats,) = crm.tables.crm_dashboard_stats
    return stats.total_views


@contextmanager
def a_thread_in(work: Callable[[Callable[[], object]], object]) -> Iterator[None]:
    """Have another thread in the middle of something until the end of the block: of what it calls."""
    begun, ended = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        ended.wait()

    thread = threading.Thread(target=work, args=(wait,))
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


USES: Final[dict[str, Callable[[Crm], Any]]] = {
    "a command": lambda crm: crm.as_service().track_view(email=EMAIL),
    "overlapping commands": lambda crm: crm.execute_overlapping([(SERVICE, TrackView(email=EMAIL))]),
    "a batch": lambda crm: crm.batch().__enter__(),
    "a read": lambda crm: crm.as_service().count("crm_users"),
    "explain": lambda crm: crm.explain(SERVICE, TrackView(email=EMAIL)),
    "the journal": lambda crm: len(crm.journal),
    "the tables": lambda crm: crm.tables,
    "the past": lambda crm: crm.as_of(position=1),
    "rebuild": lambda crm: crm.rebuild(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_what_another_thread_was_in_the_middle_of_is_refused_at_once(crm: Crm, use: Callable[[Crm], Any]) -> None:
    """In a batch of its own, and in a command of its own, which has the lock while it asks the clock."""

    def batch(wait: Callable[[], object]) -> None:
        with crm.batch():
            crm.as_service().track_view(email=EMAIL)
            wait()

    for work in (batch, lambda wait: crm.read(lambda _: wait())):
        with a_thread_in(work):
            assert said_in_a_child(lambda: use(crm)).startswith(REFUSED)
    assert views_in(crm) == 1


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_in_a_batch_of_the_thread_that_forks_too(crm: Crm, use: Callable[[Crm], Any]) -> None:
    with crm.batch():
        crm.as_service().track_view(email=EMAIL)
        assert said_in_a_child(lambda: use(crm)).startswith(REFUSED)
    assert views_in(crm) == 1


def test_otherwise_the_child_has_a_copy_of_its_own(crm: Crm) -> None:
    def go_on() -> object:
        with crm.batch():
            crm.as_service().track_view(email=EMAIL)
            crm.as_service().track_view(email=EMAIL)
        return [views_in(crm), check_all(crm)]

    assert said_in_a_child(go_on) == "[2, []]"
    assert views_in(crm) == 0


def test_subscribers_are_told_in_a_child_although_a_thread_was_telling_them(crm: Crm) -> None:
    told: list[int] = []
    waiting: list[Callable[[], object]] = []

    def subscriber(entry: Any) -> None:
        told.append(entry.position)
        if waiting:
            waiting.pop()()

    def tell(wait: Callable[[], object]) -> None:
        waiting.append(wait)
        crm.as_service().track_view(email=EMAIL)

    def go_on() -> object:
        crm.as_service().track_view(email=EMAIL)
        return told[-1] == len(crm.journal)

    crm.subscribe(subscriber)
    with a_thread_in(tell):
        assert said_in_a_child(go_on) == "True"
