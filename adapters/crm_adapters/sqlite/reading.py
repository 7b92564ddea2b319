"""How is a file looked at as a whole, however damaged, without changing it?"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from .errors import StoreBusy, StoreError
from .locking import FileLock
from .opening import header_of, refuse_missing

Progress: TypeAlias = Callable[[str, int, int], object]
"""Is told of long work: what is being done, how much of it is done, and how much there is."""

_WRITE_VERSION: Final = 18
_WAL: Final = 2
"""Where the header of a file tells how it is written, and what it says of one with a write-ahead log."""


def in_silence(_what: str, _done: int, _total: int) -> None:
    """Tell nobody of any progress."""


@contextmanager
def looked_at(path: Path, *, busy_timeout_seconds: float = 10.0) -> Iterator[sqlite3.Connection]:
    """Yield a bare connection that sees one state of the file, whatever others write meanwhile.

    What SQLite raises in the block is the caller's business.

    Raises:
        StoreError: There is no such file, it is none of ours, or it cannot be read at all.
    """
    refuse_missing(path)
    # The last connection to a file brings its log into it, so none may be the last that could write. Where no log is
    # yet, there is nothing to bring in, and only one that could write takes away what SQLite puts beside the file.
    tidy = header_of(path)[_WRITE_VERSION] == _WAL and not Path(f"{path}-wal").exists()
    raw = _begun(path, "rw" if tidy else "ro", busy_timeout_seconds)
    try:
        yield raw
    finally:
        turns = FileLock(path, busy_timeout_seconds)
        try:
            if tidy:
                with suppress(StoreError):  # somebody is writing, so that this one is not the last
                    turns.acquire()
            raw.close()
        finally:
            turns.close()


def _begun(path: Path, mode: str, busy_timeout_seconds: float) -> sqlite3.Connection:
    try:
        raw = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=busy_timeout_seconds, isolation_level=None
        )
        try:
            raw.execute("PRAGMA query_only = ON")
            raw.execute("BEGIN")
            raw.execute("PRAGMA schema_version")  # from here on, the connection sees the state of this moment
        except BaseException:
            raw.close()
            raise
    except sqlite3.Error as error:
        busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
        raise (StoreBusy if busy else StoreError)(path, f"cannot be read: {error}") from error
    return raw
