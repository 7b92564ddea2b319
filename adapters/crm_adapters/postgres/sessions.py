"""How does one client talk to the database? As PostgREST does: a transaction for each request, in someone's role."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg
from attrs import frozen
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from crm_domain.ids import Principal
from crm_domain.rows import AUTH_USERS
from crm_domain.testing.comparing.own_ids import OwnIds

from .errors import ServerLost
from .literals import literal, name
from .operations import ASKER, Roles, filled

SETTINGS: Final = (
    "set timezone = 'UTC'",
    "set datestyle = 'ISO'",
    "set standard_conforming_strings = on",
    "set client_min_messages = 'warning'",
    "set statement_timeout = '60s'",
    "set synchronous_commit = off",  # what outlives a loss of power is not asked here
)
"""What is the same in every session, no matter what the database's defaults are."""

COMMIT, ROLLBACK, OPEN = "commit", "rollback", ""
"""How a transaction ends; `OPEN` if it goes on."""


@frozen
class Result:
    """The result of a statement.

    Attributes:
        rows: The rows that came back.
        touched: How many rows were found or changed.
    """

    rows: list[dict[str, Any]]
    touched: int


class Session:
    """One connection.

    Args:
        conninfo: Where to connect to.
        roles: What ``set role`` is given.
        begin: What else is sent at the beginning of each transaction, with the id of the user who asks in braces.
        ids: The ids that the database chose, in place of the kit's.

    Attributes:
        answered_at: When the server's last answer came, in nanoseconds of a clock that never jumps.

    Raises:
        psycopg.OperationalError: No one answers, or the login fails.
    """

    answered_at: int = 0

    def __init__(self, conninfo: str, roles: Roles, begin: str = "", ids: OwnIds | None = None) -> None:
        self._roles, self._begin, self._ids = roles, begin, ids or OwnIds()
        self.connection = psycopg.connect(conninfo, autocommit=True, row_factory=dict_row, connect_timeout=10)
        self.connection.adapters.register_loader("uuid", TextLoader)
        self.connection.execute("; ".join(SETTINGS))
        with suppress(psycopg.Error):  # a superuser may: who waits for each other in a circle is told so soon
            self.connection.execute("set deadlock_timeout = '50ms'")

    @property
    def pid(self) -> int:
        """The server's process for this connection."""
        return self.connection.info.backend_pid

    def transaction(
        self, principal: Principal, statements: Sequence[str], end: str = COMMIT, *, role: str = ""
    ) -> list[str]:
        """Return what is sent for statements of *principal*, in their role or another, as it would be typed."""
        asker = self._ids.theirs(AUTH_USERS.name, principal.user_id)
        role = role or self._roles.of(principal.role)
        who = json.dumps({**({"sub": str(asker)} if asker else {}), "role": role})
        begun = ["begin", *([f"set local role {name(role)}"] if role else [])]
        begun.append(f"set local request.jwt.claims = {literal(who)}")
        if self._begin:
            begun.append(filled(self._begin, {ASKER: literal(asker)}))
        return [*begun, *statements, *filter(None, [end])]

    def send(self, sent: Sequence[str], *, last: int) -> Result:
        """Send statements in one go, and return the result of the one at the place *last*, from the end.

        If one fails, the transaction is over, and nothing of it is left.

        Raises:
            psycopg.Error: What the server said.
            ServerLost: It says nothing any more.
        """
        try:
            try:
                cursor = self.connection.execute("; ".join(sent))
            finally:
                self.answered_at = time.monotonic_ns()
            for _ in range(len(sent) - last):
                cursor.nextset()
            return Result(cursor.fetchall() if cursor.description else [], max(cursor.rowcount, 0))
        except psycopg.Error as error:
            self.roll_back(error)
            raise

    def roll_back(self, error: psycopg.Error) -> None:
        """Give up the transaction in which *error* came.

        Raises:
            ServerLost: The server is gone.
        """
        try:
            self.connection.rollback()
        except psycopg.Error:
            raise ServerLost(f"the server went away: {_first_line(error)}") from None

    def close(self) -> None:
        """End the connection."""
        self.connection.close()


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
