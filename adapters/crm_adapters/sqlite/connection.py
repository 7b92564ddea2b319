"""How is one file talked to: transactions, errors, and what may be kept in memory between them?

A connection knows whether a transaction is going on, and whether someone else has written since
the last one: then everything that was kept in memory is forgotten.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock, get_ident
from typing import Any, Final, Literal, NoReturn, TypeAlias

from sqlite_utils import Database

from crm_domain.tasks import Holder

from .errors import StoreBusy, StoreError
from .filling import Filling
from .handle import FORKED, LOG_GONE, Handle
from .locking import FileLock

Synchronous: TypeAlias = Literal["FULL", "NORMAL"]
"""FULL: a commit outlives a loss of power. NORMAL: the last commits may not, the file stays whole."""

_CACHE_KIB: Final = 64 * 1024
_LOG_PAGES: Final = 8192  # 32 MiB: a page that many commands change is brought into the file once for all of them

_PASSING: Final = {
    sqlite3.SQLITE_BUSY: "another process holds it; try again",
    sqlite3.SQLITE_LOCKED: "another connection holds it; try again",
    sqlite3.SQLITE_FULL: "the disk is full; nothing of this command was kept",
    sqlite3.SQLITE_READONLY: "is read-only",
    sqlite3.SQLITE_CONSTRAINT: "refuses what the rules accepted, so the two are at odds; nothing of this was kept",
    sqlite3.SQLITE_TOOBIG: "cannot hold a value that large; nothing of this was kept",
    sqlite3.SQLITE_INTERRUPT: "the statement was interrupted",
}
"""After these errors the store may go on; after all others what is in memory can no longer be trusted."""


class Connection:
    """A connection to one file of this library, for one thread at a time.

    Args:
        path: The file, which exists.
        synchronous: How durable a commit is.
        busy_timeout_seconds: How long to wait for another process.

    Attributes:
        path: The file.
        database: The file, for `sqlite_utils`.
        lock: Held by the thread that is in a transaction.
        active: Whether a transaction is going on.
        over: Whether the transaction is to be undone before another begins: an interrupt may cut that short.
        caches: What forgets everything when someone else has written.
        waiting: What writes those changes that are in memory alone, in the order of their coming.
        filling: What is spared while the present transaction fills tables.
    """

    def __init__(self, path: Path, *, synchronous: Synchronous, busy_timeout_seconds: float) -> None:
        self.path = path
        self.lock = RLock()
        self.active = False
        self.over = False
        self.caches: list[Callable[[], None]] = []
        self.waiting: dict[Callable[[], None], None] = {}
        self.filling = Filling(self.rows)
        self._owner: int | None = None
        self._holder: Holder | None = None
        self._spoiled: str | None = None
        self._turns = FileLock(path, busy_timeout_seconds)
        self._broken: str | None = None
        self._seen: int | None = None
        self._changes_before = 0
        self._handle = Handle(path, "rw", busy_timeout_seconds)
        self._raw = self._handle.raw
        self._statement: Callable[..., sqlite3.Cursor] = self._raw.execute
        self._statements: Callable[..., sqlite3.Cursor] = self._raw.executemany
        weakref.finalize(self, self._handle.finish)
        try:
            self.execute(f"PRAGMA synchronous = {synchronous}")
            self.execute("PRAGMA foreign_keys = ON")
            self.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            # Of plug-ins that others may have installed, none belongs here.
            self.database = Database(self._raw, execute_plugins=False)
            self._use_wal()
            self.look()  # now the log is open too: it is to be the log of this very file
            self._refuse(self._handle.held() if self._handle.note_log() else LOG_GONE)
        except BaseException:
            self._handle.finish()
            raise
        _ALL.add(self)

    # --- statements ---------------------------------------------------------------------------

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement.

        Raises:
            StoreError: SQLite could not.
        """
        self._refuse_spoiled()
        try:
            return self._statement(sql, parameters)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._failed(error) from error

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of many sets of parameters.

        Raises:
            StoreError: SQLite could not.
        """
        self._refuse_spoiled()
        try:
            self._statements(sql, parameters)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._failed(error) from error
        except BaseException as error:  # some rows were written, and others were not
            self._spoiled = f"writing was interrupted by {type(error).__name__}, so nothing of this is kept"
            if isinstance(error, OverflowError | UnicodeEncodeError):
                raise StoreError(self.path, f"cannot hold a value, so nothing of this was kept: {error}") from error
            raise

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of an answer.

        Raises:
            StoreError: SQLite could not find them all.
        """
        try:
            return self._statement(sql, parameters).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._failed(error) from error

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row; None if there is none."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    @property
    def wrote(self) -> bool:
        """Whether anything was done since `begin`."""
        return bool(self.waiting) or (self.active and self._raw.total_changes != self._changes_before)

    # --- transactions ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Start a transaction that writes; other processes' writers wait until it ends.

        Raises:
            StoreBusy: Another process wrote for longer than the timeout.
            StoreError: The file is gone, or this connection may not be used.
            BatchOfAnotherTask: Another task of this thread is in a transaction.
            RuntimeError: This task is in the middle of a transaction.
        """
        self.refuse_nested()
        me = get_ident()
        try:
            self.lock.acquire()
            self._owner = me
            self.refuse_use()
            self._turns.acquire()
            self._refuse(self._handle.held())  # with the lock in hand: it may have been replaced while we waited
            self._end_reading()
            self._holder = Holder()
            self.active = True
            self.execute("BEGIN IMMEDIATE")
            self._changes_before = self._raw.total_changes
            self.look()
        except BaseException:
            if self._owner == me:
                self.over = True
                self.rollback()
            else:
                with suppress(RuntimeError):  # it was interrupted before it had the lock, or just after
                    self.lock.release()
            raise

    def commit(self) -> None:
        """Write what waits, and keep what was written since `begin`; return when it is durable.

        Raises:
            StoreError: SQLite could not, or it wrote to a log that is not the file's any more.
        """
        self._refuse_spoiled()
        for flush in tuple(self.waiting):
            flush()
        self.waiting.clear()
        self.filling.make()
        self.execute("COMMIT")
        self._refuse(self._handle.held())  # nothing that went into a log without a name is acknowledged
        self._end()

    def rollback(self) -> None:
        """Undo what was written since `begin`; nothing happens if this thread did not begin."""
        if self._owner != get_ident():
            return
        try:
            self._spoiled = None
            # After some errors, such as a full disk, SQLite has rolled back by itself.
            if self.active and self._raw.in_transaction:
                self.execute("ROLLBACK")
        except StoreError as error:
            self._broken = error.reason
        finally:
            self._end()

    def finish(self) -> None:
        """Bring an undoing of this thread to its end that an interrupt cut short; nothing happens if there is none."""
        if self.over and self._owner == get_ident():
            self.forget()
            self.rollback()

    def refuse_nested(self) -> None:
        """Refuse to begin in the middle of a transaction of this thread, which is not touched.

        Raises:
            BatchOfAnotherTask: Another task of this thread is in a transaction.
            RuntimeError: This task is in the middle of a transaction.
        """
        self.refuse_other_tasks()
        self.finish()
        if self._holder is not None and self._holder.is_of_this_thread:
            raise RuntimeError("begin: not in the middle of a read or of another transaction")

    def _end(self) -> None:
        self.filling.end()
        self._turns.release()
        self.active = self.over = False
        self._owner = self._holder = None
        self.lock.release()  # no signal is looked for between these statements

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have all reads of the block see one state, no matter what other processes write meanwhile."""
        self.refuse_other_tasks()
        with self.lock:
            if self.active:
                yield
                return
            self.refuse_use()
            self._refuse(self._handle.trouble())  # what is read here would be as old as that log
            self._end_reading()
            try:
                self._holder = Holder()
                self.active = True
                self.execute("BEGIN")
                self.look()
                yield
            finally:
                self.active = False
                self._holder = None
                self._end_reading()

    def look(self) -> None:
        """Forget what is in memory if someone else has written; each read outside of a transaction asks."""
        if not self.active:
            self.refuse_use()
            self._refuse(self._handle.trouble())
            self._end_reading()
        seen = self.value("PRAGMA data_version")
        if seen != self._seen:
            self.forget()
            self._seen = seen

    def forget(self) -> None:
        """Forget everything that was kept in memory."""
        self.waiting.clear()
        for forget in self.caches:
            forget()

    def refuse_other_tasks(self) -> None:
        """Let nothing of another task of this thread into a transaction; other threads wait at the lock.

        Raises:
            BatchOfAnotherTask: Another task of this thread is in a transaction.
        """
        holder = self._holder
        if holder is not None:
            holder.refuse_other_tasks(f"{self.path}: a batch or a read of this store")

    def _end_reading(self) -> None:
        """End a transaction that only reads, also one whose end an interrupt cut short."""
        if self._raw.in_transaction:
            self.execute("ROLLBACK")

    # --- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the file; SQLite then brings the log into it, if no one else has it open."""
        with self.lock:
            self._broken = self._broken or "the store was closed"
            self._handle.close(self._turns)

    def forked(self) -> None:  # pragma: no cover - runs in the child alone
        """Refuse every further use in a child process, and give up what it must not hold.

        Its share in the lock of writers would keep that lock alive. A thread that had ours is not here.
        """
        in_use = not self.lock.acquire(blocking=False) or self.active
        self.lock, self._owner, self._holder, self.active, self.over = RLock(), None, None, False, False
        self._broken = FORKED
        self._statement = self._statements = self._refuse_statement
        self._turns.close()
        self._handle.forked(in_use=in_use)

    # --- what can go wrong ------------------------------------------------------------------------

    def _use_wal(self) -> None:
        if self.value("PRAGMA journal_mode") == "wal":
            return
        self._turns.acquire()
        try:
            self._refuse(self._handle.trouble())
            self._handle.release()
            mode = self.value("PRAGMA journal_mode = WAL")
            self._refuse(self._handle.held())
        finally:
            self._turns.release()
        if mode != "wal":
            raise StoreError(self.path, "this file system cannot hold a write-ahead log; put the file on a local disk")

    def refuse_use(self) -> None:
        """Refuse to go on after what made that unsafe.

        Raises:
            StoreError: It was closed, inherited from a parent process, or met an error of the disk.
        """
        if self._broken is not None:
            raise StoreError(self.path, self._broken)

    def _refuse_spoiled(self) -> None:
        """Refuse to write a part of what is to be kept as a whole."""
        if self._spoiled is not None:
            raise StoreError(self.path, self._spoiled)

    def _refuse(self, trouble: str | None) -> None:
        if trouble is not None:
            self._broken = trouble
            self.refuse_use()

    def _refuse_statement(self, *_: object) -> NoReturn:  # pragma: no cover - runs in the child alone
        raise StoreError(self.path, FORKED)

    def _failed(self, error: sqlite3.Error | UnicodeDecodeError) -> StoreError:
        """Return what to raise for an error of SQLite, and refuse to go on where that is not safe."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        primary = code & 0xFF
        if (
            self.active and self._owner is not None and not self._raw.in_transaction
        ):  # SQLite has given it up, and would keep each statement alone
            self._spoiled = f"the transaction was undone at an error, so nothing of it is kept ({error})"
        if primary == sqlite3.SQLITE_BUSY:
            return StoreBusy(self.path, f"{_PASSING[primary]} ({error})")
        if primary in _PASSING and code != sqlite3.SQLITE_READONLY_DBMOVED:
            return StoreError(self.path, f"{_PASSING[primary]} ({error})")
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        self._broken = self._broken or (
            f"stopped at an error of the file or the disk ({name}: {error}); whether the command that met it was "
            "kept is not known: look after the disk, then open the file anew"
        )
        return StoreError(self.path, self._broken)


_ALL: Final[weakref.WeakSet[Connection]] = weakref.WeakSet()


def _after_fork() -> None:  # pragma: no cover - runs in the child alone
    for connection in tuple(_ALL):
        connection.forked()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=_after_fork)
