"""Three engines, one result: the model, the kernel as it stands, and the kernel compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path

import attrs
import pytest
from hypothesis import Phase, example, given, settings

from crm_domain import SEED, Rules
from crm_domain.laws import check_all
from crm_domain.simulation import Activity, Arrivals, Payments, Recordings, Scenario
from crm_domain.simulation.kernel.compiled import namespace, simulate_compiled
from crm_domain.simulation.kernel.plain import simulate_plain
from crm_domain.simulation.reference.population import simulate_reference
from crm_domain.simulation.results.part import EVENT_KINDS, Part
from tests.amounts import amount

from .populations import scenarios, seeds

EVERYTHING = frozenset({"users", "events"})
WILD = Scenario(
    crm_users=40,
    regular_users=20,
    days=30,
    crm_arrivals=Arrivals(per_day=2),
    activity=Activity(recordings_per_day=1.0),
    payments=Payments(when_blocked=0.5, early=0.2, delivered_twice=0.5),
    recordings=Recordings(failed=0.4, two_tabs=0.5),
    resyncs_per_day=0.3,
)
EXAMPLES = amount("CRM_DOMAIN_SIMULATIONS", thorough=60, quick=15)
"""How many scenarios are drawn for each comparison; a night may take thousands."""


def assert_same(one: Part, other: Part) -> None:
    """Compare table by table, so that a failure names what differs."""
    assert dict(one.totals) == dict(other.totals)
    for name in ("daily", "histograms", "users", "events"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert {n: c.tolist() for n, c in mine.items()} == {n: c.tolist() for n, c in theirs.items()}, name
    assert one.same(other)


@given(scenarios(), seeds)
@example(WILD, 1)
@example(attrs.evolve(WILD, rules=SEED), 2)
@settings(max_examples=EXAMPLES, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])
def test_the_kernel_gives_what_the_model_gives(scenario: Scenario, seed: int) -> None:
    """For any scenario, seed and mixture of safeguards: the same events for every user, the same counts."""
    part, _ = simulate_reference(scenario, seed, keep=EVERYTHING)
    assert_same(part, simulate_plain(scenario, seed, keep=EVERYTHING))


@given(scenarios(users=20, days=60), seeds)
@example(WILD, 1)
@example(attrs.evolve(WILD, rules=SEED), 2)
@settings(max_examples=EXAMPLES, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])
def test_the_compiled_kernel_gives_what_it_gives_as_it_stands(scenario: Scenario, seed: int) -> None:
    """Bit for bit, logarithms and all."""
    one, other = (simulate(scenario, seed, keep=EVERYTHING) for simulate in (simulate_compiled, simulate_plain))
    assert_same(one, other)


@given(scenarios(users=6), seeds)
@settings(max_examples=EXAMPLES)
def test_parts_add_up_to_the_whole(scenario: Scenario, seed: int) -> None:
    """Users do not affect one another, so that any range of them can be simulated by itself."""
    whole = simulate_plain(scenario, seed, keep=EVERYTHING)
    cuts = [0, scenario.users // 3, scenario.users // 2, scenario.users]
    ranges = [range(a, b) for a, b in pairwise(cuts)]
    assert_same(reduce(add, (simulate_plain(scenario, seed, users, EVERYTHING) for users in ranges)), whole)
    assert_same(reduce(add, (simulate_compiled(scenario, seed, users, EVERYTHING) for users in ranges)), whole)


def test_a_part_of_the_users_on_the_model_is_that_of_all() -> None:
    """The model is no exception."""
    both = [simulate_reference(WILD, 3, users, EVERYTHING)[0] for users in (range(25), range(25, 60))]
    assert_same(both[0] + both[1], simulate_plain(WILD, 3, keep=EVERYTHING))


@pytest.mark.parametrize("simulate", [simulate_plain, simulate_compiled])
def test_users_with_many_events_have_room(simulate: Callable[..., Part]) -> None:
    """The kernel's room for a user grows when it must, and nobody is counted twice."""
    busy = Scenario(
        crm_users=3,
        regular_users=0,
        days=30,
        alike=None,
        activity=Activity(
            job_requests_per_day=40, recordings_per_day=30, resumes_per_day=0, logins_per_day=25, views_per_day=20
        ),
        payments=Payments(early=0.5, delay_days=0),
    )
    part = simulate(busy, 1, keep=EVERYTHING)
    reference, _ = simulate_reference(busy, 1, keep=EVERYTHING)
    assert part.totals["crm_events"] > 10_000
    assert_same(part, reference)


def test_what_is_not_kept_is_not_there() -> None:
    """Counts are the same with tables and without."""
    for simulate in (simulate_plain, simulate_compiled):
        lean, full = simulate(WILD, 5), simulate(WILD, 5, keep=EVERYTHING)
        assert lean.users is None
        assert lean.events is None
        assert attrs.evolve(full, users=None, events=None).same(lean)


def test_every_kind_of_event_happens() -> None:
    """The comparisons above compare something."""
    part = simulate_plain(WILD, 1, keep=EVERYTHING)
    refunding = attrs.evolve(
        WILD, rules=attrs.evolve(SEED, credit_policy=attrs.evolve(WILD.policy, refund_failed_recordings=True))
    )
    assert part.events is not None
    kinds = {EVENT_KINDS[kind] for kind in part.events["kind"]}
    other = simulate_plain(refunding, 1, keep=EVERYTHING)
    assert other.events is not None
    assert kinds | {EVENT_KINDS[kind] for kind in other.events["kind"]} == set(EVENT_KINDS)
    assert "credit_refunded" not in kinds
    assert other.totals["crm_overdrawn_users"] > 0
    assert part.totals["crm_overdrawn_users"] == 0
    assert sum(other.daily["crm_credits_voided"]) > 0
    assert sum(other.daily["crm_credits_granted_paid"]) > 3 * sum(other.daily["crm_payments"])
    assert sum(part.daily["crm_credits_granted_paid"]) == 3 * sum(part.daily["crm_payments"])


@pytest.mark.parametrize("rules", [WILD.rules, SEED], ids=["hardened", "seed"])
def test_balances_add_up(rules: Rules) -> None:
    """Granted, consumed, refunded and voided credits leave what remains, for every user and in total."""
    part = simulate_plain(attrs.evolve(WILD, rules=rules), 7, keep=EVERYTHING)
    users = part.users
    assert users is not None
    for n in range(WILD.users):
        row = {name: column[n] for name, column in users.items()}
        left = row["credits_granted_free"] + row["credits_granted_paid"] + row["refunds"]
        assert row["credits_remaining"] == left - row["credits_consumed"] - row["credits_voided"]
        assert row["recordings"] == row["credits_consumed"]
    remaining = part.totals["crm_credits_outstanding"] + part.totals["regular_credits_outstanding"]
    assert sum(users["credits_remaining"]) == remaining
    for name in ("payments", "revenue_cents", "blocked_recordings", "logins", "credits_granted_free"):
        assert sum(users[name]) == sum(part.daily[f"crm_{name}"]) + sum(part.daily[f"regular_{name}"]), name


def test_laws_hold_on_what_the_model_leaves() -> None:
    """The journal is an ordinary one: no law of states is broken under the safeguards, and one is without them."""
    small = attrs.evolve(WILD, crm_users=10, regular_users=5)
    assert check_all(simulate_reference(small, 11)[1]) == []
    broken = check_all(simulate_reference(attrs.evolve(small, rules=SEED), 11)[1])
    assert "balance_never_negative" in {violation.law.name for violation in broken}


def test_the_same_seed_meets_the_same_luck_under_another_policy() -> None:
    """Common random numbers: what no policy touches stays as it is, user by user."""
    generous = attrs.evolve(
        WILD, rules=attrs.evolve(WILD.rules, credit_policy=attrs.evolve(WILD.policy, initial_credits=9))
    )
    calm = [attrs.evolve(s, churn=attrs.evolve(s.churn, when_blocked=0)) for s in (WILD, generous)]
    one, other = (simulate_plain(scenario, 1, keep=EVERYTHING) for scenario in calm)
    assert one.users is not None
    assert other.users is not None
    for name in ("job_requests", "logins", "views", "resumes", "time_spent_seconds", "churned_us", "arrived_us"):
        assert one.users[name] == other.users[name], name
    assert sum(one.users["blocked_recordings"]) > sum(other.users["blocked_recordings"])


@pytest.mark.parametrize("simulate", [simulate_plain, simulate_compiled, simulate_reference])
def test_bad_arguments_are_named(simulate: Callable[..., Part]) -> None:
    """The seed, the range of users, the tables to keep."""
    with pytest.raises(ValueError, match=r"seed: expected a whole number from 0 to 18446744073709551615, got -1"):
        simulate(WILD, -1)
    with pytest.raises(TypeError, match="seed: expected a whole number, got float"):
        simulate(WILD, 1.0)
    with pytest.raises(ValueError, match=r"users: expected a range within 0 to 60, got range\(0, 61\)"):
        simulate(WILD, 1, range(61))
    with pytest.raises(ValueError, match="keep: there is no table 'user'; did you mean users"):
        simulate(WILD, 1, keep={"user"})


def python(code: str, **environment: str) -> str:
    """Return what a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-P", "-c", code],  # what is installed, not what lies in this folder
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, **environment},
        timeout=300,
    ).stdout


def test_the_plain_engine_needs_no_extra() -> None:
    """Neither numpy nor numba is imported, and without them the compiled one says what is missing."""
    code = """
import sys
sys.modules["numba"] = sys.modules["numpy"] = None
from crm_domain.simulation import Scenario
from crm_domain.simulation.kernel.plain import simulate_plain
from crm_domain.simulation.kernel.compiled import namespace, simulate_compiled
print(simulate_plain(Scenario(crm_users=5, regular_users=0), 1).totals["crm_arrived"])
try:
    simulate_compiled(Scenario(), 1)
except ModuleNotFoundError as missing:
    print(missing)
"""
    assert python(code).splitlines() == [
        "5",
        "The compiled engine needs numba: pip install 'crm-domain[fast]', or choose the engine 'plain'.",
    ]


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to get it, or do without it."""
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"needs numba: pip install 'crm-domain\[fast\]', or choose the engine"
    ):
        namespace.__wrapped__()


def test_what_was_compiled_is_kept() -> None:
    """Another process takes it from numba's cache instead of compiling again."""
    code = """
from crm_domain.simulation import Scenario
from crm_domain.simulation.kernel.compiled import machine, simulate_compiled
simulate_compiled(Scenario(crm_users=5, regular_users=0), 1)
print(sum(machine().run.stats.cache_hits.values()))
"""
    simulate_compiled(WILD, 1)
    assert python(code) == "1\n"
