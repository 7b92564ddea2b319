"""What can be counted in a part: series, totals, survival and cohorts, of one population or of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from .intervals import Survival, kaplan_meier
from .part import POPULATIONS, Part, weeks

DURATIONS: Final = ("free_credits_spent", "first_block", "first_payment")
"""What is followed from a user's arrival on, until it happens or the horizon ends."""

_WEEK: Final = 7


def share_of(part: int, whole: int) -> float | None:
    """Return a share; None of nothing."""
    return part / whole if whole else None


@frozen(kw_only=True)
class Cohorts:
    """Users by the week in which they came, and how many of them were active in each week since.

    Attributes:
        sizes: At place w, how many came in week w.
        active: At place w, how many of them were active in their week k, for each k that the
            horizon leaves whole for all of them. Week 0 is the first seven days after the arrival.
    """

    sizes: tuple[int, ...]
    active: tuple[tuple[int, ...], ...]

    def retention(self, week: int) -> float | None:
        """Return the share that was active in this week since their arrival, of all cohorts that are seen that long."""
        seen = [(size, row[week]) for size, row in zip(self.sizes, self.active, strict=True) if len(row) > week]
        return share_of(sum(active for _, active in seen), sum(size for size, _ in seen))

    @property
    def rows(self) -> tuple[tuple[float | None, ...], ...]:
        """For each cohort its retention week by week."""
        return tuple(tuple(share_of(n, size) for n in row) for size, row in zip(self.sizes, self.active, strict=True))


@frozen(kw_only=True)
class Counts:
    """The counts of a part, of one population or of both, that figures are made of.

    Attributes:
        part: The result of the users.
        populations: ``crm``, ``regular``, or both.
    """

    part: Part = field(repr=False)
    populations: tuple[str, ...] = POPULATIONS

    def of(self, population: str) -> Counts:
        """Return the counts of one population alone."""
        return Counts(part=self.part, populations=(population,))

    def series(self, name: str) -> list[int]:
        """Return one value a day."""
        return self._summed(self.part.daily, name)

    def histogram(self, name: str) -> list[int]:
        """Return a histogram of `tables.HISTOGRAMS`."""
        return self._summed(self.part.histograms, name)

    def sum(self, name: str) -> int:
        """Return what is counted in all days together."""
        return sum(self.series(name))

    def total(self, name: str) -> int:
        """Return a number of `tables.TOTALS`."""
        return sum(int(self.part.totals[f"{population}_{name}"]) for population in self.populations)

    def survival(self, duration: str, level: float = 0.95) -> Survival:
        """Return the survival curve of one of `DURATIONS`: the share of users to whom it has not happened yet.

        Only the end of the horizon censors: users who left count as those to whom it never happens.
        """
        return kaplan_meier(self.histogram(f"{duration}_days"), self.histogram(f"{duration}_censored_days"), level)

    def cohorts(self) -> Cohorts:
        """Return users by the week of their arrival."""
        days, count = self.part.days, weeks(self.part.days)
        arrivals, active = self.series("arrivals"), self.histogram("cohort_active")
        sizes, rows = [], []
        for week in range(count):
            came = arrivals[week * _WEEK : (week + 1) * _WEEK]
            last = max((day for day, users in enumerate(came, week * _WEEK) if users), default=week * _WEEK)
            whole = max((days - last - (last > 0)) // _WEEK, 0)  # who comes on day 0 mostly comes as it begins
            sizes.append(sum(came))
            rows.append(tuple(active[week * count : week * count + min(whole, count)]))
        while len(sizes) > 1 and not sizes[-1]:
            sizes.pop()
            rows.pop()
        return Cohorts(sizes=tuple(sizes), active=tuple(rows))

    def _summed(self, columns: Mapping[str, Sequence[int]], name: str) -> list[int]:
        chosen = [columns[f"{population}_{name}"] for population in self.populations]
        return [sum(map(int, values)) for values in zip(*chosen, strict=True)]
