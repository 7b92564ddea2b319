"""How W maps onto the model, and how its result is read from there.

A view is counted by the service (`TrackView`), a denied one is asked for by the user; a payment is
recorded by the service, with the row's id as its reference; a recording refers to the last job
request that its owner stored. What somebody else stores for an address is refused, because address
and user are not one account.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import getitem
from typing import TypeAlias, cast

from crm_domain import (
    HARDENED,
    SERVICE,
    Clock,
    Command,
    CreateJobRequest,
    CreateRecording,
    Crm,
    ForeignKeyViolation,
    InsufficientCredits,
    PermissionDenied,
    Principal,
    RecordPayment,
    Rules,
    SyncCrmUser,
    TrackView,
    UploadResume,
    user,
)
from crm_domain.ports import Store

from . import workload

Request: TypeAlias = tuple[datetime, Principal, Command]
"""A command that is held already, who asks for it, and when."""

DENIED = (PermissionDenied, ForeignKeyViolation)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Subject:
    """A `Crm`, in memory unless a store is given, with the users of W, and the moment that its clock tells."""

    def __init__(self, w: workload.Workload, rules: Rules = HARDENED, store: Store | None = None) -> None:
        self.moment = [moment_of(workload.EPOCH_US)]
        self.crm = Crm(store, clock=cast("Clock", partial(getitem, self.moment, 0)), rules=rules)
        with self.crm.batch():
            for email, owner in w.owners.items():
                self.crm.execute(SERVICE, SyncCrmUser(user_id=owner, email=email))

    def run(self, requests: Iterable[Request]) -> tuple[int, int]:
        """Execute commands; return how many were blocked, and how many denied."""
        blocked = denied = 0
        moment, execute = self.moment, self.crm.execute
        for at, principal, command in requests:
            moment[0] = at
            try:
                execute(principal, command)
            except InsufficientCredits:
                blocked += 1
            except DENIED:
                denied += 1
        return blocked, denied

    def summary(self, w: workload.Workload, blocked: int, denied: int) -> workload.Summary:
        """Read the result from the tables, the journal's word for it included."""
        tables = self.crm.tables
        profiles = [tables.profiles.get(owner) for owner in w.user_ids]
        mirrors = [tables.crm_users.get(email) for email in w.emails]
        balances = [p.credits_remaining for p in profiles if p is not None]
        assert balances == [m.credits_remaining for m in mirrors if m is not None], "the mirror differs"
        stats = list(tables.crm_dashboard_stats)
        done = [
            sum(s.total_applications for s in stats),
            sum(s.total_recordings for s in stats),
            sum(s.total_resumes for s in stats),
            sum(s.total_views for s in stats),
            len(tables.payments),
        ]
        stored = (len(tables.crm_job_requests), len(tables.crm_recordings), len(tables.crm_resumes))
        assert list(stored) == done[:3], "the counters differ from the rows"
        return workload.summary(balances, done, blocked, denied)


def moment_of(at: int) -> datetime:
    """Return W's time, in microseconds, as the API takes it."""
    return _EPOCH + timedelta(microseconds=at)


def requests_of(w: workload.Workload, last_job: dict[str, str] | None = None) -> list[Request]:
    """Return W's commands as objects of the model.

    Args:
        w: The workload.
        last_job: The last job request of each address before, which is brought up to date.
    """
    last = {} if last_job is None else last_job
    owners, principals = w.owners, {u: user(u) for u in w.user_ids}
    out: list[Request] = []
    for kind, actor, email, at, row_id, text in w.commands:
        principal, moment = principals[actor], moment_of(at)
        if kind in {workload.VIEW, workload.PAYMENT} and owners[email] == actor:
            principal = SERVICE
        out.append((moment, principal, _command(kind, email, actor, moment, at, row_id, text, last.get(email))))
        if kind == workload.JOB and owners[email] == actor:
            last[email] = row_id
    return out


def _command(
    kind: int, email: str, actor: str, moment: datetime, at: int, row_id: str, text: str, job_id: str | None
) -> Command:
    if kind == workload.JOB:
        return CreateJobRequest(
            id=row_id,
            email=email,
            user_id=actor,
            job_title=workload.TITLES[at % 50],
            company_name=workload.COMPANIES[at % 200],
            job_description=workload.DESCRIPTIONS[at % 20],
            job_url=text,
            application_status="sent",
            applied_date=moment,
        )
    if kind == workload.RECORDING:
        return CreateRecording(
            id=row_id,
            email=email,
            user_id=actor,
            job_request_id=job_id,
            video_url=text,
            duration=90,
            file_size=1_048_576,
            recording_date=moment,
        )
    if kind == workload.RESUME:
        return UploadResume(
            id=row_id,
            email=email,
            user_id=actor,
            resume_name="resume.pdf",
            resume_url=text,
            file_type="pdf",
            file_size=65_536,
        )
    if kind == workload.VIEW:
        return TrackView(email=email)
    return RecordPayment(id=row_id, user_id=actor, amount="12.99", ref=row_id)
