"""A command is all or nothing, and so is a batch of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

import crm_domain.crm
from crm_domain import (
    HARDENED,
    SEED,
    TABLES,
    CreateRecording,
    Crm,
    InsufficientCredits,
    Refused,
    Rules,
    UploadResume,
    evolve,
    user,
)
from crm_domain.clocks import label_uuid
from crm_domain.events import CreditConsumed

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB = label_uuid("amy"), label_uuid("bob")
AMYS = "amy@example.com"


def change_everything(world: World) -> None:
    """Insert, update and delete in tables of every kind, and use a key."""
    amy = world.by("amy")
    amy.create_recording()
    world.crm.execute(user(AMY), UploadResume(resume_url="/cv"), key="key")
    amy.update(table="crm_recordings", set={"status": "completed", "job_request_id": None})
    amy.delete(table="crm_recordings", where={"id": label_uuid("crm_recordings of amy")})
    amy.delete(table="crm_job_requests")
    world.service.sync_crm_user(email="new@example.com")
    world.service.adjust_balance(AMY, credits=1)
    world.service.deactivate(AMYS)
    world.service.delete(table="crm_dashboard_stats", where={"user_id": BOB})
    world.by("cat").update(table="crm_resumes", set={"is_primary": False})


class UndoneError(Exception):
    """Raised by blocks that are to be undone."""


def in_a_batch(world: World, *steps: Callable[[World], object]) -> None:
    with world.crm.batch():
        for step in steps:
            step(world)


def undo(_: World) -> None:
    raise UndoneError


def record(world: World) -> None:
    world.by("amy").create_recording()


def apply(world: World) -> None:
    world.by("amy").create_job_request()


def test_a_batch_is_kept_if_its_block_ends(
    world: World, make_world: MakeWorld, state_of: Callable[[Crm], object]
) -> None:
    """It comes to what the same commands come to one by one."""
    other = make_world()
    in_a_batch(world, change_everything)
    change_everything(other)
    assert state_of(world.crm) == state_of(other.crm)


@pytest.mark.parametrize("exception", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_batch_leaves_nothing_if_its_block_raises(
    exception: type[BaseException], world: World, state_of: Callable[[Crm], object]
) -> None:
    """Whatever it raises comes through, and everything is as it was; the next command goes on from there."""
    before = state_of(world.crm)

    def fail(_: World) -> None:
        raise exception

    with pytest.raises(exception):
        in_a_batch(world, change_everything, fail)
    assert state_of(world.crm) == before
    change_everything(world)
    assert state_of(world.crm) != before


def test_rows_stay_in_the_order_of_their_insertion(world: World) -> None:
    """Also where a batch that was undone had deleted some."""

    def order() -> dict[str, list[object]]:
        return {name: [getattr(r, TABLES[name].key) for r in world.crm.tables.by_name[name]] for name in TABLES}

    before = order()
    with pytest.raises(UndoneError):
        in_a_batch(world, change_everything, undo)
    assert order() == before


def test_a_batch_that_was_undone_is_over(world: World, state_of: Callable[[Crm], object]) -> None:
    """What is refused after it undoes nothing: neither the batch once more, nor what was kept meanwhile."""
    before = state_of(world.crm)
    with pytest.raises(UndoneError):
        in_a_batch(world, record, apply, undo)
    with pytest.raises(Refused):
        world.by("amy").create_recording(duration=-1)
    assert state_of(world.crm) == before
    record(world)
    after = state_of(world.crm)
    with pytest.raises(Refused):
        world.by("amy").create_recording(duration=-1)
    assert state_of(world.crm) == after


def test_a_refusal_that_nobody_catches_undoes_the_batch(world: World, state_of: Callable[[Crm], object]) -> None:
    """It is an exception like any other."""
    before = state_of(world.crm)
    with pytest.raises(InsufficientCredits):
        in_a_batch(world, record, record, record, record)
    assert state_of(world.crm) == before


def test_a_refusal_that_is_caught_inside_leaves_the_rest(world: World) -> None:
    """A refused command changed nothing, so there is nothing in the batch to undo."""
    refused = 0
    with world.crm.batch():
        for _ in range(5):
            try:
                world.by("amy").create_recording()
            except InsufficientCredits:
                refused += 1
        world.by("amy").create_job_request()
    assert (refused, world.balance_of("amy"), len(world.by("amy").recordings())) == (2, 0, 4)
    assert len(world.by("amy").job_requests()) == 2


def test_a_batch_sees_its_own_commands(world: World) -> None:
    """And reads see them too, before they are kept."""
    amy = world.by("amy")
    with world.crm.batch():
        job = amy.create_job_request().id
        assert amy.create_recording(job_request_id=job).id is not None
        assert len(amy.job_requests()) == 2


def test_batches_do_not_nest(world: World, state_of: Callable[[Crm], object]) -> None:
    """The inner one is a mistake; whoever catches it may go on with the outer one."""
    with world.crm.batch():
        apply(world)
        with pytest.raises(RuntimeError, match="batches do not nest"):
            in_a_batch(world, apply)
    assert len(world.by("amy").job_requests()) == 2
    before = state_of(world.crm)
    with pytest.raises(RuntimeError, match="batches do not nest"):
        in_a_batch(world, apply, in_a_batch)
    assert state_of(world.crm) == before


def test_a_batch_may_be_empty(world: World, state_of: Callable[[Crm], object]) -> None:
    """Nothing happens, and the next one may begin."""
    before = state_of(world.crm)
    in_a_batch(world)
    in_a_batch(world)
    assert state_of(world.crm) == before


def test_keys_used_in_a_batch_that_is_undone_are_free_again(world: World) -> None:
    """As if it had never been."""
    command = UploadResume(resume_url="/cv")
    with pytest.raises(UndoneError):
        in_a_batch(world, lambda _: world.crm.execute(user(AMY), command, key="key"), undo)
    assert world.crm.execute(user(AMY), command, key="key").replayed is False


def test_other_threads_wait_until_a_batch_is_over(world: World) -> None:
    """They see all of it or nothing."""
    seen: list[int] = []
    reading = threading.Event()

    def read() -> None:
        reading.set()
        seen.append(len(world.by("amy").job_requests()))

    thread = threading.Thread(target=read)
    with world.crm.batch():
        world.by("amy").create_job_request()
        thread.start()
        reading.wait()
        thread.join(timeout=0.05)
        assert seen == []
        world.by("amy").create_job_request()
    thread.join()
    assert seen == [3]


# --- a failure inside of a command, which only a mistake of ours or an interrupt can bring --


@pytest.fixture
def broken_fold(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[BaseException]], None]:
    """Make the next consumption of a credit raise, after the recording was stored."""
    fold = evolve.FOLDS[CreditConsumed]

    def break_it(exception: type[BaseException]) -> None:
        def broken(*_: object) -> None:
            monkeypatch.setitem(evolve.FOLDS, CreditConsumed, fold)
            raise exception

        monkeypatch.setitem(evolve.FOLDS, CreditConsumed, broken)

    return break_it


@pytest.mark.parametrize("exception", [KeyboardInterrupt, MemoryError])
def test_a_command_that_is_cut_in_half_is_undone(
    exception: type[BaseException],
    broken_fold: Callable[[type[BaseException]], None],
    world: World,
    state_of: Callable[[Crm], object],
) -> None:
    """Journal and tables are as they were, and it can be tried again."""
    before = state_of(world.crm)
    broken_fold(exception)
    with pytest.raises(exception):
        world.by("amy").create_recording()
    assert state_of(world.crm) == before
    assert world.by("amy").create_recording().id is not None
    assert world.balance_of("amy") == 2


def test_a_batch_in_which_a_command_was_cut_in_half_cannot_be_kept(
    broken_fold: Callable[[type[BaseException]], None], world: World, state_of: Callable[[Crm], object]
) -> None:
    """Even if the block catches what cut it: half a command must not be kept."""
    before = state_of(world.crm)
    broken_fold(KeyboardInterrupt)

    def carry_on(world: World) -> None:
        with pytest.raises(KeyboardInterrupt):
            record(world)

    with pytest.raises(RuntimeError, match="interrupted half-way"):
        in_a_batch(world, apply, carry_on)
    assert state_of(world.crm) == before
    assert world.by("amy").create_job_request().id is not None


AFTER_A_CUT: Final[dict[str, Callable[[World], object]]] = {
    "a command": lambda world: world.by("amy").create_job_request(),
    "a command with a key": lambda world: world.crm.execute(user(AMY), CreateRecording(), key="key"),
    "a command that would be refused": lambda world: world.by("amy").create_recording(duration=-1),
    "commands that overlap": lambda world: world.crm.execute_overlapping([(user(AMY), CreateRecording())]),
    "a read": lambda world: world.by("amy").recordings(),
    "an explanation": lambda world: world.crm.explain(user(AMY), CreateRecording()),
    "the journal": lambda world: world.crm.journal,
    "the tables": lambda world: world.crm.tables,
    "the past": lambda world: world.crm.as_of(position=1),
    "a rebuild": lambda world: world.crm.rebuild(),
    "a batch": in_a_batch,
}


@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=["hardened", "seed"])
@pytest.mark.parametrize("after", AFTER_A_CUT.values(), ids=AFTER_A_CUT)
@pytest.mark.parametrize("exception", [KeyboardInterrupt, TimeoutError, TypeError])
def test_nothing_is_kept_of_a_batch_after_half_a_command(
    exception: type[BaseException],
    after: Callable[[World], object],
    rules: Rules,
    broken_fold: Callable[[type[BaseException]], None],
    make_world: MakeWorld,
    state_of: Callable[[Crm], object],
) -> None:
    """What follows in it is refused at once and mends nothing, whether the block catches that or not."""
    world = make_world(rules)
    before = state_of(world.crm)
    broken_fold(exception)

    def cut(world: World) -> None:
        with pytest.raises(exception):
            world.crm.execute(user(AMY), CreateRecording(), key="key")

    def carry_on(world: World) -> None:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="interrupted half-way"):
                after(world)

    with pytest.raises(RuntimeError, match="interrupted half-way, so none of the batch is kept"):
        in_a_batch(world, apply, cut, carry_on)
    assert state_of(world.crm) == before
    with suppress(Refused):
        after(world)


def test_a_command_in_a_batch_that_fails_before_it_is_written_spoils_the_batch_too(
    world: World, state_of: Callable[[Crm], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a store did by itself at an error is not known here: it may have given the transaction up."""
    before = state_of(world.crm)

    def fail(*_: object) -> None:
        monkeypatch.undo()
        raise OSError("no space left on device")

    def carry_on(world: World) -> None:
        monkeypatch.setattr(crm_domain.crm, "decide", fail)
        with pytest.raises(OSError, match="no space left"):
            record(world)

    with pytest.raises(RuntimeError, match="interrupted half-way"):
        in_a_batch(world, apply, carry_on)
    assert state_of(world.crm) == before


# --- commands that overlap ------------------------------------------------------------------


def test_overlapping_commands_are_one_after_the_other_under_atomic_consume(world: World) -> None:
    """Each gets its answer or its refusal, in the order in which they were asked."""
    outcomes = world.crm.execute_overlapping([(user(AMY), CreateRecording()) for _ in range(5)])
    assert [isinstance(outcome, Refused) for outcome in outcomes] == [False, False, False, True, True]
    assert world.balance_of("amy") == 0


def test_overlapping_commands_all_see_the_balance_before_the_first_in_the_seed(make_world: MakeWorld) -> None:
    """One that was refused when it was checked is decided again when its turn comes."""
    world = make_world(SEED)
    world.service.adjust_balance(AMY, credits=1)
    world.service.adjust_balance(BOB, credits=0)
    outcomes = world.crm.execute_overlapping(
        [(user(person), CreateRecording()) for person in (AMY, AMY, AMY, BOB)],
    )
    assert [isinstance(outcome, Refused) for outcome in outcomes] == [False, False, False, True]
    assert (world.balance_of("amy"), world.balance_of("bob")) == (-2, 0)


def test_overlapping_nothing_answers_nothing(world: World) -> None:
    """No commands, no outcomes."""
    assert world.crm.execute_overlapping([]) == []
