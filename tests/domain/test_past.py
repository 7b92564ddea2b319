"""The journal is the truth: every table can be made from it anew, as of any time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from crm_domain import HARDENED, SEED, Crm, ManualClock, Rules, SequentialIds
from crm_domain.clocks import label_uuid

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY = label_uuid("amy")
AMYS = "amy@example.com"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=["HARDENED", "SEED"])
def test_rebuild_comes_to_the_same(rules: Rules, make_world: MakeWorld, state_of: Callable[[Crm], object]) -> None:
    """From events alone, deletes and changes included; and the CRM goes on from there."""
    world = make_world(rules)
    world.by("amy").delete(table="crm_recordings")
    world.service.update(table="crm_users", where={"email": AMYS}, set={"payment_details": {"card": 1}})
    world.service.track_time(email=AMYS, seconds=7)
    before = state_of(world.crm)
    world.crm.rebuild()
    assert state_of(world.crm) == before
    world.by("amy").create_recording()
    assert world.balance_of("amy") == 2


def test_rebuild_is_not_for_the_middle_of_a_batch(world: World, state_of: Callable[[Crm], object]) -> None:
    """What has not been kept is not in the past."""
    before = state_of(world.crm)
    with pytest.raises(RuntimeError, match=r"^rebuild: not in the middle of a batch$"), world.crm.batch():
        world.crm.rebuild()
    assert state_of(world.crm) == before


def test_the_past_by_position_is_what_was_there_then(world: World, state_of: Callable[[Crm], object]) -> None:
    """After that many events: nothing at 0, everything at the last."""
    states = {0: state_of(Crm())}
    world.crm.subscribe(lambda entry: states.update({entry.position: state_of(world.crm)}))
    world.by("amy").create_job_request()
    world.service.deactivate(AMYS)
    world.by("bob").delete(table="crm_recordings")
    for position, state in states.items():
        assert state_of(world.crm.as_of(position=position)) == state


def test_the_past_may_go_on_by_itself(world: World, state_of: Callable[[Crm], object]) -> None:
    """Under the same rules, without touching the present; other commands than in truth may follow."""
    position = len(world.crm.journal)
    world.by("amy").create_recording()
    before = state_of(world.crm)
    past = world.crm.as_of(position=position)
    past.as_service().adjust_balance(AMY, credits=0)
    past.as_user(AMY).create_job_request()
    assert state_of(world.crm) == before
    assert past.rules == world.crm.rules
    assert past.as_user(AMY).get_crm_dashboard_data(AMYS) != world.by("amy").get_crm_dashboard_data(AMYS)


def test_subscribers_of_the_present_hear_nothing_of_the_past(world: World) -> None:
    """Neither of making it nor of what happens in it."""
    heard: list[object] = []
    world.crm.subscribe(heard.append)
    world.crm.as_of(position=len(world.crm.journal)).as_user(AMY).create_job_request()
    assert heard == []


def test_the_past_by_time_is_what_had_happened_by_then(empty: World) -> None:
    """The moment itself included; before the first event there was nothing."""
    start = empty.clock.now
    empty.crm_user("amy")
    empty.clock.advance(timedelta(hours=1))
    empty.by("amy").create_job_request()
    just_before = start + timedelta(hours=1) - timedelta(microseconds=1)
    for moment, events, jobs in [
        (start - timedelta(microseconds=1), 0, 0),
        (start, 5, 0),
        (just_before, 5, 0),
        (start + timedelta(hours=1), 6, 1),
        (datetime.max.replace(tzinfo=UTC), 6, 1),
    ]:
        past = empty.crm.as_of(at=moment)
        assert (len(past.journal), past.as_service().count("crm_job_requests")) == (events, jobs)


def test_the_past_is_asked_for_in_any_time_zone(empty: World) -> None:
    """A moment is a moment."""
    empty.clock.now = NOON
    empty.crm_user("amy")
    east = timezone(timedelta(hours=9))
    assert len(empty.crm.as_of(at=NOON.astimezone(east)).journal) == 5


def test_the_past_of_a_clock_that_jumped_back(empty: World) -> None:
    """It ends with the last event whose time had come: those before it in the journal belong to it."""
    empty.clock.now = NOON
    empty.crm_user("amy")
    empty.clock.advance(timedelta(hours=2))
    empty.by("amy").create_job_request()
    empty.clock.advance(timedelta(hours=-1))
    empty.by("amy").create_job_request()
    assert [entry.at.hour for entry in empty.crm.journal.entries(after=5)] == [14, 13]
    assert len(empty.crm.as_of(at=NOON).journal) == 5
    assert len(empty.crm.as_of(at=NOON + timedelta(hours=1)).journal) == 7
    assert len(empty.crm.as_of(at=NOON + timedelta(hours=2)).journal) == 7


def test_every_event_of_a_command_happens_at_one_moment() -> None:
    """The clock is asked once for each command, however many events it causes."""
    clock = ManualClock(NOON, step=timedelta(minutes=1))
    crm = Crm(clock=clock, new_id=SequentialIds())
    amy = crm.as_service().sync_crm_user(email=AMYS).user_id
    assert amy is not None
    crm.as_user(amy).create_recording()
    assert [entry.at.minute for entry in crm.journal.entries()] == [0, 0, 0, 0, 0, 1, 1]
    (recording,) = crm.as_user(amy).recordings()
    assert recording.created_at == recording.updated_at == NOON + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("position", "at", "reason"),
    [
        (None, None, "as_of: give either position or at"),
        (0, NOON, "as_of: give either position or at"),
        (-1, None, r"position: expected 0 to \d+, got -1"),
        (10_000, None, r"position: expected 0 to \d+, got 10000"),
        (None, NOON.replace(tzinfo=None), "at: .* has no time zone"),
    ],
)
def test_a_past_that_cannot_be_meant_is_a_mistake(
    position: int | None, at: datetime | None, reason: str, world: World
) -> None:
    """Neither or both, outside of the journal, or a time that nobody can place."""
    with pytest.raises(ValueError, match=rf"^{reason}"):
        world.crm.as_of(position=position, at=at)


def test_a_clock_without_time_zone_is_a_mistake(state_of: Callable[[Crm], object]) -> None:
    """Told at the first command, which changes nothing."""
    crm = Crm(clock=lambda: datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose
    before = state_of(crm)
    with pytest.raises(ValueError, match=r"^clock: .* has no time zone"):
        crm.as_service().sync_crm_user(email=AMYS)
    assert state_of(crm) == before


def test_a_clock_in_another_time_zone_is_brought_to_utc() -> None:
    """All times that are kept are in UTC."""
    crm = Crm(clock=lambda: NOON.astimezone(timezone(timedelta(hours=-5))))
    crm.as_service().sync_crm_user(email=AMYS)
    for entry in crm.journal.entries():
        assert (entry.at, entry.at.tzinfo) == (NOON, UTC)
