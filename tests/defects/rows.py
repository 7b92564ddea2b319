"""What if rows are stored, changed or deleted that should not be, or are not that should?"""

from __future__ import annotations

from typing import Any, Final

import attrs

from crm_domain import changes, commands, creation, decide, decision, evolve, isolation
from crm_domain import events as e
from crm_domain.answers import Stored
from crm_domain.decision import View
from crm_domain.ids import Principal
from crm_domain.ports import Tables

from .defect import defect
from .planting import Attribute, Entry, Slip

_REFERENCE: Final = "refuse_foreign_job(view, table, command.job_request_id, user_id)"


def _demoting(view: View, principal: Principal, command: commands.UploadResume, at: Any) -> Stored:
    """Decide about a resume; a primary one makes the first primary one ordinary."""
    lax = attrs.evolve(view, rules=view.rules.without("one_primary"))
    accepted = creation.decide_creation(lax, principal, command, at)
    first = view.tables.crm_resumes.one("primary", accepted.events[0].values[2]) if command.is_primary else None  # type: ignore[union-attr]
    if first is not None:
        change = e.RowUpdated(first.user_id, "crm_resumes", first.id, (("is_primary", False),), True)
        accepted.events = (change, *accepted.events)
    return accepted


def _cascading(tables: Tables, event: e.RowDeleted, at: Any) -> None:
    """Delete a row, and the recordings that name it."""
    if event.table_name == "crm_job_requests":
        for recording in tables.crm_recordings.find("job_request_id", event.key):
            tables.crm_recordings.delete(recording.id)
    tables.by_name[event.table_name].delete(event.key)


DEFECTS: Final = (
    defect(
        "references_lead_nowhere",
        "A recording may name a job request that is not there.",
        "reference_has_same_owner",
        Slip(creation.refuse_foreign_job, "job is None or (own_only", "job is not None and (own_only"),
    ),
    defect(
        "references_of_updates_lead_anywhere",
        "A recording may be given any job request later.",
        "reference_has_same_owner",
        Attribute(changes, "refuse_foreign_job", lambda *_: None),
    ),
    defect(
        "references_to_the_other_table",
        "A regular recording's job request is looked for among the CRM users'.",
        "agrees_with_model",
        Slip(creation._jobs, "table is rows.CRM_RECORDINGS", "True"),
    ),
    defect(
        "job_requests_go_with_recordings_left",
        "A job request is deleted though a recording names it.",
        "reference_has_same_owner",
        Slip(
            changes.decide_deletion,
            "_refuse_referenced(view,",
            "table.name == 'crm_job_requests' or _refuse_referenced(view,",
        ),
    ),
    defect(
        "deletes_cascade",
        "With a job request its recordings are deleted.",
        "agrees_with_model",
        Slip(
            changes.decide_deletion,
            "_refuse_referenced(view,",
            "table.name == 'crm_job_requests' or _refuse_referenced(view,",
        ),
        Entry(evolve.FOLDS, e.RowDeleted, _cascading),
    ),
    defect(
        "crm_users_go_with_rows_left",
        "A CRM user is deleted whose rows are still there.",
        "owner_pair_is_one_account",
        Slip(
            changes.decide_deletion,
            "_refuse_referenced(view,",
            "table.name == 'digital_resume_by_CRM' or _refuse_referenced(view,",
        ),
    ),
    defect(
        "deletes_are_forgotten",
        "A delete is answered, and the row stays.",
        "agrees_with_model",
        Entry(evolve.FOLDS, e.RowDeleted, lambda *_: None),
    ),
    defect(
        "ids_are_not_unique",
        "A row overwrites another that has its id.",
        "agrees_with_model",
        Slip(creation.decide_creation, "row_id in stored", "False"),
    ),
    defect(
        "ids_are_used_once",
        "The id of a deleted recording is still taken.",
        "agrees_with_model",
        Slip(creation.decide_creation, "row_id in stored", "row_id in stored or row_id in tables.credit_consumptions"),
    ),
    defect(
        "ids_are_shared_by_tables",
        "A regular row's id is taken for the CRM users' rows, too.",
        "agrees_with_model",
        Slip(
            creation.decide_creation,
            "row_id in stored",
            "row_id in stored or row_id in tables.by_name.get(table.name.removeprefix('crm_'), ())",
        ),
    ),
    defect(
        "one_primary_for_everybody",
        "Of all users one may have a primary resume.",
        "agrees_with_model",
        Slip(
            creation.decide_creation, 'stored.one("primary", user_id) is not None', "any(r.is_primary for r in stored)"
        ),
    ),
    defect(
        "second_primary_by_update",
        "A second resume may be made primary later.",
        "at_most_one_primary_resume",
        Slip(changes._refuse_changes, "_refuse_second(view,", "(lambda *_: None)(view,"),
    ),
    defect(
        "second_primary_of_regular_users",
        "A regular user may have two primary resumes.",
        "at_most_one_primary_resume",
        Slip(creation.decide_creation, "kind.is_resume and", "kind.is_resume and kind.of_crm and"),
    ),
    defect(
        "first_primary_is_demoted",
        "A second primary resume silently makes the first one ordinary.",
        "agrees_with_model",
        Entry(decide.DECISIONS, commands.UploadResume, _demoting),
    ),
    defect(
        "negative_durations",
        "A negative number is stored where none may be.",
        "agrees_with_model",
        Slip(
            decision.refuse_faults,
            "if f.safeguard is None",
            "if 'expected 0 or more' not in f.reason and (f.safeguard is None",
            "f.safeguard)]",
            "f.safeguard))]",
        ),
    ),
    defect(
        "any_status",
        "A status of 'banana' is stored.",
        "agrees_with_model",
        Slip(
            decision.refuse_faults,
            "if f.safeguard is None",
            "if not f.column.one_of and (f.safeguard is None",
            "f.safeguard)]",
            "f.safeguard))]",
        ),
    ),
    defect(
        "missing_is_stored",
        "A resume without its address in the web is stored.",
        "agrees_with_model",
        Slip(
            decision.refuse_faults,
            "if f.safeguard is None",
            "if f.column.name != 'resume_url' and (f.safeguard is None",
            "f.safeguard)]",
            "f.safeguard))]",
        ),
    ),
    defect(
        "media_fixed_at_creation_alone",
        "A video may be swapped if the recording was completed by an update.",
        "one_credit_per_recording",
        Slip(changes._status_changed, "paid.completed_at is None", "False"),
    ),
    defect(
        "media_never_fixed_at_creation",
        "A video may be swapped if the recording was stored as completed.",
        "one_credit_per_recording",
        Slip(creation.decide_creation, "command.status, at)", "None, at)"),
    ),
    defect(
        "media_fixed_too_soon",
        "The video of a recording that was never completed is fixed.",
        "agrees_with_model",
        Slip(changes._refuse_fixed_recording, "paid.completed_at is not None", "True"),
    ),
    defect(
        "user_id_may_change",
        "The service may give a row to somebody else.",
        "owner_pair_is_one_account",
        Slip(
            changes._refuse_owner_changes,
            "table.column(name).owner]",
            "table.column(name).owner and name != 'user_id']",
        ),
    ),
    defect(
        "addresses_may_change",
        "The service may give a row another's address.",
        "owner_pair_is_one_account",
        Slip(
            changes._refuse_owner_changes, "table.column(name).owner]", "table.column(name).owner and name != 'email']"
        ),
    ),
    defect(
        "owner_columns_are_not_named",
        "An update may not name an owner column, not even as it is.",
        "agrees_with_model",
        Slip(changes._refuse_owner_changes, "if getattr(row, name) != changes[name]]", "]"),
    ),
    defect(
        "keys_may_change",
        "A row may get another id.",
        "agrees_with_model",
        Slip(changes._refuse_fixed, "if name == table.key and", "if name == table.key != 'id' and"),
    ),
    defect(
        "updates_of_everything",
        "An update's condition is ignored.",
        "agrees_with_model",
        Slip(
            changes.decide_update,
            "visible_rows(view.tables, principal, table, command.where)",
            "visible_rows(view.tables, principal, table, {})",
        ),
    ),
    defect(
        "null_means_any",
        "A condition on NULL is ignored.",
        "reads_see_only_own_rows",
        Slip(
            isolation.visible_rows,
            "is_equal(getattr(row, name), value,",
            "value is None or is_equal(getattr(row, name), value,",
        ),
    ),
    defect(
        "first_column_only",
        "Of several columns an update changes the first.",
        "agrees_with_model",
        Slip(changes._changed, "rest = dict(changes)", "rest = dict(list(changes.items())[:1])"),
    ),
    defect(
        "update_time_not_set",
        "An update does not set updated_at.",
        "agrees_with_model",
        Slip(changes._changed, 'rest.setdefault("updated_at", at)', "pass"),
    ),
    defect(
        "callers_time_is_ignored",
        "A row's created_at is the model's time, whatever the caller gave.",
        "agrees_with_model",
        Slip(creation.decide_creation, "at if command.created_at is DEFAULT else command.created_at", "at"),
    ),
    defect(
        "descriptions_are_cut",
        "A long text is cut off: the second character is lost.",
        "agrees_with_model",
        Slip(
            creation.decide_creation,
            "*command.columns,",
            "*(c and c[:0] if isinstance(c, str) else c for c in command.columns),",
        ),
    ),
)
