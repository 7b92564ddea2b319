"""A database goes on from a moment under any policy: the same people, with the credits that they had."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest

from crm_domain import HARDENED, SEED, CreditPolicy, Crm, ManualClock, SequentialIds
from crm_domain.simulation import Arrivals, Scenario, compare, fork, simulate, sweep, with_parameters

START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(now=START)


@pytest.fixture
def crm(clock: ManualClock) -> Crm:
    """Amy has 3 credits, Bob 0, Cat is not active; Rita is a regular user with 3, and Ron one with none.

    Dan comes a day later with 4, when Amy records once more.
    """
    crm = Crm(
        clock=clock, new_id=SequentialIds(), rules=attrs.evolve(HARDENED, credit_policy=CreditPolicy(price=Decimal(9)))
    )
    service = crm.as_service()
    amy, bob, _ = (
        crm.as_user(str(service.sync_crm_user(email=f"{name}@example.com").user_id)) for name in ("amy", "bob", "cat")
    )
    amy.create_recording(video_url="https://example.com/1.mp4")
    for _ in range(4):
        bob.create_recording(video_url="https://example.com/2.mp4")
    service.deactivate("cat@example.com")
    rita = service.register_user(email="rita@example.com").user_id
    service.register_user(email="ron@example.com")
    service.record_payment(user_id=rita, amount="9", ref="1")
    clock.advance(timedelta(days=1))
    service.sync_crm_user(email="dan@example.com")
    amy.create_recording(video_url="https://example.com/3.mp4")
    return crm


def test_people_go_on_with_their_credits(crm: Crm) -> None:
    """Those who are active, CRM users first, under the database's own rules, from its last event on."""
    scenario = fork(crm)
    assert scenario.crm_arrivals == Arrivals(balances=(2, 0, 4))
    assert scenario.regular_arrivals == Arrivals(balances=(3, 0))
    assert (scenario.crm_users, scenario.regular_users) == (3, 2)
    assert (scenario.rules, scenario.start) == (crm.rules, START + timedelta(days=1))


def test_any_past_can_be_gone_on_from(crm: Crm) -> None:
    """As it was then; the database itself is left alone."""
    before = len(crm.journal)
    scenario = fork(crm, at=START + timedelta(hours=1))
    assert scenario.crm_arrivals.balances == (3, 0)
    assert scenario.start == START + timedelta(hours=1)
    assert len(crm.journal) == before


def test_what_people_do_comes_from_a_scenario(crm: Crm) -> None:
    """All of it but who there is, since when, and under which rules."""
    like = Scenario(days=7, crm_users=50, alike=None, crm_arrivals=Arrivals(per_day=3), rules=SEED)
    scenario = fork(crm, like=like)
    assert (scenario.days, scenario.alike, scenario.crm_users, scenario.rules) == (7, None, 3, crm.rules)


def test_balances_are_what_a_run_starts_with(crm: Crm) -> None:
    """With nothing to do, they are left at the end; nobody gets initial credits again."""
    idle = with_parameters(Scenario(days=5), {"activity.recordings_per_day": 0})
    run = simulate(fork(crm, like=idle), engine="plain")
    assert run.users["credits_remaining"].tolist() == [2, 0, 4, 3, 0]
    assert run.users["credits_granted_free"].tolist() == [2, 0, 4, 3, 0]
    assert run.figure("credits_granted") == 9
    assert run.figure("credits_outstanding") == 9


def test_who_has_nothing_is_blocked_at_once(crm: Crm) -> None:
    """Bob's first attempt to record is refused, and Dan's fifth one."""
    busy = with_parameters(
        Scenario(days=60),
        {"activity.recordings_per_day": 2, "payments.when_blocked": 0, "payments.early": 0, "churn.per_day": 0},
    )
    run = simulate(
        fork(crm, like=with_parameters(busy, {"churn.when_blocked": 0, "recordings.failed": 0})), engine="plain"
    )
    assert run.users["recordings"].tolist() == [2, 0, 4, 3, 0]
    assert all(at >= 0 for at in run.users["first_blocked_us"])
    spent = [at >= 0 for at in run.users["free_credits_spent_us"]]
    assert spent == [True, False, True, True, False], "what was not there is not used up"


def test_newcomers_get_what_the_policy_gives(crm: Crm) -> None:
    """One every other day, evenly spread."""
    scenario = fork(crm, like=Scenario(days=10), newcomers_per_day=0.5)
    assert scenario.crm_arrivals.balances == (2, 0, 4, None, None, None, None, None)
    dates = scenario.crm_arrivals.dates
    assert dates is not None
    assert [(date - scenario.start).days for date in dates] == [0, 0, 0, 1, 3, 5, 7, 9]
    run = simulate(with_parameters(scenario, {"policy.initial_credits": 7}), engine="plain")
    assert run.users["credits_granted_free"].tolist() == [2, 0, 4, 7, 7, 7, 7, 7, 3, 0]


def test_policies_are_compared_from_the_same_state(crm: Crm) -> None:
    """A fork is a scenario as any other."""
    scenario = fork(crm, like=Scenario(days=60))
    richer = with_parameters(scenario, {"policy.credits_per_payment": 9})
    gap = compare(scenario, {"nine": richer}, 4, engine="plain").difference("nine", "blocked_recordings")
    assert gap.estimate < 0
    assert len(sweep(scenario, {"policy.price": [5, 20]}, 2, engine="plain").points) == 2


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda crm: fork(Crm()), "fork: nothing has happened in this database"),
        (
            lambda crm: fork(crm, at=START - timedelta(days=1)),
            "fork: nobody is there and active at 2026-03-01T00:00:00",
        ),
        (lambda crm: fork(crm, at=datetime(2026, 3, 2)), "at: "),  # noqa: DTZ001  # naive on purpose
        (
            lambda crm: fork(crm, newcomers_per_day=-1),
            "newcomers_per_day: expected a number that is not negative, got -1",
        ),
        (lambda crm: fork(crm, newcomers_per_day=float("nan")), "newcomers_per_day: .* got nan"),
    ],
)
def test_forks_that_there_are_not(crm: Crm, ask: Callable[[Crm], Any], said: str) -> None:
    """The reason is told."""
    with pytest.raises(ValueError, match=said):
        ask(crm)


@pytest.mark.parametrize(
    ("balances", "said"),
    [
        ([1, -1], "arrivals.balances: expected numbers from 0 to 1000000, got -1"),
        ([1, 2_000_000], "arrivals.balances: expected numbers from 0"),
        ([1, 2.5], "arrivals.balances: expected whole numbers of credits, got 2.5"),
        ([1, True], "arrivals.balances: expected whole numbers of credits, got True"),
    ],
)
def test_balances_that_there_are_not(balances: list[Any], said: str) -> None:
    """They are whole, and nobody brings debts along."""
    with pytest.raises((TypeError, ValueError), match=said):
        Arrivals(balances=balances)


def test_there_is_a_balance_for_each_user() -> None:
    """Or none at all."""
    with pytest.raises(ValueError, match=r"crm_arrivals\.balances: 2 balances for 3 users"):
        Scenario(crm_users=3, crm_arrivals=Arrivals(balances=[1, 2]))
