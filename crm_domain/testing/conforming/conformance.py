"""Does a backend keep the laws? For each that it does not, the shortest sequence that shows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from crm_domain.clocks import stopwatch
from crm_domain.ports import Backend
from crm_domain.rules import HARDENED, SAFEGUARDS, Rules

from ..comparing.observing import last_words
from ..comparing.tolerances import tolerating
from .course import Course
from .reports import EVERY_LAW, BrokeDown, Interrupted, Report, by_weight
from .searching import Search

Progress: TypeAlias = Callable[[int, int], object]
"""Is called after each step with the number of walks and of findings."""

DEFAULT_WALKS: Final = 200


def conformance(
    backend: Backend,
    rules: Rules = HARDENED,
    *,
    walks: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    with_matrix: bool = False,
    tolerate: Collection[str] = (),
    only: Collection[str] = (),
    stop_at_first: bool = False,
    plain_text_only: bool = False,
    replay: Collection[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Search for sequences on which a backend does not do what the rules say.

    The same call finds the same, unless *seconds* cut it short.

    Args:
        backend: The backend; it is reset again and again, and must not hold anything of value. Rows that are there
            after a reset are the beginning of everything.
        rules: What it is held to.
        walks: How many random walks, of some twenty requests each; 200 unless *seconds* are given.
        seconds: How long it takes, known holes, matrix and shortening included.
        seed: Another seed walks otherwise.
        with_matrix: Whether to ask for every cell of the `matrix`, too, some 20,000 requests.
        tolerate: What it may do otherwise than the rules, by the names in `TOLERANCES`.
        only: The names of the laws that are searched for; all, if empty.
        stop_at_first: Whether to stop at the first finding.
        plain_text_only: Whether to leave requests with odd characters out.
        replay: Walks that are made before everything else, as `Finding.walk` names them.
        progress: Is called after each step.

    Raises:
        ValueError: There is no tolerance or law of such a name, or *walks* is less than 1.
        Interrupted: Ctrl-C; it has the report of what was found so far.
        BrokeDown: A reset failed, or something else that is no outcome; it has the report, too.

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
    _check(walks, only)
    if walks is None and seconds is None:
        walks = DEFAULT_WALKS
    elapsed = stopwatch()
    with tolerating(tolerate) as tolerated:
        try:
            search = Search(
                backend,
                rules,
                only=frozenset(only),
                plain_text_only=plain_text_only,
                is_over=lambda: seconds is not None and elapsed() > seconds,
            )
        except Exception as error:
            ended = f"it broke down: {last_words(error)}"
            nothing = Report(rules=rules, seed=seed, walks=0, requests=0, seconds=elapsed(), findings=(), ended=ended)
            raise BrokeDown(nothing) from error
        course = Course(search)
        report = partial(_report, course, seed=seed, elapsed=elapsed, tolerated=tolerated)
        try:
            for _ in course.steps(seed, walks=walks, replay=replay, with_matrix=with_matrix):
                if progress is not None:
                    progress(course.walks, len(search.findings))
                if search.is_over() or (stop_at_first and search.findings):
                    break
            return report(unseen=search.unseen())
        except KeyboardInterrupt:
            raise Interrupted(report(ended="it was interrupted", is_interrupted=True)) from None
        except Exception as error:
            raise BrokeDown(report(ended=f"it broke down: {last_words(error)}")) from error


def _check(walks: int | None, only: Collection[str]) -> None:
    if walks is not None and walks < 1:
        raise ValueError(f"walks: expected 1 or more, got {walks}: known holes alone are no search")
    known = [law.name for law in EVERY_LAW]
    for name in only:
        if name not in known:
            raise ValueError(f"only: there is no law {name!r}; there are {', '.join(known)}")


def _report(
    course: Course, *, seed: int, elapsed: Callable[[], float], tolerated: Mapping[str, int], **ending: Any
) -> Report:
    search = course.search
    course.not_begun()
    return Report(
        rules=search.rules,
        seed=seed,
        walks=course.walks,
        requests=search.requests,
        seconds=elapsed(),
        findings=tuple(sorted(search.findings, key=by_weight)),
        lacking=tuple(name for name in SAFEGUARDS if name in search.lacking),
        untaken=search.has.columns_not_taken,
        unsupported=dict(search.has.untestable()),
        tolerated=tolerated,
        only=frozenset(search.only),
        tried=dict(search.tried),
        holes=course.holes(),
        untried=dict(course.untried),
        **ending,
    )
