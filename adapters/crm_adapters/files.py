"""What may be written over? Regular files: never a device, a FIFO, a socket or a folder.

A symbolic link stands for the file that it leads to, and stays a link.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from .errors import AdapterError

_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
)


class NotAFile(AdapterError):  # noqa: N818 - it names what is wrong
    """Raised when a path that was to be written is something other than a regular file; nothing was done to it."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(f"{path}: is {kind}, which is never replaced: name a file")


def special_kind(path: Path) -> str | None:
    """Return what a path is that is no regular file, as words: "a device"; None if it is one, or nothing yet."""
    with suppress(OSError, ValueError):  # what cannot be asked for is found out where it is used
        mode = path.stat().st_mode
        return next((kind for is_kind, kind in _KINDS if is_kind(mode)), None)
    return None


def refuse_special(path: Path) -> Path:
    """Return where a file is, or would be: links are followed.

    Raises:
        NotAFile: A device, a FIFO, a socket or a folder is there.
    """
    if kind := special_kind(path):
        raise NotAFile(path, kind)
    return Path(os.path.realpath(path))


def is_stdout(path: Path) -> bool:
    """Tell whether a path stands for the standard output, which may be asked for where a text is written."""
    return str(path) in {"-", "/dev/stdout"}


def write_new(path: Path, content: bytes) -> None:
    """Write a file that does not exist yet.

    Raises:
        NotAFile: A device, a FIFO, a socket or a folder is there.
        FileExistsError: There is a file.
        OSError: It cannot be written.
    """
    with refuse_special(path).open("xb") as file:
        file.write(content)


def write_over(path: Path, content: bytes) -> None:
    """Write a file as a whole, in place of one that may be there: readers meet the former one or the new one.

    Raises:
        NotAFile: A device, a FIFO, a socket or a folder is there.
        OSError: It cannot be written.
    """
    file = refuse_special(path)
    partial = file.with_name(f"{file.name}.partial-{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        with partial.open("xb") as writing:
            writing.write(content)
        if file.exists():
            partial.chmod(stat.S_IMODE(file.stat().st_mode))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
