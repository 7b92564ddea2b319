"""What is known of real users, and what of it does a fit look at?

Times are days since Monday, 1970-01-05 (UTC), so that the whole part modulo 7 is the day of the week.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from attrs import field, frozen

from .likelihoods import Seen

EPOCH: Final = datetime(1970, 1, 5, tzinfo=UTC)
_DAY: Final = timedelta(days=1)

ACTIVITIES: Final = ("job_requests", "recordings", "resumes", "logins", "views")
"""What users do, as `scenario.Activity` names its rates."""


def day_of(moment: datetime) -> float:
    """Return a time as days."""
    return (moment - EPOCH) / _DAY


def moment_of(day: float) -> datetime:
    """Return the time of a number of days."""
    try:
        return EPOCH + day * _DAY
    except OverflowError:  # days are rounded, and the last moments that there are, upwards
        return datetime.max.replace(tzinfo=UTC)


@frozen(kw_only=True)
class History:
    """What is known of one user.

    Attributes:
        population: ``crm`` or ``regular``.
        arrived: When they came, in days.
        moments: For each of `ACTIVITIES`, and ``payments`` and ``resyncs``, its times in order.
        credits: When the balance changed, and by how much, in order.
        failed: How many recordings were marked as failed.
        completed: How many were marked as completed.
        processing: How long marking took, in days, of each that is known.
        sessions: The lengths of sessions, in seconds.
        counts: Of a user whose times are not known: ``job_requests``, ``resumes``, ``recordings``, and the ``credits`` left.
        amounts: What was paid, where that differs from payment to payment.
    """

    population: str
    arrived: float
    moments: Mapping[str, Sequence[float]] = field(factory=dict, repr=False)
    credits: Sequence[tuple[float, int]] = field(default=(), repr=False)
    failed: int = 0
    completed: int = 0
    processing: Sequence[float] = field(default=(), repr=False)
    sessions: Sequence[int] = field(default=(), repr=False)
    counts: Mapping[str, int] = field(factory=dict)
    amounts: Sequence[Decimal] = field(default=(), repr=False)

    def times(self, kinds: Iterable[str]) -> list[float]:
        """Return the times of some kinds of moments together, in order."""
        return sorted(moment for kind in kinds for moment in self.moments.get(kind, ()))

    @property
    def spells(self) -> Iterator[tuple[float, float]]:
        """The times at which the balance fell to 0 or below, each with when it rose again (infinity: never).

        Who comes without credits is without them from the arrival on.
        """
        balance, dry = 0, self.arrived
        for at, change in self.credits:
            was, balance = balance, balance + change
            if was > 0 >= balance:
                dry = at
            elif was <= 0 < balance and at > self.arrived:
                yield dry, at
        if balance <= 0:
            yield dry, float("inf")


@frozen(kw_only=True)
class Histories:
    """What is known of many users, up to one moment.

    Attributes:
        users: The users.
        until: Until when they were watched, in days.
        source: Where it comes from.
    """

    users: Sequence[History] = field(repr=False)
    until: float
    source: str

    def of(self, population: str) -> list[History]:
        """Return the users of a population who came before the end."""
        return [user for user in self.users if user.population == population and user.arrived < self.until]

    @property
    def start(self) -> float:
        """The beginning of the day on which the first user came."""
        return float(int(min(user.arrived for user in self.users)))


def first_window(user: History, kinds: Sequence[str], until: float) -> Seen:
    """Return what is seen of a user until the credits run out for the first time: so far, every attempt leaves a trace.

    Who ran out of credits was there when it happened: it was by a recording.
    """
    dry = next((start for start, _ in user.spells), float("inf"))
    end = min(dry, until)
    times = [at - user.arrived for at in user.times(kinds) if user.arrived <= at <= end]
    return Seen(len(times), times[-1] if times else 0.0, max(end - user.arrived, 0.0), alive=dry < until)


def whole_life(user: History, kinds: Sequence[str], until: float) -> Seen:
    """Return what is seen of a user until the end."""
    times = [at - user.arrived for at in user.times(kinds) if user.arrived <= at <= until]
    return Seen(len(times), times[-1] if times else 0.0, until - user.arrived)


def exposure_by_weekday(users: Sequence[History], until: float) -> list[float]:
    """Return how many days users were watched, for each day of the week."""
    first = int(min(user.arrived for user in users))
    days = int(until) - first + 1
    changes = [0.0] * (days + 1)
    for user in users:
        day = int(user.arrived)
        changes[day - first] += 1 - (user.arrived - day)
        changes[day - first + 1] += user.arrived - day
    exposure, present = [0.0] * 7, 0.0
    for n in range(days):
        present += changes[n]
        exposure[(first + n) % 7] += present * min(1.0, max(until - first - n, 0.0))
    return exposure
