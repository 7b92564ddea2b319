"""Whatever is asked next, the hardened rules keep every law of states and steps."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from crm_domain import HARDENED
from crm_domain.testing import LawsMachine

TestLaws = LawsMachine.TestCase


class WithoutOnePrimary(LawsMachine):
    reading = HARDENED.without("one_primary")


def test_machine_breaks_a_law_without_a_safeguard() -> None:
    """The machine is able to fail, and then tells what to run."""
    quick = settings(
        max_examples=500, derandomize=True, database=None, phases=[Phase.generate], report_multiple_bugs=False
    )
    with pytest.raises(AssertionError, match="at_most_one_primary_resume") as failure:
        run_state_machine_as_test(WithoutOnePrimary, settings=quick)
    notes = "\n".join(failure.value.__notes__)
    assert "a command log that runs (--rules hardened,-one_primary)" in notes
    assert '"cmd": "upload_resume"' in notes
