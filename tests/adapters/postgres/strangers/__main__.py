"""Which breaks of the document's database by another hand are found? ``python -m tests.adapters.postgres.strangers``.

Prints a line for each break: the laws that name it, after how many requests it was found, and how long it took.
With names, only those are tried; with ``--control N``, the unbroken schema is asked N requests.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg.conninfo import make_conninfo

from crm_adapters.postgres.backend import PostgresBackend
from crm_adapters.postgres.keyed import opened
from crm_adapters.postgres.migrations import shim
from crm_domain import HARDENED
from crm_domain.clocks import stopwatch
from crm_domain.testing import conformance, matrix
from crm_domain.testing.comparing.tolerances import tolerating
from crm_domain.testing.conforming.course import Course
from crm_domain.testing.conforming.searching import Search

from ..servers import embedded
from .breaks import BREAKS, SERVICE, Break
from .faults import operations

WALKS, SECONDS = 60, 600.0
"""How many walks come before the matrix, and when a break is given up that nothing has found."""

UNBROKEN = Break("unbroken")


@contextmanager
def broken(server: str, name: str, one: Break) -> Iterator[PostgresBackend]:
    """Yield a database that has a break."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {name}")
    dsn = make_conninfo(server, dbname=name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(shim())
        connection.execute(one.sql)
    with opened(dsn, operations=operations(SERVICE)) as backend:
        yield backend


def first_found(backend: PostgresBackend) -> Search:
    """Search until something is found, or time is up: known holes, ways in besides, walks, the matrix, and walks again."""
    elapsed = stopwatch()
    with tolerating(backend.tolerated):
        search = Search(backend, HARDENED)
        for _ in _steps(search):
            if search.findings or elapsed() > SECONDS:
                break
    return search


def _steps(search: Search) -> Iterator[None]:
    yield from Course(search).steps(0, walks=WALKS)
    matrix(search.backend, HARDENED, search=search)
    yield
    for n in count(WALKS):
        search.walk(f"0/{n}", twins=False)
        yield


def main() -> int:
    """Try every break, or some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--control", type=int, metavar="N")
    asked = parser.parse_args()
    wanted = [one for one in BREAKS if not asked.names or one.name in asked.names]
    with embedded() as server:
        if asked.control:
            return control(server.get_uri(), asked.control)
        missed = sum(not found(server.get_uri(), f"broken_{n}", one) for n, one in enumerate(wanted))
    print(f"{len(wanted) - missed} of {len(wanted)} breaks are found.")
    return missed


def found(server: str, database: str, one: Break) -> bool:
    """Tell whether a break is found, and print by which laws."""
    elapsed = stopwatch()
    with broken(server, database, one) as backend:
        search = first_found(backend)
    laws = ", ".join(sorted({law for finding in search.findings for law in finding.laws})) or "nothing found"
    print(f"{one.name:45} {search.requests:>7} requests {elapsed():6.1f} s  {laws}", flush=True)
    return bool(search.findings)


def control(server: str, requests: int) -> int:
    """Ask the unbroken schema for so many requests; there must be no alarm."""
    asked = 0
    with broken(server, "control", UNBROKEN) as backend:
        for seed in count():
            report = conformance(backend, walks=100, seed=seed, tolerate=backend.tolerated)
            asked += report.requests
            if report.findings or asked >= requests:
                print(f"{asked} requests: {len(report.findings)} alarms", *report.findings, sep="\n")
                return len(report.findings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
