"""How do atoms stand in SQLite's columns, and events in its journal?

`msgspec` writes the JSON of an event in an eighth of the time of the standard library's `json`, and
a tenth of `cattrs` on top of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

import msgspec
from attrs import frozen

from crm_domain.events import EVENT_TYPES, SCHEMA_VERSIONS, Event, RowStored, RowUpdated, data_of
from crm_domain.rows import TABLES
from crm_domain.schema import Atom, Column, ColumnType, Values
from crm_domain.upcasting import EventRecord, event_of

Stored: TypeAlias = str | int | None
"""What SQLite keeps for an atom."""


@lru_cache(maxsize=16_384)
def time_text(moment: datetime) -> str:
    """Return an aware UTC time as text of always the same length, which sorts as time does.

    Cached, because the same moment stands in several columns and events of the same command; in a
    bulk load the rows are written some thousands of commands after the events.
    """
    return moment.isoformat(timespec="microseconds")


def stored_of(atom: Atom) -> Stored:
    """Return what SQLite keeps for one atom."""
    if isinstance(atom, datetime):
        return time_text(atom)
    return str(atom) if isinstance(atom, Decimal) else atom


def atom_of(type_: ColumnType, stored: Any) -> Atom:
    """Return the atom that SQLite, or JSON, keeps as *stored* for a column of this type."""
    if stored is None:
        return None
    reader = _READERS.get(type_)
    return cast("Atom", stored if reader is None else reader(stored))


_READERS: Final[dict[ColumnType, Any]] = {
    ColumnType.TIMESTAMPTZ: datetime.fromisoformat,
    ColumnType.NUMERIC: Decimal,
    ColumnType.BOOLEAN: bool,
}


@frozen
class RowCodec:
    """How rows, or parts of rows, of one table are written and read.

    Attributes:
        written: The places of columns that SQLite does not take as they are.
        read: The places of columns that do not come back as they were, with what reads them.
    """

    written: tuple[int, ...]
    read: tuple[tuple[int, Any], ...]

    @classmethod
    def of(cls, columns: Iterable[Column]) -> RowCodec:
        """Return the codec of rows that have these columns."""
        places = list(enumerate(c.type for c in columns))
        return cls(
            written=tuple(n for n, t in places if t in {ColumnType.TIMESTAMPTZ, ColumnType.NUMERIC}),
            read=tuple((n, _READERS[t]) for n, t in places if t in _READERS),
        )

    def stored(self, values: Values) -> list[Any]:
        """Return a row as SQLite takes it."""
        out: list[Any] = list(values)
        for n in self.written:
            atom = out[n]
            if atom is not None:
                out[n] = time_text(atom) if type(atom) is datetime else stored_of(atom)
        return out

    def values(self, stored: Sequence[Any]) -> Values:
        """Return a row that SQLite gave."""
        out = list(stored)
        for n, reader in self.read:
            if out[n] is not None:
                out[n] = reader(out[n])
        return tuple(out)


CODECS: Final = {name: RowCodec.of(table.columns) for name, table in TABLES.items()}
"""The codec of every table."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode

_RECORDS: Final[dict[type[Any], tuple[RowCodec, Callable[..., Any]]]] = {
    kind: (CODECS[kind.table.name], msgspec.defstruct(kind.__name__, [(name, Any) for name in kind.table.by_name]))
    for kind in EVENT_TYPES.values()
    if issubclass(kind, RowStored)
}
"""For each event that stores a row: the codec of the row, and a record of its columns, which is written in half the
time of a dict."""


def event_text(event: Event) -> tuple[str, int, str]:
    """Return an event's type, schema version and data as JSON text, for the journal."""
    data: Any
    kind = type(event)
    record = _RECORDS.get(kind)
    if record is None:
        data = {column: stored_of(atom) for column, atom in data_of(event).items()}
    else:
        codec, record_of = record
        data = record_of(*codec.stored(event.values))  # type: ignore[union-attr]
    name = kind.__name__
    return name, SCHEMA_VERSIONS[name], _encode(data).decode()


def event_from(type_name: str, schema_version: int, text: str) -> Event:
    """Return the event that `event_text` wrote, in whichever version of the library.

    Upcasters see the data as the JSON has them: times and amounts are text.

    Raises:
        ValueError: It cannot be read; see `crm_domain.upcasting.event_of`.
    """
    record = EventRecord(type_name=type_name, schema_version=schema_version, data=_decode(text))
    event = event_of(record)
    if isinstance(event, RowStored):
        event.values = CODECS[event.table.name].values(event.values)
    elif isinstance(event, RowUpdated):
        table = TABLES[event.table_name]
        event.changes = tuple((name, atom_of(table.column(name).type, value)) for name, value in event.changes)
    return event
