"""Does a file hold what was acknowledged, and is it whole?"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final

from crm_adapters.sqlite import SqliteStore
from crm_adapters.sqlite.schema import statements
from crm_domain import HARDENED, Crm
from crm_domain.laws import check_all

from .work import older_files_are_migrated


def assert_sound(path: Path) -> None:
    """Assert that the file is whole, and keeps the laws, as SQLite and as the laws see it.

    One of the laws is that the tables are those that the journal makes. Every index is there, too.
    """
    with older_files_are_migrated(), SqliteStore(path) as store:
        assert check_all(Crm(store)) == []
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        assert raw.execute(_SCHEMA).fetchall() == _schema()


_SCHEMA: Final = "SELECT type, name, sql FROM sqlite_master ORDER BY name"


@cache
def _schema() -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:")) as raw:
        for statement in statements(HARDENED):
            raw.execute(statement)
        return raw.execute(_SCHEMA).fetchall()


def units_in(path: Path) -> list[str]:
    """Return the units of work that the file holds, in their order; assert that none is half there."""
    with closing(sqlite3.connect(path)) as raw:
        keys = raw.execute("SELECT idempotency_key FROM journal GROUP BY 1 ORDER BY min(position)").fetchall()
    parts: dict[str, list[str]] = defaultdict(list)
    for (key,) in keys:
        unit, _, part = key.partition(":")
        parts[unit].append(part)
    half = {unit: found for unit, found in parts.items() if len(found) != int(found[0].partition("/")[2])}
    assert half == {}
    return list(parts)
