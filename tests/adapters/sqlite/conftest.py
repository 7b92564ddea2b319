"""What the tests of the file share: a path for it, and a quick way to a state with people in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_adapters.sqlite import SqliteStore
from crm_domain import Crm


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file may be; there is none yet."""
    return tmp_path / "crm.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A store that nobody has opened yet; closed at the end."""
    with SqliteStore(path) as store:
        yield store


@pytest.fixture
def crm(store: SqliteStore) -> Crm:
    """A CRM over an empty file."""
    return Crm(store)
