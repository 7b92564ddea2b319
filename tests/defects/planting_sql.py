"""How is a defect planted in a database? By SQL behind the migrations, or by another text of one function."""

from __future__ import annotations

import atexit
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, Final, Protocol

import psycopg
from attrs import field, frozen
from psycopg import sql
from psycopg.conninfo import make_conninfo

from crm_adapters.postgres.keyed import opened
from crm_adapters.postgres.migrations import migrations, shim
from crm_domain import HARDENED, Rules
from crm_domain.command_log import LogLine
from crm_domain.ports import Backend
from crm_domain.testing import Lines

from ..adapters.postgres.servers import embedded


class Damage(Protocol):
    """Something that is done to a database."""

    def plant(self, connection: psycopg.Connection[Any]) -> None:
        """Do it."""


@frozen
class Sql:
    """A statement that follows the migrations."""

    statement: str

    def plant(self, connection: psycopg.Connection[Any]) -> None:
        """Execute it."""
        connection.execute(self.statement)


@frozen
class Edited:
    """Another text of a function: *old*, wherever it stands there, is *new*."""

    function: str
    old: str
    new: str

    def plant(self, connection: psycopg.Connection[Any]) -> None:
        """Make the function anew.

        Raises:
            ValueError: The function has no such text.
        """
        query = (
            "select pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
            " where p.proname = %s and n.nspname in ('public', 'crm_internal')"
        )
        ((text,),) = connection.execute(query, [self.function]).fetchall()
        if self.old not in text:
            raise ValueError(f"{self.old!r} does not stand in {self.function}")
        connection.execute(text.replace(self.old, self.new))


@frozen(kw_only=True)
class SchemaDefect:
    """Something that is wrong in the migrations on purpose.

    Attributes:
        name: What is wrong, in a word or a few.
        what: What is wrong, in a sentence.
        law: The law that must name it.
        damage: What is done behind the migrations.
        rules: What the database is held to.
        asked: What is asked before any walk.
    """

    name: str
    what: str
    law: str
    damage: tuple[Damage, ...]
    rules: Rules = HARDENED
    asked: Lines = field(factory=Lines)

    @contextmanager
    def planted(self) -> Iterator[Backend]:
        """Yield a database that has it, as a backend."""
        with damaged(self.damage) as dsn, opened(dsn) as backend:
            yield backend


def schema_defect(name: str, what: str, law: str, *damage: Damage, asked: Sequence[LogLine] = ()) -> SchemaDefect:
    """Return a defect, in the order in which the catalogue writes it."""
    return SchemaDefect(name=name, what=what, law=law, damage=damage, asked=Lines(asked))


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
    running = ExitStack()
    atexit.register(running.close)
    uri: str = running.enter_context(embedded()).get_uri()
    return uri
