"""What does a backend have, and which laws can be tested without the rest?

A backend says with `NotImplementedError` what it does not have. It is then not asked for that
again, and the laws that cannot be seen without it are not testable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from attrs import define, field

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LOG_TABLES, LogLine
from crm_domain.ids import SERVICE
from crm_domain.ports import Backend
from crm_domain.reads import GetDashboard, Select
from crm_domain.schema import Table

from ..people import AMY
from .lockstep import looks_of
from .observing import look
from .predicting import outcomes_of

Need: TypeAlias = tuple[type[Any], str]
"""A kind of request, and the table that it is about; empty if its kind says all."""


@define
class Capabilities:
    """What a backend has.

    Attributes:
        tables: The tables that it shows to the service.
        lacking: What it does not have, with what it said.
    """

    tables: tuple[Table[Any], ...]
    lacking: dict[Need, str] = field(factory=dict)

    @classmethod
    def of(cls, backend: Backend) -> Capabilities:
        """Find out which tables a backend has, and whether it has dashboards; it is reset."""
        backend.reset()
        tables, lacking = [], {}
        for table in LOG_TABLES:
            try:
                look(backend, SERVICE, table)
                tables.append(table)
            except NotImplementedError as error:
                lacking[Select, table.name] = str(error) or f"there is no {table.name}"
        has = cls(tuple(tables), lacking)
        dashboard = LogLine(SERVICE, GetDashboard(email=AMY.email))
        try:
            outcomes_of(backend, [dashboard])
        except NotImplementedError as error:
            has.learn(dashboard, str(error) or "there are no dashboards")
        return has

    @property
    def looks(self) -> tuple[LogLine, ...]:
        """Everybody's requests to see everything that there is."""
        return tuple(filter(self.has, looks_of(self.tables)))

    def has(self, line: LogLine) -> bool:
        """Tell whether the backend can be asked this: only of tables that every implementation has."""
        need = need_of(line)
        return need not in self.lacking and need[1] in _TABLES

    def learn(self, line: LogLine, reason: str) -> None:
        """Note that the backend does not have what *line* asks for."""
        self.lacking[need_of(line)] = reason

    def untestable(self) -> Iterator[tuple[str, str]]:
        """Yield the laws that cannot be tested, each with the reason."""
        for law, needs in _EVIDENCE.items():
            for need in needs:
                if need in self.lacking:
                    yield law, self.lacking[need]
                    break


_TABLES: Final = frozenset({"", *(table.name for table in LOG_TABLES)})


def need_of(line: LogLine) -> Need:
    """Return what a line needs of a backend."""
    request: Any = line.request
    return type(request), request.table.name if isinstance(request, c.Update | c.Delete | Select) else ""


def _shown(*tables: Table[Any]) -> tuple[Need, ...]:
    return tuple((Select, table.name) for table in tables)


_EVIDENCE: Final[dict[str, tuple[Need, ...]]] = {
    "balance_never_negative": _shown(rows.PROFILES),
    "balance_equals_granted_minus_consumed": _shown(rows.PROFILES),
    "mirror_equals_profile": _shown(rows.PROFILES, rows.CRM_USERS),
    "one_credit_per_recording": ((c.CreateRecording, ""), *_shown(rows.PROFILES, rows.CRM_RECORDINGS)),
    "counters_equal_fold_of_events": _shown(rows.CRM_DASHBOARD_STATS),
    "no_user_command_raises_credits": _shown(rows.PROFILES),
    "owner_pair_is_one_account": ((c.CreateJobRequest, ""), *_shown(rows.CRM_USERS, rows.CRM_JOB_REQUESTS)),
    "reference_has_same_owner": (
        (c.CreateJobRequest, ""),
        (c.CreateRecording, ""),
        *_shown(rows.CRM_JOB_REQUESTS, rows.CRM_RECORDINGS),
    ),
    "provisioning_is_idempotent": ((c.SyncCrmUser, ""), *_shown(rows.CRM_USERS)),
    "payment_is_idempotent": ((c.RecordPayment, ""),),
    "populations_are_separate": ((c.CreateRegularJobRequest, ""), *_shown(rows.CRM_USERS, rows.JOB_REQUESTS)),
    "at_most_one_primary_resume": ((c.UploadResume, ""), *_shown(rows.CRM_RESUMES)),
}
"""What a law cannot be seen without; the other laws show in whatever there is."""
