"""What the tests of the kit share: the kept counterexamples."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_adapters.command_log import read_log
from crm_domain.testing import Lines

FOLDER = Path(__file__).parents[1] / "laws" / "counterexamples"


@pytest.fixture(scope="session")
def counterexamples() -> dict[str, Lines]:
    """Return the shortest log that each safeguard's absence turns into a broken law."""
    logs = {}
    for path in sorted(FOLDER.glob("*.jsonl")):
        with path.open("rb") as log:
            logs[path.stem] = Lines(entry.line for entry in read_log(log, path.name))
    return logs
