"""What does an engine hand out?

A `Part` is the result of some of the users. Parts add up: every aggregate is a whole number, so
that the sum is the same in any order, by however many workers, and on whichever engine it
was made. Columns have the buffer protocol: ``array.array`` or numpy arrays, of the same types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from crm_domain.wording import unknown

Column: TypeAlias = Any
"""An ``array.array`` or a numpy array: the buffer protocol, a length, and numbers by their place."""

POPULATIONS: Final = ("crm", "regular")
"""CRM users and regular users; the order is that of ``population`` in the table of users."""

DAILY: Final = (
    "arrivals",
    "active_users",
    "job_requests",
    "recordings",
    "blocked_recordings",
    "failed_recordings",
    "refunds",
    "resumes",
    "logins",
    "views",
    "time_spent_seconds",
    "payments",
    "revenue_cents",
    "credits_granted_free",
    "credits_granted_paid",
    "credits_consumed",
    "credits_voided",
    "churned",
)
"""What is counted for each day. ``recordings`` are those that were stored; a user is active on a day
of a job request, a recording stored or blocked, a resume, a login or a payment; a payment that is
delivered twice is one payment, and one price of revenue, no matter what it gives."""

HISTOGRAMS: Final = (
    "first_block_days",
    "first_block_censored_days",
    "first_payment_days",
    "first_payment_censored_days",
    "free_credits_spent_days",
    "free_credits_spent_censored_days",
    "payments_per_user",
    "credits_left_per_user",
    "cohort_active",
)
"""What is counted of durations: at place d, users to whom it first happened in whole day d since their
arrival, while they were followed; and (``censored``) users who were followed for d whole days, to the horizon,
without its happening. Who leaves is followed on. Free credits are spent when none is left for the first time;
that is counted of those who were given some. Users by their payments and by the credits they
have left; ``MANY`` stands for that or more, and balances below 0 count as 0. ``cohort_active``
has, for each week of arrival, how many were active in each week since: one row after the other."""

MANY: Final = 199
"""The last place of ``payments_per_user`` and ``credits_left_per_user``: so many, or more."""

TOTALS: Final = (
    "users",
    "arrived",
    "churned_users",
    "blocked_users",
    "paying_users",
    "active_users",
    "overdrawn_users",
    "credits_outstanding",
    "events",
)
"""What is counted once: users, those of them who came, left, were blocked, paid, ever were active, or
ended below 0; the sum of all balances at the end; and events."""

EVENT_KINDS: Final = (
    "arrival",
    "job_request",
    "recording",
    "recording_blocked",
    "recording_completed",
    "recording_failed",
    "credit_refunded",
    "resume",
    "login",
    "view",
    "time_spent",
    "payment",
    "payment_redelivered",
    "resync",
    "churn",
)
"""The names of the codes in the column ``kind`` of events. The ``amount`` is what the event gave or
counted: credits (arrival, redelivery, re-sync, a refund's 1, a recording's -1), cents (payment),
seconds (time spent), and 0 for all others."""

ARRIVAL, JOB_REQUEST, RECORDING, RECORDING_BLOCKED, RECORDING_COMPLETED, RECORDING_FAILED, CREDIT_REFUNDED = range(7)
RESUME, LOGIN, VIEW, TIME_SPENT, PAYMENT, PAYMENT_REDELIVERED, RESYNC, CHURN = range(7, 15)

USER_COLUMNS: Final[Mapping[str, str]] = {
    "user": "q",
    "population": "b",
    "arrived_us": "q",
    "churned_us": "q",
    "job_requests": "q",
    "recordings": "q",
    "blocked_recordings": "q",
    "failed_recordings": "q",
    "refunds": "q",
    "resumes": "q",
    "logins": "q",
    "views": "q",
    "time_spent_seconds": "q",
    "payments": "q",
    "revenue_cents": "q",
    "credits_granted_free": "q",
    "credits_granted_paid": "q",
    "credits_consumed": "q",
    "credits_voided": "q",
    "credits_remaining": "q",
    "first_blocked_us": "q",
    "first_payment_us": "q",
    "free_credits_spent_us": "q",
    "last_active_us": "q",
}
"""The table of users, and its columns' typecodes; times are microseconds since the scenario's start,
-1 if it never happened. Users who never arrived have a row too."""

EVENT_COLUMNS: Final[Mapping[str, str]] = {"user": "q", "at_us": "q", "kind": "b", "amount": "q"}
"""The table of events, and its columns' typecodes; in the order of user, time and number."""


KEPT: Final = ("users", "events")
"""The tables that an engine keeps if it is asked to."""


def refuse_kept(keep: AbstractSet[str]) -> None:
    """Refuse tables that no one makes.

    Raises:
        ValueError: *keep* names one.
    """
    for name in sorted(keep):
        if name not in KEPT:
            raise ValueError(f"keep: {unknown(name, KEPT, 'table')}")


def weeks(days: int) -> int:
    """Return how many weeks, the last one perhaps not whole, so many days are."""
    return (days + 6) // 7


def histogram_length(name: str, days: int) -> int:
    """Return how many places a histogram of this name has over a horizon of so many days."""
    if name == "cohort_active":
        return weeks(days) ** 2
    return MANY + 1 if name.endswith("_per_user") else days + 1


@frozen(kw_only=True)
class Part:
    """The result of a range of users.

    Attributes:
        users_from: The number of the first user.
        users_to: The number behind the last user.
        days: The horizon, in days.
        daily: For each name ``crm_…`` and ``regular_…`` of `DAILY` a column with one value a day.
        histograms: For each name ``crm_…`` and ``regular_…`` of `HISTOGRAMS` a column of counts.
        totals: For each name ``crm_…`` and ``regular_…`` of `TOTALS` a number.
        users: The table of users, by column; None if it was not asked for.
        events: The table of events, by column; None if it was not asked for.
    """

    users_from: int
    users_to: int
    days: int
    daily: Mapping[str, Column] = field(repr=False)
    histograms: Mapping[str, Column] = field(repr=False)
    totals: Mapping[str, int] = field(repr=False)
    users: Mapping[str, Column] | None = field(default=None, repr=False)
    events: Mapping[str, Column] | None = field(default=None, repr=False)

    def __add__(self, other: Part) -> Part:
        """Return the result of both ranges of users; those of *other* must come next.

        Raises:
            ValueError: They do not, or the parts are not of one kind.
        """
        if not isinstance(other, Part):
            return NotImplemented
        if self.users_to != other.users_from:
            raise ValueError(
                f"parts: users {self.users_from} to {self.users_to} and {other.users_from} to {other.users_to} "
                "do not follow one another: sort them by users_from"
            )
        if self.days != other.days or set(self.kept) != set(other.kept):
            raise ValueError("parts: they differ in their horizon or in what was kept, so they are not of one run")
        return Part(
            users_from=self.users_from,
            users_to=other.users_to,
            days=self.days,
            daily=_added(self.daily, other.daily),
            histograms=_added(self.histograms, other.histograms),
            totals={name: total + other.totals[name] for name, total in self.totals.items()},
            users=_joined(self.users, other.users),
            events=_joined(self.events, other.events),
        )

    @property
    def kept(self) -> Sequence[str]:
        """Which tables were kept: ``users``, ``events``."""
        return [name for name in KEPT if getattr(self, name) is not None]

    def same(self, other: Part) -> bool:
        """Tell whether all numbers are the same, whichever kind of column holds them."""
        return self._plain() == other._plain()

    def _plain(self) -> object:
        """Return everything as plain lists and numbers."""
        tables = (self.daily, self.histograms, self.users, self.events)
        plain = [None if t is None else {name: column.tolist() for name, column in t.items()} for t in tables]
        return self.users_from, self.users_to, self.days, dict(self.totals), plain


def _added(one: Mapping[str, Column], other: Mapping[str, Column]) -> dict[str, Column]:
    return {name: _sum(column, other[name]) for name, column in one.items()}


def _sum(one: Column, other: Column) -> Column:
    if hasattr(one, "dtype"):  # numpy adds by itself, the standard library's arrays would be joined
        return one + other
    return type(one)(one.typecode, map(int.__add__, one, other))


def _joined(one: Mapping[str, Column] | None, other: Mapping[str, Column] | None) -> dict[str, Column] | None:
    if one is None or other is None:
        return None
    return {name: _behind(column, other[name]) for name, column in one.items()}


def _behind(one: Column, other: Column) -> Column:
    if not hasattr(one, "dtype"):
        return one + other
    joined = one.__class__((len(one) + len(other),), one.dtype)
    joined[: len(one)], joined[len(one) :] = one, other
    return joined


@define
class Pile:
    """Parts of one run.

    Counts are added as soon as neighbours are there, so that few are held at a time. Tables of users
    or events are joined at the end, in halves, so that no row is copied often.
    """

    _by_start: dict[int, Part] = field(factory=dict)
    _starts: dict[int, int] = field(factory=dict)  # by the end of a part
    users: int = 0

    def add(self, part: Part) -> None:
        """Put one more part on the pile."""
        self.users += part.users_to - part.users_from
        if not part.kept:
            before, after = self._starts.pop(part.users_from, None), self._by_start.pop(part.users_to, None)
            if before is not None:
                part = self._by_start.pop(before) + part
            if after is not None:
                part += after
        self._by_start[part.users_from] = part
        self._starts[part.users_to] = part.users_from

    def first(self) -> Part | None:
        """Return what there is without a gap from user 0 on; None if there is nothing."""
        row, end = [], 0
        while end in self._by_start:
            row.append(self._by_start[end])
            end = row[-1].users_to
            if end == row[-1].users_from:
                break
        return _in_one(row) if row else None


def _in_one(parts: list[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return _in_one(parts[:half]) + _in_one(parts[half:])
