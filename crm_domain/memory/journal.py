"""The journal in memory: what happened, in order, small enough to keep for ever.

Five slots of one flat list instead of an object an event: an event's payload is a tuple of
atoms (for a stored row the very tuple that the table keeps), which costs the garbage collector
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from ..events import ACCOUNT_AT, PAYLOAD_OF, Event, from_payload
from ..ids import Principal, UserId
from ..ports import JournalEntry

_SLOTS: Final = 5  # type, payload, time, principal, version


_TAKEN_APART: Final = {kind: (payload_of, ACCOUNT_AT[kind]) for kind, payload_of in PAYLOAD_OF.items()}


class MemoryJournal:
    """An append-only journal, held in memory."""

    def __init__(self) -> None:
        self._flat: list[Any] = []
        self._keys: dict[int, str] = {}
        self._version_of: dict[UserId | None, int] = {}

    def __len__(self) -> int:
        return len(self._flat) // _SLOTS

    def append(self, events: Sequence[Event], *, at: datetime, principal: Principal, key: str | None) -> int:
        """Append the events of one command; return the version that their first account now has, 0 without any."""
        flat, versions = self._flat, self._version_of
        first: UserId | None = None
        for event in events:
            kind = type(event)
            payload_of, account_at = _TAKEN_APART[kind]
            payload = payload_of(event)
            account = payload[account_at]
            version = versions.get(account, 0) + 1
            flat += (kind, payload, at, principal, version)  # at once, so that an interrupt does not cut it in two
            versions[account] = version
            if first is None:
                first = account
            if key is not None:
                self._keys[len(self)] = key
        return 0 if first is None else versions[first]

    def entries(self, *, after: int = 0, upto: int | None = None) -> Iterator[JournalEntry]:
        """Yield the entries at positions above *after*, up to and with *upto*."""
        last = len(self) if upto is None else min(upto, len(self))
        return map(self._entry, range(after, last))

    def entries_of(self, account: UserId) -> Iterator[JournalEntry]:
        """Yield the entries that concern this account; all others are passed over one by one."""
        for n in range(len(self)):
            kind, payload = self._flat[n * _SLOTS : n * _SLOTS + 2]
            if payload[ACCOUNT_AT[kind]] == account:
                yield self._entry(n)

    def version_of(self, account: UserId) -> int:
        """Return the number of events that concern this account."""
        return self._version_of.get(account, 0)

    def truncate(self, length: int) -> None:
        """Forget all events after the first *length*, as a rollback does."""
        for n in range(len(self), length, -1):
            kind, payload, _, _, version = self._flat[(n - 1) * _SLOTS :]
            account = payload[ACCOUNT_AT[kind]]
            if version == 1:
                self._version_of.pop(account, None)
            else:
                self._version_of[account] = version - 1
            self._keys.pop(n, None)
            del self._flat[(n - 1) * _SLOTS :]

    def _entry(self, n: int) -> JournalEntry:
        kind, payload, at, principal, version = self._flat[n * _SLOTS : (n + 1) * _SLOTS]
        return JournalEntry(
            position=n + 1,
            at=at,
            principal=principal,
            account=payload[ACCOUNT_AT[kind]],
            version=version,
            idempotency_key=self._keys.get(n + 1),
            event=from_payload(kind, payload),
        )
