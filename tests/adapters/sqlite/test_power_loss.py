"""The power fails at random moments; CRM_DOMAIN_POWER_CUTS is how often (300 unless it is set)."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

import pytest

from crm_adapters.sqlite import SqliteStore, StoreError
from crm_adapters.sqlite.schema import VERSION
from crm_domain import Crm
from tests.amounts import amount

from .faults.cuts import Cut, cuts, recorded, units_now
from .faults.disk import can_be_watched
from .faults.power import Recording, contents_of, left_on_disk, put
from .faults.work import KINDS, prepare

pytestmark = [
    pytest.mark.skipif(not can_be_watched(), reason="SQLite's functions are hidden in this Python"),
    pytest.mark.thorough,
]

CUTS = amount("CRM_DOMAIN_POWER_CUTS", thorough=300, quick=15)
SEEDS = range(-(-CUTS // (2 * len(KINDS) * 10)))
"""For each kind of work, and each of two ways to commit: with each seed the power fails ten times."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_of_power_takes_nothing_that_was_acknowledged(kind: str) -> None:
    """``synchronous="FULL"``: whatever reached the disk of that which was not synced."""
    for seed in SEEDS:
        for cut in cuts(KINDS[kind], seed, synchronous="FULL"):
            assert cut.in_order, f"seed {seed}"
            assert cut.lost == [], f"seed {seed}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_of_power_takes_only_the_last_commands_and_whole_ones(kind: str) -> None:
    """``synchronous="NORMAL"``: what is there is the beginning of what was done, and the file is whole."""
    for seed in SEEDS:
        for cut in cuts(KINDS[kind], seed, synchronous="NORMAL"):
            assert cut.in_order, f"seed {seed}"


def test_normal_may_lose_what_was_acknowledged() -> None:
    """So the difference of the two is real, and the tests of FULL see what is lost."""
    lost = [len(cut.lost) for seed in range(3) for cut in cuts(KINDS["commands"], seed, synchronous="NORMAL")]
    assert sum(lost) > 0


def test_without_syncs_acknowledged_work_is_lost_and_files_break() -> None:
    """``synchronous=OFF``, which a store does not offer: the tests above can fail."""
    lost, broken = 0, 0
    for seed in range(20):
        work = cuts(KINDS["checkpoints"], seed, synchronous="OFF", lives=1)
        try:
            lost += sum(len(cut.lost) for cut in work)
        except (AssertionError, StoreError, sqlite3.DatabaseError):
            broken += 1
    assert lost > 0
    assert broken > 0


def test_the_same_seed_does_the_same() -> None:
    """A failure that names its seed can be looked at."""

    def once() -> list[Cut]:
        return list(cuts(KINDS["batches"], 7, synchronous="NORMAL"))

    assert once() == once()


def test_a_file_that_was_made_is_there(path: Path) -> None:
    """Once it is open, although nothing was written yet, its name and all of it are on the disk."""
    recording = Recording()
    with recording.running(), SqliteStore(path) as store:
        Crm(store)
        made = len(recording.changes)
    for seed in range(20):
        left = left_on_disk({}, recording.changes[:made], Random(seed))
        assert str(path) in left
        put(left, path.parent)
        assert units_now(path) == []


def test_a_file_that_was_migrated_has_its_copy_beside_it(path: Path) -> None:
    """At whichever moment the power fails: the file is as it was, or its copy is there, and whole."""
    before_units = prepare(path, KINDS["migration"])
    before = contents_of(path.parent)
    changes = recorded(path, KINDS["migration"], "p", Random(0)).changes
    backup = Path(f"{path}.v{VERSION - 1}-backup")
    copies = []
    for moment in range(len(changes)):
        left = left_on_disk(before, changes[:moment], Random(moment))
        put(left, path.parent)
        if _version(path) == VERSION:
            copies.append(left[str(backup)])
    assert 0 < len(copies) < len(changes)
    for copy in set(copies):
        put({str(path): copy}, path.parent)
        assert units_now(path) == before_units


def _version(path: Path) -> int:
    raw = sqlite3.connect(path)
    try:
        return int(raw.execute("PRAGMA user_version").fetchone()[0])
    finally:
        raw.close()
