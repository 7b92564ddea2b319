"""What comes next, for hundreds of thousands of requests? Seeded random walks.

They are made of the same requests as hypothesis' sequences, without its bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from crm_domain.command_log import LogLine

from ..histories import Lines
from .asking import Choose, Kind, line
from .themes import SCENES, THEMES, Scene, beginning, told_apart

_BLOCKS_MAX: Final = 4
_BLOCK_MAX: Final = 10

_TRIES_MAX: Final = 8
"""How often something else is looked for where nothing is wanted: a small backend's walks are no shorter than others."""

_ABOUT: Final[Sequence[Sequence[Kind] | Scene]] = (*THEMES, *SCENES)
"""What a block may be about."""


def walk(seed: int | str, *, wanted: Callable[[LogLine], bool] = lambda _: True) -> Lines:
    """Return the requests of one walk: the same for the same seed, in every process.

    Args:
        seed: Which walk.
        wanted: Says which requests are to be in it; others are made instead of the rest.
    """
    choose = Random(seed).choice  # noqa: S311 - no secret depends on it
    lines = list(filter(wanted, beginning(choose)))
    for n in range(1, choose(range(1, _BLOCKS_MAX + 1)) + 1):
        blocks = (_block(choose, wanted) for _ in range(_TRIES_MAX))
        lines += told_apart(next(filter(None, blocks), []), n)
    return Lines(lines)


def _block(choose: Choose, wanted: Callable[[LogLine], bool]) -> list[LogLine]:
    """Make requests about one thing, as far as they are wanted."""
    about = choose(_ABOUT)
    if callable(about):
        return list(filter(wanted, about(choose)))
    tries = ((line(choose, about) for _ in range(_TRIES_MAX)) for _ in range(choose(range(1, _BLOCK_MAX + 1))))
    return [found for each in tries if (found := next(filter(wanted, each), None)) is not None]
