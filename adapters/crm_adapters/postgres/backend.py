"""How is someone's PostgreSQL driven by the conformance kit? As the document's front end and service would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from crm_domain.commands import Command
from crm_domain.errors import Refused, UniqueViolation
from crm_domain.ids import SERVICE, Principal
from crm_domain.reads import Select
from crm_domain.rows import table_named
from crm_domain.rules import CreditPolicy
from crm_domain.testing import Probe

from .errors import ServerLost
from .literals import literal
from .overlapping import overlapped
from .probes import probes
from .reach import reach
from .refusals import refusal_of
from .scratch import Scratch, told
from .sessions import COMMIT, OPEN, ROLLBACK, Result, Session
from .statements import Made, Statement, selects, statement_of

_TRUNCATE_EVERY: Final = 64
"""A delete is quicker than a truncate, and leaves dead rows behind: now and then they are taken away."""


_TAKEN: Final = "The kit's id stands for another one of the database's, and so is taken."


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
        """Start over: every table is empty that was so in the beginning.

        Raises:
            ServerLost: The server is gone.
        """
        tables = self._scratch.tables
        self._sent.clear()
        self.catalog.ids.clear()
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

    @property
    def tolerated(self) -> tuple[str, ...]:
        """What it may do otherwise than the rules, by the file of operations."""
        return self.catalog.operations.tolerated

    def credit_policy(self, usual: CreditPolicy) -> CreditPolicy:
        """Return the policy that it is held to: what the file of operations says, and the *usual* one."""
        return self.catalog.operations.policy.policy(usual)

    def execute(self, principal: Principal, command: Any) -> Any:
        """Execute a command, or answer a read.

        Raises:
            Refused: The database declines it.
            NotImplementedError: It has no such thing.
        """
        if isinstance(command, Select):
            return self.select(principal, command.table.name, command.where)
        return self._asked(principal, statement_of(command, self.catalog, principal))

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        """Return the rows that *principal* sees and that meet *where*."""
        relation = self.catalog.readable(table_named(table))
        first, *others = selects(relation.table, relation.table.atoms(where), self.catalog)
        rows = self._read(principal, first, others)
        if not (relation.names or relation.cost > 1 or self._makes_ids):
            return rows
        return [relation.shown(row, self.catalog.ids if self._makes_ids else None) for row in rows]

    def _read(self, principal: Principal, first: str, others: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows that *first* finds, and what is found under other names of the same table besides."""
        refused, rows = None, []
        try:
            rows = self.send(principal, [first]).rows
        except Refused as error:
            refused = error
        for other in others:
            with suppress(Refused):
                rows += [row for row in self.send(principal, [other]).rows if row not in rows]
        if refused is not None and not rows:
            raise refused
        return rows

    def execute_overlapping(self, requests: Sequence[tuple[Principal, Command]]) -> Sequence[Any]:
        """Execute commands in as many sessions, each begun before any of them commits."""
        statements = [statement_of(command, self.catalog, principal) for principal, command in requests]
        if not all(statement.sendable and not self._is_taken(statement.made) for statement in statements):
            return [self._outcome(principal, command) for principal, command in requests]
        while len(self._sessions) <= len(requests):
            self._another_session()
        asked = [(principal, statement) for (principal, _), statement in zip(requests, statements, strict=True)]
        return overlapped(self, asked, self._sessions[: len(requests) + 1])

    def sent(self) -> Sequence[str]:
        """Return what was sent since the last `reset`, as it would be typed into psql."""
        return tuple(self._sent)

    def probes(self) -> Iterable[Probe]:
        """Return what is tried besides the commands: ways in that only PostgreSQL has."""
        return (*probes(self), *reach(self))

    # --- how it is asked --------------------------------------------------------------------

    def _asked(self, principal: Principal, statement: Statement) -> Any:
        """Ask for one statement, in a transaction of its own, or for several."""
        try:
            result = self._first(principal, statement)
        except Refused as refused:
            found = self._under_other_names(principal, statement)
            if found is None:
                raise statement.refused(refused) from None
            result = found
        else:
            if not result.touched:
                result = self._under_other_names(principal, statement) or result
        return self.finished(principal, statement, result)

    def _first(self, principal: Principal, statement: Statement) -> Result:
        made = statement.made if statement.sendable else None
        is_taken = self._is_taken(made)
        end = ROLLBACK if not statement.sendable else OPEN if made else COMMIT
        try:
            result = self.begun(self._session, principal, statement, end=end)
        except Refused as refused:
            if is_taken and refused.precedence > UniqueViolation.precedence:
                raise UniqueViolation(_TAKEN) from None
            raise
        if made:
            self._take_over(made, statement, result)
        return result

    def _under_other_names(self, principal: Principal, statement: Statement) -> Result | None:
        """Ask for the same under other names of the table; return None if that does nothing either."""
        for sql in statement.also if statement.sendable else ():
            with suppress(Refused):
                result = self.send(principal, [sql])
                if result.touched:
                    return result
        return None

    def begun(self, session: Session, principal: Principal, statement: Statement, *, end: str) -> Result:
        """Send the first of a request's statements, as the one who asks, or as the service does for them.

        Raises:
            Refused: The database declines it.
        """
        return self._part(session, principal, statement, 0, end)

    def finished(self, principal: Principal, statement: Statement, result: Result) -> Any:
        """Send the rest of a request's statements, if there are several, and return the answer.

        Raises:
            Refused: The database declines one; what the earlier ones did stays done, as in a server.
        """
        for n in range(1, len(statement.parts)):
            end = COMMIT if statement.sendable else ROLLBACK
            result = self._part(self._session, principal, statement, n, end)
        answer = statement.answered(result)
        if statement.made is None:
            return answer
        return self._in_our_ids(statement.made, answer)

    def _part(self, session: Session, principal: Principal, statement: Statement, n: int, end: str) -> Result:
        part = statement.parts[n]
        who = SERVICE if part.by_service else principal
        result = self.run(session, who, [part.sql], end=end, role=statement.role if who == SERVICE else "")
        try:
            part.check(result)
        except Refused:
            if end == OPEN:
                self.type_in(session, [ROLLBACK], last=1)
            raise
        return result

    # --- ids that the database chooses ------------------------------------------------------

    @property
    def _makes_ids(self) -> bool:
        return self.catalog.makes_ids

    def _is_taken(self, made: Made | None) -> bool:
        """Tell whether the kit's id stands for a row that is there; of a row that is gone, it is free again."""
        if made is None or made.ours is None or not self.catalog.ids.knows(made.table, made.ours):
            return False
        relation = self.catalog.relations.get(made.table)
        if relation is None:
            return True
        column = relation.table.by_name[relation.table.key]
        theirs = literal(self.catalog.ids.theirs(made.table, made.ours))
        with self.untold():
            found = self.look_up(f"select 1 from {relation.sql} where {relation.name(column.name)} = {theirs}")
        if not found:
            self.catalog.ids.forget(made.table, made.ours)
        return bool(found)

    def _take_over(self, made: Made, statement: Statement, result: Result) -> None:
        """Note the id that came back, and commit; what the kit calls by a name that is taken, is not done."""
        theirs = (statement.answer(result.rows, result.touched) or {}).get(made.part)
        if theirs is not None and (made.ours is None or self.catalog.ids.learn(made.table, made.ours, theirs)):
            self.commit(self._session)
            return
        self.type_in(self._session, [ROLLBACK], last=1)
        if theirs is None:
            raise LookupError(f"it was told no {made.part}, and gave none back: {statement.sql}")
        raise UniqueViolation(_TAKEN)

    def _in_our_ids(self, made: Made, answer: Any) -> Any:
        theirs = answer[made.part]
        if made.ours is not None:
            self.catalog.ids.learn(made.table, made.ours, theirs)  # where several overlapped, it is not known yet
        return {**answer, made.part: self.catalog.ids.ours(made.table, theirs)}

    def send(self, principal: Principal, statements: Sequence[str], *, end: str = COMMIT) -> Result:
        """Send one transaction in the session that everything is asked in, as `run` does."""
        return self.run(self._session, principal, statements, end=end)

    @contextmanager
    def untold(self) -> Iterator[None]:
        """Leave what is sent in the block out of what `sent` says."""
        told = len(self._sent)
        try:
            yield
        finally:
            del self._sent[told:]

    def look_up(self, query: str) -> Sequence[dict[str, Any]]:
        """Return what a query of the catalogue finds."""
        self._sent.append(f"{query.strip()};")
        return self._session.connection.execute(query).fetchall()

    def run(
        self, session: Session, principal: Principal, statements: Sequence[str], *, end: str = COMMIT, role: str = ""
    ) -> Result:
        """Send one transaction, and return the result of the last of its *statements*.

        Raises:
            Refused: The database declines it.
            psycopg.Error: Something broke.
            ServerLost: The server is gone.
        """
        sent = session.transaction(principal, statements, end, role=role)
        return self.type_in(session, sent, last=1 if end == OPEN else 2)

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
        """Send statements as they are, no matter what is open, and return the result of one, counted from the end."""
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
        operations = self.catalog.operations
        session = Session(self._scratch.conninfo, operations.roles, operations.session.begin, self.catalog.ids)
        self._sessions.append(session)
        return session

    def _tries(self, text: str) -> bool:
        try:
            self._session.connection.execute(text)
        except psycopg.Error:
            return False
        return True
