"""Behaviours as code: what a process may yield, what it receives, and how processes of a user go together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from crm_adapters.sqlite import SqliteStore
from crm_domain import (
    CreateRecording,
    Crm,
    Delete,
    InsufficientCredits,
    PermissionDenied,
    Refused,
    Stored,
    SyncCrmUser,
)
from crm_domain.memory.store import MemoryStore
from crm_domain.simulation import Activity, Arrivals, Scenario
from crm_domain.simulation.reference import population
from crm_domain.simulation.reference.behaviours import Process, User, at_once, by_service, leave, wait
from crm_domain.simulation.reference.population import email_of, simulate_reference, user_id_of
from crm_domain.simulation.results.part import EVENT_KINDS, Part

ONE = Scenario(crm_users=1, regular_users=0, days=30)
EVENTS = frozenset({"events"})


def happened(part: Part) -> list[tuple[float, str, int]]:
    """Return what happened: on which day, what, and how much."""
    events = part.events
    assert events is not None
    rows = zip(events["at_us"], events["kind"], events["amount"], strict=True)
    return [(at / 86_400_000_000, EVENT_KINDS[kind], amount) for at, kind, amount in rows]


def test_ten_lines_are_a_behaviour() -> None:
    """Someone who records every other day and pays at the second refusal."""

    def patient(user: User) -> Process:
        refusals = 0
        while True:
            yield wait(days=2)
            outcome = yield user.recording()
            refusals += isinstance(outcome, InsufficientCredits)
            if refusals == 2:
                refusals = 0
                yield user.payment()

    part, crm = simulate_reference(attrs.evolve(ONE, days=21), 1, keep=EVENTS, behaviour=patient)
    recordings = [(2.0 * n, "recording", -1) for n in (1, 2, 3, 4, 7, 8, 9)]
    assert happened(part) == sorted(
        [
            (0.0, "arrival", 4),
            *recordings,
            (10.0, "recording_blocked", 0),
            (12.0, "recording_blocked", 0),
            (12.0, "payment", 1299),
            (20.0, "recording_blocked", 0),
        ],
        key=lambda event: event[0],
    )
    assert part.totals["crm_credits_outstanding"] == crm.tables.profiles.get(user_id_of(0)).credits_remaining == 0  # type: ignore[union-attr]


def test_outcomes_are_what_the_model_says() -> None:
    """An `Accepted`, or the `Refused` as a value; of commands at once, a list; of leaving, nothing comes back."""
    received: list[Any] = []

    def curious(user: User) -> Process:
        received.append((yield user.job_request()))
        received.append((yield SyncCrmUser(email="other@example.com")))
        received.append((yield by_service(SyncCrmUser(email=user.email))))
        received.append((yield at_once(user.recording(), user.recording())))
        yield leave()
        received.append("never")  # pragma: no cover

    simulate_reference(ONE, 1, behaviour=curious)
    job, refused, again, both = received
    assert isinstance(job, Stored)
    assert isinstance(refused, PermissionDenied)
    assert again.user_id == user_id_of(0)
    assert [type(outcome) for outcome in both] == [Stored, Stored]


def test_processes_of_a_user_go_on_side_by_side() -> None:
    """At the same moment the lower turn comes first; who has left does nothing, the service goes on."""
    said: list[tuple[str, int]] = []

    def say(user: User, what: str) -> Process:
        while True:
            yield wait(hours=12, minutes=30, seconds=1)
            said.append((what, user.now_us // 1_000_000))

    def busy(user: User) -> Process:
        user.start(say(user, "second"), turn=2)
        user.start(say(user, "first"), turn=1)
        user.start(say(user, "service"), turn=3, of_service=True)
        yield wait(days=1)
        yield leave()

    part, _ = simulate_reference(attrs.evolve(ONE, days=2), 1, keep=EVENTS, behaviour=busy)
    step = 12 * 3_600 + 30 * 60 + 1
    assert said == [("first", step), ("second", step), ("service", step), ("service", 2 * step), ("service", 3 * step)]
    assert happened(part) == [(0.0, "arrival", 4), (1.0, "churn", 0)]
    assert part.totals["crm_churned_users"] == 1


def test_a_user_knows_who_they_are() -> None:
    """Number, population, id, address, time, and draws of their own that depend on nothing else."""
    seen: list[Any] = []

    def introspective(user: User) -> Process:
        yield wait(days=1)
        seen.append((user.number, user.is_crm, user.user_id, user.email, user.now_us, repr(user)))
        seen.append(user.draws("x").uniform())
        assert user.scenario.days == 30

    both = attrs.evolve(ONE, regular_users=1)
    simulate_reference(both, 1, behaviour=introspective)
    assert seen[0] == (0, True, user_id_of(0), email_of(0), 86_400_000_000, "<user 0: user-000000@example.com>")
    assert seen[2][:2] == (1, False)
    once_more = seen.copy()
    seen.clear()
    simulate_reference(both, 1, range(1, 2), behaviour=introspective)
    assert seen == once_more[2:]
    assert once_more[1] != once_more[3]


def test_what_is_no_event_of_the_tables_is_in_the_journal_alone() -> None:
    """Any command may be given; refusals for other reasons than credits are no blocked recordings."""

    def odd(user: User) -> Process:
        stored = yield user.recording()
        yield Delete(table="crm_recordings", where={"id": stored.id})
        yield CreateRecording(user_id=user_id_of(7))
        yield user.mark(None, "completed")
        yield wait(seconds=1)

    part, crm = simulate_reference(ONE, 1, keep=EVENTS, behaviour=odd)
    assert [kind for _, kind, _ in happened(part)] == ["arrival", "recording", "recording_completed"]
    assert len(crm.tables.crm_recordings) == 0


def nonsense(user: User) -> Process:
    yield "record"  # type: ignore[misc]


def backwards(user: User) -> Process:
    yield wait(days=-1)


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (nonsense, r"behaviour: it yielded 'record', which is no step: yield wait\(…\), a command, by_service\(…\)"),
        (backwards, "wait: time does not go backwards, and -86400000000 microseconds are negative"),
    ],
)
def test_a_behaviour_that_yields_nonsense_is_named(behaviour: Callable[[User], Process], message: str) -> None:
    """The message says what a step is."""
    with pytest.raises((TypeError, ValueError), match=message):
        simulate_reference(ONE, 1, behaviour=behaviour)


# --- stores -------------------------------------------------------------------------------------

FEW = Scenario(crm_users=6, regular_users=3, days=20, activity=Activity(recordings_per_day=0.5))


def test_a_store_holds_what_memory_would(tmp_path: Path) -> None:
    """In a file there are the same events, and the part is the same."""
    in_memory, crm = simulate_reference(FEW, 1, keep=EVENTS)
    path = tmp_path / "crm.db"
    store = SqliteStore(path)
    in_file, other = simulate_reference(FEW, 1, keep=EVENTS, store=store)
    assert in_file.same(in_memory)
    entries = [(entry.at, entry.event) for entry in crm.journal.entries()]
    assert [(entry.at, entry.event) for entry in other.journal.entries()] == entries
    store.close()
    reopened = SqliteStore(path)
    assert len(Crm(reopened).journal) == len(entries)
    reopened.close()


def test_an_interrupt_leaves_whole_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done since the last of them is undone, and the state is that of its journal."""
    monkeypatch.setattr(population, "BATCH", 20)
    store = MemoryStore()

    def interrupted(user: User) -> Process:
        for day in range(30):
            yield wait(days=1)
            yield user.job_request()
            if day == 25 and user.number == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_reference(attrs.evolve(FEW, days=30), 1, store=store, behaviour=interrupted)
    stored = len(store.tables.crm_job_requests) + len(store.tables.job_requests)
    assert 25 * 9 - 20 <= stored <= 25 * 9 + 3
    whole = [(entry.at, entry.event) for entry in store.journal.entries()]
    undisturbed, crm = simulate_reference(attrs.evolve(FEW, days=30), 1, behaviour=daily)
    assert undisturbed.totals["crm_arrived"] == 6
    assert whole == [(entry.at, entry.event) for entry in crm.journal.entries(upto=len(whole))]


def daily(user: User) -> Process:
    for _ in range(30):
        yield wait(days=1)
        yield user.job_request()


def test_users_who_are_there_already_are_refused() -> None:
    """Their ids are taken: a store is simulated into once."""
    store = MemoryStore()
    simulate_reference(attrs.evolve(FEW, crm_users=0), 1, store=store)
    with pytest.raises(Refused, match="is registered already"):
        simulate_reference(attrs.evolve(FEW, crm_users=0), 2, store=store)


def test_who_comes_behind_the_horizon_never_does() -> None:
    """They have a row, and nothing happened to them."""
    late = attrs.evolve(FEW, crm_users=200, crm_arrivals=Arrivals(per_day=5))
    part, crm = simulate_reference(late, 1, keep={"users"})
    assert part.users is not None
    absent = sum(at < 0 for at in part.users["arrived_us"])
    assert part.totals["crm_arrived"] == 200 - absent == crm.as_service().count("crm_users")
    assert 80 < absent < 120
