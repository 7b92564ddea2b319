"""The store in a file: tables and journal, changed together or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from sqlite_utils import Database

from crm_domain.ports import Tables
from crm_domain.rows import TABLES
from crm_domain.rules import Rules

from .connection import Connection, Synchronous
from .errors import StoreError
from .journal import SqliteJournal
from .opening import opened, real_path
from .rows import ChangingRows, SqliteRows, sqlite_rows

_SYNCHRONOUS: Final = ("FULL", "NORMAL")


class SqliteStore:
    """Keeps the state of a `Crm` in one SQLite file.

    The file is opened, and created if it is missing or empty, when a `Crm` is made over it. Many
    processes may have it open, each with a store of its own; writers take turns, readers wait for
    no one. After an error of the disk the store refuses to go on: open the file again.

    Args:
        path: The file.
        synchronous: ``FULL``: what was acknowledged outlives a loss of power. ``NORMAL``: faster,
            and it outlives a crash of the process; a loss of power may take the last commands, whole.
        busy_timeout_seconds: How long to wait for another process that writes.

    Example:
        >>> import tempfile
        >>> from crm_domain import Crm
        >>> folder = tempfile.TemporaryDirectory()
        >>> with SqliteStore(f"{folder.name}/crm.db") as store:
        ...     _ = Crm(store).as_service().sync_crm_user(email="amy@example.com")
        >>> with SqliteStore(f"{folder.name}/crm.db") as store:
        ...     Crm(store).as_service().get_crm_dashboard_data("amy@example.com").credits_remaining
        4
        >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "FULL",
        busy_timeout_seconds: float = 10.0,
    ) -> None:
        if synchronous not in _SYNCHRONOUS:
            raise ValueError(f"synchronous: expected FULL or NORMAL, got {synchronous!r}")
        if not busy_timeout_seconds >= 0:
            raise ValueError(f"busy_timeout_seconds: expected 0 or more, got {busy_timeout_seconds!r}")
        self.path: Path = real_path(path)
        self._synchronous: Synchronous = synchronous
        self._busy_timeout_seconds = busy_timeout_seconds
        self._opened: _Opened | None = None

    def __repr__(self) -> str:
        return f"<SQLite store {self.path}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self, rules: Rules) -> None:
        """Open the file for a `Crm` with these rules, or create it.

        Raises:
            StoreError: It is not a file of this library, of a newer version, or of other rules.
            RuntimeError: It is open already.
        """
        if self._opened is not None:
            raise RuntimeError(f"{self.path}: this store has its Crm already; make another store for another one")
        self._opened = _Opened(
            opened(self.path, rules, synchronous=self._synchronous, busy_timeout_seconds=self._busy_timeout_seconds)
        )

    def close(self) -> None:
        """Close the file; nothing happens if it is not open. The store cannot be used again."""
        if self._opened is not None:
            self._opened.connection.close()

    @property
    def database(self) -> Database:
        """The file as `sqlite_utils` sees it: to read; what is written here the journal knows nothing of.

        Raises:
            BatchOfAnotherTask: Another task of this thread is in a batch or a read; the same holds for
                `tables`, `journal`, `labels`, `keep_labels` and `reading`.
            StoreError: It was closed, or a parent process opened it.
        """
        connection = self._mine.connection
        connection.refuse_use()
        return connection.database

    @property
    def tables(self) -> Tables:
        """The tables."""
        return self._mine.tables

    @property
    def journal(self) -> SqliteJournal:
        """The journal that the tables are made from."""
        return self._mine.journal

    def begin(self, *, many: bool) -> None:  # noqa: ARG002 - one or many commands, a transaction is the same
        """Start a transaction that writes.

        Raises:
            StoreBusy: Another process wrote for longer than the timeout.
            StoreError: The file cannot be written.
        """
        self._open.connection.begin()

    def commit(self) -> None:
        """Write what was done since `begin`; return when it is durable."""
        state = self._open
        state.connection.commit()
        state.trim()

    def rollback(self, *, torn: bool) -> None:
        """Undo what was done since `begin`."""
        state = self._open
        if torn or state.connection.wrote:
            state.connection.forget()
        state.connection.rollback()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have all reads of the block see one state, no matter what other processes write meanwhile."""
        state = self._open
        with state.connection.lock:
            with state.connection.reading():
                yield
            if not state.connection.active:  # in the middle of a transaction, what is in memory is not written yet
                state.trim()

    def replace_tables(self, tables: Tables) -> None:
        """Replace the present tables with *tables*, inside of a transaction."""
        by_name = self._open.tables.by_name
        for name in reversed(TABLES):
            cast("SqliteRows[Any]", by_name[name]).delete_all()
        for name, table in TABLES.items():
            cast("SqliteRows[Any]", by_name[name]).insert_all(map(table.values_of, tables.by_name[name]))

    def labels(self) -> dict[str, str]:
        """Return the labels that command logs gave to ids, by id."""
        connection = self._open.connection
        with connection.reading():
            return dict(connection.rows("SELECT id, label FROM labels"))

    def keep_labels(self, labels: Mapping[str, str]) -> None:
        """Keep labels, given by id: they stand next to the state, and no event mentions them.

        Raises:
            StoreError: They cannot be written; none of them is kept.
            RuntimeError: A batch is going on; it is not touched.
        """
        connection = self._open.connection
        connection.refuse_nested()
        try:
            connection.begin()
            connection.executemany("INSERT OR REPLACE INTO labels VALUES (?, ?)", labels.items())
            connection.commit()
        except BaseException:
            connection.over = True
            try:
                connection.rollback()
            finally:
                connection.finish()
            raise

    @property
    def _mine(self) -> _Opened:
        state = self._open
        state.connection.refuse_other_tasks()
        return state

    @property
    def _open(self) -> _Opened:
        if self._opened is None:
            raise StoreError(self.path, "is not open: make a Crm over this store first")
        return self._opened


class _Opened:
    """What there is once the file is open."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.journal = SqliteJournal(connection)
        self.tables = Tables.made_by(lambda table: sqlite_rows(table, connection))
        self.rows = [cast("SqliteRows[Any]", rows) for rows in self.tables.by_name.values()]
        for rows in self.rows:
            referred = {c.references[0] for c in rows.table.columns if c.references}
            rows.parents = tuple(parent for parent in self.rows if parent.table.name in referred)
        self._kept = [rows for rows in self.rows if isinstance(rows, ChangingRows)]

    def trim(self) -> None:
        """Keep what is in memory within its bounds."""
        self.journal.trim()
        for rows in self._kept:
            rows.trim()
