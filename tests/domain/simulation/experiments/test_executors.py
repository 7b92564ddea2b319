"""Work that is spread is done once and whole, whatever becomes of the workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from attrs import define, field, frozen

from crm_domain.simulation.experiments.executors import ExecutorBroken, spread


@frozen
class Square:
    """A chunk of work."""

    number: int
    more: Any = None

    def __call__(self) -> int:
        if self.number < 0:
            raise ValueError("there is no such user")
        return self.number**2

    def __str__(self) -> str:
        return f"users {self.number} to {self.number + 9} of seed 7"


@define
class Flaky(Executor):
    """Does work at once in this process, and fails as it is told to.

    Attributes:
        lost: How often the next chunks lose their worker.
        room: How many chunks are taken before the executor is broken.
    """

    lost: int = 0
    room: int = 1000
    taken: list[Any] = field(factory=list)
    cancelled: list[Any] = field(factory=list)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if len(self.taken) == self.room:
            raise BrokenExecutor("its workers are gone")
        self.taken.append(args[0])
        future: Future[Any] = Future()
        if self.lost:
            self.lost -= 1
            future.set_exception(ConnectionError("worker 3 is gone"))
        else:
            future.set_result(fn(*args))
        return future


SQUARES = {n: n**2 for n in range(200)}


def spread_squares(executor: Executor | None, **more: int) -> dict[int, int]:
    results = [(chunk.number, result) for chunk, result in spread(map(Square, SQUARES), executor, **more)]
    assert len(results) == len(SQUARES)
    return dict(results)


def test_without_an_executor_work_is_done_here_in_order() -> None:
    """And only as far as results are asked for."""
    chunks = iter(map(Square, range(5)))
    results = spread(chunks)
    assert [next(results)[1], next(results)[1]] == [0, 1]
    assert [chunk.number for chunk in chunks] == [2, 3, 4]


def test_threads_do_it() -> None:
    """Each chunk once."""
    with ThreadPoolExecutor(3) as executor:
        assert spread_squares(executor, ahead=5) == SQUARES


def test_only_some_chunks_are_with_the_executor_at_a_time() -> None:
    """The others are not even made."""
    made: list[int] = []

    def chunks() -> Iterator[Square]:
        for number in range(100):
            made.append(number)
            yield Square(number)

    next(spread(chunks(), Flaky(), ahead=4))
    assert len(made) == 4


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_a_chunk_whose_worker_is_lost_is_submitted_again(lost: int) -> None:
    """And nothing is missing."""
    executor = Flaky(lost=lost)
    assert spread_squares(executor) == SQUARES
    assert len(executor.taken) == len(SQUARES) + lost


def test_workers_that_are_lost_again_and_again_are_reported() -> None:
    """With the seed and the users that were being simulated, and the reason."""
    with pytest.raises(ExecutorBroken) as broken:
        list(spread([Square(20)], Flaky(lost=3)))
    assert "failed 3 times while simulating users 20 to 29 of seed 7 (ConnectionError: worker 3 is gone)" in str(
        broken.value
    )
    assert broken.value.chunk == Square(20)


def test_after_an_executor_broke_the_rest_is_done_here() -> None:
    """A warning names the seed and the users at which it broke."""
    executor = Flaky(room=50)
    with pytest.warns(
        RuntimeWarning, match=r"broken \(BrokenExecutor: its workers are gone\); users 50 to 59 of seed 7"
    ):
        assert spread_squares(executor) == SQUARES


def test_an_executor_that_was_shut_down_is_broken_too() -> None:
    """It takes no more work."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.warns(RuntimeWarning, match="cannot schedule new futures after shutdown"):
        assert spread_squares(executor) == SQUARES


def test_a_broken_pool_of_processes_loses_nothing() -> None:
    """It is broken for good, and the lost chunks are done here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        with pytest.raises(BrokenExecutor):
            executor.submit(os._exit, 1).result()
        with pytest.warns(RuntimeWarning, match="The executor is broken"):
            assert spread_squares(executor) == SQUARES


@pytest.mark.parametrize("executor", [None, Flaky()])
def test_what_the_work_raises_is_raised(executor: Executor | None) -> None:
    """At once and as it is, with a note about where; nobody tries again."""
    with pytest.raises(ValueError, match="there is no such user") as raised:
        list(spread([Square(-1)], executor))
    assert raised.value.__notes__[0].startswith("while simulating users -1 to 8 of seed 7")


def test_a_worker_tells_where_the_work_raised() -> None:
    """The note holds the traceback, which does not travel with the error."""
    with pytest.raises(ValueError, match="no such user") as raised:
        list(spread([Square(-1)], Flaky()))
    assert "in __call__" in raised.value.__notes__[0]


def test_work_that_does_not_pickle_is_reported() -> None:
    """With the reason and with what to do."""
    chunk = Square(1, more=lambda: None)
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor,
        pytest.raises(ExecutorBroken, match=r"(?s)users 1 to 10 of seed 7 .*pickle.*define it in a module"),
    ):
        list(spread([chunk], executor))


def test_an_interrupt_takes_back_what_is_with_the_executor() -> None:
    """So that nobody goes on to work for nothing."""

    @define
    class Waiting(Executor):
        futures: list[Future[Any]] = field(factory=list)

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.futures.append(Future())
            if len(self.futures) == 3:
                self.futures[0].set_result(0)
            return self.futures[-1]

    executor = Waiting()
    results = spread(map(Square, range(3)), executor)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert [future.cancelled() for future in executor.futures] == [False, True, True]
