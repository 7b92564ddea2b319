"""What if the store in memory forgets, or does not forget?"""

from __future__ import annotations

from typing import Final

from crm_domain.crm import Crm
from crm_domain.memory import rows, store

from .defect import defect
from .driving import rebuilt, rehearsed
from .planting import Slip

_RESTORED: Final = "rows.restore(key, before)"

DEFECTS: Final = (
    defect(
        "batch_kept_though_it_raised",
        "A batch that is given up is kept.",
        "refused_changes_nothing",
        Slip(
            store.MemoryStore.rollback,
            "for rows, key, before in reversed(undo):",
            "for rows, key, before in ():",
        ),
        drive=rehearsed,
    ),
    defect(
        "only_new_rows_are_undone",
        "Of a batch that is given up the changes stay, and what was stored goes.",
        "refused_changes_nothing",
        Slip(store.MemoryStore.rollback, _RESTORED, f"before is None and {_RESTORED}"),
        drive=rehearsed,
    ),
    defect(
        "deleted_rows_are_not_undone",
        "Of a batch that is given up the deletes stay.",
        "agrees_with_model",
        Slip(
            store.MemoryStore.rollback,
            "if torn or (undo and len(self.journal) > self._length and DELETED in map(itemgetter(2), undo)):",
            "if torn:",
            _RESTORED,
            f"before == () or {_RESTORED}",
        ),
        drive=rehearsed,
    ),
    defect(
        "changes_in_place_are_not_undone",
        "What a batch changes in place is not noted, and so not undone.",
        "refused_changes_nothing",
        Slip(rows.MemoryRows.touch, "if self.undo is not None:", "if False:"),
        drive=rehearsed,
    ),
    defect(
        "undo_in_the_wrong_order",
        "A batch is undone from its beginning, not from its end.",
        "agrees_with_model",
        Slip(store.MemoryStore.rollback, "reversed(undo)", "undo"),
        drive=rehearsed,
    ),
    defect(
        "index_keeps_deleted_rows",
        "A deleted row stays in the indexes.",
        "agrees_with_model",
        Slip(rows.MemoryRows.delete, "self._leave(key, stored, self._built)", "pass"),
    ),
    defect(
        "index_does_not_move_rows",
        "A changed row stays where it was in the indexes.",
        "agrees_with_model",
        Slip(rows.MemoryRows._replace, "self._enter(key, stored, concerned)", "pass"),
    ),
    defect(
        "event_not_in_the_journal",
        "The first event of a command is carried out, and not kept.",
        "agrees_with_model",
        Slip(Crm._execute, "store.journal.append(events, at", "store.journal.append(events[1:], at"),
        drive=rebuilt,
    ),
    defect(
        "journal_keeps_what_was_given_up",
        "The events of a batch that is given up stay in the journal.",
        "balance_equals_granted_minus_consumed",
        Slip(
            store.MemoryStore.rollback,
            "self.journal.truncate(self._length)\n            for",
            "for",
        ),
        drive=rehearsed,
    ),
)
