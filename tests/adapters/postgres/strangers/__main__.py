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
from crm_domain.sources import stopwatch
from crm_domain.testing import Report, conformance

from ..servers import embedded
from .breaks import BREAKS, SERVICE, Break
from .faults import operations

WALKS, SECONDS = 60, 600.0
"""How many walks are tried first, and how long all of it, the matrix included, if they find nothing."""

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


def searched(backend: PostgresBackend, *, walks: int | None = WALKS, seconds: float | None = None) -> Report:
    """Return what is found, with all that the schema's owner tolerates."""
    return conformance(backend, walks=walks, seconds=seconds, with_matrix=walks is None, tolerate=backend.tolerated)


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
        missed = sum(not found(server.get_uri(), f"broken_{n}", one) for n, one in enumerate((UNBROKEN, *wanted)))
    print(f"{len(wanted) - missed} of {len(wanted)} breaks are found.")
    return missed


def found(server: str, database: str, one: Break) -> bool:
    """Tell whether a break is found, and print what was; of none, that there is no alarm."""
    elapsed = stopwatch()
    with broken(server, database, one) as backend:
        report = searched(backend)
        if not report.findings and one is not UNBROKEN:
            report = searched(backend, walks=None, seconds=SECONDS)
    laws = ", ".join(sorted(report.broken)) or "nothing found"
    after = min((finding.found_after for finding in report.findings), default=report.requests)
    print(f"{one.name:45} {after:>7} requests {elapsed():6.1f} s  {laws}", flush=True)
    return bool(report.findings) != (one is UNBROKEN)


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
