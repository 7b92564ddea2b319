"""What does a command cost in a file? Hand-written SQL with triggers, and the model beside it.

Commands are made before, out of the garbage collector's sight, and the users are there: what is
timed is the work, by the wall, since much of it is waiting for the disk; CPU time, which a busy
machine distorts less, stands beside it. All commit as often and as durably as each other. The goals
are set against the thin SQL of `raw_file`; how far the same data written by triggers is from them,
and the model from that, stands beside them.
"""

from __future__ import annotations

import gc
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from typing import Literal

from sqlite_utils import Database

from crm_adapters.sqlite import SqliteStore
from crm_domain import TABLES

from . import raw_file, workload
from .model import Subject, requests_of
from .table import Goal, Group, Line, at_least, at_most
from .timing import Case, Sample, Spread, Watch, interleave, ratio, us_each

Sync = Literal["FULL", "NORMAL"]

THIN, ALIKE, OURS, UTILS = "raw, thin", "raw, alike", "SqliteStore", "sqlite-utils, insert by insert, thin"


def measured(w: workload.Workload, *, each: int, rounds: int) -> list[Group]:
    """Run all cases: a commit for each of the first *each* commands, batches of 1000, and all as one batch."""
    few, all_of_them = w.part(0, each), len(w.commands)
    return [
        _compared("a commit for each command, synchronous = FULL", few, 1, "FULL", rounds, at_most(1.3)),
        _compared("a commit for each command, synchronous = NORMAL", few, 1, "NORMAL", rounds, at_most(1.3)),
        _compared("batches of 1000", w, 1000, "NORMAL", rounds, at_least(1.2)),
        _compared("one bulk load", w, all_of_them, "NORMAL", rounds, at_least(2.5)),
    ]


def _compared(what: str, w: workload.Workload, batch: int, sync: Sync, rounds: int, goal: Goal) -> Group:
    cases = {
        THIN: _raw_case(w, batch, sync, alike=False),
        ALIKE: _raw_case(w, batch, sync, alike=True),
        OURS: _store_case(w, batch, sync),
    }
    if batch == 1:
        cases[UTILS] = _utils_case(w, sync)
    with inputs_aside():
        got = interleave(cases, rounds=rounds, warm_up=0)
    lines = [Line(name, "µs a command", us_each(samples)) for name, samples in got.items()]
    for one, other, its_goal in ((OURS, THIN, goal), (OURS, ALIKE, None), (ALIKE, THIN, None)):
        lines.append(Line(f"{one} against {other}", goal.unit, _against(goal, got[one], got[other]), its_goal))
        cpu = _against(goal, [s.cpu for s in got[one]], [s.cpu for s in got[other]])
        lines.append(Line("… in CPU time", goal.unit, cpu))
    return Group(f"File, {what}: {w.size}; wall time, median of {rounds} rounds", lines)


def _against(goal: Goal, one: list[Sample], other: list[Sample]) -> Spread:
    return ratio(one, other) if goal.word == "most" else ratio(other, one)


@contextmanager
def inputs_aside() -> Iterator[None]:
    """Keep what was made before out of the garbage collector's sight."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _raw_case(w: workload.Workload, batch: int, sync: Sync, *, alike: bool) -> Case:
    want, commands = workload.reference(w), raw_file.statements_of(w)

    def once() -> Sample:
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(raw_file.made(f"{folder}/raw.db", w, synchronous=sync, alike=alike)) as raw,
        ):
            blocked = denied = 0
            watch = Watch()
            for n in range(0, len(commands), batch):
                if batch > 1:
                    raw.execute("BEGIN IMMEDIATE")
                b, d = raw_file.run(raw, commands[n : n + batch])
                blocked, denied = blocked + b, denied + d
                if batch > 1:
                    raw.execute("COMMIT")
            sample = watch.sample(len(commands))
            got = raw_file.summary(raw, w, blocked, denied)
        assert got == want, (got, want)
        return sample

    return once


def _store_case(w: workload.Workload, batch: int, sync: Sync) -> Case:
    want, requests = workload.reference(w), requests_of(w)

    def once() -> Sample:
        with tempfile.TemporaryDirectory() as folder, SqliteStore(f"{folder}/crm.db", synchronous=sync) as store:
            subject = Subject(w, store=store)
            blocked = denied = 0
            watch = Watch()
            for n in range(0, len(requests), batch):
                with subject.crm.batch() if batch > 1 else nullcontext():
                    b, d = subject.run(requests[n : n + batch])
                blocked, denied = blocked + b, denied + d
            sample = watch.sample(len(requests))
            got = subject.summary(w, blocked, denied)
        assert got == want, (got, want)
        return sample

    return once


def _utils_case(w: workload.Workload, sync: Sync) -> Case:
    """Insert rows as the documentation of sqlite-utils shows it, for the reader who wonders; views are statements."""
    want, commands = workload.reference(w), _utils_commands(w)

    def once() -> Sample:
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(raw_file.made(f"{folder}/raw.db", w, synchronous=sync, alike=False)) as raw,
        ):
            database = Database(raw)
            watch = Watch()
            blocked, denied = _run_utils(database, commands)
            sample = watch.sample(len(commands))
            got = raw_file.summary(raw, w, blocked, denied)
        assert got == want, (got, want)
        return sample

    return once


UtilsCommand = tuple[str, dict[str, object]] | raw_file.Statement


def _utils_commands(w: workload.Workload) -> list[UtilsCommand]:
    out: list[UtilsCommand] = []
    for (kind, *_), statement in zip(w.commands, raw_file.statements_of(w), strict=True):
        table = raw_file.TABLE_OF.get(kind)
        out.append(statement if table is None else (table, dict(zip(TABLES[table].by_name, statement[1], strict=True))))
    return out


def _run_utils(database: Database, commands: Sequence[UtilsCommand]) -> tuple[int, int]:
    blocked = denied = 0
    for what, values in commands:
        try:
            if isinstance(values, dict):
                database.table(what).insert(values)
            else:
                denied += not database.execute(what, values).rowcount
        except sqlite3.IntegrityError as error:
            blocked += error.args[0] == "no credits"
            denied += error.args[0] == "not owner"
    return blocked, denied
