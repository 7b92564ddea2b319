"""What do users do who have no credits, though what they try leaves no trace?

They pay, after a while, or they do not. How often they try is known from the time in which they had credits; so
the likelihood of how long it takes them to pay says how likely they are to decide for it, to leave, and how
long a payment is under way.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

from .estimates import Estimate, by_log, by_odds, counted
from .histories import ACTIVITIES, Histories, History
from .likelihoods import Activity, Paying, Spell, gamma_quantiles
from .minimum import lowest, standard_errors

SPELLS_MAX: Final = 2_000
"""Of so many spells the likelihood is taken; of more, of as many that are evenly picked."""

SPELLS_MIN, PAID_MIN = 30, 10
_ROUNDS: Final = 3
_DELAY_MIN: Final = 1e-5


@frozen(kw_only=True)
class Found:
    """What was found about payments."""

    estimates: tuple[Estimate, ...] = ()
    notes: tuple[str, ...] = ()


@frozen
class _Stretch:
    """A time with credits: the days from each recording in it, after which some were left, to its end; and payments in it."""

    left: tuple[float, ...]
    payments: int


@frozen
class _Watched:
    """The times of all users with credits, and without."""

    stretches: list[_Stretch] = field(factory=list)
    spells: list[Spell] = field(factory=list)


def fitted_paying(histories: Histories, activity: Activity, recordings_per_day: float) -> Found:
    """Fit `scenario.Payments` and ``churn.when_blocked``.

    Args:
        histories: What is known of users.
        activity: How active users are, all kinds together, and how fast they leave.
        recordings_per_day: How often an average user tries to record.
    """
    watched = _Watched()
    for population in ("crm", "regular"):
        for user in histories.of(population):
            _watch(user, histories.until, activity, recordings_per_day, watched)
    spells = watched.spells[:: max(math.ceil(len(watched.spells) / SPELLS_MAX), 1)]
    paid = sum(spell.paid for spell in spells)
    if len(spells) < SPELLS_MIN or paid < PAID_MIN:
        text = f"{counted(len(watched.spells), 'time')} without credits, {paid} of them ended by a payment"
        return Found(notes=(f"Payments are not fitted: {text}, are too few.",))
    early, best, errors = 0.0, [-1.0, -3.0, 0.0], [math.inf] * 3
    for n in range(_ROUNDS):
        early = _early(watched.stretches, _delay(best[2]))

        def badness(at: Sequence[float], early: float = early) -> float:
            return _model(at, early, activity.leaving).minus_log(spells)

        best = lowest(badness, best, step=0.5 if n == 0 else 0.1)
        if n == _ROUNDS - 1:
            errors = standard_errors(badness, best)
    return _told(
        _model(best, early, activity.leaving),
        errors,
        watched,
        f"{counted(len(spells), 'time')} without credits, {paid:,} paid",
    )


def _told(model: Paying, errors: Sequence[float], watched: _Watched, basis: str) -> Found:
    payments = sum(stretch.payments for stretch in watched.stretches)
    recordings = sum(len(stretch.left) for stretch in watched.stretches)
    of = f"{counted(payments, 'payment')} after {counted(recordings, 'recording')}"
    error = 1 / math.sqrt(payments) if payments else math.inf
    return Found(
        estimates=(
            by_odds("payments.when_blocked", model.when_blocked, errors[0], basis),
            by_log("payments.early", model.early, error, of),
            by_log("payments.delay_days", model.delay, errors[2], basis),
            by_odds("churn.when_blocked", model.leaving_when_blocked, errors[1], basis),
        )
    )


def _model(at: Sequence[float], early: float, leaving: float) -> Paying:
    paying, going = (1 / (1 + math.exp(-max(min(x, 15.0), -15.0))) for x in at[:2])
    return Paying(paying, going, _delay(at[2]), early, leaving)


def _delay(log: float) -> float:
    return max(math.exp(min(log, 8.0)), _DELAY_MIN)


def _early(stretches: Sequence[_Stretch], delay: float) -> float:
    """Return the probability of paying after a recording that leaves credits.

    Payments that come before the credits are gone, divided by how many would if everybody paid.
    """
    expected = math.fsum(-math.expm1(-days / delay) for stretch in stretches for days in stretch.left)
    return min(sum(stretch.payments for stretch in stretches) / expected, 1.0) if expected else 0.0


def _watch(user: History, until: float, activity: Activity, pace: float, into: _Watched) -> None:
    """Part the time of a user into stretches with credits and spells without."""
    payments = user.moments.get("payments", ())
    done = [at for at in user.times(ACTIVITIES) if at >= user.arrived]
    seen, days, begin = 0, 0.0, user.arrived
    for start, end in user.spells:
        if start >= until:
            break
        recordings = _stretch(user, begin, start, into)
        seen += bisect_right(done, start) - bisect_left(done, begin) if start > begin else 0
        days += start - begin
        shape = activity.shape + seen
        rates = gamma_quantiles(shape, pace / (activity.shape + activity.rate * days))
        before = tuple(start - at for at in recordings)
        into.spells.append(Spell(min(end, until) - start, end < until and end in payments, rates, before))
        begin = end
    if begin < until:
        _stretch(user, begin, until, into)


def _stretch(user: History, begin: float, stop: float, into: _Watched) -> Sequence[float]:
    """Take note of a time with credits; return the recordings in it that are behind its last payment."""
    if stop <= begin:
        return ()
    payments, recordings = user.moments.get("payments", ()), user.moments.get("recordings", ())
    within = recordings[bisect_left(recordings, begin) : bisect_right(recordings, stop)]
    paid = payments[bisect_right(payments, begin) : bisect_left(payments, stop)]
    into.stretches.append(_Stretch(tuple(stop - at for at in within if at < stop), len(paid)))
    return [at for at in within if not paid or at > paid[-1]]
