"""How likely is what was seen of users who come, are active, and leave without saying so?

Users are active at a rate of their own, which is gamma-distributed among them, and leave at a rate that is
the same for all. That someone has left shows by silence alone: this is the model of Schmittlein, Morrison and
Colombo (1987), "Pareto/NBD", with one rate of leaving.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist
from typing import Final

from attrs import field, frozen

_NODES: Final = 12
_REACH: Final = 25.0
"""Beyond so many times its scale, an exponential is as good as 0."""


@frozen
class Seen:
    """What was seen of one user, in days since the arrival.

    Attributes:
        events: How many events there were.
        last: When the last one was; 0 without any.
        until: How long the user was watched.
        alive: Whether it is known that the user was still there then.
    """

    events: int
    last: float
    until: float
    alive: bool = False


@frozen
class Activity:
    """A model of activity.

    Attributes:
        shape: The shape of the gamma distribution of rates; the larger, the more users are alike.
        rate: The mean rate a day.
        leaving: The rate at which users leave.
    """

    shape: float
    rate: float
    leaving: float

    def minus_log(self, seen: Sequence[Seen], stages: int = 1) -> float:
        """Return minus the logarithm of the likelihood of what was seen of many users.

        Args:
            seen: One for each user.
            stages: How many events take place for one that is seen: each *stages*-th is.
        """
        return -math.fsum(self._log(one, stages) for one in seen)

    def _log(self, seen: Seen, stages: int) -> float:
        shape, scale, hidden = self.shape, self.shape / self.rate, stages * seen.events
        start = scale + (seen.until if seen.alive else seen.last)
        log = math.lgamma(shape + hidden) - math.lgamma(shape) - hidden * math.log(start)
        log += shape * math.log(scale / start)
        if seen.alive:
            return log - self.leaving * seen.until
        silent = self._silence(shape + hidden, start, seen.until - seen.last, stages)
        return log - self.leaving * seen.last + math.log(max(silent, 1e-300))

    def _silence(self, shape: float, scale: float, days: float, stages: int) -> float:
        """Return the probability of so many days without an event, for a rate that is gamma-distributed like this.

        Either the user stayed, or left at some moment in between, over which the integral is taken. With y days of
        silence, u = log(1 + y / scale) is its natural measure: a rate that does nothing has the probability e^(-shape u).
        """
        leaving, reach = self.leaving, math.log1p(days / scale)
        stayed = math.exp(-leaving * days - shape * reach) * _fewer(shape, reach, stages)
        end = min(reach, (stages + _REACH) / shape)
        left = 0.0
        for node, weight in _quadrature():
            u = node * end
            e = math.expm1(u)
            probability = weight * math.exp(u - leaving * scale * e - shape * u)
            left += probability if stages == 1 else probability * _fewer(shape, u, stages)
        return stayed + leaving * scale * end * left


def _fewer(shape: float, u: float, stages: int) -> float:
    """Return how much likelier fewer than *stages* events are than none at all."""
    share, term, total = -math.expm1(-u), 1.0, 1.0
    for j in range(1, stages):
        term *= share * (shape + j - 1) / j
        total += term
    return total


@cache
def _quadrature() -> tuple[tuple[float, float], ...]:
    """Return nodes and weights of Gauss and Legendre's quadrature on the interval from 0 to 1."""
    found = []
    for i in range(_NODES):
        x = math.cos(math.pi * (i + 0.75) / (_NODES + 0.5))
        for _ in range(8):
            before, value = 0.0, 1.0
            for n in range(1, _NODES + 1):
                before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
            slope = _NODES * (x * value - before) / (x * x - 1)
            x -= value / slope
        found.append(((x + 1) / 2, 1 / ((1 - x * x) * slope * slope)))
    return tuple(found)


# --- without credits --------------------------------------------------------------------------


@frozen
class Spell:
    """A time without credits.

    Attributes:
        days: How long it was watched, or until the payment that ended it.
        paid: Whether a payment ended it.
        rates: How often this user may try to record, in times a day: each is as likely, by what is known from before.
        before: How many days before it the recordings were that may have led to a payment without being blocked.
    """

    days: float
    paid: bool
    rates: tuple[float, ...]
    before: tuple[float, ...] = field(default=())


@frozen
class Paying:
    """A model of what comes of being blocked.

    Attributes:
        when_blocked: The probability of paying at an attempt that is blocked.
        leaving_when_blocked: The probability of leaving instead.
        delay: The mean delay of a payment, in days.
        early: The probability of paying after a recording that was not blocked.
        leaving: The rate at which users leave anyway.
    """

    when_blocked: float
    leaving_when_blocked: float
    delay: float
    early: float
    leaving: float

    def minus_log(self, spells: Sequence[Spell]) -> float:
        """Return minus the logarithm of the likelihood of many spells."""
        return -math.fsum(math.log(max(self._of(spell), 1e-300)) for spell in spells)

    def _of(self, spell: Spell) -> float:
        """Return the probability (density, if paid) of a spell: over the rates that the user may have."""
        decided = self._decided(spell)
        if not spell.before:
            return decided
        none_under_way = 1.0
        for days in spell.before:
            none_under_way *= 1 - self.early * math.exp(-days / self.delay)
        return none_under_way * decided + (1 - none_under_way) * self._under_way(spell)

    def _under_way(self, spell: Spell) -> float:
        """Return it where a payment was under way when the spell began."""
        pace = 1 / self.delay + self.leaving
        gone = math.exp(-pace * spell.days)
        return gone / self.delay if spell.paid else 1 - (1 - gone) / (self.delay * pace)

    def _decided(self, spell: Spell) -> float:
        """Return it where none was: first a block that leads to a payment or away, then the delay."""
        pays = self.when_blocked
        goes = (1 - pays) * self.leaving_when_blocked
        second, days = 1 / self.delay + self.leaving, spell.days
        two, total = math.exp(-second * days), 0.0
        for rate in spell.rates:
            first = rate * (pays + goes) + self.leaving
            if abs(second - first) < 1e-6 * second:  # the formula has a gap there
                first *= 1 - 1e-5
            factor, one = rate * pays / self.delay / (second - first), math.exp(-first * days)
            total += factor * (one - two) if spell.paid else factor * ((1 - one) / first - (1 - two) / second)
        total /= len(spell.rates)
        return total if spell.paid else 1 - total


_NORMAL: Final = tuple(NormalDist().inv_cdf((n + 0.5) / 5) for n in range(5))


def gamma_quantiles(shape: float, scale: float) -> tuple[float, ...]:
    """Return five values that stand for a gamma distribution, each for a fifth of it (Wilson and Hilferty)."""
    spread = 1 / (9 * shape)
    values = [max(1 - spread + z * math.sqrt(spread), 0.02) ** 3 for z in _NORMAL]
    mean = math.fsum(values) / len(values)
    return tuple(shape * scale * value / mean for value in values)  # their mean is that of the distribution
