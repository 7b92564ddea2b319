"""Writers are killed at random moments of whatever they are doing; CRM_DOMAIN_KILLS is how many (300 unless it is set)."""

from __future__ import annotations

import os
import sqlite3

import pytest

from crm_adapters.sqlite import StoreError
from crm_adapters.sqlite.handle import Handle
from tests.amounts import amount

from .faults.kills import WRITERS, killed
from .faults.work import KINDS

pytestmark = pytest.mark.thorough

KILLS = amount("CRM_DOMAIN_KILLS", thorough=300, quick=15)
ROUNDS = 5
"""How many times the writers of one file are killed before it is looked at."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("kind", KINDS)
def test_killed_writers_lose_nothing_that_was_acknowledged(kind: str) -> None:
    """Whenever they are killed: every acknowledged unit of work is there, none is half there, the laws hold."""
    rounds = ROUNDS if KINDS[kind].file == "here" else 1  # a file is made, or migrated, once
    acknowledged = 0
    for seed in range(-(-KILLS // (len(KINDS) * WRITERS * rounds))):
        result = killed(KINDS[kind], seed, rounds=rounds)
        assert result.acknowledged - result.kept == set(), f"seed {seed}"
        acknowledged += len(result.acknowledged)
    assert acknowledged > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_without_locks_that_last_other_processes_break_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a store neither keeps its lock nor looks whether its log is there: the test above can fail."""
    monkeypatch.setattr(Handle, "_locked", lambda _: True)
    monkeypatch.setattr(Handle, "trouble", lambda _: None)
    monkeypatch.setattr(Handle, "_let_go", Handle._closed)
    lost, broken = 0, 0
    for seed in range(10):
        try:
            result = killed(KINDS["another process comes and goes"], seed, rounds=ROUNDS)
            lost += len(result.acknowledged - result.kept)
        except (AssertionError, StoreError, sqlite3.DatabaseError):
            broken += 1
        if lost + broken > 1:
            return
    raise AssertionError("nothing was lost")
