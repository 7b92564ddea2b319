"""What does a command cost in a file? Hand-written SQL with triggers, and the model beside it.

Commands are made before, and the users are there: what is timed is the work, by the wall, since
much of it is waiting for the disk. Both commit as often and as durably as each other.
"""

from __future__ import annotations

import gc
import tempfile
import time
from contextlib import closing
from typing import Literal

from crm_adapters.sqlite import SqliteStore

from . import raw_file, workload
from .model import Subject, requests_of
from .table import Goal, Line, at_least, at_most
from .timing import Case, Sample, interleave, ratio, us_each

Sync = Literal["FULL", "NORMAL"]


def measured(w: workload.Workload, *, each: int, rounds: int) -> list[Line]:
    """Run all cases: a commit for each of the first *each* commands, batches of 1000, and all as one batch."""
    few, all_of_them = w.part(0, each), len(w.commands)
    lines: list[Line] = []
    lines += _compared("a commit each, FULL", few, 1, "FULL", rounds, at_most(1.3))
    lines += _compared("a commit each, NORMAL", few, 1, "NORMAL", rounds, at_most(1.3))
    lines += _compared("batches of 1000", w, 1000, "NORMAL", rounds, at_least(1.2))
    lines += _compared("one bulk load", w, all_of_them, "NORMAL", rounds, at_least(2.5))
    return lines


def _compared(what: str, w: workload.Workload, batch: int, sync: Sync, rounds: int, goal: Goal) -> list[Line]:
    thin, alike, ours = "raw, thin", "raw, alike", "SqliteStore"
    gc.collect()
    cases = {
        thin: _raw_case(w, batch, sync, alike=False),
        alike: _raw_case(w, batch, sync, alike=True),
        ours: _store_case(w, batch, sync),
    }
    got = interleave(cases, rounds=rounds, warm_up=0)
    lines = [Line(f"File, {what}: {name}", "µs a command", us_each(samples)) for name, samples in got.items()]
    for name in (thin, alike):
        if goal.word == "most":
            lines.append(Line(f"… against {name}", "times the time", ratio(got[ours], got[name]), goal))
        else:
            lines.append(Line(f"… against {name}", "times as fast", ratio(got[name], got[ours]), goal))
    return lines


def _raw_case(w: workload.Workload, batch: int, sync: Sync, *, alike: bool) -> Case:
    want, commands = workload.reference(w), raw_file.statements_of(w)

    def once() -> Sample:
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(raw_file.opened(f"{folder}/raw.db", w, synchronous=sync, alike=alike)) as raw,
        ):
            blocked = denied = 0
            start = time.perf_counter()
            for n in range(0, len(commands), batch):
                if batch > 1:
                    raw.execute("BEGIN IMMEDIATE")
                b, d = raw_file.run(raw, commands[n : n + batch])
                blocked, denied = blocked + b, denied + d
                if batch > 1:
                    raw.execute("COMMIT")
            took = time.perf_counter() - start
            got = raw_file.summary(raw, w, blocked, denied)
        assert got == want, (got, want)
        return Sample(len(commands), took)

    return once


def _store_case(w: workload.Workload, batch: int, sync: Sync) -> Case:
    want, requests = workload.reference(w), requests_of(w)

    def once() -> Sample:
        with tempfile.TemporaryDirectory() as folder, SqliteStore(f"{folder}/crm.db", synchronous=sync) as store:
            subject = Subject(w, store=store)
            blocked = denied = 0
            start = time.perf_counter()
            for n in range(0, len(requests), batch):
                if batch > 1:
                    with subject.crm.batch():
                        b, d = subject.run(requests[n : n + batch])
                else:
                    b, d = subject.run(requests[n : n + 1])
                blocked, denied = blocked + b, denied + d
            took = time.perf_counter() - start
            got = subject.summary(w, blocked, denied)
        assert got == want, (got, want)
        return Sample(len(requests), took)

    return once
