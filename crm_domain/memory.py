"""The store in memory: tables as dicts, with indexes that are built when first needed.

Rows that change with every command (balances, counters) are kept as objects and changed in
place; rows that are written once are kept as tuples of atoms, which are smaller and cost the
garbage collector nothing. Both kinds answer the same port.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar, cast

from .evolve import evolve
from .journal import MemoryJournal
from .ports import Journal, Tables
from .schema import Atom, Index, Table, Values

R = TypeVar("R")
Before: TypeAlias = tuple["MemoryRows[Any]", Any, Values | None]


class MemoryRows(Generic[R]):
    """What tables of both kinds have in common.

    An index is a dict from value to keys (to the one key, if it is unique). Buckets keep the
    order of insertion.
    """

    def __init__(self, table: Table[R]) -> None:
        self.table = table
        self.undo: list[Before] | None = None
        self._stored: dict[Any, Any] = {}
        self._indexes: dict[str, tuple[Index, dict[Atom, list[Any]]]] = {}
        self._declared = {i.name: i for i in table.indexes if len(i.columns) == 1}
        self._key_at = table.position[table.key]

    @property
    def indexed(self) -> Container[str]:
        """The names of the indexes that `find` answers without looking at every row."""
        return self._declared.keys()

    def __len__(self) -> int:
        return len(self._stored)

    def __contains__(self, key: object) -> bool:
        return key in self._stored

    def __iter__(self) -> Iterator[R]:
        return map(self._row, self._stored.values())

    def get(self, key: Any) -> R | None:
        """Return the row of this key, or None."""
        stored = self._stored.get(key)
        return None if stored is None else self._row(stored)

    def one(self, index: str, value: Atom) -> R | None:
        """Return the first row that the named index has for *value*, or None."""
        keys = self._bucket(index, value)
        return self._row(self._stored[keys[0]]) if keys else None

    def find(self, index: str, value: Atom) -> Sequence[R]:
        """Return the rows that the named index, or a column without one, has for *value*."""
        if index in self._declared:
            return [self._row(self._stored[key]) for key in self._bucket(index, value)]
        return [row for row in self if getattr(row, index) == value]

    def insert(self, values: Values) -> None:
        """Store a new row."""
        key = values[self._key_at]
        self._stored[key] = stored = self._kept(values)
        if self._indexes:
            self._enter(key, stored)
        if self.undo is not None:
            self.undo.append((self, key, None))

    def touch(self, row: R) -> None:
        """Announce that *row* is about to be changed in place."""
        if self.undo is not None:
            values = self.table.values_of(row)
            self.undo.append((self, values[self._key_at], values))

    def update(self, key: Any, changes: Mapping[str, Atom]) -> None:
        """Change columns of the row of this key."""
        stored = self._stored[key]
        before = self._values(stored)
        if self.undo is not None:
            self.undo.append((self, key, before))
        after = tuple(changes.get(name, old) for name, old in zip(self.table.by_name, before, strict=True))
        self._replace(key, stored, after)

    def delete(self, key: Any) -> None:
        """Delete the row of this key."""
        stored = self._stored.pop(key)
        self._leave(key, stored)
        if self.undo is not None:
            self.undo.append((self, key, self._values(stored)))

    def restore(self, key: Any, before: Values | None) -> None:
        """Bring the row of this key back to what it was; None if it was not."""
        if before is None:
            self._leave(key, self._stored.pop(key))
        elif key in self._stored:
            self._replace(key, self._stored[key], before)
        else:
            self.insert(before)

    def _replace(self, key: Any, stored: Any, values: Values) -> None:
        self._leave(key, stored)
        self._stored[key] = stored = self._changed(stored, values)
        self._enter(key, stored)

    def _bucket(self, name: str, value: Atom) -> list[Any]:
        try:
            return self._indexes[name][1].get(value, _NONE)
        except KeyError:
            return self._built(name).get(value, _NONE)

    def _built(self, name: str) -> dict[Atom, list[Any]]:
        index, buckets = self._indexes[name] = (self._declared[name], {})
        for key, stored in self._stored.items():
            self._enter_one(index, buckets, key, self._row(stored))
        return buckets

    @staticmethod
    def _enter_one(index: Index, buckets: dict[Atom, list[Any]], key: Any, row: Any) -> None:
        if index.holds(row):
            buckets.setdefault(getattr(row, index.columns[0]), []).append(key)

    def _enter(self, key: Any, stored: Any) -> None:
        if self._indexes:
            row = self._row(stored)
            for index, buckets in self._indexes.values():
                self._enter_one(index, buckets, key, row)

    def _leave(self, key: Any, stored: Any) -> None:
        if self._indexes:
            row = self._row(stored)
            for index, buckets in self._indexes.values():
                if index.holds(row):
                    value = getattr(row, index.columns[0])
                    buckets[value].remove(key)
                    if not buckets[value]:
                        del buckets[value]

    def _kept(self, values: Values) -> Any:
        raise NotImplementedError

    def _changed(self, stored: Any, values: Values) -> Any:
        raise NotImplementedError

    def _row(self, stored: Any) -> R:
        raise NotImplementedError

    def _values(self, stored: Any) -> Values:
        raise NotImplementedError


class PackedRows(MemoryRows[R]):
    """A table whose rows are kept as tuples of atoms, and made into objects when read."""

    def _kept(self, values: Values) -> Any:
        return values

    def _changed(self, stored: Any, values: Values) -> Any:
        return values

    def _row(self, stored: Any) -> R:
        return self.table.row(*stored)

    def _values(self, stored: Any) -> Values:
        return cast("Values", stored)


class ChangingRows(MemoryRows[R]):
    """A table whose rows are kept as objects that are changed in place."""

    def _kept(self, values: Values) -> Any:
        return self.table.row(*values)

    def _changed(self, stored: Any, values: Values) -> Any:
        for name, value in zip(self.table.by_name, values, strict=True):
            setattr(stored, name, value)
        return stored

    def _row(self, stored: Any) -> R:
        return cast("R", stored)

    def _values(self, stored: Any) -> Values:
        return self.table.values_of(stored)


_NONE: list[Any] = []


def memory_rows(table: Table[Any]) -> MemoryRows[Any]:
    """Return an empty table in memory, of the kind that its declaration asks for."""
    return ChangingRows(table) if table.changing else PackedRows(table)


class MemoryStore:
    """Tables and journal in memory.

    A single command needs no undo log: it is decided before anything is written, and evolving
    never refuses. Should an interrupt cut in half-way all the same, the tables are made anew
    from the journal. Only a transaction of many commands keeps what it may have to undo.
    """

    def __init__(self) -> None:
        self.tables = Tables.made_by(memory_rows)
        self.journal = MemoryJournal()
        self._length = 0
        self._undo: list[Before] | None = None

    def begin(self, *, many: bool) -> None:
        """Start a transaction."""
        self._length = len(self.journal)
        if many:
            self._log_undo([])

    def commit(self) -> None:
        """Keep what was done since `begin`."""
        if self._undo is not None:
            self._log_undo(None)

    def rollback(self) -> None:
        """Undo what was done since `begin`."""
        if self._undo is None:
            if len(self.journal) > self._length:
                self.journal.truncate(self._length)
                self.replace_tables(rebuilt(self.journal))
            return
        undo = self._undo
        self._log_undo(None)
        self.journal.truncate(self._length)
        for rows, key, before in reversed(undo):
            rows.restore(key, before)

    def replace_tables(self, tables: Tables) -> None:
        """Put rebuilt *tables* in the place of the present ones."""
        self.tables = tables

    def _log_undo(self, undo: list[Before] | None) -> None:
        self._undo = undo
        for rows in self.tables.by_name.values():
            cast("MemoryRows[Any]", rows).undo = undo


def rebuilt(journal: Journal, *, upto: int | None = None) -> Tables:
    """Return tables in memory made from events alone: those up to position *upto*."""
    tables = Tables.made_by(memory_rows)
    for entry in journal.entries(upto=upto):
        evolve(tables, entry.event, at=entry.at)
    return tables
