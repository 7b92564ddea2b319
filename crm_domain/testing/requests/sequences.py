"""In which order are things asked? Hypothesis strategies for sequences of requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from hypothesis import strategies as st

from crm_domain.command_log import LogLine

from ..histories import Lines
from .strategies import made, requests
from .themes import SCENES, THEMES, beginning, overlap, told_apart
from .walks import walk


def overlaps() -> st.SearchStrategy[list[LogLine]]:
    """Return a strategy for commands that overlap in time."""
    return made(overlap)


@cache
def _blocks() -> st.SearchStrategy[list[LogLine]]:
    # Lists of hypothesis' own, which it knows how to make shorter.
    return st.one_of(*(st.lists(requests(kinds), max_size=10) for kinds in THEMES), *map(made, SCENES))


@st.composite
def command_sequences(draw: st.DrawFn, *, at_most: int = 10) -> Lines:
    """Return lines of a command log, by several principals.

    Args:
        draw: Hypothesis gives it.
        at_most: How many blocks there are; a block is up to ten lines, or three that overlap.
    """
    lines = draw(made(beginning))
    for n, block in enumerate(draw(_sequences_of_blocks(at_most)), start=1):
        lines += told_apart(block, n)
    return Lines(lines)


@cache
def _sequences_of_blocks(at_most: int) -> st.SearchStrategy[list[list[LogLine]]]:
    return st.lists(_blocks(), max_size=at_most)


def walks(*, wanted: Callable[[LogLine], bool] = lambda _: True) -> st.SearchStrategy[Lines]:
    """Return a strategy for random walks as `conformance` makes them; `command_sequences` get shorter when they fail.

    Args:
        wanted: Says which requests are to be in them.
    """
    return st.integers(0, 2**32 - 1).map(partial(walk, wanted=wanted))
