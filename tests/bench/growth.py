"""Does a command cost more when much is stored?

Two models of the same users, one with few rows and one with many, execute the same further
commands of W in turn. The small one is made anew each time, so that it stays small; the large one
first executes some other commands, so that both come to the timed part in the midst of work (the
processor's caches warm, the young objects of the garbage collector the same). Users start with so
many credits that nothing is blocked: otherwise the large model would refuse more, and refusing is
cheap.
"""

from __future__ import annotations

import gc

import attrs

from crm_domain import HARDENED, CreditPolicy

from . import workload
from .model import Request, Subject, requests_of
from .table import Group, Line, at_most
from .timing import Sample, interleave, ratio, seconds, us_each

_RULES = attrs.evolve(HARDENED, credit_policy=CreditPolicy(initial_credits=10_000))
_STEP = 500


@attrs.define
class Filled:
    """A model with about so many rows: the subject, W's commands that it took, the last job request of each address."""

    subject: Subject
    commands: int
    last_job: dict[str, str]


def measured(*, users: int, few: int, many: int, probe: int, rounds: int) -> Group:
    """Time *probe* commands at about *few* and about *many* stored rows, *rounds* times and once to warm up."""
    turns, turn = rounds + 1, 2 * probe
    w = workload.make(users, many + turns * turn)
    small, large = _filled(w, few), _filled(w, many)
    starts = range(large.commands, large.commands + turns * turn, turn)
    # recordings refer to job requests that both models have
    probes = [requests_of(w.part(start, probe), dict(small.last_job)) for start in starts]
    others = [requests_of(w.part(start + probe, probe), dict(small.last_job)) for start in starts]
    gc.collect()
    gc.freeze()
    at_few, at_many, between = iter(probes), iter(probes), iter(others)

    def few_rows() -> Sample:
        return _timed(_filled(w, few).subject, next(at_few))

    def many_rows() -> Sample:
        large.subject.run(next(between))
        return _timed(large.subject, next(at_many))

    cases = {"few": few_rows, "many": many_rows}
    got = interleave(cases, rounds=rounds)
    gc.unfreeze()
    lines = [
        Line(f"Crm.execute at {few:,} rows", "µs a command", us_each(got["few"])),
        Line(f"Crm.execute at {many:,} rows", "µs a command", us_each(got["many"])),
        Line(f"… against {few:,} rows", "times the time", ratio(got["many"], got["few"]), at_most(1.5)),
    ]
    return Group(f"Growth: {users:,} users, {probe:,} commands; CPU time, median of {rounds} rounds", lines)


def _filled(w: workload.Workload, rows: int) -> Filled:
    subject, done = Subject(w, _RULES), 0
    last_job: dict[str, str] = {}
    while sum(map(len, subject.crm.tables.by_name.values())) < rows:
        assert subject.run(requests_of(w.part(done, _STEP), last_job))[0] == 0
        done += _STEP
    return Filled(subject, done, last_job)


def _timed(subject: Subject, requests: list[Request]) -> Sample:
    before = len(subject.crm.journal)
    start = seconds()
    blocked, denied = subject.run(requests)
    took = seconds() - start
    assert blocked == 0
    assert len(subject.crm.journal) - before >= len(requests) - denied
    return Sample(len(requests), took)
