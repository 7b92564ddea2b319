"""Ways to break a rule with an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from crm_domain import (
    SERVICE,
    CheckViolation,
    Conflict,
    ForeignKeyViolation,
    NotNullViolation,
    PermissionDenied,
    RlsViolation,
    UniqueViolation,
    Update,
)
from crm_domain.schema import COUNT_MAX

from .creations import SECOND_PRIMARY, unknown_job
from .scenes import (
    AMY,
    AS_AMY,
    AS_RITA,
    BOB,
    KEY_USED,
    NO_ROW,
    NOON,
    RON,
    SIGNED_OUT,
    SIGNED_OUT_WITH_KEY,
    STRANGER,
    Breach,
    Scene,
    deactivate,
    refusal,
    row_id,
)

if TYPE_CHECKING:
    from tests.domain.conftest import World


def _update(name: str, stands: Mapping[str, Any], *breaches: Breach, **more: Any) -> Scene:
    return Scene(
        name=f"update {name}",
        command=Update,
        stands=stands,
        breaches=(SIGNED_OUT, *breaches),
        never_together=SIGNED_OUT_WITH_KEY,
        **more,
    )


def _set_recording(status: str) -> Callable[[World], object]:
    where = {"id": row_id("crm_recordings", "amy")}
    return lambda world: world.service.update(table="crm_recordings", where=where, set={"status": status})


UPDATES: Final = (
    _update(
        "one's recording",
        {
            "principal": AS_AMY,
            "table": "crm_recordings",
            "where.id": row_id("crm_recordings", "amy"),
            "set.thumbnail_url": "https://example.com/1.png",
        },
        Breach(
            "given away",
            refusal(PermissionDenied, "user_id", "immutable_owner"),
            {"principal": AS_AMY, "set.user_id": BOB},
            seed=refusal(RlsViolation, "user_id"),
        ),
        Breach(
            "another's address",
            refusal(PermissionDenied, "email", "immutable_owner"),
            {"principal": AS_AMY, "set.email": "cat@example.com"},
            seed=None,
        ),
        Breach(
            "unknown address",
            refusal(PermissionDenied, "email", "immutable_owner"),
            {"principal": AS_AMY, "set.email": "nobody@example.com"},
            seed=refusal(ForeignKeyViolation, "email"),
        ),
        Breach(
            "given away by the service",
            refusal(CheckViolation, "user_id", "immutable_owner"),
            {"principal": SERVICE, "set.user_id": BOB},
            seed=None,
        ),
        Breach(
            "given to nobody known",
            refusal(CheckViolation, "user_id", "immutable_owner"),
            {"principal": SERVICE, "set.user_id": STRANGER},
            seed=refusal(ForeignKeyViolation, "user_id"),
        ),
        Breach(
            "no user",
            refusal(CheckViolation, "user_id", "immutable_owner"),
            {"principal": SERVICE, "set.user_id": None},
            seed=None,
        ),
        Breach("deactivated", refusal(RlsViolation, None, "active_only"), {"principal": AS_AMY}, deactivate, seed=None),
        Breach("no id", refusal(NotNullViolation, "id"), {"set.id": None}),
        Breach("no status", refusal(NotNullViolation, "status", "valid_values"), {"set.status": None}, seed=None),
        Breach("a NUL character", refusal(CheckViolation, "transcription"), {"set.transcription": "\0"}),
        Breach("negative size", refusal(CheckViolation, "file_size", "valid_values"), {"set.file_size": -1}, seed=None),
        Breach("a duration above 64 bits", refusal(CheckViolation, "duration"), {"set.duration": 2**63}),
        Breach(
            "unknown status", refusal(CheckViolation, "status", "valid_values"), {"set.status": "banana"}, seed=None
        ),
        Breach("another id", refusal(CheckViolation, "id"), {"set.id": NO_ROW}),
        Breach(
            "another video, though it is completed",
            refusal(CheckViolation, "video_url", "paid_media_immutable"),
            {"set.video_url": "https://example.com/2.mp4"},
            _set_recording("completed"),
            seed=None,
        ),
        Breach(
            "completed, though it is refunded",
            refusal(CheckViolation, "status"),
            {"set.status": "completed"},
            _set_recording("failed"),
        ),
        KEY_USED,
        Breach(
            "another's job request",
            refusal(ForeignKeyViolation, "job_request_id", "same_owner_reference"),
            {"set.job_request_id": row_id("crm_job_requests", "cat")},
            seed=None,
        ),
        unknown_job("set.job_request_id"),
    ),
    _update(
        "a regular recording",
        {"principal": AS_RITA, "table": "recordings", "set.thumbnail_url": "https://example.com/1.png"},
        Breach(
            "given away",
            refusal(PermissionDenied, "user_id", "immutable_owner"),
            {"set.user_id": RON},
            seed=refusal(RlsViolation, "user_id"),
        ),
        Breach(
            "of a CRM user",
            refusal(RlsViolation, "user_id", "separate_populations"),
            {"principal": AS_AMY},
            seed=None,
        ),
        Breach("deactivated", refusal(RlsViolation, None, "active_only"), {"principal": AS_AMY}, deactivate, seed=None),
        Breach("no id", refusal(NotNullViolation, "id"), {"set.id": None}),
        Breach("a NUL character", refusal(CheckViolation, "transcription"), {"set.transcription": "\0"}),
        KEY_USED,
        unknown_job("set.job_request_id"),
    ),
    _update(
        "one's resume",
        {
            "principal": AS_AMY,
            "table": "crm_resumes",
            "where.is_primary": False,
            "set.file_type": "pdf",
        },
        Breach(
            "given away",
            refusal(PermissionDenied, "user_id", "immutable_owner"),
            {"set.user_id": BOB},
            seed=refusal(RlsViolation, "user_id"),
        ),
        Breach("deactivated", refusal(RlsViolation, None, "active_only"), {"principal": AS_AMY}, deactivate, seed=None),
        Breach("no url", refusal(NotNullViolation, "resume_url"), {"set.resume_url": None}),
        Breach("no choice", refusal(NotNullViolation, "is_active", "valid_values"), {"set.is_active": None}, seed=None),
        Breach("half a character", refusal(CheckViolation, "parsed_data"), {"set.parsed_data": {"\ud800": 1}}),
        Breach("negative size", refusal(CheckViolation, "file_size", "valid_values"), {"set.file_size": -1}, seed=None),
        attrs.evolve(SECOND_PRIMARY, wants={"set.is_primary": True}),
        KEY_USED,
        world=lambda world: world.by("amy").upload_resume(resume_url="https://example.com/other.pdf"),
    ),
    _update(
        "the main table",
        {
            "principal": SERVICE,
            "table": "crm_users",
            "where.email": "amy@example.com",
            "set.last_sync_at": NOON,
        },
        Breach("a user", refusal(PermissionDenied, None, "tracking_read_only"), {"principal": AS_AMY}, seed=None),
        Breach(
            "given away by a user",
            refusal(PermissionDenied, None, "tracking_read_only"),
            {"principal": AS_AMY, "set.user_id": BOB},
            seed=refusal(RlsViolation, "user_id"),
        ),
        Breach(
            "another CRM user's",
            refusal(CheckViolation, "user_id", "immutable_owner"),
            {"principal": SERVICE, "set.user_id": BOB},
            seed=refusal(UniqueViolation, "user_id"),
        ),
        Breach(
            "nobody's",
            refusal(CheckViolation, "user_id", "immutable_owner"),
            {"principal": SERVICE, "set.user_id": STRANGER, "set.credits_remaining": 0},
            seed=refusal(ForeignKeyViolation, "user_id"),
        ),
        Breach("neither active nor not", refusal(NotNullViolation, "is_active"), {"set.is_active": None}),
        Breach("no balance", refusal(NotNullViolation, "credits_remaining"), {"set.credits_remaining": None}),
        Breach("a NUL character", refusal(CheckViolation, "payment_details"), {"set.payment_details": "\0"}),
        Breach(
            "negative balance",
            refusal(CheckViolation, "credits_remaining", "valid_values"),
            {"principal": SERVICE, "set.credits_remaining": -1},
            seed=refusal(Conflict, "credits_remaining"),
        ),
        Breach("another address", refusal(CheckViolation, "email"), {"set.email": "amy@example.org"}),
        Breach(
            "the mirror alone",
            refusal(Conflict, "credits_remaining"),
            {"principal": SERVICE, "set.credits_remaining": 99},
        ),
        KEY_USED,
    ),
    _update(
        "counters",
        {
            "principal": SERVICE,
            "table": "crm_dashboard_stats",
            "where.email": "amy@example.com",
            "set.total_views": 7,
        },
        Breach("a user", refusal(PermissionDenied, None, "stats_read_only"), {"principal": AS_AMY}, seed=None),
        Breach(
            "another's counters",
            refusal(CheckViolation, "email", "immutable_owner"),
            {"principal": SERVICE, "set.email": "bob@example.com"},
            seed=refusal(UniqueViolation, "email"),
        ),
        Breach(
            "nobody's address",
            refusal(CheckViolation, "email", "immutable_owner"),
            {"principal": SERVICE, "set.email": "nobody@example.com"},
            seed=refusal(ForeignKeyViolation, "email"),
        ),
        Breach(
            "nobody's",
            refusal(CheckViolation, "user_id", "immutable_owner"),
            {"principal": SERVICE, "set.user_id": STRANGER},
            seed=refusal(ForeignKeyViolation, "user_id"),
        ),
        Breach("no number", refusal(NotNullViolation, "total_resumes"), {"set.total_resumes": None}),
        Breach("above what is counted", refusal(CheckViolation, "total_views"), {"set.total_views": COUNT_MAX + 1}),
        Breach("above 64 bits", refusal(CheckViolation, "total_time_spent"), {"set.total_time_spent": 2**63}),
        Breach(
            "negative",
            refusal(CheckViolation, "total_recordings", "valid_values"),
            {"set.total_recordings": -1},
            seed=None,
        ),
        Breach("another id", refusal(CheckViolation, "id"), {"set.id": NO_ROW}),
        KEY_USED,
    ),
    _update(
        "a balance",
        {
            "principal": SERVICE,
            "table": "profiles",
            "where.user_id": AMY,
            "set.credits_remaining": 7,
        },
        Breach("a user", refusal(PermissionDenied, None, "profile_read_only"), {"principal": AS_AMY}, seed=None),
        Breach(
            "another person's",
            refusal(CheckViolation, "user_id", "immutable_owner"),
            {"principal": SERVICE, "set.user_id": BOB},
            seed=refusal(CheckViolation, "user_id"),
        ),
        Breach("no balance", refusal(NotNullViolation, "credits_remaining"), {"set.credits_remaining": None}),
        Breach("no time", refusal(NotNullViolation, "created_at"), {"set.created_at": None}),
        Breach("above 64 bits", refusal(CheckViolation, "credits_remaining"), {"set.credits_remaining": 2**63}),
        Breach(
            "negative balance",
            refusal(CheckViolation, "credits_remaining", "valid_values"),
            {"set.credits_remaining": -1},
            seed=None,
        ),
        KEY_USED,
    ),
)
