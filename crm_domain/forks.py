"""What becomes of that which threads share, when their process is forked?

Of all threads, only the one that forks is in the child. A lock that another one had is given back there
by no one, and what it was doing stays half done: who has locks is asked to make new ones.
"""

from __future__ import annotations

import os
from typing import Final, Protocol
from weakref import WeakSet


class Shared(Protocol):
    """What threads share, and so a child process inherits."""

    def forked(self) -> None:
        """Go on in a child process, before anything else happens there."""


_SHARED: Final[WeakSet[Shared]] = WeakSet()


def tell_in_children(shared: Shared) -> None:
    """Have *shared* called in every child process from now on."""
    _SHARED.add(shared)


def _after_fork() -> None:  # pragma: no cover - runs in the child alone
    for shared in tuple(_SHARED):
        shared.forked()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_after_fork)
