"""How do commands overlap in time, always in the same way? Each in a session of its own, begun before any commits.

The first runs and does not commit. Then the next begins: what it reads is the state before them all,
and where it needs a row that the first has changed, it waits. So each has looked before any has
written for good. Then they commit, in the order in which the server lets them through; those that
were refused before any had committed, come before all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from concurrent.futures import TimeoutError as NotYetError
from contextlib import suppress
from typing import Any, Final, Protocol

import psycopg
from attrs import define, field

from crm_domain.errors import Refused
from crm_domain.ids import Principal
from crm_domain.testing import InTurn

from .sessions import OPEN, Result, Session
from .statements import Statement

_SHORTLY_SECONDS: Final = 0.001
"""How long a session is waited for before it is asked whether it waits for another."""

_WAITS_FOR: Final = "select pg_catalog.pg_blocking_pids(%s) as pids"


class Sending(Protocol):
    """What a backend can do for commands that overlap."""

    def begun(self, session: Session, principal: Principal, statement: Statement, *, end: str) -> Result:
        """Send the first of a request's statements."""

    def finished(self, principal: Principal, statement: Statement, result: Result) -> Any:
        """Send the rest, and return the answer."""

    def commit(self, session: Session) -> None:
        """Commit what is open in a session."""


def overlapped(
    backend: Sending, requests: Sequence[tuple[Principal, Statement]], sessions: Sequence[Session]
) -> InTurn:
    """Return for each command its answer, or its `Refused`, and in which order they were let through.

    Args:
        backend: What they are asked of.
        requests: Who asks, and what is sent for it.
        sessions: One for each, and one more to watch them.

    Raises:
        psycopg.Error: Something broke; nothing is left open, as after an interrupt.
    """
    *working, watching = sessions
    begun: list[_Begun] = []
    with ThreadPoolExecutor(len(requests)) as threads:
        try:
            for (principal, statement), session in zip(requests, working, strict=True):
                begun.append(_Begun(backend, threads, principal, statement, session))
                begun[-1].waits(watching)
            early = sorted((one for one in begun if one.is_through()), key=lambda one: not one.failed)
            for one in early:
                one.end()
            late = [one for one in begun if one not in early]
            while waiting := [one for one in late if not one.is_over]:
                for one in waiting:
                    if not one.waits(watching):
                        one.end()
                        break
        except BaseException:
            _give_up(begun)
            raise
    order = [*early, *sorted(late, key=lambda one: one.answered_at)]
    for one in begun:
        if isinstance(one.outcome, psycopg.Error):
            raise one.outcome
    return InTurn([one.outcome for one in begun], tuple(map(begun.index, order)))


def _give_up(begun: Sequence[_Begun]) -> None:
    """Roll back each as soon as it is through, so that those who wait for it are let go and their threads end."""
    sessions = {one.future: one.session for one in begun}
    for future in as_completed(sessions):
        with suppress(psycopg.Error):  # the server is gone, and with it what was open
            sessions[future].connection.rollback()


@define(eq=False)
class _Begun:
    """A command that was begun in a session of its own."""

    backend: Sending
    threads: ThreadPoolExecutor
    principal: Principal
    statement: Statement
    session: Session
    future: Future[Result] = field(init=False)
    outcome: Any = None
    is_over: bool = False
    answered_at: int = 0

    @future.default
    def _begin(self) -> Future[Result]:
        return self.threads.submit(self.backend.begun, self.session, self.principal, self.statement, end=OPEN)

    @property
    def failed(self) -> bool:
        """Whether it was refused, or broke; once it is through."""
        return self.future.exception() is not None

    def is_through(self) -> bool:
        """Tell whether it is through, or is so shortly."""
        try:
            self.future.exception(_SHORTLY_SECONDS)
        except NotYetError:
            return False
        return True

    def waits(self, watching: Session) -> bool:
        """Tell, as soon as one of both is so, whether it waits for another session, or is through."""
        while not self.is_through():
            (found,) = watching.connection.execute(_WAITS_FOR, [self.session.pid])
            if found["pids"]:
                return True
        return False

    def end(self) -> None:
        """Commit it, if it was let through, and take note of the result of it."""
        self.is_over = True
        self.answered_at = self.session.answered_at  # before it commits: until then, nobody passes who waits for it
        try:
            result = self.future.result()
            self.backend.commit(self.session)
            self.outcome = self.backend.finished(self.principal, self.statement, result)
        except (Refused, psycopg.Error) as error:
            self.outcome = error
