"""Folds are the only writers, and there is one for every event."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from crm_domain import Event, evolve
from crm_domain.clocks import label_uuid
from crm_domain.events import (
    EVENT_TYPES,
    CreditVoided,
    LoginTracked,
    RowDeleted,
    RowUpdated,
    TimeTracked,
    ViewTracked,
)
from crm_domain.ids import Email, UserId
from crm_domain.memory.rows import memory_rows
from crm_domain.ports import Tables

if TYPE_CHECKING:
    from tests.domain.conftest import World

AMY = UserId(label_uuid("amy"))


def test_every_event_has_a_fold() -> None:
    """A new type of event without one is found here, before it is lost."""
    assert evolve.FOLDS.keys() == set(get_args(Event)) == set(EVENT_TYPES.values())


def test_folding_every_event_makes_every_table(world: World) -> None:
    """One by one, from empty tables on, with the time at which each happened."""
    tables = Tables.made_by(memory_rows)
    for entry in world.crm.journal.entries():
        evolve.evolve(tables, entry.event, at=entry.at)
    for name, rows in world.crm.tables.by_name.items():
        assert list(tables.by_name[name]) == list(rows)
    assert len(tables.crm_recordings) == 3


def test_a_fold_does_as_it_is_told(world: World) -> None:
    """It never refuses: what may happen is decided before."""
    tables = world.crm.tables
    at = world.clock.now
    evolve.evolve(tables, CreditVoided(AMY, None, 50), at=at)
    profile, crm_user = tables.profiles.get(AMY), tables.crm_users.one("user_id", AMY)
    assert profile is not None
    assert crm_user is not None
    assert profile.credits_remaining == crm_user.credits_remaining == -47
    key = label_uuid("crm_recordings of amy")
    evolve.evolve(tables, RowUpdated(AMY, "crm_recordings", key, (("status", "banana"),), by_owner=False), at=at)
    recording = tables.crm_recordings.get(key)
    assert recording is not None
    assert recording.status == "banana"
    evolve.evolve(tables, RowDeleted(AMY, "crm_recordings", key), at=at)
    assert key not in tables.crm_recordings


@pytest.mark.parametrize(
    "event",
    [
        ViewTracked(AMY, Email("amy@example.com")),
        LoginTracked(AMY, Email("amy@example.com")),
        TimeTracked(AMY, Email("amy@example.com"), 7),
    ],
    ids=lambda event: type(event).__name__,
)
def test_nothing_is_counted_where_there_are_no_counters(event: Event, world: World) -> None:
    """An event that was tracked before the row was deleted may come after it in another order of things."""
    tables = world.crm.tables
    tables.crm_dashboard_stats.delete(world.one("crm_dashboard_stats", user_id=AMY).id)
    others = list(tables.crm_dashboard_stats)
    evolve.evolve(tables, event, at=world.clock.now)
    assert list(tables.crm_dashboard_stats) == others


@pytest.mark.parametrize("missing", ["profiles", "crm_users"])
def test_balances_move_where_there_are_any(missing: str, world: World) -> None:
    """A profile without a row of the main table has no mirror; without a profile there is nothing to move."""
    tables = world.crm.tables
    tables.by_name["digital_resume_by_CRM" if missing == "crm_users" else missing].delete(
        "amy@example.com" if missing == "crm_users" else AMY
    )
    evolve.evolve(tables, CreditVoided(AMY, None, 1), at=world.clock.now)
    if missing == "crm_users":
        assert world.balance_of("amy") == 2
    else:
        assert world.one("crm_users", user_id=AMY).credits_remaining == 3
