"""What are subscribers still to hear?

Entries wait here from their commit until every subscriber was called. An interrupt at any moment
loses none: what is about to be kept is written down before the commit, and whether it was kept is
settled with the journal if the commit did not return.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import RLock, get_ident
from typing import Final, TypeAlias

from .ports import Journal, JournalEntry

Subscriber: TypeAlias = Callable[[JournalEntry], object]
"""Is called with every event after its commit, in the order of the journal."""

_log: Final = logging.getLogger(__name__)


class Outbox:
    """The subscribers of one `Crm`, and the entries that wait for them.

    Attributes:
        subscribers: Who is called, in this order.
        entries: What they are to hear, the oldest first.
    """

    def __init__(self) -> None:
        self.subscribers: list[Subscriber] = []
        self.entries: deque[JournalEntry] = deque()
        self._uncommitted: tuple[JournalEntry, ...] = ()
        self._left: Iterator[Subscriber] | None = None
        self._lock = RLock()
        self._delivering = 0

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have *subscriber* called from now on; return what ends it."""
        self.subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self.subscribers:
                self.subscribers.remove(subscriber)

        return unsubscribe

    def prepare(self, journal: Journal, *, after: int) -> None:
        """Take note of the entries above position *after*, which are about to be committed."""
        if self.subscribers:
            self._uncommitted = tuple(journal.entries(after=after))

    def publish(self) -> None:
        """Have what was prepared delivered: it was committed."""
        committed, self._uncommitted = self._uncommitted, ()
        self.entries.extend(committed)  # no signal is looked for between the two statements

    def settle(self, journal: Journal) -> None:
        """Find out whether what was prepared was kept, after a commit that did not return."""
        if self._uncommitted:
            first, last = self._uncommitted[0].position, self._uncommitted[-1].position
            kept: tuple[JournalEntry, ...] = ()
            with suppress(Exception):  # a store that is broken: it says so itself when it is used
                kept = tuple(journal.entries(after=first - 1, upto=last))
            if kept != self._uncommitted:
                self._uncommitted = ()
            self.publish()

    def deliver(self) -> None:
        """Call the subscribers for all that waits, one thread at a time so that the order holds."""
        while self.entries:
            mine = False
            try:
                with self._lock:
                    mine, self._delivering = not self._delivering, self._delivering or get_ident()
                while mine and self.entries:
                    self._tell()
            finally:
                if mine:
                    self._delivering = 0
            if not mine:
                return

    def forked(self) -> None:  # pragma: no cover - runs in the child alone
        """Go on in a child process: a thread that was telling is not there any more."""
        self._lock = RLock()
        if self._delivering != get_ident():
            self._delivering, self._left = 0, None

    def _tell(self) -> None:
        """Call every subscriber for the oldest entry, or those whose turn an interrupt took.

        No signal is looked for between the iterator's step and the call, nor between the last two
        statements: so none is left out, and none is called again.
        """
        entry = self.entries[0]
        if self._left is None:
            self._left = iter(tuple(self.subscribers))
        for subscriber in self._left:
            try:
                subscriber(entry)
            except Exception:  # noqa: BLE001 - it harms neither the state nor the other subscribers
                _log.exception("A subscriber failed at position %d; the event stands", entry.position)
        self._left = None
        self.entries.popleft()
