"""Does the kit find a defect, how soon, and by which law does it name it?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from attrs import frozen

from crm_domain.testing import Finding, Lines
from crm_domain.testing.conforming.course import Course
from crm_domain.testing.conforming.searching import Search

from .defect import Planted

WALKS_MAX: Final = 1000
"""How many walks the kit is given for each; most it finds in the first ones."""


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


def hunt(
    defect: Planted,
    *,
    seed: int = 0,
    seconds: float | None = None,
    walks: int = WALKS_MAX,
    shows: Callable[[Lines], bool] = lambda _: True,
) -> Hunt:
    """Search as `crm_domain.testing.conformance` does, until the law is named that must be.

    What a defect says is to be asked comes first.

    Args:
        defect: What is sought.
        seed: Another seed walks otherwise.
        seconds: When to give up, if given; else after so many walks.
        walks: After how many walks to give up.
        shows: Tells whether lines that break the law show the defect, where something else is wrong, too.
    """
    with defect.planted() as backend:
        search, shown = Search(backend, defect.rules), _Shown(defect.law, shows)
        first = [defect.asked] if defect.asked else []
        started = time.monotonic()
        for _ in Course(search).steps(seed, walks=walks if seconds is None else None, first=first):
            if shown.first(search) or (seconds is not None and time.monotonic() - started > seconds):
                break
    found = shown.first(search)
    return Hunt(
        defect=defect,
        finding=found,
        others=frozenset(law for finding in search.findings for law in finding.laws) - {defect.law},
        requests=search.requests if found is None else found.found_after,
    )


class _Shown:
    """Which findings name a defect, and show it."""

    def __init__(self, law: str, shows: Callable[[Lines], bool]) -> None:
        self._law = law
        self._shows = shows
        self._known: dict[int, bool] = {}

    def first(self, search: Search) -> Finding | None:
        """Return the shortest finding that shows the defect."""
        found = [finding for n, finding in enumerate(search.findings) if self._is_shown_by(n, finding)]
        return min(found, key=lambda finding: len(finding.lines), default=None)

    def _is_shown_by(self, n: int, finding: Finding) -> bool:
        if n not in self._known:
            self._known[n] = self._law in finding.laws and self._shows(finding.lines)
        return self._known[n]
