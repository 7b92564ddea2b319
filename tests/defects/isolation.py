"""What if somebody may see or do too much, or too little?"""

from __future__ import annotations

from typing import Final

from crm_domain import changes, creation, isolation, queries

from .defect import defect
from .planting import Attribute, Slip

_ROW_POLICY: Final = "owns(principal, getattr(row, owner))\n        and all"
_OWN_ROWS_ONLY: Final = "elif principal.is_user:\n        candidates = stored.find(owner, principal.user_id)\n    else:"
_READERS: Final = 'name in (_OWN_READING if verb == "SELECT" else _OWN_DATA)'

DEFECTS: Final = (
    defect(
        "everything_is_read_by_everybody",
        "Users see all rows of a table that they may read.",
        "reads_see_only_own_rows",
        Slip(isolation.visible_rows, _OWN_ROWS_ONLY, "else:", _ROW_POLICY, "all"),
    ),
    defect(
        "one_table_without_a_policy",
        "Users see all resumes; the other tables have their policies.",
        "reads_see_only_own_rows",
        Slip(
            isolation.visible_rows,
            "elif principal.is_user:",
            "elif principal.is_user and table.name != 'crm_resumes':",
            _ROW_POLICY,
            "(table.name == 'crm_resumes' or owns(principal, getattr(row, owner))) and all",
        ),
    ),
    defect(
        "keys_open_every_row",
        "Who knows the key of another's row, sees it.",
        "reads_see_only_own_rows",
        Slip(
            isolation.visible_rows, _ROW_POLICY, "(table.key in where or owns(principal, getattr(row, owner))) and all"
        ),
    ),
    defect(
        "own_payments_are_hidden",
        "Users do not see their payments.",
        "reads_see_only_own_rows",
        Attribute(isolation, "_OWN_READING", isolation._OWN_READING - {"payments"}),
    ),
    defect(
        "anon_reads_nothing_without_refusal",
        "Who has not signed in gets no rows where they should be refused.",
        "reads_see_only_own_rows",
        Slip(
            isolation.refuse_role, "safeguard = None\n", "if verb == 'SELECT':\n        return\n    safeguard = None\n"
        ),
    ),
    defect(
        "service_meets_row_policies",
        "The service sees its own rows alone, and it has none.",
        "service_passes_policies_not_rules",
        Slip(isolation.owns, "principal.is_service or", ""),
    ),
    defect(
        "others_rows_may_be_changed",
        "The policy of UPDATE is forgotten: a condition is all that keeps others' rows apart.",
        "service_passes_policies_not_rules",
        Slip(
            changes.decide_update,
            "visible_rows(view.tables, principal,",
            "visible_rows(view.tables, type(principal)(type(principal.role).SERVICE),",
        ),
    ),
    defect(
        "others_rows_may_be_deleted",
        "The policy of DELETE is forgotten.",
        "service_passes_policies_not_rules",
        Slip(
            changes.decide_deletion,
            "visible_rows(tables, principal,",
            "visible_rows(tables, type(principal)(type(principal.role).SERVICE),",
        ),
    ),
    defect(
        "rows_may_be_given_away",
        "INSERT has no policy: a row may be stored for somebody else.",
        "service_passes_policies_not_rules",
        Slip(creation.decide_creation, "refuse_foreign_row(principal, user_id, table)", "pass"),
    ),
    defect(
        "payments_may_be_rewritten",
        "Users may change the payments that they see.",
        "agrees_with_model",
        Attribute(isolation, "_OWN_DATA", isolation._OWN_DATA | {"payments"}),
    ),
    defect(
        "own_rows_may_not_be_deleted",
        "Users may not delete their own rows.",
        "agrees_with_model",
        Slip(isolation.refuse_role, _READERS, f"verb != 'DELETE' and {_READERS}"),
    ),
    defect(
        "deactivated_users_delete",
        "A deactivated user may not store or change rows, but may delete them.",
        "service_passes_policies_not_rules",
        Slip(changes.decide_deletion, "refuse_writer(principal,", "(lambda *_: None)(principal,"),
    ),
    defect(
        "deactivated_users_are_blind",
        "A deactivated user does not see their own rows.",
        "reads_see_only_own_rows",
        Slip(
            queries.select,
            'refuse_role(principal, "SELECT", table, view.rules)',
            "refuse_role(principal, 'SELECT', table, view.rules)\n"
            "    if any(not user.is_active for user in view.tables.crm_users.find('user_id', principal.user_id)):\n"
            "        return []",
        ),
    ),
    defect(
        "services_rows_need_an_active_user",
        "The service may not store a deactivated user's rows either.",
        "service_passes_policies_not_rules",
        Slip(creation.decide_creation, "if not principal.is_service:", "if True:"),
        Slip(
            isolation.refuse_writer,
            "principal.is_service or",
            "(principal.is_service and account and account.is_active) or",
        ),
    ),
    defect(
        "hidden_rows_are_refused",
        "To change rows that one does not see is refused, where 0 rows is the answer: it tells that they are there.",
        "noninterference",
        Slip(
            changes.decide_update,
            "if not found:",
            "if not found and any(True for _ in view.tables.by_name[table.name]):\n"
            "        refuse_foreign_row(principal, None, table)\n"
            "    if not found:",
        ),
    ),
)
