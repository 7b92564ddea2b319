"""Who paid when? From a plain table of payments, such as the public purchase log of CDNOW.

A table has a line for each payment: the user, the time, and perhaps an amount. With a first line that names the
columns, it is CSV. Without one, or where nothing but whitespace parts the columns, the user is the first, the time
the first other one that is a time, the amount the last one behind it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TypeAlias

from crm_domain.simulation.fitting.histories import Histories, History, day_of
from crm_domain.wording import cut, quoted

from .csvfiles import TIME_COLUMNS, Table, read_csv, text_of, time_of
from .errors import DataError

USER_COLUMNS: Final = (
    "user", "user_id", "customer", "customer_id", "customerid", "client", "client_id", "email", "id",
)  # fmt: skip
AMOUNT_COLUMNS: Final = ("amount", "dollars", "price", "total", "value", "paid")

Payment: TypeAlias = tuple[str, float, Decimal | None]
"""The user, the time in days, and the amount if it is known."""

_DELIMITER: Final = re.compile(r"[,;\t]")
_AMOUNT: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")

AMOUNT_MAX: Final = 10**12
"""The most that one payment may be; greater sums are mistakes, and their mean would be no price."""

_TIME: Final = re.compile(r"(19|20)\d\d(-?)(0[1-9]|1[0-2])\2([0-2]\d|3[01])([T ].*)?")


def read_payments(
    path: Path, *, columns: Mapping[str, str] | None = None, until: float | None = None, text: str | None = None
) -> Histories:
    """Return the payments of users who come with the first one.

    Several payments of a user at the same time are one: tables that have days alone know no better.

    Args:
        path: The file.
        columns: Which columns hold the ``user``, the ``time`` and the ``amount``; otherwise found by their names.
        until: Until when payments are known, in days; until the last one if None.
        text: What is in the file, if that is known already.

    Raises:
        DataError: It cannot be read as such a table, or is empty; with the line.
    """
    text = text_of(path) if text is None else text
    named = bool(columns) or not _is_bare(text)
    payments = list(_of_csv(read_csv(path, text), columns or {}) if named else _of_lines(path, text))
    if not payments:
        raise DataError(path, None, "has no payments, so there is nothing to fit")
    last = max(at for _, at, _ in payments)
    end = last if until is None else until
    kept = [payment for payment in payments if payment[1] <= end]
    if not kept:
        raise DataError(path, None, "has no payment before the given end")
    users = _histories(kept)
    source = f"{path}: {sum(len(user.moments['payments']) for user in users):,} payments of {len(users):,} users"
    return Histories(users=users, until=end, source=source)


def _histories(payments: Iterable[Payment]) -> list[History]:
    by_user: defaultdict[str, dict[float, list[Decimal]]] = defaultdict(dict)
    for user, at, amount in payments:
        by_user[user].setdefault(at, []).extend([] if amount is None else [amount])
    return [
        History(
            population="regular",
            arrived=min(times),
            moments={"payments": sorted(times)},
            amounts=[sum(amounts, Decimal()) for amounts in times.values() if amounts],
        )
        for times in by_user.values()
    ]


def _is_bare(text: str) -> bool:
    """Tell whether the first line is a payment already, or names columns that nothing but whitespace parts."""
    first, second, *_ = [*filter(str.strip, text.splitlines()), "", ""]
    return _is_payment(first) or (_is_payment(second) and not _DELIMITER.search(first))


def _is_payment(line: str) -> bool:
    return any(_TIME.fullmatch(cell) for cell in _cells(line)[1:])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _DELIMITER.split(line)] if _DELIMITER.search(line) else line.split()


def _of_csv(table: Table, columns: Mapping[str, str]) -> Iterator[Payment]:
    user = table.column(USER_COLUMNS, "users", asked=columns.get("user"))
    time = table.column(
        [name for name in TIME_COLUMNS if name != "user_created_at"], "times", asked=columns.get("time")
    )
    asked = columns.get("amount")
    amount = table.known(AMOUNT_COLUMNS) if asked is None else table.column((), "amounts", asked=asked)
    for line, row in table.rows:
        if not row[user]:
            raise DataError(table.path, line, f"there is no {quoted(user)}")
        paid = None if amount is None else _amount(row[amount], table.path, line)
        yield row[user], day_of(time_of(row[time], table.path, line)), paid


def _of_lines(path: Path, text: str) -> Iterator[Payment]:
    place: tuple[int, int | None, int] | None = None
    for line, row in enumerate(text.splitlines(), start=1):
        if not row.strip() or (place is None and not _is_payment(row)):
            continue
        cells = _cells(row)
        place = place or _places(cells)
        time, amount, count = place
        if len(cells) != count:
            raise DataError(path, line, f"expected {count} columns as in the first line, got {len(cells)}")
        paid = None if amount is None else _amount(cells[amount], path, line)
        yield cells[0], day_of(time_of(cells[time], path, line)), paid


def _places(cells: Sequence[str]) -> tuple[int, int | None, int]:
    """Return where the time and the amount are, by the first payment, and how many columns there are."""
    time = next(n for n, cell in enumerate(cells) if n and _TIME.fullmatch(cell))
    return time, len(cells) - 1 if len(cells) - 1 > time else None, len(cells)


def _amount(text: str, path: Path, line: int) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise DataError(path, line, f"expected an amount such as 12.99, got {quoted(text)}")
    try:
        amount = Decimal(text)
    except InvalidOperation:  # an exponent that no one can count
        amount = Decimal("Infinity")
    if not 0 <= amount <= AMOUNT_MAX:
        raise DataError(path, line, f"expected an amount from 0 to {AMOUNT_MAX:,}, got {cut(text)}")
    return amount
