"""Where is someone's schema examined? In a database of our own, made after theirs, which is gone at the end.

Theirs is only read: its structure is copied, and nothing is ever written to it. The copy is dropped
however the work ends. If the server dies, it is dropped when the server is back, at the latest
by the next one who makes a copy there: anyone who works with one holds a lock for it, so that one
that no one holds is no one's any more.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from crm_domain.rows import TABLES

from .catalog import Catalog, catalog_of
from .connection_strings import parameters_of, secrets_of, without_secrets
from .errors import PostgresError, ServerLost
from .operations import Operations
from .sessions import SETTINGS

PREFIX: Final = "crm_domain_scratch_"
"""What the names of all copies begin with."""

_MARK: Final = "crm-domain: a copy without rows, for a check; it may be dropped"
_PATIENCE_SECONDS: Final = 15.0
"""How long a server that went away is waited for, to leave nothing behind in it."""


class Scratch:
    """A copy of a database's structure, without rows of the document's tables.

    Args:
        dsn: The database, as libpq takes it.
        operations: How it is driven.
        i_know: Whether it may have rows; they are not touched.

    Attributes:
        conninfo: Where the copy is.
        catalog: What it has.
        tables: Its tables that had no rows in the beginning, as SQL.

    Raises:
        PostgresError: There is no such database, it has rows, or it cannot be copied.
    """

    def __init__(self, dsn: str, operations: Operations, *, i_know: bool = False) -> None:
        self.name = f"{PREFIX}{secrets.token_hex(6)}"
        self._dsn, self.source = dsn, database_of(dsn)
        with _connected(dsn) as theirs:
            self.catalog = examined(theirs, operations)
            self._has_rows = _with_rows(theirs, self.catalog)
            if self._has_rows and not i_know:
                raise PostgresError(
                    f"it holds rows ({', '.join(self._has_rows)}); its structure would be copied into a scratch "
                    "database and its rows left alone: say --i-know if that is meant, or name one without rows."
                )
            self._settings = theirs.execute(_SETTINGS_OF_DATABASE).fetchall()
        self.conninfo = make_conninfo(dsn, dbname=self.name)
        self._admin = _administering(dsn)
        try:
            self._make()
        except BaseException as error:
            self.close()
            if isinstance(error, psycopg.Error):
                raise PostgresError(without_secrets(told(error), dsn)) from None
            raise

    @property
    def _drop(self) -> sql.Composed:
        return sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(self.name))

    def _make(self) -> None:
        _sweep(self._admin)
        self._admin.execute("select pg_advisory_lock(hashtext(%s))", [self.name])
        self._copy()
        self._admin.execute(sql.SQL("comment on database {} is {}").format(sql.Identifier(self.name), _MARK))
        for (setting,) in self._settings:
            key, _, value = setting.partition("=")
            self._admin.execute("select set_config(%s, %s, false)", [key, value])
            alter = sql.SQL("alter database {} set {} from current; reset {}")
            self._admin.execute(alter.format(sql.Identifier(self.name), sql.SQL(key), sql.SQL(key)))
        with _connected(self.conninfo) as ours:
            if self._has_rows:
                _empty(ours, self.catalog)
            self.tables = _empty_tables(ours)

    def _copy(self) -> None:
        """Copy the structure: as the server does it, or as pg_dump writes it, which is first asked where there are rows."""
        ways = (self._dump, self._take_as_template) if self._has_rows else (self._take_as_template, self._dump)
        try:
            ways[0]()
        except PostgresError as first:
            try:
                ways[1]()
            except PostgresError as second:
                raise PostgresError(f"it cannot be copied: {first}, and {second}.") from None

    def _take_as_template(self) -> None:
        make = sql.SQL("create database {} template {}").format(sql.Identifier(self.name), sql.Identifier(self.source))
        try:
            self._admin.execute(make)
        except psycopg.errors.ObjectInUse:
            raise PostgresError("the server does not while others are connected to it") from None
        except psycopg.Error as error:
            raise PostgresError(f"the server says: {told(error)}") from None

    def _dump(self) -> None:
        if shutil.which("pg_dump") is None:
            raise PostgresError("pg_dump, which could, is not installed")
        secret = secrets_of(self._dsn)
        if secret.keys() - {"password"}:  # there is no variable for them, and everyone sees a command line
            raise PostgresError(f"pg_dump cannot be given {', '.join(sorted(secret.keys() - {'password'}))} unseen")
        parameters = {name: value for name, value in parameters_of(self._dsn).items() if name not in secret}
        environment = {**os.environ, **({"PGPASSWORD": secret["password"]} if secret else {})}
        command = ["pg_dump", "--schema-only", f"--dbname={make_conninfo('', **parameters)}"]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            raise PostgresError(without_secrets(f"pg_dump says: {' '.join(done.stderr.split())}", self._dsn))
        script = "\n".join(line for line in done.stdout.splitlines() if not line.startswith("\\"))
        try:
            self._admin.execute(sql.SQL("create database {} template template0").format(sql.Identifier(self.name)))
            with _connected(self.conninfo) as ours:
                if "CREATE SCHEMA public" in script:
                    ours.execute("drop schema public")
                ours.execute(script)
        except psycopg.Error as error:
            self._admin.execute(self._drop)
            raise PostgresError(f"what pg_dump wrote cannot be read: {told(error)}") from None

    def close(self) -> None:
        """Drop the copy; a server that went away is waited for.

        Raises:
            ServerLost: It did not come back; anyone who checks there next, drops the copy.
        """
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                if self._admin.closed:
                    self._admin = _administering(self._dsn)
                self._admin.execute(self._drop)
                self._admin.close()
            except (psycopg.Error, PostgresError):
                if time.monotonic() > give_up:
                    raise ServerLost(
                        f"the server went away and did not come back: the next check there drops {self.name}."
                    ) from None
                self._admin.close()
                time.sleep(0.1)
            else:
                return


def examined(connection: psycopg.Connection[Any], operations: Operations) -> Catalog:
    """Look up what a database has.

    Raises:
        PostgresError: It cannot be examined; the message says why.
    """
    catalog = catalog_of(connection, operations)
    for problem in catalog.problems():
        raise problem
    return catalog


def database_of(dsn: str) -> str:
    """Return the name of the database that a DSN means.

    Raises:
        PostgresError: It is no DSN.
    """
    parameters = parameters_of(dsn)
    user = parameters.get("user") or os.environ.get("PGUSER") or os.environ.get("USER") or "postgres"
    return str(parameters.get("dbname") or os.environ.get("PGDATABASE") or user)


def told(error: psycopg.Error) -> str:
    """Return what an error says, in one line."""
    text = error.diag.message_primary or str(error)
    return " ".join(line.strip() for line in text.strip().splitlines() if line.strip()) or type(error).__name__


@contextmanager
def _connected(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    connection = _connect(dsn)
    try:
        connection.execute("; ".join(SETTINGS))
        yield connection
    finally:
        connection.close()


def _connect(dsn: str) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        raise PostgresError(without_secrets(told(error), dsn)) from None


def _administering(dsn: str) -> psycopg.Connection[Any]:
    """Connect to another database of the server, from which one can be made and dropped.

    Always the same one, where there is: locks are a database's.
    """
    for database in ("postgres", "template1"):
        if database != database_of(dsn):
            with suppress(PostgresError):
                return _connect(make_conninfo(dsn, dbname=database))
    raise PostgresError("the server lets this login into none of its databases postgres and template1.")


def _sweep(admin: psycopg.Connection[Any]) -> None:
    """Drop copies that were left behind by those who were killed, or whose server was."""
    for name, mark in admin.execute(_COPIES, [f"{PREFIX}%"]).fetchall():
        (mine,) = admin.execute("select pg_try_advisory_lock(hashtext(%s))", [name]).fetchone()  # type: ignore[misc]
        if mine:
            if mark == _MARK:
                with suppress(psycopg.Error):  # somebody else's, who may drop it
                    admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            admin.execute("select pg_advisory_unlock(hashtext(%s))", [name])


_COPIES: Final = """
select datname, shobj_description(oid, 'pg_database') from pg_catalog.pg_database where datname like %s
"""

_SETTINGS_OF_DATABASE: Final = """
select unnest(setconfig) from pg_catalog.pg_db_role_setting
where setrole = 0 and setdatabase = (select oid from pg_catalog.pg_database where datname = current_database())
"""


def _with_rows(connection: psycopg.Connection[Any], catalog: Catalog) -> list[str]:
    """Return the document's tables that hold rows, or may, where row policies keep this login from seeing that."""
    found = []
    connection.execute("set row_security = off")  # where policies would hide rows, it is an error
    for name, relation in catalog.relations.items():
        try:
            if connection.execute(f"select 1 from {relation.sql} limit 1").fetchone():
                found.append(name)
        except psycopg.errors.InsufficientPrivilege:
            found.append(name)
    connection.execute("reset row_security")
    return found


def _empty(connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    """Take away the rows that the server copied along."""
    names = {relation.sql for relation in catalog.relations.values()} | {
        f"public.{n.lower()}" for n in TABLES if "." not in n
    }
    tables = [name for (name,) in connection.execute(_AMONG, [list(names)])]
    connection.execute(f"truncate {', '.join(tables)} cascade")


_AMONG: Final = """
select c.oid::pg_catalog.regclass::text from pg_catalog.pg_class c
where c.relkind in ('r', 'p') and c.oid in (select pg_catalog.to_regclass(n) from unnest(%s::text[]) as n)
"""


def _empty_tables(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Return the tables without rows, which a reset empties again; others hold what the schema itself needs."""
    tables = [name for (name,) in connection.execute(_TABLES)]
    return tuple(t for t in tables if connection.execute(f"select 1 from {t} limit 1").fetchone() is None)


_TABLES: Final = """
select c.oid::pg_catalog.regclass::text from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1
"""
