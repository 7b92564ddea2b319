"""How is a defect planted in a database? By SQL behind the migrations, or by another text of one function."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import psycopg
from attrs import frozen
from psycopg import sql
from psycopg.conninfo import make_conninfo

from crm_adapters.postgres.keyed import opened
from crm_adapters.postgres.migrations import migrations, shim
from crm_domain import HARDENED, Rules
from crm_domain.command_log import LOG_TABLES
from crm_domain.ports import Backend
from crm_domain.schema import Table

from ..adapters.postgres.servers import embedded


class Damage(Protocol):
    """Something that is done to a database."""

    @property
    def text(self) -> str:
        """What it is about."""

    def plant(self, connection: psycopg.Connection[Any]) -> None:
        """Do it."""


@frozen
class Sql:
    """A statement that follows the migrations."""

    statement: str

    @property
    def text(self) -> str:
        """What it is about."""
        return f"{self.statement} "

    def plant(self, connection: psycopg.Connection[Any]) -> None:
        """Execute it."""
        connection.execute(self.statement)


@frozen
class Edited:
    """Another text of a function: *old*, wherever it stands there, is *new*."""

    function: str
    old: str
    new: str

    @property
    def text(self) -> str:
        """What it is about."""
        return f"{self.function} {self.old} {self.new} "

    def plant(self, connection: psycopg.Connection[Any]) -> None:
        """Make the function anew.

        Raises:
            ValueError: The function has no such text.
        """
        query = "select pg_get_functiondef(%s::regproc)"
        ((text,),) = connection.execute(query, [f"public.{self.function}"]).fetchall()
        if self.old not in text:
            raise ValueError(f"{self.old!r} does not stand in {self.function}")
        connection.execute(text.replace(self.old, self.new))


_ABOUT: Final = {  # the table whose requests come to the function
    "crm_charge": "crm_recordings",
    "crm_recording_stats": "crm_recordings",
    "crm_recording_status": "crm_recordings",
    "crm_recordings_fixed": "crm_recordings",
    "crm_job_request_stats": "crm_job_requests",
    "crm_resume_stats": "crm_resumes",
    "crm_credit_sync": "profiles",
    "get_crm_dashboard_data": "crm_dashboard_stats",
    "track_time": "crm_dashboard_stats",
    "record_payment": "payments",
    "sync_crm_user": "digital_resume_by_CRM",
    "crm_normal_email": "digital_resume_by_CRM",
}


@frozen(kw_only=True)
class SchemaDefect:
    """Something that is wrong in the migrations on purpose.

    Attributes:
        name: What is wrong, in a word or a few.
        what: What is wrong, in a sentence.
        law: The law that must name it.
        damage: What is done behind the migrations.
        rules: What the database is held to.
        tables: The tables that the damage is about.
    """

    name: str
    what: str
    law: str
    damage: tuple[Damage, ...]
    rules: Rules = HARDENED

    @property
    def tables(self) -> tuple[Table[Any], ...]:
        """The tables that are named in the damage, or that a function in it is about."""
        text = " ".join(one.text for one in self.damage)
        text += " ".join(table for function, table in _ABOUT.items() if function in text)
        return tuple(table for table in LOG_TABLES if re.search(rf"\b{table.name}\b", text, re.IGNORECASE))

    @contextmanager
    def planted(self) -> Iterator[Backend]:
        """Yield a database that has it, as a backend."""
        with damaged(self.damage) as dsn, opened(dsn) as backend:
            yield backend


def schema_defect(name: str, what: str, law: str, *damage: Damage) -> SchemaDefect:
    """Return a defect, in the order in which the catalogue writes it."""
    return SchemaDefect(name=name, what=what, law=law, damage=damage)


# --- where the databases are --------------------------------------------------------------------

_NUMBERS: Final = itertools.count(1)


@contextmanager
def damaged(damage: tuple[Damage, ...] = ()) -> Iterator[str]:
    """Yield the DSN of a new database with the migrations and *damage*, which is gone at the end."""
    server, template = _server()
    name = sql.Identifier(f"crm_defect_{os.getpid()}_{next(_NUMBERS)}")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template {}").format(name, sql.Identifier(template)))
        try:
            dsn = make_conninfo(server, dbname=name.as_string().strip('"'))
            with psycopg.connect(dsn, autocommit=True) as connection:
                for one in damage:
                    one.plant(connection)
            yield dsn
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(name))


@cache
def _server() -> tuple[str, str]:
    """Return a server that ends with this process, and a database on it that was migrated."""
    name = f"crm_defects_{os.getpid()}"
    dsn = os.environ.get("CRM_DOMAIN_POSTGRES") or _embedded()
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    with psycopg.connect(make_conninfo(dsn, dbname=name), autocommit=True) as connection:
        for script in (shim(), *(migration.up for migration in migrations(HARDENED))):
            connection.execute(script)
    return dsn, name


def _embedded() -> str:
    folder = Path(tempfile.mkdtemp(prefix="crm-defects-"))
    _KEPT.append(embedded(folder / "data"))
    uri: str = next(_KEPT[-1]).get_uri()
    return uri


_KEPT: Final[list[Iterator[Any]]] = []
"""The server, as long as this process needs it; it stops itself at the end."""
