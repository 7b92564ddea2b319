"""Interrupts of batches and commands over a file leave it sound, and the store in use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final

import pytest

import crm_adapters.sqlite
from crm_adapters.sqlite import SqliteStore
from crm_domain import Crm, JournalEntry, ManualClock, Refused, SequentialIds
from crm_domain.clocks import label_uuid
from crm_domain.laws import check_all
from tests.amounts import amount
from tests.domain.interruption import INSIDE, Interruption, UndoneError, drill

from .faults.sound import assert_sound

pytestmark = pytest.mark.thorough

DRILLS: Final = amount("CRM_DOMAIN_INTERRUPTS", thorough=30, quick=4)
FILES: Final = str(Path(crm_adapters.sqlite.__file__).parent)
AMY: Final = label_uuid("amy")


def single(crm: Crm, _: SqliteStore) -> None:
    crm.as_user(AMY).create_job_request()


def refused(crm: Crm, _: SqliteStore) -> None:
    with suppress(Refused):
        crm.as_user(AMY).create_recording(duration=-1)


def read(crm: Crm, _: SqliteStore) -> None:
    crm.as_user(AMY).user_data("amy@example.com")


def labels(_: Crm, store: SqliteStore) -> None:
    store.keep_labels({"1": "one"})


def undone(crm: Crm, _: SqliteStore) -> None:
    with suppress(UndoneError), crm.batch():
        crm.as_user(AMY).create_job_request()
        crm.as_user(AMY).recordings()
        crm.as_user(AMY).delete(table="crm_recordings")
        raise UndoneError


def batch(crm: Crm, _: SqliteStore) -> None:
    with crm.batch():
        crm.as_user(AMY).create_job_request()
        crm.as_user(AMY).count("crm_resumes")
        crm.as_service().record_payment(user_id=AMY, amount="12.99", ref=f"{len(crm.journal)}")
        crm.as_user(AMY).create_recording()


SCENES: Final[dict[str, tuple[Callable[[Crm, SqliteStore], None], int]]] = {
    "single": (single, 1),
    "refused": (refused, 0),
    "read": (read, 0),
    "labels": (labels, 0),
    "undone": (undone, 0),
    "batch": (batch, 5),
}
"""What is done, and how many events it makes."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # where a generator is closed
@pytest.mark.parametrize(("scene", "events"), SCENES.values(), ids=SCENES)
def test_an_interrupt_leaves_no_lock_and_no_half(
    scene: Callable[[Crm, SqliteStore], None], events: int, crm: Crm, store: SqliteStore
) -> None:
    """At every moment, one after the other on the same file: each is done or not done, and another thread may go on."""
    crm.as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
    start = len(crm.journal)
    heard: list[JournalEntry] = []
    crm.subscribe(heard.append)
    for number in count(1, step=1 + events):  # what makes more events is longer, and grows with each
        before = len(crm.journal)
        with suppress(KeyboardInterrupt), Interruption({number}, (INSIDE, FILES)) as interruption:
            scene(crm, store)
        assert seen_by_another_thread(crm) in {before, before + events}, number
        if not interruption.happened:
            break
    single(crm, store)
    assert check_all(crm) == []
    assert heard == [*crm.journal.entries(after=start)]
    assert number > 50


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # where a generator is closed
@pytest.mark.parametrize("seed", range(DRILLS))
def test_interrupted_batches_leave_a_sound_file(seed: int, tmp_path: Path) -> None:
    """Also where the block goes on after it, and where a second interrupt comes while the first is made good."""
    stores: list[SqliteStore] = []

    def make() -> Crm:
        stores.append(SqliteStore(tmp_path / f"{len(stores)}.db", synchronous="NORMAL", busy_timeout_seconds=0))
        return Crm(stores[-1], clock=ManualClock(step=timedelta(0)), new_id=SequentialIds())

    try:
        crm = drill(make, seed, inside=(INSIDE, FILES))
        assert seen_by_another_thread(crm) == len(crm.journal), seed
    finally:
        for store in stores:
            store.close()
    assert_sound(tmp_path / "1.db")


def seen_by_another_thread(crm: Crm) -> int | None:
    """Return the length of the journal as another thread finds it; None if it finds a lock that was left behind."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(len(crm.journal)), daemon=True)
    thread.start()
    thread.join(timeout=10)
    return found[0] if found else None
