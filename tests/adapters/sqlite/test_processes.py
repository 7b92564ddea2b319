"""Many processes, and threads, on one file; and processes that are interrupted."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from crm_adapters.sqlite import SqliteStore, StoreBusy
from crm_domain import Crm, InsufficientCredits
from crm_domain.clocks import label_uuid
from crm_domain.laws import check_all

from .faults.sound import assert_sound

WORKER = Path(__file__).with_name("worker.py")


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a worker; it does not outlive the block."""
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def three_people(path: Path, payments: int) -> int:
    """Bring three people in, who have paid so often; return how many credits they have."""
    with SqliteStore(path) as store:
        crm = Crm(store)
        for n in range(3):
            crm.as_service().sync_crm_user(user_id=label_uuid(f"person-{n}"), email=f"{n}@example.com")
            for payment in range(payments):
                crm.as_service().record_payment(
                    user_id=label_uuid(f"person-{n}"), amount="12.99", ref=f"{n} pays {payment}"
                )
        return sum(profile.credits_remaining for profile in crm.tables.profiles)


@contextmanager
def many_started(*arguments: object) -> Iterator[list[subprocess.Popen[str]]]:
    """Start eight workers, and let them go on when all of them are there."""
    with ExitStack() as stack:
        processes = [stack.enter_context(started(*arguments)) for _ in range(8)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        yield processes


def test_processes_that_race_for_the_last_credits_get_exactly_those(path: Path) -> None:
    credits_ = three_people(path, payments=8)
    with many_started("race", path, 40) as processes:
        made = [process.communicate(timeout=120)[0] for process in processes]
    assert sum(map(int, made)) == credits_
    with SqliteStore(path) as store:
        tables = Crm(store).tables
        assert [profile.credits_remaining for profile in tables.profiles] == [0, 0, 0]
        assert len(tables.crm_recordings) == credits_
    assert_sound(path)


def test_processes_that_create_one_file_at_once_all_open_it(path: Path) -> None:
    with many_started("create", path) as processes:
        assert [process.communicate(timeout=60)[0] for process in processes] == ["opened\n"] * 8
    assert_sound(path)
    assert {file.name for file in path.parent.iterdir()} == {"crm.db", "crm.db-lock"}


def test_threads_that_race_for_the_last_credits_get_exactly_those(path: Path) -> None:
    credits_ = three_people(path, payments=4)
    made = []

    def record(crm: Crm) -> None:
        for n in range(20):
            with suppress(InsufficientCredits):
                made.append(crm.as_user(label_uuid(f"person-{n % 3}")).create_recording().id)

    # Half of the threads share a store, the others have one of their own.
    with SqliteStore(path) as shared:
        crms = [Crm(shared)] * 4 + [Crm(SqliteStore(path)) for _ in range(4)]
        threads = [threading.Thread(target=record, args=(crm,)) for crm in crms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made) == credits_
    assert_sound(path)


def test_readers_never_wait_for_a_writer(path: Path) -> None:
    """While another store is in the middle of a batch, a reader sees the state before it, at once."""
    three_people(path, payments=0)
    with SqliteStore(path) as writing, SqliteStore(path, busy_timeout_seconds=0) as reading:
        writer, reader = Crm(writing), Crm(reading)
        with writer.batch():
            writer.as_user(label_uuid("person-0")).create_recording()
            assert writer.as_service().count("crm_recordings") == 1
            assert reader.as_service().count("crm_recordings") == 0
            assert len(reader.journal) == len(writer.journal) - 2
            with pytest.raises(StoreBusy, match="another process has been writing"):
                reader.as_user(label_uuid("person-0")).create_recording()
        assert reader.as_service().count("crm_recordings") == 1
        reader.as_user(label_uuid("person-0")).create_recording()


def test_a_reader_sees_one_state_although_others_write(path: Path) -> None:
    three_people(path, payments=0)
    with SqliteStore(path) as writing, SqliteStore(path) as reading:
        writer, reader = Crm(writing), Crm(reading)
        with reading.reading():
            before = reader.as_service().count("crm_recordings")
            writer.as_user(label_uuid("person-0")).create_recording()
            assert reader.as_service().count("crm_recordings") == before
        assert reader.as_service().count("crm_recordings") == before + 1


def test_a_writer_outside_of_this_library_is_waited_for_and_seen(path: Path) -> None:
    """A lock that SQLite itself holds is told as busy, too."""
    three_people(path, payments=0)
    with SqliteStore(path, busy_timeout_seconds=0) as store, closing(sqlite3.connect(path)) as other:
        crm = Crm(store)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="another process holds it"):
            crm.as_user(label_uuid("person-0")).create_recording()
        other.execute("ROLLBACK")
        crm.as_user(label_uuid("person-0")).create_recording()


def test_a_subscriber_is_told_of_what_this_process_did(path: Path) -> None:
    """Others' events, which came in between, are in the journal; each process tells its own subscribers of its own."""
    three_people(path, payments=0)
    with SqliteStore(path) as one, SqliteStore(path) as other:
        mine, theirs = Crm(one), Crm(other)
        told: list[int] = []
        mine.subscribe(lambda entry: told.append(entry.position))
        length = len(mine.journal)
        theirs.as_user(label_uuid("person-0")).create_job_request()
        mine.as_user(label_uuid("person-0")).create_job_request()
        theirs.as_user(label_uuid("person-0")).create_job_request()
        with mine.batch():
            mine.as_user(label_uuid("person-0")).create_job_request()
        assert told == [length + 2, length + 4]


def interrupted(crm: Crm) -> None:
    """Press Ctrl-C in the middle of a batch."""
    with crm.batch():
        for _ in range(3):
            crm.as_user(label_uuid("person-0")).create_recording()
        signal.raise_signal(signal.SIGINT)


def test_an_interrupted_batch_leaves_nothing_behind(path: Path) -> None:
    three_people(path, payments=0)
    with SqliteStore(path) as store:
        crm = Crm(store)
        before = len(crm.journal)
        with pytest.raises(KeyboardInterrupt):
            interrupted(crm)
        assert len(crm.journal) == before
        assert crm.as_service().count("crm_recordings") == 0
        assert crm.as_user(label_uuid("person-0")).create_recording().version > 0
    assert_sound(path)


def test_interrupts_at_any_moment_leave_no_half_command(
    path: Path, in_a_child: Callable[[Callable[[], list[str]]], list[str]]
) -> None:
    """Ctrl-C between any two lines of Python: a command is there or not, and the store goes on."""
    three_people(path, payments=0)
    assert in_a_child(lambda: interrupted_often(path)) == ["went on"]
    assert_sound(path)


def interrupted_often(path: Path) -> list[str]:
    """Press Ctrl-C at many moments of many commands; a coverage tool must not be there to see it."""
    draw = random.Random(3)
    with SqliteStore(path, synchronous="NORMAL") as store:
        crm = Crm(store)
        person = crm.as_user(label_uuid("person-1"))
        for _ in range(150):
            sys.settrace(interrupt_after(draw.randrange(400)))
            try:
                person.create_job_request()
                with crm.batch():
                    person.create_job_request()
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(None)
        person.create_recording()
        return ["went on", *map(str, check_all(crm))]


def interrupt_after(lines: int) -> Callable[..., Any]:
    """Return a trace function that raises after so many lines of Python, once."""
    left = [lines]

    def interrupt(*_: object) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return interrupt

    return interrupt
