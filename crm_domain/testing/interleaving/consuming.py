"""In which ways may a recording take its credit, when others record at the same time?

Each is a session for `crm_domain.testing.explore`: a generator that yields one statement after
another, is sent its answer, and returns whether the recording was accepted. Its transaction ends
where it says so, and at the end. One's own way is written likewise::

    def in_one_go() -> Session:
        return (yield Update("balance", by=-1, where=("balance", ">", 0)))
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, TypeAlias

from .transactions import Commit, Read, Step, Update

Session: TypeAlias = Generator[Step, Any, bool]
"""The steps of one session; it returns whether it got what it wanted."""

Way: TypeAlias = Callable[[], Session]
"""Starts a session. Given the same answers, it must take the same steps."""


def check_then_consume() -> Session:
    """Look at the balance, then take 1 from what it is by then ("Recording Creation Flow").

    The document's flow at its word: two sessions that look before either takes both get the last credit.
    """
    balance = yield Read("balance")
    if balance <= 0:
        return False
    yield Update("balance", by=-1)
    return True


def read_modify_write() -> Session:
    """Look at the balance, then set it to one less than what was seen.

    What a client does that has no SQL. The balance never shows that too much was sold: one of two
    updates is lost.
    """
    balance = yield Read("balance")
    if balance <= 0:
        return False
    yield Update("balance", to=balance - 1)
    return True


def row_lock() -> Session:
    """Look at the balance and hold the row until it has been changed (``SELECT … FOR UPDATE``)."""
    balance = yield Read("balance", for_update=True)
    if balance <= 0:
        return False
    yield Update("balance", by=-1)
    return True


def atomic() -> Session:
    """Check and consume in one statement, as the safeguard ``atomic_consume`` does."""
    taken = yield Update("balance", by=-1, where=("balance", ">", 0))
    return bool(taken)


def optimistic() -> Session:
    """Change the row only if no one has changed it since one looked; else look again."""
    while True:
        balance, version = yield Read("balance", "version")
        if balance <= 0:
            return False
        if (yield Update("balance", to=balance - 1, where=("version", "=", version))):
            return True
        yield Commit()


def constraint() -> Session:
    """Do as the document does, over a table with ``CHECK (credits_remaining >= 0)`` as its last line."""
    balance = yield Read("balance")
    if balance <= 0:
        return False
    taken = yield Update("balance", by=-1, check=("balance", ">=", 0))
    return bool(taken)


SAFE: Final[tuple[Way, ...]] = (row_lock, atomic, optimistic, constraint)
"""Those that never sell more than there is, next to one another too."""

OVERSELLING: Final[tuple[Way, ...]] = (check_then_consume, read_modify_write)
"""Those that sell too much as soon as there are more sessions than credits."""
