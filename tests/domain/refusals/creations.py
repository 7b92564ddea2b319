"""Ways to break a rule with the six commands that store a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from crm_domain import (
    SERVICE,
    CheckViolation,
    CreateJobRequest,
    CreateRecording,
    CreateRegularJobRequest,
    CreateRegularRecording,
    ForeignKeyViolation,
    InsufficientCredits,
    NotNullViolation,
    RlsViolation,
    UniqueViolation,
    UploadRegularResume,
    UploadResume,
)
from crm_domain.commands import Creation

from .scenes import (
    AMY,
    AS_AMY,
    AS_RITA,
    AS_STRANGER,
    BOB,
    KEY_USED,
    NO_ROW,
    RITA,
    RON,
    SIGNED_OUT,
    SIGNED_OUT_WITH_KEY,
    STRANGER,
    STRANGER_WITH_RESUME,
    Breach,
    Scene,
    deactivate,
    empty_purses,
    refusal,
    row_id,
)


def _values_of(table: str, text: str, *others: Breach) -> tuple[Breach, ...]:
    """Return what any table's values may break: missing ones, then bad ones, then the id that is taken."""
    missing = (o for o in others if o.refusal[0] is NotNullViolation)
    bad = (o for o in others if o.refusal[0] is CheckViolation)
    return (
        Breach("no id", refusal(NotNullViolation, "id"), {"id": None}),
        *missing,
        Breach("a NUL character", refusal(CheckViolation, text), {text: "\0"}),
        *bad,
        Breach("id taken", refusal(UniqueViolation, "id"), {"id": row_id(table, "bob")}),
    )


_RECORDING: Final = (
    Breach("no status", refusal(NotNullViolation, "status", "valid_values"), {"status": None}, seed=None),
    Breach("unknown status", refusal(CheckViolation, "status", "valid_values"), {"status": "banana"}, seed=None),
    Breach("negative duration", refusal(CheckViolation, "duration", "valid_values"), {"duration": -1}, seed=None),
    Breach("a size above 64 bits", refusal(CheckViolation, "file_size"), {"file_size": 2**63}),
)
_RESUME: Final = (
    Breach("no url", refusal(NotNullViolation, "resume_url"), {"resume_url": None}),
    Breach("no choice", refusal(NotNullViolation, "is_active", "valid_values"), {"is_active": None}, seed=None),
    Breach("negative size", refusal(CheckViolation, "file_size", "valid_values"), {"file_size": -1}, seed=None),
    Breach("half a character", refusal(CheckViolation, "parsed_data"), {"parsed_data": {"name": ["\ud800"]}}),
)
SECOND_PRIMARY: Final = Breach(
    "second primary", refusal(UniqueViolation, "is_primary", "one_primary"), {"is_primary": True}, seed=None
)
_NO_CREDITS: Final = Breach("no credits", refusal(InsufficientCredits), world=empty_purses)


def unknown_job(place: str) -> Breach:
    return Breach(
        "unknown job request",
        refusal(ForeignKeyViolation, "job_request_id", "same_owner_reference"),  # as another's: both look the same
        {place: NO_ROW},
        seed=refusal(ForeignKeyViolation, "job_request_id"),
    )


def _jobs(table: str) -> tuple[Breach, ...]:
    others = "cat" if table.startswith("crm_") else "ron"
    return (
        Breach(
            "another's job request",
            refusal(ForeignKeyViolation, "job_request_id", "same_owner_reference"),
            {"job_request_id": row_id(table, others)},
            seed=None,
        ),
        unknown_job("job_request_id"),
    )


def of_crm(
    command: Callable[..., Creation], table: str, text: str, *values: Breach, last: tuple[Breach, ...] = ()
) -> Scene:
    of_nobody = refusal(InsufficientCredits) if _NO_CREDITS in last else None
    unique = tuple(b for b in last if b is SECOND_PRIMARY)
    owner_missing = (
        Breach(
            "no user",
            refusal(NotNullViolation, "user_id", "valid_values"),
            {"principal": SERVICE, "user_id": None},
            seed=of_nobody,
        ),
        Breach("no address", refusal(NotNullViolation, "email", "valid_values"), {"email": None}, seed=None),
    )
    return Scene(
        name=table,
        command=command,
        stands={"principal": AS_AMY, "user_id": AMY, "email": "amy@example.com", "resume_url": "/cv.pdf"}
        if command is UploadResume
        else {"principal": AS_AMY, "user_id": AMY, "email": "amy@example.com"},
        breaches=(
            SIGNED_OUT,
            Breach("another's row", refusal(RlsViolation, "user_id"), {"user_id": BOB}),
            Breach("nobody's row", refusal(RlsViolation, "user_id"), {"principal": AS_AMY, "user_id": None}),
            Breach(
                "deactivated", refusal(RlsViolation, None, "active_only"), {"principal": AS_AMY}, deactivate, seed=None
            ),
            *_values_of(table, text, *owner_missing, *values),
            *unique,
            KEY_USED,
            Breach(
                "unknown address",
                refusal(ForeignKeyViolation, "email", "owner_pair"),
                {"email": "nobody@example.com"},
                seed=refusal(ForeignKeyViolation, "email"),
            ),
            Breach(
                "another's address",
                refusal(ForeignKeyViolation, "email", "owner_pair"),
                {"email": "cat@example.com"},
                seed=None,
            ),
            Breach(
                "unknown user",
                refusal(ForeignKeyViolation, "email", "owner_pair"),
                {"principal": AS_STRANGER, "user_id": STRANGER},
                seed=refusal(ForeignKeyViolation, "user_id"),
            ),
            *(b for b in last if b not in unique),
        ),
        never_together=SIGNED_OUT_WITH_KEY | (STRANGER_WITH_RESUME if unique else {}),
    )


def of_regular(
    command: Callable[..., Creation], table: str, text: str, *values: Breach, last: tuple[Breach, ...] = ()
) -> Scene:
    of_nobody = refusal(InsufficientCredits) if _NO_CREDITS in last else None
    unique = tuple(b for b in last if b is SECOND_PRIMARY)
    owner = (
        Breach(
            "no user",
            refusal(NotNullViolation, "user_id", "valid_values"),
            {"principal": SERVICE, "user_id": None},
            seed=of_nobody,
        ),
        Breach(
            "a CRM user's row, by the service",
            refusal(CheckViolation, "user_id", "separate_populations"),
            {"principal": SERVICE, "user_id": AMY},
            seed=None,
        ),
    )
    return Scene(
        name=table,
        command=command,
        stands={"principal": AS_RITA, "user_id": RITA, "resume_url": "/cv.pdf"}
        if command is UploadRegularResume
        else {"principal": AS_RITA, "user_id": RITA},
        breaches=(
            SIGNED_OUT,
            Breach("another's row", refusal(RlsViolation, "user_id"), {"user_id": RON}),
            Breach("nobody's row", refusal(RlsViolation, "user_id"), {"principal": AS_RITA, "user_id": None}),
            Breach(
                "a CRM user's row",
                refusal(RlsViolation, "user_id", "separate_populations"),
                {"principal": AS_AMY, "user_id": AMY},
                seed=None,
            ),
            Breach(
                "deactivated",
                refusal(RlsViolation, None, "active_only"),
                {"principal": AS_AMY, "user_id": AMY},
                deactivate,
                seed=None,
            ),
            *_values_of(table, text, *owner, *values),
            *unique,
            KEY_USED,
            Breach(
                "unknown user",
                refusal(ForeignKeyViolation, "user_id"),
                {"principal": AS_STRANGER, "user_id": STRANGER},
            ),
            *(b for b in last if b not in unique),
        ),
        never_together=SIGNED_OUT_WITH_KEY | (STRANGER_WITH_RESUME if unique else {}),
    )


CREATIONS: Final = (
    of_crm(CreateJobRequest, "crm_job_requests", "job_title"),
    of_crm(
        CreateRecording,
        "crm_recordings",
        "video_url",
        *_RECORDING,
        last=(*_jobs("crm_job_requests"), _NO_CREDITS),
    ),
    of_crm(UploadResume, "crm_resumes", "resume_name", *_RESUME, last=(SECOND_PRIMARY,)),
    of_regular(CreateRegularJobRequest, "job_requests", "job_title"),
    of_regular(
        CreateRegularRecording, "recordings", "video_url", *_RECORDING, last=(*_jobs("job_requests"), _NO_CREDITS)
    ),
    of_regular(UploadRegularResume, "resumes", "resume_name", *_RESUME, last=(SECOND_PRIMARY,)),
)
