"""How is a retry distinguished from a new command? By an idempotency key that is claimed in the command's own transaction."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import psycopg

from crm_domain.commands import Command
from crm_domain.errors import Conflict, Refused
from crm_domain.idempotency import fingerprint
from crm_domain.ids import Principal
from crm_domain.values import text_fault

from .backend import PostgresBackend
from .literals import literal
from .operations import KEYED, Operations, read_operations
from .scratch import Scratch
from .sessions import COMMIT, OPEN, ROLLBACK, Result
from .statements import Statement, called, statement_of

_TRIES: Final = 5


class KeyedPostgresBackend(PostgresBackend):
    """A database that knows idempotency keys; otherwise as `PostgresBackend`."""

    def execute_keyed(self, principal: Principal, command: Command, key: str) -> Any:
        """Execute a command under an idempotency key: a retry is answered, not done again.

        Only with a key may what the server gave up be tried again, because others were in the way:
        without one, no one knows whether it was done.

        Raises:
            ValueError: The key holds what no database stores.
        """
        fault = text_fault(key)
        if fault is not None:
            raise ValueError(f"key: it {fault}")
        statement = statement_of(command, self.catalog, principal)
        if len(statement.parts) > 1 or statement.made:
            raise NotImplementedError("an idempotency key is kept in one transaction, by the ids that are given")
        claim = self._call("use_idempotency_key", key=key, fingerprint=fingerprint(command))
        return _retried(lambda: self._once(principal, statement, claim, key))

    def _once(self, principal: Principal, statement: Statement, claim: str, key: str) -> Any:
        try:
            claimed = self.send(principal, [claim], end=OPEN)
        except Conflict as conflict:
            raise self._refused_before(conflict, principal, statement) from None
        (known,) = claimed.rows[0].values()
        if known is not None:
            self._go_on(COMMIT)
            return known["answer"]
        try:
            result = self._go_on(statement.sql)
            answer = statement.answered(result)
        except Refused as refused:
            self._go_on(ROLLBACK)
            raise statement.refused(refused) from None
        self._go_on(self._call("answer_idempotency_key", key=key, answer=json.dumps(answer)))
        self._go_on(COMMIT)
        return answer

    def _refused_before(self, conflict: Conflict, principal: Principal, statement: Statement) -> Refused:
        """Return why a command is refused whose key was used for another: what comes first of that and the rest."""
        try:
            statement.answered(self.send(principal, [statement.sql], end=ROLLBACK))
        except Refused as refused:
            return min(conflict, statement.refused(refused), key=lambda refused: refused.precedence)
        return conflict

    def _go_on(self, statement: str) -> Result:
        return self.type_in(self._session, [statement], last=1)

    def _call(self, wanted: str, **arguments: str) -> str:
        return called(self.catalog.operation(wanted), {n: literal(v) for n, v in arguments.items()})


def _retried(once: Callable[[], Any]) -> Any:
    for _ in range(_TRIES - 1):
        try:
            return once()
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            continue
    return once()


def opened(dsn: str, *, operations: Operations | None = None, i_know: bool = False) -> PostgresBackend:
    """Return a backend that drives a copy of a database's structure; to be closed.

    Args:
        dsn: The database, as libpq takes it; it is only read.
        operations: How the service's operations are called there; by default as this library's
            migrations have it.
        i_know: Whether the database may hold rows; they are not touched.

    Raises:
        PostgresError: It cannot be examined; the message says why. Nothing is left behind.

    Example::

        with opened("postgresql:///empty") as backend:
            conformance(backend).assert_held()
    """
    scratch = Scratch(dsn, operations or read_operations(), i_know=i_know)
    try:
        knows_keys = all(map(scratch.catalog.has, KEYED))
        return KeyedPostgresBackend(scratch) if knows_keys else PostgresBackend(scratch)
    except BaseException:
        scratch.close()
        raise
