"""What is spared while a table is being filled?

A table is *being filled* by a transaction of which it has as many rows as from all before. Its
indexes that are not unique are then left out, and made from sorted values at the end. Entering row
after row costs more, and far more once the indexes have outgrown the cache: each row goes to a place
of its own. All of it is one transaction, so that a crash leaves the file as it was. Most questions
whether an id is taken are answered without looking it up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from .errors import StoreError

_SLOTS: Final = 1 << 21
"""Each is a byte; memory is taken only for those that are written."""

ENOUGH: Final = 4096
"""How many new rows at once are worth the thought whether a table is being filled."""

_SECONDARY: Final = """
SELECT name, sql FROM sqlite_master
WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL AND sql NOT LIKE 'CREATE UNIQUE %'"""


class Absence:
    """Knows of most keys that no row has them.

    Args:
        keys: The keys that there are.
    """

    def __init__(self, keys: Iterable[Any]) -> None:
        self._slots = bytearray(_SLOTS)
        self.end(keys)

    def end(self, keys: Iterable[Any]) -> None:
        """Take note that there are rows of these keys from now on."""
        slots = self._slots
        for key in keys:
            slots[hash(key) % _SLOTS] = 1

    def is_certain(self, key: object) -> bool:
        """Tell whether there certainly is no row of this key."""
        return not self._slots[hash(key) % _SLOTS]


class Filling:
    """The tables that the present transaction fills, of one connection.

    Args:
        rows: Returns all rows of the answer to a statement.

    Attributes:
        absences: What is known of the keys of each table that is being filled, by its name in SQLite.
    """

    def __init__(self, rows: Callable[..., Sequence[Any]]) -> None:
        self.absences: dict[str, Absence] = {}
        self._rows = rows
        self._came: dict[str, int] = {}
        self._spared: dict[str, str] = {}
        self._needed = False

    def took(self, table: str, key: str, keys: Collection[Any]) -> None:
        """Take note of new rows of a table: their keys stand in the column *key*."""
        absence = self.absences.get(table)
        if absence is not None:
            absence.end(keys)
        elif len(keys) >= ENOUGH:
            came = self._came[table] = self._came.get(table, 0) + len(keys)
            stored = self._rows(f"SELECT max(rowid) FROM {table}")[0][0]  # noqa: S608 - a declared name
            if 2 * came >= stored:
                found = self._rows(f"SELECT {key} FROM {table}")  # noqa: S608
                self.absences[table] = Absence(stored_key for (stored_key,) in found)
                self.spare(table)

    def spare(self, table: str) -> None:
        """Leave out the indexes of a table that are not unique, unless some were needed before."""
        try:
            for name, sql in () if self._needed else self._rows(_SECONDARY, (table.strip('"'),)):
                self._spared[name] = sql.replace("INDEX", "INDEX IF NOT EXISTS", 1)  # first: it is not to be lost
                self._rows(f'DROP INDEX "{name}"')
        except StoreError as error:
            if getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_LOCKED:
                raise
            self._needed = True  # somebody is in the middle of an answer: SQLite drops no index under it

    def need(self, index: str | None = None) -> None:
        """Have an index, or all of them, from now on."""
        if self._spared and (index is None or index in self._spared):
            self._needed = True
            self.make()

    def make(self) -> None:
        """Make the indexes that were left out."""
        while self._spared:
            name = next(reversed(self._spared))
            self._rows(self._spared[name])
            del self._spared[name]

    def end(self) -> None:
        """Forget it all, with the transaction."""
        self.absences.clear()
        self._came.clear()
        self._spared.clear()
        self._needed = False
