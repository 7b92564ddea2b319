"""What may be asked, and by whom? Strategies for ids, principals and requests.

What a request is like stands in `asking`; here hypothesis does the choosing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, TypeVar

from hypothesis import strategies as st

from crm_domain import rows
from crm_domain.command_log import LogLine
from crm_domain.ids import Principal
from crm_domain.schema import Table

from ..people import PEOPLE, Person
from .asking import ANYTHING, Asked, Choose, Kind, line
from .pools import EMAILS, IDS_OF, PRINCIPALS

T = TypeVar("T")


@cache
def _indexes(length: int) -> st.SearchStrategy[int]:
    return st.integers(0, length - 1)


def _pick(draw: st.DrawFn, choices: Sequence[T], /) -> T:
    """Draw one of *choices*: much faster than a strategy that is made of them for one use."""
    return choices[draw(_indexes(len(choices)))]


@st.composite
def made(draw: st.DrawFn, make: Callable[[Choose], T]) -> T:
    """Return a strategy for what *make* makes by choosing."""
    return make(partial(_pick, draw))


# --- single values --------------------------------------------------------------------------


def people() -> st.SearchStrategy[Person]:
    """Return a strategy for people."""
    return st.sampled_from(PEOPLE)


def user_ids() -> st.SearchStrategy[str]:
    """Return a strategy for the ids of people."""
    return people().map(lambda person: person.user_id)


def principals() -> st.SearchStrategy[Principal]:
    """Return a strategy for those who may ask: people, the service, seldom no one in particular."""
    return st.sampled_from(PRINCIPALS)


def emails() -> st.SearchStrategy[str | None]:
    """Return a strategy for addresses: people's in several spellings, unknown and impossible ones, NULL."""
    return st.sampled_from(EMAILS)


def row_ids(table: Table[Any] = rows.CRM_RECORDINGS) -> st.SearchStrategy[str]:
    """Return a strategy for the few ids of a table's rows."""
    return st.sampled_from(IDS_OF[table.name])


# --- requests -------------------------------------------------------------------------------


def commands(kinds: Sequence[Kind] = ANYTHING) -> st.SearchStrategy[Asked]:
    """Return a strategy for any request, with the one who makes it."""
    return made(lambda choose: choose(kinds)(choose))


def requests(kinds: Sequence[Kind] = ANYTHING) -> st.SearchStrategy[LogLine]:
    """Return a strategy for lines of a command log."""
    return made(partial(line, kinds=kinds))
