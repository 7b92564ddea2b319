"""W in the `eventsourcing` library, in its friendliest form: no replay, every aggregate is held in a dict."""

from __future__ import annotations

import uuid

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from . import workload
from .timing import Case, Sample, seconds


class NoCreditsError(Exception):
    pass


class NotOwnerError(Exception):
    pass


class CrmUser(Aggregate):
    """One user; an event for each command."""

    @event("Synced")
    def __init__(self, email: str, user_id: str) -> None:
        self.email = email
        self.user_id = user_id
        self.balance = workload.INITIAL_CREDITS
        self.done = [0] * 5
        self.last_job: str | None = None
        self.last_application: int | None = None
        self.last_recording: int | None = None
        self.last_login: int | None = None

    @staticmethod
    def create_id(email: str) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, email)

    def own(self, actor: str) -> None:
        if actor != self.user_id:
            raise NotOwnerError(self.email)

    def record(self, at: int, row_id: str, url: str) -> None:
        if self.balance <= 0:
            raise NoCreditsError(self.email)
        self.recorded(at, row_id, self.last_job, url)

    @event("JobRequested")
    def job(self, at: int, row_id: str, title: str, company: str, description: str, url: str) -> None:
        self.done[workload.JOB] += 1
        self.last_application = at
        self.last_job = row_id

    @event("Recorded")
    def recorded(self, at: int, row_id: str, job_id: str | None, url: str) -> None:
        self.balance -= 1
        self.done[workload.RECORDING] += 1
        self.last_recording = at

    @event("ResumeUploaded")
    def resume(self, at: int, row_id: str, url: str) -> None:
        self.done[workload.RESUME] += 1

    @event("Viewed")
    def view(self, at: int) -> None:
        self.done[workload.VIEW] += 1
        self.last_login = at

    @event("Paid")
    def pay(self, at: int, cents: int) -> None:
        self.balance += workload.CREDITS_PER_PAYMENT
        self.done[workload.PAYMENT] += 1


def eventsourcing_case(w: workload.Workload) -> Case:
    """Return the case of `eventsourcing`, with its recorder in memory."""
    want = workload.reference(w)

    def once() -> Sample:
        app: Application[uuid.UUID] = Application(env={"PERSISTENCE_MODULE": "eventsourcing.popo"})
        users = {email: CrmUser(email=email, user_id=owner) for email, owner in w.owners.items()}
        app.save(*users.values())
        blocked = denied = 0
        start = seconds()
        for kind, actor, email, at, row_id, text in w.commands:
            user = users[email]
            try:
                user.own(actor)
                if kind == workload.JOB:
                    user.job(
                        at,
                        row_id,
                        workload.TITLES[at % 50],
                        workload.COMPANIES[at % 200],
                        workload.DESCRIPTIONS[at % 20],
                        text,
                    )
                elif kind == workload.RECORDING:
                    user.record(at, row_id, text)
                elif kind == workload.RESUME:
                    user.resume(at, row_id, text)
                elif kind == workload.VIEW:
                    user.view(at)
                else:
                    user.pay(at, 1299)
                app.save(user)
            except NoCreditsError:
                blocked += 1
            except NotOwnerError:
                denied += 1
        took = seconds() - start
        done = [sum(user.done[kind] for user in users.values()) for kind in range(5)]
        got = workload.summary([user.balance for user in users.values()], done, blocked, denied)
        assert got == want, (got, want)
        return Sample(len(w.commands), took)

    return once
