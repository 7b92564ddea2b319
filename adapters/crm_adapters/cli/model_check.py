"""Does the engine do what the model does, and do the laws hold of what it did?"""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import field, frozen

from crm_domain import SAFEGUARDS, Crm
from crm_domain.laws import LAWS, StateLaw, Violation, check_all
from crm_domain.simulation import Scenario
from crm_domain.simulation.engines import engine_named, resolved

EVENTS_ABOUT: Final = 20_000
"""About so many events are run through the model, unless all are."""

_KEPT: Final = frozenset({"users", "events"})


@frozen(kw_only=True)
class Check:
    """What the check found.

    Attributes:
        crm: The model after the users that were checked.
        text: What was checked and found, in a sentence.
        is_bad: Whether something is wrong that must not be.
    """

    crm: Crm = field(repr=False)
    text: str
    is_bad: bool


def check_model(scenario: Scenario, seed: int, engine: str, *, whole: bool = False) -> Check:
    """Run users through the model, compare them with the engine's event by event, and check the laws.

    Args:
        scenario: What is simulated.
        seed: The seed.
        engine: The engine to hold against the model.
        whole: Whether to run all users; otherwise as many as make about `EVENTS_ABOUT` events.
    """
    from crm_domain.simulation.reference.population import simulate_reference  # noqa: PLC0415

    users = range(scenario.users) if whole else _some(scenario)
    part, crm = simulate_reference(scenario, seed, users, _KEPT)
    name = resolved(engine)
    same = name == "reference" or engine_named(name)(scenario, seed, users, _KEPT).same(part)
    violations = check_all(crm)
    text = f"Checked on the model itself, {_said(users, scenario)} of seed {seed}:"
    if name != "reference":
        text += f"\n  the {name} engine {'did the same, event by event' if same else 'DIFFERS: this is a bug of crm-domain'}"
    text += f"\n  {_laws(violations)}, over the {len(crm.journal):,} events of its journal"
    must_hold = scenario.rules.safeguards >= _MODELLED
    return Check(crm=crm, text=text, is_bad=not same or bool(violations and must_hold))


_MODELLED: Final = frozenset(name for name, safeguard in SAFEGUARDS.items() if safeguard.law is not None)
"""The safeguards that laws depend on."""


def _some(scenario: Scenario) -> range:
    """Return some CRM users and some regular ones: those around the place where the ones end and the others begin."""
    a = scenario.activity
    per_day = (
        a.job_requests_per_day + 2 * a.recordings_per_day + a.resumes_per_day + 2 * a.logins_per_day + a.views_per_day
    )
    events = (per_day + scenario.resyncs_per_day) * scenario.days + 2
    most = min(max(int(EVENTS_ABOUT / events), 1), scenario.users)
    crm = round(most * scenario.crm_users / max(scenario.users, 1))
    start = max(scenario.crm_users - crm, 0)
    return range(start, min(start + most, scenario.users))


def _said(users: range, scenario: Scenario) -> str:
    if len(users) == scenario.users:
        return f"all {len(users):,} users"
    return f"users {users.start:,} to {users.stop - 1:,}"


def _laws(violations: list[Violation]) -> str:
    if not violations:
        return f"{sum(isinstance(law, StateLaw) for law in LAWS)} laws hold"
    broken = Counter(violation.law.name for violation in violations)
    places = (f"{name} ({number:,} {'time' if number == 1 else 'times'})" for name, number in broken.items())
    return f"laws are broken: {', '.join(places)}"
