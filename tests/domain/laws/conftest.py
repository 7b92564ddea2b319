"""What the tests of the laws share: the kept counterexamples, and the rules under which laws hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_adapters.command_log import read_log
from crm_domain import SAFEGUARDS
from crm_domain.testing import Lines

FOLDER = Path(__file__).parent / "counterexamples"


@pytest.fixture(scope="session")
def counterexamples() -> dict[str, Lines]:
    """Return the shortest log that each safeguard's absence turns into a broken law."""
    logs = {}
    for name, safeguard in SAFEGUARDS.items():
        if safeguard.law is not None:
            with (FOLDER / f"{name}.jsonl").open("rb") as log:
                logs[name] = Lines(entry.line for entry in read_log(log, log.name))
    return logs
