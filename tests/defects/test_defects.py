"""The kit finds whatever is planted, names the law, shows it in a few lines, and finds nothing where nothing is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from crm_adapters.command_log import read_log
from crm_domain import HARDENED
from crm_domain.testing import Lines, conformance
from tests.amounts import amount

from .catalogue import DEFECTS, FAMILIES
from .defect import Defect
from .driving import DRIVES, Drive, in_memory
from .hunting import hunt
from .pairs import Pair, goes_wrong, pair, pairs
from .planting import Slip

pytestmark = pytest.mark.thorough

ROOT: Final = Path(__file__).parents[2]
LINES_MAX: Final = 6
_DOES_NOT_RUN: Final = re.compile("failed with (Name|Attribute|Import|UnboundLocal)Error")
CONTROL_REQUESTS: Final = amount("CRM_DOMAIN_CONTROL_REQUESTS", thorough=20000, quick=1000)


def shows_again(defect: Defect, log: str) -> bool:
    """Tell whether a command log, read and run again, shows the defect."""
    return goes_wrong(defect, Lines(entry.line for entry in read_log(log.encode().splitlines(), "log")))


@pytest.mark.parametrize("defect", [pytest.param(defect, id=name) for name, defect in DEFECTS.items()])
def test_a_defect_is_found(defect: Defect) -> None:
    """Under the law that must name it, in a few lines that show it again, and not because the defect itself does not run."""
    found = hunt(defect)
    assert found.finding is not None, found.law
    assert len(found.finding.lines) <= LINES_MAX, found.finding.log
    assert shows_again(defect, found.finding.log)
    assert not _DOES_NOT_RUN.search(found.finding.text), found.finding.text


def test_names_are_told_apart() -> None:
    """Every defect has a name of its own."""
    assert len(DEFECTS) == sum(len(family.DEFECTS) for family in FAMILIES)


SAMPLE: Final = amount("CRM_DOMAIN_PAIRS", thorough=12, quick=2)


@pytest.mark.parametrize("pair", [pytest.param(pair, id=pair.name) for pair in pairs(SAMPLE)])
def test_one_defect_does_not_hide_another(pair: Pair) -> None:
    """Where reads are wrong, the other defect is found all the same, by lines that show it where it is alone."""
    found = hunt(pair, shows=pair.is_shown_by)
    assert found.finding is not None, found.law


def test_what_changes_the_same_place_is_no_pair() -> None:
    """Two slips in one function cannot be planted together; everything else can."""
    assert pair(DEFECTS["everything_is_read_by_everybody"], DEFECTS["one_table_without_a_policy"]) is None
    assert pair(DEFECTS["everything_is_read_by_everybody"], DEFECTS["resume_not_counted"]) is not None
    assert len(list(pairs())) > 300


@pytest.mark.parametrize("drive", DRIVES, ids=lambda drive: drive.__name__)
def test_nothing_is_found_where_nothing_is(drive: Drive) -> None:
    """Without a defect there is no alarm, however the backend is driven; how long is looked, the environment tells."""
    wanted = CONTROL_REQUESTS if drive is in_memory else CONTROL_REQUESTS // 100
    requests = 0
    with closing(drive(HARDENED)) as backend:
        for seed in count():
            report = conformance(backend, walks=20, seed=seed)
            report.assert_held()
            requests += report.requests
            if requests >= wanted:
                break


def test_a_defect_is_in_force_only_inside() -> None:
    """The model beside a defective backend is as it was: what is swapped for a call is swapped back after it."""
    defect = DEFECTS["resume_not_counted"]
    before = [swap.value for swap in defect.swaps]  # type: ignore[attr-defined]
    hunt(defect)
    assert [swap.value for swap in defect.swaps] == before  # type: ignore[attr-defined]


def test_a_slip_says_what_it_does_not_find() -> None:
    """Where the source was changed, a slip that no longer fits is an error, not a defect that is none."""
    with pytest.raises(ValueError, match="'nowhere' stands 0 times in goes_wrong, not once"):
        Slip(goes_wrong, "nowhere", "").swap()


def runner(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the module as one does in a shell, with nothing but pipes."""
    return subprocess.run(
        [sys.executable, "-m", "tests.defects", *arguments], cwd=ROOT, check=False, capture_output=True, text=True
    )


def test_the_runner_prints_a_table() -> None:
    """A line for each defect, nothing else, and 0 at the end."""
    done = runner("--only", "recording_counted_twice", "--markdown")
    assert (done.returncode, done.stderr) == (0, "")
    *_, line = done.stdout.splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:2] == ["`recording_counted_twice`", "`counters_equal_fold_of_events`"]


def test_the_runner_fails_for_what_it_did_not_find() -> None:
    """A defect that is not found in time is told, and ends with 1."""
    done = runner("--only", "conditions_of_reads_are_ignored", "--json", "--seconds", "0")
    assert done.returncode == 1
    assert json.loads(done.stdout)["log"] is None
