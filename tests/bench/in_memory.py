"""What does a command cost in memory? Two anchors, and the model beside them.

Inputs (ids, times, held commands) are made before, and taken out of the garbage collector's sight:
what is timed is the work and the collections that it causes itself. `eventsourcing` gets the first
commands of W alone, since its cost for one command does not depend on how many there are.
"""

from __future__ import annotations

import gc
from datetime import datetime

from attrs import define

from crm_domain import InsufficientCredits

from . import workload
from .model import DENIED, Request, Subject, moment_of, requests_of
from .peer import eventsourcing_case
from .table import Group, Line, at_least, at_most
from .timing import Case, Sample, interleave, ratio, seconds, us_each

BARE = "bare loop over tuples"
PEER = "eventsourcing, aggregates held in a dict"
HELD = "Crm.execute, commands made before"
BATCHES = "Crm.execute in batches of 1000, commands made before"
SESSIONS = "Crm, methods of sessions, all included"


def measured(w: workload.Workload, *, slice_: int, rounds: int) -> Group:
    """Run all cases; return the cost of each, and its ratios to the anchors."""
    requests, times = requests_of(w), [moment_of(c[3]) for c in w.commands]
    gc.collect()
    gc.freeze()
    cases = {
        BARE: bare_case(w),
        PEER: eventsourcing_case(w.part(0, slice_)),
        HELD: held_case(w, requests),
        BATCHES: batches_case(w, requests),
        SESSIONS: sessions_case(w, times),
    }
    got = interleave(cases, rounds=rounds)
    gc.unfreeze()
    lines = [Line(name, "µs a command", us_each(got[name])) for name in (BARE, PEER)]
    for name, bare, peer in ((HELD, at_most(2.5), at_least(25)), (SESSIONS, None, None), (BATCHES, None, None)):
        lines += [
            Line(name, "µs a command", us_each(got[name])),
            Line("… against the bare loop", "times the time", ratio(got[name], got[BARE]), bare),
            Line("… against eventsourcing", "times as fast", ratio(got[PEER], got[name]), peer),
        ]
    return Group(f"In memory: {w.size}; CPU time, median of {rounds} rounds", lines)


@define(eq=False)
class BareUser:
    """What the bare loop keeps of a user."""

    email: str
    user_id: str
    balance: int = workload.INITIAL_CREDITS
    mirror: int = workload.INITIAL_CREDITS
    applications: int = 0
    recordings: int = 0
    resumes: int = 0
    views: int = 0
    payments: int = 0
    last_application: int | None = None
    last_recording: int | None = None
    last_login: int | None = None
    last_job: str | None = None


def bare_case(w: workload.Workload) -> Case:
    """Return the anchor: one hand-written loop, one lookup a command, rows and events as bare tuples."""
    want = workload.reference(w)

    def once() -> Sample:
        users = {email: BareUser(email, owner) for email, owner in w.owners.items()}
        start = seconds()
        kept = bare_loop(w.commands, users)
        took = seconds() - start
        done = [
            sum(getattr(u, name) for u in users.values())
            for name in ("applications", "recordings", "resumes", "views", "payments")
        ]
        got = workload.summary([u.balance for u in users.values()], done, kept.blocked, kept.denied)
        assert got == want, (got, want)
        return Sample(len(w.commands), took)

    return once


@define(eq=False)
class Kept:
    """What the bare loop stores."""

    jobs: list[tuple[object, ...]]
    recordings: list[tuple[object, ...]]
    resumes: list[tuple[object, ...]]
    log: list[tuple[object, ...]]
    blocked: int = 0
    denied: int = 0


def bare_loop(commands: list[workload.RawCommand], users: dict[str, BareUser]) -> Kept:
    """Do what W says, and nothing else: no validation, no keys, no undo."""
    jobs: list[tuple[object, ...]] = []
    recordings: list[tuple[object, ...]] = []
    resumes: list[tuple[object, ...]] = []
    log: list[tuple[object, ...]] = []
    blocked = denied = 0
    add_job, add_recording, add_resume, emit = jobs.append, recordings.append, resumes.append, log.append
    titles, companies, descriptions = workload.TITLES, workload.COMPANIES, workload.DESCRIPTIONS
    for kind, actor, email, at, row_id, text in commands:
        u = users[email]
        if u.user_id != actor:
            denied += 1
            continue
        if kind == 0:
            title, company, description = titles[at % 50], companies[at % 200], descriptions[at % 20]
            add_job((row_id, email, actor, title, company, description, text, "sent", at, None, None, at, at))
            u.applications += 1
            u.last_application = at
            u.last_job = row_id
        elif kind == 1:
            if u.balance <= 0:
                blocked += 1
                continue
            job = u.last_job
            add_recording((row_id, email, actor, job, text, None, 90, 1048576, at, None, "processing", at, at))
            u.balance -= 1
            u.mirror = u.balance
            u.recordings += 1
            u.last_recording = at
        elif kind == 2:
            add_resume((row_id, email, actor, "resume.pdf", text, "pdf", 65536, None, False, True, at, at))
            u.resumes += 1
        elif kind == 3:
            u.views += 1
            u.last_login = at
        else:
            u.balance += 3
            u.mirror = u.balance
            u.payments += 1
        emit((len(log), kind, email, row_id, at))
    return Kept(jobs, recordings, resumes, log, blocked, denied)


def held_case(w: workload.Workload, requests: list[Request]) -> Case:
    """Return the case of ``crm.execute(principal, command)``."""
    want = workload.reference(w)

    def once() -> Sample:
        subject = Subject(w)
        start = seconds()
        blocked, denied = subject.run(requests)
        took = seconds() - start
        got = subject.summary(w, blocked, denied)
        assert got == want, (got, want)
        return Sample(len(requests), took)

    return once


def batches_case(w: workload.Workload, requests: list[Request], size: int = 1000) -> Case:
    """Return the case of ``with crm.batch()``, which may be undone as a whole."""
    want = workload.reference(w)
    batches = [requests[n : n + size] for n in range(0, len(requests), size)]

    def once() -> Sample:
        subject = Subject(w)
        blocked = denied = 0
        start = seconds()
        for batch in batches:
            with subject.crm.batch():
                b, d = subject.run(batch)
            blocked += b
            denied += d
        took = seconds() - start
        got = subject.summary(w, blocked, denied)
        assert got == want, (got, want)
        return Sample(len(requests), took)

    return once


def sessions_case(w: workload.Workload, times: list[datetime]) -> Case:
    """Return the case of ``session.create_recording(...)``: commands are made of raw values, too."""
    want = workload.reference(w)

    def once() -> Sample:
        subject = Subject(w)
        start = seconds()
        blocked, denied = _through_sessions(subject, w, times)
        took = seconds() - start
        got = subject.summary(w, blocked, denied)
        assert got == want, (got, want)
        return Sample(len(times), took)

    return once


def _through_sessions(subject: Subject, w: workload.Workload, times: list[datetime]) -> tuple[int, int]:
    crm, moment, owners = subject.crm, subject.moment, w.owners
    sessions = {owner: crm.as_user(owner) for owner in w.user_ids}
    service = crm.as_service()
    last_job: dict[str, str] = {}
    blocked = denied = 0
    for now, (kind, actor, email, at, row_id, text) in zip(times, w.commands, strict=True):
        moment[0] = now
        try:
            if kind == workload.JOB:
                sessions[actor].create_job_request(
                    id=row_id,
                    email=email,
                    job_title=workload.TITLES[at % 50],
                    company_name=workload.COMPANIES[at % 200],
                    job_description=workload.DESCRIPTIONS[at % 20],
                    job_url=text,
                    application_status="sent",
                    applied_date=now,
                )
                last_job[email] = row_id
            elif kind == workload.RECORDING:
                sessions[actor].create_recording(
                    id=row_id,
                    email=email,
                    job_request_id=last_job.get(email),
                    video_url=text,
                    duration=90,
                    file_size=1_048_576,
                    recording_date=now,
                )
            elif kind == workload.RESUME:
                sessions[actor].upload_resume(
                    id=row_id,
                    email=email,
                    resume_name="resume.pdf",
                    resume_url=text,
                    file_type="pdf",
                    file_size=65_536,
                )
            elif kind == workload.VIEW:
                (service if owners[email] == actor else sessions[actor]).track_view(email=email)
            else:
                service.record_payment(id=row_id, user_id=actor, amount="12.99", ref=row_id)
        except InsufficientCredits:
            blocked += 1
        except DENIED:
            denied += 1
    return blocked, denied
