"""How do tables of a file behave like the tables of the port?

Rows that are written once are not kept in memory: new ones wait for the commit, or until a question
is asked that they may be an answer to. Rows that change with every command (balances, counters) are
an identity map: each is read once, changed in place, and written at the commit, however often it
changed. Both keep to one rule: a statement that reads sees all that was done before it.

Names in SQL come from the declaration alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar, cast

from crm_domain.schema import Atom, Index, Table, Values

from .codec import CODECS, RowCodec, stored_of
from .connection import Connection
from .schema import column_name, condition_of, index_name, sql_name

R = TypeVar("R")

WAITING_MAX: Final = 4096
"""How many rows wait in memory before they are written, so that a bulk load does not fill it."""

KEPT_MAX: Final = 65_536
"""How many rows of a changing table, and answers to questions of its indexes, stay in memory between transactions."""

_PAGE: Final = 1000

_ABOVE_ALL: Final = b""
"""Sorts behind every number and text: SQLite puts all bytes there."""


class SqliteRows(Generic[R]):
    """What tables of both kinds have in common.

    Attributes:
        table: The declaration.
        parents: The tables that rows refer to. Their new rows are written first: as long as any
            reference leads nowhere, SQLite searches all children for each new parent.
    """

    def __init__(self, table: Table[R], connection: Connection) -> None:
        self.table = table
        self.parents: tuple[SqliteRows[Any], ...] = ()
        self._connection = connection
        self._codec = CODECS[table.name]
        self._key_at = table.position[table.key]
        self._declared = {i.name: i for i in table.indexes if len(i.columns) == 1}
        self._name, self._key = name, key = sql_name(table.name), column_name(table, table.key)
        columns = ", ".join(column_name(table, c) for c in table.by_name)
        marks = ", ".join("?" * len(table.columns))
        self._insert = f"INSERT INTO {name} ({columns}) VALUES ({marks})"  # noqa: S608 - declared names
        self._select = f"SELECT {columns} FROM {name}"  # noqa: S608
        self._get = f"{self._select} WHERE {key} = ?"
        self._exists = f"SELECT 1 FROM {name} WHERE {key} = ?"  # noqa: S608
        self._page = f"SELECT rowid, {columns} FROM {name} WHERE rowid > ? ORDER BY rowid LIMIT {_PAGE}"  # noqa: S608
        self._count_all = f"SELECT count(*) FROM {name}"  # noqa: S608
        self._delete = f"DELETE FROM {name} WHERE {key} = ?"  # noqa: S608
        self._conditions = {i.name: _condition(table, i) for i in self._declared.values()}
        self._spareable = {i.name: index_name(table, i, unique=False) for i in self._declared.values()}
        self._filling = connection.filling
        connection.caches.append(self.forget)

    @property
    def indexed(self) -> Container[str]:
        """The names of the indexes that `find` answers without looking at every row."""
        return self._declared.keys()

    def __len__(self) -> int:
        self._write_what_waits()
        return cast("int", self._connection.value(self._count_all))

    def __iter__(self) -> Iterator[R]:
        """Yield every row, in the order of their insertion, a page at a time."""
        last, more = 0, True
        while more:
            self._write_what_waits()
            page = self._connection.rows(self._page, (last,))
            for _, *stored in page:
                yield self._row(stored)
            more = bool(page)
            last = page[-1][0] if more else last

    def descending(self, column: str, *, below: tuple[Atom, Any] | None = None) -> Iterator[R]:
        """Yield the rows from the greatest value of a column down, those of one value by key; NULL is last."""
        self._filling.need(self._spareable.get(column))
        name, key = column_name(self.table, column), column_name(self.table, self.table.key)
        order = f"ORDER BY {name} DESC, {key} DESC LIMIT {_PAGE}"
        value, last = (_ABOVE_ALL, _ABOVE_ALL) if below is None else (stored_of(below[0]), below[1])
        if value is not None:
            places = (self.table.position[column], self._key_at)
            yield from self._pages(f"{self._select} WHERE ({name}, {key}) < (?, ?) {order}", places, (value, last))
            last = _ABOVE_ALL
        yield from self._pages(f"{self._select} WHERE {name} IS NULL AND {key} < ? {order}", (self._key_at,), (last,))

    def _pages(self, sql: str, places: Sequence[int], bounds: tuple[Any, ...]) -> Iterator[R]:
        """Yield what a statement finds beyond *bounds*, page by page: each begins at the *places* of the last row."""
        more = True
        while more:
            self._write_what_waits()
            page = self._connection.rows(sql, bounds)
            yield from map(self._row, page)
            more = len(page) == _PAGE
            bounds = tuple(page[-1][n] for n in places) if more else ()

    def insert_all(self, all_values: Iterator[Values]) -> None:
        """Store new rows at once."""
        self.flush()
        self._filling.spare(self._name)
        self._connection.executemany(self._insert, map(self._codec.stored, all_values))
        self.forget()

    def delete_all(self) -> None:
        """Delete every row."""
        self.flush()
        self._connection.execute(f"DELETE FROM {sql_name(self.table.name)}")  # noqa: S608
        self.forget()

    def flush(self) -> None:
        """Write everything that waits."""
        raise NotImplementedError

    def write_new(self) -> None:
        """Write the new rows, after those that they may refer to."""
        raise NotImplementedError

    def forget(self) -> None:
        """Forget what is in memory, written or not."""
        raise NotImplementedError

    def _row(self, stored: Sequence[Any]) -> R:
        """Return the row of what SQLite gave."""
        raise NotImplementedError

    def _write_what_waits(self) -> None:
        """Have the next statement see everything that was done."""
        if not self._connection.active:
            self._connection.look()
        self.flush()

    def _scanned(self, column: str, value: Atom) -> list[R]:
        """Return the rows that have *value* in a column without an index; NULL equals NULL."""
        self._write_what_waits()
        sql = f"{self._select} WHERE {column_name(self.table, column)} IS ? ORDER BY rowid"
        return [self._row(stored) for stored in self._asked(sql, value)]

    def _asked(self, sql: str, value: Any) -> Sequence[Any]:
        """Return the answer to a question about one value; none if SQLite could not even hold it."""
        try:
            return self._connection.rows(sql, (stored_of(value),))
        except (OverflowError, UnicodeEncodeError):
            return ()

    def _assignments(self, names: Collection[str]) -> str:
        assigned = ", ".join(f"{column_name(self.table, name)} = ?" for name in names)
        key = column_name(self.table, self.table.key)
        return f"UPDATE {sql_name(self.table.name)} SET {assigned} WHERE {key} = ?"  # noqa: S608


class WrittenOnceRows(SqliteRows[R]):
    """A table whose rows are seldom looked at again: only new ones are in memory, until written."""

    def __init__(self, table: Table[R], connection: Connection) -> None:
        super().__init__(table, connection)
        self._new: dict[Any, Values] = {}

    def __contains__(self, key: object) -> bool:
        if key in self._new:
            return True
        absence = self._filling.absences.get(self._name)
        return not (absence and absence.is_certain(key)) and bool(self._looked_up(self._exists, key))

    def get(self, key: Any) -> R | None:
        """Return the row of this key, or None."""
        values = self._new.get(key)
        if values is not None:
            return self.table.row(*values)
        found = self._looked_up(self._get, key)
        return self._row(found[0]) if found else None

    def one(self, index: str, value: Atom) -> R | None:
        """Return the first row that the named index has for *value*, or None."""
        self._need(index)
        found = self._asked(f"{self._select} {self._conditions[index]} LIMIT 1", value)
        return self._row(found[0]) if found else None

    def find(self, index: str, value: Atom) -> Sequence[R]:
        """Return the rows that the named index, or a column without one, has for *value*."""
        if value is None or index not in self._declared:
            return self._scanned(index, value)
        self._need(index)
        return [self._row(stored) for stored in self._asked(f"{self._select} {self._conditions[index]}", value)]

    def count(self, index: str, value: Atom) -> int:
        """Return the number of rows that the named index has for *value*."""
        self._need(index)
        found = self._asked(f"{self._count_all} {self._conditions[index]}", value)
        return cast("int", found[0][0]) if found else 0

    def insert(self, values: Values) -> None:
        """Store a new row."""
        self._new[values[self._key_at]] = values
        self._connection.waiting[self.flush] = None
        if len(self._new) >= WAITING_MAX:
            self.flush()

    def touch(self, row: R) -> None:
        """Refuse: only rows of changing tables are changed in place."""
        raise TypeError(f"touch: rows of {self.table.name} are not changed in place: {row!r}")

    def update(self, key: Any, changes: Mapping[str, Atom]) -> None:
        """Change columns of the row of this key."""
        self.flush()
        self._connection.execute(self._assignments(changes), (*map(stored_of, changes.values()), key))

    def delete(self, key: Any) -> None:
        """Delete the row of this key."""
        self.flush()
        self._filling.need()
        self._connection.execute(self._delete, (key,))

    def flush(self) -> None:
        """Write everything that waits."""
        self.write_new()

    def write_new(self) -> None:
        """Write the new rows, after those that they may refer to."""
        if self._new:
            for parent in self.parents:
                parent.write_new()
            self._connection.executemany(self._insert, map(self._codec.stored, self._new.values()))
            self._filling.took(self._name, self._key, self._new.keys())
            self._new.clear()

    def forget(self) -> None:
        """Forget what is in memory, written or not."""
        self._new.clear()

    def _need(self, index: str) -> None:
        """Have the next statement see everything that was done, and find it by the index."""
        self._write_what_waits()
        self._filling.need(self._spareable[index])

    def _row(self, stored: Sequence[Any]) -> R:
        return self.table.row(*self._codec.values(stored))

    def _looked_up(self, sql: str, key: Any) -> Sequence[Any]:
        if not self._connection.active:
            self._connection.look()
        try:
            return self._connection.rows(sql, (key,))
        except (OverflowError, UnicodeEncodeError):  # SQLite could not even hold such a key
            return ()


class ChangingRows(SqliteRows[R]):
    """A table whose rows are kept as objects that are changed in place.

    What is in memory stays right from one transaction to the next, until someone else writes.
    """

    def __init__(self, table: Table[R], connection: Connection) -> None:
        super().__init__(table, connection)
        self._rows: dict[Any, R] = {}
        self._buckets: dict[str, dict[Atom, list[R]]] = {}
        self._new: dict[Any, R] = {}
        self._moved: dict[Any, R] = {}
        self._touched: dict[Any, R] = {}
        self._outdated: set[tuple[str, Atom]] = set()  # what SQLite would answer wrongly until it is told
        self._kept_count = 0
        self._key_of = attrgetter(table.key)
        fixed = {table.key}.union(*(i.columns for i in table.indexes))
        self._change_in_place = self._changing([c for c in table.by_name if c not in fixed])
        self._change_all = self._changing([c for c in table.by_name if c != table.key])

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None

    def get(self, key: Any) -> R | None:
        """Return the row of this key, or None."""
        if not self._connection.active:
            self._connection.look()
        row = self._rows.get(key)
        if row is None:
            found = self._asked(self._get, key)
            row = self._kept(found[0]) if found else None
        return row

    def one(self, index: str, value: Atom) -> R | None:
        """Return the first row that the named index has for *value*, or None."""
        bucket = self._bucket(index, value)
        return bucket[0] if bucket else None

    def find(self, index: str, value: Atom) -> Sequence[R]:
        """Return the rows that the named index, or a column without one, has for *value*."""
        if value is None or index not in self._declared:
            return self._scanned(index, value)
        return list(self._bucket(index, value))

    def count(self, index: str, value: Atom) -> int:
        """Return the number of rows that the named index has for *value*."""
        return len(self._bucket(index, value))

    def insert(self, values: Values) -> None:
        """Store a new row."""
        key = values[self._key_at]
        row = self._rows[key] = self._new[key] = self.table.row(*values)
        self._kept_count += 1
        self._connection.waiting[self.flush] = None
        for index in self._declared.values():
            if index.holds(row):
                self._enter(index, row)

    def touch(self, row: R) -> None:
        """Announce that *row* is about to be changed in place."""
        self._touched[self._key_of(row)] = row
        self._connection.waiting[self.flush] = None

    def update(self, key: Any, changes: Mapping[str, Atom]) -> None:
        """Change columns of the row of this key."""
        row: Any = self.get(key)
        self._connection.waiting[self.flush] = None
        concerned = [i for i in self.table.indexes if not i.concerns.isdisjoint(changes)]
        unique = any(i.unique for i in concerned)
        if unique:  # a unique index is to see the changes one after another, as they were decided
            self.flush()
        read = [i for i in concerned if i.name in self._declared]
        for index in read:
            if index.holds(row):
                self._leave(index, row)
        for name, value in changes.items():
            setattr(row, name, value)
        for index in read:
            if index.holds(row):
                self._enter(index, row, moved=True)
        (self._moved if concerned else self._touched)[key] = row
        if unique:
            self.flush()

    def delete(self, key: Any) -> None:
        """Delete the row of this key."""
        row: Any = self.get(key)
        self.flush()
        self._filling.need()
        self._connection.execute(self._delete, (key,))
        del self._rows[key]
        for index in self._declared.values():
            bucket = self._loaded(index, row)
            if bucket is not None and index.holds(row):
                bucket.remove(row)

    def flush(self) -> None:
        """Write everything that waits: each row once, as it is now."""
        self.write_new()
        if self._touched:
            self._change_in_place(self._touched.values())
            self._touched.clear()

    def write_new(self) -> None:
        """Write the new rows, and all else that decides which rows an index has for a value."""
        if not (self._new or self._moved):
            return
        for parent in self.parents:
            parent.write_new()
        for key in (*self._new, *self._moved):
            self._touched.pop(key, None)
        if self._new:
            rows = map(self.table.values_of, self._new.values())
            self._connection.executemany(self._insert, map(self._codec.stored, rows))
        moved = [row for key, row in self._moved.items() if key not in self._new]
        if moved:
            self._change_all(moved)
        for written in (self._new, self._moved, self._outdated):
            written.clear()

    def forget(self) -> None:
        """Forget what is in memory, written or not."""
        for kept in (self._buckets, self._rows, self._new, self._moved, self._touched, self._outdated):
            kept.clear()
        self._kept_count = 0

    def trim(self) -> None:
        """Forget everything if there is too much of it; all of it has been written."""
        if self._kept_count > KEPT_MAX:
            self.forget()

    def _changing(self, names: Sequence[str]) -> Callable[[Iterable[R]], None]:
        """Return what writes the named columns of rows that are stored already."""
        parameters = (*names, self.table.key)
        sql, codec = self._assignments(names), RowCodec.of(map(self.table.column, parameters))
        values_of: Callable[[R], Values] = attrgetter(*parameters)
        return lambda rows: self._connection.executemany(sql, map(codec.stored, map(values_of, rows)))

    def _row(self, stored: Sequence[Any]) -> R:
        """Return the row that is kept for what SQLite gave; one that is not, stays unkept."""
        row = self._rows.get(stored[self._key_at])
        return self.table.row(*self._codec.values(stored)) if row is None else row

    def _kept(self, stored: Sequence[Any]) -> R:
        row = self._rows[stored[self._key_at]] = self._row(stored)
        self._kept_count += 1
        return row

    def _bucket(self, index: str, value: Atom) -> Sequence[R]:
        """Return the rows that the index has for *value*; read at first, then kept as they change."""
        if not self._connection.active:
            self._connection.look()
        try:
            return self._buckets[index][value]
        except KeyError:
            return self._read_bucket(index, value)

    def _read_bucket(self, index: str, value: Atom) -> Sequence[R]:
        condition = self._conditions[index]
        if value is None:
            return ()
        if (index, value) in self._outdated:
            self.write_new()
        bucket = [self._kept(stored) for stored in self._asked(f"{self._select} {condition}", value)]
        self._buckets.setdefault(index, {})[value] = bucket
        self._kept_count += 1
        return bucket

    def _loaded(self, index: Index, row: R) -> list[R] | None:
        """Return the bucket that the row belongs to, if it was read."""
        return self._buckets.get(index.name, {}).get(getattr(row, index.columns[0]))

    def _leave(self, index: Index, row: R) -> None:
        """Take a row that is about to be changed out of the bucket that it belongs to."""
        bucket = self._loaded(index, row)
        if bucket is None:
            self._outdated.add((index.name, getattr(row, index.columns[0])))
        else:
            bucket.remove(row)

    def _enter(self, index: Index, row: R, *, moved: bool = False) -> None:
        """Put a row that is new, or was *moved*, into the bucket that it belongs to."""
        value = getattr(row, index.columns[0])
        bucket = self._loaded(index, row)
        if bucket is not None and moved and index.order is None:  # where it belongs only SQLite knows
            del self._buckets[index.name][value]
            bucket = None
        if bucket is None:
            self._outdated.add((index.name, value))
        else:
            bucket.append(row)
            _put_in_order(index, bucket)


def _put_in_order(index: Index, bucket: list[R]) -> None:
    order = index.order
    if order is not None and len(bucket) > 1:
        bucket.sort(key=lambda row: getattr(row, order))


def _condition(table: Table[Any], index: Index) -> str:
    order = "rowid" if index.order is None else column_name(table, index.order)
    column = column_name(table, index.columns[0])
    return f"WHERE {column} = ? AND {condition_of(table, index)} ORDER BY {order}"


def sqlite_rows(table: Table[Any], connection: Connection) -> WrittenOnceRows[Any] | ChangingRows[Any]:
    """Return a table of the file, of the kind that its declaration asks for."""
    return ChangingRows(table, connection) if table.changing else WrittenOnceRows(table, connection)
