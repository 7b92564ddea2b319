"""Scenarios are fitted to data: what was simulated is found again.

Seeds are fixed. Were they drawn, one of the intervals below, which hold the truth in 99.9 % of all cases, would
miss it in about 3 of 100 runs of this file.
"""

from __future__ import annotations

import math
from collections import defaultdict
from decimal import Decimal
from typing import Any

import attrs
import pytest

from crm_domain.simulation import (
    EVENT_KINDS,
    Activity,
    Arrivals,
    Churn,
    Payments,
    Recordings,
    Rhythm,
    Scenario,
    simulate,
)
from crm_domain.simulation.fitting.estimates import Estimate, by_log, by_odds, mean, rate, share
from crm_domain.simulation.fitting.histories import Histories, History, day_of
from crm_domain.simulation.fitting.scenario_fit import Fit, fit, fit_counters, fit_payments
from crm_domain.simulation.parameters import parameters_of

WIDER = 3.2905 / 1.96
"""How much wider intervals of 99.9 % are than those of 95 %."""

_KINDS = {
    "job_request": "job_requests",
    "recording": "recordings",
    "resume": "resumes",
    "login": "logins",
    "view": "views",
    "payment": "payments",
    "resync": "resyncs",
}


def histories_of(scenario: Scenario, seed: int) -> Histories:
    """Simulate users, and forget what leaves no trace."""
    events = simulate(scenario, seed, engine="plain", keep={"events"}).events
    start = day_of(scenario.start)
    people: defaultdict[int, dict[str, Any]] = defaultdict(
        lambda: {"moments": defaultdict(list), "credits": [], "sessions": [], "failed": 0, "completed": 0}
    )
    for user, at_us, code, amount in zip(*events.values(), strict=True):
        person, kind, at = people[user], EVENT_KINDS[code], start + at_us / 86_400_000_000
        if kind == "arrival":
            person["arrived"] = at
        if kind in _KINDS:
            person["moments"][_KINDS[kind]].append(at)
        if kind in {"arrival", "recording", "payment"}:
            person["credits"].append((at, scenario.policy.credits_per_payment if kind == "payment" else amount))
        if kind in {"recording_failed", "recording_completed"}:
            person[kind.removeprefix("recording_")] += 1
        if kind == "time_spent":
            person["sessions"].append(amount)
    users = [History(population="crm" if n < scenario.crm_users else "regular", **p) for n, p in sorted(people.items())]
    return Histories(users=users, until=start + scenario.days, source="simulated")


def found(fitted: Fit) -> dict[str, Estimate]:
    return {estimate.path: estimate for estimate in fitted.estimates}


def assert_holds(estimate: Estimate, truth: float) -> None:
    """The interval, made wider to 99.9 %, holds the truth."""
    assert estimate.low is not None
    assert estimate.high is not None
    value = estimate.value
    assert value / (value / estimate.low) ** WIDER <= truth <= value * (estimate.high / value) ** WIDER


# --- what was simulated is found again --------------------------------------------------------

SCENARIO = Scenario(
    crm_users=300,
    regular_users=50,
    days=80,
    crm_arrivals=Arrivals(per_day=12),
    activity=Activity(
        job_requests_per_day=0.5,
        recordings_per_day=0.3,
        resumes_per_day=0.1,
        logins_per_day=0.3,
        views_per_day=0.2,
        session_seconds=300,
    ),
    payments=Payments(when_blocked=0.4, early=0.05, delay_days=3),
    churn=Churn(per_day=0.01, when_blocked=0.15),
    recordings=Recordings(failed=0.1),
    resyncs_per_day=0.05,
    alike=1.5,
)


@pytest.fixture(scope="module")
def fitted() -> Fit:
    return fit(histories_of(SCENARIO, seed=1))


PATHS = (
    "crm_arrivals.per_day",
    "alike",
    "churn.per_day",
    "churn.when_blocked",
    "activity.job_requests_per_day",
    "activity.recordings_per_day",
    "activity.resumes_per_day",
    "activity.logins_per_day",
    "activity.views_per_day",
    "activity.session_seconds",
    "payments.when_blocked",
    "payments.early",
    "payments.delay_days",
    "recordings.failed",
    "resyncs_per_day",
)


@pytest.mark.parametrize("path", PATHS)
def test_parameters_are_recovered(path: str, fitted: Fit) -> None:
    """Those of attempts that left no trace included."""
    assert_holds(found(fitted)[path], parameters_of(SCENARIO)[path])


def test_the_rhythm_is_recovered(fitted: Fit) -> None:
    """Each weight within four standard errors of its count."""
    events = int(found(fitted)["rhythm.hours"].basis.split()[0].replace(",", ""))
    rhythm = fitted.scenario.rhythm
    for weights, true in ((rhythm.weekdays, Rhythm().weekdays), (rhythm.hours, Rhythm().hours)):
        assert math.fsum(weights) == pytest.approx(len(weights), abs=0.02)
        for weight, expected in zip(weights, true, strict=True):
            scaled = expected * len(true) / math.fsum(true)
            assert abs(weight - scaled) < 4 * math.sqrt(scaled * len(true) / events)


def test_the_scenario_has_what_was_found(fitted: Fit) -> None:
    """Its horizon is that of the data, and its people are as many."""
    scenario, values = fitted.scenario, found(fitted)
    assert (scenario.crm_users, scenario.regular_users, scenario.days) == (300, 50, 80)
    assert scenario.start == SCENARIO.start
    assert scenario.activity.recordings_per_day == values["activity.recordings_per_day"].value
    assert scenario.crm_arrivals.per_day == values["crm_arrivals.per_day"].value
    assert scenario.regular_arrivals.per_day == 0
    assert scenario.recordings.processing_minutes == Scenario().recordings.processing_minutes


def test_a_fit_reads_as_a_table(fitted: Fit) -> None:
    text = str(fitted)
    assert "payments.when_blocked" in text
    assert "times without credits" in text
    assert "<table" in fitted._repr_html_()


def test_users_who_are_alike_are_found_to_be() -> None:
    """The shape is infinite; and who never leaves is found not to."""
    scenario = attrs.evolve(
        SCENARIO, alike=None, regular_users=0, crm_users=150, churn=Churn(per_day=0, when_blocked=0.1)
    )
    result = fit(histories_of(scenario, seed=2))
    values = found(result)
    assert values["alike"].value is None
    assert " inf " in str(result)
    assert values["churn.per_day"].value < 0.001


def test_what_was_behind_the_end_does_not_count() -> None:
    """A fit until a moment is that of data that ends there."""
    data = histories_of(attrs.evolve(SCENARIO, days=30, crm_users=30, regular_users=0), seed=7)
    early = attrs.evolve(data, until=data.until - 15)
    cut = [
        attrs.evolve(
            user,
            moments={kind: [at for at in times if at <= early.until] for kind, times in user.moments.items()},
            credits=[(at, change) for at, change in user.credits if at <= early.until],
        )
        for user in data.users
    ]
    assert fit(early).estimates == fit(attrs.evolve(early, users=cut)).estimates


def test_real_dates_can_be_kept() -> None:
    data = histories_of(attrs.evolve(SCENARIO, days=30, crm_users=40, regular_users=3), seed=3)
    scenario = fit(data, dates=True).scenario
    assert scenario.crm_arrivals.dates is not None
    assert len(scenario.crm_arrivals.dates) == scenario.crm_users == len(data.of("crm"))
    assert list(scenario.crm_arrivals.dates) == sorted(scenario.crm_arrivals.dates)
    assert scenario.regular_arrivals.dates is not None
    assert "crm_arrivals.per_day" not in found(fit(data, dates=True))


def test_regular_users_alone_have_rates_too() -> None:
    """But not of recordings, of which those that are blocked leave no trace."""
    scenario = attrs.evolve(SCENARIO, crm_users=0, regular_users=200)
    result = fit(histories_of(scenario, seed=4))
    values = found(result)
    assert_holds(values["activity.job_requests_per_day"], 0.5)
    assert "activity.recordings_per_day" not in values
    assert result.scenario.activity.recordings_per_day == Scenario().activity.recordings_per_day
    assert any("Payments are not fitted" in note for note in result.notes)


# --- counters ---------------------------------------------------------------------------------


def counters_of(scenario: Scenario, seed: int) -> Histories:
    """Simulate users, and keep of them what a dashboard has."""
    users, start = simulate(scenario, seed, engine="plain").users, day_of(scenario.start)
    names = {
        "job_requests": "job_requests",
        "resumes": "resumes",
        "recordings": "recordings",
        "credits": "credits_remaining",
    }
    rows = zip(users["arrived_us"], *(users[name] for name in names.values()), strict=True)
    known = [
        History(population="crm", arrived=start + at / 86_400_000_000, counts=dict(zip(names, counts, strict=True)))
        for at, *counts in rows
        if at >= 0
    ]
    return Histories(users=known, until=start + scenario.days, source="simulated")


def test_counters_give_rates_and_likeness() -> None:
    """Of recordings too, though they stop with the credits; where nobody leaves."""
    scenario = attrs.evolve(
        SCENARIO, regular_users=0, churn=Churn(per_day=0, when_blocked=0), payments=Payments(when_blocked=0, early=0)
    )
    result = fit_counters(counters_of(scenario, seed=8))
    values = found(result)
    assert_holds(values["alike"], 1.5)
    assert_holds(values["activity.job_requests_per_day"], 0.5)
    assert_holds(values["activity.resumes_per_day"], 0.1)
    assert_holds(values["activity.recordings_per_day"], 0.3)
    assert result.scenario.churn.per_day == 0
    assert result.notes[0].startswith("Counters have no times")


def test_too_few_counts_give_nothing() -> None:
    """Nor do recordings that nobody made."""
    amy = History(
        population="crm", arrived=1.0, counts={"job_requests": 3, "resumes": 0, "recordings": 0, "credits": 4}
    )
    data = Histories(users=[amy], until=9.0, source="")
    assert next(note.partition(":")[0] for note in fit_counters(data).notes) == "Rates and alike are not fitted"
    many = found(fit_counters(attrs.evolve(data, users=[amy] * 20)))
    assert "activity.recordings_per_day" not in many
    assert many["activity.resumes_per_day"].value == 0


# --- payments alone ---------------------------------------------------------------------------


def test_payments_alone_give_attempts_churn_and_likeness() -> None:
    """Each payment is used up before the next: with 3 credits, every fourth attempt leads to one."""
    scenario = Scenario(
        crm_users=0,
        regular_users=300,
        days=120,
        activity=Activity(
            job_requests_per_day=0, recordings_per_day=0.8, resumes_per_day=0, logins_per_day=0, views_per_day=0
        ),
        payments=Payments(when_blocked=1, early=0, delay_days=0),
        churn=Churn(per_day=0.01, when_blocked=0),
        recordings=Recordings(failed=0),
        rhythm=Rhythm.even(),
        alike=3.0,
    )
    data = histories_of(scenario, seed=5)
    users = [
        History(
            population="regular",
            arrived=user.moments["payments"][0],
            moments={"payments": user.moments["payments"]},
            amounts=[Decimal("12.50"), Decimal("7.50")],
        )
        for user in data.users
        if user.moments["payments"]
    ]
    result = fit_payments(attrs.evolve(data, users=users))
    values = found(result)
    assert_holds(values["activity.recordings_per_day"], 0.8)
    assert_holds(values["churn.per_day"], 0.01)
    assert_holds(values["alike"], 3.0)
    assert result.scenario.policy.price == 10
    assert result.scenario.payments == scenario.payments
    assert result.scenario.activity == attrs.evolve(
        scenario.activity, recordings_per_day=values["activity.recordings_per_day"].value
    )


def test_days_without_times_have_no_hours() -> None:
    """And a price of 0 is none."""
    users = [
        History(population="regular", arrived=n, moments={"payments": [n, n + 3, n + 9]}, amounts=[Decimal(0)])
        for n in range(60)
        for _ in range(2)
    ]
    result = fit_payments(Histories(users=users, until=100.0, source=""))
    assert set(result.scenario.rhythm.hours) == {1.0}
    assert any("no times of day" in note for note in result.notes)
    assert result.scenario.policy.price == Scenario().policy.price


# --- too little data --------------------------------------------------------------------------


def test_nothing_is_made_of_nothing() -> None:
    with pytest.raises(ValueError, match="there is no user who came before the end"):
        fit(Histories(users=[History(population="crm", arrived=5.0)], until=5.0, source=""))


def test_processing_takes_as_long_as_it_took() -> None:
    users = [History(population="crm", arrived=1.0, completed=2, processing=[0.25, 0.75])]
    assert fit(Histories(users=users, until=9.0, source="")).scenario.recordings.processing_minutes == 720


def test_too_little_data_leaves_the_base_as_it_is() -> None:
    """And says so."""
    amy = History(population="crm", arrived=1.0, moments={"recordings": [2.0]}, credits=[(1.0, 4), (2.0, -1)])
    result = fit(Histories(users=[amy], until=9.0, source=""), Scenario(alike=2.0))
    assert result.scenario.alike == 2.0
    assert result.scenario.activity == Activity()
    assert [note.partition(":")[0] for note in result.notes] == [
        "Rates, churn and alike are not fitted",
        "The rhythm is not fitted",
        "Payments are not fitted",
    ]
    payments = History(population="regular", arrived=1.0, moments={"payments": [1.0]})
    assert "repeat payments" in fit_payments(Histories(users=[payments], until=9.0, source="")).notes[0]


def test_too_few_times_without_credits_tell_nothing_of_payments() -> None:
    scenario = attrs.evolve(SCENARIO, crm_users=20, regular_users=0, days=20, crm_arrivals=Arrivals())
    result = fit(histories_of(scenario, seed=6))
    assert any("without credits" in note for note in result.notes)
    assert result.scenario.payments == Payments()


# --- single estimates -------------------------------------------------------------------------


def test_intervals_of_the_simple_estimates() -> None:
    """By the textbook: Poisson's rate, Wilson's share, the mean."""
    poisson, wilson = rate("x", 100, 50.0, ""), share("x", 10, 100, "")
    assert (poisson.value, poisson.low, poisson.high) == pytest.approx((2.0, 1.644, 2.433), abs=1e-3)
    assert (wilson.value, wilson.low, wilson.high) == pytest.approx((0.1, 0.0552, 0.1744), abs=1e-4)
    assert rate("x", 0, 50.0, "") == Estimate(path="x", value=0.0, low=0.0, high=0.06, basis="")
    assert mean("x", [1.0, 2.0, 3.0], "").low == pytest.approx(2 - 1.96 / math.sqrt(3), abs=1e-3)


def test_what_is_not_known_has_no_interval() -> None:
    for estimate in (by_log("x", 1.0, math.inf, ""), by_odds("x", 0.5, math.inf, ""), by_odds("x", 1.0, 0.1, "")):
        assert (estimate.low, estimate.high) == (None, None)
    assert mean("x", [2.0], "").low is None
