"""How does a user behave? As a generator that yields what they wait for and do, and receives outcomes.

What it yields:

* `wait`: time goes by;
* a command of `crm_domain.commands`, which the user executes: the outcome is the `Accepted`, or the `Refused` as
  a value, so that a user can act on it;
* what `by_service` or `at_once` make of commands: one that the service executes, or several that overlap;
* `leave`: the user does nothing any more.

Anything can be said so. Someone who records once a week, and pays at the third refusal::

    def patient(user):
        luck, refusals = user.draws("patient"), 0
        while True:
            yield wait(days=luck.exponential(7))
            outcome = yield user.recording()
            refusals += isinstance(outcome, InsufficientCredits)
            if refusals == 3:
                refusals = 0
                yield user.payment()

Such behaviours run on the model (`crm_domain.simulation.reference.population`); the fast engines know the built-in one alone,
`applicant`, which is written in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import frozen

from crm_domain import commands as c
from crm_domain.answers import Accepted, Stored
from crm_domain.errors import Refused
from crm_domain.ids import UserId, user
from crm_domain.rows import CRM_RECORDINGS, RECORDINGS

from ..draws.rhythm import calendar, operational
from ..draws.streams import GOLDEN, MASK, Stream, exponential, key_of, unit, word
from ..kernel.account import (
    AT_CHURN,
    AT_JOB_REQUEST,
    AT_LOGIN,
    AT_PAYMENT,
    AT_PROCESSING,
    AT_RECORDING,
    AT_RESUME,
    AT_RESYNC,
    AT_SESSION,
    AT_VIEW,
    OF_CHURN,
    OF_DELAY,
    OF_FAILURE,
    OF_JOB_REQUESTS,
    OF_LEAVING,
    OF_LOGINS,
    OF_PAYING,
    OF_RECORDINGS,
    OF_REDELIVERY,
    OF_RESUMES,
    OF_RESYNCS,
    OF_SESSIONS,
    OF_TABS,
    OF_VIEWS,
    later,
    nth,
)
from ..kernel.life import multiplier
from ..kernel.memory_layout import NEVER, Settings
from ..scenario import Scenario

if TYPE_CHECKING:
    from .population import Population

Outcome: TypeAlias = Accepted | Refused
"""What became of a command."""

Process: TypeAlias = Generator["Step", Any, None]
"""What goes on with a user; one of them may have several processes, which do not wait for one another."""

Behaviour: TypeAlias = Callable[["User"], Process]
"""Makes the first process of a user, which begins when they come."""

_SECOND_US: Final = 1_000_000


@frozen
class Wait:
    """Time goes by: *us* microseconds."""

    us: int


@frozen
class Until:
    """Time goes by until a moment, in microseconds since the scenario's start."""

    at_us: int


@frozen
class ByService:
    """The service executes a command."""

    command: c.Command


@frozen
class AtOnce:
    """The user executes commands that overlap: each is checked before any of them is written."""

    commands: tuple[c.Command, ...]


@frozen
class Leave:
    """The user does nothing any more; what was started as the service's goes on."""


Step: TypeAlias = Wait | Until | ByService | AtOnce | Leave | c.Command
"""What a process may yield."""


def wait(*, days: float = 0.0, hours: float = 0.0, minutes: float = 0.0, seconds: float = 0.0) -> Wait:
    """Let time go by.

    Raises:
        ValueError: It would go backwards.
    """
    us = round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * _SECOND_US)
    if us < 0:
        raise ValueError(f"wait: time does not go backwards, and {us} microseconds are negative")
    return Wait(us)


def by_service(command: c.Command) -> ByService:
    """Have the service execute a command; the outcome is as for one's own."""
    return ByService(command)


def at_once(*commands: c.Command) -> AtOnce:
    """Execute commands that overlap; the outcome is the list of theirs."""
    return AtOnce(commands)


def leave() -> Leave:
    """Leave for good."""
    return Leave()


class User:
    """A user as their behaviour sees them.

    Attributes:
        number: Their number.
        is_crm: Whether they are a CRM user.
        user_id: Their id.
        principal: As whom their commands are executed.
        email: Their address.
        scenario: What is simulated.
        has_left: Whether they do nothing any more.
        pays: Whether a payment is under way.
        payments: How many payments were made with `payment`.
    """

    __slots__ = (
        "_many",
        "_own",
        "_population",
        "_salt",
        "email",
        "has_left",
        "is_crm",
        "number",
        "payments",
        "pays",
        "principal",
        "user_id",
    )  # fmt: skip

    def __init__(self, population: Population, number: int, user_id: UserId, email: str, own: int, salt: int) -> None:
        self.number = number
        self.is_crm = number < population.scenario.crm_users
        self.user_id = user_id
        self.principal = user(user_id)
        self.email = email
        self.has_left = self.pays = False
        self.payments = 0
        self._population, self._own, self._salt = population, own, salt
        self._many: float | None = None

    def __repr__(self) -> str:
        return f"<user {self.number}: {self.email}>"

    @property
    def scenario(self) -> Scenario:
        """What is simulated."""
        return self._population.scenario

    @property
    def now_us(self) -> int:
        """The microseconds since the scenario's start."""
        return self._population.now_us

    def draws(self, purpose: str) -> Stream:
        """Return this user's draws for a purpose, the same ones under the same seed."""
        return Stream(seed=self._population.seed, user=self.number, purpose=purpose)

    def start(self, process: Process, *, turn: int = 0, of_service: bool = False) -> None:
        """Have another process go on next to this one.

        Args:
            process: The process, which begins at once.
            turn: Of what happens to a user at the same moment, the lower one comes first.
            of_service: Whether it goes on when the user has left.
        """
        self._population.start(self, process, turn=turn, of_service=of_service)

    # --- commands -------------------------------------------------------------------------------

    def job_request(self) -> c.Command:
        """Return the command that stores a job application."""
        kind = c.CreateJobRequest if self.is_crm else c.CreateRegularJobRequest
        return kind(job_title="Engineer", company_name="Example", application_status="sent")

    def recording(self) -> c.Command:
        """Return the command that stores a recording."""
        kind = c.CreateRecording if self.is_crm else c.CreateRegularRecording
        return kind(video_url=f"https://example.com/videos/{self.number}-{self.now_us}.mp4", duration=90)

    def resume(self) -> c.Command:
        """Return the command that stores a resume."""
        kind = c.UploadResume if self.is_crm else c.UploadRegularResume
        return kind(resume_url=f"https://example.com/resumes/{self.number}-{self.now_us}.pdf", file_type="pdf")

    def payment(self) -> ByService:
        """Return the command by which the service records a new payment of the price."""
        self.payments += 1
        ref = f"payment-{self.number:06d}-{self.payments}"
        return ByService(c.RecordPayment(user_id=self.user_id, amount=self.scenario.policy.price, ref=ref))

    def mark(self, recording_id: str | None, status: str) -> ByService:
        """Return the command by which the service marks a recording as ``completed`` or ``failed``."""
        table = CRM_RECORDINGS if self.is_crm else RECORDINGS
        return ByService(c.Update(table=table, where={"id": recording_id}, set={"status": status}))

    # --- draws of the built-in behaviour -----------------------------------------------------------

    def key(self, purpose: int) -> int:
        """Return the key of one of the built-in purposes."""
        return key_of(self._own, purpose)

    def chance(self, key: int, number: int, probability: float) -> bool:
        """Tell whether something of a probability happens, by the draw of this number."""
        return unit(word(nth(key, number), self._salt)) < probability

    def gap(self, key: int, number: int, mean: float) -> float:
        """Return the exponentially distributed draw of this number."""
        return exponential(nth(key, number), self._salt) * mean

    def moments(self, purpose: int, gap: float) -> Iterator[int]:
        """Yield the moments of one of the built-in activities, from now on, to the horizon."""
        s, salt, arrived, counter = self.settings, self._salt, self.now_us, self.key(purpose)
        hours, first = self._population.hours, self._population.first_hours
        if self._many is None:
            self._many = multiplier(s, self._own, salt)
        gap /= self._many
        time = operational(arrived + s.offset, hours)
        while True:
            counter = (counter + GOLDEN) & MASK
            time += exponential(counter, salt) * gap
            if not time < s.limit:
                return
            yield max(calendar(time, hours, first) - s.offset, arrived)

    @property
    def settings(self) -> Settings:
        """The scenario as the kernel reads it."""
        return self._population.settings


# --- the built-in behaviour ---------------------------------------------------------------------


def applicant(user: User) -> Process:
    """Apply for jobs, record, run out of credits, and perhaps pay, or leave: the behaviour that a `Scenario` describes."""
    s = user.settings
    user.start(_leaving(user), turn=AT_CHURN)
    if user.is_crm:
        user.start(_resyncs(user), turn=AT_RESYNC, of_service=True)
    user.start(_recordings(user), turn=AT_RECORDING)
    user.start(_each(user, OF_JOB_REQUESTS, s.job_requests_gap, user.job_request), turn=AT_JOB_REQUEST)
    user.start(_each(user, OF_RESUMES, s.resumes_gap, user.resume), turn=AT_RESUME)
    if user.is_crm:
        user.start(_logins(user), turn=AT_LOGIN)
        view = ByService(c.TrackView(email=user.email))
        user.start(_each(user, OF_VIEWS, s.views_gap, lambda: view), turn=AT_VIEW)
    return
    yield  # it has nothing to wait for itself


def _each(user: User, purpose: int, gap: float, step: Callable[[], Step]) -> Process:
    for at in user.moments(purpose, gap):
        yield Until(at)
        yield step()


def _leaving(user: User) -> Process:
    gap = user.settings.churn_gap
    if gap < NEVER:
        yield Until(later(user.now_us, user.gap(user.key(OF_CHURN), 1, gap)))
        yield Leave()


def _resyncs(user: User) -> Process:
    gap, key = user.settings.resync_gap, user.key(OF_RESYNCS)
    number = 0
    while gap < NEVER:
        number += 1
        yield Until(later(user.now_us, user.gap(key, number, gap)))
        yield ByService(c.SyncCrmUser(email=user.email))


def _recordings(user: User) -> Process:
    s, paying, leaving = user.settings, user.key(OF_PAYING), user.key(OF_LEAVING)
    tabs, failure = user.key(OF_TABS), user.key(OF_FAILURE)
    for number, at in enumerate(user.moments(OF_RECORDINGS, s.recordings_gap), start=1):
        yield Until(at)
        command = user.recording()
        outcomes: list[Outcome]
        if user.chance(tabs, number, s.two_tabs):
            outcomes = yield AtOnce((command, command))
        else:
            outcomes = [(yield command)]
        for tab, outcome in enumerate(outcomes):
            if isinstance(outcome, Stored):
                fails = user.chance(failure, 2 * number + tab, s.failed)
                user.start(_processing(user, outcome.id, fails=fails), turn=AT_PROCESSING, of_service=True)
        blocked = any(isinstance(outcome, Refused) for outcome in outcomes)
        if not user.pays:
            if user.chance(paying, number, s.when_blocked if blocked else s.early):
                user.pays = True
                user.start(_paying(user, number), turn=AT_PAYMENT)
            elif blocked and user.chance(leaving, number, s.leaving):
                yield Leave()


def _processing(user: User, recording_id: str | None, *, fails: bool) -> Process:
    yield Wait(user.settings.processing)
    yield user.mark(recording_id, "failed" if fails else "completed")


def _paying(user: User, number: int) -> Process:
    s = user.settings
    yield Until(later(user.now_us, user.gap(user.key(OF_DELAY), number, s.delay)))
    user.pays = False
    payment = user.payment()
    yield payment
    if user.chance(user.key(OF_REDELIVERY), user.payments, s.delivered_twice):
        yield payment


def _logins(user: User) -> Process:
    s, key = user.settings, user.key(OF_SESSIONS)
    for number, at in enumerate(user.moments(OF_LOGINS, s.logins_gap), start=1):
        yield Until(at)
        yield ByService(c.TrackLogin(email=user.email))
        if s.session_seconds > 0.0:
            seconds = int(user.gap(key, number, s.session_seconds))
            user.start(_session(user, seconds), turn=AT_SESSION)


def _session(user: User, seconds: int) -> Process:
    yield Wait(seconds * _SECOND_US)
    yield ByService(c.TrackTime(email=user.email, seconds=seconds))
