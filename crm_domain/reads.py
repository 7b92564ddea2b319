"""What may be asked for without changing anything: one class per read, and what it returns.

A read is a value, as a command is: logs and tests hold it, and anyone who keeps the state answers it
(`crm_domain.queries` over the model's tables). Columns have the document's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from attrs import Attribute, define, field, frozen

from .ids import Email, UserId
from .rows import CrmDashboardStats, CrmJobRequest, CrmRecording, CrmResume, CrmUser, table_named
from .schema import Table

R_co = TypeVar("R_co", covariant=True)


class Read(Generic[R_co]):
    """A question whose answer is an ``R_co``."""

    __slots__ = ()


def _is_text(_: object, attribute: Attribute[str | None], value: object) -> None:
    if not isinstance(value, str | None):
        raise TypeError(f"{attribute.name}: expected str or None, got {type(value).__name__}")


def _is_limit(_: object, attribute: Attribute[int | None], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{attribute.name}: expected int or None, got {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{attribute.name}: expected 0 or more, got {value}")


@define(kw_only=True)
class Select(Read[list[Any]]):
    """Read the rows that one sees and that meet *where*, newest first ("Fetching CRM User Data").

    Attributes:
        table: The table, or its name.
        where: Equalities that rows must meet, all of them; NULL equals NULL; empty for every row.
    """

    table: Table[Any] = field(converter=table_named)
    where: Mapping[str, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.where = self.table.atoms(self.where)


@define(kw_only=True)
class SelectPage(Select):
    """Read a page of what `Select` reads.

    Attributes:
        limit: The most rows to return; None for all.
        after: The last row of the page before; the page goes on after it, also if rows came or
            went meanwhile.
    """

    limit: int | None = field(default=None, validator=_is_limit)
    after: Any = None


@define(kw_only=True)
class Count(Read[int]):
    """Count the rows of a table that one sees.

    Attributes:
        table: The table, or its name.
    """

    table: Table[Any] = field(converter=table_named)


@define(kw_only=True)
class FindAddress(Read[Email | None]):
    """Ask under which key an address is, or would be, stored ("All CRM tables use `email` as a foreign key").

    Attributes:
        email: The address, in any spelling; None is no address.
    """

    email: str | None = field(validator=_is_text)


@frozen(kw_only=True)
class DashboardData:
    """What ``get_crm_dashboard_data`` returns ("Helper Functions")."""

    total_applications: int
    total_recordings: int
    total_resumes: int
    total_views: int
    credits_remaining: int
    last_application_date: datetime | None
    last_recording_date: datetime | None


@define(kw_only=True)
class GetDashboard(Read[DashboardData | None]):
    """Read the dashboard of a CRM user ("Helper Functions").

    Attributes:
        email: The address, in any spelling; None, as NULL in SQL, finds nothing.
    """

    email: str | None = field(default=None, validator=_is_text)


@define(kw_only=True)
class DetectCrmUser(Read[bool]):
    """Ask whether a person is a CRM user ("Detecting CRM Users"), as far as one sees.

    Attributes:
        user_id: The person.
    """

    user_id: UserId | None


@frozen(kw_only=True)
class UserData:
    """A CRM user's complete data ("Get CRM user's complete data"); lists newest first."""

    user: CrmUser | None
    job_requests: list[CrmJobRequest]
    recordings: list[CrmRecording]
    resumes: list[CrmResume]
    stats: CrmDashboardStats | None


@define(kw_only=True)
class GetUserData(Read[UserData]):
    """Read everything that is stored under an address, as far as one sees it ("Get CRM user's complete data").

    Attributes:
        email: The address, in any spelling.
    """

    email: str | None = field(validator=_is_text)


@frozen(kw_only=True)
class CrmUserWithStats:
    """A row of "Get all CRM users with their stats"; counters are None without a dashboard row."""

    email: Email
    credits_remaining: int
    user_created_at: datetime | None
    total_applications: int | None
    total_recordings: int | None
    total_resumes: int | None


@define(kw_only=True)
class ListCrmUsersWithStats(Read[list[CrmUserWithStats]]):
    """Read the active CRM users with their stats, newest first ("Querying Examples").

    Attributes:
        limit: The most users to return; None for all.
        after: The last user of the page before; the page goes on after them.
    """

    limit: int | None = field(default=None, validator=_is_limit)
    after: CrmUserWithStats | CrmUser | None = None


@frozen(kw_only=True)
class UserInNeedOfCredits:
    """A row of "Get CRM users who need more credits"."""

    email: Email
    credits_remaining: int
    total_recordings: int
    last_recording_date: datetime | None


@define(kw_only=True)
class ListUsersInNeedOfCredits(Read[list[UserInNeedOfCredits]]):
    """Read the CRM users at 0 credits who have recorded before, the latest recording first ("Querying Examples")."""


@define(kw_only=True)
class ExportCrmUsers(Read[list[dict[str, Any]]]):
    """Read every CRM user with the counters as one flat mapping each ("Export CRM User Data")."""


@define(kw_only=True)
class CountRecords(Read[dict[str, int]]):
    """Count the rows of all five CRM tables, by table ("Check record counts").

    The document's ``LIKE 'crm_%'`` misses the main table; this counts all five.
    """
