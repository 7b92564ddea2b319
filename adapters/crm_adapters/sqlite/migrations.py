"""How does a file of an older version become one of today's?

`STEPS` has what brings a file from each older version of the schema to the next one. They run when
the file is opened, all in one transaction, after a copy of the file was put next to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, TypeAlias

from crm_adapters.files import special_kind

from .connection import Connection
from .errors import StoreError
from .partial import remove_partial, sync_folder
from .schema import VERSION

Migration: TypeAlias = Callable[[Connection], None]
"""Brings a file from one version of the schema to the next, inside of a transaction."""

STEPS: Final[dict[int, Migration]] = {}
"""The migration from each older version."""


def migrate(connection: Connection, *, steps: Mapping[int, Migration] = STEPS, version: int = VERSION) -> Path | None:
    """Bring a file to *version*, if it is older.

    Returns:
        Where the copy of the file as it was is; None if there was nothing to do.

    Raises:
        StoreError: The file is of a newer version, or no step leads from its version on.
    """
    if _version(connection) == version:
        return None
    connection.begin()
    try:
        found = _version(connection)  # another process may have been quicker
        path = _steps_from(connection, found, steps, version)
        backup = _backed_up(connection.path, found) if path else None
        for step in path:
            step(connection)
        if path:
            connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return backup


def _steps_from(connection: Connection, found: int, steps: Mapping[int, Migration], version: int) -> list[Migration]:
    if found > version:
        raise StoreError(connection.path, newer(found, version))
    for older in range(found, version):
        if older not in steps:
            raise StoreError(connection.path, f"no migration leads on from schema version {older}")
    return [steps[older] for older in range(found, version)]


def newer(found: int, version: int = VERSION) -> str:
    """Return what is wrong with a file of a newer version."""
    return f"has schema version {found}, and this library reads up to {version}: upgrade it"


def _version(connection: Connection) -> int:
    return int(connection.value("PRAGMA user_version"))


def _backed_up(path: Path, version: int) -> Path:
    """Copy the file next to itself; the copy appears under its name when it is complete."""
    backup = path.with_name(f"{path.name}.v{version}-backup")
    partial = backup.with_name(f"{backup.name}.partial")
    if kind := special_kind(backup):
        raise StoreError(path, f"no copy could be put at {backup}, so the file was not migrated: it is {kind}")
    remove_partial(partial)  # somebody may have been cut off here, and have left what is no database
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(partial)) as target,
        ):
            source.backup(target, progress=_refuse_to_wait)
        partial.replace(backup)
        sync_folder(backup.parent)
    except (OSError, sqlite3.Error) as error:
        remove_partial(partial)
        raise StoreError(path, f"no copy could be put at {backup}, so the file was not migrated: {error}") from error
    return backup


def _refuse_to_wait(status: int, _remaining: int, _total: int) -> None:
    """Give up on a file that someone holds as a whole: Python's backup would wait for it for ever."""
    if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        raise sqlite3.OperationalError("database is locked")
