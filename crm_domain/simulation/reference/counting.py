"""The result of a run on the model? Read from the outcomes of commands and the events in the journal.

This counts without the kernel, from what really happened, so that the two can be held to one another.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Final

from crm_domain import commands as c
from crm_domain import events as e
from crm_domain.answers import Changed, Paid
from crm_domain.errors import InsufficientCredits, Refused

from ..draws.rhythm import DAY_US, WEEK_US
from ..results.part import (
    ARRIVAL,
    CHURN,
    CREDIT_REFUNDED,
    DAILY,
    EVENT_COLUMNS,
    HISTOGRAMS,
    JOB_REQUEST,
    LOGIN,
    MANY,
    PAYMENT,
    PAYMENT_REDELIVERED,
    POPULATIONS,
    RECORDING,
    RECORDING_BLOCKED,
    RECORDING_COMPLETED,
    RECORDING_FAILED,
    RESUME,
    RESYNC,
    TIME_SPENT,
    TOTALS,
    USER_COLUMNS,
    VIEW,
    Part,
    histogram_length,
    weeks,
)
from ..scenario import Scenario
from .behaviours import Outcome

_STORED: Final[dict[type[Any], int]] = {
    c.CreateJobRequest: JOB_REQUEST,
    c.CreateRegularJobRequest: JOB_REQUEST,
    c.CreateRecording: RECORDING,
    c.CreateRegularRecording: RECORDING,
    c.UploadResume: RESUME,
    c.UploadRegularResume: RESUME,
}
_TRACKED: Final[dict[type[Any], int]] = {c.TrackLogin: LOGIN, c.TrackView: VIEW, c.TrackTime: TIME_SPENT}
_MARKED: Final = {"completed": RECORDING_COMPLETED, "failed": RECORDING_FAILED}

_COUNTED: Final = {
    ARRIVAL: "arrivals",
    JOB_REQUEST: "job_requests",
    RECORDING: "recordings",
    RECORDING_BLOCKED: "blocked_recordings",
    RECORDING_FAILED: "failed_recordings",
    CREDIT_REFUNDED: "refunds",
    RESUME: "resumes",
    LOGIN: "logins",
    VIEW: "views",
    PAYMENT: "payments",
    CHURN: "churned",
}
"""What counts one for an event of a kind."""

_ACTIVE: Final = frozenset({JOB_REQUEST, RECORDING, RECORDING_BLOCKED, RESUME, LOGIN, PAYMENT})


class Life:
    """What is known of one user so far.

    Attributes:
        row: Their row in the table of users.
        events: What happened to them: moment, kind and amount.
        daily: For each name of `crm_domain.simulation.results.part.DAILY`, what counted on which day.
    """

    __slots__ = ("_free", "_free_left", "_refs", "daily", "events", "row")

    def __init__(self, number: int, population: int) -> None:
        self.row = dict.fromkeys(USER_COLUMNS, 0)
        self.row |= {"user": number, "population": population}
        for never in ("arrived", "churned", "first_blocked", "first_payment", "free_credits_spent", "last_active"):
            self.row[f"{never}_us"] = -1
        self.events: list[tuple[int, int, int]] = []
        self.daily: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._refs: set[str | None] = set()
        self._free: set[object] = set()
        self._free_left = 0

    # --- what happens ---------------------------------------------------------------------------

    def arrived(self, at: int, events: Iterable[e.Event], brought: int | None) -> None:
        """Note that the user came, and with how many credits."""
        self.row["arrived_us"] = at
        for event in events:
            if isinstance(event, e.CreditGranted):
                self._free.add(event.values[0])
                self.row["credits_remaining"] += _credits(event)
            elif isinstance(event, e.CreditVoided):
                self.row["credits_remaining"] -= event.credits
        assert brought in {None, self.row["credits_remaining"]}
        self._free_left = self.row["credits_remaining"]
        self._granted("free", self._free_left, at)
        self._note(at, ARRIVAL, self._free_left)

    def left(self, at: int) -> None:
        """Note that the user does nothing any more."""
        self.row["churned_us"] = at
        self._note(at, CHURN, 0)

    def did(self, at: int, command: c.Command, outcome: Outcome) -> None:
        """Note what became of a command of the user's, or of the service's for them."""
        kind = type(command)
        if isinstance(outcome, Refused):
            if _STORED.get(kind) == RECORDING and isinstance(outcome, InsufficientCredits):
                self._first("first_blocked_us", at)
                self._note(at, RECORDING_BLOCKED, 0)
            return
        before = self.row["credits_remaining"]
        for event in outcome.events:
            self._moved(at, event)
        if kind in _STORED:
            self._note(at, _STORED[kind], -1 if _STORED[kind] == RECORDING else 0)
        elif kind in _TRACKED and isinstance(outcome, Changed) and outcome.affected:
            self._note(at, _TRACKED[kind], getattr(command, "seconds", None) or 0)
        elif isinstance(command, c.RecordPayment):
            assert isinstance(outcome, Paid)
            self._paid(at, command, outcome, self.row["credits_remaining"] - before)
        elif isinstance(command, c.SyncCrmUser):
            self._note(at, RESYNC, self.row["credits_remaining"] - before)
        elif isinstance(command, c.Update) and command.set.get("status") in _MARKED:
            self._note(at, _MARKED[command.set["status"]], 0)
            if any(isinstance(event, e.CreditRefunded) for event in outcome.events):
                self._note(at, CREDIT_REFUNDED, 1)

    def _paid(self, at: int, command: c.RecordPayment, outcome: Paid, credits_: int) -> None:
        if command.ref in self._refs:
            self._note(at, PAYMENT_REDELIVERED, credits_)
            return
        assert outcome.credited
        assert command.amount is not None
        self._refs.add(command.ref)
        cents = int(command.amount * 100)
        self._first("first_payment_us", at)
        self.row["revenue_cents"] += cents
        self.daily["revenue_cents", at // DAY_US] += cents
        self._note(at, PAYMENT, cents)

    def _moved(self, at: int, event: e.Event) -> None:
        """Note what an event does to the ledger."""
        row = self.row
        if isinstance(event, e.CreditGranted):
            source = "paid" if event.values[3] == "payment" else "free"
            if source == "free":
                self._free.add(event.values[0])
                self._free_left += _credits(event)
            row["credits_remaining"] += _credits(event)
            self._granted(source, _credits(event), at)
        elif isinstance(event, e.CreditConsumed):
            row["credits_remaining"] -= 1
            row["credits_consumed"] += 1
            self.daily["credits_consumed", at // DAY_US] += 1
            if event.values[3] in self._free:
                self._free_left -= 1
                if self._free_left == 0:
                    self._first("free_credits_spent_us", at)
        elif isinstance(event, e.CreditRefunded):
            row["credits_remaining"] += 1
            self._free_left += event.grant_id in self._free
        elif isinstance(event, e.CreditVoided):
            row["credits_remaining"] -= event.credits
            row["credits_voided"] += event.credits
            self.daily["credits_voided", at // DAY_US] += event.credits
            self._free_left -= event.credits if event.grant_id in self._free else 0

    def _granted(self, source: str, credits_: int, at: int) -> None:
        self.row[f"credits_granted_{source}"] += credits_
        self.daily[f"credits_granted_{source}", at // DAY_US] += credits_

    def _first(self, name: str, at: int) -> None:
        if self.row[name] < 0:
            self.row[name] = at

    def _note(self, at: int, kind: int, amount: int) -> None:
        self.events.append((at, kind, amount))
        if kind in _COUNTED:
            name = _COUNTED[kind]
            self.daily[name, at // DAY_US] += 1
            if name in self.row:
                self.row[name] += 1
        if kind == TIME_SPENT:
            self.daily["time_spent_seconds", at // DAY_US] += amount
            self.row["time_spent_seconds"] += amount
        if kind in _ACTIVE:
            self.row["last_active_us"] = at


def _credits(event: e.CreditGranted) -> int:
    credits_ = event.values[6]
    assert isinstance(credits_, int)
    return credits_


# --- adding up ------------------------------------------------------------------------------------


def part_of(scenario: Scenario, users: range, lives: Iterable[Life], keep: AbstractSet[str]) -> Part:
    """Return the result of the users."""
    days, lives = scenario.days, list(lives)
    daily = {f"{p}_{name}": array("q", bytes(8 * days)) for p in POPULATIONS for name in DAILY}
    histograms = {
        f"{p}_{name}": array("q", bytes(8 * histogram_length(name, days))) for p in POPULATIONS for name in HISTOGRAMS
    }
    totals = {f"{p}_{name}": 0 for p in POPULATIONS for name in TOTALS}
    for life in lives:
        population = POPULATIONS[life.row["population"]]
        for (name, day), amount in life.daily.items():
            daily[f"{population}_{name}"][day] += amount
        for day in {at // DAY_US for at, kind, _ in life.events if kind in _ACTIVE}:
            daily[f"{population}_active_users"][day] += 1
        for name, place in _places(life, days):
            histograms[f"{population}_{name}"][place] += 1
        for name, total in _totals(life).items():
            totals[f"{population}_{name}"] += total
    return Part(
        users_from=users.start,
        users_to=users.stop,
        days=days,
        daily=daily,
        histograms=histograms,
        totals=totals,
        users=_users(lives) if "users" in keep else None,
        events=_events(lives) if "events" in keep else None,
    )


def _places(life: Life, days: int) -> Iterable[tuple[str, int]]:
    """Yield where a user counts in which histogram."""
    row = life.row
    arrived = row["arrived_us"]
    if arrived < 0:
        return
    followed = days - 1 - (arrived - 1) // DAY_US if arrived else days
    for name in ("first_block", "first_payment", "free_credits_spent"):
        at = row["first_blocked_us" if name == "first_block" else f"{name}_us"]
        day = (at - arrived) // DAY_US
        if name != "free_credits_spent" or row["credits_granted_free"]:
            yield (f"{name}_days", day) if at >= 0 and day < followed else (f"{name}_censored_days", followed)
    yield "payments_per_user", min(row["payments"], MANY)
    yield "credits_left_per_user", min(max(row["credits_remaining"], 0), MANY)
    first = arrived // WEEK_US * weeks(days)
    for week in {(at - arrived) // WEEK_US for at, kind, _ in life.events if kind in _ACTIVE}:
        yield "cohort_active", first + week


def _totals(life: Life) -> dict[str, int]:
    row = life.row
    return {
        "users": 1,
        "arrived": row["arrived_us"] >= 0,
        "churned_users": row["churned_us"] >= 0,
        "blocked_users": row["first_blocked_us"] >= 0,
        "paying_users": row["first_payment_us"] >= 0,
        "active_users": row["last_active_us"] >= 0,
        "overdrawn_users": row["credits_remaining"] < 0,
        "credits_outstanding": row["credits_remaining"],
        "events": len(life.events),
    }


def _users(lives: Iterable[Life]) -> dict[str, array[int]]:
    return {name: array(code, [life.row[name] for life in lives]) for name, code in USER_COLUMNS.items()}


def _events(lives: Iterable[Life]) -> dict[str, array[int]]:
    rows = [(life.row["user"], *event) for life in lives for event in life.events]
    return {name: array(code, [row[n] for row in rows]) for n, (name, code) in enumerate(EVENT_COLUMNS.items())}
