"""A principal's way to the CRM: one typed method for each command and each query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from . import commands as c
from . import reads as r
from .answers import Accepted, AnsweredBy, Changed
from .ids import Email, Principal, known_user_id
from .ports import Place
from .rows import (
    CRM_JOB_REQUESTS,
    CRM_RECORDINGS,
    CRM_RESUMES,
    CRM_USERS,
    PROFILES,
    CrmJobRequest,
    CrmRecording,
    CrmResume,
    CrmUser,
)
from .schema import Table

A = TypeVar("A", bound=Accepted)
P = ParamSpec("P")
R = TypeVar("R")


def _method(command: Callable[P, AnsweredBy[A]]) -> Callable[Concatenate[Session, P], A]:
    """Make the method that executes *command*, with the very arguments that the command takes."""

    def execute(self: Session, /, *args: P.args, **kwargs: P.kwargs) -> A:
        return self.execute(command(*args, **kwargs))

    execute.__doc__ = command.__doc__
    execute.__wrapped__ = command  # type: ignore[attr-defined]
    return execute


class Session:
    """What one principal may ask of a place, such as a `Crm`.

    Every command method takes the arguments of its class in `crm_domain.commands`, returns the
    answer of its kind (`crm_domain.answers`), and raises `Refused` if a rule declines it. In commands that store a row,
    ``user_id`` and ``email`` are the principal's own unless given.
    """

    __slots__ = ("_place", "principal")

    def __init__(self, place: Place, principal: Principal) -> None:
        self._place = place
        self.principal = principal

    def __repr__(self) -> str:
        return f"<session of {self.principal}>"

    # --- commands -----------------------------------------------------------------------------

    def execute(self, command: AnsweredBy[A], *, key: str | None = None) -> A:
        """Execute a command that one holds; see `Crm.execute`."""
        return self._place.execute(self.principal, command, key=key)

    register_user = _method(c.RegisterUser)
    sync_crm_user = _method(c.SyncCrmUser)
    create_job_request = _method(c.CreateJobRequest)
    create_recording = _method(c.CreateRecording)
    upload_resume = _method(c.UploadResume)
    create_regular_job_request = _method(c.CreateRegularJobRequest)
    create_regular_recording = _method(c.CreateRegularRecording)
    upload_regular_resume = _method(c.UploadRegularResume)
    record_payment = _method(c.RecordPayment)
    update = _method(c.Update)
    delete = _method(c.Delete)
    track_view = _method(c.TrackView)
    track_login = _method(c.TrackLogin)
    track_time = _method(c.TrackTime)

    def activate(self, email: str) -> Changed:
        """Let a deactivated CRM user write again (service role only)."""
        return self.execute(c.Update(table=CRM_USERS, where={"email": self._key(email)}, set={"is_active": True}))

    def deactivate(self, email: str) -> Changed:
        """Let a CRM user read only (service role only)."""
        return self.execute(c.Update(table=CRM_USERS, where={"email": self._key(email)}, set={"is_active": False}))

    def adjust_balance(self, user_id: str, *, credits: int) -> Changed:  # noqa: A002 - the ledger's own word
        """Set a person's balance: a grant or a void of the difference (service role only)."""
        where = {"user_id": known_user_id(user_id)}
        return self.execute(c.Update(table=PROFILES, where=where, set={"credits_remaining": credits}))

    # --- reads --------------------------------------------------------------------------------

    def answer(self, read: r.Read[R]) -> R:
        """Answer a read that one holds; see `crm_domain.reads`."""
        return self._place.answer(self.principal, read)

    @overload
    def select(
        self,
        table: Table[R],
        where: Mapping[str, object] | None = ...,
        *,
        limit: int | None = ...,
        after: R | None = ...,
    ) -> list[R]: ...

    @overload
    def select(
        self, table: str, where: Mapping[str, object] | None = ..., *, limit: int | None = ..., after: Any = ...
    ) -> list[Any]: ...

    def select(
        self,
        table: Table[R] | str,
        where: Mapping[str, object] | None = None,
        *,
        limit: int | None = None,
        after: R | None = None,
    ) -> list[R]:
        """Return the rows that one sees, newest first; see `crm_domain.reads.SelectPage`."""
        if limit is None and after is None:
            return self.answer(r.Select(table=table, where=where or {}))
        return self.answer(r.SelectPage(table=table, where=where or {}, limit=limit, after=after))

    def count(self, table: Table[Any] | str) -> int:
        """Return the number of rows of a table that one sees."""
        return self.answer(r.Count(table=table))

    def job_requests(self, *, limit: int | None = None, after: CrmJobRequest | None = None) -> list[CrmJobRequest]:
        """Return CRM job requests, newest first ("Fetching CRM User Data")."""
        return self.select(CRM_JOB_REQUESTS, limit=limit, after=after)

    def recordings(self, *, limit: int | None = None, after: CrmRecording | None = None) -> list[CrmRecording]:
        """Return CRM recordings, newest first ("Fetching CRM User Data")."""
        return self.select(CRM_RECORDINGS, limit=limit, after=after)

    def resumes(self, *, limit: int | None = None, after: CrmResume | None = None) -> list[CrmResume]:
        """Return CRM resumes, newest first."""
        return self.select(CRM_RESUMES, limit=limit, after=after)

    def get_crm_dashboard_data(self, email: str) -> r.DashboardData | None:
        """Return a CRM user's dashboard, or None ("Helper Functions")."""
        return self.answer(r.GetDashboard(email=email))

    def is_crm_user(self, user_id: str | None = None) -> bool:
        """Tell whether a person, oneself unless given, is a CRM user ("Detecting CRM Users")."""
        wanted = self.principal.user_id if user_id is None else known_user_id(user_id)
        return self.answer(r.DetectCrmUser(user_id=wanted))

    def user_data(self, email: str) -> r.UserData:
        """Return all that is stored under an address ("Get CRM user's complete data")."""
        return self.answer(r.GetUserData(email=email))

    def crm_users_with_stats(
        self, *, limit: int | None = None, after: r.CrmUserWithStats | CrmUser | None = None
    ) -> list[r.CrmUserWithStats]:
        """Return the active CRM users with their stats, newest first ("Querying Examples")."""
        return self.answer(r.ListCrmUsersWithStats(limit=limit, after=after))

    def crm_users_who_need_more_credits(self) -> list[r.UserInNeedOfCredits]:
        """Return the CRM users who ran out of credits ("Querying Examples")."""
        return self.answer(r.ListUsersInNeedOfCredits())

    def crm_users_export(self) -> list[dict[str, Any]]:
        """Return every CRM user with the counters as flat mappings ("Export CRM User Data")."""
        return self.answer(r.ExportCrmUsers())

    def record_counts(self) -> dict[str, int]:
        """Return the number of rows of all five CRM tables ("Check record counts")."""
        return self.answer(r.CountRecords())

    def _key(self, email: str) -> Email | None:
        return self.answer(r.FindAddress(email=email))
