"""What may a system do otherwise than the rules, because its owner says so by name?

A tolerance is in force for a whole search, and each time that it is needed is counted: what was
tolerated stands at the end of the report.

>>> with tolerating(["anon_reads_nothing"]) as met:
...     tolerates("anon_reads_nothing"), tolerates("silent_refusal")
(True, False)
>>> dict(met)
{'anon_reads_nothing': 1}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

TOLERANCES: Final[dict[str, str]] = {
    "silent_refusal": "What the rules refuse touches 0 rows without an error, and changes nothing.",
    "anon_reads_nothing": "Those who have not signed in read no rows where the rules refuse them.",
    "other_refusal": "A request is refused as it should be, for a reason of another kind.",
    "stricter_not_null": "A column that may be empty by the rules must be given.",
    "owner_columns_named": "An update that names an owner column is refused, or accepted, where its value stays the same.",
    "updated_at_by_trigger": "updated_at is the time of the last change, whatever the caller gives: nothing else is given.",
    "no_normal_form": "Addresses have no normal form: people are asked for by the one spelling that they have.",
    "service_deletes": "What the service deletes takes other rows with it, or is kept: the service deletes nothing here.",
}
"""What can be tolerated, by its name, in a sentence."""


@contextmanager
def tolerating(names: Iterable[str]) -> Iterator[Counter[str]]:
    """Tolerate something in the block; yield how often each of it was met, 0 times included.

    Raises:
        ValueError: There is no tolerance of such a name; the message lists what there is.
    """
    met: Counter[str] = Counter(dict.fromkeys(names, 0))
    for name in met:
        if name not in TOLERANCES:
            raise ValueError(f"tolerate: there is no {name!r}; there are {', '.join(TOLERANCES)}")
    token = _IN_FORCE.set(met)
    try:
        yield met
    finally:
        _IN_FORCE.reset(token)


_IN_FORCE: ContextVar[Counter[str] | None] = ContextVar("tolerances", default=None)


def in_force(name: str) -> bool:
    """Tell whether something is tolerated, without counting it."""
    met = _IN_FORCE.get()
    return met is not None and name in met


def tolerates(name: str) -> bool:
    """Tell whether something that was met is tolerated, and count it if so."""
    met = _IN_FORCE.get()
    if met is None or name not in met:
        return False
    met[name] += 1
    return True
