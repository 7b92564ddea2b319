"""Ways to break a rule when somebody is registered, synced, pays, or is tracked."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from crm_domain import (
    SERVICE,
    CheckViolation,
    Command,
    Conflict,
    ForeignKeyViolation,
    InvalidEmail,
    NotNullViolation,
    PermissionDenied,
    RecordPayment,
    RegisterUser,
    RlsViolation,
    SyncCrmUser,
    TrackLogin,
    TrackTime,
    TrackView,
    UniqueViolation,
)
from crm_domain.schema import INT64_MAX

from .scenes import (
    AMY,
    AS_AMY,
    AS_NEW,
    AS_RITA,
    AS_STRANGER,
    KEY_USED,
    NEW,
    NO_ROW,
    RITA,
    RON,
    SIGNED_OUT,
    SIGNED_OUT_WITH_KEY,
    STRANGER,
    Breach,
    Scene,
    refusal,
)

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
