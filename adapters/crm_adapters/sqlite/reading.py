"""What is at a path, and how is a file looked at as a whole, however damaged, without changing it?

A database is looked at through SQLite alone: as soon as it is closed that was opened otherwise, all locks
that this process has on it are gone. See `crm_adapters.sqlite.handle`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from crm_adapters.files import special_kind

from .errors import StoreBusy, StoreError
from .handle import Handle
from .locking import FileLock
from .migrations import newer
from .schema import APPLICATION_ID, VERSION

_LOGS: Final = ("-wal", "-journal")
"""What SQLite may find next to a file, and a connection that may write would bring into it."""


_SMALLEST_BYTES: Final = 512


def has_content(path: Path) -> bool:
    """Tell whether there is a file with something in it.

    Raises:
        StoreError: There is something other than a file, or it may not be read.
    """
    if kind := special_kind(path):
        raise StoreError(path, f"is {kind}: name a file")
    try:
        if not path.stat().st_size:
            return False
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(path, f"cannot be read: {error.strerror}") from error
    if not os.access(path, os.R_OK):
        raise StoreError(path, "cannot be read: Permission denied")
    return True


def is_new(path: Path, *, busy_timeout_seconds: float = 10.0) -> bool:
    """Tell whether there is nothing yet.

    Raises:
        StoreError: There is something that is not ours, or the log of a file that is gone.
    """
    if not has_content(path):
        _refuse_stray_log(path)
        return True
    with looked_at(path, busy_timeout_seconds=busy_timeout_seconds):
        return False


def _refuse_stray_log(path: Path) -> None:
    """Refuse to make a file next to another's log, which SQLite would take for its own."""
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            path, f"the file is gone or empty, and {log.name} is what is left of it: restore it, or move that away"
        )


@contextmanager
def looked_at(path: Path, *, busy_timeout_seconds: float = 10.0) -> Iterator[sqlite3.Connection]:
    """Yield a bare connection that sees one state of the file, no matter what others write meanwhile.

    What SQLite raises in the block is the caller's business.

    Raises:
        StoreError: There is no such file, it is not one of ours, or it cannot be read at all.
    """
    if not has_content(path):
        _refuse_stray_log(path)
        raise StoreError(path, "there is no such file, or nothing in it")
    with _ours(path, busy_timeout_seconds) as raw:
        try:
            raw.execute("PRAGMA query_only = ON")
            raw.execute("BEGIN")
            raw.execute("PRAGMA schema_version")  # from here on, it sees the state of this moment
        except sqlite3.Error as error:
            raise _unreadable(path, error) from error
        yield raw


def refuse_foreign(path: Path, *, busy_timeout_seconds: float) -> None:
    """Refuse a file that is not ours; one of ours that is damaged is.

    Raises:
        StoreError: It is not one of ours, or it cannot be known.
    """
    with _ours(path, busy_timeout_seconds):
        pass


def is_sqlite(path: Path) -> bool:
    """Tell whether a file is a SQLite database, of any application.

    Raises:
        StoreError: It is no file, or cannot be read.
    """
    if not has_content(path) or _is_too_short(path):
        return False
    handle = _opened(path, 0)
    try:
        handle.raw.execute("PRAGMA application_id").fetchone()
    except sqlite3.Error as error:
        return _code(error) != sqlite3.SQLITE_NOTADB
    finally:
        handle.close(None)
    return True


def _opened(path: Path, busy_timeout_seconds: float) -> Handle:
    """Return a connection that leaves behind what it found.

    The last connection to a file brings its log into it, so none may be the last that could write. Where no log is
    yet, there is nothing to bring in, and only one that could write takes away what SQLite puts next to the file.
    """
    is_alone = not any(Path(f"{path}{suffix}").exists() for suffix in _LOGS)
    return Handle(path, "rw" if is_alone else "ro", busy_timeout_seconds)


@contextmanager
def _ours(path: Path, busy_timeout_seconds: float) -> Iterator[sqlite3.Connection]:
    if _is_too_short(path):
        raise StoreError(path, "is not a SQLite database")
    handle, turns = _opened(path, busy_timeout_seconds), None
    try:
        try:
            application, version = _marks(handle.raw)
        except sqlite3.Error as error:
            raise _unreadable(path, error) from error
        if application != APPLICATION_ID:
            raise StoreError(path, f"is a database of another application (application_id {application:#010x})")
        if version > VERSION:
            raise StoreError(path, newer(version))
        if handle.note_log():  # beside what is not ours, no lock is put
            turns = FileLock(path, 0)  # who has it now tidies up later
        yield handle.raw
    finally:
        handle.close(turns)


def _is_too_short(path: Path) -> bool:
    """Tell whether a file is shorter than any database; one of a single byte is empty to SQLite."""
    return path.stat().st_size < _SMALLEST_BYTES


def _marks(raw: sqlite3.Connection) -> tuple[int, int]:
    """Return the application and the version that the head of a file names."""
    raw.execute("PRAGMA writable_schema = ON")  # so that SQLite looks into a file that is shorter than it says
    (application,) = raw.execute("PRAGMA application_id").fetchone()
    (version,) = raw.execute("PRAGMA user_version").fetchone()
    raw.execute("PRAGMA writable_schema = OFF")
    return application & 0xFFFF_FFFF, version


def _unreadable(path: Path, error: sqlite3.Error) -> StoreError:
    match _code(error):
        case sqlite3.SQLITE_NOTADB:
            return StoreError(path, "is not a SQLite database")
        case sqlite3.SQLITE_BUSY:
            return StoreBusy(path, f"cannot be read: {error}")
        case sqlite3.SQLITE_READONLY:
            return StoreError(path, f"is read-only ({error})")
    return StoreError(path, f"cannot be read: {error}")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
