"""What the tests of the domain share: people with rows of every kind, and all that can be seen of a state.

Ids are those of labels, so that a table of cases can name them: ``label_uuid("amy")`` is Amy,
``label_uuid("crm_recordings of amy")`` her recording.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

import pytest
from attrs import define

from crm_domain import (
    HARDENED,
    SERVICE,
    TABLES,
    CreateJobRequest,
    CreateRecording,
    CreateRegularJobRequest,
    CreateRegularRecording,
    Crm,
    ManualClock,
    RecordPayment,
    RegisterUser,
    Rules,
    SequentialIds,
    Session,
    SyncCrmUser,
    UploadRegularResume,
    UploadResume,
    user,
)
from crm_domain.clocks import label_uuid


@define
class World:
    """A CRM, and a short way to the people in it."""

    crm: Crm
    clock: ManualClock

    @property
    def service(self) -> Session:
        return self.crm.as_service()

    def by(self, name: str) -> Session:
        """Return the session of the person of this name."""
        return self.crm.as_user(label_uuid(name))

    def one(self, table: str, **where: object) -> Any:
        """Return the only row that the service finds."""
        rows: list[Any] = self.service.select(table, where)
        (row,) = rows
        return row

    def balance_of(self, name: str) -> int:
        """Return a person's leading balance in credits."""
        balance = self.one("profiles", user_id=label_uuid(name)).credits_remaining
        assert isinstance(balance, int)
        return balance

    def people(self) -> None:
        """Bring everybody in, with 3 credits and a row of each kind that is theirs to have.

        Amy and Bob were regular users before they became CRM users, so they have rows of both
        kinds; Cat only ever was a CRM user; Rita and Ron are regular users.
        """
        for name in ("amy", "bob", "rita", "ron"):
            self.regular(name)
            self._rows(name, CreateRegularJobRequest, CreateRegularRecording, UploadRegularResume)
        for name in ("amy", "bob", "cat"):
            self.crm_user(name)
            self._rows(name, CreateJobRequest, CreateRecording, UploadResume)
        for name in ("amy", "bob", "cat", "rita", "ron"):
            self.service.adjust_balance(label_uuid(name), credits=3)

    def regular(self, name: str) -> Session:
        """Register a person as a regular user who paid once."""
        self.crm.execute(SERVICE, RegisterUser(user_id=label_uuid(name), email=f"{name}@example.com"))
        price = self.crm.rules.credit_policy.price
        self.crm.execute(SERVICE, RecordPayment(user_id=label_uuid(name), amount=price, ref=f"first of {name}"))
        return self.by(name)

    def crm_user(self, name: str) -> Session:
        """Make a person a CRM user."""
        self.crm.execute(SERVICE, SyncCrmUser(user_id=label_uuid(name), email=f"{name}@example.com"))
        return self.by(name)

    def _rows(self, name: str, job_request: Any, recording: Any, resume: Any) -> None:
        who, job = user(label_uuid(name)), label_uuid(f"{job_request.table.name} of {name}")
        self.crm.execute(who, job_request(id=job, job_title="Engineer"))
        taken = label_uuid(f"{recording.table.name} of {name}")
        self.crm.execute(who, recording(id=taken, job_request_id=job, video_url="https://example.com/1.mp4"))
        stored = label_uuid(f"{resume.table.name} of {name}")
        self.crm.execute(who, resume(id=stored, resume_url="https://example.com/cv.pdf", is_primary=True))


class MakeWorld(Protocol):
    """Makes a world; see the fixture."""

    def __call__(self, rules: Rules = ..., *, people: bool = ..., step: timedelta = ...) -> World: ...


@pytest.fixture
def make_world() -> MakeWorld:
    """Make worlds under given rules; a clock stands still unless told a step, and ids repeat in every run."""

    def make(rules: Rules = HARDENED, *, people: bool = True, step: timedelta = timedelta(0)) -> World:
        clock = ManualClock(step=step)
        world = World(Crm(rules=rules, clock=clock, new_id=SequentialIds()), clock)
        if people:
            world.people()
        return world

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Everybody, under the hardened rules."""
    return make_world()


@pytest.fixture
def empty(make_world: MakeWorld) -> World:
    """Nobody yet, under the hardened rules."""
    return make_world(people=False)


@pytest.fixture
def state_of() -> Callable[[Crm], object]:
    """Take down everything that there is to see of a CRM's state, to compare it later.

    All tables and the whole journal, copied, so that a later change in place does not show here.
    """

    def state(crm: Crm) -> object:
        tables = {
            name: {getattr(row, table.key): table.values_of(row) for row in crm.tables.by_name[name]}
            for name, table in TABLES.items()
        }
        entries = list(crm.journal.entries())
        versions = {entry.account: crm.journal.version_of(entry.account) for entry in entries if entry.account}
        return tables, entries, versions

    return state


@pytest.fixture(scope="session")
def headings() -> str:
    """The headings of the document, a line each: what a section is named after."""
    return """
        Overview
        Table Structure
        1. digital_resume_by_CRM (Main CRM User Table)
        2. crm_job_requests (CRM User Job Applications)
        3. crm_recordings (CRM User Video Recordings)
        4. crm_resumes (CRM User Resumes)
        5. crm_dashboard_stats (CRM User Dashboard Statistics)
        Data Flow
        CRM User Creation Flow
        Data Insertion Flow
        Recording Creation Flow
        Comparison: Regular Users vs CRM Users
        Automatic Triggers
        1. Dashboard Stats Updates
        2. Credit Consumption
        3. Credit Sync
        Helper Functions
        Row Level Security (RLS)
        User Policies
        Service Role Policies
        Indexes
        Querying Examples
        Monitoring
        Issue: Foreign key constraint violation
        """
