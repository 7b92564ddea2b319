"""What do counters tell that have no times, such as those of the dashboard?

How active users are and how much alike, but not whether they left. Recordings stop with the credits: of who has
none left, it is known that they tried to record at least as often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .estimates import Estimate, by_log, counted
from .histories import History
from .likelihoods import Activity, gamma_quantiles
from .minimum import lowest, standard_errors

FREE_COUNTERS = ("job_requests", "resumes")
"""Counters of what never is blocked."""


def fitted_recordings(users: Sequence[History], until: float, activity: Activity) -> Estimate | None:
    """Fit how often users try to record, by how often they did; None if no one did.

    Args:
        users: Users with counters.
        until: Until when these count, in days.
        activity: How active users are otherwise, and how much alike.
    """
    recordings = sum(user.counts["recordings"] for user in users)
    exposure = math.fsum(until - user.arrived for user in users)
    if not recordings:
        return None
    seen = [_seen(user, until, activity) for user in users]

    def badness(at: Sequence[float]) -> float:
        rate = math.exp(min(at[0], 20.0))
        return -math.fsum(math.log(max(_likelihood(rate, *one), 1e-300)) for one in seen)

    best = lowest(badness, [math.log(recordings / exposure)], step=0.2)
    basis = f"{counted(recordings, 'recording')}, {counted(len(users), 'user')}"
    return by_log("activity.recordings_per_day", math.exp(best[0]), standard_errors(badness, best)[0], basis)


def _seen(user: History, until: float, activity: Activity) -> tuple[int, bool, tuple[float, ...]]:
    """Return the recordings of a user, whether credits are left, and for how many days of an average user they may count."""
    days = until - user.arrived
    shape = activity.shape + sum(user.counts[kind] for kind in FREE_COUNTERS)
    multipliers = gamma_quantiles(shape, 1 / (activity.shape + activity.rate * days))
    return user.counts["recordings"], user.counts["credits"] > 0, tuple(many * days for many in multipliers)


def _likelihood(rate: float, recordings: int, are_left: bool, days: tuple[float, ...]) -> float:  # noqa: FBT001
    """Return how likely so many recordings are: exactly, or at least, where no credits are left."""
    return math.fsum(_poisson(rate * each, recordings, are_left) for each in days) / len(days)


def _poisson(mean: float, count: int, exactly: bool) -> float:  # noqa: FBT001
    if exactly:
        return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    term, below = math.exp(-mean), 0.0
    for n in range(count):
        below += term
        term *= mean / (n + 1)
        if not term:
            break  # what follows adds nothing, however many there are
    return 1 - below
