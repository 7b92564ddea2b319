"""How is one table kept in memory? As a dict, with indexes that are built when first needed.

Rows that change with every command (balances, counters) are kept as objects and changed in
place; rows that are written once are kept as tuples of atoms, which are smaller and cost the
garbage collector nothing. Both kinds answer the same port.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from ..schema import Atom, Index, Table, Values

R = TypeVar("R")

_Built: TypeAlias = tuple[Index, frozenset[str], dict[Atom, Any]]
Before: TypeAlias = tuple["MemoryRows[Any]", Any, Values | None]


class MemoryRows(Generic[R]):
    """What tables of both kinds have in common.

    An index is a dict from value to what has it: to one entry if it is unique, else to a list of
    entries in the order of the index. NULL is not in it: no one looks for rows by what they lack.
    """

    def __init__(self, table: Table[R]) -> None:
        self.table = table
        self.undo: list[Before] | None = None
        self._stored: dict[Any, Any] = {}
        self._built: list[_Built] = []
        self._buckets: dict[str, dict[Atom, Any]] = {}
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

    def descending(self, column: str, *, below: tuple[Atom, Any] | None = None) -> Iterator[R]:
        """Yield the rows from the greatest value of a column down, those of one value by key; NULL is last."""
        placed = [(_place(getattr(row, column), key), row) for key, row in zip(self._stored, self, strict=True)]
        if below is not None:
            bound = _place(*below)
            placed = [pair for pair in placed if pair[0] < bound]
        return (row for _, row in sorted(placed, key=itemgetter(0), reverse=True))

    def get(self, key: Any) -> R | None:
        """Return the row of this key, or None."""
        stored = self._stored.get(key)
        return None if stored is None else self._row(stored)

    def one(self, index: str, value: Atom) -> R | None:
        """Return the first row that the named index has for *value*, or None."""
        entry = self._entries(index).get(value)
        if entry is None:
            return None
        return self._row_of(entry[0] if type(entry) is list else entry)

    def find(self, index: str, value: Atom) -> Sequence[R]:
        """Return the rows that the named index, or a column without one, has for *value*."""
        if index in self._declared and value is not None:
            entry = self._entries(index).get(value)
            return [] if entry is None else list(map(self._row_of, entry if type(entry) is list else (entry,)))
        return [row for row in self if getattr(row, index) == value]

    def count(self, index: str, value: Atom) -> int:
        """Return the number of rows that the named index has for *value*."""
        entry = self._entries(index).get(value)
        return len(entry) if type(entry) is list else int(entry is not None)

    def insert(self, values: Values) -> None:
        """Store a new row."""
        raise NotImplementedError

    def _keep(self, key: Any, stored: Any) -> None:
        self._stored[key] = stored
        if self._built:
            self._enter(key, stored, self._built)
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
        if self.undo is not None:
            self.undo.append((self, key, self._values(stored)))
        self._replace(key, stored, changes)

    def delete(self, key: Any) -> None:
        """Delete the row of this key."""
        stored = self._stored.pop(key)
        self._leave(key, stored, self._built)
        if self.undo is not None:
            self.undo.append((self, key, DELETED))

    def restore(self, key: Any, before: Values | None) -> None:
        """Bring the row of this key, which is still there, back to what it was; None if it was not."""
        if before is None:
            self._leave(key, self._stored.pop(key), self._built)
        else:
            self._replace(key, self._stored[key], dict(zip(self.table.by_name, before, strict=True)))

    def _replace(self, key: Any, stored: Any, changes: Mapping[str, Atom]) -> None:
        concerned = [built for built in self._built if not built[1].isdisjoint(changes)]
        self._leave(key, stored, concerned)
        self._stored[key] = stored = self._changed(stored, changes)
        self._enter(key, stored, concerned)
        self._drop_disordered(self._row(stored), concerned)

    def _drop_disordered(self, row: R, indexes: Iterable[_Built]) -> None:
        """Forget indexes where a changed row now stands last, though it was inserted before others."""
        for built in indexes:
            index, _, buckets = built
            if index.order is None and type(buckets.get(getattr(row, index.columns[0]))) is list:
                self._buckets.pop(index.name, None)
                self._built = [other for other in self._built if other is not built]

    def _entries(self, name: str) -> dict[Atom, Any]:
        if name not in self._buckets:
            index = self._declared[name]
            buckets: dict[Atom, Any] = {}
            built = (index, index.concerns, buckets)
            for key, stored in self._stored.items():
                self._enter(key, stored, (built,))
            self._built.append(built)
            self._buckets[name] = buckets  # last, so that an interrupt leaves no index half built
        return self._buckets[name]

    def _enter(self, key: Any, stored: Any, indexes: Iterable[_Built]) -> None:
        row = self._row(stored)
        for index, _, buckets in indexes:
            value = getattr(row, index.columns[0])
            if value is None or not index.holds(row):
                continue
            entry = self._entry(key, stored)
            present = buckets.get(value)
            if present is None:
                buckets[value] = entry
            elif type(present) is not list:
                buckets[value] = self._ordered(index, [present, entry])
            else:
                present.append(entry)
                self._ordered(index, present)

    def _leave(self, key: Any, stored: Any, indexes: Iterable[_Built]) -> None:
        row = self._row(stored)
        for index, _, buckets in indexes:
            value = getattr(row, index.columns[0])
            if value is None or not index.holds(row):
                continue
            present = buckets[value]
            if type(present) is list and len(present) > 1:
                present.remove(self._entry(key, stored))
            else:
                del buckets[value]

    def _ordered(self, index: Index, entries: list[Any]) -> list[Any]:
        order = index.order
        if order is not None:
            entries.sort(key=lambda entry: getattr(self._row_of(entry), order))
        return entries

    def _changed(self, stored: Any, changes: Mapping[str, Atom]) -> Any:
        """Return what is kept for a row after *changes*."""
        raise NotImplementedError

    def _row(self, stored: Any) -> R:
        """Return the row object of what is kept."""
        raise NotImplementedError

    def _values(self, stored: Any) -> Values:
        """Return the values of what is kept."""
        raise NotImplementedError

    def _entry(self, key: Any, stored: Any) -> Any:
        """Return what an index keeps for a row."""
        raise NotImplementedError

    def _row_of(self, entry: Any) -> R:
        """Return the row object of what an index keeps."""
        raise NotImplementedError


class PackedRows(MemoryRows[R]):
    """A table whose rows are kept as tuples of atoms, and made into objects when read."""

    def insert(self, values: Values) -> None:
        """Store a new row."""
        self._keep(values[self._key_at], values)

    def _changed(self, stored: Any, changes: Mapping[str, Atom]) -> Any:
        return tuple(changes.get(name, old) for name, old in zip(self.table.by_name, stored, strict=True))

    def _row(self, stored: Any) -> R:
        return self.table.row(*stored)

    def _values(self, stored: Any) -> Values:
        return cast("Values", stored)

    def _entry(self, key: Any, stored: Any) -> Any:  # noqa: ARG002
        return key

    def _row_of(self, entry: Any) -> R:
        return self.table.row(*self._stored[entry])


class ChangingRows(MemoryRows[R]):
    """A table whose rows are kept as objects that are changed in place."""

    def insert(self, values: Values) -> None:
        """Store a new row."""
        self._keep(values[self._key_at], self.table.row(*values))

    def _changed(self, stored: Any, changes: Mapping[str, Atom]) -> Any:
        for name, value in changes.items():
            setattr(stored, name, value)
        return stored

    def _row(self, stored: Any) -> R:
        return cast("R", stored)

    def _values(self, stored: Any) -> Values:
        return self.table.values_of(stored)

    def _entry(self, key: Any, stored: Any) -> Any:  # noqa: ARG002
        return stored

    def _row_of(self, entry: Any) -> R:
        return cast("R", entry)

    def get(self, key: Any) -> R | None:
        """Return the row of this key, or None."""
        return self._stored.get(key)

    def one(self, index: str, value: Atom) -> R | None:
        """Return the first row that the named index has for *value*, or None."""
        try:
            entry = self._buckets[index].get(value)
        except KeyError:
            entry = self._entries(index).get(value)
        return entry[0] if type(entry) is list else entry


def _place(value: Atom, key: Any) -> tuple[Any, ...]:
    """Return what orders rows by value, then by key; NULL comes before all values."""
    return (False, key) if value is None else (True, value, key)


def memory_rows(table: Table[Any]) -> MemoryRows[Any]:
    """Return an empty table in memory, of the kind that its declaration asks for."""
    return ChangingRows(table) if table.changing else PackedRows(table)


DELETED: Final[Values] = ()
"""What the undo log has for a deleted row: only the journal knows its place among the others."""
