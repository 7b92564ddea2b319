"""The result of one run: tables as plain columns, key figures, survival and cohorts."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from crm_domain.crm import Crm
from crm_domain.wording import unknown

from ..scenario import Scenario
from .counts import DURATIONS, Cohorts, Counts
from .intervals import Survival
from .key_figures import FIGURES, KeyFigures, Value, figure_named
from .listing import Listing, sparkline
from .part import POPULATIONS, Column, Part

_COLUMN_TITLES: Final = {"crm": "CRM users", "regular": "regular users"}


@frozen(kw_only=True, eq=False)
class Run:
    """One simulation of a scenario under one seed.

    A table is a mapping from names to columns, which have the buffer protocol: ``numpy.asarray(run.users["payments"])``
    copies nothing, and ``pandas.DataFrame(run.daily)`` or ``polars.DataFrame(run.daily)`` is a frame;
    `crm_adapters.frames` makes one without copying.

    Attributes:
        scenario: What was simulated.
        seed: The seed of its random draws.
        engine: Which engine did it; all give the same.
        part: Everything that was counted.
        crm: The model after the run, from the reference engine in this process; its journal holds every event.
    """

    scenario: Scenario
    seed: int
    engine: str
    part: Part = field(repr=False)
    crm: Crm | None = field(default=None, repr=False)

    # --- tables -----------------------------------------------------------------------------

    @property
    def users(self) -> Mapping[str, Column]:
        """One row a user, see `tables.USER_COLUMNS`; times in microseconds since the start, -1 for never.

        Raises:
            LookupError: It was not kept.
        """
        return self._kept("users")

    @property
    def events(self) -> Mapping[str, Column]:
        """One row an event, see `tables.EVENT_COLUMNS`; ordered by user and time.

        Raises:
            LookupError: It was not kept.
        """
        return self._kept("events")

    @property
    def daily(self) -> Mapping[str, Column]:
        """One row a day, see `tables.DAILY`; each column by population: ``crm_revenue_cents``."""
        return {"day": array("q", range(self.part.days)), **self.part.daily}

    def _kept(self, name: str) -> Mapping[str, Column]:
        table: Mapping[str, Column] | None = getattr(self.part, name)
        if table is None:
            raise LookupError(f"the table of {name} was not kept: ask for it with simulate(…, keep={{{name!r}}})")
        return table

    # --- figures ----------------------------------------------------------------------------

    def counts(self, population: str | None = None) -> Counts:
        """Return the counts of ``crm`` or ``regular`` users, or of all.

        Raises:
            ValueError: There is no such population.
        """
        if population is not None and population not in POPULATIONS:
            raise ValueError(f"population: {unknown(population, POPULATIONS)}")
        return Counts(part=self.part, populations=POPULATIONS if population is None else (population,))

    @property
    def figures(self) -> KeyFigures:
        """Every key figure by its name, see `figures.FIGURES`."""
        return KeyFigures(self.counts())

    def figure(self, name: str, population: str | None = None) -> Value:
        """Return one key figure, of one population or of all users.

        Raises:
            ValueError: There is no such figure or population.
        """
        return figure_named(name).of(self.counts(population))

    def survival(
        self, duration: str = "free_credits_spent", population: str | None = "crm", level: float = 0.95
    ) -> Survival:
        """Return the share of users to whom something has not happened yet, by days since their arrival.

        Args:
            duration: ``free_credits_spent``, ``first_block`` or ``first_payment``.
            population: ``crm``, ``regular``, or None for both.
            level: The level of the pointwise intervals.

        Raises:
            ValueError: There is no such duration or population.
        """
        if duration not in DURATIONS:
            raise ValueError(f"duration: {unknown(duration, DURATIONS)}")
        return self.counts(population).survival(duration, level)

    def cohorts(self, population: str | None = None) -> Cohorts:
        """Return users by the week of their arrival, and how many were active in each week since.

        Raises:
            ValueError: There is no such population.
        """
        return self.counts(population).cohorts()

    # --- to be read -------------------------------------------------------------------------

    def listing(self) -> Listing:
        """Return the key figures as a table, for all users and for each population that there is."""
        shown = [name for name in POPULATIONS if self.part.totals[f"{name}_users"]]
        columns = {"all users": self.counts()} if len(shown) != 1 else {}
        columns |= {_COLUMN_TITLES[name]: self.counts(name) for name in shown}
        chosen = [figure for figure in FIGURES.values() if figure.name != "overdrawn_users" or figure.of(self.counts())]
        revenue, active = self.counts().series("revenue_cents"), self.counts().series("active_users")
        return Listing(
            title=f"{self._people()}, {self.part.days} days, seed {self.seed}, {self.engine} engine",
            head=("", *columns),
            rows=tuple((f.title, *(f.text(f.of(counts)) for counts in columns.values())) for f in chosen),
            hints=tuple(f"{figure.name}: {figure.definition}" for figure in chosen),
            notes=(_policy_in_words(self.scenario),),
            pictures=(
                sparkline("Revenue a day", revenue, f"at most ${max(revenue) / 100:,.2f}"),
                sparkline("Active users a day", active, f"at most {max(active):,}"),
            ),
        )

    def _people(self) -> str:
        part = self.part
        users = part.users_to - part.users_from
        return f"{users:,} users" if users == self.scenario.users else f"{users:,} of {self.scenario.users:,} users"

    def __str__(self) -> str:
        return str(self.listing())

    def _repr_html_(self) -> str:
        return self.listing().html()


def _policy_in_words(scenario: Scenario) -> str:
    policy: Any = scenario.policy
    return (
        f"{policy.initial_credits} free credits, {policy.credits_per_payment} for a payment of ${policy.price}; "
        f"rules: {scenario.rules}"
    )
