"""How many bytes does a stored command take, and how many a user?

`tracemalloc` counts what is still there after W has run: rows, indexes, journal, counters, the
spare room of dicts and lists. What was there before (ids, addresses, texts and times of the
input) is shared and not counted. Strings that the library makes itself (normal addresses, ids of
grants and of counters) are counted by `tracemalloc`, then taken off again: "strings aside".
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Iterator

import attrs

from crm_domain import HARDENED, CreditPolicy, Crm

from . import workload
from .model import Subject, requests_of
from .table import Group, Line, at_most
from .timing import Spread

_KINDS = ("job request", "recording", "resume", "view", "payment")
_FIRST = 20
"""So many commands have every index built that there will be; indexes of users count as theirs."""

_NEVER_BLOCKED = attrs.evolve(HARDENED, credit_policy=CreditPolicy(initial_credits=10_000))


def measured(w: workload.Workload, *, of_one_kind: int) -> Group:
    """Count bytes for W, and for W's commands of each kind on their own."""
    requests, want = requests_of(w), workload.reference(w)
    before = set(map(id, _inputs(w)))
    gc.collect()
    tracemalloc.start()
    subject = Subject(w)
    first = subject.run(requests[:_FIRST])
    users = _traced() - _strings(subject.crm, before)
    rest = subject.run(requests[_FIRST:])
    whole = _traced() - _strings(subject.crm, before)
    tracemalloc.stop()
    got = subject.summary(w, first[0] + rest[0], first[1] + rest[1])
    assert got == want, (got, want)
    lines = [
        _line("memory of a stored command", (whole - users) / got.ok, 260),
        _line("memory of a CRM user", users / len(w.emails), 200),
    ]
    for kind, name in enumerate(_KINDS):
        alone = w._replace(commands=[c for c in w.commands if c[0] == kind][:of_one_kind])
        lines.append(_line(f"memory of a {name}", _of_one_kind(alone)))
    return Group(f"Memory: {w.size}", lines)


def _of_one_kind(w: workload.Workload) -> float:
    requests, before = requests_of(w), set(map(id, _inputs(w)))
    gc.collect()
    tracemalloc.start()
    subject = Subject(w, _NEVER_BLOCKED)
    subject.run(requests[:_FIRST])
    users = _traced() - _strings(subject.crm, before)
    blocked, denied = subject.run(requests[_FIRST:])
    whole = _traced() - _strings(subject.crm, before)
    tracemalloc.stop()
    assert blocked == 0
    return (whole - users) / (len(requests) - _FIRST - denied)


def _line(what: str, size: float, goal: int | None = None) -> Line:
    return Line(what, "bytes", Spread(size, size, size), None if goal is None else at_most(goal))


def _inputs(w: workload.Workload) -> Iterator[str]:
    yield from w.emails
    yield from w.user_ids
    for _, _, _, _, row_id, text in w.commands:
        yield row_id
        yield text


def _strings(crm: Crm, before: set[int]) -> int:
    """Return the bytes of the strings in the tables that were not *before*."""
    made: dict[int, int] = {}
    for rows in crm.tables.by_name.values():
        for row in rows:
            for value in attrs.astuple(row, recurse=False):
                if isinstance(value, str) and id(value) not in before:
                    made[id(value)] = sys.getsizeof(value)
    return sum(made.values())


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
