"""Does the kit find a defect, how soon, and by which law does it name it?"""

from __future__ import annotations

import time
from itertools import count
from typing import Final

from attrs import frozen

from crm_domain.testing import Finding
from crm_domain.testing.conforming.searching import Search

from .defect import Planted

WALKS_MAX: Final = 1000
"""How many walks the kit is given for each; most it finds in the first ones."""

_TWINS_EVERY: Final = 5


@frozen(kw_only=True)
class Hunt:
    """What came of a search for one defect.

    Attributes:
        defect: The defect.
        finding: The shortest sequence of those that the law names which must; None if there is none.
        others: The laws that were named, too.
        requests: How many requests had been made by then, shortening aside.
    """

    defect: Planted
    finding: Finding | None
    others: frozenset[str]
    requests: int

    @property
    def law(self) -> str:
        """The law that named it, or what there was instead."""
        if self.finding is not None:
            return self.defect.law
        return f"NOT {self.defect.law}, but {', '.join(sorted(self.others)) or 'nothing'}"

    @property
    def steps(self) -> int | None:
        """The length of the sequence; None if there is none."""
        return None if self.finding is None else len(self.finding.lines)


def hunt(defect: Planted, *, seed: int = 0, seconds: float | None = None) -> Hunt:
    """Search as `crm_domain.testing.conformance` does, until the law is named that must be.

    What a defect says is to be asked comes before the random walks.

    Args:
        defect: What is sought.
        seed: Another seed walks otherwise.
        seconds: When to give up; after `WALKS_MAX` walks unless given.
    """
    with defect.planted() as backend:
        search = Search(backend, defect.rules)
        search.known_holes()
        search.probes()
        if defect.asked:
            search.ask(defect.asked)
        started = time.monotonic()
        for n in range(WALKS_MAX) if seconds is None else count():
            if _named(search, defect.law) or (seconds is not None and time.monotonic() - started > seconds):
                break
            search.walk(f"{seed}/{n}", twins=n % _TWINS_EVERY == 0)
    found = _named(search, defect.law)
    return Hunt(
        defect=defect,
        finding=found,
        others=frozenset(law for finding in search.findings for law in finding.laws) - {defect.law},
        requests=search.requests if found is None else found.found_after,
    )


def _named(search: Search, law: str) -> Finding | None:
    found = [finding for finding in search.findings if law in finding.laws]
    return min(found, key=lambda finding: len(finding.lines), default=None)
