"""What are sequences of requests about? Blocks with a theme, behind a common beginning.

What breaks a rule is mostly a few requests about one thing: two primary resumes, a swapped video,
a payment that comes twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import product
from typing import Any, Final, TypeAlias

import attrs

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LogLine, id_named
from crm_domain.ids import SERVICE
from crm_domain.schema import Table

from ..people import AMY, BOB, CAL, JOB_REQUESTS, RECORDINGS, RESUMES, Person
from .asking import (
    ANYTHING,
    Asked,
    Choose,
    Kind,
    Places,
    balance_moves,
    career,
    creation,
    dashboard_read,
    deactivation,
    deletion,
    departure,
    line,
    payment,
    registration,
    selection,
    sync,
    tracking,
    update,
)
from .pools import REFERENCES


def _places(*tables: Table[Any], people: tuple[Person, ...] = (AMY, BOB)) -> Places:
    return tuple(product((SERVICE, *(person.principal for person in people)), tables))


_JOBS: Final = _places(rows.CRM_JOB_REQUESTS)
_RECORDINGS: Final = _places(rows.CRM_RECORDINGS)
_RESUMES: Final = _places(rows.CRM_RESUMES)
_REGULAR_RESUMES: Final = _places(rows.RESUMES, people=(CAL,))
_REGULAR: Final = _places(*rows.REGULAR_TABLES, people=(CAL, AMY))
_KEPT: Final = (*_places(rows.CRM_USERS, rows.CRM_DASHBOARD_STATS, rows.PROFILES, people=(AMY,)),)


def _creating(kind: type[c.CreateRow]) -> Kind:
    return partial(creation, kind=kind)


def _updating(places: Places) -> Kind:
    return partial(update, places=places)


def _deleting(places: Places) -> Kind:
    return partial(deletion, places=places)


_APPLY, _RECORD = _creating(c.CreateJobRequest), _creating(c.CreateRecording)
_REFER = partial(creation, kind=c.CreateRecording, contents=(REFERENCES[rows.CRM_RECORDINGS.name],))

THEMES: Final[Sequence[Sequence[Kind]]] = (
    ANYTHING,
    (*(_RECORD,) * 3, *(_updating(_RECORDINGS),) * 3, _deleting(_RECORDINGS)),
    (*(_APPLY, _REFER) * 2, _updating(_RECORDINGS), _updating(_JOBS), _deleting(_JOBS)),
    (*(_creating(c.UploadResume), _updating(_RESUMES)) * 2, _deleting(_RESUMES)),
    (*map(_creating, (c.CreateRegularRecording, c.CreateRegularJobRequest, c.UploadRegularResume)), payment, sync,
     _updating(_REGULAR), _deleting(_REGULAR)),
    (*(_creating(c.UploadRegularResume), _updating(_REGULAR_RESUMES)) * 2, sync),
    (*(payment,) * 3, registration, sync, _RECORD),
    (*(sync, _updating(_KEPT), _deleting(_KEPT)) * 2, registration, payment),
    (_updating(_KEPT), *(_RECORD, _APPLY) * 2, *(tracking,) * 3, dashboard_read,
     partial(selection, places=(*_KEPT, *_RECORDINGS, *_JOBS))),
)  # fmt: skip
"""What blocks are about: anything; recordings; references; resumes; regular users and their resumes; payments; accounts;
counters."""


Scene: TypeAlias = Callable[[Choose], list[LogLine]]
"""Makes a block of requests that belong together."""


def overlap(choose: Choose) -> list[LogLine]:
    """Make commands that overlap in time: recordings, and what else moves a balance."""
    return [LogLine(principal, command, concurrent="together") for principal, command in balance_moves(choose)]


def spending(choose: Choose) -> list[LogLine]:
    """Make requests that bring a balance down, up by a payment, and down again."""
    asked = (*balance_moves(choose), payment(choose), *balance_moves(choose))
    return [LogLine(principal, request) for principal, request in asked]


def retry(choose: Choose) -> list[LogLine]:
    """Make a request under an idempotency key, and again the same, behind another one under that key."""
    principal, request = choose(ANYTHING)(choose)
    again = LogLine(principal, request, key="key-3")
    return [again, attrs.evolve(line(choose), key="key-3"), again]


def leaving(choose: Choose) -> list[LogLine]:
    """Make requests by which a CRM user leaves and comes back."""
    return [LogLine(principal, request) for principal, request in departure(choose)]


def banned(choose: Choose) -> list[LogLine]:
    """Make requests by which a CRM user is deactivated, and what they do then."""
    return [LogLine(principal, request) for principal, request in deactivation(choose)]


def watched(choose: Choose) -> list[LogLine]:
    """Make requests that store a recording and change it again and again."""
    return [LogLine(principal, request) for principal, request in career(choose)]


SCENES: Final[Sequence[Scene]] = (overlap, spending, retry, leaving, banned, watched)
"""Commands that overlap; a balance that goes up and down; a retry; a CRM user who leaves, one who is deactivated; a
recording that is changed again and again."""


def _begun() -> tuple[LogLine, ...]:
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


BEGINNING: Final = _begun()
"""What a sequence starts with, some lines of it left out: two CRM users and a regular one have rows."""


def beginning(choose: Choose) -> list[LogLine]:
    """Choose what a sequence starts with."""
    return [line for line in BEGINNING if choose((False, True, True, True, True))]


def told_apart(block: Sequence[LogLine], n: int) -> list[LogLine]:
    """Return the *n*-th block, with lines that overlap among themselves and with no others."""
    return [attrs.evolve(line, concurrent=line.concurrent and f"group-{n}") for line in block]
