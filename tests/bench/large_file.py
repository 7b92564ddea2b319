"""Does a file with a million rows open as soon, and take commands as fast, as one with ten thousand?

Two files of the same users, one with few rows and one with many, each filled in one bulk load. Then
both are opened in turn, and both execute the same further commands, with a commit for each. The
small one is copied anew each time, so that it stays small. Users start with so many credits that
nothing is blocked: otherwise the large file would refuse more, and refusing is cheap.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import attrs

from crm_adapters.sqlite import SqliteStore
from crm_domain import HARDENED, CreditPolicy, Crm

from . import workload
from .file import inputs_aside
from .model import Request, Subject, requests_of
from .table import Group, Line
from .timing import Case, Sample, Spread, interleave, ratio, us_each

_RULES = attrs.evolve(HARDENED, credit_policy=CreditPolicy(initial_credits=10_000))
_ROWS_OF_A_USER = 5
_ROWS = {workload.JOB: 1, workload.RECORDING: 2, workload.RESUME: 1, workload.VIEW: 0, workload.PAYMENT: 2}
"""How many rows a command of each kind stores."""
_STEP = 1_000
_OPENINGS = 20


class Filled(NamedTuple):
    """A closed file: how many of W's commands it took, how long each took, each address's last job request."""

    path: Path
    commands: int
    us_each: float
    last_job: dict[str, str]


def measured(*, users: int, few: int, many: int, probe: int, rounds: int) -> Group:
    """Fill files of about so many rows; time opening them, and *probe* commands, *rounds* times."""
    turns, turn = rounds + 1, 2 * probe
    w = workload.make(users, many + turns * turn)
    with tempfile.TemporaryDirectory() as folder:
        small, large = _filled(Path(folder, "few.db"), w, few), _filled(Path(folder, "many.db"), w, many)
        starts = range(large.commands, large.commands + turns * turn, turn)
        # recordings refer to job requests that both files have
        probes = [requests_of(w.part(start, turn), dict(small.last_job)) for start in starts]
        emails = w.emails
        del w
        with inputs_aside():
            openings = interleave(
                {"few": _opening(small.path, emails), "many": _opening(large.path, emails)}, rounds=rounds
            )
            commands = interleave(
                {"few": _small(small.path, probes), "many": _large(large.path, probes)}, rounds=rounds
            )
        size = large.path.stat().st_size / 1e6
    filled = Spread(large.us_each, large.us_each, large.us_each)
    lines = [
        Line(f"one bulk load of {many:,} rows ({size:,.0f} MB)", "µs a command", filled),
        Line(f"to open {few:,} rows and read a dashboard", "µs", us_each(openings["few"])),
        Line(f"to open {many:,} rows and read a dashboard", "µs", us_each(openings["many"])),
        Line(f"… against {few:,} rows", "times the time", ratio(openings["many"], openings["few"])),
        Line(f"a command at {few:,} rows", "µs a command", us_each(commands["few"])),
        Line(f"a command at {many:,} rows", "µs a command", us_each(commands["many"])),
        Line(f"… against {few:,} rows", "times the time", ratio(commands["many"], commands["few"])),
    ]
    title = f"Large file: {users:,} users; a commit for each of {probe:,} commands, synchronous = NORMAL"
    return Group(f"{title}; wall time, median of {rounds} rounds", lines)


def _filled(path: Path, w: workload.Workload, rows: int) -> Filled:
    with SqliteStore(path, synchronous="NORMAL") as store:
        subject = Subject(w, _RULES, store)
        done, last_job, making = 0, dict[str, str](), 0.0
        owners, stored = w.owners, _ROWS_OF_A_USER * len(w.emails)
        start = time.perf_counter()
        with subject.crm.batch():
            while stored < rows:
                before, part = time.perf_counter(), w.part(done, _STEP)
                requests = requests_of(part, last_job)
                making += time.perf_counter() - before
                assert subject.run(requests)[0] == 0
                done += _STEP
                stored += sum(_ROWS[kind] for kind, actor, email, *_ in part.commands if owners[email] == actor)
        took = time.perf_counter() - start - making
        assert sum(map(len, subject.crm.tables.by_name.values())) == stored
    return Filled(path, done, 1e6 * took / done, last_job)


def _opening(path: Path, emails: list[str]) -> Case:
    def once() -> Sample:
        took = 0.0
        for email in emails[:_OPENINGS]:
            start = time.perf_counter()
            with SqliteStore(path, synchronous="NORMAL") as store:
                found = Crm(store, rules=_RULES).as_service().get_crm_dashboard_data(email)
                took += time.perf_counter() - start
                assert found is not None
        return Sample(_OPENINGS, took)

    return once


def _small(path: Path, probes: list[list[Request]]) -> Case:
    turns = iter(probes)

    def once() -> Sample:
        copy = path.with_name("copy.db")
        shutil.copyfile(path, copy)
        sample = _timed(copy, next(turns))
        copy.unlink()
        return sample

    return once


def _large(path: Path, probes: list[list[Request]]) -> Case:
    turns = iter(probes)
    return lambda: _timed(path, next(turns))


def _timed(path: Path, requests: list[Request]) -> Sample:
    """Execute commands; the first half of them warms up."""
    half = len(requests) // 2
    with SqliteStore(path, synchronous="NORMAL") as store:
        subject = Subject(workload.Workload([], [], []), _RULES, store)
        assert subject.run(requests[:half])[0] == 0
        before = len(subject.crm.journal)
        start = time.perf_counter()
        blocked, denied = subject.run(requests[half:])
        took = time.perf_counter() - start
        assert blocked == 0
        assert len(subject.crm.journal) - before >= half - denied
    return Sample(half, took)
