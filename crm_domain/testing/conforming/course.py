"""In which order is everything tried? Known holes, what only this backend has, the matrix, and random walks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Final

from attrs import define, field

from crm_domain.command_log import LogLine

from ..comparing.backends import Keyed, Overlapping
from ..histories import Lines
from .holes import last_credit
from .matrix import matrix
from .searching import Search
from .variants import Hole, variants

_TWINS_EVERY: Final = 5
"""One walk in this many is also run again to be compared with itself, which takes several runs."""

_HOLES_AFTER: Final = 5
"""After how many walks the holes are tried on all other tables, and from other beginnings."""


@define
class Course:
    """A search, step by step.

    Attributes:
        search: What is asked, and what was found.
        tried: The known holes that were tried.
        untried: Those that were not, each with the reason.
        walks: How many random walks there were.
    """

    search: Search
    tried: list[Hole] = field(factory=list)
    untried: dict[str, str] = field(factory=dict)
    walks: int = 0

    def steps(
        self,
        seed: int,
        *,
        walks: int | None = None,
        first: Sequence[Lines] = (),
        replay: Iterable[str] = (),
        with_matrix: bool = False,
    ) -> Iterator[None]:
        """Try one thing after another; yield after each.

        Args:
            seed: Another seed walks otherwise.
            walks: How many random walks; without end if None.
            first: What is asked before all else.
            replay: The walks that are made before all else, by their seeds.
            with_matrix: Whether every cell of the matrix is asked, too.
        """
        for lines in first:
            self.search.ask(lines)
            yield
        for walk in replay:
            self.search.walk(walk, twins=True)
            yield
        holes = _asked_of(self.search)
        yield from self._first_of_each(holes)
        self.search.probes()
        yield
        if with_matrix:
            matrix(self.search.backend, self.search.rules, search=self.search)
            yield
        for n in count() if walks is None else range(walks):
            if n == _HOLES_AFTER:
                yield from self._try_all(holes)
            self.search.walk(f"{seed}/{n}", twins=n % _TWINS_EVERY == 0)
            self.walks += 1
            yield
        yield from self._try_all(holes)

    def holes(self) -> dict[str, tuple[int, int]]:
        """Return for each law how many of its known holes were tried, and how many there are."""
        tried, known = (Counter(hole.law for hole in holes) for holes in (self.tried, _asked_of(self.search)))
        return {law: (tried[law], known[law]) for law in known}

    def not_begun(self) -> None:
        """Note the holes for which there was no time."""
        for hole in _asked_of(self.search):
            if hole not in self.tried:
                self.untried.setdefault(hole.name, "the search ended before")

    def _first_of_each(self, holes: Sequence[Hole]) -> Iterator[None]:
        """Try the first hole of each safeguard that this backend can be asked."""
        for safeguard in dict.fromkeys(hole.safeguard for hole in holes if hole.safeguard):
            for hole in holes:
                if hole.safeguard == safeguard and self._try(hole):
                    break
                yield
        self.search.ask(last_credit(self.search.rules.credit_policy))
        yield

    def _try_all(self, holes: Sequence[Hole]) -> Iterator[None]:
        for hole in holes:
            if hole not in self.tried and hole.name not in self.untried:
                self._try(hole)
                yield

    def _try(self, hole: Hole) -> bool:
        """Try a hole; tell whether the backend could be asked all of it."""
        reason = self._reason_against(hole)
        if not reason:
            self.search.try_hole(hole.lines)
            reason = self._reason_against(hole)
        if reason:
            self.untried[hole.name] = reason
        else:
            self.tried.append(hole)
        return not reason

    def _reason_against(self, hole: Hole) -> str:
        has = self.search.has
        if any(line.concurrent for line in hole.lines) and not isinstance(self.search.backend, Overlapping):
            return "its commands cannot be made to overlap"
        if any(line.key for line in hole.lines) and not isinstance(self.search.backend, Keyed):
            return "it knows no idempotency keys"
        lacking: Sequence[LogLine] = [line for line in hole.lines if has.asking(line) != line]
        return has.why_not(lacking[0]) if lacking else ""


def _asked_of(search: Search) -> list[Hole]:
    """Return the holes that the rules close, those on provided rows only where there are such rows."""
    closed = search.rules.safeguards
    holes = [hole for hole in variants() if not hole.safeguard or hole.safeguard in closed]
    return [hole for hole in holes if search.has.given or not hole.is_provided]
