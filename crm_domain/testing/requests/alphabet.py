"""Which few requests are enough to break every rule? An alphabet, and every sequence of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from typing import Any, Final

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LogLine, Request, id_named
from crm_domain.ids import ANON, SERVICE, Principal
from crm_domain.reads import GetDashboard, Select

from ..histories import Lines
from ..people import AMY, BOB, CAL, JOB_REQUESTS, RECORDINGS, RESUMES, Person


def _own(person: Person, **columns: Any) -> dict[str, Any]:
    return {"user_id": person.user_id, "email": person.email} | columns


def _changed(table: str, **changes: Any) -> Request:
    return c.Update(table=table, where={}, set=changes)


_JOB = id_named(JOB_REQUESTS[0])
_RECORDING, _OTHER_RECORDING, _ = map(id_named, RECORDINGS)
_RESUME, _OTHER_RESUME, _ = map(id_named, RESUMES)
_PRICE: Final = Decimal("12.99")
_OF_AMY: Final = {"user_id": AMY.user_id}

_BY_SERVICE: Final[Sequence[Request]] = (
    c.SyncCrmUser(**_own(AMY)),
    c.SyncCrmUser(**_own(BOB)),
    c.SyncCrmUser(user_id=BOB.user_id, email=AMY.email.title()),
    c.SyncCrmUser(**_own(CAL)),
    c.RegisterUser(**_own(AMY)),
    c.RegisterUser(**_own(CAL)),
    c.RecordPayment(user_id=AMY.user_id, amount=_PRICE, ref="pay-1"),
    c.RecordPayment(user_id=CAL.user_id, amount=_PRICE, ref="pay-1"),
    c.RecordPayment(user_id=AMY.user_id, amount=Decimal("0.01"), ref="pay-2"),
    c.Update(table=rows.PROFILES, where=_OF_AMY, set={"credits_remaining": 1}),
    c.Update(table=rows.CRM_USERS, where=_OF_AMY, set={"is_active": False}),
    c.Update(table=rows.CRM_RECORDINGS, set={"status": "failed"}),
    c.Delete(table=rows.CRM_USERS),
    c.Delete(table=rows.PROFILES, where=_OF_AMY),
    c.TrackLogin(email=AMY.email),
    c.TrackView(email=AMY.email),
    c.TrackTime(email=AMY.email, seconds=60),
    c.CreateRecording(id=_RECORDING, **_own(BOB)),
    Select(table=rows.CRM_USERS),
)
_BY_AMY: Final[Sequence[Request]] = (
    c.SyncCrmUser(**_own(AMY)),
    c.CreateJobRequest(id=_JOB, **_own(AMY)),
    c.CreateJobRequest(id=_JOB, **_own(AMY, email=None)),
    c.CreateRecording(id=_RECORDING, video_url="a", status="completed", **_own(AMY)),
    c.CreateRecording(id=_OTHER_RECORDING, job_request_id=_JOB, **_own(AMY)),
    c.CreateRecording(id=_OTHER_RECORDING, **_own(AMY, email=BOB.email)),
    c.UploadResume(id=_RESUME, resume_url="a", is_primary=True, **_own(AMY)),
    c.UploadResume(id=_OTHER_RESUME, resume_url="a", is_primary=True, **_own(AMY)),
    c.CreateRegularRecording(id=_RECORDING, user_id=AMY.user_id),
    _changed("crm_job_requests", email=BOB.email),
    _changed("crm_recordings", video_url="b"),
    _changed("crm_dashboard_stats", total_views=1),
    _changed("profiles", credits_remaining=5),
    _changed("digital_resume_by_CRM", credits_remaining=5),
    c.Delete(table=rows.CRM_JOB_REQUESTS),
    c.Delete(table=rows.CRM_RECORDINGS),
    GetDashboard(email=BOB.email),
    Select(table=rows.CRM_RECORDINGS),
)
_BY_BOB: Final[Sequence[Request]] = (
    c.CreateJobRequest(id=_JOB, **_own(BOB)),
    c.CreateRecording(id=_RECORDING, duration=-1, **_own(BOB)),
    c.Delete(table=rows.CRM_JOB_REQUESTS),
)
_BY_CAL: Final[Sequence[Request]] = (
    c.CreateRegularJobRequest(id=_JOB, user_id=CAL.user_id),
    c.CreateRegularRecording(id=_RECORDING, job_request_id=_JOB, user_id=CAL.user_id),
    c.UploadRegularResume(id=_RESUME, resume_url="a", user_id=CAL.user_id),
)
_BY_ANYBODY: Final[Sequence[Request]] = (c.CreateRecording(id=_RECORDING, **_own(AMY)), GetDashboard(email=AMY.email))


def _asked_by(principal: Principal, requests: Sequence[Request]) -> Iterator[LogLine]:
    return (LogLine(principal, request) for request in requests)


ALPHABET: Final = Lines(
    (
        *_asked_by(SERVICE, _BY_SERVICE),
        *_asked_by(AMY.principal, _BY_AMY),
        *_asked_by(BOB.principal, _BY_BOB),
        *_asked_by(CAL.principal, _BY_CAL),
        *_asked_by(ANON, _BY_ANYBODY),
    )
)
"""Every command and read at least once, by two CRM users, a regular user, the service and no one in particular."""

BEGUN: Final = Lines(
    _asked_by(
        SERVICE,
        (
            c.SyncCrmUser(**_own(AMY)),
            c.SyncCrmUser(**_own(BOB)),
            c.RegisterUser(**_own(CAL)),
            c.RecordPayment(user_id=CAL.user_id, amount=_PRICE, ref="pay-0"),
            c.Update(table=rows.PROFILES, where=_OF_AMY, set={"credits_remaining": 1}),
        ),
    )
)
"""A beginning: two CRM users, the first with 1 credit, and a regular user who paid."""

BEGINNINGS: Final = (Lines(), BEGUN)
"""What every sequence comes behind: nothing, and everybody's coming."""


def every_sequence(depth: int, alphabet: Sequence[LogLine] = ALPHABET) -> Iterator[Lines]:
    """Yield every sequence of 1 to *depth* lines of an alphabet."""
    for length in range(1, depth + 1):
        yield from map(Lines, product(alphabet, repeat=length))
