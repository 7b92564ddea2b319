"""How are tables and journal in memory changed together, or not at all?"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from operator import itemgetter
from typing import Any, Final, cast

from ..evolve import evolve
from ..ports import Journal, Tables
from ..rules import Rules
from .journal import MemoryJournal
from .rows import DELETED, Before, MemoryRows, memory_rows

_NOTHING_TO_DO: Final = nullcontext()


class MemoryStore:
    """Tables and journal in memory.

    A single command needs no undo log: it is decided before anything is written, and evolving
    never refuses. Should an interrupt cut in half-way all the same, the tables are made again
    from the journal. Only a transaction of many commands keeps what it may have to undo. An undoing
    that was interrupted itself is done over as a torn one, which needs nothing but the journal.
    """

    def __init__(self) -> None:
        self.tables = Tables.made_by(memory_rows)
        self.journal = MemoryJournal()
        self._length = 0
        self._undo: list[Before] | None = None

    def open(self, rules: Rules) -> None:
        """Prepare to keep a state; in memory there is nothing to prepare."""

    def begin(self, *, many: bool) -> None:
        """Start a transaction."""
        if many:
            self._undo = []
            self._have_rows_log(self._undo)

    def commit(self) -> None:
        """Keep what was done since `begin`."""
        self._length = len(self.journal)
        if self._undo is not None:
            self._end_undo()

    def rollback(self, *, torn: bool) -> None:
        """Undo what was done since `begin`; for a single command *torn* says whether there is anything to undo."""
        undo = self._undo
        if torn or (undo and len(self.journal) > self._length and DELETED in map(itemgetter(2), undo)):
            self.journal.truncate(self._length)
            self.replace_tables(rebuilt(self.journal))
        elif undo is not None:
            if len(self.journal) > self._length:  # if not, an interrupt came after the commit
                self.journal.truncate(self._length)
                for rows, key, before in reversed(undo):
                    rows.restore(key, before)
            self._end_undo()

    def reading(self) -> AbstractContextManager[None]:
        """Have all reads of the block see one state: `Crm` lets no one write meanwhile."""
        return _NOTHING_TO_DO

    def replace_tables(self, tables: Tables) -> None:
        """Replace the present tables with rebuilt *tables*."""
        self._undo, self.tables = None, tables
        self._length = len(self.journal)

    def _end_undo(self) -> None:
        self._have_rows_log(None)
        self._undo = None

    def _have_rows_log(self, undo: list[Before] | None) -> None:
        for rows in self.tables.by_name.values():
            cast("MemoryRows[Any]", rows).undo = undo


def rebuilt(journal: Journal, *, upto: int | None = None) -> Tables:
    """Return tables in memory made from events alone: those up to position *upto*."""
    tables = Tables.made_by(memory_rows)
    for entry in journal.entries(upto=upto):
        evolve(tables, entry.event, at=entry.at)
    return tables
