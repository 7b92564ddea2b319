"""What may be asked, no matter who asks? A strategy for each command and each read.

Each takes strategies for single arguments, instead of any value:
``create_recordings(user_id=just(someone))``. What they make is well-formed; `requests` and
`commands` also make what the rules should mind, and say who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias, TypeVar

import attrs
from hypothesis import strategies as st

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LOG_TABLES
from crm_domain.reads import GetDashboard, Select
from crm_domain.schema import DEFAULT, INT64_MAX, Table

from .pools import WHERES
from .stored import OWNER, owned
from .strategies import emails
from .values import amounts, column_values, payment_ids, payment_refs, plain_json

T = TypeVar("T")
C = TypeVar("C", bound=c.CreateRow)

Strategies: TypeAlias = Mapping[str, st.SearchStrategy[Any]]
"""A strategy for each argument."""


def _asked(
    kind: type[T], arguments: Strategies, narrowed: Strategies, owner: Iterable[str] = OWNER
) -> st.SearchStrategy[T]:
    """Return a strategy for commands of one kind.

    Raises:
        TypeError: The kind does not take one of the arguments that are *narrowed*; the message lists those that it takes.
    """
    _check_names(kind, narrowed)
    return owned(kind, {**arguments, **narrowed}, owner)


def _check_names(kind: type[Any], narrowed: Iterable[str]) -> None:
    known = [a.name for a in attrs.fields(kind) if a.init]
    for name in narrowed:
        if name not in known:
            raise TypeError(f"{kind.__name__} has no argument {name!r}; it has {', '.join(known)}")


# --- rows -----------------------------------------------------------------------------------


def creations(kind: type[C], **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[C]:
    """Return a strategy for one of the six commands that store a row.

    Args:
        kind: The command, such as `crm_domain.CreateRecording`.
        columns: Strategies for columns of its table.

    Raises:
        TypeError: There is no such column; the message lists what there is.
    """
    table = kind.table
    owner = [name for name in OWNER if name in table.by_name]
    left_out = {column.name for column in table.columns if column.default is DEFAULT}
    others = {
        name: st.just(DEFAULT) | column_values(table, name) if name in left_out else column_values(table, name)
        for name in table.by_name
        if name not in owner
    }
    return _asked(kind, others, columns, owner)


def create_job_requests(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[c.CreateJobRequest]:
    """Return a strategy for commands that store a CRM user's job application."""
    return creations(c.CreateJobRequest, **columns)


def create_recordings(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[c.CreateRecording]:
    """Return a strategy for commands that store a CRM user's recording."""
    return creations(c.CreateRecording, **columns)


def upload_resumes(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[c.UploadResume]:
    """Return a strategy for commands that store a CRM user's resume."""
    return creations(c.UploadResume, **columns)


def create_regular_job_requests(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[c.CreateRegularJobRequest]:
    """Return a strategy for commands that store a regular user's job application."""
    return creations(c.CreateRegularJobRequest, **columns)


def create_regular_recordings(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[c.CreateRegularRecording]:
    """Return a strategy for commands that store a regular user's recording."""
    return creations(c.CreateRegularRecording, **columns)


def upload_regular_resumes(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[c.UploadRegularResume]:
    """Return a strategy for commands that store a regular user's resume."""
    return creations(c.UploadRegularResume, **columns)


def updates(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[c.Update]:
    """Return a strategy for commands that change rows: of any table, in up to two columns."""
    return _about_a_table(c.Update, arguments)


def deletions(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[c.Delete]:
    """Return a strategy for commands that delete rows of any table."""
    return _about_a_table(c.Delete, arguments)


def selects(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Select]:
    """Return a strategy for reads of any table."""
    return _about_a_table(Select, arguments)


def _about_a_table(kind: type[T], narrowed: Strategies) -> st.SearchStrategy[T]:
    _check_names(kind, narrowed)
    return narrowed.get("table", st.sampled_from(LOG_TABLES)).flatmap(partial(_about, kind, narrowed))


def _about(kind: type[T], narrowed: Strategies, table: str | Table[Any]) -> st.SearchStrategy[T]:
    of = rows.table_named(table)
    arguments: dict[str, st.SearchStrategy[Any]] = {"where": st.sampled_from(WHERES[of.name])}
    if kind is c.Update:
        names = st.lists(st.sampled_from(list(of.by_name)), min_size=1, max_size=2)
        arguments["set"] = names.flatmap(
            lambda names: st.fixed_dictionaries({name: column_values(of, name) for name in names})
        )
    return st.builds(kind, **{**arguments, **narrowed, "table": st.just(of)})


# --- people and credits ---------------------------------------------------------------------


def registrations(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[c.RegisterUser]:
    """Return a strategy for commands that register a regular user."""
    return _asked(c.RegisterUser, {}, arguments)


def syncs(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[c.SyncCrmUser]:
    """Return a strategy for commands that provision a CRM user, or see them again."""
    return _asked(c.SyncCrmUser, {"payment_details": plain_json()}, arguments)


def record_payments(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[c.RecordPayment]:
    """Return a strategy for deliveries of payments, which repeat."""
    content: Strategies = {"amount": amounts(), "ref": payment_refs(), "id": st.just(DEFAULT) | payment_ids()}
    return _asked(c.RecordPayment, content, arguments, ("user_id",))


# --- counters and dashboards ----------------------------------------------------------------


def track_views(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[c.TrackView]:
    """Return a strategy for commands that count a view."""
    return _asked(c.TrackView, {}, arguments, ("email",))


def track_logins(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[c.TrackLogin]:
    """Return a strategy for commands that note a login."""
    return _asked(c.TrackLogin, {}, arguments, ("email",))


def track_times(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[c.TrackTime]:
    """Return a strategy for commands that add time spent, in seconds."""
    return _asked(c.TrackTime, {"seconds": st.integers(0, INT64_MAX)}, arguments, ("email",))


def trackings(
    *, email: st.SearchStrategy[str | None] | None = None
) -> st.SearchStrategy[c.TrackView | c.TrackLogin | c.TrackTime]:
    """Return a strategy for commands that count a view, a login, or time spent.

    Args:
        email: A strategy for whose it is; by default people's.
    """
    whose = {} if email is None else {"email": email}
    return st.one_of(track_views(**whose), track_logins(**whose), track_times(**whose))


def dashboards(**arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[GetDashboard]:
    """Return a strategy for reads of a dashboard: anyone's, or no one's."""
    return _asked(GetDashboard, {"email": emails()}, arguments, ())
