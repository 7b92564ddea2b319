"""How do commands overlap in time, always in the same way? Each in a session of its own, begun before any commits.

The first runs and does not commit. Then the next begins: what it reads is the state before them all,
and where it needs a row that the first has changed, it waits. So each has looked before any has
written for good. Then they commit, in their order.

Who waits for the same row may be let in out of order: one that came before it was its turn is given
up, and asked again when it is. So is one that saw no credits, and may see some when it is its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from typing import Any, Final, Protocol

import psycopg
from attrs import define, field

from crm_domain.errors import InsufficientCredits, Refused
from crm_domain.ids import Principal

from .sessions import COMMIT, OPEN, Result, Session
from .statements import Statement

_SHORTLY_SECONDS: Final = 0.001
"""How long a session is waited for before it is asked whether it waits for another."""

_WAITS_FOR: Final = "select pg_catalog.pg_blocking_pids(%s) as pids"


class Sending(Protocol):
    """What a backend can do for commands that overlap."""

    def run(self, session: Session, principal: Principal, statements: Sequence[str], *, end: str = COMMIT) -> Result:
        """Send one transaction."""

    def commit(self, session: Session) -> None:
        """Commit what is open in a session."""


def overlapped(
    backend: Sending, requests: Sequence[tuple[Principal, Statement]], sessions: Sequence[Session]
) -> list[Any]:
    """Return for each command its answer, or its `Refused`, in the order of *requests*.

    Args:
        backend: What they are asked of.
        requests: Who asks, and what is sent for it.
        sessions: One for each, and one more to watch them.

    Raises:
        psycopg.Error: Something broke; nothing is left open.
    """
    *working, watching = sessions
    with ThreadPoolExecutor(len(requests)) as threads:
        begun: list[_Begun] = []
        for (principal, statement), session in zip(requests, working, strict=True):
            begun.append(_Begun(backend, threads, principal, statement, session))
            begun[-1].ask()
            begun[-1].waits(watching)
        outcomes = [one.ended(begun[n + 1 :], watching, before_its_turn=n > 0) for n, one in enumerate(begun)]
    for outcome in outcomes:
        if isinstance(outcome, psycopg.Error):
            raise outcome
    return outcomes


@define
class _Begun:
    """A command that was begun in a session of its own."""

    backend: Sending
    threads: ThreadPoolExecutor
    principal: Principal
    statement: Statement
    session: Session
    future: Future[Result] = field(init=False)
    counts: bool = True

    def ask(self) -> None:
        """Send it, and do not wait."""
        self.counts = True
        sql = [self.statement.sql]
        self.future = self.threads.submit(self.backend.run, self.session, self.principal, sql, end=OPEN)

    def waits(self, watching: Session) -> bool:
        """Tell, as soon as one of both is so, whether it waits for another session, or is through."""
        while not self.is_through():
            (found,) = watching.connection.execute(_WAITS_FOR, [self.session.pid])
            if found["pids"]:
                return True
        return False

    def is_through(self) -> bool:
        """Tell whether it is through, or is so shortly."""
        try:
            self.future.exception(_SHORTLY_SECONDS)
        except NotYetError:
            return False
        return True

    def ended(self, later: Sequence[_Begun], watching: Session, *, before_its_turn: bool) -> Any:
        """Return what comes of it, now that it is its turn; it was asked *before_its_turn* unless it is the first."""
        while True:
            self._let_through(later, watching)
            try:
                result = self.future.result()
                if self.counts:
                    self.backend.commit(self.session)
                    return self.statement.answer(result.rows, result.touched)
            except Refused as refused:
                if not (before_its_turn and isinstance(refused, InsufficientCredits)):
                    return refused
            except psycopg.Error as error:
                return error
            before_its_turn = False
            self.ask()

    def _let_through(self, later: Sequence[_Begun], watching: Session) -> None:
        """Wait for it; all that came before it was their turn are given up where it has to wait for any of them."""
        while self.waits(watching):
            for other in later:
                if other.counts and other.is_through():
                    other.counts = False
                    other.session.give_up()
