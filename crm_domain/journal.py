"""The journal in memory: what happened, in order, small enough to keep for ever.

Columns instead of objects: an event's payload is a tuple of atoms (for a stored row the very
tuple that the table keeps), which costs the garbage collector nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from .events import ACCOUNT_AT, PAYLOAD_OF, Event, from_payload
from .ids import Principal, UserId
from .ports import JournalEntry


class MemoryJournal:
    """An append-only journal, held in memory."""

    def __init__(self) -> None:
        self._types: list[type[Event]] = []
        self._payloads: list[Any] = []
        self._times: list[datetime] = []
        self._principals: list[Principal] = []
        self._versions = array("q")
        self._keys: dict[int, str] = {}
        self._version_of: dict[UserId | None, int] = {}

    def __len__(self) -> int:
        return len(self._types)

    def append(self, events: Sequence[Event], *, at: datetime, principal: Principal, key: str | None) -> int:
        """Append the events of one command; return the version that the first one's account now has."""
        versions = self._version_of
        for event in events:
            kind = type(event)
            payload = PAYLOAD_OF[kind](event)
            account = payload[ACCOUNT_AT[kind]]
            versions[account] = version = versions.get(account, 0) + 1
            self._types.append(kind)
            self._payloads.append(payload)
            self._times.append(at)
            self._principals.append(principal)
            self._versions.append(version)
            if key is not None:
                self._keys[len(self._types)] = key
        first = events[0]
        return versions[PAYLOAD_OF[type(first)](first)[ACCOUNT_AT[type(first)]]]

    def entries(self, *, after: int = 0, upto: int | None = None) -> Iterator[JournalEntry]:
        """Yield the entries at positions above *after*, up to and with *upto*."""
        last = len(self) if upto is None else min(upto, len(self))
        for n in range(after, last):
            kind, payload = self._types[n], self._payloads[n]
            yield JournalEntry(
                position=n + 1,
                at=self._times[n],
                principal=self._principals[n],
                account=payload[ACCOUNT_AT[kind]],
                version=self._versions[n],
                idempotency_key=self._keys.get(n + 1),
                event=from_payload(kind, payload),
            )

    def version_of(self, account: UserId) -> int:
        """Return the number of events that concern this account."""
        return self._version_of.get(account, 0)

    def truncate(self, length: int) -> None:
        """Forget all events after the first *length*, as a rollback does."""
        for n in range(len(self) - 1, length - 1, -1):
            account = self._payloads[n][ACCOUNT_AT[self._types[n]]]
            if self._versions[n] == 1:
                del self._version_of[account]
            else:
                self._version_of[account] = self._versions[n] - 1
            self._keys.pop(n + 1, None)
        for column in (self._types, self._payloads, self._times, self._principals, self._versions):
            del column[length:]
