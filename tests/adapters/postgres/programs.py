"""Where are PostgreSQL's own programs? Beside the server that the tests use, or on the path."""

from __future__ import annotations

import shutil
from pathlib import Path

from .asking import Database
from .servers import package


def program(name: str, database: Database) -> Path:
    """Return a program of the server's own version where it is on this machine, else the one on the path."""
    folder = database.sql("select setting from pg_config where name = 'BINDIR'")
    found = Path(folder[0][0], name) if folder else Path(name)
    if found.exists():
        return found
    embedded = sorted(Path(package().__file__).parent.glob(f"pginstall*/bin/{name}"))
    on_path = shutil.which(name)
    return embedded[0] if embedded else Path(on_path or name)
