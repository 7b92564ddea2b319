"""Calls of SQLite to the system fail, one after another: the file holds what the store said it holds.

CRM_DOMAIN_FAILING_CALLS is how many calls of each name fail in turn (8 unless it is set), from the
first one to the last one of a day; with a large number, every one of them does.
"""

from __future__ import annotations

import pytest

from tests.amounts import amount

from .faults.disk import can_be_watched
from .faults.errors import ERRORS, Failing, calls_in_a_day, full_day, watched_day
from .faults.work import KINDS

pytestmark = [
    pytest.mark.skipif(not can_be_watched(), reason="SQLite's functions are hidden in this Python"),
    pytest.mark.thorough,
]

CALLS = amount("CRM_DOMAIN_FAILING_CALLS", thorough=8, quick=2)
PAGE_BYTES = 4096
CHANGING = {"xOpen", "xWrite", "xTruncate", "xSync", "xDelete"}
FILES = ("creation", "migration", "commands")
"""What happens at the beginning of the day."""


def spread(calls: int) -> list[int]:
    """Return which of so many calls fail, in turn."""
    step = max(calls / CALLS, 1)
    return sorted({round(1 + n * step) for n in range(CALLS) if 1 + n * step <= calls} | {calls})


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize(("call", "error", "code"), ERRORS, ids=[f"{call}-{error}" for call, error, _ in ERRORS])
@pytest.mark.parametrize("kind", FILES)
def test_a_call_that_fails_takes_no_acknowledged_command(
    kind: str,
    call: str,
    error: str,
    code: int,
    lasting: bool,  # noqa: FBT001
) -> None:
    """It is a `StoreError` or passes unseen; what was acknowledged is there, and of the rest nothing by halves.

    After an error of which nobody knows what it left, the store does nothing any more.
    """
    for nth in spread(calls_in_a_day(KINDS[kind])[call]):
        failing = Failing(call, code, nth, lasting)
        told = watched_day(KINDS[kind], failing)
        assert failing.met, f"call {nth}: {told}"
        assert told.lost == [], f"call {nth}: {told}"


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_a_file_is_made_whole_or_not_at_all(lasting: bool) -> None:  # noqa: FBT001
    """Each call that changes the disk fails in turn, also those whose errors SQLite does not tell of."""
    kind = KINDS["creation"]
    for call, code in {call: code for call, _, code in ERRORS if call in CHANGING}.items():
        for nth in range(1, calls_in_a_day(kind, ())[call] + 1):
            failing = Failing(call, code, nth, lasting)
            watched_day(kind, failing, ())
            assert failing.met, f"{call} {nth}"


@pytest.mark.parametrize(("kind", "step_pages"), [("creation", 1), ("migration", 8)])
def test_a_disk_of_any_size_takes_no_acknowledged_command(kind: str, step_pages: int) -> None:
    """From no room at all to as much as is needed: a clear error, and with more room it goes on."""
    told = full_day(KINDS[kind], 0)
    pages = 0
    while told.reasons:
        assert [reason for reason in told.reasons if "disk is full" not in reason] == [], f"{pages} pages"
        assert told.lost == [], f"{pages} pages"
        pages += step_pages
        told = full_day(KINDS[kind], pages * PAGE_BYTES)
    assert pages > 100
