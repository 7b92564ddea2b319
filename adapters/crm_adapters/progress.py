"""How does long work report how far it is?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], object]
"""Is called during long work with what is being done, how much of it is done, and how much there is."""


def in_silence(_what: str, _done: int, _total: int) -> None:
    """Tell no one of any progress."""
