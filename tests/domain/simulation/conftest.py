"""Parts that were made by hand, where every number is known."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from crm_domain.simulation.results.part import DAILY, HISTOGRAMS, POPULATIONS, TOTALS, Part, histogram_length

Handmade: TypeAlias = Callable[..., Part]


@pytest.fixture(scope="session")
def handmade() -> Handmade:
    """Make a part from what is not 0 in it.

    ``handmade(7, 3, crm_payments={2: 1}, crm_users=3)`` are three users over seven days with one payment on day 2:
    a mapping is of places of a daily column or a histogram, a number a total.
    """

    def make(days: int, users: int, *, first: int = 0, **counts: Mapping[int, int] | int) -> Part:
        daily = {f"{who}_{name}": array("q", bytes(8 * days)) for who in POPULATIONS for name in DAILY}
        histograms = {
            f"{who}_{name}": array("q", bytes(8 * histogram_length(name, days)))
            for who in POPULATIONS
            for name in HISTOGRAMS
        }
        totals: dict[str, Any] = {f"{who}_{name}": 0 for who in POPULATIONS for name in TOTALS}
        for name, count in counts.items():
            if isinstance(count, int):
                totals[name] = count
                continue
            for place, number in count.items():
                (daily if name in daily else histograms)[name][place] = number
        return Part(
            users_from=first, users_to=first + users, days=days, daily=daily, histograms=histograms, totals=totals
        )

    return make
