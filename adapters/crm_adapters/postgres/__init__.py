"""The document's database in PostgreSQL: its migrations, and the conformance kit driving them or anybody's."""

from __future__ import annotations

from .migrations import Migration, migrations, shim

__all__ = ["Migration", "migrations", "shim"]
