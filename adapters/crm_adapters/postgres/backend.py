"""How is somebody's PostgreSQL driven by the conformance kit? As the document's front end and service would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from crm_domain.commands import Command
from crm_domain.errors import Refused
from crm_domain.ids import Principal
from crm_domain.reads import Select
from crm_domain.rows import table_named
from crm_domain.testing import Probe

from .errors import ServerLost
from .overlapping import overlapped
from .probes import probes
from .refusals import refusal_of
from .scratch import Scratch, told
from .sessions import COMMIT, OPEN, ROLLBACK, Result, Session
from .statements import Statement, select, statement_of

_TRUNCATE_EVERY: Final = 64
"""A delete is quicker than a truncate, and leaves dead rows behind: now and then they are taken away."""


class PostgresBackend:
    """A database with the document's tables, as the conformance kit drives it.

    Its structure is copied into a scratch database, which is driven, reset again and again, and
    dropped by `close`; the database itself is only read. Each request is one transaction, under
    ``set local role`` and ``request.jwt.claims``: plain INSERT, SELECT, UPDATE and DELETE, and for
    the service's operations what `operations` says.

    `crm_adapters.postgres.opened` makes one, which also knows idempotency keys if the database does.

    Args:
        scratch: The scratch database.
        is_owner: Whether it is dropped by `close`.
    """

    def __init__(self, scratch: Scratch, *, is_owner: bool = True) -> None:
        self.catalog = scratch.catalog
        self._scratch, self._is_owner = scratch, is_owner
        self._sent: list[str] = []
        self._resets = 0
        self._sessions: list[Session] = []
        self._session = self._another_session()
        self._may_replicate = self._tries("set session_replication_role = replica; reset session_replication_role")

    def connect(self) -> PostgresBackend:
        """Return another client of the same scratch database, to be closed before this one."""
        return type(self)(self._scratch, is_owner=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connections, and drop the scratch database.

        Raises:
            ServerLost: The server went away and did not come back.
        """
        for session in self._sessions:
            session.close()
        if self._is_owner:
            self._scratch.close()

    # --- what the kit asks ------------------------------------------------------------------

    def reset(self) -> None:
        """Begin anew: every table is empty that was so in the beginning.

        Raises:
            ServerLost: The server is gone.
        """
        tables = self._scratch.tables
        self._sent.clear()
        self._resets += 1
        if self._may_replicate and self._resets % _TRUNCATE_EVERY:
            deletes = "; ".join(f"delete from {table}" for table in tables)
            text = f"set session_replication_role = replica; {deletes}; reset session_replication_role"
        else:
            text = f"truncate {', '.join(tables)} cascade"
        try:
            self._session.connection.execute(text)
        except psycopg.Error as error:
            raise ServerLost(f"its tables cannot be emptied any more: {told(error)}") from None

    def execute(self, principal: Principal, command: Any) -> Any:
        """Execute a command, or answer a read.

        Raises:
            Refused: The database declines it.
            NotImplementedError: It has no such thing.
        """
        if isinstance(command, Select):
            return self.select(principal, command.table.name, command.where)
        return self._asked(principal, statement_of(command, self.catalog))

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        """Return the rows that *principal* sees and that meet *where*."""
        relation = self.catalog.relation(table_named(table))
        given = relation.table.atoms(where)
        rows = self.send(principal, [select(relation, given)]).rows
        return [relation.renamed(row) for row in rows]

    def execute_overlapping(self, requests: Sequence[tuple[Principal, Command]]) -> Sequence[Any]:
        """Execute commands in as many sessions, each begun before any of them commits."""
        statements = [statement_of(command, self.catalog) for _, command in requests]
        if not all(statement.sendable for statement in statements):
            return [self._outcome(principal, command) for principal, command in requests]
        while len(self._sessions) <= len(requests):
            self._another_session()
        asked = [(principal, statement) for (principal, _), statement in zip(requests, statements, strict=True)]
        return overlapped(self, asked, self._sessions[: len(requests) + 1])

    def sent(self) -> Sequence[str]:
        """Return what was sent since the last `reset`, as it would be typed into psql."""
        return tuple(self._sent)

    def probes(self) -> Iterable[Probe]:
        """Return what is tried beside the commands: ways in that only PostgreSQL has."""
        return probes(self)

    # --- how it is asked --------------------------------------------------------------------

    def _asked(self, principal: Principal, statement: Statement) -> Any:
        """Ask for one statement, in a transaction of its own."""
        try:
            result = self.send(principal, [statement.sql], end=COMMIT if statement.sendable else ROLLBACK)
        except Refused as refused:
            raise statement.refused(refused) from None
        return statement.answered(result)

    def send(self, principal: Principal, statements: Sequence[str], *, end: str = COMMIT) -> Result:
        """Send one transaction in the session that everything is asked in, as `run` does."""
        return self.run(self._session, principal, statements, end=end)

    @contextmanager
    def untold(self) -> Iterator[None]:
        """Leave what is sent in the block out of what `sent` tells."""
        told = len(self._sent)
        try:
            yield
        finally:
            del self._sent[told:]

    def look_up(self, query: str) -> Sequence[dict[str, Any]]:
        """Return what a query of the catalogue finds."""
        self._sent.append(f"{query.strip()};")
        return self._session.connection.execute(query).fetchall()

    def run(self, session: Session, principal: Principal, statements: Sequence[str], *, end: str = COMMIT) -> Result:
        """Send one transaction, and return the result of the last of its *statements*.

        Raises:
            Refused: The database declines it.
            psycopg.Error: Something broke.
            ServerLost: The server is gone.
        """
        return self.type_in(session, session.transaction(principal, statements, end), last=1 if end == OPEN else 2)

    def warnings_of(self, principal: Principal, statements: Sequence[str]) -> Sequence[str]:
        """Return what the server warns of in one transaction, in a session of its own, which is rolled back.

        Raises:
            ServerLost: The server is gone.
        """
        heard: list[str] = []
        try:
            session = Session(self._scratch.conninfo, self.catalog.operations.roles)
        except psycopg.OperationalError as error:
            raise ServerLost(f"the server lets no new session in: {told(error)}") from None
        session.connection.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
        sent = session.transaction(principal, statements, ROLLBACK)
        self._sent.append("; ".join(sent) + "; -- in a new session")
        try:
            with suppress(psycopg.Error):
                session.send(sent, last=2)
        finally:
            session.close()
        return heard

    def commit(self, session: Session) -> None:
        """Commit what `run` left open; otherwise as that."""
        self.type_in(session, [COMMIT], last=1)

    def type_in(self, session: Session, sent: Sequence[str], *, last: int) -> Result:
        """Send statements as they are, whatever is open, and return the result of one, counted from the end."""
        number = self._sessions.index(session)
        self._sent.append("; ".join(sent) + ";" + (f" -- session {number + 1}" if number else ""))
        try:
            return session.send(sent, last=last)
        except psycopg.Error as error:
            raise refusal_of(error, self.catalog.operations.refusals) or error from error

    def _outcome(self, principal: Principal, command: Command) -> Any:
        try:
            return self.execute(principal, command)
        except Refused as refused:
            return refused

    def _another_session(self) -> Session:
        session = Session(self._scratch.conninfo, self.catalog.operations.roles)
        self._sessions.append(session)
        return session

    def _tries(self, text: str) -> bool:
        try:
            self._session.connection.execute(text)
        except psycopg.Error:
            return False
        return True
