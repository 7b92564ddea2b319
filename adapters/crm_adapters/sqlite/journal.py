"""The journal in SQLite: a table to which rows are added, and which no statement of ours changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from crm_domain.events import Event, concerned
from crm_domain.ids import Principal, Role, UserId
from crm_domain.ports import JournalEntry

from .codec import event_from, event_text, time_text
from .connection import Connection
from .errors import StoreError
from .rows import KEPT_MAX, WAITING_MAX

_INSERT: Final = "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LAST: Final = "SELECT max(position) FROM journal"
_VERSION: Final = "SELECT max(version) FROM journal WHERE account IS ?"
_PAGE_OF: Final = "SELECT * FROM journal WHERE account = ? AND version > ? ORDER BY version LIMIT 1000"
_PAGE: Final = "SELECT * FROM journal WHERE position > ? AND position <= ? ORDER BY position LIMIT 1000"


class SqliteJournal:
    """The append-only journal of a file; it may be read by any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._new: list[tuple[Any, ...]] = []
        self._length: int | None = None
        self._version_of: dict[UserId | None, int] = {}
        connection.caches.append(self.forget)

    def __len__(self) -> int:
        with self._connection.lock:
            if not self._connection.active:
                self._connection.look()
            if self._length is None:
                self._length = self._connection.value(_LAST) or 0
            return self._length

    def append(self, events: Sequence[Event], *, at: datetime, principal: Principal, key: str | None) -> int:
        """Append the events of one command; return the version that their first account now has, 0 without any."""
        connection, new = self._connection, self._new
        connection.waiting[self.flush] = None
        time, role, user_id = time_text(at), principal.role.value, principal.user_id
        first: UserId | None = None
        for position, event in enumerate(events, start=len(self) + 1):
            account = concerned(event)
            version = self._version_of[account] = self._version(account) + 1
            new.append((position, time, role, user_id, account, version, key, *event_text(event)))
            self._length = position
            first = first or account
        if len(new) >= WAITING_MAX:
            self.flush()
        return 0 if first is None else self._version(first)

    def entries(self, *, after: int = 0, upto: int | None = None) -> Iterator[JournalEntry]:
        """Yield the entries at positions above *after*, up to and with *upto*."""
        last = len(self) if upto is None else min(upto, len(self))
        return self._from(after, last)

    def _from(self, after: int, last: int) -> Iterator[JournalEntry]:
        while page := self._read(_PAGE, (after, last)):
            after = page[-1][0]
            for stored in page:
                yield self._entry(*stored)

    def entries_of(self, account: UserId) -> Iterator[JournalEntry]:
        """Yield the entries that concern this account, found by an index."""
        version = 0
        while page := self._read(_PAGE_OF, (account, version)):
            version += len(page)
            for stored in page:
                yield self._entry(*stored)

    def version_of(self, account: UserId) -> int:
        """Return the number of events that concern this account."""
        with self._connection.lock:
            if not self._connection.active:
                self._connection.look()
            return self._version(account)

    def flush(self) -> None:
        """Write what was appended."""
        if self._new:
            self._connection.executemany(_INSERT, self._new)
            self._new.clear()

    def forget(self) -> None:
        """Forget what is in memory, written or not."""
        self._new.clear()
        self._version_of.clear()
        self._length = None

    def trim(self) -> None:
        """Forget the accounts' versions if there are too many of them."""
        if len(self._version_of) > KEPT_MAX:
            self._version_of.clear()

    def _read(self, sql: str, bounds: tuple[Any, ...]) -> Sequence[Any]:
        with self._connection.lock:
            self.flush()
            if not self._connection.active:
                self._connection.look()
            return self._connection.rows(sql, bounds)

    def _version(self, account: UserId | None) -> int:
        version = self._version_of.get(account)
        if version is None:
            version = self._version_of[account] = self._connection.value(_VERSION, (account,)) or 0
        return version

    def _entry(self, *stored: Any) -> JournalEntry:
        try:
            return entry_of(*stored)
        except ValueError as error:
            raise StoreError(self._connection.path, f"journal position {stored[0]}: {error}") from error


def entry_of(
    position: int,
    at: str,
    role: str,
    user_id: str | None,
    account: str | None,
    version: int,
    key: str | None,
    type_name: str,
    schema_version: int,
    data: str,
) -> JournalEntry:
    """Return the entry that a row of the journal keeps.

    Raises:
        ValueError: It cannot be read.
    """
    return JournalEntry(
        position=position,
        at=datetime.fromisoformat(at),
        principal=Principal(Role(role), user_id),
        account=None if account is None else UserId(account),
        version=version,
        idempotency_key=key,
        event=event_from(type_name, schema_version, data),
    )
