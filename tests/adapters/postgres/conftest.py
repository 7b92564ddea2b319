"""What the tests of PostgreSQL share: a server, and databases made quickly.

The server is an embedded one, of PostgreSQL 18, that ends with the tests; or the one at
``CRM_DOMAIN_POSTGRES``, a DSN with the right to create databases and roles.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from crm_adapters.postgres.migrations import migrations, shim
from crm_domain import HARDENED, Rules

from .servers import embedded

Execute: TypeAlias = Callable[[str], None]
MakeDatabase: TypeAlias = Callable[..., str]
"""``make(rules)`` is the DSN of a new database with the migrations of these rules; ``make(None)`` of one with the shim alone."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The DSN of a server that may be written to."""
    if named := os.environ.get("CRM_DOMAIN_POSTGRES"):
        yield named
        return
    with embedded() as server:
        yield server.get_uri()


@pytest.fixture(scope="session")
def make_database(postgres_server: str) -> Iterator[MakeDatabase]:
    """Make databases, each a copy of one that was migrated before; all are gone at the end."""
    numbers, made, templates = itertools.count(1), [], {}
    admin = psycopg.connect(postgres_server, autocommit=True)

    def new(template: str) -> str:
        name = f"crm_test_{os.getpid()}_{next(numbers)}"
        admin.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template)))
        made.append(name)
        return name

    def make(rules: Rules | None = HARDENED) -> str:
        if rules not in templates:
            templates[rules] = name = new("template0")
            with psycopg.connect(make_conninfo(postgres_server, dbname=name), autocommit=True) as connection:
                for script in (shim(), *(migration.up for migration in (migrations(rules) if rules else ()))):
                    connection.execute(script)
        return make_conninfo(postgres_server, dbname=new(templates[rules]))

    yield make
    for name in made:
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    admin.close()
