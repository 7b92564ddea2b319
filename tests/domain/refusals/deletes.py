"""Ways to break a rule with a delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from crm_domain import (
    SERVICE,
    Delete,
    ForeignKeyViolation,
    PermissionDenied,
    RlsViolation,
)
from crm_domain.clocks import label_uuid

from .scenes import (
    AMY,
    AS_AMY,
    AS_RITA,
    KEY_USED,
    SIGNED_OUT,
    SIGNED_OUT_WITH_KEY,
    Breach,
    Scene,
    deactivate,
    refusal,
    row_id,
)

if TYPE_CHECKING:
    from tests.domain.conftest import World


def _spare_job(world: World) -> None:
    world.by("amy").create_job_request(id=label_uuid("spare"))


def _bare_job(world: World) -> None:
    world.by("rita").delete(table="recordings")


def _bare_account(world: World) -> None:
    for table in ("crm_recordings", "crm_job_requests", "crm_resumes", "crm_dashboard_stats"):
        world.service.delete(table=table, where={"user_id": AMY})


def _delete(name: str, stands: Mapping[str, Any], *breaches: Breach, **more: Any) -> Scene:
    return Scene(
        name=f"delete {name}",
        command=Delete,
        stands=stands,
        breaches=(SIGNED_OUT, *breaches),
        never_together=SIGNED_OUT_WITH_KEY,
        **more,
    )


DELETIONS: Final = (
    _delete(
        "one's job request",
        {"principal": AS_AMY, "table": "crm_job_requests", "where.id": label_uuid("spare")},
        Breach("deactivated", refusal(RlsViolation, None, "active_only"), {"principal": AS_AMY}, deactivate, seed=None),
        KEY_USED,
        Breach(
            "it has a recording",
            refusal(ForeignKeyViolation, "id"),
            world=lambda world: world.service.create_recording(
                user_id=AMY, email="amy@example.com", job_request_id=label_uuid("spare")
            ),
        ),
        world=_spare_job,
    ),
    _delete(
        "a regular job request",
        {"principal": AS_RITA, "table": "job_requests"},
        Breach(
            "of a CRM user",
            refusal(RlsViolation, "user_id", "separate_populations"),
            {"principal": AS_AMY},
            seed=refusal(ForeignKeyViolation, "id"),  # Amy's has a recording from the time when she was a regular user
        ),
        Breach(
            "deactivated",
            refusal(RlsViolation, None, "active_only"),
            {"principal": AS_AMY},
            deactivate,
            seed=refusal(ForeignKeyViolation, "id"),
        ),
        KEY_USED,
        Breach(
            "it has a recording",
            refusal(ForeignKeyViolation, "id"),
            world=lambda world: world.by("rita").create_regular_recording(
                job_request_id=row_id("job_requests", "rita")
            ),
        ),
        world=_bare_job,
    ),
    _delete(
        "from the main table",
        {"principal": SERVICE, "table": "digital_resume_by_CRM", "where.user_id": AMY},
        Breach("a user", refusal(PermissionDenied, None, "tracking_read_only"), {"principal": AS_AMY}, seed=None),
        KEY_USED,
        Breach(
            "it has a row",
            refusal(ForeignKeyViolation, "email"),
            world=lambda world: world.by("amy").create_job_request(),
        ),
        world=_bare_account,
    ),
)
