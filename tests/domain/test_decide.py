"""Decisions are pure: state, principal, command and time in, events or a refusal out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

import attrs
import pytest

from crm_domain import (
    HARDENED,
    SERVICE,
    Accepted,
    Changed,
    Command,
    CreateRecording,
    Crm,
    Delete,
    Paid,
    Provisioned,
    RecordPayment,
    Refused,
    RegisterUser,
    SequentialIds,
    Stored,
    SyncCrmUser,
    TrackTime,
    Update,
    UploadResume,
    user,
)
from crm_domain.clocks import label_uuid
from crm_domain.decide import DECISIONS, decide
from crm_domain.decision import View

if TYPE_CHECKING:
    from tests.domain.conftest import World

AMY, RITA = label_uuid("amy"), label_uuid("rita")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ASKED = [
    (SERVICE, RegisterUser(email="new@example.com")),
    (SERVICE, SyncCrmUser(email="new@example.com")),
    (SERVICE, SyncCrmUser(email="rita@example.com")),
    (user(AMY), CreateRecording(status="completed")),
    (user(AMY), CreateRecording(status="banana")),
    (user(AMY), UploadResume(resume_url="/cv", parsed_data=[1])),
    (SERVICE, RecordPayment(user_id=RITA, amount="12.99", ref="next")),
    (SERVICE, Update(table="profiles", set={"credits_remaining": 1})),
    (user(AMY), Update(table="crm_recordings", set={"status": "completed"})),
    (user(AMY), Delete(table="crm_recordings")),
    (SERVICE, TrackTime(email="amy@example.com", seconds=1)),
]


def test_every_command_has_a_decision() -> None:
    """And nothing else has one."""
    assert DECISIONS.keys() == set(get_args(Command))


@pytest.mark.parametrize(("principal", "command"), ASKED, ids=[type(c).__name__ for _, c in ASKED])
def test_a_decision_changes_nothing_and_repeats_exactly(
    principal: Any, command: Command, world: World, state_of: Callable[[Crm], object]
) -> None:
    """Given the same state, time and ids, it comes to the same; the time is the one that was given."""

    def decided() -> object:
        view = View(world.crm.tables, HARDENED, SequentialIds("same"))
        try:
            return decide(view, principal, command, NOON)
        except Refused as refused:
            return refused.signature

    before = state_of(world.crm)
    first = decided()
    assert state_of(world.crm) == before
    assert decided() == first
    assert "datetime.datetime(2026, 1, 1, 0, 0" not in repr(getattr(first, "events", ()))


def test_an_answer_says_nothing_that_was_not_asked_for() -> None:
    """And it is small, for a log has as many as commands."""
    common = {"events": (), "version": 0, "replayed": False}
    assert attrs.asdict(Accepted(())) == common
    assert attrs.asdict(Changed((), 2)) == common | {"affected": 2}
    for kind in (Accepted, Changed, Paid, Provisioned, Stored):
        assert not {"__dict__", "__weakref__"} & set(dir(kind))


@pytest.mark.parametrize("nonsense", ["delete everything", None, SERVICE, CreateRecording])
def test_what_is_no_command_is_a_type_error(nonsense: Any, world: World) -> None:
    """It names the type."""
    with pytest.raises(TypeError, match=rf"^command: {type(nonsense).__name__} is not one of crm_domain's commands$"):
        decide(View(world.crm.tables, HARDENED, SequentialIds()), SERVICE, nonsense, NOON)
