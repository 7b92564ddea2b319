"""What shows that a safeguard is missing? For each a sequence, no line needless, which breaks just its law without it.

>>> from crm_domain import HARDENED
>>> from crm_domain.testing import broken_laws, run
>>> print(HOLES["exact_price"], end="")
{"as": "service", "cmd": "register_user", "args": {"user": "amy", "email": "amy@x.test"}}
{"as": "service", "cmd": "record_payment", "args": {"user": "amy", "amount": "0.01", "ref": "pay-1"}}
>>> sorted(broken_laws(run(HOLES["exact_price"], HARDENED.without("exact_price"))))
['balance_equals_granted_minus_consumed']
>>> sorted(broken_laws(run(HOLES["exact_price"], HARDENED)))
[]

The tests hold these equal to the command logs that README links to.
"""

from __future__ import annotations

from typing import Any, Final

from crm_domain import commands as c
from crm_domain.command_log import LogLine, Request, id_named
from crm_domain.ids import SERVICE
from crm_domain.reads import GetDashboard
from crm_domain.rules import CreditPolicy

from ..histories import Lines
from ..people import AMY, BOB, JOB_REQUESTS, RECORDINGS, RESUMES, TAKES, Person

_JOB = id_named(JOB_REQUESTS[0])
_RECORDING, _OTHER_RECORDING, _ = map(id_named, RECORDINGS)
_RESUME, _OTHER_RESUME, _ = map(id_named, RESUMES)


def _own(person: Person) -> dict[str, Any]:
    return {"user_id": person.user_id, "email": person.email}


def _service(request: Request) -> LogLine:
    return LogLine(SERVICE, request)


def _by(person: Person, request: Request, *, concurrent: str | None = None) -> LogLine:
    return LogLine(person.principal, request, concurrent=concurrent)


def _synced(person: Person) -> LogLine:
    return _service(c.SyncCrmUser(**_own(person)))


def _paid(amount: str) -> LogLine:
    return _service(c.RecordPayment(user_id=AMY.user_id, amount=amount, ref="pay-1"))


def _record(id_: str = _RECORDING, **columns: Any) -> Request:
    return c.CreateRecording(id=id_, **(_own(AMY) | columns))


def _primary(id_: str) -> Request:
    return c.UploadResume(id=id_, resume_url="a", is_primary=True, **_own(AMY))


def _update(table: str, *, where: dict[str, Any] | None = None, **changes: Any) -> Request:
    return c.Update(table=table, where=where or {}, set=changes)


HOLES: Final[dict[str, Lines]] = {
    name: Lines(lines)
    for name, lines in {
        "atomic_consume": (
            _synced(AMY),
            _service(_update("profiles", where={"user_id": AMY.user_id}, credits_remaining=1)),
            _by(AMY, _record(), concurrent="group-1"),
            _by(AMY, _record(_OTHER_RECORDING), concurrent="group-1"),
        ),
        "owner_pair": (_synced(AMY), _synced(BOB), _by(AMY, _record(email=BOB.email))),
        "immutable_owner": (
            _synced(AMY),
            _synced(BOB),
            _by(AMY, c.CreateJobRequest(id=_JOB, **_own(AMY))),
            _by(AMY, _update("crm_job_requests", email=BOB.email)),
        ),
        "tracking_read_only": (_by(AMY, c.SyncCrmUser(**_own(AMY))),),
        "stats_read_only": (_synced(AMY), _by(AMY, _update("crm_dashboard_stats", total_views=1))),
        "profile_read_only": (_synced(AMY), _by(AMY, _update("profiles", credits_remaining=0))),
        "private_dashboard": (_synced(BOB), _by(AMY, GetDashboard(email=BOB.email))),
        "same_owner_reference": (
            _synced(AMY),
            _synced(BOB),
            _by(BOB, c.CreateJobRequest(id=_JOB, **_own(BOB))),
            _by(AMY, _record(job_request_id=_JOB)),
        ),
        "grant_once": (_synced(AMY), _paid("12.99"), _synced(AMY)),
        "idempotent_payment": (_service(c.RegisterUser(**_own(AMY))), _paid("12.99"), _paid("12.99")),
        "exact_price": (_service(c.RegisterUser(**_own(AMY))), _paid("0.01")),
        "one_email": (_synced(AMY), _service(c.SyncCrmUser(user_id=BOB.user_id, email=AMY.email.title()))),
        "valid_values": (
            _synced(AMY),
            _by(AMY, c.CreateJobRequest(id=_JOB, user_id=AMY.user_id, email=None)),
        ),
        "one_primary": (_synced(AMY), _by(AMY, _primary(_RESUME)), _by(AMY, _primary(_OTHER_RESUME))),
        "active_only": (_synced(AMY), _service(_update("crm_users", is_active=False)), _by(AMY, _record())),
        "separate_populations": (
            _synced(AMY),
            _by(AMY, c.CreateRegularRecording(id=_RECORDING, user_id=AMY.user_id)),
        ),
        "paid_media_immutable": (
            _synced(AMY),
            _by(AMY, _record(video_url="a", status="completed")),
            _by(AMY, _update("crm_recordings", video_url="b")),
        ),
    }.items()
}
"""The sequence of every safeguard that shows in Python, by its name, in their order."""


def last_credit(policy: CreditPolicy) -> Lines:
    """Return the sequence that spends all free credits, and asks for one recording more.

    Where a balance can be set, walks come by its last credit often; where it can only be spent, hardly ever. A
    policy that gives very many is left to the walks.
    """
    takes = TAKES[: policy.initial_credits + 1]
    return Lines((_synced(AMY), *(_by(AMY, _record(id_named(take))) for take in takes)))
