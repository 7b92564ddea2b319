"""How much faster is a bulk load than row by row, when both are paid for and counted by the same triggers?

Row by row is what the front end does: each row is an INSERT under row-level security, in the role
of its user; with a transaction of its own, as PostgREST has it, and, which flatters it, many in
one. The bulk load is the service's COPY, whose triggers work once for the statement.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from crm_adapters.postgres import migrations, shim
from crm_domain import HARDENED
from crm_domain.clocks import label_uuid

from ..adapters.postgres.servers import embedded
from .table import Group, Line, at_least
from .timing import Case, Sample, Watch, interleave, per_second, ratio

_COLUMNS: Final = "id, email, user_id, video_url"
_INSERT: Final = f"insert into crm_recordings ({_COLUMNS}) values (%s, %s, %s, %s)"

Row = tuple[str, str, str, str]


@contextmanager
def server() -> Iterator[str]:
    """The server of ``CRM_DOMAIN_POSTGRES``, or an embedded one that waits for the disk as servers do."""
    if named := os.environ.get("CRM_DOMAIN_POSTGRES"):
        yield named
        return
    with embedded(quick=False) as running:
        yield running.get_uri()


class _Loads:
    """A database with users who have credits enough, and the ways to load recordings into it."""

    def __init__(self, connection: psycopg.Connection, users: int, rows: int) -> None:
        self._connection, self._users, self._rows = connection, users, rows
        self._numbers = itertools.count()
        for text in (shim(), *(migration.up for migration in migrations(HARDENED))):
            connection.execute(text)
        for n in range(users):
            connection.execute("select sync_crm_user(p_email => %s, p_user_id => %s)", [_email(n), _user(n)])
        connection.execute("update profiles set credits_remaining = 1000000000")

    def _made(self) -> list[Row]:
        load = next(self._numbers)
        return [
            (label_uuid(f"{load}/{n}"), _email(n % self._users), _user(n % self._users), "a") for n in range(self._rows)
        ]

    def case(self, name: str) -> Case:
        """Return the case that loads in this way, and looks whether all of it was paid for."""
        load = {"each": self._each, "in one": self._in_one, "copy": self._copy}[name]

        def timed() -> Sample:
            rows, connection = self._made(), self._connection
            consumed = "select sum(consumed)::bigint, (select count(*) from crm_recordings) from credit_grants"
            before = connection.execute(consumed).fetchone()
            watch = Watch()
            load(rows)
            sample = watch.sample(len(rows))
            assert before is not None
            assert connection.execute(consumed).fetchone() == tuple((n or 0) + len(rows) for n in before)
            return sample

        return timed

    def _become(self, user: str) -> None:
        claims = json.dumps({"sub": user, "role": "authenticated"})
        self._connection.execute("set local role authenticated")
        self._connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])

    def _each(self, rows: list[Row]) -> None:
        for row in rows:
            with self._connection.transaction():
                self._become(row[2])
                self._connection.execute(_INSERT, row)

    def _in_one(self, rows: list[Row]) -> None:
        for user in sorted({row[2] for row in rows}):
            with self._connection.transaction():
                self._become(user)
                for row in rows:
                    if row[2] == user:
                        self._connection.execute(_INSERT, row)

    def _copy(self, rows: list[Row]) -> None:
        with self._connection.transaction():
            self._connection.execute("set local role service_role")
            with self._connection.cursor().copy(f"copy crm_recordings ({_COLUMNS}) from stdin") as target:
                for row in rows:
                    target.write_row(row)


def _email(number: int) -> str:
    return f"user-{number}@x.test"


def _user(number: int) -> str:
    return label_uuid(f"user-{number}")


def measured(*, users: int, rows: int, rounds: int) -> Group:
    """Load *rows* recordings of so many users in each of the ways, *rounds* times."""
    with server() as dsn, psycopg.connect(dsn, autocommit=True) as admin:
        name = f"crm_bench_{os.getpid()}"
        admin.execute(f"create database {name}")
        try:
            with psycopg.connect(dsn, dbname=name, autocommit=True) as connection:
                loads = _Loads(connection, users, rows)
                samples = interleave({n: loads.case(n) for n in ("each", "in one", "copy")}, rounds=rounds)
        finally:
            admin.execute(f"drop database {name} with (force)")
    lines = [
        Line("row by row under RLS, a transaction for each", "rows/s", per_second(samples["each"])),
        Line("row by row under RLS, a transaction for each user", "rows/s", per_second(samples["in one"])),
        Line("COPY by the service", "rows/s", per_second(samples["copy"])),
        Line("… against a transaction for each", "times as fast", ratio(samples["each"], samples["copy"]), at_least(5)),
        Line("… against one for each user", "times as fast", ratio(samples["in one"], samples["copy"]), at_least(5)),
    ]
    return Group(f"PostgreSQL: {rows:,} recordings of {users:,} users; wall time, median of {rounds} rounds", lines)
