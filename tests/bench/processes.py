"""How many commands do processes that write to one file execute in a second, all together?

Each has the commands of its own part of the users, and commits each. The clock runs from the moment
that the first begins, when all are ready, until the last has finished.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import NamedTuple

from crm_adapters.sqlite import SqliteStore

from . import raw_file, workload
from .file import ALIKE, OURS, THIN, Sync
from .model import Subject, requests_of
from .table import Group, Line
from .timing import Case, Sample, interleave, per_second, ratio

_PATIENCE_SECONDS = 120
_start: Barrier


class Done(NamedTuple):
    """What one process did; times by a clock that all processes share."""

    began: float
    ended: float
    blocked: int
    denied: int


Work = Callable[[str, Sync, workload.Workload], Done]


def measured(w: workload.Workload, *, processes: int, rounds: int) -> Iterator[Group]:
    """Divide W among so many processes, and run all cases."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _ready, (context.Barrier(processes),)) as pool:
        for sync in ("FULL", "NORMAL"):
            yield _compared(w, pool, processes, sync, rounds)


def _compared(w: workload.Workload, pool: ProcessPoolExecutor, processes: int, sync: Sync, rounds: int) -> Group:
    cases = {
        THIN: _case(w, pool, processes, sync, _raw, partial(_raw_file, alike=False)),
        ALIKE: _case(w, pool, processes, sync, _raw, partial(_raw_file, alike=True)),
        OURS: _case(w, pool, processes, sync, _store, _store_file),
    }
    got = interleave(cases, rounds=rounds)
    lines = [Line(name, "commands a second", per_second(samples)) for name, samples in got.items()]
    lines += [Line(f"{OURS} against {name}", "times as fast", ratio(got[name], got[OURS])) for name in (THIN, ALIKE)]
    title = f"{processes} processes on one file, a commit for each command, synchronous = {sync}"
    return Group(f"{title}: {w.size}; wall time, median of {rounds} rounds", lines)


class Made(NamedTuple):
    """A file with W's users in it, and what reads the result from it."""

    path: str
    summary: Callable[[int, int], workload.Summary]


def _case(
    w: workload.Workload,
    pool: ProcessPoolExecutor,
    processes: int,
    sync: Sync,
    work: Work,
    make: Callable[[str, Sync, workload.Workload], Made],
) -> Case:
    want = workload.reference(w)
    number = {email: n for n, email in enumerate(w.emails)}
    parts = [w._replace(commands=[c for c in w.commands if number[c[2]] % processes == n]) for n in range(processes)]

    def once() -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            file = make(f"{folder}/file.db", sync, w)
            done = [future.result() for future in [pool.submit(work, file.path, sync, part) for part in parts]]
            got = file.summary(sum(d.blocked for d in done), sum(d.denied for d in done))
        assert got == want, (got, want)
        return Sample(len(w.commands), max(d.ended for d in done) - min(d.began for d in done))

    return once


# --- in each process ------------------------------------------------------------------------


def _ready(start: Barrier) -> None:
    global _start  # noqa: PLW0603 - what a pool gives to its processes, it gives once
    _start = start


def _raw(path: str, sync: Sync, w: workload.Workload) -> Done:
    commands = raw_file.statements_of(w)
    with closing(raw_file.opened(path, synchronous=sync)) as raw:
        return _timed(lambda: raw_file.run(raw, commands))


def _store(path: str, sync: Sync, w: workload.Workload) -> Done:
    requests = requests_of(w)
    with SqliteStore(path, synchronous=sync, busy_timeout_seconds=60) as store:
        subject = Subject(_without_users(w), store=store)
        return _timed(lambda: subject.run(requests))


def _timed(run: Callable[[], tuple[int, int]]) -> Done:
    _start.wait(_PATIENCE_SECONDS)
    began = time.perf_counter()
    blocked, denied = run()
    return Done(began, time.perf_counter(), blocked, denied)


# --- the file, before and after -------------------------------------------------------------


def _raw_file(path: str, sync: Sync, w: workload.Workload, *, alike: bool) -> Made:
    raw_file.made(path, w, synchronous=sync, alike=alike).close()

    def summary(blocked: int, denied: int) -> workload.Summary:
        with closing(raw_file.opened(path, synchronous=sync)) as raw:
            return raw_file.summary(raw, w, blocked, denied)

    return Made(path, summary)


def _store_file(path: str, sync: Sync, w: workload.Workload) -> Made:
    with SqliteStore(path, synchronous=sync) as store:
        Subject(w, store=store)

    def summary(blocked: int, denied: int) -> workload.Summary:
        with SqliteStore(path) as store:
            return Subject(_without_users(w), store=store).summary(w, blocked, denied)

    return Made(path, summary)


def _without_users(w: workload.Workload) -> workload.Workload:
    """Return W for a file that has the users already."""
    return w._replace(emails=[], user_ids=[])
