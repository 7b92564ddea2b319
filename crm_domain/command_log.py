"""How is a request written as a line of the language-neutral command log?

The log is one JSON object a line::

    {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}}

``as`` is ``service``, ``anon`` or a user, ``cmd`` and ``args`` are the request; optional are
``at`` (RFC 3339), ``key`` (an idempotency key) and ``concurrent``: consecutive lines of one such
group overlap in time, and each is checked before any of them is written.

Here stand the vocabulary, which both directions share, and the way out, with which a failing
property test prints a counterexample that runs. `crm_adapters.command_log` is the way in.
"""

from __future__ import annotations

import json
import re
from collections.abc import ItemsView, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

import attrs
from attrs import field, frozen

from . import commands as c
from .clocks import label_uuid
from .ids import ANON, SERVICE, Principal, UserId, user, uuid_text
from .reads import GetDashboard, Read, Select
from .rows import (
    CRM_DASHBOARD_STATS,
    CRM_JOB_REQUESTS,
    CRM_RECORDINGS,
    CRM_RESUMES,
    CRM_USERS,
    JOB_REQUESTS,
    PAYMENTS,
    PROFILES,
    RECORDINGS,
    RESUMES,
)
from .schema import DEFAULT, ColumnType, Table
from .values import Json, utc
from .wording import cut

LoggedRead: TypeAlias = Select | GetDashboard
"""The reads that a log may hold."""

Request: TypeAlias = c.Command | LoggedRead
"""Everything that a line may ask for."""

REQUESTS: Final[dict[str, type[Request]]] = {
    "register_user": c.RegisterUser,
    "sync_crm_user": c.SyncCrmUser,
    "create_job_request": c.CreateJobRequest,
    "create_recording": c.CreateRecording,
    "upload_resume": c.UploadResume,
    "create_regular_job_request": c.CreateRegularJobRequest,
    "create_regular_recording": c.CreateRegularRecording,
    "upload_regular_resume": c.UploadRegularResume,
    "record_payment": c.RecordPayment,
    "get_dashboard": GetDashboard,
    "select": Select,
    "update": c.Update,
    "delete": c.Delete,
    "track_login": c.TrackLogin,
    "track_view": c.TrackView,
    "track_time": c.TrackTime,
}
"""What each ``cmd`` asks for."""

ROLES: Final = {"service": SERVICE, "anon": ANON}
"""The principals that ``as`` names by their role; every other text is a user."""

LOG_TABLES: Final[tuple[Table[Any], ...]] = (
    CRM_USERS,
    CRM_JOB_REQUESTS,
    CRM_RECORDINGS,
    CRM_RESUMES,
    CRM_DASHBOARD_STATS,
    PROFILES,
    JOB_REQUESTS,
    RECORDINGS,
    RESUMES,
    PAYMENTS,
)
"""The tables that every implementation has, in the order of the log's description."""

OWNER_COLUMNS: Final = ("user_id", "email")
"""What is NULL when a line that stores a row leaves it out: the columns have no default."""

_LOG_NAMES: Final = {"user_id": "user", "job_request_id": "job_request"}
_COLUMN_NAMES: Final = {log: column for column, log in _LOG_NAMES.items()}
_CMDS: Final = {kind: cmd for cmd, kind in REQUESTS.items()}
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")


def log_name(column: str) -> str:
    """Return what the log calls a column or an argument: ``user`` for ``user_id``."""
    return _LOG_NAMES.get(column, column)


def column_name(name: str) -> str:
    """Return the column that *name* of the log stands for: ``user_id`` for ``user``."""
    return _COLUMN_NAMES.get(name, name)


def table_name(table: Table[Any]) -> str:
    """Return what the log calls a table: the document's name, but ``crm_users`` for its main table."""
    return "crm_users" if table is CRM_USERS else table.name


def argument_types(kind: type[Request]) -> dict[str, ColumnType]:
    """Return the type of each argument that holds one value; ``table``, ``where`` and ``set`` do not."""
    if issubclass(kind, c.CreateRow):
        return {column.name: column.type for column in kind.table.columns}
    home = PAYMENTS if kind is c.RecordPayment else CRM_USERS
    types = {column.name: column.type for column in home.columns} | {"seconds": ColumnType.INTEGER}
    return {a.name: types[a.name] for a in attrs.fields(kind) if a.init and a.name in types}


# --- labels -----------------------------------------------------------------------------------


def is_label(text: str) -> bool:
    """Tell whether *text*, where an id is expected, is a label rather than a UUID.

    A UUID has 32 hexadecimal digits, with the four usual hyphens or without any.
    """
    return _UUID.fullmatch(text) is None


@lru_cache(maxsize=65_536)
def id_named(text: str) -> str:
    """Return the id that *text* stands for: itself, in canonical form, or a label's UUID.

    Raises:
        ValueError: It holds half of a surrogate pair, for which there is no UUID.
    """
    if not is_label(text):
        return uuid_text(text, "id")
    try:
        return label_uuid(text)
    except UnicodeEncodeError:
        raise ValueError(f"{cut(ascii(text))} holds half of a surrogate pair and so stands for no id") from None


def principal_named(text: str) -> Principal:
    """Return the principal that ``as`` names.

    Raises:
        ValueError: As `id_named`.
    """
    return ROLES.get(text) or user(id_named(text))


class Labels:
    """The labels that are known, so that ids can be written as them.

    >>> amy = id_named("amy")
    >>> Labels(["amy"]).name(amy), Labels().name(amy) == amy
    ('amy', True)
    """

    def __init__(self, labels: Iterable[str] = ()) -> None:
        self._by_id: dict[str, str] = {}
        for label in labels:
            self.add(label)

    def add(self, label: str) -> None:
        """Know a label from now on; a UUID needs none.

        A label that is a role's name is passed over: ``as`` could not name the user by it.
        """
        if label not in ROLES and is_label(label):
            self._by_id[id_named(label)] = label

    def name(self, id_: str) -> str:
        """Return the label of an id, or the id itself."""
        return self._by_id.get(id_, id_)

    def told(self, text: str) -> str:
        """Return *text* with the labels of the ids in it."""
        return _UUID.sub(lambda found: self.name(found[0]), text)

    def items(self) -> ItemsView[str, str]:
        """Return the ids, each with its label."""
        return self._by_id.items()


# --- lines ------------------------------------------------------------------------------------


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else utc(moment, "at")


@frozen
class LogLine:
    """What one line of the log says.

    Attributes:
        principal: On whose behalf.
        request: What is asked.
        at: When; None for the clock of the run.
        key: The idempotency key.
        concurrent: The group of consecutive lines that overlap in time; None for a line that does not.
    """

    principal: Principal
    request: Request
    at: datetime | None = field(default=None, kw_only=True, converter=_utc)
    key: str | None = field(default=None, kw_only=True)
    concurrent: str | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.concurrent is not None and (self.key is not None or isinstance(self.request, Read)):
            raise ValueError("concurrent: only commands overlap, not reads, and only those without a key")


def rfc3339(moment: datetime) -> str:
    """Return an aware time as the log writes it.

    >>> rfc3339(datetime(2026, 1, 5, 9, 30, tzinfo=UTC))
    '2026-01-05T09:30:00Z'
    """
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def plain_line(
    line: LogLine, labels: Labels | None = None, *, emails: Mapping[UserId, str] | None = None
) -> dict[str, Any]:
    """Return the plain JSON object of one line.

    Arguments that a reader would come to by itself are left out, but for ``where``: that all rows
    are meant should be seen.

    Args:
        line: What it says.
        labels: Ids are written as these labels, where there is one.
        emails: The addresses of the CRM users by their ids, at the time of the line. In the log a
            missing address is NULL; a command in Python that names none means its user's own.

    Raises:
        ValueError: The command names no address and *emails* was not given.
    """
    labels = labels or Labels()
    plain = {
        "as": labels.name(str(line.principal)),
        "cmd": _CMDS[type(line.request)],
        "args": _arguments(line, labels, emails),
    }
    if line.at is not None:
        plain["at"] = rfc3339(line.at)
    if line.key is not None:
        plain["key"] = line.key
    if line.concurrent is not None:
        plain["concurrent"] = line.concurrent
    return plain


def log_text(
    lines: Iterable[LogLine], labels: Labels | None = None, *, emails: Mapping[UserId, str] | None = None
) -> str:
    """Return a whole log as JSON lines, in ASCII so that it survives every terminal; see `plain_line`.

    Raises:
        ValueError: As `plain_line`.
    """
    return "".join(json.dumps(plain_line(line, labels, emails=emails)) + "\n" for line in lines)


def _arguments(line: LogLine, labels: Labels, emails: Mapping[UserId, str] | None) -> dict[str, Any]:
    types = argument_types(type(line.request))

    def plain(request: Any, argument: attrs.Attribute[Any], value: Any) -> Any:
        if isinstance(value, Table):
            return table_name(value)
        if argument.name in {"where", "set"}:
            return {log_name(k): _plain(v, request.table.column(k).type, labels) for k, v in value.items()}
        if isinstance(request, c.CreateRow) and argument.name in OWNER_COLUMNS and value is DEFAULT:
            value = _owner(line.principal, request, argument.name, emails)
        if types[argument.name] is ColumnType.JSONB:
            return value  # an argument is plain JSON; only where and set hold it as its text
        return _plain(value, types[argument.name], labels)

    written = attrs.asdict(
        cast("attrs.AttrsInstance", line.request),
        recurse=False,
        filter=lambda argument, _: argument.init,
        value_serializer=plain,
    )
    missing = _meaning_of_missing(type(line.request))
    return {log_name(name): value for name, value in written.items() if value != missing[name]}


def _meaning_of_missing(kind: type[Request]) -> dict[str, object]:
    """Return what a reader takes for each argument that a line leaves out."""
    defaults: dict[str, object] = {a.name: a.default for a in attrs.fields(kind)}
    return defaults | dict.fromkeys(OWNER_COLUMNS if issubclass(kind, c.CreateRow) else ())


def _owner(principal: Principal, command: Any, column: str, emails: Mapping[UserId, str] | None) -> str | None:
    """Return what an owner column that a command leaves out stands for: the principal's own."""
    user_id: Any = principal.user_id if command.user_id is DEFAULT else command.user_id
    if column == "user_id":
        return cast("str | None", user_id)
    if emails is None:
        raise ValueError("email: the command names none, so pass the addresses of the CRM users as emails")
    return emails.get(user_id)


def _plain(value: Any, type_: ColumnType, labels: Labels) -> Json:
    """Return an atom as plain JSON; DEFAULT passes through, and is left out afterwards."""
    if value is None or value is DEFAULT:
        return cast("Json", value)
    match type_:
        case ColumnType.UUID:
            return labels.name(value)
        case ColumnType.JSONB:
            return cast("Json", json.loads(value))
        case ColumnType.TIMESTAMPTZ:
            return rfc3339(value)
        case ColumnType.NUMERIC:
            return str(value)
        case _:
            return cast("Json", value)
