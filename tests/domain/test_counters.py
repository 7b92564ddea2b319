"""Which event moves which counter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
import pytest

from crm_domain import SEED, CheckViolation, Crm, Refused
from crm_domain.clocks import label_uuid
from crm_domain.schema import COUNT_MAX

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB = label_uuid("amy"), label_uuid("bob")
AMYS = "amy@example.com"

MOVES: dict[str, tuple[Callable[[World], object], set[str]]] = {
    "a job request": (
        lambda world: world.by("amy").create_job_request(),
        {"total_applications", "last_application_date"},
    ),
    "a recording": (lambda world: world.by("amy").create_recording(), {"total_recordings", "last_recording_date"}),
    "a resume": (lambda world: world.by("amy").upload_resume(resume_url="/cv"), {"total_resumes"}),
    "a job request by the service": (
        lambda world: world.service.create_job_request(user_id=AMY, email=AMYS),
        {"total_applications", "last_application_date"},
    ),
    "a view": (lambda world: world.service.track_view(email=AMYS), {"total_views"}),
    "a login": (lambda world: world.service.track_login(email=AMYS), {"last_login_date"}),
    "time spent": (lambda world: world.service.track_time(email=AMYS, seconds=1), {"total_time_spent"}),
}
STILL: dict[str, Callable[[World], object]] = {
    "another's job request": lambda world: world.by("bob").create_job_request(),
    "an update": lambda world: world.by("amy").update(table="crm_recordings", set={"status": "failed"}),
    "a delete": lambda world: world.by("amy").delete(table="crm_recordings"),
    "a payment": lambda world: world.service.record_payment(user_id=AMY, amount="12.99", ref="next"),
    "an adjustment": lambda world: world.service.adjust_balance(AMY, credits=9),
    "a re-sync": lambda world: world.service.sync_crm_user(email=AMYS),
    "a deactivation": lambda world: world.service.deactivate(AMYS),
    "reading": lambda world: world.by("amy").get_crm_dashboard_data(AMYS),
    "a regular user's recording": lambda world: world.by("rita").create_regular_recording(),
}


@pytest.mark.parametrize("name", MOVES)
def test_an_event_moves_its_counters_and_no_others(name: str, world: World) -> None:
    """By 1, or to the model's time; so is ``updated_at``."""
    move, moved = MOVES[name]
    before = world.one("crm_dashboard_stats", email=AMYS)
    world.clock.advance(timedelta(hours=1))
    move(world)
    after = world.one("crm_dashboard_stats", email=AMYS)
    changes = {c: world.clock.now if c.endswith("date") else getattr(before, c) + 1 for c in moved}
    assert after == attrs.evolve(before, updated_at=world.clock.now, **changes)


@pytest.mark.parametrize("name", STILL)
def test_everything_else_leaves_them_as_they_are(name: str, world: World) -> None:
    """Another's doings, changes, deletes, credits."""
    before = world.one("crm_dashboard_stats", email=AMYS)
    world.clock.advance(timedelta(hours=1))
    STILL[name](world)
    assert world.one("crm_dashboard_stats", email=AMYS) == before


def test_a_refused_command_is_not_counted(world: World) -> None:
    """Nothing happened."""
    before = world.one("crm_dashboard_stats", email=AMYS)
    with pytest.raises(Refused):
        world.by("amy").create_job_request(id=label_uuid("crm_job_requests of amy"))
    assert world.one("crm_dashboard_stats", email=AMYS) == before


@pytest.mark.parametrize("name", MOVES)
def test_nothing_is_counted_where_there_are_no_counters(
    name: str, world: World, state_of: Callable[[Crm], object]
) -> None:
    """The service may have deleted the row; whatever happens, happens without it, and replays so."""
    world.service.delete(table="crm_dashboard_stats", where={"email": AMYS})
    MOVES[name][0](world)
    assert world.service.select("crm_dashboard_stats", {"email": AMYS}) == []
    state = state_of(world.crm)
    world.crm.rebuild()
    assert state_of(world.crm) == state


def test_counting_begins_anew_with_a_new_row(world: World) -> None:
    """A re-sync makes the row that is missing, with all counters at 0."""
    world.service.delete(table="crm_dashboard_stats", where={"email": AMYS})
    world.service.sync_crm_user(email=AMYS)
    world.by("amy").create_job_request()
    data = world.by("amy").get_crm_dashboard_data(AMYS)
    assert data is not None
    assert (data.total_applications, data.total_recordings) == (1, 0)


def test_the_seed_counts_for_the_address_that_a_row_carries(make_world: MakeWorld) -> None:
    """Not for who stored it: the hole that ``owner_pair`` closes."""
    world = make_world(SEED)
    world.by("amy").create_recording(email="bob@example.com")
    assert world.one("crm_dashboard_stats", email="bob@example.com").total_recordings == 2
    assert world.one("crm_dashboard_stats", email=AMYS).total_recordings == 1
    assert (world.balance_of("amy"), world.balance_of("bob")) == (2, 3)


def test_a_counter_at_its_greatest_value_still_counts(world: World) -> None:
    """No counter may be set so high that counting on from there would leave 64 bits."""
    most = dict.fromkeys(("total_applications", "total_recordings", "total_resumes", "total_views"), COUNT_MAX)
    world.service.update(table="crm_dashboard_stats", set=most)
    world.by("amy").create_job_request()
    assert world.one("crm_dashboard_stats", email=AMYS).total_applications == COUNT_MAX + 1
    for name in most:
        with pytest.raises(CheckViolation, match=f"{name} is {COUNT_MAX + 1}, expected at most {COUNT_MAX}"):
            world.service.update(table="crm_dashboard_stats", set={name: COUNT_MAX + 1})
