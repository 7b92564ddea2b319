"""Simulations go to processes and to the workers of a Dask cluster, and lose nothing with a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from attrs import field, frozen

from crm_adapters.processes import Processes
from crm_adapters.processes.pool import leave_interrupts
from crm_domain.simulation import Scenario
from crm_domain.simulation.engines import CHUNKS
from crm_domain.simulation.experiments.designs import replicate, simulate
from crm_domain.simulation.experiments.executors import ExecutorBroken, spread

SMALL = Scenario(crm_users=50, regular_users=10, days=10)
"""Three chunks of the plain engine, as `_small_chunks` cuts them."""


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    """Workers that are started in a test find this module, though the tests are not installed."""
    monkeypatch.syspath_prepend(pytestconfig.rootpath)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHUNKS, "plain", 25)


@frozen
class Deadly:
    """A chunk of work that kills its worker the first times that it is begun; never the process that made it."""

    number: int
    log: Path
    deaths: int
    maker: int = field(factory=os.getpid)

    def __call__(self) -> int:
        with self.log.open("a") as log:
            log.write("x")
        if self.log.stat().st_size <= self.deaths and os.getpid() != self.maker:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.number

    def __str__(self) -> str:
        return f"users {self.number} to {self.number + 9} of seed 7"


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with Processes(2) as executor:
        yield executor


def test_processes_give_what_one_gives(processes: Executor) -> None:
    """To the last bit: counts, users, events."""
    alone = simulate(SMALL, 5, engine="plain", keep={"users", "events"})
    spread_out = simulate(SMALL, 5, engine="plain", keep={"users", "events"}, executor=processes)
    assert alone.part.same(spread_out.part)


def test_replications_go_to_processes(processes: Executor) -> None:
    """In the order of their seeds, whichever was done first."""
    here, there = (replicate(SMALL, [8, 2, 5], engine="plain", executor=e) for e in (None, processes))
    assert there.seeds == (8, 2, 5)
    assert here.columns() == there.columns()


def test_workers_that_are_killed_are_replaced(tmp_path: Path) -> None:
    """And what they were doing is done again, without a word."""
    chunks = [Deadly(n, tmp_path / f"{n}", deaths=n % 2) for n in range(4)]
    with Processes(1) as executor:
        assert sorted(number for _, number in spread(chunks, executor, ahead=1)) == [0, 1, 2, 3]


def test_work_that_kills_every_worker_is_reported(tmp_path: Path) -> None:
    """With the users and the seed; the pool goes on for others."""
    with Processes(1) as executor:
        with pytest.raises(ExecutorBroken, match=r"failed 3 times while simulating users 1 to 10 of seed 7"):
            list(spread([Deadly(1, tmp_path / "1", deaths=9)], executor))
        assert executor.submit(abs, -1).result() == 1


def test_a_pool_of_the_standard_library_loses_nothing_either(tmp_path: Path) -> None:
    """It does not outlive a worker, so the rest is done here, and a warning says where it broke."""
    chunks = [Deadly(n, tmp_path / f"{n}", deaths=int(n == 3)) for n in range(8)]
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor,
        pytest.warns(RuntimeWarning, match=r"The executor is broken .*; users 3 to 12 of seed 7 and what is left"),
    ):
        results = [number for _, number in spread(chunks, executor, ahead=1)]
    assert results == list(range(8))


def test_a_pool_that_was_shut_down_takes_no_more() -> None:
    """It is not made anew then."""
    executor = Processes(1)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, 1)


def test_workers_leave_interrupts_to_who_waits(processes: Executor) -> None:
    """Ctrl-C goes to every process of a terminal; in a worker it changes nothing."""
    assert processes.submit(signal.raise_signal, signal.SIGINT).result() is None
    before = signal.getsignal(signal.SIGINT)
    try:
        leave_interrupts()
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_workers_do_not_hear_interrupts_from_their_first_moment(processes: Executor) -> None:
    """Before they can ignore them; this process hears them again."""
    assert signal.SIGINT in processes.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_an_interrupt_waits_until_a_worker_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whichever thread it comes: then it is what it always is."""
    done = []

    def interrupted(*_: object) -> Future[None]:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # as in another thread
        signal.raise_signal(signal.SIGINT)
        done.append("started")
        return Future()

    with Processes(1) as executor:
        monkeypatch.setattr(executor._pool, "submit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            executor.submit(abs, 1)
    assert done == ["started"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_starts_workers_too(processes: Executor) -> None:
    """Only the main thread hears signals; the others start workers all the same."""
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(processes.submit, abs, -1).result().result() == 1


def test_where_nothing_can_be_blocked(processes: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: work is done all the same."""
    monkeypatch.delattr(signal, "pthread_sigmask")
    assert processes.submit(abs, -1).result() == 1


def test_there_is_a_worker_at_least() -> None:
    """By default as many as there are processors."""
    with pytest.raises(ValueError, match="workers: expected at least 1, got 0"):
        Processes(0)
    assert Processes().workers == os.cpu_count()
