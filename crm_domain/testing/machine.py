"""Does the model keep its laws no matter what is asked next? A state machine for hypothesis.

It goes on from what is there (bundles of people and rows), where sequences are drawn as a whole.
"""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LogLine, Request
from crm_domain.ids import SERVICE, Principal
from crm_domain.rows import RECORDING_STATUSES
from crm_domain.rules import HARDENED, Rules

from .histories import Lines, Recorder, assert_lawful
from .people import Person
from .requests.sequences import overlaps
from .requests.strategies import people, requests, row_ids


class LawsMachine(RuleBasedStateMachine):
    """Ask for anything, and check every law of states and steps after each answer.

    Subclass it with another *reading* to see which laws they break.
    """

    reading: ClassVar[Rules] = HARDENED

    members = Bundle("members")
    regulars = Bundle("regulars")
    job_requests = Bundle("job_requests")
    recordings = Bundle("recordings")
    resumes = Bundle("resumes")

    def __init__(self) -> None:
        super().__init__()
        self.recorder = Recorder(self.reading)
        self.judged = 0

    def _ask(self, principal: Principal, request: Request) -> None:
        self.recorder.ask(LogLine(principal, request))

    @rule(target=members, person=people())
    def sync(self, person: Person) -> Person:
        """The service provisions a CRM user, or sees them again."""
        self._ask(SERVICE, c.SyncCrmUser(user_id=person.user_id, email=person.email))
        return person

    @rule(target=regulars, person=people())
    def register(self, person: Person) -> Person:
        """The service registers a regular user."""
        self._ask(SERVICE, c.RegisterUser(user_id=person.user_id, email=person.email))
        return person

    @rule(person=members | regulars, ref=st.sampled_from(("pay-1", "pay-2")))
    def pay(self, person: Person, ref: str) -> None:
        """A payment is delivered."""
        self._ask(SERVICE, c.RecordPayment(user_id=person.user_id, amount="12.99", ref=ref))

    @rule(target=job_requests, owner=members, id_=row_ids(rows.CRM_JOB_REQUESTS))
    def apply(self, owner: Person, id_: str) -> str:
        """A CRM user stores a job application."""
        self._ask(owner.principal, c.CreateJobRequest(id=id_, user_id=owner.user_id, email=owner.email))
        return id_

    @rule(target=recordings, owner=members, id_=row_ids(rows.CRM_RECORDINGS), job=st.none() | job_requests)
    def record(self, owner: Person, id_: str, job: str | None) -> str:
        """A CRM user records, for a job application or for none."""
        row: dict[str, Any] = {"id": id_, "user_id": owner.user_id, "email": owner.email, "job_request_id": job}
        self._ask(owner.principal, c.CreateRecording(video_url="a", **row))
        return id_

    @rule(target=resumes, owner=members, id_=row_ids(rows.CRM_RESUMES), primary=st.booleans())
    def upload(self, owner: Person, id_: str, primary: bool) -> str:  # noqa: FBT001 - rules are called by name
        """A CRM user stores a resume."""
        row: dict[str, Any] = {"id": id_, "user_id": owner.user_id, "email": owner.email, "is_primary": primary}
        self._ask(owner.principal, c.UploadResume(resume_url="a", **row))
        return id_

    @rule(owner=regulars, id_=row_ids(rows.RECORDINGS))
    def record_as_regular(self, owner: Person, id_: str) -> None:
        """A regular user records."""
        self._ask(owner.principal, c.CreateRegularRecording(id=id_, user_id=owner.user_id))

    @rule(id_=recordings, status=st.sampled_from(RECORDING_STATUSES), video=st.sampled_from(("a", "b")))
    def process(self, id_: str, status: str, video: str) -> None:
        """The service notes what became of a recording."""
        changes = {"status": status, "video_url": video}
        self._ask(SERVICE, c.Update(table=rows.CRM_RECORDINGS, where={"id": id_}, set=changes))

    @rule(id_=resumes, person=members, primary=st.booleans())
    def promote(self, id_: str, person: Person, primary: bool) -> None:  # noqa: FBT001 - rules are called by name
        """Someone makes a resume their primary one, or an ordinary one."""
        changes = {"is_primary": primary}
        self._ask(person.principal, c.Update(table=rows.CRM_RESUMES, where={"id": id_}, set=changes))

    @rule(person=members, active=st.booleans())
    def activate(self, person: Person, active: bool) -> None:  # noqa: FBT001 - rules are called by name
        """The service activates or deactivates a CRM user."""
        where, changes = {"user_id": person.user_id}, {"is_active": active}
        self._ask(SERVICE, c.Update(table=rows.CRM_USERS, where=where, set=changes))

    @rule(lines=requests().map(lambda line: Lines([line])) | overlaps().filter(bool).map(Lines))
    def ask(self, lines: Lines) -> None:
        """Someone asks for anything, or for several things at once."""
        self.recorder.ask(*lines)

    @invariant()
    def laws_hold(self) -> None:
        """Every law of states and steps holds for what is new."""
        history = self.recorder.history
        assert_lawful(history, after=self.judged)
        self.judged = len(history.steps)
