"""What does a line of a command log say, or what is wrong with it?

cattrs turns JSON into requests by the declarations of `crm_domain`: each argument is read by
the type of its column. Only the form is judged here. A value of the right form that breaks a
rule (a negative duration, a status that does not exist) is read, and the domain refuses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, NoReturn, TypeAlias, TypedDict, cast

import attrs
import cattrs
from attrs import field, frozen
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override
from cattrs.gen.typeddicts import make_dict_structure_fn as make_typed_dict_structure_fn

from crm_adapters.errors import AdapterError
from crm_adapters.inputs import LINE_MAX, TooLong, bounded_lines
from crm_domain.command_log import (
    OWNER_COLUMNS,
    REQUESTS,
    LogLine,
    Request,
    argument_types,
    column_name,
    id_named,
    log_name,
    principal_named,
)
from crm_domain.commands import CreateRow, Delete, Update
from crm_domain.ids import Principal
from crm_domain.reads import Select
from crm_domain.rows import table_named
from crm_domain.schema import ColumnType, Table
from crm_domain.values import JSON_DEPTH_MAX, JSON_DIGITS_MAX, plain_amount, text_fault, utc
from crm_domain.wording import cut, unknown

Hook: TypeAlias = Callable[[Any, Any], Any]
"""Structures a JSON value; the second argument, the declared type, says less than the column does."""

_BLANK: Final = b" \t\r\n"
_BYTE_ORDER_MARK: Final = "\ufeff".encode()
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})", re.IGNORECASE
)
GROUP_MAX: Final = 8 * LINE_MAX
"""How long the lines of a group may be together, in bytes: they are held until the group ends."""

_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_DEPTH_MAX: Final = JSON_DEPTH_MAX + 8
"""How deep JSON is read: deeper than a column takes, with the line around it."""


class LogError(AdapterError):
    """Raised when a line is not a command: a mistake in the log, not a refusal.

    Attributes:
        name: The name of the log.
        number: The number of the line, from 1.
        problem: What is wrong with it.
    """

    def __init__(self, name: str, number: int, problem: str) -> None:
        super().__init__(f"{name}:{number}: {problem}")
        self.name = name
        self.number = number
        self.problem = problem


@frozen
class Entry:
    """A line in its place.

    Attributes:
        number: The number of the line, from 1; blank lines count, as in an editor.
        line: What it says.
        names: Its texts for the principal, the owner and the row: the labels among them become
            known when the line is accepted.
    """

    number: int
    line: LogLine
    names: tuple[str, ...]


def read_log(lines: Iterable[bytes], name: str) -> Iterator[Entry]:
    """Yield the entries of a log, each as soon as its line is there; blank lines are skipped.

    Args:
        lines: The lines, in UTF-8.
        name: What to call the log in errors.

    Raises:
        LogError: A line is not a command; the entries before it have been yielded.
    """
    before: LogLine | None = None
    together = 0
    try:
        for number, text in enumerate(bounded_lines(lines), start=1):
            if not text.strip(_BLANK):
                continue
            entry = read_line(text, name=name, number=number)
            is_next = _overlaps(before, entry, name)
            together = together + len(text) if is_next else len(text)
            if together > GROUP_MAX:
                raise LogError(name, number, f"concurrent: the lines of a group are longer than {GROUP_MAX:,} bytes")
            before = entry.line
            yield entry
    except TooLong as error:
        raise LogError(name, error.number or 1, error.problem) from None


def read_line(text: bytes, *, name: str, number: int) -> Entry:
    """Return what one line says.

    Raises:
        LogError: It is not a command.
    """
    if len(text) > LINE_MAX:
        raise LogError(name, number, TooLong(number, LINE_MAX).problem)
    try:
        given = _parsed(text.rstrip(_BLANK))
        envelope: _Envelope = _structured(given, _Envelope)
        request = _structured(envelope.args, envelope.cmd, "args")
        line = LogLine(envelope.as_, request, at=envelope.at, key=envelope.key, concurrent=envelope.concurrent)
    except ValueError as error:
        raise LogError(name, number, str(error)) from None
    names = (given["as"], envelope.args.get("user"), envelope.args.get("id"))
    return Entry(number, line, tuple(name for name in names if isinstance(name, str)))


def _overlaps(before: LogLine | None, entry: Entry, name: str) -> bool:
    """Tell whether a line overlaps with the one before it."""
    group = entry.line.concurrent
    if group is None or before is None or before.concurrent != group:
        return False
    if before.at != entry.line.at:
        raise LogError(name, entry.number, f"at: the lines of group {_shown(group)} overlap, so they have one time")
    return True


# --- JSON -------------------------------------------------------------------------------------


def _parsed(text: bytes) -> Any:
    if text.startswith(_BYTE_ORDER_MARK):
        raise ValueError("starts with a byte order mark: save the log as UTF-8 without one")
    try:
        return json.loads(
            _shallow(text.decode()),
            object_pairs_hook=_object_of,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte 0x{text[error.start]:02x} at position {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None


def _shallow(text: str) -> str:
    """Return JSON with null for what nests so deeply that every column refuses it: no parser gets there on each Python."""
    if text.count("[") + text.count("{") <= _DEPTH_MAX:
        return text
    kept, depth, start = [], 0, 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth == _DEPTH_MAX + 1:
                kept += [text[start : found.start()], "null"]
                start = len(text)
        elif found[0] in "]}":
            if depth == _DEPTH_MAX + 1:
                start = found.end()
            depth -= 1
    if depth > _DEPTH_MAX:
        raise ValueError("nests too deeply to be read")
    return "".join((*kept, text[start:]))


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"the key {_shown(twice)} is there twice")
    return found


def _whole(text: str) -> int:
    digits = len(text.lstrip("-"))
    if digits > JSON_DIGITS_MAX:
        raise ValueError(f"a whole number has {digits:,} digits, the most are {JSON_DIGITS_MAX:,}")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf"):
        raise ValueError(f"the number {cut(text)} is too large")
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"not JSON: {text} is no JSON value")


# --- values: a hook for each type of column ---------------------------------------------------


def _shown(value: object) -> str:
    return cut(json.dumps(value))


def _unexpected(wanted: str, value: object) -> ValueError:
    return ValueError(f"expected {wanted}, got {_shown(value)}")


def _nullable(hook: Callable[[Any], object]) -> Hook:
    return lambda value, _: None if value is None else hook(value)


def _exactly(kind: type, wanted: str) -> Callable[[Any], object]:
    def checked(value: object) -> object:
        if type(value) is not kind:  # not isinstance: in JSON true is no number
            raise _unexpected(wanted, value)
        return value

    return checked


def _id(value: object) -> str:
    if not isinstance(value, str):
        raise _unexpected("a UUID, a label or null", value)
    return id_named(value)


def _moment(value: object) -> datetime:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise _unexpected("a time with its zone as in RFC 3339, like 2026-01-31T09:30:00Z", value)
    try:
        return utc(datetime.fromisoformat(value.upper()), "time")
    except ValueError as error:
        raise ValueError(f"there is no time {cut(value)}: {error}") from None


def _amount(value: object) -> Decimal:
    if isinstance(value, str):
        with suppress(ValueError):
            return plain_amount(value)
    raise _unexpected('decimal text, like "12.99", or null', value)


_whole_number: Final = _nullable(_exactly(int, "a whole number or null"))

_HOOKS: Final[dict[ColumnType, Hook]] = {
    ColumnType.TEXT: _nullable(_exactly(str, "text or null")),
    ColumnType.UUID: _nullable(_id),
    ColumnType.INTEGER: _whole_number,
    ColumnType.BIGINT: _whole_number,
    ColumnType.BOOLEAN: _nullable(_exactly(bool, "true, false or null")),
    ColumnType.TIMESTAMPTZ: _nullable(_moment),
    ColumnType.JSONB: lambda value, _: value,
    ColumnType.NUMERIC: _nullable(_amount),
}


# --- lines and requests -----------------------------------------------------------------------


@frozen(kw_only=True)
class _Envelope:
    """A line before the arguments of its command are looked at; the names are the keys."""

    as_: Principal
    cmd: type[Request]
    args: Mapping[str, Any] = field(factory=dict)
    at: datetime | None = None
    key: str | None = None
    concurrent: str | None = None


def _principal(value: object, _: object) -> Principal:
    if not isinstance(value, str):
        raise _unexpected('"service", "anon", a UUID or a label', value)
    return principal_named(value)


def _key(value: object) -> str:
    if not isinstance(value, str) or text_fault(value) is not None:
        raise _unexpected("text that a database can store", value)
    return value


def _command(value: object, _: object) -> type[Request]:
    if not isinstance(value, str):
        raise _unexpected("the name of a command", value)
    if value not in REQUESTS:
        raise ValueError(unknown(value, REQUESTS, "command"))
    return REQUESTS[value]


def _table(value: object, _: object) -> Table[Any]:
    if not isinstance(value, str):
        raise _unexpected("the name of a table", value)
    return table_named(value)


def _object(value: object, _: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unexpected("an object", value)
    return value


def _envelope_hook(kind: type[Any]) -> Hook:
    hooks = {
        "cmd": _command,
        "args": _object,
        "at": _HOOKS[ColumnType.TIMESTAMPTZ],
        "key": _nullable(_key),
        "concurrent": _HOOKS[ColumnType.TEXT],
    }
    fields: Any = {name: override(struct_hook=hook) for name, hook in hooks.items()}
    return make_dict_structure_fn(kind, _CONVERTER, as_=override(rename="as", struct_hook=_principal), **fields)


def _request_hook(kind: type[Any]) -> Hook:
    if kind in {Update, Delete, Select}:
        # The columns that where and set may name are those of the table that stands beside them.
        return lambda args, _: _on_table(kind, args.get("table"))(args, kind)
    types = argument_types(kind)
    fields: Any = {name: override(rename=log_name(name), struct_hook=_HOOKS[type_]) for name, type_ in types.items()}
    structure = make_dict_structure_fn(kind, _CONVERTER, **fields)
    if not issubclass(kind, CreateRow):
        return structure
    # In the log an owner that is left out is NULL; in Python it is the principal.
    owner: dict[str, None] = {log_name(name): None for name in OWNER_COLUMNS if name in types}
    return lambda args, _: structure(owner | args, kind)


def _on_table(kind: type[Any], name: object) -> Hook:
    try:
        return _on_known_table(cast("Hashable", kind), table_named(cast("str", name)))
    except (TypeError, ValueError):
        return make_dict_structure_fn(kind, _CONVERTER, table=override(struct_hook=_table))


@cache
def _on_known_table(kind: Any, table: Table[Any]) -> Hook:
    hooks = {"table": _table, "where": _columns_hook(table), "set": _columns_hook(table)}
    fields: Any = {a.name: override(struct_hook=hooks[a.name]) for a in attrs.fields(kind)}
    return make_dict_structure_fn(kind, _CONVERTER, **fields)


def _columns_hook(table: Table[Any]) -> Hook:
    """Return the hook that reads an object from columns to values, none of which has to be there."""
    kind = TypedDict(table.row.__name__, {log_name(c.name): object for c in table.columns}, total=False)  # type: ignore[misc]
    fields: Any = {log_name(c.name): override(struct_hook=_HOOKS[c.type]) for c in table.columns}
    structure = make_typed_dict_structure_fn(cast("Any", kind), _CONVERTER, **fields)

    def columns(value: object, _: object) -> dict[str, object]:
        given = structure(_object(value, _), kind)
        return {column_name(name): value for name, value in given.items()}

    return columns


_CONVERTER: Final = cattrs.Converter(forbid_extra_keys=True)
_CONVERTER.register_structure_hook_factory(lambda kind: kind is _Envelope, _envelope_hook)
_CONVERTER.register_structure_hook_factory(lambda kind: kind in REQUESTS.values(), _request_hook)


# --- what is wrong ----------------------------------------------------------------------------


def _structured(given: object, kind: type[Any], path: str = "") -> Any:
    try:
        return _CONVERTER.structure(_object(given, kind), kind)
    except ClassValidationError as error:
        raise ValueError("; ".join(_problems(error, path))) from None


def _problems(error: Exception, path: str) -> Iterator[str]:
    """Say all that cattrs found, each problem with the path to its place."""
    if isinstance(error, ClassValidationError):
        named, unnamed = error.group_exceptions()
        for inner, note in named:
            yield from _problems(inner, f"{path}.{log_name(note.name.removesuffix('_'))}".removeprefix("."))
        for inner in unnamed:
            yield from _problems(inner, path)
        return
    place = f"{path}: " if path else ""
    if isinstance(error, ForbiddenExtraKeysError):
        names = list(_names(error.cl))
        for name in sorted(error.extra_fields):
            yield place + unknown(name, names)
    elif isinstance(error, KeyError):
        yield f"{place}is missing"
    else:
        # crm_domain's own messages begin with the argument, which the path names already.
        yield place + str(error).removeprefix(f"{path.rpartition('.')[2]}: ")


def _names(kind: type[Any]) -> Iterable[str]:
    if attrs.has(kind):
        return [log_name(a.name.removesuffix("_")) for a in attrs.fields(kind) if a.init]
    return kind.__annotations__
