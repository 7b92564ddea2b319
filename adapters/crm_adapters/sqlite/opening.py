"""Is this file one of ours, and kept under these rules?

A file is made under another name and appears under its own when it is complete, so that no one ever
meets half of one. What is not ours is looked at, and never written.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs

from crm_domain.rules import SAFEGUARDS, SEED, CreditPolicy, Rules

from .connection import Connection, Synchronous
from .errors import StoreError
from .locking import FileLock
from .migrations import migrate
from .partial import remove_partial, sync_folder
from .reading import is_new, looked_at
from .schema import APPLICATION_ID, VERSION, statements


def opened(path: Path, rules: Rules, *, synchronous: Synchronous, busy_timeout_seconds: float) -> Connection:
    """Return a connection to a file that is kept under *rules*; a missing or empty one is created.

    Raises:
        StoreError: The path is a directory or in a missing one, or the file is not one of ours, of a
            newer version, or kept under other rules.
    """
    if is_new(path, busy_timeout_seconds=busy_timeout_seconds):
        _create(path, rules, busy_timeout_seconds)
    connection = Connection(path, synchronous=synchronous, busy_timeout_seconds=busy_timeout_seconds)
    try:
        migrate(connection)
        _refuse_rules(path, _rules_in(connection), rules)
    except BaseException:
        connection.close()
        raise
    return connection


def create(path: str | os.PathLike[str], rules: Rules, *, busy_timeout_seconds: float = 10.0) -> Path:
    """Make a file that is kept under *rules* where there is none yet; return where it is.

    Raises:
        StoreError: There is something already, or no file can be made there.
    """
    file = real_path(path)
    if not (is_new(file, busy_timeout_seconds=busy_timeout_seconds) and _create(file, rules, busy_timeout_seconds)):
        raise StoreError(file, f"exists already, and is kept under the rules {stored_rules(file)}")
    return file


def stored_rules(path: str | os.PathLike[str], *, busy_timeout_seconds: float = 5.0) -> Rules:
    """Return the rules that an existing file is kept under.

    Raises:
        StoreError: There is no such file, or it is not one of ours.
    """
    file = real_path(path)
    with looked_at(file, busy_timeout_seconds=busy_timeout_seconds) as raw:
        try:
            return rules_told_by(dict(raw.execute(METADATA)))
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # SQLite's own words may hold damaged text
            raise StoreError(file, f"cannot be read: {error}") from error
        except ValueError as error:
            raise StoreError(file, str(error)) from None


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return where a file really is: links followed, absolute."""
    return Path(os.path.realpath(path))


def _create(path: Path, rules: Rules, timeout_seconds: float) -> bool:
    """Create the file; return whether it was made here, rather than by someone who was quicker."""
    if not path.parent.is_dir():
        raise StoreError(path, f"there is no folder {path.parent}")
    lock = FileLock(path, timeout_seconds)
    try:
        lock.acquire()
        if mine := is_new(path, busy_timeout_seconds=timeout_seconds):
            _appear(path, rules)
    finally:
        lock.close()
    return mine


def _appear(path: Path, rules: Rules) -> None:
    partial = path.with_name(f"{path.name}.new-{os.getpid()}")
    remove_partial(partial)  # a process of this number may have been cut off here: in containers all have the same
    try:
        with closing(sqlite3.connect(partial, isolation_level=None)) as raw:
            raw.execute("BEGIN")
            for statement in statements(rules):
                raw.execute(statement)
            raw.executemany("INSERT INTO store_metadata VALUES (?, ?)", _metadata_of(rules).items())
            raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            raw.execute(f"PRAGMA user_version = {VERSION}")
            raw.execute("COMMIT")
            # Not before: what stands in a log gets into the file at the close, which hides errors.
            raw.execute("PRAGMA journal_mode = WAL")
        if path.exists():
            shutil.copymode(path, partial)
        partial.replace(path)
        sync_folder(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(path, f"cannot be created: {error}") from error
    finally:
        remove_partial(partial)


def _metadata_of(rules: Rules) -> dict[str, str]:
    """Return what a file says of its rules: every safeguard by name, so that later ones are not implied."""
    policy = {a.name: getattr(rules.credit_policy, a.name) for a in attrs.fields(CreditPolicy)}
    return {
        "safeguards": json.dumps(sorted(rules.safeguards)),
        "credit_policy": json.dumps(policy, default=str, sort_keys=True),
    }


def _rules_in(connection: Connection) -> Rules:
    try:
        return rules_told_by(dict(connection.rows(METADATA)))
    except ValueError as error:
        raise StoreError(connection.path, str(error)) from None


METADATA: Final = "SELECT name, value FROM store_metadata"
"""Asks a file for what `rules_told_by` reads."""


def rules_told_by(metadata: Mapping[str, str]) -> Rules:
    """Return the rules that a file is kept under, by what it says of itself.

    Raises:
        ValueError: It does not tell, or of safeguards that this library does not have.
    """
    try:
        safeguards: list[str] = json.loads(metadata["safeguards"])
        policy: dict[str, Any] = json.loads(metadata["credit_policy"])
        credit_policy = CreditPolicy(**policy | {"price": Decimal(policy["price"])})
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"its table store_metadata does not tell the rules: {error!r}") from None
    if unknown := sorted(set(safeguards) - SAFEGUARDS.keys()):
        raise ValueError(f"is kept under safeguards that this library does not have: {unknown}")
    return attrs.evolve(SEED.having(*safeguards), credit_policy=credit_policy)


def _refuse_rules(path: Path, kept: Rules, wanted: Rules) -> None:
    if str(kept) != str(wanted):
        raise StoreError(
            path, f"is kept under the rules {kept}, not {wanted}: open it under those, which stored_rules tells"
        )
    if kept.credit_policy != wanted.credit_policy:
        raise StoreError(path, f"is kept under {kept.credit_policy}, not {wanted.credit_policy}: open it under that")
