"""How is a table declared, and which values does a column take?

A row class of `crm_domain.rows` is an attrs class whose fields carry what SQL would say:
type, default, key, reference, check. `table` collects that into a `Table`, the one
declaration that stores and adapters derive their schemas from.

A row has two forms. The *object* is what callers see. The *values* are one tuple in the
order of the columns, made of atoms only (text, numbers, times; JSON as its text), which is
what stores keep: small, shared between a table and the journal, and of no interest to the
garbage collector. Inside of the domain a JSON column is its text, also in row objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from operator import attrgetter, eq, gt
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

import attrs
from attrs import frozen

from .errors import CheckViolation, NotNullViolation, Refused
from .ids import uuid_text
from .values import Json as Json  # noqa: PLC0414 - columns are what callers know it by
from .values import (
    in_cents,
    json_fault,
    json_of,
    plain_amount,
    plain_number,
    plain_text,
    stored_time,
    text_fault,
)
from .values import json_text as json_text  # noqa: PLC0414
from .values import utc as utc  # noqa: PLC0414
from .wording import cut, hint, quoted

Atom: TypeAlias = str | int | bool | datetime | Decimal | None
"""What one column of a stored row holds."""

Values: TypeAlias = tuple[Atom, ...]
"""A stored row: its columns' atoms, in the order of the table."""

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

COUNT_MAX: Final = 2**53
"""What a counter or a balance may be brought to: going on one by one, none gets from there beyond 64 bits."""


class ColumnType(Enum):
    """The types of the document's columns, by PostgreSQL's names."""

    TEXT = "text"
    UUID = "uuid"
    INTEGER = "integer"
    BIGINT = "bigint"
    BOOLEAN = "boolean"
    TIMESTAMPTZ = "timestamptz"
    JSONB = "jsonb"
    NUMERIC = "numeric(12,2)"


PYTHON_TYPES: Final[dict[ColumnType, type]] = {
    ColumnType.TEXT: str,
    ColumnType.UUID: str,
    ColumnType.INTEGER: int,
    ColumnType.BIGINT: int,
    ColumnType.BOOLEAN: bool,
    ColumnType.TIMESTAMPTZ: datetime,
    ColumnType.NUMERIC: Decimal,
}
"""The type of a column's atoms, where they are not made from something else as JSON is."""


class Default(Enum):
    """The marker of an argument that was not given: the column's default applies."""

    DEFAULT = "DEFAULT"

    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT: Final = Default.DEFAULT
"""Stands for an id, a time or an owner that was not given: the model makes the first two, the third is who asks."""


@frozen(kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        name: The document's name.
        type: The type.
        default: What an insert that does not name the column stores; None is NULL.
        key: Whether it is the primary key.
        not_null: Whether NULL is refused in every reading.
        not_null_if_valid: Whether NULL is refused under ``valid_values``.
        not_negative: Whether a negative number is refused under ``valid_values``.
        most: The greatest number that may be given, in every reading.
        length_max: How many characters a text may have, which then has one at least; None for any number.
        one_of: The only values that ``valid_values`` lets in; empty for any.
        references: ``(table, column)`` of the foreign key, by the document's names.
        owner: Whether it says whose row it is, and so never changes under ``immutable_owner``.
    """

    name: str
    type: ColumnType
    default: Atom | Default = None
    key: bool = False
    not_null: bool = False
    not_null_if_valid: bool = False
    not_negative: bool = False
    most: int = INT64_MAX
    length_max: int | None = None
    one_of: tuple[str, ...] = ()
    references: tuple[str, str] | None = None
    owner: bool = False

    def atom(self, value: object) -> Atom:
        """Return *value*, given by a caller, as the atom that is stored.

        Raises:
            TypeError, ValueError: *value* cannot stand in this column; the message names it.
        """
        if value is None:
            return None
        if self.type is ColumnType.UUID:
            return uuid_text(value, self.name)
        if self.type is ColumnType.JSONB:
            return json_text(value, self.name)
        wanted = PYTHON_TYPES[self.type]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise TypeError(f"{self.name}: expected {wanted.__name__} or None, got {type(value).__name__}")
        if isinstance(value, Decimal) and value.is_snan():
            raise ValueError(f"{self.name}: a signalling NaN cannot be compared with anything")
        if isinstance(value, datetime):
            return stored_time(value, self.name)
        return cast("Atom", _PLAIN[wanted](value))

    def faults(self, value: Atom) -> Iterator[Fault]:
        """Yield what is wrong with the stored *value*, first what no reading takes."""
        if value is None:
            if self.not_null or self.not_null_if_valid:
                yield Fault(self, "is missing", None if self.not_null else "valid_values", NotNullViolation)
        elif isinstance(value, str):
            yield from self._text_faults(value)
        elif isinstance(value, Decimal):
            if not value.is_finite() or value.copy_abs() >= 10**10 or value != in_cents(value):
                yield Fault(
                    self, f"is {cut(str(value))}, expected an amount with at most two decimals, below 10000000000"
                )
        elif isinstance(value, datetime):
            if value.tzinfo is not UTC:
                yield Fault(self, f"is {value.isoformat()}, which is outside of the years 1 to 9999 in UTC")
        elif isinstance(value, int):
            if not INT64_MIN <= value <= INT64_MAX:
                yield Fault(self, f"is {quoted(value)}, which does not fit 64 bits")
            elif value > self.most:
                yield Fault(self, f"is {value}, expected at most {self.most}")
            elif value < 0 and self.not_negative:
                yield Fault(self, f"is {value}, expected 0 or more", "valid_values")

    def _text_faults(self, value: str) -> Iterator[Fault]:
        fault = json_fault(value) if self.type is ColumnType.JSONB else text_fault(value)
        if fault is not None:
            yield Fault(self, fault)
        elif self.length_max is not None and not 1 <= len(value) <= self.length_max:
            yield Fault(self, f"has {len(value)} characters, expected 1 to {self.length_max}")
        elif self.one_of and value not in self.one_of:
            yield Fault(self, f"is {quoted(value)}, expected one of {', '.join(self.one_of)}", "valid_values")


_PLAIN: Final[dict[type, Callable[[Any], object]]] = {
    str: plain_text,
    int: plain_number,
    bool: bool,
    Decimal: plain_amount,
}
"""What makes an atom of a value, of whichever subclass it is."""


@frozen
class Fault:
    """A value that its column does not take, in every reading or under one safeguard."""

    column: Column
    reason: str
    safeguard: str | None = None
    kind: type[Refused] = CheckViolation

    def refusal(self, table: Table[Any]) -> Refused:
        """Return the refusal that says so."""
        return self.kind(
            f"{table.name}.{self.column.name} {self.reason}.",
            table=table.name,
            column=self.column.name,
            safeguard=self.safeguard,
            section=table.section,
        )


@frozen(kw_only=True)
class Index:
    """An index of a table.

    Attributes:
        columns: What it is on.
        unique: Whether a second row with the same values is refused.
        where: ``(column, operator, value)`` that rows must meet to be in it; None for all rows.
        safeguard: The safeguard that a unique index belongs to; None if the document has it.
        order: The column by which rows of one value are ordered; None for the order of insertion.
        name: What the domain calls it: its columns, unless said otherwise.
    """

    columns: tuple[str, ...]
    unique: bool = False
    where: tuple[str, str, Atom] | None = None
    safeguard: str | None = None
    order: str | None = None
    name: str = attrs.field(default=attrs.Factory(lambda self: "_".join(self.columns), takes_self=True))

    @property
    def concerns(self) -> frozenset[str]:
        """The columns on which it depends whether and where a row is in the index."""
        condition = () if self.where is None else (self.where[0],)
        order = () if self.order is None else (self.order,)
        return frozenset((*self.columns, *condition, *order))

    def holds(self, row: object) -> bool:
        """Tell whether *row* is in the index."""
        if self.where is None:
            return True
        column, operator, value = self.where
        return _OPERATORS[operator](getattr(row, column), value)


_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {"=": eq, ">": gt}


R = TypeVar("R")


@frozen(kw_only=True, eq=False)
class Table(Generic[R]):
    """A table: the document's name and everything that its declaration says.

    Attributes:
        name: The document's name, letter for letter.
        row: The attrs class of its rows.
        columns: The columns, in the document's order.
        indexes: The indexes, the unique ones included, the primary key left out.
        section: The document's section; for tables that it only mentions, where it does.
        purpose: What it is for, in a few words.
        changing: Whether its rows change with every command (balances and counters), rather
            than being written once and read seldom.
    """

    name: str
    row: type[R]
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    section: str
    purpose: str
    changing: bool
    by_name: Mapping[str, Column] = attrs.field(init=False)
    position: Mapping[str, int] = attrs.field(init=False)
    key: str = attrs.field(init=False)
    values_of: Callable[[R], Values] = attrs.field(init=False)
    readers: tuple[Callable[[Any], object], ...] = attrs.field(init=False)
    defaults: Mapping[str, Atom] = attrs.field(init=False)

    @by_name.default
    def _by_name(self) -> dict[str, Column]:
        return {c.name: c for c in self.columns}

    @position.default
    def _position(self) -> dict[str, int]:
        return {c.name: n for n, c in enumerate(self.columns)}

    @key.default
    def _key(self) -> str:
        (key,) = (c.name for c in self.columns if c.key)
        return key

    @values_of.default
    def _values_of(self) -> Callable[[R], Values]:
        return cast("Callable[[R], Values]", attrgetter(*(c.name for c in self.columns)))

    @readers.default
    def _readers(self) -> tuple[Callable[[Any], object], ...]:
        return tuple(_parsed if c.type is ColumnType.JSONB else _as_it_is for c in self.columns)

    @defaults.default
    def _defaults(self) -> dict[str, Atom]:
        return {c.name: c.default for c in self.columns if not (c.key or isinstance(c.default, Default))}

    def row_of(self, values: Values) -> R:
        """Return the object of the stored *values*; JSON columns stay text."""
        return self.row(*values)

    def public(self, values: Values) -> R:
        """Return a row for a caller: of its own, with JSON columns as plain JSON."""
        return self.row(*(read(v) for read, v in zip(self.readers, values, strict=True)))

    def column(self, name: str) -> Column:
        """Return the column of this name.

        Raises:
            ValueError: There is none; the message lists what there is.
        """
        try:
            return self.by_name[name]
        except KeyError:
            raise ValueError(f"{self.name} has no column {quoted(name)}; {hint(name, self.by_name)}") from None

    def atoms(self, columns: Mapping[str, object]) -> dict[str, Atom]:
        """Return *columns*, given by a caller, as atoms.

        Raises:
            TypeError, ValueError: A column does not exist or cannot hold the value.
        """
        named = ((self.column(name), value) for name, value in columns.items())
        return {column.name: column.atom(value) for column, value in named}

    def __repr__(self) -> str:
        return f"<table {self.name}>"


def column(
    type_: ColumnType,
    *,
    default: Atom | Default = None,
    key: bool = False,
    not_null: bool = False,
    not_null_if_valid: bool = False,
    not_negative: bool = False,
    most: int = INT64_MAX,
    length_max: int | None = None,
    one_of: tuple[str, ...] = (),
    references: tuple[str, str] | None = None,
    owner: bool = False,
) -> Any:
    """Declare an attrs field as a column; the arguments are those of `Column`."""
    return attrs.field(
        metadata={
            "column": {
                "type": type_,
                "default": default,
                "key": key,
                "not_null": not_null or key,
                "not_null_if_valid": not_null_if_valid,
                "not_negative": not_negative,
                "most": most,
                "length_max": length_max,
                "one_of": one_of,
                "references": references,
                "owner": owner,
            }
        }
    )


def table_of(
    row: type[R],
    name: str,
    *,
    section: str,
    purpose: str,
    indexes: tuple[Index, ...] = (),
    changing: bool = False,
) -> Table[R]:
    """Collect the declaration of *row*, an attrs class whose fields are all `column`."""
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", row))
    return Table(
        name=name,
        row=row,
        columns=tuple(Column(name=f.name, **f.metadata["column"]) for f in fields),
        indexes=indexes,
        section=section,
        purpose=purpose,
        changing=changing,
    )


def _parsed(text: str | None) -> Json:
    return None if text is None else json_of(text)


def _as_it_is(value: object) -> object:
    return value
