"""Views, logins and time: what the document has columns for and nobody to fill them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crm_domain import SEED, CheckViolation
from crm_domain.clocks import label_uuid
from crm_domain.events import TimeTracked
from crm_domain.ids import Email, UserId
from crm_domain.schema import INT64_MAX

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY = label_uuid("amy")
AMYS = "amy@example.com"
TRACKERS = ("track_view", "track_login", "track_time")


@pytest.mark.parametrize("method", TRACKERS)
@pytest.mark.parametrize("email", ["AMY@example.com", f" {AMYS}\n", AMYS])
def test_an_address_is_known_in_any_spelling(method: str, email: str, world: World) -> None:
    """One event, for the account."""
    accepted = getattr(world.service, method)(email=email)
    assert (accepted.affected, accepted.version) == (1, world.crm.journal.version_of(accepted.events[0].user_id))
    assert (accepted.events[0].user_id, accepted.events[0].email) == (AMY, AMYS)


@pytest.mark.parametrize("method", TRACKERS)
@pytest.mark.parametrize("email", ["nobody@example.com", "rita@example.com", "", "nobody", "\0", "\ud800", None])
def test_an_unknown_address_is_no_row(method: str, email: str | None, world: World) -> None:
    """Whether it could be one or not: 0 rows, as an UPDATE would have."""
    length = len(world.crm.journal)
    accepted = getattr(world.service, method)(email=email)
    assert (accepted.affected, accepted.events, accepted.version) == (0, (), 0)
    assert len(world.crm.journal) == length


def test_the_seed_knows_an_address_letter_for_letter(make_world: MakeWorld) -> None:
    """It has no normal form."""
    world = make_world(SEED)
    assert world.service.track_view(email="AMY@example.com").affected == 0
    assert world.service.track_view(email=AMYS).affected == 1


@pytest.mark.parametrize(("seconds", "total"), [(None, 7), (0, 7), (5, 12)])
def test_time_adds_up(seconds: int | None, total: int, world: World) -> None:
    """None is none."""
    world.service.track_time(email=AMYS, seconds=7)
    accepted = world.service.track_time(email=AMYS, seconds=seconds)
    assert accepted.events == (TimeTracked(UserId(AMY), Email(AMYS), seconds or 0),)
    assert world.one("crm_dashboard_stats", email=AMYS).total_time_spent == total


@pytest.mark.parametrize("seconds", [-1, -(2**70), 2**63, 2**70])
@pytest.mark.parametrize("email", [AMYS, "nobody@example.com"])
def test_seconds_fit_64_bits_and_are_never_negative(seconds: int, email: str, world: World) -> None:
    """Whoever's they are."""
    with pytest.raises(CheckViolation) as refused:
        world.service.track_time(email=email, seconds=seconds)
    assert refused.value.column == "total_time_spent"


def test_the_total_fits_64_bits(world: World) -> None:
    """Up to the last second."""
    world.service.track_time(email=AMYS, seconds=INT64_MAX - 1)
    world.service.track_time(email=AMYS, seconds=1)
    with pytest.raises(CheckViolation, match="the total would not fit"):
        world.service.track_time(email=AMYS, seconds=1)
    assert world.one("crm_dashboard_stats", email=AMYS).total_time_spent == INT64_MAX


def test_who_has_spent_all_time_there_is_may_still_come_back(world: World) -> None:
    """Views and logins take no time."""
    world.service.track_time(email=AMYS, seconds=INT64_MAX)
    assert world.service.track_view(email=AMYS).affected == world.service.track_login(email=AMYS).affected == 1


def test_a_deactivated_user_is_still_tracked(world: World) -> None:
    """They may read, so they may be seen."""
    world.service.deactivate(AMYS)
    trackers: list[Any] = [getattr(world.service, method) for method in TRACKERS]
    assert [track(email=AMYS).affected for track in trackers] == [1, 1, 1]
