"""Are populations as likely as they should be? Closed forms, and the same scenario in SimPy.

Every test has fixed seeds, so that its answer is always the same. The level of each comparison is ``ALPHA`` over the
number of them all (Bonferroni), so that right code would have failed any of them with a probability of at most `ALPHA`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from statistics import NormalDist, fmean, variance
from typing import Any

import attrs
import pytest

from crm_domain import HARDENED, CreditPolicy
from crm_domain.simulation import Activity, Arrivals, Churn, Payments, Recordings, Rhythm, Scenario
from crm_domain.simulation.draws.rhythm import DAY_US, HOUR_US
from crm_domain.simulation.kernel.compiled import simulate_compiled
from crm_domain.simulation.results.part import JOB_REQUEST, PAYMENT, RECORDING

from .draws.test_streams import chi_square, chi_square_limit, kolmogorov_distance
from .in_simpy import Town

ALPHA = 0.001
COMPARISONS = 40
LEVEL = ALPHA / COMPARISONS
LIMIT = NormalDist().inv_cdf(1 - LEVEL / 2)
KOLMOGOROV_LIMIT = math.sqrt(-math.log(LEVEL / 2) / 2)

PLAIN = Scenario(
    crm_users=20_000,
    regular_users=0,
    days=40,
    activity=Activity(
        job_requests_per_day=0.5, recordings_per_day=0.25, resumes_per_day=0, logins_per_day=0, views_per_day=0
    ),
    rhythm=Rhythm.even(),
    payments=Payments(when_blocked=0, early=0),
    churn=Churn(per_day=0, when_blocked=0),
    recordings=Recordings(failed=0),
    alike=None,
)
"""Everyone is alike, nobody pays or leaves, and every hour is like the others."""


@cache
def users_of(scenario: Scenario, seed: int) -> dict[str, list[int]]:
    part = simulate_compiled(scenario, seed, keep={"users"})
    assert part.users is not None
    return {name: column.tolist() for name, column in part.users.items()}


def poisson_cells(mean: float, few: float) -> list[range]:
    """Return cells of counts, each with at least so great a probability, that cover them all."""
    cells, begin, probability = [], 0, 0.0
    for count in range(1_000):
        probability += poisson(mean, count)
        rest = 1 - math.fsum(poisson(mean, n) for n in range(count + 1))
        if probability >= few and rest >= few:
            cells.append(range(begin, count + 1))
            begin, probability = count + 1, 0.0
        if rest < few:
            break
    return [*cells, range(begin, 1_000)]


def poisson(mean: float, count: int) -> float:
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))


@pytest.mark.parametrize(("column", "per_day"), [("job_requests", 0.5), ("blocked_and_stored", 0.25)])
def test_counts_are_poisson(column: str, per_day: float) -> None:
    """What happens at a constant rate happens a Poisson distributed number of times."""
    users = users_of(PLAIN, 1)
    stored, blocked = users["recordings"], users["blocked_recordings"]
    counts = (
        users["job_requests"] if column == "job_requests" else [a + b for a, b in zip(stored, blocked, strict=True)]
    )
    mean = per_day * PLAIN.days
    cells = poisson_cells(mean, 0.005)
    observed = [sum(count in cell for count in counts) for cell in cells]
    expected = [PLAIN.users * math.fsum(poisson(mean, n) for n in cell) for cell in cells]
    assert chi_square(observed, expected) < chi_square_limit(len(cells) - 1, LEVEL)


def test_counts_are_poisson_in_any_rhythm() -> None:
    """A rhythm moves events within the week; over whole weeks their number stays the same."""
    scenario = attrs.evolve(PLAIN, days=42, rhythm=Rhythm(weekdays=(3, 1, 0, 1, 5, 0.1, 1), hours=(0, 9) * 12))
    counts = users_of(scenario, 2)["job_requests"]
    cells = poisson_cells(21.0, 0.005)
    observed = [sum(count in cell for count in counts) for cell in cells]
    expected = [PLAIN.users * math.fsum(poisson(21.0, n) for n in cell) for cell in cells]
    assert chi_square(observed, expected) < chi_square_limit(len(cells) - 1, LEVEL)


def test_events_follow_the_rhythm() -> None:
    """The share of each hour of the week is its weight's; hours of weight 0 stay empty."""
    scenario = attrs.evolve(PLAIN, crm_users=3_000, days=28, rhythm=Rhythm(weekdays=(2, 1, 1, 1, 1, 0, 0.5)))
    events = simulate_compiled(scenario, 3, keep={"events"}).events
    assert events is not None
    counts = [0] * 168
    for at, kind in zip(events["at_us"].tolist(), events["kind"].tolist(), strict=True):
        if kind == JOB_REQUEST:
            counts[at // HOUR_US % 168] += 1
    weights = [day * hour for day in scenario.rhythm.weekdays for hour in scenario.rhythm.hours]
    expected = [sum(counts) * weight / math.fsum(weights) for weight in weights]
    cells = [n for n in range(168) if weights[n]]
    assert sum(counts[n] for n in range(168) if not weights[n]) == 0
    statistic = chi_square([counts[n] for n in cells], [expected[n] for n in cells])
    assert statistic < chi_square_limit(len(cells) - 1, LEVEL)


def test_free_credits_last_for_an_erlang_distributed_time() -> None:
    """The time to the 4th recording is the sum of 4 exponential times; the first block is the 5th attempt."""
    users = users_of(attrs.evolve(PLAIN, days=400), 4)
    for column, stages in (("free_credits_spent_us", 4), ("first_blocked_us", 5)):
        days = [at / DAY_US for at in users[column]]
        assert min(days) > 0

        def law(day: float, stages: int = stages) -> float:
            return 1 - math.fsum(poisson(0.25 * day, n) for n in range(stages))

        assert kolmogorov_distance(days, law) < KOLMOGOROV_LIMIT


def test_likeness_spreads_counts() -> None:
    """With gamma distributed rates counts are negative binomial: their variance is mean + mean² / shape."""
    counts = users_of(attrs.evolve(PLAIN, alike=2.0), 5)["job_requests"]
    mean, shape = 20.0, 2.0
    share = shape / (shape + mean)

    def probability(n: int) -> float:
        ways = math.lgamma(n + shape) - math.lgamma(shape) - math.lgamma(n + 1)
        return math.exp(ways + shape * math.log(share) + n * math.log(1 - share))

    edges = [0, 3, 6, 9, 12, 15, 18, 21, 25, 30, 36, 45, 60, 1_000]
    cells = [range(a, b) for a, b in pairwise(edges)]
    observed = [sum(count in cell for count in counts) for cell in cells]
    expected = [PLAIN.users * math.fsum(probability(n) for n in cell) for cell in cells]
    assert chi_square(observed, expected) < chi_square_limit(len(cells) - 1, LEVEL)


def test_users_leave_at_a_rate() -> None:
    """Those who have left by the end are 1 - exp(-rate * days) of all."""
    churned = users_of(attrs.evolve(PLAIN, churn=Churn(per_day=0.02, when_blocked=0)), 6)["churned_us"]
    share = 1 - math.exp(-0.02 * PLAIN.days)
    left = sum(at >= 0 for at in churned)
    assert abs(left - PLAIN.users * share) / math.sqrt(PLAIN.users * share * (1 - share)) < LIMIT
    days = [at / DAY_US for at in churned if at >= 0]
    assert kolmogorov_distance(days, lambda day: (1 - math.exp(-0.02 * day)) / share) < KOLMOGOROV_LIMIT


def test_users_come_evenly() -> None:
    """At 1000 a day, 20000 users come evenly over 20 days."""
    arrived = users_of(attrs.evolve(PLAIN, crm_arrivals=Arrivals(per_day=1_000)), 7)["arrived_us"]
    assert kolmogorov_distance([at / DAY_US for at in arrived], lambda day: day / 20) < KOLMOGOROV_LIMIT


def test_expected_revenue() -> None:
    """Without free credits, and one credit a payment, an attempt is blocked, then paid for: a renewal of known rate.

    With payments that arrive at once, each pays for one recording: attempts alternate between blocked and stored, as
    everyone pays when blocked. So of N attempts, ceil(N / 2) lead to a payment, and N is Poisson distributed.
    """
    policy = CreditPolicy(initial_credits=0, credits_per_payment=1)
    scenario = attrs.evolve(
        PLAIN,
        payments=Payments(when_blocked=1, early=0, delay_days=0),
        rules=attrs.evolve(HARDENED, credit_policy=policy),
    )
    revenue = users_of(scenario, 8)["revenue_cents"]
    mean = 0.25 * scenario.days
    payments = mean / 2 + (1 - math.exp(-2 * mean)) / 4  # E ceil(N / 2) = E N / 2 + P(N is odd) / 2
    assert_mean(revenue, payments * 1_299)


def test_expected_revenue_with_a_delay() -> None:
    """A payment a cycle: wait for a block, wait for the payment, use 3 credits up. The long run has a closed form.

    A cycle lasts 3 attempts to use the credits up, one to be blocked, and a payment's delay, during which attempts are
    blocked, too, and change nothing: 4 / 0.25 + 2 = 18 days. So over a long time a user pays every 18 days.
    """
    scenario = attrs.evolve(
        PLAIN, crm_users=400, days=3_600, payments=Payments(when_blocked=1, early=0, delay_days=2), rules=HARDENED
    )
    cycles = [n / 200.0 for n in users_of(scenario, 9)["payments"]]
    # From the 4 free credits instead of a payment's 3 the first cycle is longer by 4 days; behind, there is the delayed
    # renewal theorem: E N(t) = (t - first) / cycle + (variance of a cycle + cycle²) / (2 cycle²), up to what vanishes.
    cycle, first, spread = 18.0, 22.0, 4 / 0.25**2 + 2.0**2
    expected = (3_600 - first) / cycle + (spread + cycle**2) / (2 * cycle**2)
    assert_mean(cycles, expected / 200.0)


def assert_mean(values: Sequence[float], expected: float) -> None:
    """Compare a mean by its standard error."""
    error = math.sqrt(variance(values) / len(values))
    assert abs(fmean(values) - expected) / error < LIMIT


# --- SimPy --------------------------------------------------------------------------------------

STORY = Scenario(crm_users=1_500, regular_users=500, days=45, payments=Payments(when_blocked=0.4, early=0.05))


@cache
def both() -> tuple[Town, dict[str, list[int]]]:
    """Simulate the scenario in SimPy, and more users of it on the engine."""
    town = Town(STORY, 1)
    town.run()
    return town, users_of(attrs.evolve(STORY, crm_users=15_000, regular_users=5_000), 1)


@pytest.mark.parametrize("population", [0, 1], ids=["crm", "regular"])
@pytest.mark.parametrize(
    ("column", "of"),
    [
        ("recordings", lambda user: user.recordings),
        ("blocked_recordings", lambda user: user.blocked),
        ("payments", lambda user: user.payments),
        ("credits_remaining", lambda user: user.credits),
        ("churned_us", lambda user: user.has_left),
    ],
)
def test_simpy_agrees_user_by_user(column: str, of: Callable[[Any], int], population: int) -> None:
    """The distributions over users are the same: a chi-square test of two samples."""
    town, users = both()
    theirs = [int(of(user)) for user in town.users if user.is_crm == (population == 0)]
    ours = [n for n, p in zip(users[column], users["population"], strict=True) if p == population]
    if column == "churned_us":
        ours = [int(at >= 0) for at in ours]
    edges = [*(n for n in (0, 1, 2, 3, 4, 5, 7, 10) if n <= max(theirs)), 10**9]
    cells = [(a, b) for a, b in pairwise(edges) if sum(a <= n < b for n in theirs) >= 10]
    statistic = two_sample_chi_square(
        [[sum(a <= n < b for n in values) for a, b in cells] for values in (theirs, ours)]
    )
    assert statistic < chi_square_limit(len(cells) - 1, LEVEL)


def two_sample_chi_square(tables: Sequence[Sequence[int]]) -> float:
    """Return the chi-square statistic of whether two tables of counts are of one distribution."""
    one, other = tables
    a, b = math.sqrt(sum(other) / sum(one)), math.sqrt(sum(one) / sum(other))
    return math.fsum((a * n - b * m) ** 2 / (n + m) for n, m in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", ["job_request", "resume", "login", "view", "time_spent", "churn"])
def test_simpy_agrees_in_total(kind: str) -> None:
    """The means a user are the same, within what chance allows."""
    town, users = both()
    columns = {"job_request": "job_requests", "resume": "resumes", "login": "logins", "view": "views"}
    if kind in columns:
        ours: list[float] = list(users[columns[kind]])
    elif kind == "churn":
        ours = [float(at >= 0) for at in users["churned_us"]]
    else:
        ours = [seconds / 600 for seconds in users["time_spent_seconds"]]
    theirs = town.count["seconds"] / 600 if kind == "time_spent" else town.count[kind]
    error = math.sqrt(variance(ours) * (1 / len(ours) + 1 / STORY.users))
    assert abs(theirs / STORY.users - fmean(ours)) / error < LIMIT


def test_payments_and_recordings_are_what_a_history_would_show() -> None:
    """The kept events and the kept users tell the same story."""
    part = simulate_compiled(STORY, 2, keep={"users", "events"})
    assert part.users is not None
    assert part.events is not None
    kinds = part.events["kind"].tolist()
    assert kinds.count(PAYMENT) == sum(part.users["payments"].tolist())
    assert kinds.count(RECORDING) == sum(part.users["recordings"].tolist())
