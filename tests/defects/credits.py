"""What if credits are granted, consumed or mirrored wrongly?"""

from __future__ import annotations

from typing import Any, Final

from crm_domain import CreditPolicy, Rules, changes, creation, credits, evolve, payments, provisioning  # noqa: A004 - the module's name
from crm_domain import events as e
from crm_domain.ports import Tables

from .defect import defect
from .driving import inspected
from .planting import Entry, Slip

_REFUNDING: Final = Rules(credit_policy=CreditPolicy(refund_failed_recordings=True))
_LEDGER: Final = "balance_equals_granted_minus_consumed"
_PAID: Final = "return Stored((kind.event(values), paid), row_id)"
_MIRRORED: Final = "mirrored_after(tables, profile)"


def _delete_refunds(tables: Tables, event: e.RowDeleted, at: Any) -> None:
    """Delete a row; a recording's credit goes back to its user."""
    tables.by_name[event.table_name].delete(event.key)
    if event.table_name == "crm_recordings" and event.user_id is not None:
        credits._move_balance(tables, event.user_id, 1, at)


DEFECTS: Final = (
    defect(
        "recordings_are_free",
        "A recording takes no credit.",
        _LEDGER,
        Slip(credits.consumed_after, "_move_balance(tables, user_id, -1, at)", "_move_balance(tables, user_id, 0, at)"),
    ),
    defect(
        "regular_recordings_are_free",
        "A regular user's recording takes no credit.",
        _LEDGER,
        Slip(
            credits.consumed_after,
            "_move_balance(tables, user_id, -1, at)",
            "_move_balance(tables, user_id, -1 if account_of(tables, user_id) else 0, at)",
            "_, _, user_id,",
            "from crm_domain.isolation import account_of\n    _, _, user_id,",
        ),
    ),
    defect(
        "recordings_cost_two",
        "A recording takes 2 credits.",
        _LEDGER,
        Slip(
            credits.consumed_after, "_move_balance(tables, user_id, -1, at)", "_move_balance(tables, user_id, -2, at)"
        ),
    ),
    defect(
        "job_requests_cost",
        "A job request takes a credit, too.",
        _LEDGER,
        Slip(
            evolve._job_request_created,
            "values = event.values",
            "values = event.values\n    tables.profiles.get(values[2]).credits_remaining -= 1",
        ),
    ),
    defect(
        "one_below_zero",
        "At a balance of 0 one more recording is made.",
        "balance_never_negative",
        Slip(credits.refuse_without_credits, "<= 0", "< 0"),
    ),
    defect(
        "last_credit_is_kept",
        "The last credit cannot be spent.",
        "agrees_with_model",
        Slip(credits.refuse_without_credits, "<= 0", "<= 1"),
    ),
    defect(
        "the_asker_pays",
        "Who asks for a recording pays, and the service never can.",
        "agrees_with_model",
        Slip(
            creation.decide_creation,
            "refuse_without_credits(tables, user_id, table.name)",
            "refuse_without_credits(tables, principal.user_id, table.name)",
        ),
    ),
    defect(
        "mirror_not_synced_by_recordings",
        "A recording moves the leading balance alone.",
        "mirror_equals_profile",
        Slip(
            credits.consumed_after,
            "_move_balance(tables, user_id, -1, at)",
            "tables.profiles.get(user_id).credits_remaining -= 1",
        ),
    ),
    defect(
        "mirror_not_synced_by_grants",
        "A payment moves the leading balance alone.",
        "mirror_equals_profile",
        Slip(
            credits.granted_after,
            "_move_balance(tables, user_id, credits_, at)",
            "tables.profiles.get(user_id).credits_remaining += credits_",
        ),
    ),
    defect(
        "mirror_of_another",
        "Of the CRM users the first one's mirror is set, whoever's balance moved.",
        "mirror_equals_profile",
        Slip(
            credits.mirrored_after,
            'tables.crm_users.one("user_id", profile.user_id)',
            "next(iter(tables.crm_users), None)",
        ),
    ),
    defect(
        "mirror_begins_at_four",
        "Who paid before they became a CRM user, has the credits in one balance alone.",
        "mirror_equals_profile",
        Slip(provisioning.decide_sync, "balance += free", "balance = free"),
    ),
    defect(
        "three_initial_credits",
        "A CRM user begins with 3 credits.",
        _LEDGER,
        Slip(provisioning.decide_sync, "free = rules.credit_policy.initial_credits", "free = 3"),
    ),
    defect(
        "regular_users_begin_with_credits",
        "A regular user begins with 4 credits.",
        _LEDGER,
        Slip(
            provisioning._person,
            "ProfileCreated.of(user_id=user_id,",
            "ProfileCreated.of(user_id=user_id, credits_remaining=4,",
        ),
    ),
    defect(
        "paid_credits_are_lost",
        "Who becomes a CRM user has 4 credits, whatever they had.",
        _LEDGER,
        Slip(
            credits.granted_after,
            "_move_balance(tables, user_id, credits_, at)",
            "_move_balance(tables, user_id, credits_ - (balance_of(tables, user_id) if event.row.source == 'initial' else 0), at)",
        ),
    ),
    defect(
        "initial_credits_after_a_delete",
        "Who is deleted and synced again gets 4 credits again.",
        "provisioning_is_idempotent",
        Slip(
            provisioning.decide_sync,
            "rules.grant_once and had_initial_grant(tables, user_id, email)",
            "crm_user is not None",
        ),
    ),
    defect(
        "payment_gives_two",
        "A payment gives 2 credits.",
        _LEDGER,
        Slip(payments.decide_payment, "rules.credit_policy.credits_per_payment", "2"),
    ),
    defect(
        "crm_users_pay_in_vain",
        "A CRM user's payment gives no credits.",
        _LEDGER,
        Slip(
            payments.decide_payment,
            "credits_ = rules.credit_policy.credits_per_payment",
            "credits_ = 0 if tables.crm_users.one('user_id', user_id) else rules.credit_policy.credits_per_payment",
        ),
    ),
    defect(
        "balance_is_set_twice",
        "The service sets a balance, and what was missing is added twice.",
        _LEDGER,
        Slip(
            credits.granted_after,
            "_move_balance(tables, user_id, credits_, at)",
            "_move_balance(tables, user_id, 2 * credits_ if event.row.source == 'adjustment' else credits_, at)",
        ),
    ),
    defect(
        "balance_is_never_lowered",
        "The service lowers a balance, and it stays.",
        _LEDGER,
        Slip(credits.voided_after, "_move_balance(tables, event.user_id, -event.credits, at)", "pass"),
    ),
    defect(
        "delete_refunds",
        "To delete a recording gives its credit back.",
        "no_user_command_raises_credits",
        Entry(evolve.FOLDS, e.RowDeleted, _delete_refunds),
    ),
    defect(
        "failed_recordings_are_refunded",
        "A failed recording gives its credit back, which the policy does not want.",
        _LEDGER,
        Slip(changes._status_changed, "view.rules.credit_policy.refund_failed_recordings", "True"),
    ),
    defect(
        "failed_recordings_are_not_refunded",
        "A failed recording does not give its credit back, which the policy wants.",
        _LEDGER,
        Slip(changes._status_changed, "view.rules.credit_policy.refund_failed_recordings", "False"),
        rules=_REFUNDING,
    ),
    defect(
        "users_refund_themselves",
        "A user's own word that a recording failed gives them the credit back.",
        "no_user_command_raises_credits",
        Slip(changes._status_changed, "and principal.is_service", ""),
        rules=_REFUNDING,
    ),
    defect(
        "refunded_twice",
        "A recording that fails again is refunded again.",
        _LEDGER,
        Slip(
            changes._status_changed,
            "status == row.status:",
            "status == row.status != 'failed':",
            "paid.refunded_at is None and",
            "",
        ),
        rules=_REFUNDING,
    ),
    defect(
        "refund_not_entered",
        "A refund moves the balance, and no grant in the ledger.",
        "agrees_with_model",
        Slip(credits.refunded_after, "_move_grant(tables, event.grant_id, remaining=1, consumed=-1)", "pass"),
        rules=_REFUNDING,
        drive=inspected,
    ),
    defect(
        "grant_not_entered",
        "A recording moves the balance, and no grant in the ledger.",
        "agrees_with_model",
        Slip(credits.consumed_after, "if grant_id is not None:", "if False:"),
        drive=inspected,
    ),
)
