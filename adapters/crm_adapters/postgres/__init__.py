"""The document's database in PostgreSQL: its migrations, and the conformance kit driving them or anyone's.

``PostgresBackend`` and ``opened`` need the extra ``testing``, too, and are imported when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm_adapters.extras import extra

with extra("postgres", "jinja2"):
    from .migrations import Migration, migrations, shim

if TYPE_CHECKING:
    from .backend import PostgresBackend
    from .keyed import opened

__all__ = ["Migration", "PostgresBackend", "migrations", "opened", "shim"]


def __getattr__(name: str) -> Any:
    with extra("postgres", "psycopg"):
        if name == "opened":
            from .keyed import opened  # noqa: PLC0415 - see above

            return opened
        if name == "PostgresBackend":
            from .backend import PostgresBackend  # noqa: PLC0415

            return PostgresBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
