"""What if the store in a file writes too little, too much or too late, or reads something else?"""

from __future__ import annotations

from functools import partial
from typing import Final

import attrs

from crm_adapters.sqlite import codec, journal, rows
from crm_adapters.sqlite.connection import Connection
from crm_adapters.sqlite.store import SqliteStore

from .defect import defect
from .driving import in_a_file, rebuilt_in_a_file, rehearsed_in_a_file, reopened, shared, verified
from .planting import Attribute, Entry, Slip

_MODEL: Final = "agrees_with_model"
_WITHOUT: Final = "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '{}', '')"

DEFECTS: Final = (
    defect(
        "commit_forgotten",
        "What was done is rolled back where it should be committed.",
        _MODEL,
        Slip(Connection.commit, '"COMMIT"', '"ROLLBACK"'),
        drive=reopened,
    ),
    defect(
        "new_rows_not_written",
        "New rows of people and balances stay in memory.",
        _MODEL,
        Slip(rows.ChangingRows.write_new, "if self._new:\n", "if False:\n"),
        drive=reopened,
    ),
    defect(
        "changes_in_place_not_written",
        "What is changed in place stays in memory.",
        _MODEL,
        Slip(rows.ChangingRows.flush, "if self._touched:", "if False:"),
        drive=reopened,
    ),
    defect(
        "journal_not_written",
        "The journal is not written at the commit.",
        _MODEL,
        Slip(journal.SqliteJournal.flush, "if self._new:", "if False:"),
        drive=rebuilt_in_a_file,
    ),
    defect(
        "last_event_not_written",
        "Of each command the last event is missing in the journal.",
        _MODEL,
        Slip(journal.SqliteJournal.flush, "executemany(_INSERT, self._new)", "executemany(_INSERT, self._new[:-1])"),
        drive=rebuilt_in_a_file,
    ),
    defect(
        "kept_after_a_rollback",
        "What a batch did that was given up, stays in memory.",
        _MODEL,
        Slip(SqliteStore.rollback, "state.connection.forget()", "pass"),
        drive=rehearsed_in_a_file,
    ),
    defect(
        "kept_after_others_wrote",
        "What is in memory stays, though somebody else has written.",
        _MODEL,
        Slip(Connection.look, "self.forget()", "pass"),
        drive=shared,
    ),
    defect(
        "balances_kept_after_others_wrote",
        "Balances and counters stay in memory, though somebody else has written.",
        _MODEL,
        Slip(rows.ChangingRows.forget, "self._rows,", "*(() if self._connection.active else (self._rows,)),"),
        drive=shared,
    ),
    defect(
        "versions_kept_after_others_wrote",
        "The journal goes on from a version that others have used.",
        _MODEL,
        Slip(journal.SqliteJournal.forget, "self._version_of.clear()", "pass"),
        drive=shared,
    ),
    defect(
        "index_not_moved",
        "A row that is changed stays where it was among the answers that are kept.",
        _MODEL,
        Slip(rows.ChangingRows._leave, "bucket.remove(row)", "pass"),
        drive=in_a_file,
    ),
    defect(
        "deleted_rows_stay_in_memory",
        "A deleted row is still found by its key.",
        _MODEL,
        Slip(rows.ChangingRows.delete, "del self._rows[key]", "pass"),
        drive=in_a_file,
    ),
    defect(
        "null_is_not_found",
        "A condition on NULL finds nothing.",
        _MODEL,
        Slip(rows.SqliteRows._scanned, " IS ? ORDER BY", " = ? ORDER BY"),
        drive=in_a_file,
    ),
    defect(
        "columns_in_another_order",
        "Two columns of a recording are read in each other's place.",
        _MODEL,
        Slip(
            codec.RowCodec.values,
            "out = list(stored)",
            "out = list(stored)\n    if len(out) == 13 and self is CODECS['crm_recordings']:\n        out[4:6] = out[5:3:-1]",
        ),
        drive=reopened,
    ),
    defect(
        "amounts_as_floats",
        "Amounts are read as binary fractions.",
        "reads_see_only_own_rows",
        Entry(codec.CODECS, "payments", attrs.evolve(codec.CODECS["payments"], read=((3, float),))),
        drive=in_a_file,
    ),
    defect(
        "whole_seconds_in_the_journal",
        "The journal keeps the time of an event to the second.",
        _MODEL,
        Attribute(journal, "time_text", lambda moment: moment.isoformat(timespec="seconds")),
        drive=verified,
    ),
    defect(
        "unique_index_gone",
        "The file has no index that keeps primary resumes apart.",
        _MODEL,
        drive=partial(verified, damage='DROP INDEX "crm_resumes_primary_key"'),
    ),
    defect(
        "check_gone",
        "The file lets balances below 0 in.",
        _MODEL,
        drive=partial(verified, damage=_WITHOUT.format(' CHECK ("credits_remaining" >= 0)')),
    ),
    defect(
        "reference_gone",
        "The file lets recordings in whose job request is nowhere.",
        _MODEL,
        drive=partial(
            verified, damage=_WITHOUT.format(' REFERENCES "crm_job_requests" ("id") DEFERRABLE INITIALLY DEFERRED')
        ),
    ),
    defect(
        "rebuild_keeps_old_rows",
        "Tables that are made anew keep the counters that they had.",
        _MODEL,
        Slip(
            SqliteStore.replace_tables,
            "in reversed(TABLES):",
            "in [n for n in reversed(TABLES) if n != 'crm_resumes']:",
        ),
        drive=rebuilt_in_a_file,
    ),
    defect(
        "rebuild_forgets_a_table",
        "Tables are made anew without the resumes.",
        _MODEL,
        Slip(
            SqliteStore.replace_tables,
            "in TABLES.items():",
            "in [(n, t) for n, t in TABLES.items() if n != 'crm_resumes']:",
        ),
        drive=rebuilt_in_a_file,
    ),
    defect(
        "gap_in_the_versions",
        "The journal counts the events of an account by twos.",
        _MODEL,
        Slip(journal.SqliteJournal.append, "self._version(account) + 1", "self._version(account) + 2"),
        drive=verified,
    ),
)
