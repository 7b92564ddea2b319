"""What does a backend have, and which laws can be tested without the rest?

A backend says with `NotImplementedError` what it does not have, and with `ColumnsNotThere` which
columns of a request. It is then not asked for that again, and the laws that cannot be seen without it
are not testable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs
from attrs import define, field

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LOG_TABLES, LogLine
from crm_domain.ids import SERVICE
from crm_domain.ports import Backend
from crm_domain.reads import GetDashboard, Select
from crm_domain.schema import Table

from ..people import AMY
from .backends import ColumnsNotThere
from .differences import Need, need_of
from .leniency import may_be_asked
from .lockstep import looks_of
from .observing import Seen, look
from .predicting import outcomes_of


@define
class Capabilities:
    """What a backend has.

    Attributes:
        tables: The tables that it shows to the service.
        lacking: What it does not have, with what it said.
        untaken: The columns that it does not take, in what it does have.
        given: The rows that are there after a reset, which the operator provides; empty if there are none.
    """

    tables: tuple[Table[Any], ...]
    lacking: dict[Need, str] = field(factory=dict)
    untaken: dict[Need, frozenset[str]] = field(factory=dict)
    given: dict[str, Seen] = field(factory=dict)

    @classmethod
    def of(cls, backend: Backend) -> Capabilities:
        """Find out which tables a backend has, and whether it has dashboards; it is reset."""
        backend.reset()
        tables, lacking, shown = [], {}, {}
        for table in LOG_TABLES:
            try:
                shown[table.name] = look(backend, SERVICE, table)
                tables.append(table)
            except NotImplementedError as error:
                lacking[Select, table.name] = str(error) or f"there is no {table.name}"
        has = cls(tuple(tables), lacking)
        if any(found.values for found in shown.values()):
            has.given = shown
        dashboard = LogLine(SERVICE, GetDashboard(email=AMY.email))
        try:
            outcomes_of(backend, [dashboard])
        except NotImplementedError as error:
            has.learn(dashboard, error)
        return has

    @property
    def looks(self) -> tuple[LogLine, ...]:
        """Everybody's requests to see everything that there is."""
        return tuple(filter(self.has, looks_of(self.tables)))

    def has(self, line: LogLine) -> bool:
        """Tell whether the backend can be asked this: only of tables that every implementation has."""
        need = need_of(line)
        is_there = need not in self.lacking and need[1] in _TABLES
        return is_there and not self._untaken_by(line) and may_be_asked(line)

    def asking(self, line: LogLine) -> LogLine | None:
        """Return a line as the backend can be asked it: without columns that it does not take. None if it cannot."""
        columns = self._untaken_by(line)
        rest = attrs.evolve(line, request=_without(line.request, columns)) if columns else line
        return rest if self.has(rest) else None

    def why_not(self, line: LogLine) -> str:
        """Return what the backend said to a line that it cannot be asked."""
        if not may_be_asked(line):
            return "nothing of it is compared, by what is tolerated"
        return self.lacking.get(need_of(line)) or f"there is no {', '.join(sorted(self._untaken_by(line)))}"

    def learn(self, line: LogLine, said: NotImplementedError) -> None:
        """Note what the backend says that it does not have, when it is asked *line*."""
        need = need_of(line)
        columns = said.columns & _given(line.request) if isinstance(said, ColumnsNotThere) else frozenset()
        if columns:
            self.untaken[need] = self.untaken.get(need, frozenset()) | columns
        else:
            self.lacking[need] = str(said) or type(line.request).__name__

    def _untaken_by(self, line: LogLine) -> frozenset[str]:
        return self.untaken.get(need_of(line), frozenset()) & _given(line.request) if self.untaken else frozenset()

    @property
    def columns_not_taken(self) -> tuple[str, ...]:
        """The columns that it does not take, each behind the request: ``CreateRecording.transcription``."""
        named = [(" ".join(filter(None, (kind.__name__, of))), names) for (kind, of), names in self.untaken.items()]
        return tuple(f"{request}.{name}" for request, names in sorted(named) for name in sorted(names))

    def untestable(self) -> Iterator[tuple[str, str]]:
        """Yield the laws that cannot be tested, each with the reason."""
        for law, needs in _EVIDENCE.items():
            ways = [[self.lacking[need] for need in way if need in self.lacking] for way in needs]
            if all(ways):
                yield law, ways[0][0]


_TABLES: Final = frozenset({"", *(table.name for table in LOG_TABLES)})


def _shown(*tables: Table[Any]) -> tuple[Need, ...]:
    return tuple((Select, table.name) for table in tables)


def _given(request: Any) -> frozenset[str]:
    """Return the columns that a request names, those aside that it gives their defaults."""
    if isinstance(request, c.Update | c.Delete | Select):
        return frozenset((*request.where, *getattr(request, "set", ())))
    fields = attrs.fields(type(request))
    return frozenset(field.name for field in fields if field.init and getattr(request, field.name) != field.default)


def _without(request: Any, columns: frozenset[str]) -> Any:
    """Return a request that does not set or store some columns; one that looks for them still does."""
    if isinstance(request, c.Update):
        kept = {name: value for name, value in request.set.items() if name not in columns}
        return attrs.evolve(request, set=kept) if kept else request
    if isinstance(request, c.Delete | Select):
        return request
    defaults = {field.name: field.default for field in attrs.fields(type(request)) if field.name in columns}
    return attrs.evolve(request, **defaults)


_EVIDENCE: Final[dict[str, tuple[tuple[Need, ...], ...]]] = {
    "balance_never_negative": (_shown(rows.PROFILES),),
    "balance_equals_granted_minus_consumed": (_shown(rows.PROFILES),),
    "mirror_equals_profile": (_shown(rows.PROFILES, rows.CRM_USERS),),
    "one_credit_per_recording": (
        ((c.CreateRecording, ""), *_shown(rows.PROFILES, rows.CRM_RECORDINGS)),
        ((c.CreateRegularRecording, ""), *_shown(rows.PROFILES, rows.RECORDINGS)),
    ),
    "counters_equal_fold_of_events": (_shown(rows.CRM_DASHBOARD_STATS),),
    "no_user_command_raises_credits": (_shown(rows.PROFILES),),
    "owner_pair_is_one_account": tuple(
        ((kind, ""), *_shown(rows.CRM_USERS, kind.table))
        for kind in (c.CreateJobRequest, c.CreateRecording, c.UploadResume)
    ),
    "reference_has_same_owner": (
        ((c.CreateJobRequest, ""), (c.CreateRecording, ""), *_shown(rows.CRM_JOB_REQUESTS, rows.CRM_RECORDINGS)),
        ((c.CreateRegularJobRequest, ""), (c.CreateRegularRecording, ""), *_shown(rows.JOB_REQUESTS, rows.RECORDINGS)),
    ),
    "provisioning_is_idempotent": (((c.SyncCrmUser, ""), *_shown(rows.CRM_USERS)),),
    "payment_is_idempotent": (((c.RecordPayment, ""),),),
    "populations_are_separate": tuple(
        ((c.SyncCrmUser, ""), (kind, ""), *_shown(rows.CRM_USERS, kind.table))
        for kind in (c.CreateRegularJobRequest, c.CreateRegularRecording, c.UploadRegularResume)
    ),
    "at_most_one_primary_resume": tuple(
        ((kind, ""), *_shown(kind.table)) for kind in (c.UploadResume, c.UploadRegularResume)
    ),
}
"""The ways in which a law can be seen, each with what it needs; the other laws show in anything that there is."""
