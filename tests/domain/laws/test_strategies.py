"""The random sequences reach everything: no law holds only because nothing happened."""

from __future__ import annotations

from collections import Counter
from typing import Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_domain import HARDENED, SAFEGUARDS, Accepted, CreditPolicy, Refused
from crm_domain.command_log import REQUESTS
from crm_domain.errors import REFUSALS
from crm_domain.events import EVENT_TYPES
from crm_domain.ids import Role
from crm_domain.rows import TABLES
from crm_domain.testing import (
    Lines,
    command_sequences,
    commands,
    emails,
    people,
    principals,
    requests,
    row_ids,
    run,
    user_ids,
)

pytestmark = pytest.mark.thorough

EXAMPLES: Final = 1200
"""How many sequences have to do."""

WITH_REFUNDS: Final = attrs.evolve(HARDENED, credit_policy=CreditPolicy(refund_failed_recordings=True))


@pytest.fixture(scope="module")
def reached() -> Counter[object]:
    """Count what happens in the same sequences every time."""
    counts: Counter[object] = Counter()

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(command_sequences())
    def look(lines: Lines) -> None:
        history = run(lines, WITH_REFUNDS)
        for line, step in zip(lines, history.steps, strict=True):
            kind = type(step.command).__name__
            counts["requests"] += 1
            counts["something happened"] += bool(step.entries)
            counts[line.principal.role] += 1
            counts["overlapping"] += line.concurrent is not None
            counts.update(type(entry.event).__name__ for entry in step.entries)
            if isinstance(step.outcome, Refused):
                counts.update([(kind, "refused"), step.outcome.code, step.outcome.safeguard])
            else:
                counts[kind, "accepted"] += 1
                counts["replayed"] += isinstance(step.outcome, Accepted) and step.outcome.replayed

    look()
    return counts


def test_every_request_is_accepted_and_refused(reached: Counter[object]) -> None:
    """Each kind of request is sometimes accepted and sometimes refused."""
    kinds = [kind.__name__ for kind in REQUESTS.values()]
    missing = [(kind, how) for kind in kinds for how in ("accepted", "refused") if not reached[kind, how]]
    assert missing == []


def test_every_refusal_happens(reached: Counter[object]) -> None:
    """Each kind of refusal is reached, and each safeguard refuses something."""
    assert [code for code in REFUSALS if not reached[code]] == []
    never_refusing = {"private_dashboard", "grant_once", "atomic_consume", "definer_safety", "charge_after_write"}
    assert {name for name in SAFEGUARDS if not reached[name]} <= never_refusing


def test_every_event_happens(reached: Counter[object]) -> None:
    """Each type of event is reached."""
    assert [name for name in EVENT_TYPES if not reached[name]] == []


def test_much_happens(reached: Counter[object]) -> None:
    """A third of all requests change something, each role asks, commands overlap and are retried."""
    assert reached["something happened"] > reached["requests"] / 3
    assert reached["requests"] > 10 * EXAMPLES
    assert all(reached[role] > EXAMPLES / 10 for role in Role)
    assert reached["overlapping"] > EXAMPLES / 10
    assert reached["replayed"] > 0


@pytest.mark.parametrize("strategy", [people(), user_ids(), principals(), emails(), row_ids(), commands(), requests()])
def test_single_strategies_give_many_values(strategy: st.SearchStrategy[object]) -> None:
    """Each strategy for single values gives more than one."""
    seen: set[str] = set()

    @settings(max_examples=20, derandomize=True, database=None, deadline=None)
    @given(strategy)
    def look(value: object) -> None:
        seen.add(repr(value))

    look()
    assert len(seen) > 2


@pytest.mark.parametrize("table", [name for name in TABLES if name != "auth.users"])
def test_rows_of_every_table(reached: Counter[object], table: str) -> None:
    """Some sequence stores a row in each table."""
    stored = {kind.table.name: name for name, kind in EVENT_TYPES.items() if hasattr(kind, "table")}
    assert reached[stored[table]] > 0
