"""How is a file's store examined without touching what the file holds? In copies of it without rows."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from crm_domain import Crm
from crm_domain.rows import TABLES
from crm_domain.rules import Rules
from crm_domain.testing import CrmBackend

from .backups import back_up
from .opening import real_path, stored_rules
from .schema import sql_name
from .store import SqliteStore


class SqliteBackend(CrmBackend):
    """The store as the conformance kit drives it: each reset begins with a new file.

    The files are copies of one that exists, with its schema and all that was added to it, without
    its rows; they are in a folder of their own, which is gone at the end.

    Args:
        path: The file to examine, which is only read; None for a file as this library makes it.
        rules: The rules of a file that this library makes; a file that exists has its own.

    Raises:
        StoreError: The file is not one of ours, or cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, rules: Rules | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="crm-domain-")
        self._number = 0
        self._store: SqliteStore
        try:
            self._template = Path(self._folder.name, "template.db")
            self.rules = self._made_template(path, rules or Rules())
            super().__init__(self._begun)
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file that is written since the last reset."""
        return Path(self._folder.name, f"{self._number}.db")

    def close(self) -> None:
        """Close the file, and take all copies away."""
        self._store.close()
        self._folder.cleanup()

    def _made_template(self, path: str | os.PathLike[str] | None, rules: Rules) -> Rules:
        if path is None:
            with SqliteStore(self._template) as store:
                Crm(store, rules=rules)
            return rules
        back_up(real_path(path), self._template)
        _empty(self._template)
        return stored_rules(path)

    def _begun(self) -> Crm:
        if self._number:
            self._store.close()
            for suffix in ("", "-wal", "-shm", "-lock"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        self._number += 1
        shutil.copy(self._template, self.path)
        # What outlives a loss of power is not asked here, and a commit that waits for the disk takes its time.
        self._store = SqliteStore(self.path, synchronous="NORMAL")
        return Crm(self._store, rules=self.rules)


def _empty(path: Path) -> None:
    """Delete every row; all else in the file stays as it is."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute("BEGIN")
        for name in ("journal", *map(sql_name, TABLES)):
            raw.execute(f"DELETE FROM {name}")  # noqa: S608 - declared names
        raw.execute("COMMIT")
        raw.execute("VACUUM")
