"""How do processes take turns, so that SQLite's WAL-reset bug cannot strike?

SQLite 3.7.0 to 3.51.2 (fixed in 3.51.3, and in 3.44.6 and 3.50.7) may lose a commit when one
process checkpoints the write-ahead log while another resets it. Every write of a store, and with it
every checkpoint, which SQLite runs at the end of a commit or when a connection is closed, therefore
holds a lock on a file next to the database, ``<file>-lock``. It costs two system calls. It is taken
with every version of SQLite, because processes with an affected one may be at the same file. Other
programs may read the file at any time; one that *writes* it does not take this lock, nor does it
write the journal: do not.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # pragma: no cover - not on Windows
    fcntl = None  # type: ignore[assignment]

from .errors import StoreBusy, StoreError

_FIRST_PAUSE_SECONDS: Final = 0.000_1
_LONGEST_PAUSE_SECONDS: Final = 0.004


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Tell whether a version of SQLite has the WAL-reset bug."""
    fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)
    return version >= (3, 7, 0) and not fixed


class FileLock:
    """A lock that one holder at a time has, among all processes and threads of a machine.

    The kernel gives it back when its holder dies.

    Args:
        database: The file whose writers take turns.
        timeout_seconds: How long to wait for it.
    """

    def __init__(self, database: Path, timeout_seconds: float) -> None:
        self._database = database
        self._path = Path(f"{database}-lock")
        self._timeout_seconds = timeout_seconds
        self._file: int | None = None

    def acquire(self) -> None:
        """Wait until no one else has the lock, and take it.

        Raises:
            StoreBusy: Someone else had it for the whole timeout.
            StoreError: The lock's file cannot be made.
        """
        if fcntl is None:  # pragma: no cover - not on Windows
            return
        if self._file is None:
            self._file = self._opened()
        deadline, pause = None, _FIRST_PAUSE_SECONDS
        while not self._taken(self._file):
            now = time.monotonic()
            deadline = deadline or now + self._timeout_seconds
            if now >= deadline:
                raise StoreBusy(
                    self._database, f"another process has been writing for {self._timeout_seconds:g} seconds; try again"
                )
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)

    def release(self) -> None:
        """Give the lock back; nothing happens if it was not held."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up the lock's file, which also ends this process's share in a lock from before a fork."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        try:
            # Without waiting, should somebody have put a FIFO there.
            return os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
        except OSError as error:
            raise StoreError(
                self._database, f"cannot be written: {self._path.name} beside it: {error.strerror}"
            ) from error

    @staticmethod
    def _taken(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
