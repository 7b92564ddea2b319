"""How does a real database go on under other policies, from a moment of its past or from now?

The people of the database become the users of a scenario, with the credits that they have at that moment.
What cannot be seen in a database is not known: who has left without a word, or is about to pay.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from crm_domain.crm import Crm
from crm_domain.ports import Tables

from ..scenario import Arrivals, Scenario


def fork(
    crm: Crm, *, at: datetime | None = None, like: Scenario | None = None, newcomers_per_day: float = 0.0
) -> Scenario:
    """Return a scenario that goes on from the state of a database.

    Its users are the people who are there and active at that moment, CRM users first, in the order of their
    registration. They start with the credits that they have (0 if they owe some), which then are their "free credits",
    and their days since arrival count from the fork. Compare policies by `compare` or `sweep`: they all go on from it.

    Args:
        crm: The database, under its own rules.
        at: The moment, aware; after the last event if None.
        like: What people do from then on, and for how long; its rules, users, arrivals and start give way
            to those of the database. The default scenario if None.
        newcomers_per_day: How many new CRM users come on each day, evenly spread; they get what the policy gives.

    Raises:
        ValueError: No one is there at that moment, *at* is naive, or *newcomers_per_day* is negative.

    Example:
        >>> from crm_domain import Crm, ManualClock
        >>> crm = Crm(clock=ManualClock())
        >>> amy = crm.as_user(crm.as_service().sync_crm_user(email="amy@example.com").user_id)
        >>> _ = amy.create_recording(video_url="https://example.com/1.mp4")
        >>> fork(crm).crm_arrivals.balances
        (3,)
    """
    like = like or Scenario()
    if not 0 <= newcomers_per_day * like.days < 1e9:  # noqa: PLR2004  # also what is not a number
        raise ValueError(f"newcomers_per_day: expected a number that is not negative, got {newcomers_per_day}")
    start = max((entry.at for entry in crm.journal.entries()), default=None) if at is None else at
    if start is None:
        raise ValueError("fork: nothing has happened in this database, so that there is nothing to go on from")
    tables = crm.tables if at is None else crm.as_of(at=at).tables
    crm_balances, regular_balances = _balances(tables)
    if not crm_balances and not regular_balances:
        raise ValueError(f"fork: nobody is there and active at {start.isoformat()}")
    count = int(newcomers_per_day * like.days)
    dates = [start] * len(crm_balances) + [start + timedelta(days=(n + 0.5) / newcomers_per_day) for n in range(count)]
    return attrs.evolve(
        like,
        start=start,
        crm_users=len(dates),
        regular_users=len(regular_balances),
        crm_arrivals=Arrivals(dates=tuple(dates) if count else None, balances=(*crm_balances, *(None,) * count)),
        regular_arrivals=Arrivals(balances=tuple(regular_balances)),
        rules=crm.rules,
    )


def _balances(tables: Tables) -> tuple[list[int], list[int]]:
    """Return the balances of active CRM users, and of those who are none."""
    active = {row.user_id: row.is_active for row in tables.crm_users}
    crm: list[int] = []
    regular: list[int] = []
    for profile in tables.profiles:
        balance = max(profile.credits_remaining, 0)
        if profile.user_id not in active:
            regular.append(balance)
        elif active[profile.user_id]:
            crm.append(balance)
    return crm, regular
