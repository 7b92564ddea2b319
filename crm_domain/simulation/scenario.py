"""What is simulated: who comes, what they do, and under which rules?

A `Scenario` is a value: make another with `attrs.evolve`. Every field has a range, and a message
that names it as it is written in a file: ``payments.when_blocked``.

>>> import attrs
>>> attrs.evolve(Scenario(), days=30).users
1250
>>> Payments(when_blocked=-0.1)
Traceback (most recent call last):
ValueError: payments.when_blocked: expected a number from 0 to 1, got -0.1
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, TypeAlias

import attrs
from attrs import field, frozen

from crm_domain.rules import HARDENED, CreditPolicy, Rules
from crm_domain.schema import utc
from crm_domain.wording import cut, quoted

USERS_MAX: Final = 1_000_000_000
DAYS_MAX: Final = 3_660
RATE_MAX: Final = 1_000.0
"""The highest rate a day of anything, averaged over users."""

CREDITS_MAX: Final = 1_000_000
PRICE_MAX: Final = 1_000_000
SHAPE_MIN, SHAPE_MAX = 0.05, 10_000.0

_Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _path(instance: object, attribute: attrs.Attribute[Any]) -> str:
    section: str = getattr(instance, "section", "")
    return f"{section}.{attribute.name}" if section else attribute.name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _written(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else quoted(value)


def _number(low: float, high: float) -> _Check:
    """Make the check of a number in a range, both ends included."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not _is_number(value):
            raise TypeError(f"{_path(instance, attribute)}: expected a number, got {type(value).__name__}")
        if not low <= value <= high:
            raise ValueError(
                f"{_path(instance, attribute)}: expected a number from {low:.10g} to {high:.10g}, got {_written(value)}"
            )

    return check


def _number_or_none(low: float, high: float) -> _Check:
    check = _number(low, high)

    def check_number(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None:
            check(instance, attribute, value)

    return check_number


def _whole(low: int, high: int) -> _Check:
    """Make the check of a whole number in a range, both ends included."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            kind = f"{value:g}" if isinstance(value, float) else type(value).__name__
            raise TypeError(f"{_path(instance, attribute)}: expected a whole number, got {kind}")
        if not low <= value <= high:
            raise ValueError(
                f"{_path(instance, attribute)}: expected a whole number from {low} to {high}, got {quoted(value)}"
            )

    return check


def _weights(count: int) -> _Check:
    """Make the check of so many weights, not all of them 0."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: tuple[Any, ...]) -> None:
        path = _path(instance, attribute)
        if len(value) != count:
            raise ValueError(f"{path}: expected {count} weights, got {len(value)}")
        if not all(_is_number(weight) and 0 <= weight <= 1_000 for weight in value):  # noqa: PLR2004 - said in words
            raise ValueError(f"{path}: expected weights from 0 to 1000, got {quoted(list(value))}")
        if not math.fsum(value) > 0:
            raise ValueError(f"{path}: all weights are 0, so nothing would ever happen")

    return check


def _instance(kind: type[Any]) -> _Check:
    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kind):
            path = _path(instance, attribute)
            raise TypeError(f"{path}: expected {kind.__name__}, got {type(value).__name__}")

    return check


def _float(value: Any) -> Any:
    """Take whole numbers for what they are worth; what is no number is for the check to name."""
    return float(value) if type(value) is int and abs(value) < 2**53 else value


def _floats(values: Any) -> Any:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"rhythm: expected a list of weights, got {type(values).__name__}")
    return tuple(map(_float, values))


def _rate(default: float) -> Any:
    return field(default=default, converter=_float, validator=_number(0, RATE_MAX))


def _probability(default: float) -> Any:
    return field(default=default, converter=_float, validator=_number(0, 1))


def _listed(values: Any, what: str) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{what}, got {quoted(values)}")
    return tuple(values)


def _moments(values: Any) -> tuple[datetime, ...]:
    moments = _listed(values, "arrivals.dates: expected a list of times")
    for moment in moments:
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise TypeError(f"arrivals.dates: expected times with an offset from UTC, got {quoted(moment)}")
    return tuple(utc(moment, "arrivals.dates") for moment in moments)


def _balances(values: Any) -> tuple[int | None, ...]:
    balances = _listed(values, "arrivals.balances: expected a list of whole numbers")
    for balance in balances:
        if balance is not None and (not isinstance(balance, int) or isinstance(balance, bool)):
            raise TypeError(f"arrivals.balances: expected whole numbers of credits, got {quoted(balance)}")
        if balance is not None and not 0 <= balance <= CREDITS_MAX:
            raise ValueError(f"arrivals.balances: expected numbers from 0 to {CREDITS_MAX}, got {quoted(balance)}")
    return balances


@frozen(kw_only=True)
class Arrivals:
    """When users come: all at the start, over time, or at given moments.

    Without any argument all come at the start.

    Attributes:
        per_day: Users a day; each comes at a moment of their own, evenly distributed over
            as long as it takes for all to come. 0: all at the start.
        dates: The moment of each user, e.g. the sync dates of a contact file; those before the
            scenario's start come at its start, those behind its end never.
        balances: The credits that each user brings along, who then gets none from the policy; None
            for a newcomer. This is how people of a database go on, see `crm_domain.simulation.experiments.forking`.
    """

    section: ClassVar[str] = "arrivals"

    per_day: float = field(default=0.0, converter=_float, validator=_number(0, 1e9))
    dates: tuple[datetime, ...] | None = field(default=None, converter=attrs.converters.optional(_moments))
    balances: tuple[int | None, ...] | None = field(default=None, converter=attrs.converters.optional(_balances))

    def __attrs_post_init__(self) -> None:
        if self.per_day and self.dates is not None:
            raise ValueError("arrivals: per_day and dates exclude each other: give one of them")


@frozen(kw_only=True)
class Activity:
    """What an average user does, in times a day while they are there; each at random moments.

    Views, logins and session time are counted for CRM users alone: the document has counters
    for no one else.

    Attributes:
        job_requests_per_day: Job applications.
        recordings_per_day: Attempts to record, blocked or not.
        resumes_per_day: Resumes.
        logins_per_day: Logins.
        views_per_day: Views of the user's profile by others.
        session_seconds: The mean length of a login's session; it is exponentially distributed.
    """

    section: ClassVar[str] = "activity"

    job_requests_per_day: float = _rate(0.32)
    recordings_per_day: float = _rate(0.14)
    resumes_per_day: float = _rate(0.02)
    logins_per_day: float = _rate(0.12)
    views_per_day: float = _rate(0.05)
    session_seconds: float = field(default=600.0, converter=_float, validator=_number(0, 86_400))


@frozen(kw_only=True)
class Rhythm:
    """How activity is spread over the week and the day, in UTC; only proportions matter.

    Attributes:
        weekdays: A weight for each day, Monday first.
        hours: A weight for each hour of a day.
    """

    section: ClassVar[str] = "rhythm"

    weekdays: tuple[float, ...] = field(
        default=(1.1, 1.2, 1.2, 1.1, 1.0, 0.6, 0.8), converter=_floats, validator=_weights(7)
    )
    hours: tuple[float, ...] = field(
        default=(0.2,) * 6 + (0.5, 0.8) + (1.5,) * 4 + (1.2,) * 2 + (1.5,) * 4 + (1.3,) * 4 + (0.8, 0.4),
        converter=_floats,
        validator=_weights(24),
    )

    @staticmethod
    def even() -> Rhythm:
        """Return no rhythm: every hour is like the others."""
        return Rhythm(weekdays=(1.0,) * 7, hours=(1.0,) * 24)


@frozen(kw_only=True)
class Payments:
    """Who pays, and how soon.

    Attributes:
        when_blocked: The probability that a user decides to pay when a recording was blocked and
            no payment of theirs is under way.
        early: The probability that they do so after a recording that was not blocked.
        delay_days: The mean time from the decision to the payment; exponentially distributed.
        delivered_twice: The probability that the payment service delivers a payment twice.
    """

    section: ClassVar[str] = "payments"

    when_blocked: float = _probability(0.15)
    early: float = _probability(0.01)
    delay_days: float = field(default=2.0, converter=_float, validator=_number(0, DAYS_MAX))
    delivered_twice: float = _probability(0)


@frozen(kw_only=True)
class Churn:
    """Who leaves for good; what the service does for them (processing, re-sync) goes on.

    Attributes:
        per_day: The rate at which users leave.
        when_blocked: The probability that a user leaves when a recording was blocked, no payment
            is under way, and they decide against paying.
    """

    section: ClassVar[str] = "churn"

    per_day: float = _rate(0.002)
    when_blocked: float = _probability(0.05)


@frozen(kw_only=True)
class Recordings:
    """What becomes of recordings.

    Attributes:
        failed: The share that the service marks as failed; the others are completed.
        processing_minutes: How long after its creation a recording is marked.
        two_tabs: The probability that an attempt is made in two tabs at the same moment.
    """

    section: ClassVar[str] = "recordings"

    failed: float = _probability(0.03)
    processing_minutes: float = field(default=10.0, converter=_float, validator=_number(0, 60 * 24 * 30))
    two_tabs: float = _probability(0)


def _start(value: Any) -> Any:
    return utc(value, "start") if isinstance(value, datetime) and value.tzinfo is not None else value


def _aware(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"{attribute.name}: expected a time with an offset from UTC, got {quoted(value)}")
    if not 1970 <= value.year <= 9000:  # noqa: PLR2004 - said in words
        raise ValueError(f"{attribute.name}: expected a year from 1970 to 9000, got {value.year}")


@frozen(kw_only=True)
class Scenario:
    """A population, what it does, and the rules that it meets.

    The defaults tell a plausible story under the document's credit policy: some 70 events a CRM user
    over 90 days, from free credits that run out to some who pay.

    Attributes:
        crm_users: CRM users; they are numbered from 0.
        regular_users: Regular users; they are numbered after the CRM users.
        days: The horizon, in days.
        start: When it begins; the rhythm goes by it.
        crm_arrivals: When CRM users are synced.
        regular_arrivals: When regular users register.
        activity: What users do.
        rhythm: When they do it.
        payments: Whether they pay.
        churn: Whether they leave.
        recordings: What becomes of recordings.
        resyncs_per_day: How often the sync function sees a CRM user again.
        alike: How much alike users are: the shape of the gamma distribution, of mean 1, by which
            each user's activity is multiplied; the smaller, the more they differ. None: all alike.
        rules: The safeguards and the credit policy.
    """

    crm_users: int = field(default=1_000, validator=_whole(0, USERS_MAX))
    regular_users: int = field(default=250, validator=_whole(0, USERS_MAX))
    days: int = field(default=90, validator=_whole(1, DAYS_MAX))
    start: datetime = field(default=datetime(2026, 1, 5, tzinfo=UTC), converter=_start, validator=_aware)
    crm_arrivals: Arrivals = field(factory=Arrivals, validator=_instance(Arrivals))
    regular_arrivals: Arrivals = field(factory=Arrivals, validator=_instance(Arrivals))
    activity: Activity = field(factory=Activity, validator=_instance(Activity))
    rhythm: Rhythm = field(factory=Rhythm, validator=_instance(Rhythm))
    payments: Payments = field(factory=Payments, validator=_instance(Payments))
    churn: Churn = field(factory=Churn, validator=_instance(Churn))
    recordings: Recordings = field(factory=Recordings, validator=_instance(Recordings))
    resyncs_per_day: float = _rate(0)
    alike: float | None = field(default=3.0, converter=_float, validator=_number_or_none(SHAPE_MIN, SHAPE_MAX))
    rules: Rules = field(default=HARDENED, validator=_instance(Rules))

    def __attrs_post_init__(self) -> None:
        self._refuse_policy()
        for name, arrivals, users in (
            ("crm", self.crm_arrivals, self.crm_users),
            ("regular", self.regular_arrivals, self.regular_users),
        ):
            for each, given in (("dates", arrivals.dates), ("balances", arrivals.balances)):
                if given is not None and len(given) != users:
                    raise ValueError(
                        f"{name}_arrivals.{each}: {len(given)} {each} for {users} users: "
                        f"give one for each, or set {name}_users to their number"
                    )

    def _refuse_policy(self) -> None:
        policy, payments = self.policy, self.payments
        if policy.regular_initial_credits:
            raise ValueError(
                "policy.regular_initial_credits: in a simulation regular users pay before they record, as in the "
                f"document; it must be 0, got {policy.regular_initial_credits}"
            )
        for name, most in (
            ("initial_credits", CREDITS_MAX),
            ("credits_per_payment", CREDITS_MAX),
            ("price", PRICE_MAX),
        ):
            if getattr(policy, name) > most:
                raise ValueError(
                    f"policy.{name}: a simulation takes at most {most}, got {cut(str(getattr(policy, name)))}"
                )
        for name in ("when_blocked", "early"):
            if getattr(payments, name) and not policy.credits_per_payment:
                raise ValueError(
                    f"payments.{name}: nobody pays for nothing, and policy.credits_per_payment is 0: "
                    f"set payments.{name} to 0, or have a payment give credits"
                )

    @property
    def users(self) -> int:
        """How many users there are, of both kinds."""
        return self.crm_users + self.regular_users

    @property
    def policy(self) -> CreditPolicy:
        """The credit policy."""
        return self.rules.credit_policy

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.start + timedelta(days=self.days)


def refuse_users(users: range, scenario: Scenario) -> None:
    """Refuse a range of users that is not one of the scenario's.

    Raises:
        ValueError: It is not.
    """
    if users.step != 1 or not 0 <= users.start <= users.stop <= scenario.users:
        raise ValueError(f"users: expected a range within 0 to {scenario.users}, got {users}")
