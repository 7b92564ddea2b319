"""What stands in a table that someone exported, line by line?"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from attrs import frozen

from crm_adapters.files import special_kind
from crm_adapters.inputs import DATA_MAX, LINE_MAX, TooLong, bounded_content
from crm_adapters.sqlite import StoreError
from crm_adapters.sqlite.reading import is_sqlite
from crm_domain.wording import quoted, unknown

from .errors import DataError

TIME_COLUMNS: Final = (
    "user_created_at", "created_at", "last_sync_at", "synced_at", "arrived_at", "paid_at", "at", "time", "timestamp",
    "date", "datetime",
)  # fmt: skip
"""Names of columns that hold times, the likeliest first."""


@frozen
class Table:
    """A table of text: the names of its columns, and its rows with the numbers of their lines."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]

    def column(self, names: Sequence[str], what: str, *, asked: str | None = None) -> str:
        """Return the name of the column that holds *what*: the one that was asked for, or the first of these names.

        Raises:
            DataError: There is none.
        """
        if asked is not None:
            if asked in self.columns:
                return asked
            raise DataError(self.path, 1, unknown(asked, self.columns, "column"))
        found = self.known(names)
        if found is None:
            raise DataError(
                self.path,
                1,
                f"no column is known to hold {what}: call one {names[0]!r}; there are {', '.join(self.columns)}",
            )
        return found

    def known(self, names: Sequence[str]) -> str | None:
        """Return the first of these names that a column has, in any case; None if there is none."""
        by_name = {column.casefold(): column for column in self.columns}
        return next((by_name[name] for name in names if name in by_name), None)


def is_database(path: Path) -> bool:
    """Tell whether a file is one of SQLite's.

    Raises:
        DataError: It cannot be read.
    """
    if special_kind(path) not in {None, "a folder"}:
        return False  # such as what another program hands over through a pipe, which could be read but once
    try:
        path.stat()
        return is_sqlite(path)
    except (OSError, ValueError) as error:  # a name may hold what no name can
        raise DataError(path, None, f"cannot be read: {getattr(error, 'strerror', error)}") from None
    except StoreError as error:
        raise DataError(path, None, error.reason) from None


def text_of(path: Path) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        DataError: It is a database, not UTF-8, or too long; with the line.
        OSError: It cannot be read.
    """
    if path.exists() and is_database(path):
        raise DataError(path, None, "is a database, and a text is expected here")
    with path.open("rb") as file:
        return decoded(content_of(file, path, DATA_MAX, line_max=LINE_MAX), path)


def content_of(file: IO[bytes], name: str | Path, most: int, *, line_max: int | None = None) -> bytes:
    """Return what is in a binary file.

    Raises:
        DataError: It, or a line of it, is longer than may be read.
    """
    try:
        return bounded_content(file, most, line_max=line_max)
    except TooLong as error:
        raise DataError(name, error.number, error.problem) from None


def decoded(content: bytes, name: str | Path) -> str:
    """Return what bytes of UTF-8 say.

    Raises:
        DataError: They are none; with the line.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(name, line, f"byte 0x{content[error.start]:02x} is not UTF-8: save the file as UTF-8") from None


def read_csv(path: Path, text: str | None = None) -> Table:
    """Read a CSV file whose first line names the columns; commas, semicolons or tabs part them.

    Raises:
        DataError: It cannot be read, a line has too many or too few cells, or it is empty.
    """
    text = text_of(path) if text is None else text
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        columns = tuple(name.strip() for name in next(reader, ()))
        rows = tuple(_rows(path, columns, reader))
    except csv.Error as error:
        raise DataError(path, reader.line_num, f"is not CSV: {error}") from None
    if not columns:
        raise DataError(path, None, "is empty: the first line has to name the columns")
    return Table(path, columns, rows)


def _rows(path: Path, columns: Sequence[str], reader: Iterator[list[str]]) -> Iterator[tuple[int, Mapping[str, str]]]:
    for cells in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]  # csv's reader has it, its protocol does not
        if not cells:
            continue
        if len(cells) != len(columns):
            raise DataError(path, line, f"expected {len(columns)} cells as in the first line, got {len(cells)}")
        yield line, dict(zip(columns, map(str.strip, cells), strict=True))


def time_of(text: str, path: Path, line: int) -> datetime:
    """Return a time in UTC; one without an offset is taken for UTC, and a day for its beginning.

    Raises:
        DataError: It is none.
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # of the years 1 to 9999, some moments are outside of them in UTC
        raise DataError(path, line, f"expected a time such as 2026-01-05T09:30:00Z, got {quoted(text)}") from None
