"""A child process uses nothing that its parent had open, and harms nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from crm_adapters.sqlite import SqliteStore, StoreError
from crm_domain import Crm
from crm_domain.clocks import label_uuid
from crm_domain.ids import UserId

from .faults.sound import assert_sound

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

AMY: Final = label_uuid("amy")
_GIVEN_UP_SECONDS: Final = 30


@pytest.fixture
def amy(crm: Crm) -> Crm:
    """A CRM with one user, Amy."""
    crm.as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
    return crm


def jobs_in(path: Path) -> int:
    """Return how many job requests the file holds, having seen that it is sound."""
    assert_sound(path)
    with SqliteStore(path) as store:
        return Crm(store).as_service().count("crm_job_requests")


def said_in_a_child(attempt: Callable[[], object]) -> str:
    """Return what a forked child says of an attempt: why it is refused, or what it returns; never wait for it long."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(_GIVEN_UP_SECONDS)
        try:
            said = str(attempt())
        except StoreError as error:
            said = error.reason
        except BaseException as error:  # noqa: BLE001 - the parent is to see it
            said = repr(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "it waited for ever"
    return said


REFUSED: Final = "was opened before a fork, and connections do not survive one: open it anew"

USES: Final[dict[str, Callable[[Crm, SqliteStore], object]]] = {
    "a command": lambda crm, _: crm.as_user(AMY).create_job_request(),
    "a batch": lambda crm, _: crm.batch().__enter__(),
    "a read": lambda crm, _: crm.as_user(AMY).job_requests(),
    "a row": lambda crm, _: crm.tables.profiles.get(AMY),
    "all rows": lambda crm, _: list(crm.tables.profiles),
    "the journal": lambda crm, _: len(crm.journal),
    "its entries": lambda crm, _: list(crm.journal.entries()),
    "a version": lambda crm, _: crm.journal.version_of(UserId(AMY)),
    "the past": lambda crm, _: crm.as_of(position=1),
    "rebuild": lambda crm, _: crm.rebuild(),
    "labels": lambda _, store: store.labels(),
    "SQL": lambda _, store: store.database.execute("SELECT 1"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_every_use_of_an_inherited_store_is_refused(
    amy: Crm, store: SqliteStore, use: Callable[[Crm, SqliteStore], object]
) -> None:
    assert said_in_a_child(lambda: use(amy, store)) == REFUSED
    amy.as_user(AMY).create_job_request()


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_in_the_midst_of_a_batch_too(amy: Crm, store: SqliteStore, use: Callable[[Crm, SqliteStore], object]) -> None:
    with amy.batch():
        amy.as_user(AMY).create_job_request()
        said = said_in_a_child(lambda: use(amy, store))
    assert REFUSED in said or "this Crm was in the middle of a command or a batch when the process was forked" in said
    store.close()
    assert jobs_in(store.path) == 1


def test_a_child_closes_without_a_word(amy: Crm, store: SqliteStore) -> None:
    assert said_in_a_child(store.close) == "None"
    amy.as_user(AMY).create_job_request()


def left_in_a_child(crm: Crm) -> str:
    """Fork in a batch; the child leaves the block, the parent goes on. Return what the child says."""
    reader, writer = os.pipe()
    child = -1
    try:
        with crm.batch():
            crm.as_user(AMY).create_job_request()
            child = os.fork()
            if child:
                os.close(writer)
                os.read(reader, 1)  # the child has left the block
                crm.as_user(AMY).create_job_request()
    except StoreError as error:
        os.write(writer, error.reason.encode())
    finally:
        if child == 0:
            os._exit(0)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def test_a_child_that_leaves_its_parents_batch_commits_nothing(amy: Crm, store: SqliteStore) -> None:
    """Neither the parent's half of the batch, nor over what the parent commits: all of it is kept."""
    for _ in range(20):
        assert left_in_a_child(amy).endswith(REFUSED[1:])
    store.close()
    assert jobs_in(store.path) == 40


@contextmanager
def a_thread_in(work: Callable[[threading.Event, threading.Event], None]) -> Iterator[None]:
    """Have another thread in the midst of something until the end of the block."""
    begun, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=work, args=(begun, ended))
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_fork_while_another_thread_has_the_lock_does_not_hang(amy: Crm, store: SqliteStore) -> None:
    def read(begun: threading.Event, ended: threading.Event) -> None:
        with store.reading():
            begun.set()
            ended.wait()

    with a_thread_in(read):
        assert said_in_a_child(lambda: len(amy.journal)) == REFUSED
        assert said_in_a_child(store.close) == "None"
        assert said_in_a_child(lambda: Crm(SqliteStore(store.path))).startswith(
            "was in use when this process was forked, so that SQLite can take no locks on it here"
        )
    amy.as_user(AMY).create_job_request()


def test_a_child_that_opens_the_file_anew_has_locks_of_its_own(amy: Crm, store: SqliteStore) -> None:
    """SQLite would believe that it has those of the parent; who then comes and goes would take the log away."""
    visit = "import sqlite3, sys; raw = sqlite3.connect(sys.argv[1]); raw.execute('SELECT * FROM journal').fetchone(); raw.close()"

    def opened_anew() -> str:
        with SqliteStore(store.path) as anew:
            crm = Crm(anew)
            crm.as_user(AMY).create_job_request()
            os.kill(os.getppid(), signal.SIGUSR1)  # the parent closes
            while not closed.exists():
                time.sleep(0.01)
            subprocess.run([sys.executable, "-c", visit, store.path], check=True)
            crm.as_user(AMY).create_job_request()
            return str(crm.as_user(AMY).count("crm_job_requests"))

    closed = store.path.with_name("closed")

    def close(*_: object) -> None:
        store.close()
        closed.touch()

    former = signal.signal(signal.SIGUSR1, close)
    try:
        assert said_in_a_child(opened_anew) == "2"
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert jobs_in(store.path) == 2


def test_the_end_of_a_child_harms_no_log(path: Path) -> None:
    """It outlives its parent and ends as interpreters do; meanwhile another process was killed and left a log."""
    script = """
import os, subprocess, sys
from crm_adapters.sqlite import SqliteStore
from crm_domain import Crm
from crm_domain.ids import UserId
path, amy = sys.argv[1:]
store = SqliteStore(path)
crm = Crm(store)
crm.as_service().sync_crm_user(user_id=amy, email="amy@example.com")
reader, writer = os.pipe()
if os.fork():
    store.close()
    killed = "import os, sys; from crm_adapters.sqlite import SqliteStore; from crm_domain import Crm;"
    killed += "Crm(SqliteStore(sys.argv[1])).as_user(sys.argv[2]).create_job_request(); os._exit(0)"
    subprocess.run([sys.executable, "-c", killed, path, amy], check=True)
    os.write(writer, b"go")
    os.wait()
    assert os.path.getsize(path + "-wal") > 0
else:
    os.read(reader, 2)
"""
    subprocess.run([sys.executable, "-c", script, path, AMY], check=True)
    assert jobs_in(path) == 1


def test_a_child_that_lives_on_keeps_no_lock(amy: Crm, store: SqliteStore) -> None:
    """A process that is forked in the middle of a batch does not hold up those who wait for it."""
    with SqliteStore(store.path, busy_timeout_seconds=5) as other:
        waiting = Crm(other)
        with amy.batch():
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
        store.close()
        waiting.as_user(AMY).create_job_request()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert waiting.as_service().count("crm_job_requests") == 1
