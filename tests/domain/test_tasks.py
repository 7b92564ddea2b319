"""A batch belongs to one task: what another task of its thread asks is refused, never done inside of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Final

import pytest

from crm_domain import (
    HARDENED,
    SEED,
    SERVICE,
    BatchOfAnotherTask,
    CreateRecording,
    Crm,
    RecordPayment,
    Refused,
    Rules,
    TrackView,
    user,
)
from crm_domain.clocks import label_uuid
from crm_domain.tasks import running_task

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY: Final = label_uuid("amy")
AMYS: Final = "amy@example.com"
PAYMENT: Final = RecordPayment(user_id=AMY, amount="12.99", ref="next")


class UndoneError(Exception):
    """Raised by blocks that are to be undone."""


def nested(crm: Crm) -> None:
    with crm.batch():
        pass


USES: Final[dict[str, Callable[[Crm], object]]] = {
    "a command": lambda crm: crm.execute(SERVICE, PAYMENT),
    "a command with a key": lambda crm: crm.execute(SERVICE, PAYMENT, key="key"),
    "a command of a session": lambda crm: crm.as_service().track_view(email=AMYS),
    "a command that would be refused": lambda crm: crm.as_anon().track_view(email=AMYS),
    "commands that overlap": lambda crm: crm.execute_overlapping([(SERVICE, PAYMENT)]),
    "no commands that overlap": lambda crm: crm.execute_overlapping([]),
    "a read": lambda crm: crm.as_user(AMY).recordings(),
    "a dashboard": lambda crm: crm.as_user(AMY).get_crm_dashboard_data(AMYS),
    "an explanation": lambda crm: crm.explain(SERVICE, PAYMENT),
    "the journal": lambda crm: crm.journal,
    "the tables": lambda crm: crm.tables,
    "the past": lambda crm: crm.as_of(position=1),
    "a rebuild": lambda crm: crm.rebuild(),
    "another batch": nested,
}


async def meanwhile(crm: Crm, use: Callable[[], object]) -> object:
    """Open a batch, and return what another task meets that acts while the block awaits it."""

    async def other() -> object:
        try:
            return use()
        except BatchOfAnotherTask as refused:
            return refused

    with suppress(UndoneError), crm.batch():
        crm.as_user(AMY).create_job_request()
        await asyncio.create_task(other())
        found = await asyncio.gather(other())
        raise UndoneError
    return found[0]


@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=["hardened", "seed"])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_another_task_is_refused_while_a_batch_is_open(
    use: Callable[[Crm], object],
    rules: Rules,
    make_world: MakeWorld,
    state_of: Callable[[Crm], object],
) -> None:
    """Whatever it asks, nothing of it is done inside of the batch, and nothing is answered that is undone later."""
    world = make_world(rules)
    before = state_of(world.crm)
    refused = asyncio.run(meanwhile(world.crm, lambda: use(world.crm)))
    assert isinstance(refused, BatchOfAnotherTask)
    assert "is open in another task of this thread" in str(refused)
    assert "gather" in str(refused)
    assert state_of(world.crm) == before
    with suppress(Refused):
        use(world.crm)


def test_what_was_refused_may_be_tried_again_when_the_batch_is_over(world: World) -> None:
    """An answer that one task got is not undone with the batch of another."""

    async def pay() -> bool | None:
        while True:
            try:
                return world.crm.execute(SERVICE, PAYMENT).credited
            except BatchOfAnotherTask:
                await asyncio.sleep(0)

    async def main() -> bool | None:
        paying = asyncio.create_task(pay())
        with suppress(UndoneError), world.crm.batch():
            world.by("amy").create_recording()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            raise UndoneError
        return await paying

    assert asyncio.run(main()) is True
    assert world.balance_of("amy") == 6


def test_a_task_may_await_within_its_batch(world: World) -> None:
    """What it does itself after an await is part of the batch."""

    async def main() -> None:
        with world.crm.batch():
            world.by("amy").create_job_request()
            await asyncio.sleep(0)
            await helper()
            assert len(world.by("amy").job_requests()) == 3

    async def helper() -> None:
        world.by("amy").create_job_request()

    asyncio.run(main())
    assert len(world.by("amy").job_requests()) == 3


def test_a_batch_without_an_await_keeps_no_task_out(world: World) -> None:
    """Many tasks may each have one, one after the other."""

    async def one(number: int) -> None:
        await asyncio.sleep(0)
        with world.crm.batch():
            world.service.record_payment(user_id=AMY, amount="12.99", ref=f"{number}")
            world.by("amy").create_recording()
        await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*map(one, range(10)))

    asyncio.run(main())
    assert world.balance_of("amy") == 3 + 10 * 2


def test_a_loop_that_a_batch_runs_is_kept_out(world: World) -> None:
    """The batch was opened outside of all tasks."""

    async def other() -> None:
        world.by("amy").create_job_request()

    with world.crm.batch():
        with pytest.raises(BatchOfAnotherTask):
            asyncio.run(other())
        world.by("amy").create_recording()
    assert (len(world.by("amy").job_requests()), len(world.by("amy").recordings())) == (1, 2)


def test_what_a_loop_calls_outside_of_all_tasks_is_kept_out(world: World) -> None:
    """A callback is not the task that opened the batch."""
    met: list[BaseException] = []

    def callback() -> None:
        try:
            world.by("amy").create_job_request()
        except BatchOfAnotherTask as refused:
            met.append(refused)

    async def main() -> None:
        with world.crm.batch():
            asyncio.get_running_loop().call_soon(callback)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(main())
    assert len(met) == 1
    assert len(world.by("amy").job_requests()) == 1


def test_the_tasks_of_other_threads_wait(world: World) -> None:
    """They have a loop of their own, and wait at the lock as their thread does."""
    seen: list[int] = []
    reading = threading.Event()

    async def look() -> None:
        reading.set()
        seen.append(len(world.crm.tables.crm_job_requests.find("user_id", AMY)))

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    with world.crm.batch():
        world.by("amy").create_job_request()
        thread.start()
        reading.wait()
        thread.join(timeout=0.05)
        assert seen == []
        world.by("amy").create_job_request()
    thread.join()
    assert seen == [3]


def test_a_task_that_is_cancelled_undoes_its_batch(world: World, state_of: Callable[[Crm], object]) -> None:
    """And keeps no one out afterwards."""
    before = state_of(world.crm)

    async def stuck() -> None:
        with world.crm.batch():
            world.by("amy").create_recording()
            await asyncio.sleep(3600)

    async def main() -> None:
        task = asyncio.create_task(stuck())
        await asyncio.sleep(0)
        with pytest.raises(BatchOfAnotherTask):
            world.by("amy").create_job_request()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert state_of(world.crm) == before
        world.by("amy").create_job_request()

    asyncio.run(main())
    assert len(world.by("amy").job_requests()) == 2


def test_subscribing_is_no_look_at_the_state(world: World) -> None:
    """Another task may subscribe while a batch is open, and is told of it when it is over; within a task of the batch."""
    heard: list[tuple[object, int]] = []

    async def subscribe() -> None:
        world.crm.subscribe(lambda entry: heard.append((running_task(), entry.position)))

    async def main() -> asyncio.Task[None] | None:
        with world.crm.batch():
            world.by("amy").create_job_request()
            await asyncio.create_task(subscribe())
        return asyncio.current_task()

    task = asyncio.run(main())
    assert heard == [(task, len(world.crm.journal))]


def test_an_iterator_from_before_the_batch_goes_on_with_what_there_was(world: World) -> None:
    """It is not asked who uses it, and shows nothing that may be undone."""
    entries = world.crm.journal.entries()
    length = len(world.crm.journal)

    async def count() -> int:
        return len(list(entries))

    async def main() -> int:
        with world.crm.batch():
            world.by("amy").create_job_request()
            return await asyncio.create_task(count())

    assert asyncio.run(main()) == length


def test_what_is_not_about_the_state_needs_no_turn(world: World) -> None:
    """Sessions can be made, and rules looked at, whichever task has a batch open."""

    async def other() -> str:
        return f"{world.crm.as_user(AMY)} {world.crm.rules.atomic_consume}"

    async def main() -> str:
        with world.crm.batch():
            return await asyncio.create_task(other())

    assert asyncio.run(main()) == f"<session of {user(AMY)}> True"


def test_the_tasks_of_trio_are_told_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of asyncio; this stands in for its module, of which one function is asked."""
    tasks = [object(), object()]
    running = tasks[0]
    monkeypatch.setitem(sys.modules, "trio", SimpleNamespace(lowlevel=SimpleNamespace(current_task=lambda: running)))
    with world.crm.batch():
        running = tasks[1]
        with pytest.raises(BatchOfAnotherTask):
            world.crm.execute(user(AMY), CreateRecording())
        running = tasks[0]
        world.crm.execute(SERVICE, TrackView(email=AMYS))
    assert (world.balance_of("amy"), world.one("crm_dashboard_stats", email=AMYS).total_views) == (3, 1)


def test_no_task_runs_outside_of_a_loop() -> None:
    """Though asyncio is imported; inside, it is the very task."""

    async def is_this_task() -> bool:
        return running_task() is asyncio.current_task()

    assert running_task() is None
    assert asyncio.run(is_this_task())
    assert running_task() is None


def test_a_loop_that_is_half_imported_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may be importing it."""
    monkeypatch.setitem(sys.modules, "asyncio", ModuleType("asyncio"))
    monkeypatch.setitem(sys.modules, "trio", ModuleType("trio"))
    assert running_task() is None


def test_no_event_loop_is_imported_for_the_question() -> None:
    """What was not imported does not run."""
    code = (
        "import sys; from crm_domain import Crm; from crm_domain.tasks import running_task;"
        "crm = Crm(); batch = crm.batch(); batch.__enter__(); crm.journal; batch.__exit__(None, None, None);"
        "print(running_task(), 'asyncio' in sys.modules, 'trio' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "None False False\n"
