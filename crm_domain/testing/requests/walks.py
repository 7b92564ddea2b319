"""What comes next, for hundreds of thousands of requests? Seeded random walks.

They are made of the same requests as hypothesis' sequences, without its bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from crm_domain.command_log import LogLine

from ..histories import Lines
from .asking import Kind, line
from .themes import SCENES, THEMES, Scene, beginning, told_apart

_BLOCKS_MAX: Final = 4
_BLOCK_MAX: Final = 10

_ABOUT: Final[Sequence[Sequence[Kind] | Scene]] = (*THEMES, *SCENES)
"""What a block may be about."""


def walk(seed: int | str, *, wanted: Callable[[LogLine], bool] = lambda _: True) -> Lines:
    """Return the requests of one walk: the same for the same seed, in every process.

    Args:
        seed: Which walk.
        wanted: Tells which requests are to be in it.
    """
    choose = Random(seed).choice  # noqa: S311 - no secret depends on it
    lines = beginning(choose)
    for n in range(1, choose(range(1, _BLOCKS_MAX + 1)) + 1):
        about = choose(_ABOUT)
        if callable(about):
            block = about(choose)
        else:
            block = [line(choose, about) for _ in range(choose(range(1, _BLOCK_MAX + 1)))]
        lines += told_apart(block, n)
    return Lines(filter(wanted, lines))
