"""An interrupt may come at any moment, and finds a command done or not done, never half done.

Each scene is executed
again and again with a `KeyboardInterrupt` at the first of these moments in `crm_domain`, at the
second, and so on until none is left to interrupt.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from crm_domain import TABLES, CreateRecording, CreditPolicy, Crm, Rules, UploadResume, user
from crm_domain.clocks import label_uuid
from tests.amounts import amount
from tests.domain.interruption import Interruption, drill

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

pytestmark = pytest.mark.thorough

AMY = label_uuid("amy")
AMYS = "amy@example.com"
DRILLS: Final = amount("CRM_DOMAIN_INTERRUPTS", thorough=40, quick=4)
RULES: Final = Rules(credit_policy=CreditPolicy(refund_failed_recordings=True))


def create_recording(world: World) -> None:
    world.by("amy").create_recording(status="completed", duration=7)


def upload_with_key(world: World) -> None:
    world.crm.execute(user(AMY), UploadResume(resume_url="/cv", parsed_data=["sql"]), key="key")


def sync(world: World) -> None:
    world.service.sync_crm_user(user_id=label_uuid("new"), email="new@example.com", payment_details={"card": 1})


def refund(world: World) -> None:
    world.service.update(table="crm_recordings", where={"user_id": AMY}, set={"status": "failed"})


def void(world: World) -> None:
    world.service.adjust_balance(AMY, credits=1)


def pay(world: World) -> None:
    world.service.record_payment(user_id=AMY, amount="12.99", ref="next")


def delete(world: World) -> None:
    world.by("amy").delete(table="crm_recordings")


def overlap(world: World) -> None:
    world.crm.execute_overlapping([(user(AMY), CreateRecording())])


def rebuild(world: World) -> None:
    world.crm.rebuild()


def read(world: World) -> None:
    world.by("amy").user_data(AMYS)
    world.service.crm_users_who_need_more_credits()
    world.service.select("credit_grants", {"email": AMYS})


def batch(world: World) -> None:
    with world.crm.batch():
        create_recording(world)
        refund(world)
        delete(world)
        sync(world)


SCENES: Final[dict[str, Callable[[World], None]]] = {
    scene.__name__: scene
    for scene in (
        create_recording,
        upload_with_key,
        sync,
        refund,
        void,
        pay,
        delete,
        overlap,
        rebuild,
        read,
        batch,
    )
}


@pytest.fixture
def made(make_world: MakeWorld) -> Callable[[], World]:
    """Make a small world, with every index in use."""

    def make() -> World:
        world = make_world(RULES, people=False)
        world.regular("amy")
        world.crm_user("amy").create_recording()
        world.service.adjust_balance(AMY, credits=4)
        return world

    return make


def indexes_agree(crm: Crm) -> bool:
    """Tell whether every index finds just the rows that a look at all rows finds."""
    for table in TABLES.values():
        rows = crm.tables.by_name[table.name]
        for index in table.indexes:
            if len(index.columns) == 1:
                for value in {getattr(row, index.columns[0]) for row in rows} - {None}:
                    held = [r for r in rows if getattr(r, index.columns[0]) == value and index.holds(r)]
                    found = rows.find(index.name, value)
                    if {getattr(r, table.key) for r in found} != {getattr(r, table.key) for r in held}:
                        return False
    return True


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # where a generator is closed
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_an_interrupt_leaves_a_command_done_or_not_done(
    scene: Callable[[World], None], made: Callable[[], World], state_of: Callable[[Crm], object]
) -> None:
    """Tables, journal, versions and indexes are those from before it or after it, and it can be tried again."""
    undisturbed = made()
    before = state_of(undisturbed.crm)
    scene(undisturbed)
    after = state_of(undisturbed.crm)
    for number in count(1):
        world = made()
        with suppress(KeyboardInterrupt), Interruption({number}) as interruption:
            scene(world)
        found = state_of(world.crm)
        assert found in (before, after), number
        assert indexes_agree(world.crm), number
        if found == before:
            scene(world)
            assert len(world.crm.journal) == len(undisturbed.crm.journal), number
            assert indexes_agree(world.crm), number
        heard: list[object] = []
        world.crm.subscribe(heard.append)
        with world.crm.batch():
            world.service.track_view(email=AMYS)
        assert heard == [*world.crm.journal.entries()][-1:], number
        if not interruption.happened:
            break
    assert number > 10


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(DRILLS))
def test_interrupted_batches_leave_a_sound_world(seed: int, make_world: MakeWorld) -> None:
    """Also where the block goes on after it, and where a second interrupt comes while the first is made good."""
    drill(lambda: make_world(RULES, people=False).crm, seed)
