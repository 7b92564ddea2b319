"""The server is killed while clients write, and started again; ``CRM_DOMAIN_POSTGRES_KILLS`` is how often.

This server is always an embedded one of its own, which waits for the disk as servers do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from crm_adapters.postgres import migrations, shim
from crm_domain import HARDENED
from crm_domain.clocks import label_uuid
from tests.amounts import amount

from .asking import SERVICE, Database, address, broken_laws, insert, user_id
from .crowds import clients
from .servers import embedded

KILLS = amount("CRM_DOMAIN_POSTGRES_KILLS", thorough=2, quick=1)
CLIENTS = 6
ACKNOWLEDGED_MIN = 60
"""How many units of work have been acknowledged when the server is killed, in the middle of others."""


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with embedded(quick=False) as server:
        yield server


@pytest.fixture(scope="module")
def dsn(server: Any) -> str:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("create database crm")
    dsn = make_conninfo(server.get_uri(), dbname="crm")
    with psycopg.connect(dsn, autocommit=True) as connection:
        for text in (shim(), *(migration.up for migration in migrations(HARDENED))):
            connection.execute(text)
    return dsn


def killed(server: Any) -> None:
    """Kill the server and each of its processes, as a loss of power would."""
    postmaster = psutil.Process(server.get_pid())
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes)


class Load:
    """Clients that write as long as the server answers.

    Attributes:
        acknowledged: What was acknowledged: the table, and the id of the row.
        enough: Is set when the server may be killed.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.acknowledged: list[tuple[str, str]] = []
        self.enough = threading.Event()

    def write(self, client: Database, number: int) -> None:
        """Store one row after another, and pay for them."""
        name = f"user-{number}"
        try:
            for n in range(10**6):
                id_ = label_uuid(f"{self.number}/{name}/{n}")
                for table in ("crm_job_requests", "crm_recordings"):
                    client.ask(name, *insert(table, name, id=id_))
                    self.note(table, id_)
                pay = "select record_payment(p_user_id => %s, p_amount => 12.99, p_ref => %s, p_id => %s)"
                client.ask(SERVICE, pay, user_id(name), id_, id_)
                self.note("payments", id_)
        except psycopg.OperationalError:
            self.enough.set()  # the server is gone

    def note(self, table: str, id_: str) -> None:
        """Keep in mind what was acknowledged."""
        self.acknowledged.append((table, id_))
        if len(self.acknowledged) >= ACKNOWLEDGED_MIN:
            self.enough.set()


@pytest.mark.parametrize("number", range(KILLS))
def test_acknowledged_work_outlives_the_server(server: Any, dsn: str, number: int) -> None:
    """After a SIGKILL in the middle of it: whatever was acknowledged is there, nothing is half there, the laws hold."""
    load = Load(number)
    with clients(dsn, CLIENTS) as crowd:
        crowd[0].sync(*(f"user-{n}" for n in range(CLIENTS)))
        threads = [threading.Thread(target=load.write, args=(client, n)) for n, client in enumerate(crowd)]
        for thread in threads:
            thread.start()
        load.enough.wait()
        killed(server)
        for thread in threads:
            thread.join()
    server.ensure_postgres_running()

    assert len(load.acknowledged) >= ACKNOWLEDGED_MIN
    with clients(dsn, 1) as (database,):
        for table in ("crm_job_requests", "crm_recordings", "payments"):
            stored = {id_ for (id_,) in database.sql(f"select id::text from {table}")}
            assert {id_ for where, id_ in load.acknowledged if where == table} <= stored
        assert broken_laws(database) == {}
        paid = "select count(*) from credit_grants where source = 'payment'"
        assert database.one(paid) == database.one("select count(*) from payments")
        applications = "select sum(total_applications)::int from crm_dashboard_stats"
        assert database.one(applications) == database.one("select count(*) from crm_job_requests")
        assert database.ask("user-0", "select distinct email from crm_recordings") == [(address("user-0"),)]
