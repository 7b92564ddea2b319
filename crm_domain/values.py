"""How does what a caller gives become a value that every store keeps?

Only plain values are kept: exact ``str``, ``int``, ``Decimal`` and ``datetime``, no matter what subclass was
given, because what a subclass compares or prints as is its own. Nothing here depends on the caller's
decimal context, on how deep the stack is, or on the version of Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any, Final, TypeAlias

from .wording import quoted

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""Plain JSON, as ``payment_details`` and ``parsed_data`` hold it."""

JSON_DEPTH_MAX: Final = 512
"""How many lists and objects of JSON may stand in one another."""

JSON_DIGITS_MAX: Final = 4300
"""How many digits a whole number of JSON may have: more are not read back by Python."""

EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation, DivisionByZero, Overflow])
"""The context of every calculation with amounts, whichever one the caller works in."""

CENT: Final = Decimal("0.01")

is_decimal_text = re.compile(
    r"[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(E[+-]?[0-9]+)?|Infinity|s?NaN)", re.IGNORECASE | re.ASCII
).fullmatch
"""Match how amounts are written: ``Decimal`` alone would also take underscores, spaces and other scripts' digits."""


def plain_text(value: str) -> str:
    """Return the text that *value* holds, of whichever subclass of ``str`` it is."""
    return str.__str__(value)


def plain_number(value: int) -> int:
    """Return the number that *value* is, of whichever subclass of ``int`` it is."""
    return int.__int__(value)


# --- amounts ----------------------------------------------------------------------------------


def plain_amount(value: Decimal | int | str) -> Decimal:
    """Return an amount, or the text of one, exactly.

    Raises:
        ValueError: It is text, but not of a decimal number.
    """
    if isinstance(value, Decimal):
        return Decimal("NaN") if value.is_nan() else Decimal(value)  # a signalling one has not even a hash
    if isinstance(value, int):
        return Decimal(plain_number(value))
    text = plain_text(value)
    if is_decimal_text(text):
        try:
            return plain_amount(Decimal(text, EXACT))
        except InvalidOperation:  # an exponent that nobody can count
            pass
    raise ValueError(f"{quoted(text)} is not a decimal number")


def in_cents(amount: Decimal) -> Decimal:
    """Return a finite amount with two decimals."""
    return amount.quantize(CENT, context=EXACT)


# --- times ------------------------------------------------------------------------------------


def utc(moment: datetime, name: str) -> datetime:
    """Return *moment* in UTC.

    Raises:
        ValueError: It is naive, so that it means no moment; or UTC has no year for it.
    """
    found = stored_time(moment, name)
    if found.tzinfo is not UTC:
        raise ValueError(f"{name}: {moment.isoformat()} is outside of what UTC can say, the years 1 to 9999")
    return found


def stored_time(moment: datetime, name: str) -> datetime:
    """Return *moment* in UTC; one for which UTC has no year stays in its own zone, and is no value of a column.

    Raises:
        ValueError: It is naive, so that it means no moment.
    """
    if type(moment) is datetime and moment.tzinfo is UTC and not moment.fold:
        return moment
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(f"{name}: {moment.isoformat()} has no time zone; give an aware datetime")
    try:
        moved = moment.astimezone(UTC)
    except OverflowError:
        moved = moment
    return datetime.combine(moved.date(), moved.time(), moved.tzinfo).replace(fold=0)


# --- JSON -------------------------------------------------------------------------------------

_TOO_DEEP: Final = "[" * (JSON_DEPTH_MAX + 1) + "]" * (JSON_DEPTH_MAX + 1)
_TOO_LONG: Final = f"1e{JSON_DIGITS_MAX}"
_NUMBER_END: Final = 10**JSON_DIGITS_MAX

_FAULTS: Final = {
    _TOO_DEEP: f"nests more than {JSON_DEPTH_MAX} levels deep",
    _TOO_LONG: f"holds a whole number of more than {JSON_DIGITS_MAX} digits",
}
"""Texts that stand for every JSON of which no store keeps any, each with what is wrong with it."""


class _NotStored(Exception):  # noqa: N818 - it carries a value, and is never seen outside
    """Raised with the text that stands for JSON that no store keeps."""


def json_text(value: object, name: str) -> str:
    """Return plain JSON as the text that a store keeps for it.

    What nests too deeply, or has too long a number, comes back as a text that stands for it, which
    `json_fault` finds.

    Raises:
        TypeError: It is not plain JSON (null, booleans, numbers, text, lists, objects keyed by text).
        ValueError: It holds NaN or an infinity, or itself.
    """
    try:
        plain = _plain_json(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: not plain JSON: {error}") from None
    except _NotStored as stands_for_it:
        _refuse_ring(value, name)
        return str(stands_for_it)
    return json.dumps(plain, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _refuse_ring(value: object, name: str) -> None:
    """Refuse what nests without an end because it holds itself."""
    try:
        json.dumps(value)
    except RecursionError:
        pass
    except ValueError as error:  # a number of too many digits is one, too
        if "Circular" in str(error):
            raise ValueError(f"{name}: not plain JSON: {error}") from None


def same_json(text: str) -> str:
    """Return the one text of all JSON that equals that of *text*: numbers are equal as decimals.

    >>> same_json("[1.0,1e23,-0.0,0.1]")
    '[1,100000000000000000000000,0,0.1]'
    """
    if text in _FAULTS:
        return text
    return json.dumps(json.loads(text, parse_float=_decimal), sort_keys=True, separators=(",", ":"))


def json_of(text: str) -> Json:
    """Return the JSON of a text that `json_text` made, of its own each time."""
    return _NUMBER_END if text == _TOO_LONG else json.loads(text)


def _decimal(text: str) -> int | float:
    number = Decimal(text)
    whole = number.to_integral_value(context=EXACT)
    return int(whole) if whole == number else float(text)


def json_fault(text: str) -> str | None:
    """Say why no store keeps the JSON of *text*, which `json_text` made; None if they do."""
    return _FAULTS.get(text) or json_text_fault(text)


def json_text_fault(text: str) -> str | None:
    """Say why no store keeps a text in the JSON of *text*; None if they do."""
    if "\\u" in text and any(map(text_fault, _json_texts(json.loads(text)))):
        return text_fault("\0")
    return None


def text_fault(text: str) -> str | None:
    """Say why no store keeps *text*; None if they do."""
    if "\0" in text or not (text.isascii() or _is_unicode(text)):
        return "holds a NUL character or half of a surrogate pair, which no database stores"
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain_json(value: object) -> Json:
    """Return a copy made of plain values; by a list of what is left to do, because the stack may be short."""
    made: list[Any] = [None]
    waiting: list[tuple[Any, Any, Any, int]] = [(made, 0, value, 0)]
    while waiting:
        home, place, item, depth = waiting.pop()
        if isinstance(item, dict | list):
            if depth == JSON_DEPTH_MAX:
                raise _NotStored(_TOO_DEEP)
            copy, inner = _opened(item)
            waiting += [(copy, name, part, depth + 1) for name, part in inner]
            home[place] = copy
        else:
            home[place] = _plain_leaf(item)
    return made[0]  # type: ignore[no-any-return]


def _opened(item: dict[Any, Any] | list[Any]) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return an empty copy of a list or object, and the places of what stands in it."""
    if isinstance(item, list):
        return [None] * len(item), list(enumerate(item))
    inner: dict[str, Any] = {}
    for name, part in item.items():
        if not isinstance(name, str):
            raise TypeError(f"the keys of objects are text, not {type(name).__name__}")
        inner[plain_text(name)] = part
    return dict.fromkeys(inner), list(inner.items())


def _plain_leaf(item: object) -> Json:
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, str):
        return plain_text(item)
    if isinstance(item, float):
        return _finite(float.__pos__(item))
    if not isinstance(item, int):
        raise TypeError(f"{type(item).__name__} is none of null, booleans, numbers, text, lists and objects")
    number = plain_number(item)
    if not -_NUMBER_END < number < _NUMBER_END:
        raise _NotStored(_TOO_LONG)
    return number


def _finite(number: float) -> float:
    if number - number != 0:
        raise ValueError(f"{number} is no number of JSON")
    return number


def _json_texts(value: Json) -> Iterator[str]:
    """Yield every text in plain JSON, keys too."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
