"""What if a trigger of the counters is wrong?"""

from __future__ import annotations

from typing import Any, Final

from crm_domain import counters, evolve
from crm_domain import events as e
from crm_domain.ports import Tables

from .defect import defect
from .planting import Entry, Slip

_LAW: Final = "counters_equal_fold_of_events"
_COUNTS: Final = "recording_counted_after(tables, values[1], at)"
_FOUND: Final = 'stats = tables.crm_dashboard_stats.one("email", email)'


def _counters_fall(tables: Tables, event: e.RowDeleted, at: Any) -> None:
    """Delete a row; what it was counted for, is taken back."""
    row = tables.by_name[event.table_name].get(event.key)
    counters = tables.crm_dashboard_stats.one("user_id", event.user_id)
    if event.table_name == "crm_job_requests" and counters is not None and row is not None:
        tables.crm_dashboard_stats.touch(counters)
        counters.total_applications -= 1
    tables.by_name[event.table_name].delete(event.key)


DEFECTS: Final = (
    defect(
        "resume_not_counted",
        "An uploaded resume is stored, and not counted.",
        _LAW,
        Entry(evolve.FOLDS, e.ResumeUploaded, evolve._row_stored),
    ),
    defect(
        "recording_counted_twice",
        "A recording is counted twice.",
        _LAW,
        Slip(evolve._recording_created, _COUNTS, f"{_COUNTS}; {_COUNTS}"),
    ),
    defect(
        "recording_counted_as_application",
        "A recording moves the counter of job requests.",
        _LAW,
        Slip(counters.recording_counted_after, "stats.total_recordings", "stats.total_applications"),
    ),
    defect(
        "counter_of_the_other_user",
        "Whoever came first has everybody's job requests counted.",
        _LAW,
        Slip(evolve._job_request_created, "values[1], at", "next(iter(tables.crm_users)).email, at"),
    ),
    defect(
        "first_event_only",
        "Of several resumes only the first is counted.",
        _LAW,
        Slip(counters.resume_counted_after, "+= 1", "= 1"),
    ),
    defect(
        "recording_date_not_set",
        "The last recording has no date.",
        _LAW,
        Slip(counters.recording_counted_after, "stats.last_recording_date = at", "pass"),
    ),
    defect(
        "date_in_the_wrong_column",
        "The date of a job request is entered as that of a recording.",
        _LAW,
        Slip(counters.application_counted_after, "stats.last_application_date", "stats.last_recording_date"),
    ),
    defect(
        "date_by_the_callers_word",
        "The last application has the time that the caller gave, or did not give.",
        _LAW,
        Slip(evolve._job_request_created, "values[1], at", "values[1], values[11]"),
    ),
    defect(
        "login_counted_as_view",
        "A login is counted as a view, too.",
        _LAW,
        Slip(
            evolve._login_tracked,
            "login_noted_after(tables, event.email, at)",
            "login_noted_after(tables, event.email, at); view_counted_after(tables, event.email, at)",
        ),
    ),
    defect(
        "time_spent_overwritten",
        "The last time spent stands for all of it.",
        _LAW,
        Slip(counters.time_added_after, "+= seconds", "= seconds"),
    ),
    defect(
        "counters_fall",
        "Deleting a job request takes it back from the counter.",
        _LAW,
        Entry(evolve.FOLDS, e.RowDeleted, _counters_fall),
    ),
    defect(
        "updates_count",
        "A recording that is changed is counted once more.",
        _LAW,
        Slip(
            evolve._row_updated,
            'if event.table_name == "profiles":',
            "if event.table_name == 'crm_recordings':\n"
            "        recording_counted_after(tables, tables.crm_recordings.get(event.key).email, at)\n"
            '    if event.table_name == "profiles":',
        ),
    ),
)
