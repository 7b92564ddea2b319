"""What if people, addresses and payments are mistaken for others, or not for the same?"""

from __future__ import annotations

from typing import Final

from crm_domain import activity, addresses, evolve, ids, payments, provisioning, queries

from .defect import defect
from .planting import Attribute, Slip

_LEDGER: Final = "balance_equals_granted_minus_consumed"
_IS_KNOWN: Final = 'tables.payments.one("ref", ref)'

DEFECTS: Final = (
    defect(
        "capitals_make_another_address",
        "Addresses are trimmed and not lower-cased.",
        "provisioning_is_idempotent",
        Slip(ids.normal_email, ".lower()", ""),
    ),
    defect(
        "spaces_make_another_address",
        "Addresses are lower-cased and not trimmed.",
        "agrees_with_model",
        Slip(ids.normal_email, "text.strip()", "text"),
    ),
    defect(
        "normal_form_at_the_sync_alone",
        "Another spelling of an address is known to the sync, and to nobody else.",
        "agrees_with_model",
        Slip(addresses.known_address, "normal_email(given)", "given"),
    ),
    defect(
        "dashboard_by_one_spelling",
        "A dashboard is found by the normal form of an address alone.",
        "reads_see_only_own_rows",
        Attribute(queries, "known_address", lambda _, __, email: email),
    ),
    defect(
        "views_by_one_spelling",
        "A view is counted for the normal form of an address alone.",
        "counters_equal_fold_of_events",
        Attribute(activity, "known_address", lambda _, __, email: email),
    ),
    defect(
        "any_text_is_an_address",
        "An address without a name or a domain is taken.",
        "agrees_with_model",
        Slip(ids.email_fault, "if not text:", "if True:\n        return None\n    if not text:"),
    ),
    defect(
        "addresses_are_not_unique",
        "An address is registered for a second person.",
        "agrees_with_model",
        Slip(provisioning.decide_registration, 'view.tables.auth_users.one("email", email) is not None', "False"),
    ),
    defect(
        "ids_of_people_are_not_unique",
        "A new address is given to a person who has another.",
        "owner_pair_is_one_account",
        Slip(provisioning._refuse_taken_id, "user_id in view.tables.auth_users", "False"),
    ),
    defect(
        "regular_users_become_no_crm_users",
        "The sync refuses whoever was registered before.",
        "agrees_with_model",
        Slip(
            provisioning.decide_sync,
            "if person is None:\n        _refuse",
            "if tables.crm_users.get(email) is None:\n        _refuse",
        ),
    ),
    defect(
        "resync_revives",
        "A re-sync activates whoever was deactivated.",
        "provisioning_is_idempotent",
        Slip(evolve._crm_user_synced, '{"last_sync_at": at}', '{"last_sync_at": at, "is_active": True}'),
    ),
    defect(
        "resync_takes_new_details",
        "A re-sync overwrites the payment details.",
        "provisioning_is_idempotent",
        Slip(
            provisioning.decide_sync,
            "events.append(CrmUserSynced(user_id, email))",
            "from crm_domain.events import RowUpdated\n"
            "        change = (('payment_details', details),)\n"
            "        events.append(RowUpdated(user_id, CRM_USERS.name, email, change, False))",
        ),
    ),
    defect(
        "details_are_not_kept",
        "The payment details of a new CRM user are not stored.",
        "agrees_with_model",
        Slip(provisioning.decide_sync, "payment_details=details", "payment_details=None"),
    ),
    defect(
        "no_dashboard",
        "A CRM user gets no row of counters.",
        "agrees_with_model",
        Slip(
            provisioning.decide_sync,
            "is None:\n        events.append(DashboardCreated",
            "is not None:\n        events.append(DashboardCreated",
        ),
    ),
    defect(
        "payment_content_not_compared",
        "Other content under a known reference is answered as a second delivery.",
        "payment_is_idempotent",
        Slip(payments.decide_payment, "if (known.user_id, known.amount) != (user_id, amount):", "if False:"),
    ),
    defect(
        "payment_refs_are_each_users_own",
        "The same reference for another user is another payment.",
        "payment_is_idempotent",
        Slip(
            payments.decide_payment,
            _IS_KNOWN,
            "next((p for p in tables.payments.find('ref', ref) if p.user_id == user_id), None)",
        ),
    ),
    defect(
        "delivered_again_and_credited",
        "A payment that is delivered again is answered as credited, though it was not.",
        "payment_is_idempotent",
        Slip(payments.decide_payment, "credited=False", "credited=True"),
    ),
    defect(
        "delivered_and_not_credited",
        "A payment is answered as known, though it was credited.",
        "agrees_with_model",
        Slip(payments.decide_payment, "credited=True", "credited=False"),
    ),
    defect(
        "payment_ids_are_not_unique",
        "A payment overwrites another that has its id.",
        _LEDGER,
        Slip(payments.decide_payment, "payment_id in tables.payments", "False"),
    ),
    defect(
        "payments_of_nobody",
        "A payment is taken from somebody who is not registered.",
        _LEDGER,
        Slip(payments.decide_payment, "user_id not in tables.profiles", "False"),
    ),
    defect(
        "amounts_compared_as_text",
        "12.990 is not the price.",
        "agrees_with_model",
        Slip(payments._refuse_amount, "amount != price", "str(amount) != str(price)"),
    ),
    defect(
        "twice_the_price_is_the_price",
        "More than the price is taken, too.",
        _LEDGER,
        Slip(payments._refuse_amount, "amount != price", "amount < price"),
    ),
)
