"""Writers are killed at random moments of whatever they are doing; CRM_DOMAIN_KILLS is how many (300 unless it is set)."""

from __future__ import annotations

import os

import pytest

from .faults.kills import WRITERS, killed
from .faults.work import KINDS

pytestmark = pytest.mark.unwatched

KILLS = int(os.environ.get("CRM_DOMAIN_KILLS", "300"))
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
