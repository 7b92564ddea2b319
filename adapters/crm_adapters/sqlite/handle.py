"""How does a connection keep its files, when anything in this process may drop SQLite's locks?

A POSIX lock belongs to a process and a file, not to a descriptor: as soon as *any* descriptor of the
database is closed in a process, by ``open("crm.db").read()`` or a copying function, all locks of SQLite
in this process are gone, without a word. Another process that then closes the file believes to be the
last one, brings the log into the file, and deletes the log; this process would go on and acknowledge
commands into a log that no name leads to. The same holds for ``-shm``, and through hard links.

So this library looks at a database through SQLite alone, whose own bookkeeping closes no descriptor
early. And because an application may do it all the same, a `Handle` has SQLite's shared lock a second
time, in a way that on Linux nothing but its own end drops; elsewhere it is taken again where it was lost.
It then looks whether the names of its files still lead to the files that SQLite opened. Both are done
before and after each commit. After the second time the commit is safe: a process that believes to be
the last one holds the lock exclusively from before its look at the log until after it deleted it. So it
either was done by then, and the name leads elsewhere, or will find the commit in the log.

The last connection to a file deletes the log by its *name*. One whose log was taken away must never do
so: the log of that name may be another process's.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, TypeAlias

try:
    import fcntl
except ImportError:  # pragma: no cover - not on Windows
    fcntl = None  # type: ignore[assignment]

from .errors import StoreBusy, StoreError
from .locking import FileLock, has_wal_reset_bug

Identity: TypeAlias = "tuple[int, int] | None"
"""Device and inode of a file; None where there is none."""

MOVED: Final = "the file was moved, deleted or replaced while it was open: open it anew"
LOG_GONE: Final = (
    "its log was deleted or replaced while it was open, as happens after a program has opened and closed the file "
    "without SQLite in this process; whether what was being written was kept is not known: close the store and open "
    "the file anew"
)
FORKED: Final = "was opened before a fork, and connections do not survive one: open it anew"

_ENTANGLED: Final = (
    "another store of this process lost the file or its log, and SQLite shares what it knows of both between them: "
    "close that one first"
)
_OTHER_NAME: Final = "is open in this process as {}, and two names would give it two logs: use that one"
_LEFT_OPEN: Final = (
    "a store of this process lost its log, and this version of Python cannot close it safely: start the process anew"
)
_IN_USE_AT_FORK: Final = (
    "was in use when this process was forked, so that SQLite can take no locks on it here: open it in another process"
)

_SHARED_FIRST: Final = 0x4000_0002
_SHARED_BYTES: Final = 510
"""Where SQLite's shared lock on a database is, by its file format."""

_LASTING: Final = hasattr(fcntl, "F_OFD_SETLK")
"""Whether a lock can belong to a descriptor, as on Linux: no other one that is closed drops it."""

_SHARED, _NOT_SHARED = (
    struct.pack("hhqqi4x", getattr(fcntl, kind, 0), os.SEEK_SET, _SHARED_FIRST, _SHARED_BYTES, 0)
    for kind in ("F_RDLCK", "F_UNLCK")
)
"""To take such a lock, and to give it back, as the system expects it."""

_END_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.002
"""How long another process that is at its end is waited for, and how often it is asked whether it is."""


def identity(path: str | Path) -> Identity:
    """Return which file a name leads to."""
    try:
        found = os.stat(path)  # noqa: PTH116 - twice as fast as Path.stat, and done for each command
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Handle:
    """A bare connection to a file that exists, and the files that it stands on.

    Args:
        path: The database.
        mode: ``rw``, or ``ro``, which changes nothing, not even at its end.
        timeout_seconds: How long SQLite waits for locks.

    Attributes:
        raw: The connection.
        database: Which file the database is.

    Raises:
        StoreError: It cannot be opened.
    """

    def __init__(self, path: Path, mode: Literal["rw", "ro"], timeout_seconds: float) -> None:
        self._path = path
        self._names = (str(path), f"{path}-wal", f"{path}-shm")
        self._files: list[Identity] = [identity(path)]
        self._writes = mode == "rw"
        self._descriptor = -1
        self._state: Literal["open", "left open", "idle at fork", "in use at fork"] = "open"
        for other in list(_HANDLES.values()):
            if other.database == self.database:
                other.refuse_newcomer(path)
        before = _descriptors()
        self.raw = _connected(path, mode, timeout_seconds)
        self._descriptor = max(filter(self._is_database, _descriptors() - before), default=-1)
        # Before SQLite opens the log: from here on no one deletes it, so it is known which one SQLite opens.
        if not self._locked_within(max(timeout_seconds, _END_SECONDS)):
            self.raw.close()
            raise StoreBusy(path, "another process holds it; try again")
        _HANDLES[id(self)] = self

    @property
    def database(self) -> Identity:
        """Which file the database is."""
        return self._files[0]

    def note_log(self) -> bool:
        """Note which files log and index are, once SQLite has opened them; return whether there is a log."""
        files = list(map(identity, self._names))
        if files[1] is not None:
            self._files[1:] = files[1:]
        return len(self._files) > 1

    def trouble(self) -> str | None:
        """Return what happened to the files since they were opened; None if nothing."""
        if list(map(identity, self._names[: len(self._files)])) == self._files:
            return None
        return MOVED if identity(self._names[0]) != self.database else LOG_GONE

    def held(self) -> str | None:
        """Have SQLite's shared lock, should it be lost; return what happened to the files before."""
        return self.trouble() if self._locked() else LOG_GONE

    def _locked(self) -> bool:
        """Take the lock through a descriptor of SQLite's own: one more to be closed would drop what SQLite has."""
        if fcntl is None:  # pragma: no cover - Windows, whose locks belong to descriptors
            return True
        if not self._is_database(self._descriptor):
            self._descriptor = max(filter(self._is_database, _descriptors()), default=-1)
        try:
            if _LASTING:
                fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _SHARED)
            else:
                fcntl.lockf(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, _SHARED_BYTES, _SHARED_FIRST)
        except (BlockingIOError, PermissionError):
            return False  # another process has it as the last one does, which it could not if we had had it
        except (OSError, ValueError):
            return True  # without such a descriptor there is only the look at the names
        return True

    def _locked_within(self, seconds: float) -> bool:
        """Take the lock as soon as another process, such as one at its end, has given it back."""
        deadline = time.monotonic() + seconds
        while not self._locked():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        return True

    def release(self) -> None:
        """Give back the lock that outlasts SQLite's own, under which SQLite has no file for itself."""
        if _LASTING and self._is_database(self._descriptor):
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _NOT_SHARED)

    def _is_database(self, descriptor: int) -> bool:
        try:
            found = os.fstat(descriptor)
        except (OSError, OverflowError):
            return False
        return (found.st_dev, found.st_ino) == self.database and stat.S_ISREG(found.st_mode)

    def close(self, turns: FileLock | None) -> None:
        """Close the connection; it deletes the log only if it is the last one and the log is its own.

        Args:
            turns: The lock that writers have in turns, to be held meanwhile; it is closed, too.
        """
        if _HANDLES.get(id(self)) is not self or self._state != "open":
            return
        try:
            if not self._writes:
                self.release()  # SQLite keeps the descriptor for its other connections, and this lock with it
                self._closed()
            elif (
                not (_taken(turns) or _LASTING) or self.held() == LOG_GONE
            ):  # a writer may have lost its lock elsewhere
                self._let_go()
            else:
                self.release()
                del _HANDLES[id(self)]  # who opens the file now waits until SQLite is done
                self.raw.close()
        finally:
            if turns is not None:
                turns.close()

    def finish(self) -> None:
        """Close what no one closed, at its end or the end of the process, without waiting for anyone."""
        if id(self) in _HANDLES:
            self.close(FileLock(self._path, 0))

    def _closed(self) -> None:
        self.raw.close()
        _HANDLES.pop(id(self), None)

    def _let_go(self) -> None:
        """End without a look at the log, as a process does that is killed."""
        if hasattr(self.raw, "setconfig"):  # pragma: no cover - Python 3.12
            self.raw.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)  # type: ignore[attr-defined,unused-ignore]
            self._closed()
        elif _LASTING and self._locked_within(_END_SECONDS):
            self._closed()  # under the lock, it does not find itself to be the last
            self.release()
        else:  # pragma: no cover - Python 3.11 elsewhere than on Linux
            self._state = "left open"
            _never_freed(self.raw)

    # --- others in this process ---------------------------------------------------------------------

    def forked(self, *, in_use: bool = True) -> None:  # pragma: no cover - runs in the child alone
        """Note that this process is a child of the one that opened it, whose locks it does not have.

        Args:
            in_use: Whether a transaction, or a thread of the parent, may be in the midst of it.
        """
        self._state = "in use at fork" if in_use else "idle at fork"

    def refuse_newcomer(self, path: Path) -> None:
        """Refuse another connection to this database, where SQLite has a wrong idea of it in this process.

        SQLite takes locks for a process once, however many connections it has, and all of them
        share one index of the log. So a connection that lost its log spoils a new one, and one from
        before a fork makes SQLite believe that it has the locks which only the parent has: it is closed.
        """
        if self._state == "idle at fork" and self.trouble() is None:  # pragma: no cover - in a child alone
            self._closed()
        if self._state == "in use at fork":  # pragma: no cover - in a child alone
            raise StoreError(path, _IN_USE_AT_FORK)
        if id(self) not in _HANDLES:  # pragma: no cover - in a child alone
            return
        if self.trouble() is not None:
            raise StoreError(path, _ENTANGLED if self._state == "open" else _LEFT_OPEN)
        if str(path) != self._names[0]:
            raise StoreError(path, _OTHER_NAME.format(self._path))


_HANDLES: Final[dict[int, Handle]] = {}
"""All that are open in this process."""


def _after_fork() -> None:  # pragma: no cover - runs in the child alone
    for handle in _HANDLES.values():
        handle.forked()  # unless its connection, which is asked next, knows better
        _never_freed(handle.raw)


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def _connected(path: Path, mode: str, timeout_seconds: float) -> sqlite3.Connection:
    if os.name == "nt" and has_wal_reset_bug(sqlite3.sqlite_version_info):  # pragma: no cover - not on Windows
        raise StoreError(path, f"SQLite {sqlite3.sqlite_version} may lose commits here; install 3.51.3 or newer")
    try:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=timeout_seconds,
            isolation_level=None,  # transactions are ours: BEGIN IMMEDIATE, or writers lose one another's work
            check_same_thread=False,
            cached_statements=512,
        )
    except sqlite3.Error as error:
        raise StoreError(path, f"cannot be opened: {error}") from error


def _descriptors() -> set[int]:
    """Return the descriptors that are open in this process, as far as the system shows them."""
    with suppress(OSError):
        return {int(name) for name in os.listdir("/dev/fd")}  # noqa: PTH208 - names, not paths
    return set()


def _taken(turns: FileLock | None) -> bool:
    """Take a lock if there is one to take; tell whether no one else has it."""
    if turns is not None:
        try:
            turns.acquire()
        except StoreBusy:
            return False
        except StoreError:
            return True  # in a folder where no lock can be made, no one can delete a log either
    return True


def _never_freed(raw: sqlite3.Connection) -> None:  # pragma: no cover - Python 3.11, and children
    """Keep Python from closing a connection when nothing refers to it any more, or at the end of the process."""
    import ctypes  # noqa: PLC0415 - rarely needed

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(raw))
