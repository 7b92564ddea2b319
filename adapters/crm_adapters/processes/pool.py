"""What becomes of a pool of processes when one of them is killed? It is made again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, resource_tracker
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_CONTEXT: Final = get_context("spawn")
"""Workers begin with nothing of this process: no thread, no lock, no open file."""


class Processes(Executor):
    """An executor of worker processes that outlives them.

    The standard library's pool is broken for good when one worker dies, for want of memory, say. This
    one then makes new workers; the futures of the work that was lost are broken, and `crm_domain.simulation`
    submits that work again. Workers leave Ctrl-C to the process that waits for them.

    Args:
        workers: How many processes; as many as there are processors if None.

    Raises:
        ValueError: *workers* is not positive.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers: Final = (os.cpu_count() or 1) if workers is None else workers
        if self.workers < 1:
            raise ValueError(f"workers: expected at least 1, got {workers}")
        self._pool = self._made()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Have a worker call *fn*; if the workers were lost, new ones.

        Raises:
            RuntimeError: It was shut down.
        """
        with _undisturbed():
            try:
                return self._pool.submit(fn, *args, **kwargs)
            except BrokenExecutor:
                self._pool.shutdown(wait=False)
                self._pool = self._made()
                return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # as Executor has it
        """Let the workers end when they are done."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def _made(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.workers, mp_context=_CONTEXT, initializer=leave_interrupts)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Have Ctrl-C come when the block is over, and workers that are started in it not hear of it from their first moment.

    A worker takes a while until it can ignore it itself, and one that was half started would complain.
    """
    came: list[int] = []
    heard = signal.getsignal(signal.SIGINT)
    defers = callable(heard) and threading.current_thread() is threading.main_thread()
    try:
        with _blocked():
            if defers:  # it may reach this process by another thread, which does not block it
                signal.signal(signal.SIGINT, lambda number, _: came.append(number))
            yield
    finally:
        if defers:
            signal.signal(signal.SIGINT, heard)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _blocked() -> Iterator[None]:
    """Block Ctrl-C in this thread, and so in the processes that it starts; Windows has no such thing."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it unblocks what it finds blocked, once it has started a process of its own
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_interrupts() -> None:
    """Ignore Ctrl-C, which a terminal sends to every process of a command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
