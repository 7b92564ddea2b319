"""What the tests of the file share: a path for it, and a quick way to a state with people in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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


@pytest.fixture
def in_a_child() -> Callable[[Callable[[], list[str]]], list[str]]:
    """Run work in a process of its own, by calling the fixture; returned are the lines that the work returns."""

    def run(work: Callable[[], list[str]]) -> list[str]:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, "\n".join(work()).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            lines = said.read().splitlines()
        os.waitpid(child, 0)
        return lines

    return run
