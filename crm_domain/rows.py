"""What is stored: one class per table, with the document's names, order and types.

The tables of the "Table Structure" section stand first to last as the document has them.
Before them come the two that it only mentions (``auth.users`` and ``profiles``), after them
the regular users' tables of its comparison, the payments, and the credit ledger.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import define

from .ids import Email, RowId, UserId
from .schema import COUNT_MAX, DEFAULT, ColumnType, Index, Table, column, table_of
from .values import Json
from .wording import unknown

TEXT, UUID, INTEGER, BIGINT = ColumnType.TEXT, ColumnType.UUID, ColumnType.INTEGER, ColumnType.BIGINT
BOOLEAN, TIMESTAMPTZ, JSONB, NUMERIC = ColumnType.BOOLEAN, ColumnType.TIMESTAMPTZ, ColumnType.JSONB, ColumnType.NUMERIC

RECORDING_STATUSES: Final = ("processing", "completed", "failed")
"""What ``status`` of a recording may be."""

GRANT_SOURCES: Final = ("initial", "payment", "adjustment")
"""Where credits come from."""

KEY_LENGTH_MAX: Final = 255
"""How many characters a payment's reference or an idempotency key may have; it has one at least."""

_USERS: Final = ("auth.users", "id")
_CRM: Final = ("digital_resume_by_CRM", "email")


@define(weakref_slot=False)
class AuthUser:
    """A person, as the authentication service knows them."""

    id: UserId = column(UUID, key=True)
    email: Email = column(TEXT, not_null=True)
    created_at: datetime = column(TIMESTAMPTZ, default=DEFAULT, not_null=True)


@define(weakref_slot=False)
class Profile:
    """A person's balance, the leading one of the two."""

    user_id: UserId = column(UUID, key=True, references=_USERS, owner=True)
    credits_remaining: int = column(INTEGER, default=0, not_null=True, not_negative=True, most=COUNT_MAX)
    created_at: datetime = column(TIMESTAMPTZ, default=DEFAULT, not_null=True)
    updated_at: datetime = column(TIMESTAMPTZ, default=DEFAULT, not_null=True)


@define(weakref_slot=False)
class CrmUser:
    """A CRM user; ``credits_remaining`` mirrors the profile's."""

    email: Email = column(TEXT, key=True)
    user_id: UserId = column(UUID, not_null=True, references=_USERS, owner=True)
    credits_remaining: int = column(INTEGER, default=4, not_null=True, not_negative=True, most=COUNT_MAX)
    payment_details: Json = column(JSONB)
    user_created_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)
    last_sync_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)
    is_active: bool = column(BOOLEAN, default=True, not_null=True)


@define(weakref_slot=False)
class CrmJobRequest:
    """A CRM user's job application."""

    id: RowId = column(UUID, default=DEFAULT, key=True)
    email: Email | None = column(TEXT, not_null_if_valid=True, references=_CRM, owner=True)
    user_id: UserId | None = column(UUID, not_null_if_valid=True, references=_USERS, owner=True)
    job_title: str | None = column(TEXT)
    company_name: str | None = column(TEXT)
    job_description: str | None = column(TEXT)
    job_url: str | None = column(TEXT)
    application_status: str | None = column(TEXT)
    applied_date: datetime | None = column(TIMESTAMPTZ)
    resume_url: str | None = column(TEXT)
    cover_letter: str | None = column(TEXT)
    created_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)
    updated_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)


@define(weakref_slot=False)
class CrmRecording:
    """A CRM user's video recording; ``duration`` in seconds, ``file_size`` in bytes."""

    id: RowId = column(UUID, default=DEFAULT, key=True)
    email: Email | None = column(TEXT, not_null_if_valid=True, references=_CRM, owner=True)
    user_id: UserId | None = column(UUID, not_null_if_valid=True, references=_USERS, owner=True)
    job_request_id: RowId | None = column(UUID, references=("crm_job_requests", "id"))
    video_url: str | None = column(TEXT)
    thumbnail_url: str | None = column(TEXT)
    duration: int | None = column(INTEGER, not_negative=True)
    file_size: int | None = column(BIGINT, not_negative=True)
    recording_date: datetime | None = column(TIMESTAMPTZ)
    transcription: str | None = column(TEXT)
    status: str | None = column(TEXT, default="processing", not_null_if_valid=True, one_of=RECORDING_STATUSES)
    created_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)
    updated_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)


@define(weakref_slot=False)
class CrmResume:
    """A CRM user's resume; ``file_size`` in bytes."""

    id: RowId = column(UUID, default=DEFAULT, key=True)
    email: Email | None = column(TEXT, not_null_if_valid=True, references=_CRM, owner=True)
    user_id: UserId | None = column(UUID, not_null_if_valid=True, references=_USERS, owner=True)
    resume_name: str | None = column(TEXT)
    resume_url: str = column(TEXT, not_null=True)
    file_type: str | None = column(TEXT)
    file_size: int | None = column(BIGINT, not_negative=True)
    parsed_data: Json = column(JSONB)
    is_primary: bool | None = column(BOOLEAN, default=False, not_null_if_valid=True)
    is_active: bool | None = column(BOOLEAN, default=True, not_null_if_valid=True)
    created_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)
    updated_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)


@define(weakref_slot=False)
class CrmDashboardStats:
    """A CRM user's lifetime counters; ``total_time_spent`` in seconds."""

    id: RowId = column(UUID, default=DEFAULT, key=True)
    email: Email = column(TEXT, not_null=True, references=_CRM, owner=True)
    user_id: UserId = column(UUID, not_null=True, references=_USERS, owner=True)
    total_applications: int = column(INTEGER, default=0, not_null=True, not_negative=True, most=COUNT_MAX)
    total_recordings: int = column(INTEGER, default=0, not_null=True, not_negative=True, most=COUNT_MAX)
    total_resumes: int = column(INTEGER, default=0, not_null=True, not_negative=True, most=COUNT_MAX)
    total_views: int = column(INTEGER, default=0, not_null=True, not_negative=True, most=COUNT_MAX)
    last_application_date: datetime | None = column(TIMESTAMPTZ)
    last_recording_date: datetime | None = column(TIMESTAMPTZ)
    last_login_date: datetime | None = column(TIMESTAMPTZ)
    total_time_spent: int = column(INTEGER, default=0, not_null=True, not_negative=True)
    created_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)
    updated_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)


@define(weakref_slot=False)
class JobRequest:
    """A regular user's job application."""

    id: RowId = column(UUID, default=DEFAULT, key=True)
    user_id: UserId | None = column(UUID, not_null_if_valid=True, references=_USERS, owner=True)
    job_title: str | None = column(TEXT)
    company_name: str | None = column(TEXT)
    job_description: str | None = column(TEXT)
    job_url: str | None = column(TEXT)
    application_status: str | None = column(TEXT)
    applied_date: datetime | None = column(TIMESTAMPTZ)
    resume_url: str | None = column(TEXT)
    cover_letter: str | None = column(TEXT)
    created_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)
    updated_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)


@define(weakref_slot=False)
class Recording:
    """A regular user's video recording; ``duration`` in seconds, ``file_size`` in bytes."""

    id: RowId = column(UUID, default=DEFAULT, key=True)
    user_id: UserId | None = column(UUID, not_null_if_valid=True, references=_USERS, owner=True)
    job_request_id: RowId | None = column(UUID, references=("job_requests", "id"))
    video_url: str | None = column(TEXT)
    thumbnail_url: str | None = column(TEXT)
    duration: int | None = column(INTEGER, not_negative=True)
    file_size: int | None = column(BIGINT, not_negative=True)
    recording_date: datetime | None = column(TIMESTAMPTZ)
    transcription: str | None = column(TEXT)
    status: str | None = column(TEXT, default="processing", not_null_if_valid=True, one_of=RECORDING_STATUSES)
    created_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)
    updated_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)


@define(weakref_slot=False)
class Resume:
    """A regular user's resume; ``file_size`` in bytes."""

    id: RowId = column(UUID, default=DEFAULT, key=True)
    user_id: UserId | None = column(UUID, not_null_if_valid=True, references=_USERS, owner=True)
    resume_name: str | None = column(TEXT)
    resume_url: str = column(TEXT, not_null=True)
    file_type: str | None = column(TEXT)
    file_size: int | None = column(BIGINT, not_negative=True)
    parsed_data: Json = column(JSONB)
    is_primary: bool | None = column(BOOLEAN, default=False, not_null_if_valid=True)
    is_active: bool | None = column(BOOLEAN, default=True, not_null_if_valid=True)
    created_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)
    updated_at: datetime | None = column(TIMESTAMPTZ, default=DEFAULT)


@define(weakref_slot=False)
class Payment:
    """A payment that was credited; ``amount`` in US dollars, ``credits`` what it gave."""

    id: RowId = column(UUID, default=DEFAULT, key=True)
    user_id: UserId = column(UUID, not_null=True, references=("profiles", "user_id"), owner=True)
    ref: str = column(TEXT, not_null=True, length_max=KEY_LENGTH_MAX)
    amount: Decimal = column(NUMERIC, not_null=True)
    credits: int = column(INTEGER, not_null=True)
    created_at: datetime = column(TIMESTAMPTZ, default=DEFAULT, not_null=True)


@define(weakref_slot=False)
class CreditGrant:
    """Credits from one source, consumed oldest first; the ledger outlives deletes.

    ``credits`` were granted, and are ``remaining``, ``consumed`` (net of refunds) or ``voided``.
    ``number`` counts the person's grants from 1. ``email`` is the address of an initial grant,
    ``payment_id`` the payment of a paid one.
    """

    id: str = column(TEXT, key=True)
    user_id: UserId = column(UUID, not_null=True, references=("profiles", "user_id"), owner=True)
    number: int = column(INTEGER, not_null=True)
    source: str = column(TEXT, not_null=True, one_of=GRANT_SOURCES)
    email: Email | None = column(TEXT)
    payment_id: RowId | None = column(UUID, references=("payments", "id"))
    credits: int = column(INTEGER, not_null=True, not_negative=True)
    remaining: int = column(INTEGER, not_null=True, not_negative=True)
    consumed: int = column(INTEGER, default=0, not_null=True, not_negative=True)
    voided: int = column(INTEGER, default=0, not_null=True, not_negative=True)
    created_at: datetime = column(TIMESTAMPTZ, default=DEFAULT, not_null=True)


@define(weakref_slot=False)
class CreditConsumption:
    """Which grant paid for a recording; no grant where the seed's holes let one be made for nothing.

    ``id`` is given by `crm_domain.credits.consumption_of`: a recording's own id is not enough,
    because a regular recording may have it too, and another one after a delete.
    ``completed_at`` is when the recording was first completed: from then on its video is fixed.
    ``refunded_at`` is when the credit went back to its grant.
    """

    id: str = column(TEXT, key=True)
    recording_id: RowId = column(UUID, not_null=True)
    user_id: UserId | None = column(UUID)
    grant_id: str | None = column(TEXT, references=("credit_grants", "id"))
    created_at: datetime = column(TIMESTAMPTZ, default=DEFAULT, not_null=True)
    completed_at: datetime | None = column(TIMESTAMPTZ)
    refunded_at: datetime | None = column(TIMESTAMPTZ)


@define(weakref_slot=False)
class IdempotencyKey:
    """A command that was accepted under a key, so that a retry gets the same answer."""

    id: str = column(TEXT, key=True)
    user_id: UserId | None = column(UUID)
    key: str = column(TEXT, not_null=True, length_max=KEY_LENGTH_MAX)
    fingerprint: str = column(TEXT, not_null=True)
    answer: Json = column(JSONB, not_null=True)
    created_at: datetime = column(TIMESTAMPTZ, default=DEFAULT, not_null=True)


_EMAIL, _USER_ID, _CREATED_AT = Index(columns=("email",)), Index(columns=("user_id",)), Index(columns=("created_at",))
_JOB = Index(columns=("job_request_id",))
_PRIMARY = Index(columns=("is_primary",))
_ONE_PRIMARY = Index(
    name="primary", columns=("user_id",), unique=True, where=("is_primary", "=", True), safeguard="one_primary"
)

AUTH_USERS: Final = table_of(
    AuthUser,
    "auth.users",
    section="CRM User Creation Flow",
    purpose="People",
    indexes=(Index(columns=("email",), unique=True),),
)
PROFILES: Final = table_of(
    Profile, "profiles", section="Recording Creation Flow", purpose="The leading balance", changing=True
)
CRM_USERS: Final = table_of(
    CrmUser,
    "digital_resume_by_CRM",
    section="1. digital_resume_by_CRM (Main CRM User Table)",
    purpose="Main tracking table for CRM users",
    indexes=(Index(columns=("user_id",), unique=True), Index(columns=("user_created_at",))),
    changing=True,
)
CRM_JOB_REQUESTS: Final = table_of(
    CrmJobRequest,
    "crm_job_requests",
    section="2. crm_job_requests (CRM User Job Applications)",
    purpose="Store job applications for CRM users",
    indexes=(_EMAIL, _USER_ID, _CREATED_AT),
)
CRM_RECORDINGS: Final = table_of(
    CrmRecording,
    "crm_recordings",
    section="3. crm_recordings (CRM User Video Recordings)",
    purpose="Store video recordings for CRM users",
    indexes=(_EMAIL, _USER_ID, _CREATED_AT, _JOB),
)
CRM_RESUMES: Final = table_of(
    CrmResume,
    "crm_resumes",
    section="4. crm_resumes (CRM User Resumes)",
    purpose="Store resumes for CRM users",
    indexes=(_EMAIL, _USER_ID, _CREATED_AT, _PRIMARY, _ONE_PRIMARY),
)
CRM_DASHBOARD_STATS: Final = table_of(
    CrmDashboardStats,
    "crm_dashboard_stats",
    section="5. crm_dashboard_stats (CRM User Dashboard Statistics)",
    purpose="Track dashboard statistics for CRM users",
    indexes=(Index(columns=("email",), unique=True), _USER_ID, _CREATED_AT),
    changing=True,
)
JOB_REQUESTS: Final = table_of(
    JobRequest,
    "job_requests",
    section="Comparison: Regular Users vs CRM Users",
    purpose="Store job applications for regular users",
    indexes=(_USER_ID, _CREATED_AT),
)
RECORDINGS: Final = table_of(
    Recording,
    "recordings",
    section="Comparison: Regular Users vs CRM Users",
    purpose="Store video recordings for regular users",
    indexes=(_USER_ID, _CREATED_AT, _JOB),
)
RESUMES: Final = table_of(
    Resume,
    "resumes",
    section="Comparison: Regular Users vs CRM Users",
    purpose="Store resumes for regular users",
    indexes=(_USER_ID, _CREATED_AT, _PRIMARY, _ONE_PRIMARY),
)
PAYMENTS: Final = table_of(
    Payment,
    "payments",
    section="Comparison: Regular Users vs CRM Users",
    purpose="Payments that were credited",
    indexes=(Index(columns=("ref",), unique=True, safeguard="idempotent_payment"), _USER_ID, _CREATED_AT),
)
CREDIT_GRANTS: Final = table_of(
    CreditGrant,
    "credit_grants",
    section="Credit Consumption",
    purpose="The ledger: where credits come from",
    indexes=(
        Index(columns=("user_id", "number"), unique=True),
        _USER_ID,
        _EMAIL,
        Index(columns=("payment_id",)),
        Index(name="open", columns=("user_id",), where=("remaining", ">", 0), order="number"),
    ),
    changing=True,
)
CREDIT_CONSUMPTIONS: Final = table_of(
    CreditConsumption,
    "credit_consumptions",
    section="Credit Consumption",
    purpose="The ledger: what paid for which recording",
    indexes=(_USER_ID,),
)
IDEMPOTENCY_KEYS: Final = table_of(
    IdempotencyKey,
    "idempotency_keys",
    section="Recording Creation Flow",
    purpose="Commands that were accepted under a key",
)

TABLES: Final[dict[str, Table[Any]]] = {
    t.name: t
    for t in (
        AUTH_USERS,
        PROFILES,
        CRM_USERS,
        CRM_JOB_REQUESTS,
        CRM_RECORDINGS,
        CRM_RESUMES,
        CRM_DASHBOARD_STATS,
        JOB_REQUESTS,
        RECORDINGS,
        RESUMES,
        PAYMENTS,
        CREDIT_GRANTS,
        CREDIT_CONSUMPTIONS,
        IDEMPOTENCY_KEYS,
    )
}
"""Every table by the document's name, in an order in which each comes after what it references."""

CRM_TABLES: Final = (CRM_USERS, CRM_JOB_REQUESTS, CRM_RECORDINGS, CRM_RESUMES, CRM_DASHBOARD_STATS)
"""The five CRM tables of the document, in its order."""

REGULAR_TABLES: Final = (JOB_REQUESTS, RECORDINGS, RESUMES)
"""The regular users' tables of the document's comparison."""


def table_named(name: str | Table[Any]) -> Table[Any]:
    """Return the table of this name: the document's, or ``crm_users`` for its main table.

    Raises:
        TypeError: *name* is neither text nor a table.
        ValueError: There is no such table; the message lists what there is.
    """
    if isinstance(name, Table):
        return name
    if not isinstance(name, str):
        raise TypeError(f"table: expected the name of a table, got {type(name).__name__}")
    table = CRM_USERS if name == "crm_users" else TABLES.get(name)
    if table is None:
        raise ValueError(f"table: {unknown(name, ['crm_users', *TABLES])}")
    return table
