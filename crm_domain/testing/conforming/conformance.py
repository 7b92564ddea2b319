"""Does somebody's backend keep the laws? For each that it does not, the shortest sequence that shows it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import count
from typing import Final, TypeAlias

from crm_domain.ports import Backend
from crm_domain.rules import HARDENED, SAFEGUARDS, Rules
from crm_domain.sources import stopwatch

from ..comparing.tolerances import tolerating
from .matrix import matrix
from .reports import Report
from .searching import Search

Progress: TypeAlias = Callable[[int, int], object]
"""Is told from time to time how many walks and how many findings there are."""

DEFAULT_WALKS: Final = 200

_TWINS_EVERY: Final = 5
"""One walk in so many is also run again to be compared with itself, which takes several runs."""


def conformance(
    backend: Backend,
    rules: Rules = HARDENED,
    *,
    walks: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    with_matrix: bool = False,
    tolerate: Collection[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Search for sequences on which a backend does not do what the rules say.

    The same call finds the same, unless *seconds* cut it short.

    Args:
        backend: The backend; it is reset again and again, and must not hold anything of value.
        rules: What it is held to.
        walks: How many random walks, of some twenty requests each; 200 unless *seconds* are given.
        seconds: When to begin nothing more, if not before.
        seed: Another seed walks otherwise.
        with_matrix: Whether to ask for every cell of the `matrix` first, some 20,000 requests.
        tolerate: What it may do otherwise than the rules, by the names in `TOLERANCES`.
        progress: Is told how far it is.

    Raises:
        ValueError: There is no tolerance of such a name.

    Example:
        >>> from crm_domain import Crm, HARDENED
        >>> from crm_domain.testing import CrmBackend
        >>> sloppy = CrmBackend(lambda: Crm(rules=HARDENED.without("one_primary")))
        >>> report = conformance(sloppy, walks=50)
        >>> sorted(report.broken)
        ['at_most_one_primary_resume']
        >>> report.findings[0].missing, len(report.findings[0].lines)
        (('one_primary',), 3)
        >>> conformance(CrmBackend(), walks=20).assert_held()
    """
    if walks is None and seconds is None:
        walks = DEFAULT_WALKS
    elapsed = stopwatch()
    with tolerating(tolerate) as tolerated:
        search = Search(backend, rules)
        search.known_holes()
        search.probes()
        if with_matrix and (seconds is None or elapsed() < seconds):
            matrix(backend, rules, search=search)
        done = 0
        for n in count() if walks is None else range(walks):
            if seconds is not None and elapsed() > seconds:
                break
            search.walk(f"{seed}/{n}", twins=n % _TWINS_EVERY == 0)
            done += 1
            if progress is not None:
                progress(done, len(search.findings))
        unseen = search.unseen()
    return Report(
        rules=rules,
        seed=seed,
        walks=done,
        requests=search.requests,
        seconds=elapsed(),
        findings=tuple(sorted(search.findings, key=lambda finding: len(finding.lines))),
        lacking=tuple(name for name in SAFEGUARDS if name in search.lacking),
        unseen=unseen,
        untaken=search.has.columns_not_taken,
        unsupported=dict(search.has.untestable()),
        tolerated=tolerated,
    )
