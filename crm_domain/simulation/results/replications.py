"""The result of many runs: means with intervals, and what differs between scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

from attrs import field, frozen

from ..scenario import Scenario
from .intervals import Interval, interval_of, paired_difference
from .key_figures import FIGURES, Figure, Value, figure_named
from .listing import Listing
from .run import Run

COMPARED: Final = (
    "revenue",
    "arpu",
    "paying_share",
    "conversion",
    "recordings",
    "blocked_share",
    "retention_week_4",
    "credits_outstanding",
)
"""The key figures that tables of comparisons have, unless others are asked for."""


@frozen(kw_only=True)
class Series:
    """A daily series over replications, with pointwise intervals.

    Attributes:
        name: What it is of, see `tables.DAILY`.
        intervals: One a day, of the mean over replications.
    """

    name: str
    intervals: tuple[Interval, ...]

    @property
    def columns(self) -> dict[str, list[float]]:
        """The same as plain columns: ``day``, ``mean``, ``low``, ``high``."""
        return {
            "day": [float(day) for day in range(len(self.intervals))],
            "mean": [interval.estimate for interval in self.intervals],
            "low": [interval.low for interval in self.intervals],
            "high": [interval.high for interval in self.intervals],
        }


@frozen(kw_only=True, eq=False)
class Replications(Sequence[Run]):
    """Independent runs of one scenario, each under its own seed.

    Attributes:
        scenario: What was simulated.
        runs: One for each seed; they hold counts alone, no tables of users or events.
        level: The level of the intervals that tables show.
        method: How intervals are made: ``t`` or ``signed_rank``, see `statistics`.
    """

    scenario: Scenario
    runs: tuple[Run, ...] = field(repr=False)
    level: float = 0.95
    method: str = "t"

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __getitem__(self, place: Any) -> Any:
        return self.runs[place]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in order."""
        return tuple(run.seed for run in self.runs)

    def values(self, figure: str, population: str | None = None) -> list[Value]:
        """Return a key figure of each run.

        Raises:
            ValueError: There is no such figure or population.
        """
        return [run.figure(figure, population) for run in self.runs]

    def numbers(self, figure: str, population: str | None = None) -> list[float]:
        """Return a key figure of each run, as numbers to calculate with.

        Raises:
            ValueError: There is no such figure or population, or some run has no value of it.
        """
        values = self.values(figure, population)
        missing = sum(value is None for value in values)
        if missing:
            raise ValueError(f"{figure}: {missing} of {len(values)} replications have no value, so there is no mean")
        return [float(value) for value in values if value is not None]

    def interval(
        self, figure: str, population: str | None = None, *, level: float | None = None, method: str | None = None
    ) -> Interval:
        """Return a confidence interval of the mean of a key figure.

        Args:
            figure: Its name in `figures.FIGURES`.
            population: ``crm``, ``regular``, or None for all users.
            level: How often such intervals hold the true mean; that of the replications by default.
            method: ``t`` or ``signed_rank``; that of the replications by default.

        Raises:
            ValueError: There is no such figure, some run has no value of it, or there are too few runs.
        """
        return interval_of(self.numbers(figure, population), level or self.level, method or self.method)

    def daily(self, name: str, population: str | None = None, *, cumulative: bool = False) -> Series:
        """Return the mean of a daily series, with pointwise intervals.

        Args:
            name: Which, see `tables.DAILY`; e.g. ``revenue_cents``.
            population: ``crm``, ``regular``, or None for all users.
            cumulative: Whether each day has the sum of all days up to it.

        Raises:
            KeyError: There is no such series.
            ValueError: There are too few runs.
        """
        rows = [run.counts(population).series(name) for run in self.runs]
        if cumulative:
            rows = [_running(row) for row in rows]
        intervals = tuple(interval_of(day, self.level, self.method) for day in zip(*rows, strict=True))
        return Series(name=name, intervals=intervals)

    def columns(self, figures: Sequence[str] = tuple(FIGURES)) -> dict[str, list[Value]]:
        """Return one row a run as plain columns: the seed and its key figures."""
        return {"seed": list(self.seeds), **{name: self.values(name) for name in figures}}

    def listing(self) -> Listing:
        """Return the key figures as a table: mean, interval, and the range of the runs."""
        chosen = [figure for figure in FIGURES.values() if self._is_shown(figure.name)]
        return Listing(
            title=f"{len(self)} replications of {self.scenario.users:,} users, {self.scenario.days} days",
            head=("", "mean", f"{self.level:.0%} interval", "least", "greatest"),
            rows=tuple((figure.title, *self._row(figure)) for figure in chosen),
            hints=tuple(f"{figure.name}: {figure.definition}" for figure in chosen),
            notes=(f"Intervals of the mean: {METHODS_IN_WORDS[self.method]}.",),
        )

    def _is_shown(self, figure: str) -> bool:
        values = self.values(figure)
        return None not in values and (figure != "overdrawn_users" or any(values))

    def _row(self, figure: Figure) -> tuple[str, ...]:
        numbers = self.numbers(figure.name)
        interval = interval_of(numbers, self.level, self.method)
        return (
            _rounded(figure, interval.estimate),
            f"{_rounded(figure, interval.low)} to {_rounded(figure, interval.high)}",
            _rounded(figure, min(numbers)),
            _rounded(figure, max(numbers)),
        )

    def __str__(self) -> str:
        return str(self.listing())

    def _repr_html_(self) -> str:
        return self.listing().html()


METHODS_IN_WORDS: Final = {
    "t": "Student's t over the replications",
    "signed_rank": "Wilcoxon's signed ranks over the replications",
}


@frozen(kw_only=True, eq=False)
class Comparison:
    """Scenarios that were run under the same seeds, held against a base.

    Random draws are keyed by seed, user, purpose and number, so that a user has the same luck in every scenario
    (common random numbers). Differences are taken seed by seed.

    Attributes:
        base: What all are compared with.
        variants: The others, by their names.
        simultaneous: Whether the intervals of a figure hold for all variants at once (Bonferroni: each is made at
            1 - (1 - level) / variants).
    """

    base: Replications
    variants: Mapping[str, Replications]
    simultaneous: bool = True

    @property
    def level(self) -> float:
        """The level at which each interval is made."""
        level = self.base.level
        return 1 - (1 - level) / max(len(self.variants), 1) if self.simultaneous else level

    def difference(self, variant: str, figure: str, population: str | None = None) -> Interval:
        """Return an interval of how much a key figure is above that of the base, in the figure's unit.

        The values are paired by seed; see `statistics` for the methods.

        Raises:
            KeyError: There is no such variant.
            ValueError: There is no such figure, some run has no value of it, or there are too few runs.
        """
        base = self.base.numbers(figure, population)
        return paired_difference(base, self.variants[variant].numbers(figure, population), self.level, self.base.method)

    def differences(self, figure: str, population: str | None = None) -> dict[str, Interval]:
        """Return `difference` of each variant."""
        return {name: self.difference(name, figure, population) for name in self.variants}

    def columns(self, figures: Sequence[str] = COMPARED) -> dict[str, list[Any]]:
        """Return one row a variant and figure as plain columns, for a frame or a file."""
        names = ("variant", "figure", "unit", "base", "mean", "difference", "low", "high", "level")
        rows: list[tuple[Any, ...]] = []
        for variant, replications in self.variants.items():
            for figure in map(figure_named, self._comparable(figures)):
                gap = self.difference(variant, figure.name)
                means = [fmean(r.numbers(figure.name)) for r in (self.base, replications)]
                rows.append((variant, figure.name, figure.unit, *means, gap.estimate, gap.low, gap.high, gap.level))
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}

    def listing(self, figures: Sequence[str] = COMPARED) -> Listing:
        """Return a table: of each figure the mean of each variant, and how far it is above the base."""
        rows = [row for name in self._comparable(figures) for row in self._rows(figure_named(name))]
        together = " for all variants together (Bonferroni)" if self.simultaneous and len(self.variants) > 1 else ""
        return Listing(
            title=f"{len(self.variants)} variants against a base, {len(self.base)} replications of "
            f"{self.base.scenario.users:,} users, {self.base.scenario.days} days",
            head=("", "mean", "difference", "", "in %"),
            rows=tuple(rows),
            notes=(
                f"Differences are paired by seed (common random numbers), ± half their {self.base.level:.0%} interval{together}.",
                f"{METHODS_IN_WORDS[self.base.method]}; * 0 is outside of it. Differences of shares are percentage points.",
            ),
        )

    def _rows(self, figure: Figure) -> Iterator[tuple[str, ...]]:
        base = fmean(self.base.numbers(figure.name))
        yield figure.title, _rounded(figure, base), "", "", ""
        for name, replications in self.variants.items():
            mean, gap = fmean(replications.numbers(figure.name)), self.difference(name, figure.name)
            relative = f"{100 * gap.estimate / base:+.1f} %" if base else "-"
            yield f"  {name}", _rounded(figure, mean), *_gap(figure, gap), relative

    def _comparable(self, figures: Sequence[str]) -> list[str]:
        """Return those figures that every run has."""
        everywhere = [self.base, *self.variants.values()]
        return [name for name in figures if all(None not in r.values(name) for r in everywhere)]

    def __str__(self) -> str:
        return str(self.listing())

    def _repr_html_(self) -> str:
        return self.listing().html()


@frozen(kw_only=True, eq=False)
class Sweep(Comparison):
    """A comparison of every combination of parameters.

    Attributes:
        points: For each variant the values by their paths.
    """

    points: Mapping[str, Mapping[str, Any]]

    def grid(self, figures: Sequence[str] = COMPARED) -> dict[str, list[Any]]:
        """Return one row a point as plain columns: its parameters, and of each figure mean and interval."""
        paths = list(next(iter(self.points.values()), {}))
        found: dict[str, list[Any]] = {path: [point[path] for point in self.points.values()] for path in paths}
        for name in self._comparable(figures):
            intervals = [self.variants[variant].interval(name) for variant in self.points]
            found[name] = [interval.estimate for interval in intervals]
            found[f"{name}_low"] = [interval.low for interval in intervals]
            found[f"{name}_high"] = [interval.high for interval in intervals]
        return found


def _running(values: Sequence[int]) -> list[int]:
    total, sums = 0, []
    for value in values:
        total += value
        sums.append(total)
    return sums


def _rounded(figure: Figure, value: float) -> str:
    """Return a mean as a person reads it: counts are large, and only their means are not whole."""
    many = 1000
    if figure.unit[:1] in {"$", "%"}:
        return figure.text(value)
    return figure.text(round(value) if value == round(value) or abs(value) >= many else value)


def _gap(figure: Figure, gap: Interval) -> tuple[str, str]:
    """Return a difference and half its interval, marked where 0 is outside of it; shares in percentage points."""
    scale, places = (100, 2) if figure.unit == "%" else (1, 2 if figure.unit[:1] == "$" else 1)
    mark = " *" if gap.excludes_zero else "  "
    return f"{scale * gap.estimate:+,.{places}f}", f"± {scale * gap.half_width:,.{places}f}{mark}"
