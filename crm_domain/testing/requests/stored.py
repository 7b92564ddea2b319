"""Which rows may be stored? A strategy for each table, made from its declaration.

Each takes strategies for single columns, instead of any value:
``crm_recordings(status=just("completed"))``. Rows hold what their columns take under every
safeguard; whether what they refer to is there too, is for those to say who store them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from crm_domain import rows
from crm_domain.schema import Table

from ..people import PEOPLE
from .values import column_values

T = TypeVar("T")

OWNER: Final = ("user_id", "email")
"""What says whose a row is: of one person, unless one of the two is given."""


@st.composite
def owned(
    draw: st.DrawFn, make: Callable[..., T], values: Mapping[str, st.SearchStrategy[Any]], owner: Iterable[str]
) -> T:
    """Return a strategy for what *make* makes of drawn values.

    Args:
        draw: Hypothesis gives it.
        make: Takes them by name.
        values: A strategy for each value.
        owner: Names of values that come from one person: ``user_id``, ``email``.
    """
    person = draw(st.sampled_from(PEOPLE))
    whose = {name: getattr(person, name) for name in owner if name not in values}
    return make(**whose, **{name: draw(strategy) for name, strategy in values.items()})


def rows_of(table: Table[T], **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[T]:
    """Return a strategy for rows of any table.

    Args:
        table: The table.
        columns: Strategies for columns, instead of any value that they take.

    Raises:
        ValueError: The table has no such column; the message lists what there is.
    """
    for name in columns:
        table.column(name)
    owner = [name for name in OWNER if name in table.by_name and (table.by_name[name].owner or name == table.key)]
    others = {name: column_values(table, name) for name in table.by_name if name not in owner}
    return owned(table.row, others | columns, owner)


# --- people and balances --------------------------------------------------------------------


def auth_users(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.AuthUser]:
    """Return a strategy for people, as the authentication service knows them."""
    return rows_of(rows.AUTH_USERS, **columns)


def profiles(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.Profile]:
    """Return a strategy for profiles, each with a balance."""
    return rows_of(rows.PROFILES, **columns)


def crm_users(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.CrmUser]:
    """Return a strategy for rows of the main table."""
    return rows_of(rows.CRM_USERS, **columns)


# --- CRM users' rows ------------------------------------------------------------------------


def crm_job_requests(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.CrmJobRequest]:
    """Return a strategy for CRM users' job applications."""
    return rows_of(rows.CRM_JOB_REQUESTS, **columns)


def crm_recordings(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.CrmRecording]:
    """Return a strategy for CRM users' recordings."""
    return rows_of(rows.CRM_RECORDINGS, **columns)


def crm_resumes(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.CrmResume]:
    """Return a strategy for CRM users' resumes."""
    return rows_of(rows.CRM_RESUMES, **columns)


def crm_dashboard_stats(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.CrmDashboardStats]:
    """Return a strategy for CRM users' counters."""
    return rows_of(rows.CRM_DASHBOARD_STATS, **columns)


# --- regular users' rows --------------------------------------------------------------------


def job_requests(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.JobRequest]:
    """Return a strategy for regular users' job applications."""
    return rows_of(rows.JOB_REQUESTS, **columns)


def recordings(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.Recording]:
    """Return a strategy for regular users' recordings."""
    return rows_of(rows.RECORDINGS, **columns)


def resumes(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.Resume]:
    """Return a strategy for regular users' resumes."""
    return rows_of(rows.RESUMES, **columns)


# --- payments, and the ledger ---------------------------------------------------------------


def payments(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.Payment]:
    """Return a strategy for payments that were credited."""
    return rows_of(rows.PAYMENTS, **columns)


def credit_grants(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.CreditGrant]:
    """Return a strategy for grants of credits; whether what is left of them adds up is not minded."""
    return rows_of(rows.CREDIT_GRANTS, **columns)


def credit_consumptions(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.CreditConsumption]:
    """Return a strategy for consumptions of credits."""
    return rows_of(rows.CREDIT_CONSUMPTIONS, **columns)


def idempotency_keys(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[rows.IdempotencyKey]:
    """Return a strategy for commands that were accepted under a key."""
    return rows_of(rows.IDEMPOTENCY_KEYS, **columns)
