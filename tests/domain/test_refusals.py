"""Which refusal wins when a command breaks two rules at once?

The order is specified: permission, row policy, missing value, bad value, uniqueness and conflict,
reference, credits. A *scene* is a command that is accepted; a *breach* is the least change to it, or
to the world, that breaks one rule. Breaches stand in the order of precedence, so the upper of two
must win, in both readings; and nothing may have changed. Two refusals of the same rank may come
either way round.

A breach says what it wants in which place: an argument, a column that is set, the principal. Two
breaches that want different things in one place cannot compete (`ONE_PLACE` says why); the few other
pairs that cannot are in the scene's `never_together`, each with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
import pytest
from attrs import field, frozen

from crm_domain import (
    ANON,
    HARDENED,
    SEED,
    SERVICE,
    TABLES,
    Accepted,
    CheckViolation,
    Command,
    Conflict,
    CreateJobRequest,
    CreateRecording,
    CreateRegularJobRequest,
    CreateRegularRecording,
    CreditPolicy,
    Crm,
    Delete,
    ForeignKeyViolation,
    InsufficientCredits,
    InvalidEmail,
    NotNullViolation,
    PermissionDenied,
    RecordPayment,
    Refused,
    RegisterUser,
    RlsViolation,
    Rules,
    SyncCrmUser,
    TrackLogin,
    TrackTime,
    TrackView,
    UniqueViolation,
    Update,
    UploadRegularResume,
    UploadResume,
    user,
)
from crm_domain.commands import Creation
from crm_domain.errors import REFUSALS
from crm_domain.schema import COUNT_MAX, INT64_MAX
from crm_domain.sources import label_uuid

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB, CAT, RITA, RON = map(label_uuid, ("amy", "bob", "cat", "rita", "ron"))
NEW, STRANGER, NO_ROW = map(label_uuid, ("new", "stranger", "no row"))
AS_AMY, AS_RITA, AS_NEW, AS_STRANGER = map(user, (AMY, RITA, NEW, STRANGER))
READINGS: Final = {"HARDENED": HARDENED, "SEED": SEED}
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)

ONE_PLACE: Final = {
    "principal": "a command is executed on behalf of one principal",
    "argument": "an argument has one value",
    "set": "a column is set to one value",
}
"""Why no command can have two breaches that want different things in one place."""

Refusal: TypeAlias = tuple[type[Refused], str | None, str | None]
"""What tells refusals apart here: kind, column and safeguard."""


def refusal(kind: type[Refused], column: str | None = None, safeguard: str | None = None) -> Refusal:
    return (kind, column, safeguard)


@frozen
class Breach:
    """The breaking of one rule.

    Attributes:
        name: What is broken.
        refusal: What is said to it under the hardened rules.
        wants: What it needs in which place of the command.
        world: What has to be done before.
        seed: What the seed says; None where this is one of its holes.
    """

    name: str
    refusal: Refusal
    wants: Mapping[str, Any] = field(factory=dict)
    world: Callable[[World], object] | None = None
    seed: Refusal | None = field(default=attrs.Factory(lambda self: self.refusal, takes_self=True))

    def under(self, reading: str) -> Refusal | None:
        return self.refusal if reading == "HARDENED" else self.seed


@frozen
class Scene:
    """A command that is accepted as it stands, and the ways to break a rule with it."""

    name: str
    command: Callable[..., Command]
    stands: Mapping[str, Any]
    breaches: tuple[Breach, ...]
    world: Callable[[World], object] | None = None
    never_together: Mapping[tuple[str, str], str] = field(factory=dict)

    def arranged(self, world: World, *breaches: Breach) -> Callable[[], Accepted]:
        """Bring the world to where the command is about to be executed, and return its execution."""
        wanted = dict(self.stands)
        for breach in breaches:
            wanted |= breach.wants
        for prepare in (self.world, *(breach.world for breach in breaches)):
            if prepare is not None:
                prepare(world)
        principal, key = wanted.pop("principal"), wanted.pop("key", None)
        if key is not None and principal is not ANON:  # nobody can have used a key
            world.crm.execute(principal, Delete(table="crm_resumes", where={"id": NO_ROW}), key=key)
        command = self.command(**_nested(wanted))
        return lambda: world.crm.execute(principal, command, key=key)

    def why_not_together(self, one: Breach, other: Breach) -> str | None:
        """Say why the two cannot compete; None if they can."""
        for place in one.wants.keys() & other.wants.keys():
            if one.wants[place] != other.wants[place]:
                return ONE_PLACE.get(place.partition(".")[0], ONE_PLACE["argument"])
        return self.never_together.get((one.name, other.name))

    def pairs(self) -> Iterator[tuple[Breach, Breach]]:
        return combinations(self.breaches, 2)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Collect ``set.column`` and ``where.column`` into the mappings that `Update` and `Delete` take."""
    nested: dict[str, Any] = {}
    for place, value in flat.items():
        name, dot, column = place.partition(".")
        if dot:
            nested.setdefault(name, {})[column] = value
        else:
            nested[name] = value
    return nested


def row_id(table: str, name: str) -> str:
    return label_uuid(f"{table} of {name}")


def deactivate(world: World) -> None:
    for name in ("amy", "bob"):
        world.service.deactivate(f"{name}@example.com")


def empty_purses(world: World) -> None:
    for person in (AMY, BOB, RITA, RON):
        world.service.adjust_balance(person, credits=0)


SIGNED_OUT = Breach("nobody signed in", refusal(PermissionDenied), {"principal": ANON})
KEY_USED = Breach("key used for another command", refusal(Conflict), {"key": "used"})
SIGNED_OUT_WITH_KEY: Final = {
    (SIGNED_OUT.name, KEY_USED.name): "nothing is accepted from anon, so anon has never used a key"
}
STRANGER_WITH_RESUME: Final = {
    ("second primary", "unknown user"): "who is not in auth.users has no resume, so this one would be the first"
}


# --- the six creations ----------------------------------------------------------------------


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
_SECOND_PRIMARY: Final = Breach(
    "second primary", refusal(UniqueViolation, "is_primary", "one_primary"), {"is_primary": True}, seed=None
)
_NO_CREDITS: Final = Breach("no credits", refusal(InsufficientCredits), world=empty_purses)


def _unknown_job(place: str) -> Breach:
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
        _unknown_job("job_request_id"),
    )


def of_crm(
    command: Callable[..., Creation], table: str, text: str, *values: Breach, last: tuple[Breach, ...] = ()
) -> Scene:
    of_nobody = refusal(InsufficientCredits) if _NO_CREDITS in last else None
    unique = tuple(b for b in last if b is _SECOND_PRIMARY)
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
    unique = tuple(b for b in last if b is _SECOND_PRIMARY)
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
    of_crm(UploadResume, "crm_resumes", "resume_name", *_RESUME, last=(_SECOND_PRIMARY,)),
    of_regular(CreateRegularJobRequest, "job_requests", "job_title"),
    of_regular(
        CreateRegularRecording, "recordings", "video_url", *_RECORDING, last=(*_jobs("job_requests"), _NO_CREDITS)
    ),
    of_regular(UploadRegularResume, "resumes", "resume_name", *_RESUME, last=(_SECOND_PRIMARY,)),
)


# --- register, sync, pay, track -------------------------------------------------------------

REGISTER: Final = Scene(
    name="register",
    command=RegisterUser,
    stands={"principal": SERVICE, "user_id": NEW, "email": "new@example.com"},
    breaches=(
        SIGNED_OUT,
        Breach("a user", refusal(PermissionDenied), {"principal": AS_NEW}),
        Breach("no user", refusal(NotNullViolation, "id"), {"user_id": None}),
        Breach("no address", refusal(NotNullViolation, "email"), {"email": None}),
        Breach("half a character", refusal(CheckViolation, "email"), {"email": "\udfff@example.com"}),
        Breach("no domain", refusal(InvalidEmail, "email", "one_email"), {"email": "new@"}, seed=None),
        Breach("id taken", refusal(UniqueViolation, "id"), {"user_id": AMY}),
        Breach("address taken", refusal(UniqueViolation, "email"), {"email": "bob@example.com"}),
        KEY_USED,
    ),
    never_together=SIGNED_OUT_WITH_KEY,
)

SYNC: Final = Scene(
    name="sync",
    command=SyncCrmUser,
    stands={"principal": SERVICE, "user_id": NEW, "email": "new@example.com"},
    breaches=(
        SIGNED_OUT,
        Breach("oneself", refusal(PermissionDenied, None, "tracking_read_only"), {"principal": AS_NEW}, seed=None),
        Breach(
            "another's row",
            refusal(PermissionDenied, None, "tracking_read_only"),
            {"principal": AS_STRANGER, "user_id": NEW},
            seed=refusal(RlsViolation, "user_id"),
        ),
        Breach(
            "nobody's row",
            refusal(PermissionDenied, None, "tracking_read_only"),
            {"principal": AS_NEW, "user_id": None},
            seed=refusal(RlsViolation, "user_id"),
        ),
        Breach(
            "another's address",
            refusal(PermissionDenied, None, "tracking_read_only"),
            {"principal": AS_NEW, "user_id": NEW, "email": "bob@example.com"},
            seed=refusal(RlsViolation, "user_id"),
        ),
        Breach(
            "a new address of one's own",
            refusal(PermissionDenied, None, "tracking_read_only"),
            {"principal": AS_AMY, "user_id": AMY},
            seed=refusal(UniqueViolation, "id"),
        ),
        Breach("no user", refusal(NotNullViolation, "id"), {"principal": SERVICE, "user_id": None}),
        Breach("no address", refusal(NotNullViolation, "email"), {"email": None}),
        Breach("a NUL character", refusal(CheckViolation, "email"), {"email": "new\0@example.com"}),
        Breach("a NUL in the details", refusal(CheckViolation, "payment_details"), {"payment_details": ["\0"]}),
        Breach("no name", refusal(InvalidEmail, "email", "one_email"), {"email": "@example.com"}, seed=None),
        Breach("id taken", refusal(UniqueViolation, "id"), {"principal": SERVICE, "user_id": AMY}),
        KEY_USED,
    ),
    never_together=SIGNED_OUT_WITH_KEY,
)

PAYMENT: Final = Scene(
    name="payment",
    command=RecordPayment,
    stands={"principal": SERVICE, "user_id": RITA, "amount": Decimal("12.99"), "ref": "next of rita"},
    breaches=(
        SIGNED_OUT,
        Breach("a user", refusal(PermissionDenied), {"principal": AS_RITA}),
        Breach("no user", refusal(NotNullViolation, "user_id"), {"user_id": None}),
        Breach("no amount", refusal(NotNullViolation, "amount"), {"amount": None}),
        Breach("no reference", refusal(NotNullViolation, "ref"), {"ref": None}),
        Breach("no id", refusal(NotNullViolation, "id"), {"id": None}),
        Breach("not an amount", refusal(CheckViolation, "amount"), {"amount": Decimal("NaN")}),
        Breach("three decimals", refusal(CheckViolation, "amount"), {"amount": Decimal("12.991")}),
        Breach("too cheap", refusal(CheckViolation, "amount", "exact_price"), {"amount": Decimal("0.01")}, seed=None),
        Breach("a NUL character", refusal(CheckViolation, "ref"), {"ref": "\0"}),
        Breach(
            "reference of another's payment",
            refusal(Conflict, "ref", "idempotent_payment"),
            {"ref": "first of ron"},
            seed=None,
        ),
        Breach(
            "id taken",
            refusal(UniqueViolation, "id"),
            {"id": NO_ROW},
            lambda world: world.service.record_payment(id=NO_ROW, user_id=RON, amount="12.99", ref="next of ron"),
        ),
        KEY_USED,
        Breach("unknown user", refusal(ForeignKeyViolation, "user_id"), {"user_id": STRANGER}),
    ),
    never_together=SIGNED_OUT_WITH_KEY,
)


def _tracking(command: Callable[..., Command], *breaches: Breach, **arguments: object) -> Scene:
    return Scene(
        name=command.__name__,
        command=command,
        stands={"principal": SERVICE, "email": "amy@example.com", **arguments},
        breaches=(SIGNED_OUT, Breach("a user", refusal(PermissionDenied), {"principal": AS_AMY}), *breaches, KEY_USED),
        never_together=SIGNED_OUT_WITH_KEY,
    )


TRACKING: Final = (
    _tracking(TrackView),
    _tracking(TrackLogin),
    _tracking(
        TrackTime,
        Breach("negative", refusal(CheckViolation, "total_time_spent"), {"seconds": -1}),
        Breach(
            "a total above 64 bits",
            refusal(CheckViolation, "total_time_spent"),
            {"seconds": 1},
            lambda world: world.service.track_time(email="amy@example.com", seconds=INT64_MAX),
        ),
        seconds=0,
    ),
)


# --- update ---------------------------------------------------------------------------------


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
        Breach("deactivated", refusal(RlsViolation, None, "active_only"), {"principal": AS_AMY}, deactivate, seed=None),
        Breach("no id", refusal(NotNullViolation, "id"), {"set.id": None}),
        Breach("no status", refusal(NotNullViolation, "status", "valid_values"), {"set.status": None}, seed=None),
        Breach(
            "no user",
            refusal(NotNullViolation, "user_id", "valid_values"),
            {"principal": SERVICE, "set.user_id": None},
            seed=None,
        ),
        Breach("a NUL character", refusal(CheckViolation, "transcription"), {"set.transcription": "\0"}),
        Breach("negative size", refusal(CheckViolation, "file_size", "valid_values"), {"set.file_size": -1}, seed=None),
        Breach("a duration above 64 bits", refusal(CheckViolation, "duration"), {"set.duration": 2**63}),
        Breach(
            "unknown status", refusal(CheckViolation, "status", "valid_values"), {"set.status": "banana"}, seed=None
        ),
        Breach("another id", refusal(CheckViolation, "id"), {"set.id": NO_ROW}),
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
        _unknown_job("set.job_request_id"),
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
        _unknown_job("set.job_request_id"),
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
        attrs.evolve(_SECOND_PRIMARY, wants={"set.is_primary": True}),
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
        Breach("no balance", refusal(NotNullViolation, "credits_remaining"), {"set.credits_remaining": None}),
        Breach("no time", refusal(NotNullViolation, "created_at"), {"set.created_at": None}),
        Breach("above 64 bits", refusal(CheckViolation, "credits_remaining"), {"set.credits_remaining": 2**63}),
        Breach(
            "negative balance",
            refusal(CheckViolation, "credits_remaining", "valid_values"),
            {"set.credits_remaining": -1},
            seed=None,
        ),
        Breach("another person's", refusal(CheckViolation, "user_id"), {"principal": SERVICE, "set.user_id": BOB}),
        KEY_USED,
    ),
)


# --- delete ---------------------------------------------------------------------------------


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

SCENES: Final = {scene.name: scene for scene in (*CREATIONS, REGISTER, SYNC, PAYMENT, *TRACKING, *UPDATES, *DELETIONS)}


# --- the laws -------------------------------------------------------------------------------


@pytest.fixture
def made(make_world: MakeWorld) -> Callable[[str], World]:
    """Make a world under a reading, with refunds, which make one more refusal possible."""

    def make(reading: str) -> World:
        policy = CreditPolicy(refund_failed_recordings=True)
        return make_world(attrs.evolve(READINGS[reading], credit_policy=policy))

    return make


def said(refused: Refused) -> Refusal:
    return (type(refused), refused.column, refused.safeguard)


def outcome(execute: Callable[[], Accepted]) -> Refusal | None:
    try:
        execute()
    except Refused as refused:
        return said(refused)
    return None


def rank(expected: Refusal) -> int:
    return expected[0].precedence


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_every_scene_is_accepted_as_it_stands(scene: Scene, reading: str, made: Callable[[str], World]) -> None:
    """What the breaches break is a command that both readings accept, and that changes something."""
    assert scene.arranged(made(reading))().events


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(
    ("scene", "breach"),
    [
        pytest.param(scene, breach, id=f"{scene.name}: {breach.name}")
        for scene in SCENES.values()
        for breach in scene.breaches
    ],
)
def test_each_breach_is_refused_alone(
    scene: Scene, breach: Breach, reading: str, made: Callable[[str], World], state_of: Callable[[Crm], object]
) -> None:
    """A breach is refused with its kind, column and safeguard, or the seed accepts it: one of its holes."""
    _assert_won(scene, (breach,), reading, made(reading), state_of)


@pytest.mark.parametrize(
    ("scene", "breach"),
    [
        pytest.param(scene, breach, id=f"{scene.name}: {breach.name}")
        for scene in SCENES.values()
        for breach in scene.breaches
    ],
)
def test_a_refusal_says_where_its_rule_stands(
    scene: Scene, breach: Breach, made: Callable[[str], World], headings: str
) -> None:
    """A sentence, a section that the document has, and the table, unless the command as a whole is refused."""
    with pytest.raises(Refused, match=r"^\S.*\.$") as refused:
        scene.arranged(made("HARDENED"), breach)()
    assert str(refused.value.section) in headings
    if breach is KEY_USED or refused.value.section == "Service Role Policies":
        assert (refused.value.table, refused.value.column) == (None, None)
    else:
        assert refused.value.column in {None, *TABLES[str(refused.value.table)].by_name}


@pytest.mark.parametrize(
    ("scene", "breach"),
    [
        pytest.param(scene, breach, id=f"{scene.name}: {breach.name}")
        for scene in SCENES.values()
        for breach in scene.breaches
        if breach.refusal[2] is not None
    ],
)
def test_a_safeguard_refuses_by_itself(scene: Scene, breach: Breach, make_world: MakeWorld) -> None:
    """The safeguard that a refusal names refuses alone, on top of the seed, and is missed by the hardened rules."""
    safeguard = str(breach.refusal[2])
    alone, missed = make_world(SEED.having(safeguard)), make_world(HARDENED.without(safeguard))
    assert outcome(scene.arranged(alone, breach)) == breach.refusal
    assert outcome(scene.arranged(missed, breach)) != breach.refusal


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(
    ("scene", "one", "other"),
    [
        pytest.param(scene, one, other, id=f"{scene.name}: {one.name} and {other.name}")
        for scene in SCENES.values()
        for one, other in scene.pairs()
        if scene.why_not_together(one, other) is None
    ],
)
def test_the_first_in_precedence_wins(
    scene: Scene,
    one: Breach,
    other: Breach,
    reading: str,
    made: Callable[[str], World],
    state_of: Callable[[Crm], object],
) -> None:
    """Of two refusals the one of the lower rank is said, with the section of its rule, and nothing has changed."""
    _assert_won(scene, (one, other), reading, made(reading), state_of)


def _assert_won(
    scene: Scene, breaches: tuple[Breach, ...], reading: str, world: World, state_of: Callable[[Crm], object]
) -> None:
    execute = scene.arranged(world, *breaches)
    possible = [r for breach in breaches if (r := breach.under(reading)) is not None]
    if not possible:
        assert execute().events
        return
    first = min(map(rank, possible))
    before = state_of(world.crm)
    with pytest.raises(Refused) as refused:
        execute()
    assert said(refused.value) in {r for r in possible if rank(r) == first}
    assert refused.value.safeguard is None or refused.value.safeguard in world.crm.rules.safeguards
    assert refused.value.section is not None
    assert state_of(world.crm) == before


def test_breaches_stand_in_the_order_of_precedence() -> None:
    """The tables above are read from top to bottom, as the order of refusal is."""
    for scene in SCENES.values():
        ranks = [rank(breach.refusal) for breach in scene.breaches]
        assert ranks == sorted(ranks), scene.name


def test_every_pair_competes_or_says_why_not() -> None:
    """A pair is left out for one of the stated reasons only, and every stated reason is needed."""
    used: set[str] = set()
    for scene in SCENES.values():
        names = [breach.name for breach in scene.breaches]
        assert len(set(names)) == len(names), scene.name
        assert {name for pair in scene.never_together for name in pair} <= set(names), scene.name
        used |= {reason for pair in scene.pairs() if (reason := scene.why_not_together(*pair)) is not None}
    assert used == {*ONE_PLACE.values(), *SIGNED_OUT_WITH_KEY.values(), *STRANGER_WITH_RESUME.values()}


def test_every_kind_of_refusal_competes_somewhere() -> None:
    """Each kind of refusal is broken by some scene, in both readings unless it is a safeguard's own."""
    hardened = {breach.refusal[0] for scene in SCENES.values() for breach in scene.breaches}
    seed = {breach.seed[0] for scene in SCENES.values() for breach in scene.breaches if breach.seed is not None}
    assert hardened == set(REFUSALS.values())
    assert hardened - seed == {InvalidEmail}


def test_the_order_of_refusals_is_the_specified_one() -> None:
    """Permission, row policy, missing value, bad value, uniqueness and conflict, reference, credits."""
    assert [kind.code for kind in sorted(REFUSALS.values(), key=lambda kind: kind.precedence)] == [
        "permission_denied",
        "rls_violation",
        "not_null_violation",
        "check_violation",
        "invalid_email",
        "unique_violation",
        "conflict",
        "foreign_key_violation",
        "insufficient_credits",
    ]


# --- what is not there to be refused --------------------------------------------------------

NOT_FOR_ANYBODY: Final = ("auth.users", "payments", "credit_grants", "credit_consumptions", "idempotency_keys")


@pytest.mark.parametrize("rules", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("table", NOT_FOR_ANYBODY)
def test_the_ledger_is_written_by_the_model_alone(table: str, rules: Rules, make_world: MakeWorld) -> None:
    """Even the service may not write the people, the ledger or the keys: permission, before any value."""
    world = make_world(rules)
    for command in (Update(table=table, set={"created_at": None}), Delete(table=table)):
        with pytest.raises(PermissionDenied):
            world.crm.execute(SERVICE, command)


@pytest.mark.parametrize("rules", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize(
    "command",
    [
        Update(table="crm_recordings", where={"user_id": BOB}, set={"id": None, "duration": -1, "status": "banana"}),
        Update(table="crm_recordings", where={"id": NO_ROW}, set={"job_request_id": NO_ROW}),
        Delete(table="crm_job_requests", where={"user_id": BOB}),
    ],
    ids=["bad values", "bad reference", "referenced rows"],
)
def test_rows_that_one_may_not_see_refuse_nothing(command: Command, rules: Rules, make_world: MakeWorld) -> None:
    """An update or delete of rows that one may not see touches 0 rows, whatever it would have broken."""
    world = make_world(rules)
    accepted = world.crm.execute(AS_AMY, command)
    assert (accepted.affected, accepted.events) == (0, ())
