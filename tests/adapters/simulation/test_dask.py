"""A Dask cluster of processes gives what one process gives, also when a worker is killed."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, LocalCluster

from crm_domain.simulation import Scenario
from crm_domain.simulation.engines import CHUNKS
from crm_domain.simulation.experiments.designs import compare, simulate

SMALL = Scenario(crm_users=150, regular_users=50, days=10)
"""Ten chunks of the plain engine, as `_small_chunks` cuts them."""


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHUNKS, "plain", 20)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two worker processes on this machine."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_a_cluster_gives_what_one_process_gives(client: Client) -> None:
    """To the last bit: counts, users, events."""
    alone = simulate(SMALL, 3, engine="plain", keep={"users", "events"})
    executor = client.get_executor(pure=False)
    assert alone.part.same(simulate(SMALL, 3, engine="plain", keep={"users", "events"}, executor=executor).part)


def test_comparisons_go_to_a_cluster(client: Client) -> None:
    """With the same differences as in one process."""
    scenario = Scenario(crm_users=40, regular_users=0, days=20)
    variants = {"shorter": Scenario(crm_users=40, regular_users=0, days=10)}
    here, there = (
        compare(scenario, variants, 3, engine="plain", executor=executor)
        for executor in (None, client.get_executor(pure=False))
    )
    assert here.columns() == there.columns()


def test_a_killed_worker_of_a_cluster_loses_nothing(client: Client) -> None:
    """Its chunks are done by others; the counts are the same."""
    (first, *_) = client.run(os.getpid).values()
    killed = False

    def kill_one(done: int, total: int) -> None:
        nonlocal killed
        if not killed:
            os.kill(first, signal.SIGKILL)
            killed = True

    result: Any = simulate(
        SMALL, 9, engine="plain", keep=(), executor=client.get_executor(pure=False), progress=kill_one
    )
    assert killed
    assert result.part.same(simulate(SMALL, 9, engine="plain", keep=()).part)
