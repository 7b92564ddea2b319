"""Is this file one of ours, and kept under these rules?

A file is made under another name and appears under its own when it is complete, so that nobody ever
meets half of one. What is not ours is looked at (its first 100 bytes), and never written.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs

from crm_domain.rules import SAFEGUARDS, SEED, CreditPolicy, Rules

from .connection import Connection, Synchronous
from .errors import StoreError
from .locking import FileLock
from .migrations import migrate, newer
from .schema import APPLICATION_ID, VERSION, statements

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100


def opened(path: Path, rules: Rules, *, synchronous: Synchronous, busy_timeout_seconds: float) -> Connection:
    """Return a connection to a file that is kept under *rules*; a missing or empty one is created.

    Raises:
        StoreError: The path is a directory or in a missing one, or the file is none of ours, of a
            newer version, or kept under other rules.
    """
    if _is_new(path):
        _create(path, rules, busy_timeout_seconds)
    connection = Connection(path, synchronous=synchronous, busy_timeout_seconds=busy_timeout_seconds)
    try:
        migrate(connection)
        _refuse_rules(path, _rules_in(connection), rules)
    except BaseException:
        connection.close()
        raise
    return connection


def stored_rules(path: str | os.PathLike[str]) -> Rules:
    """Return the rules that an existing file is kept under.

    Raises:
        StoreError: There is no such file, or it is none of ours.
    """
    file = real_path(path)
    if _is_new(file):
        raise StoreError(file, "there is no such file, or nothing in it")
    connection = Connection(file, synchronous="FULL", busy_timeout_seconds=5)
    try:
        return _rules_in(connection)
    finally:
        connection.close()


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return where a file really is: links followed, absolute."""
    return Path(os.path.realpath(path))


def _is_new(path: Path) -> bool:
    """Tell whether there is nothing yet.

    Raises:
        StoreError: There is something that is not ours.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        header = b""
    except OSError as error:
        raise StoreError(path, f"cannot be read: {error.strerror}") from error
    if not header:
        _refuse_stray_log(path)
        return True
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise StoreError(path, "is not a SQLite database")
    application, version = (int.from_bytes(header[n : n + 4], "big") for n in (68, 60))
    if application != APPLICATION_ID:
        raise StoreError(path, f"is a database of another application (application_id {application:#010x})")
    if version > VERSION:
        raise StoreError(path, newer(version))
    return False


def _refuse_stray_log(path: Path) -> None:
    """Refuse to make a file beside another's log, which SQLite would take for its own."""
    log = Path(f"{path}-wal")
    with suppress(FileNotFoundError):
        if log.stat().st_size:
            raise StoreError(
                path, f"the file is gone or empty, and {log.name} is what is left of it: restore it, or move that away"
            )


def _create(path: Path, rules: Rules, timeout_seconds: float) -> None:
    if not path.parent.is_dir():
        raise StoreError(path, f"there is no folder {path.parent}")
    lock = FileLock(path, timeout_seconds)
    try:
        lock.acquire()
        if _is_new(path):  # nobody was quicker
            _appear(path, rules)
    finally:
        lock.close()


def _appear(path: Path, rules: Rules) -> None:
    partial = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        with closing(sqlite3.connect(partial, isolation_level=None)) as raw:
            raw.execute("PRAGMA journal_mode = WAL")
            raw.execute("BEGIN")
            for statement in statements(rules):
                raw.execute(statement)
            raw.executemany("INSERT INTO store_metadata VALUES (?, ?)", _metadata_of(rules).items())
            raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            raw.execute(f"PRAGMA user_version = {VERSION}")
            raw.execute("COMMIT")
        if path.exists():
            shutil.copymode(path, partial)
        partial.replace(path)
        _sync_folder(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(path, f"cannot be created: {error}") from error
    finally:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):  # what is left over harms nobody
                Path(f"{partial}{suffix}").unlink()


def _sync_folder(folder: Path) -> None:
    """Have the file's name outlive a loss of power, too."""
    if os.name != "nt":  # pragma: no branch - not on Windows
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _metadata_of(rules: Rules) -> dict[str, str]:
    """Return what a file says of its rules: every safeguard by name, so that later ones are not implied."""
    policy = {a.name: getattr(rules.credit_policy, a.name) for a in attrs.fields(CreditPolicy)}
    return {
        "safeguards": json.dumps(sorted(rules.safeguards)),
        "credit_policy": json.dumps(policy, default=str, sort_keys=True),
    }


def _rules_in(connection: Connection) -> Rules:
    metadata: dict[str, str] = dict(connection.rows("SELECT name, value FROM store_metadata"))
    safeguards: list[str] = json.loads(metadata["safeguards"])
    policy: dict[str, Any] = json.loads(metadata["credit_policy"])
    policy["price"] = Decimal(policy["price"])
    if unknown := sorted(set(safeguards) - SAFEGUARDS.keys()):
        raise StoreError(connection.path, f"is kept under safeguards that this library does not have: {unknown}")
    return attrs.evolve(SEED.having(*safeguards), credit_policy=CreditPolicy(**policy))


def _refuse_rules(path: Path, kept: Rules, wanted: Rules) -> None:
    if str(kept) != str(wanted):
        raise StoreError(
            path, f"is kept under the rules {kept}, not {wanted}: open it under those, which stored_rules tells"
        )
    if kept.credit_policy != wanted.credit_policy:
        raise StoreError(path, f"is kept under {kept.credit_policy}, not {wanted.credit_policy}: open it under that")
