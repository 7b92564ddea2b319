"""In which order are things asked? Strategies for sequences of requests.

A sequence is made of blocks, each with a theme, because what breaks a rule is mostly a few
requests about one thing: two primary resumes, a swapped video, a payment that comes twice.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from itertools import product
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LogLine, id_named
from crm_domain.ids import SERVICE
from crm_domain.schema import Table

from .histories import Lines
from .people import AMY, BOB, CAL, JOB_REQUESTS, RECORDINGS, RESUMES, Person
from .strategies import (
    ANYTHING,
    Asked,
    Places,
    balance_moves,
    creations,
    dashboards,
    deletions,
    payments,
    pick,
    registrations,
    requests,
    selects,
    syncs,
    trackings,
    updates,
)


def _places(*tables: Table[Any], people: tuple[Person, ...] = (AMY, BOB)) -> Places:
    return tuple(product((SERVICE, *(person.principal for person in people)), tables))


_JOBS: Final = _places(rows.CRM_JOB_REQUESTS)
_RECORDINGS: Final = _places(rows.CRM_RECORDINGS)
_RESUMES: Final = _places(rows.CRM_RESUMES)
_REGULAR: Final = _places(*rows.REGULAR_TABLES, people=(CAL, AMY))
_KEPT: Final = (*_places(rows.CRM_USERS, rows.CRM_DASHBOARD_STATS, rows.PROFILES, people=(AMY,)),)

_THEMES: Final = (
    ANYTHING,
    (*(creations(c.CreateRecording),) * 3, *(updates(_RECORDINGS),) * 3, deletions(_RECORDINGS)),
    (*(creations(c.CreateJobRequest), creations(c.CreateRecording)) * 2, updates(_RECORDINGS), deletions(_JOBS)),
    (*(creations(c.UploadResume), updates(_RESUMES)) * 2, deletions(_RESUMES)),
    (*(creations(k) for k in (c.CreateRegularRecording, c.CreateRegularJobRequest, c.UploadRegularResume)), payments(),
     syncs(), updates(_REGULAR), deletions(_REGULAR)),
    (*(syncs(), updates(_KEPT), deletions(_KEPT)) * 2, registrations(), payments()),
    (updates(_KEPT), *(creations(c.CreateRecording), creations(c.CreateJobRequest)) * 2, *(trackings(),) * 3, dashboards(),
     selects((*_KEPT, *_RECORDINGS, *_JOBS))),
)  # fmt: skip
"""What blocks are about: anything; recordings; references; resumes; regular users; accounts; counters."""


@st.composite
def overlaps(draw: st.DrawFn) -> list[LogLine]:
    """Return commands that overlap in time: recordings, and what else moves a balance."""
    return [LogLine(principal, command, concurrent="together") for principal, command in draw(_MOVES)]


_MOVES: Final = balance_moves()


_BLOCKS: Final = (*(st.lists(requests(kinds), max_size=10) for kinds in _THEMES), overlaps())


def _beginning() -> tuple[LogLine, ...]:
    asked: list[Asked] = []
    ids = zip((AMY, BOB), JOB_REQUESTS, RECORDINGS, RESUMES, ("completed", "processing"), strict=False)
    for person, job, recording, resume, status in ids:
        own: dict[str, Any] = {"user_id": person.user_id, "email": person.email}
        asked += [
            (SERVICE, c.SyncCrmUser(**own)),
            (person.principal, c.CreateJobRequest(id=id_named(job), **own)),
            (person.principal, c.CreateRecording(id=id_named(recording), video_url="a", status=status, **own)),
            (person.principal, c.UploadResume(id=id_named(resume), resume_url="a", is_primary=True, **own)),
        ]
    regular: dict[str, Any] = {"user_id": CAL.user_id}
    asked += [
        (SERVICE, c.RegisterUser(email=CAL.email, **regular)),
        (SERVICE, c.RecordPayment(amount=Decimal("12.99"), ref="pay-0", **regular)),
        (CAL.principal, c.CreateRegularJobRequest(id=id_named(JOB_REQUESTS[0]), **regular)),
        (CAL.principal, c.CreateRegularRecording(id=id_named(RECORDINGS[0]), **regular)),
    ]
    return tuple(LogLine(principal, request) for principal, request in asked)


_BEGINNING: Final = _beginning()
"""What a sequence starts with, some lines of it left out: two CRM users and a regular one have rows."""


@st.composite
def command_sequences(draw: st.DrawFn, *, at_most: int = 10) -> Lines:
    """Return lines of a command log, by several principals.

    Args:
        draw: Hypothesis gives it.
        at_most: How many blocks there are; a block is up to ten lines, or three that overlap.
    """
    lines = [line for line in _BEGINNING if pick(draw, (False, True, True, True, True))]
    for n, block in enumerate(draw(_sequences_of_blocks(at_most)), start=1):
        lines += [attrs.evolve(line, concurrent=line.concurrent and f"group-{n}") for line in block]
    return Lines(lines)


@cache
def _sequences_of_blocks(at_most: int) -> st.SearchStrategy[list[list[LogLine]]]:
    return st.lists(_blocks(), max_size=at_most)


@st.composite
def _blocks(draw: st.DrawFn) -> list[LogLine]:
    return draw(pick(draw, _BLOCKS))
