"""What does a payment give, and what if it is delivered twice?

See "Comparison": $12.99, 3 credits.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from .answers import Paid
from .commands import RecordPayment
from .credits import granted
from .decision import View, refuse_faults
from .errors import CheckViolation, Conflict, ForeignKeyViolation, UniqueViolation
from .events import PaymentRecorded
from .ids import Principal, RowId
from .isolation import refuse_operation
from .rows import PAYMENTS
from .schema import DEFAULT
from .values import in_cents
from .wording import cut, quoted

_SECTION = "Comparison: Regular Users vs CRM Users"


def decide_payment(view: View, principal: Principal, command: RecordPayment, at: datetime) -> Paid:
    """Decide whether a payment is credited: once for each reference, if it is the price.

    Raises (in order of precedence):
        PermissionDenied: The principal is not the service role.
        NotNullViolation: User, amount or reference are missing.
        CheckViolation: The amount is not the price, or no amount at all.
        Conflict: The reference came before, with another user or amount.
        UniqueViolation: The payment's id is taken.
        ForeignKeyViolation: There is no such user.
    """
    tables, rules = view.tables, view.rules
    refuse_operation(principal, "record payments")
    user_id, amount, ref = command.user_id, command.amount, command.ref
    refuse_faults(command.faults, PAYMENTS, rules)
    assert amount is not None
    assert user_id is not None
    _refuse_amount(view, amount)

    known = tables.payments.one("ref", ref) if rules.idempotent_payment else None
    if known is not None:
        if (known.user_id, known.amount) != (user_id, amount):
            raise Conflict(
                f"Payment {quoted(ref)} was recorded before with another user or amount: look up which delivery is right.",
                table=PAYMENTS.name,
                column="ref",
                safeguard="idempotent_payment",
                section=_SECTION,
            )
        return Paid((), known.id, credited=False)
    payment_id = RowId(view.new_id() if command.id is DEFAULT else str(command.id))
    if payment_id in tables.payments:
        raise UniqueViolation("A payment has this id already.", table=PAYMENTS.name, column="id", section=_SECTION)
    if user_id not in tables.profiles:
        raise ForeignKeyViolation(
            "The payment names a user who has no profile: register or sync them first.",
            table=PAYMENTS.name,
            column="user_id",
            section=_SECTION,
        )
    credits_ = rules.credit_policy.credits_per_payment
    stored = PaymentRecorded.of(
        id=payment_id, user_id=user_id, ref=ref, amount=in_cents(amount), credits=credits_, created_at=at
    )
    grant = granted(tables, user_id, source="payment", credits=credits_, at=at, payment_id=payment_id)
    return Paid((stored, grant), payment_id, credited=True)


def _refuse_amount(view: View, amount: Decimal) -> None:
    price = view.rules.credit_policy.price
    if view.rules.exact_price and amount != price:
        reason, safeguard = f"the price is {price}, not {cut(str(amount))}: nothing was credited", "exact_price"
    elif view.rules.valid_values and amount <= 0:
        reason, safeguard = f"{cut(str(amount))} is not above 0", "valid_values"
    else:
        return
    raise CheckViolation(
        f"payments.amount: {reason}.", table=PAYMENTS.name, column="amount", safeguard=safeguard, section=_SECTION
    )
