"""Which scenario is like what real users did, and how sure is each of its numbers?

Rates, heterogeneity and churn come from the likelihood of `likelihoods`, of CRM users from their arrival until
their credits run out for the first time: until then every attempt to record leaves a trace, and no one leaves for
want of credits. What comes of being blocked, which leaves no trace, comes from how long users are without
credits until they pay.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import attrs
from attrs import define, field, frozen

from ..parameters import with_parameters
from ..results.listing import Listing
from ..scenario import DAYS_MAX, SHAPE_MAX, SHAPE_MIN, Arrivals, Scenario
from .estimates import Estimate, by_log, counted, mean, rate, share
from .from_counters import FREE_COUNTERS, fitted_recordings
from .histories import ACTIVITIES, Histories, exposure_by_weekday, first_window, moment_of, whole_life
from .likelihoods import Activity, Seen
from .minimum import lowest, standard_errors
from .without_credits import fitted_paying

USERS_MAX: Final = 2_000
"""Of so many users the likelihood is taken; of more, of as many that are evenly picked."""

EVENTS_MIN: Final = 30
RHYTHM_MIN: Final = 200
"""Of fewer events nothing is made."""

_ALIKE: Final = 1_000.0
_LEAVING_MIN, _LEAVING_MAX = 1e-6, 10.0

Progress: TypeAlias = Callable[[str], object]
"""Is called with what is being fitted."""


@frozen(kw_only=True)
class Fit:
    """A scenario that was fitted to data.

    Attributes:
        scenario: It.
        estimates: Each number that was fitted.
        notes: What was taken for granted, and what could not be fitted.
        source: Where the data comes from.
    """

    scenario: Scenario
    estimates: tuple[Estimate, ...]
    notes: tuple[str, ...]
    source: str

    def listing(self) -> Listing:
        """Return a table of what was fitted from how much."""
        rows = tuple((e.path, _text(e.value), _interval(e), e.basis) for e in self.estimates)
        head = ("parameter", "estimate", "95% interval", "from")
        return Listing(title=self.source, head=head, rows=rows, notes=self.notes)

    def __str__(self) -> str:
        return str(self.listing())

    def _repr_html_(self) -> str:
        return self.listing().html()


def fit(
    histories: Histories, base: Scenario | None = None, *, dates: bool = False, progress: Progress = lambda _: None
) -> Fit:
    """Fit a scenario to what users did.

    Args:
        histories: What is known of them.
        base: Where everything comes from that is not fitted, such as the rules.
        dates: Whether users come when they really came, rather than at the same rate.
        progress: Is called with what is being fitted.

    Raises:
        ValueError: There is no one.
    """
    fitting = _Fitting(histories, base or Scenario(), progress)
    fitting.people(dates=dates)
    fitting.activity()
    fitting.rhythm(ACTIVITIES)
    fitting.recordings()
    fitting.resyncs()
    fitting.paying()
    return fitting.fit()


def fit_counters(
    histories: Histories, base: Scenario | None = None, *, dates: bool = False, progress: Progress = lambda _: None
) -> Fit:
    """Fit a scenario to counters without times, such as those of the dashboard.

    Args:
        histories: CRM users with ``counts``.
        base: Where everything comes from that is not fitted.
        dates: Whether users come when they really came.
        progress: Is called with what is being fitted.

    Raises:
        ValueError: There is no one.
    """
    fitting = _Fitting(histories, base or Scenario(), progress)
    fitting.people(dates=dates)
    fitting.counters()
    fitting.note(
        "Counters have no times, so that churn, the rhythm and payments are not fitted: nobody is taken to leave."
    )
    fitting.values["churn.per_day"] = 0.0
    return fitting.fit()


def fit_payments(
    histories: Histories, base: Scenario | None = None, *, dates: bool = False, progress: Progress = lambda _: None
) -> Fit:
    """Fit a scenario to payments alone: regular users who pay whenever a recording is blocked, and at once.

    A payment's credits are taken to be used up before the next payment, so that one payment in
    ``policy.credits_per_payment`` + 1 attempts to record is seen. Users come with their first payment.

    Args:
        histories: Regular users with ``payments``.
        base: Where the credit policy comes from; but for the price, which is that of the payments.
        dates: Whether users come when they really came.
        progress: Is called with what is being fitted.

    Raises:
        ValueError: There is no one.
    """
    base = base or Scenario()
    fitting = _Fitting(histories, base, progress)
    fitting.people(dates=dates)
    fitting.values |= {f"activity.{kind}_per_day": 0.0 for kind in ACTIVITIES}
    fitting.values |= _PAYS_AT_ONCE
    stages = base.policy.credits_per_payment + 1
    fitting.repeat_payments(stages)
    fitting.rhythm(["payments"])
    fitting.prices()
    fitting.note(
        f"Taken for granted: what a payment gives ({counted(base.policy.credits_per_payment, 'credit')}) is used up before "
        "the next one, which comes as soon as a recording is blocked. The data begins with each user's first payment; "
        "in the scenario, users come before it."
    )
    return fitting.fit()


_PAYS_AT_ONCE: Final[Mapping[str, Any]] = {
    "payments.when_blocked": 1.0,
    "payments.early": 0.0,
    "payments.delay_days": 0.0,
    "churn.when_blocked": 0.0,
    "recordings.failed": 0.0,
}


@define
class _Fitting:
    histories: Histories
    base: Scenario
    progress: Progress
    values: dict[str, Any] = field(factory=dict)
    whole: dict[str, Any] = field(factory=dict)
    estimates: list[Estimate] = field(factory=list)
    notes: list[str] = field(factory=list)
    fitted: Activity | None = None
    rate_error: float = math.inf

    def __attrs_post_init__(self) -> None:
        if not any(user.arrived < self.histories.until for user in self.histories.users):
            raise ValueError("fit: there is no user who came before the end of the observation")

    def fit(self) -> Fit:
        """Return what was fitted so far, the rest from the base."""
        values = self.values | {e.path: e.value for e in self.estimates if e.path not in self.whole}
        scenario = attrs.evolve(with_parameters(attrs.evolve(self.base, **_NOBODY), values), **self.whole)
        return Fit(
            scenario=scenario, estimates=tuple(self.estimates), notes=tuple(self.notes), source=self.histories.source
        )

    def note(self, text: str) -> None:
        self.notes.append(text)

    def add(self, *estimates: Estimate) -> None:
        self.estimates.extend(estimates)

    # --- who comes ------------------------------------------------------------------------

    def people(self, *, dates: bool) -> None:
        """Fit how many users there are, and when they come."""
        start, until = self.histories.start, self.histories.until
        days = min(max(math.ceil(until - start), 1), DAYS_MAX)
        self.whole |= {"start": moment_of(start), "days": days}
        self.add(Estimate(path="days", value=days, basis=f"{moment_of(start):%Y-%m-%d} to {moment_of(until):%Y-%m-%d}"))
        for population in ("crm", "regular"):
            users = self.histories.of(population)
            self.whole[f"{population}_users"] = len(users)
            self.add(Estimate(path=f"{population}_users", value=len(users), basis="counted"))
            arrived = sorted(user.arrived for user in users)
            if not arrived:
                continue
            if dates:
                self.whole[f"{population}_arrivals"] = Arrivals(dates=tuple(map(moment_of, arrived)))
            elif arrived[-1] - arrived[0] > 1:
                span = (arrived[-1] - arrived[0]) * len(arrived) / (len(arrived) - 1)
                per_day = rate(f"{population}_arrivals.per_day", len(arrived), span, counted(len(arrived), "arrival"))
                self.whole[f"{population}_arrivals"] = Arrivals(per_day=per_day.value)
                self.add(per_day)

    # --- what they do ---------------------------------------------------------------------

    def activity(self) -> None:
        """Fit rates, how much alike users are, and churn."""
        crm = self.histories.of("crm")
        users, kinds, see = (
            (crm, ACTIVITIES, first_window) if crm else (self.histories.of("regular"), _FREE, whole_life)
        )
        pairs = [(user, see(user, kinds, self.histories.until)) for user in users]
        pairs = [(user, seen) for user, seen in pairs if seen.until > 0]
        if sum(seen.events for _, seen in pairs) < EVENTS_MIN:
            self.note(f"Rates, churn and alike are not fitted: fewer than {EVENTS_MIN} events.")
            return
        self._life([seen for _, seen in pairs], 1, "event")
        counts: Counter[str] = Counter()
        for user, seen in pairs:
            end = user.arrived + seen.until
            counts.update({kind: sum(user.arrived <= at <= end for at in user.moments.get(kind, ())) for kind in kinds})
        self._rates(counts, math.fsum(seen.until for _, seen in pairs))
        if not crm:
            self.note("Recordings a day are not fitted: of regular users, attempts that are blocked leave no trace.")
        sessions = [seconds for user in users for seconds in user.sessions]
        if sessions:
            self.add(mean("activity.session_seconds", sessions, counted(len(sessions), "session")))

    def counters(self) -> None:
        """Fit rates, and how much alike users are, to counters."""
        until = self.histories.until
        users = self.histories.of("crm")
        seen = [
            Seen(sum(user.counts[kind] for kind in FREE_COUNTERS), 0.0, until - user.arrived, alive=True)
            for user in users
        ]
        if sum(one.events for one in seen) < EVENTS_MIN:
            self.note(f"Rates and alike are not fitted: fewer than {EVENTS_MIN} events.")
            return
        self._life(seen, 1, "event", leave=False)
        assert self.fitted is not None
        counts = {kind: sum(user.counts[kind] for user in users) for kind in FREE_COUNTERS}
        self._rates(counts, math.fsum(one.until for one in seen))
        recordings = fitted_recordings(users, until, self.fitted)
        self.add(*([] if recordings is None else [recordings]))

    def repeat_payments(self, stages: int) -> None:
        """Fit attempts to record, of which each *stages*-th leads to a payment, from those that followed the first."""
        payments = [user.moments["payments"] for user in self.histories.users]
        seen = [Seen(len(at) - 1, at[-1] - at[0], self.histories.until - at[0]) for at in payments]
        if sum(one.events for one in seen) < EVENTS_MIN:
            self.note(f"Rates, churn and alike are not fitted: fewer than {EVENTS_MIN} repeat payments.")
            return
        basis = self._life(seen, stages, "repeat payment")
        assert self.fitted is not None
        self.add(by_log("activity.recordings_per_day", self.fitted.rate, self.rate_error, basis))

    def _life(self, seen: Sequence[Seen], stages: int, what: str, *, leave: bool = True) -> str:
        """Fit a model of activity and, unless no one leaves, of churn; return from how much."""
        picked = seen[:: math.ceil(len(seen) / USERS_MAX)]
        self.progress("activity and churn")

        def badness(at: Sequence[float]) -> float:
            return _model(at).minus_log(picked, stages)

        events = sum(one.events for one in picked)
        pace = stages * events / math.fsum(one.until for one in picked)
        best = lowest(badness, [0.0, math.log(pace), math.log(0.005)][: 2 + leave])
        of_shape, self.rate_error, *of_leaving = standard_errors(badness, best)
        self.fitted = _model(best)
        basis = f"{counted(events, what)}, {counted(len(picked), 'user')}"
        if self.fitted.shape < _ALIKE:
            self.add(by_log("alike", self.fitted.shape, of_shape, basis))
        else:
            self.add(Estimate(path="alike", value=None, basis=basis))
        if self.fitted.leaving > 2 * _LEAVING_MIN:
            self.add(by_log("churn.per_day", self.fitted.leaving, of_leaving[0], basis))
        elif leave:
            self.add(Estimate(path="churn.per_day", value=0.0, basis=basis))
        return basis

    def _rates(self, counts: Mapping[str, int], exposure: float) -> None:
        """Fit the rate of each kind of activity: its share in that of all together."""
        assert self.fitted is not None
        total = sum(counts.values())
        for kind, count in counts.items():
            path, basis = f"activity.{kind}_per_day", counted(count, kind.replace("_", " ")[:-1])
            if count:
                error = math.hypot(self.rate_error, math.sqrt(1 / count - 1 / total))
                self.add(by_log(path, self.fitted.rate * count / total, error, basis))
            else:
                self.add(rate(path, 0, exposure, basis))

    # --- when and what else ---------------------------------------------------------------

    def rhythm(self, kinds: Sequence[str]) -> None:
        """Fit the weights of the days of the week, and of the hours of the day where they are known."""
        until = self.histories.until
        users = [user for user in self.histories.users if user.arrived < until]
        times = [at for user in users for at in user.times(kinds) if at <= until]
        if len(times) < RHYTHM_MIN or until - self.histories.start < _WEEK:
            self.note(f"The rhythm is not fitted: that takes a week and {RHYTHM_MIN} events.")
            return
        basis = counted(len(times), "event")
        on_day = Counter(int(at) % 7 for at in times)
        exposure = exposure_by_weekday(users, until)
        self._weights("rhythm.weekdays", [on_day[day] / exposure[day] for day in range(7)], basis)
        if all(at == int(at) for at in times):
            self.note("The data has days, but no times of day: hours are all alike.")
            self._weights("rhythm.hours", [1.0] * 24, basis)
        else:
            in_hour = Counter(int(at % 1 * 24) for at in times)
            self._weights("rhythm.hours", [float(in_hour[hour]) for hour in range(24)], basis)

    def _weights(self, path: str, weights: Sequence[float], basis: str) -> None:
        scale = len(weights) / math.fsum(weights)
        self.add(Estimate(path=path, value=tuple(round(weight * scale, 3) for weight in weights), basis=basis))

    def recordings(self) -> None:
        """Fit how many recordings fail, and how long it takes until that is known."""
        users = self.histories.users
        failed, completed = sum(u.failed for u in users), sum(u.completed for u in users)
        if failed + completed:
            basis = counted(failed + completed, "processed recording")
            self.add(share("recordings.failed", failed, failed + completed, basis))
        minutes = [days * _MINUTES for user in users for days in user.processing]
        if minutes:
            self.add(mean("recordings.processing_minutes", minutes, counted(len(minutes), "processed recording")))

    def resyncs(self) -> None:
        """Fit how often the sync function sees CRM users again."""
        crm, until = self.histories.of("crm"), self.histories.until
        if crm:
            count = sum(at <= until for user in crm for at in user.moments.get("resyncs", ()))
            exposure = math.fsum(until - user.arrived for user in crm)
            self.add(rate("resyncs_per_day", count, exposure, counted(count, "re-sync")))

    # --- payments -------------------------------------------------------------------------

    def paying(self) -> None:
        """Fit who pays when blocked, who leaves then, who pays early, and how soon."""
        recordings = next((e.value for e in self.estimates if e.path == "activity.recordings_per_day"), 0.0)
        if self.fitted is None or not recordings:
            self.note("Payments are not fitted: that takes to know how often CRM users try to record.")
            return
        self.progress("payments")
        found = fitted_paying(self.histories, self.fitted, recordings)
        self.add(*found.estimates)
        self.notes.extend(found.notes)

    def prices(self) -> None:
        """Take the mean of the payments as the price."""
        amounts = [amount for user in self.histories.users for amount in user.amounts]
        if amounts:
            price = round(sum(amounts, Decimal()) / len(amounts), 2)
            if price > 0:
                self.add(
                    Estimate(path="policy.price", value=price, basis=f"mean of {counted(len(amounts), 'payment')}")
                )


_FREE: Final = tuple(kind for kind in ACTIVITIES if kind != "recordings")
"""Activities that never are blocked."""

_MINUTES: Final = 24 * 60
_WEEK: Final = 7
_NOBODY: Final[Mapping[str, Any]] = {
    "crm_users": 0,
    "regular_users": 0,
    "crm_arrivals": Arrivals(),
    "regular_arrivals": Arrivals(),
}


def _model(at: Sequence[float]) -> Activity:
    """Return the model whose parameters have these logarithms, within bounds; without the third, no one leaves."""
    shape, pace, *leaving = (math.exp(max(min(x, 20.0), -20.0)) for x in at)
    gone = min(max(leaving[0], _LEAVING_MIN), _LEAVING_MAX) if leaving else 0.0
    return Activity(min(max(shape, SHAPE_MIN), SHAPE_MAX), pace, gone)


def _text(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "inf"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return f"{min(value):.2g} to {max(value):.2g}"
    return f"{value:,}"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.low:.4g} to {estimate.high:.4g}"
