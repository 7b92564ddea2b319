"""How much of an input is read at most? A line, or a file, up to a limit, and never all of what has no end.

A log may be as long as one likes, since it is read line by line. What is read whole has a limit in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from io import BytesIO
from typing import IO, Final

LINE_MAX: Final = 2**20
"""The longest line, in bytes: some 170,000 words, which is more than a text or a JSON value of a command needs."""

DATA_MAX: Final = 2**28
"""The longest table of data, in bytes."""

SETTINGS_MAX: Final = 2**25
"""The longest file of settings, in bytes: a scenario may hold the date of each of a million users."""

_UNITS: Final = ((2**20, "MiB"), (2**10, "KiB"), (1, "bytes"))


class TooLong(Exception):  # noqa: N818 - what the input is
    """Raised when an input is longer than its limit.

    Attributes:
        number: The number of the line that is too long, from 1; None if it is all of the input.
        problem: What is too long, and the limit.
    """

    def __init__(self, number: int | None, most: int) -> None:
        unit, name = next(each for each in _UNITS if most >= each[0])
        what = "the input" if number is None else "the line"
        self.number = number
        self.problem = f"{what} is longer than {most // unit:,} {name}, the most that is read"
        super().__init__(self.problem if number is None else f"line {number}: {self.problem}")


def bounded_lines(lines: Iterable[bytes], most: int = LINE_MAX) -> Iterator[bytes]:
    """Yield lines; of a file, no more is read at a time than the longest line that there may be.

    Args:
        lines: A binary file, or any lines.
        most: How many bytes a line may have.

    Raises:
        TooLong: A line has more.
    """
    readline = getattr(lines, "readline", None)
    source = lines if readline is None else iter(partial(readline, most + 1), b"")
    for number, line in enumerate(source, start=1):
        if len(line) > most:
            raise TooLong(number, most)
        yield line


def bounded_content(file: IO[bytes], most: int, *, line_max: int | None = None) -> bytes:
    """Return all that is in a binary file.

    Args:
        file: The file.
        most: How many bytes it may have.
        line_max: How many bytes a line may have; None if lines have no limit of their own.

    Raises:
        TooLong: It has more, or a line has.
    """
    if line_max is None:
        whole = file.read(most + 1)
        if len(whole) > most:
            raise TooLong(None, most)
        return whole
    content = BytesIO()
    for line in bounded_lines(file, line_max):
        if content.tell() + len(line) > most:
            raise TooLong(None, most)
        content.write(line)
    return content.getvalue()
