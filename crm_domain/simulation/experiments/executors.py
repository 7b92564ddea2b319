"""How is work spread over an executor without losing any of it?

Any `concurrent.futures.Executor` will do, of threads, of processes, or of the workers of a Dask
cluster: nothing is asked of it but ``submit``, and of its futures that ``as_completed`` works. A
chunk whose worker is lost is submitted again; if the executor itself is broken, the rest is done in this process, and
a warning says so. What the work itself raises is raised here at once: doing it again would not help.
"""

from __future__ import annotations

import traceback
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, as_completed
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from attrs import define, field, frozen

__all__ = ["AHEAD", "ATTEMPTS", "Executor", "ExecutorBroken", "Spreadable", "spread"]

AHEAD: Final = 64
"""How many chunks are with the executor at a time, so that results do not pile up."""

ATTEMPTS: Final = 3
"""How often a chunk is submitted before its executor is given up."""


class Spreadable(Protocol):
    """A chunk of work, which pickles small: it can be done anywhere, any number of times."""

    def __call__(self) -> Any:
        """Do it; the result is the same wherever and whenever that is."""

    def __str__(self) -> str:
        """Return what it is about, in words that follow "while simulating"."""


C = TypeVar("C", bound=Spreadable)


class ExecutorBroken(RuntimeError):  # noqa: N818  # as BrokenExecutor has it
    """Raised when an executor fails again and again to do a chunk: its workers die, or it cannot send the work.

    Attributes:
        chunk: What was to be done when it failed last.
    """

    def __init__(self, chunk: Spreadable, reason: BaseException) -> None:
        super().__init__(
            f"The executor failed {ATTEMPTS} times while simulating {chunk} ({_said(reason)}). If its workers die, "
            "give them more memory or smaller chunks; if something does not pickle, define it in a module."
        )
        self.chunk = chunk


def spread(chunks: Iterable[C], executor: Executor | None = None, *, ahead: int = AHEAD) -> Iterator[tuple[C, Any]]:
    """Yield every chunk with its result, as they are done: in any order, each exactly once.

    Args:
        chunks: What is to be done; taken as needed, so that it may be long.
        executor: Who does it; None for this process, one after another.
        ahead: How many chunks are with the executor at a time.

    Raises:
        ExecutorBroken: A chunk's worker was lost `ATTEMPTS` times.
        Exception: What a chunk raised, with a note that says which one it was.
    """
    if executor is None:
        for chunk in chunks:
            yield chunk, _done(chunk)
    else:
        yield from _Spreading(chunks=iter(chunks), executor=executor, ahead=ahead).results()


# --- one chunk ------------------------------------------------------------------------------


@frozen
class _Raised:
    """What a chunk raised, brought back as a value: what a future raises itself is then the executor's own trouble."""

    error: Exception
    where: str


def _outcome(chunk: Spreadable) -> Any:
    """Do a chunk on a worker."""
    try:
        return chunk()
    except Exception as error:  # noqa: BLE001  # it is raised again where somebody waits for it
        return _Raised(error, traceback.format_exc())


def _done(chunk: Spreadable) -> Any:
    """Do a chunk here."""
    try:
        return chunk()
    except Exception as error:
        error.add_note(f"while simulating {chunk}")
        raise


def _said(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# --- many -----------------------------------------------------------------------------------

Running: TypeAlias = "dict[Future[Any], _Attempt[C]]"


@frozen(eq=False)
class _Attempt(Generic[C]):
    chunk: C
    number: int


@define
class _Spreading(Generic[C]):
    """Chunks on their way through an executor."""

    chunks: Iterator[C]
    executor: Executor
    ahead: int
    lost: deque[_Attempt[C]] = field(factory=deque)
    running: Running[C] = field(factory=dict)
    is_broken: bool = False

    def results(self) -> Iterator[tuple[C, Any]]:
        try:
            while True:
                here = self._submit_more()
                if here is not None:
                    yield here.chunk, _done(here.chunk)
                elif not self.running:
                    return
                else:
                    yield from self._next_done()
        finally:
            for future in self.running:
                future.cancel()

    def _submit_more(self) -> _Attempt[C] | None:
        """Fill the executor; return what it does not take any more and has to be done here."""
        while len(self.running) < self.ahead:
            attempt = self.lost.popleft() if self.lost else self._first_attempt()
            if attempt is None:
                return None
            if self.is_broken:
                return attempt
            try:
                future = self.executor.submit(_outcome, attempt.chunk)
            except Exception as error:  # noqa: BLE001  # whatever it is: the executor takes no more work
                self._give_up(attempt, error)
                return attempt
            self.running[future] = attempt
        return None

    def _first_attempt(self) -> _Attempt[C] | None:
        chunk = next(self.chunks, None)
        return None if chunk is None else _Attempt(chunk, 1)

    def _next_done(self) -> Iterator[tuple[C, Any]]:
        """Wait for one future; yield its result, or put its chunk back if its worker was lost."""
        future = next(as_completed(self.running))
        attempt = self.running.pop(future)
        try:
            result = future.result()
        except Exception as error:  # it did not come from the chunk: a worker or a connection was lost
            if attempt.number == ATTEMPTS:
                raise ExecutorBroken(attempt.chunk, error) from error
            self.lost.append(_Attempt(attempt.chunk, attempt.number + 1))
            return
        if isinstance(result, _Raised):
            result.error.add_note(f"while simulating {attempt.chunk}\n{result.where}")
            raise result.error
        yield attempt.chunk, result

    def _give_up(self, attempt: _Attempt[C], error: Exception) -> None:
        self.is_broken = True
        warnings.warn(
            f"The executor is broken ({_said(error)}); {attempt.chunk} and what is left is simulated in this process.",
            RuntimeWarning,
            stacklevel=6,
        )
