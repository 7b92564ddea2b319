"""What if an answer is not true, a refusal not the first, or something is done half or twice?"""

from __future__ import annotations

from typing import Any, Final

from crm_domain import changes, commands, creation, decide, decision, evolve, idempotency, queries
from crm_domain.answers import Stored
from crm_domain.counters import recording_counted_after
from crm_domain.crm import Crm
from crm_domain.decision import View
from crm_domain.errors import InsufficientCredits, Refused
from crm_domain.ids import Principal

from .defect import defect
from .planting import Entry, Slip


def _kept(view: View, principal: Principal, command: Any, at: Any) -> Stored:
    """Decide about a recording; one that is refused for want of credits stays."""
    try:
        return creation.decide_creation(view, principal, command, at)
    except InsufficientCredits:
        free = type(view)(view.tables, view.rules, view.new_id, credit_checked=True)
        stored, _ = creation.decide_creation(free, principal, command, at).events
        view.tables.crm_recordings.insert(stored.values)  # type: ignore[union-attr]
        raise


def _counted(view: View, principal: Principal, command: Any, at: Any) -> Stored:
    """Decide about a recording; one that is refused is counted."""
    try:
        return creation.decide_creation(view, principal, command, at)
    except Refused:
        recording_counted_after(view.tables, command.email, at)
        raise


DEFECTS: Final = (
    defect(
        "refusal_keeps_the_row",
        "A recording that is refused for want of credits is stored.",
        "refused_changes_nothing",
        Entry(decide.DECISIONS, commands.CreateRecording, _kept),
    ),
    defect(
        "refusal_counts",
        "A recording that is refused is counted.",
        "refused_changes_nothing",
        Entry(decide.DECISIONS, commands.CreateRecording, _counted),
    ),
    defect(
        "paid_and_not_stored",
        "A recording is paid for and counted, and not there.",
        "agrees_with_model",
        Slip(evolve._recording_created, "tables.crm_recordings.insert(values)", "pass"),
    ),
    defect(
        "half_an_update",
        "Of several rows an update changes the first.",
        "agrees_with_model",
        Slip(changes.decide_update, "for row in found for event in", "for row in found[:1] for event in"),
    ),
    defect(
        "update_affects_none",
        "An update is answered with 0 rows.",
        "agrees_with_model",
        Slip(changes.decide_update, "affected=len(found)", "affected=0"),
    ),
    defect(
        "delete_affects_one",
        "A delete of several rows is answered with 1.",
        "agrees_with_model",
        Slip(changes.decide_deletion, "affected=len(found)", "affected=1"),
    ),
    defect(
        "an_id_that_is_not",
        "A created row's id is answered as its user's.",
        "agrees_with_model",
        Slip(
            creation.decide_creation,
            "return Stored((kind.event(values),), row_id)",
            "return Stored((kind.event(values),), user_id)",
        ),
    ),
    defect(
        "key_ignored",
        "A retry under an idempotency key is done again.",
        "agrees_with_model",
        Slip(Crm._execute, "if key is None:", "if True:"),
    ),
    defect(
        "keys_are_everybodys",
        "Two people may not use the same idempotency key.",
        "noninterference",
        Slip(idempotency._key_id, "{principal}/{key}", "{key}"),
    ),
    defect(
        "key_answers_anything",
        "Another command under a used key gets the first one's answer.",
        "agrees_with_model",
        Slip(idempotency.decide_keyed, "used.fingerprint == content", "True"),
    ),
    defect(
        "key_never_answers",
        "A retry under an idempotency key is a conflict.",
        "agrees_with_model",
        Slip(idempotency.decide_keyed, "used.fingerprint == content", "False"),
    ),
    defect(
        "foreign_dashboards_are_refused",
        "Another's dashboard is refused, an unknown one is not there: so one can tell them apart.",
        "reads_see_only_own_rows",
        Slip(
            queries.get_crm_dashboard_data,
            "if crm_user is None or stats",
            "if crm_user is not None and not owns(principal, crm_user.user_id):\n"
            "        raise PermissionDenied('not yours')\n"
            "    if crm_user is None or stats",
        ),
    ),
    defect(
        "dashboard_in_the_wrong_column",
        "A dashboard shows the resumes as views.",
        "reads_see_only_own_rows",
        Slip(queries.get_crm_dashboard_data, "total_views=stats.total_views", "total_views=stats.total_resumes"),
    ),
    defect(
        "dashboard_without_a_date",
        "A dashboard does not show when the last recording was made.",
        "reads_see_only_own_rows",
        Slip(
            queries.get_crm_dashboard_data, "last_recording_date=stats.last_recording_date", "last_recording_date=None"
        ),
    ),
    defect(
        "dashboard_of_the_first_balance",
        "A dashboard shows the initial credits, whatever was done with them.",
        "reads_see_only_own_rows",
        Slip(queries.get_crm_dashboard_data, "credits_remaining=crm_user.credits_remaining", "credits_remaining=4"),
    ),
    defect(
        "first_page_only",
        "Of many rows the first is read.",
        "service_passes_policies_not_rules",
        Slip(queries._public, "for row in rows]", "for row in list(rows)[:1]]"),
    ),
    defect(
        "conditions_of_reads_are_ignored",
        "All rows are read, whatever the condition.",
        "reads_see_only_own_rows",
        Slip(queries.select, "read.where", "{}"),
    ),
    defect(
        "credits_before_references",
        "Who has no credits is told so before their reference is looked at.",
        "agrees_with_model",
        Slip(
            creation.decide_creation,
            "if account is None or account.email",
            "if kind.is_recording and not view.credit_checked:\n"
            "        refuse_without_credits(tables, user_id, table.name)\n"
            "    if account is None or account.email",
        ),
    ),
    defect(
        "values_before_the_policy",
        "A bad value is told before the row policy.",
        "agrees_with_model",
        Slip(
            creation.decide_creation,
            "if not principal.is_service:\n",
            "refuse_faults(command.faults, table, rules)\n    if not principal.is_service:\n",
        ),
    ),
    defect(
        "bad_before_missing",
        "A bad value is told before a missing one.",
        "agrees_with_model",
        Slip(decision.refuse_faults, "min(counting", "max(counting"),
    ),
    defect(
        "references_before_ids",
        "A reference is looked at before the id.",
        "agrees_with_model",
        Slip(
            creation.decide_creation,
            "if row_id in stored:",
            "if kind.is_recording:\n"
            "        refuse_foreign_job(view, table, command.job_request_id, user_id)\n"
            "    if row_id in stored:",
        ),
    ),
)
