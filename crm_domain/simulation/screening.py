"""Which parameters matter anywhere in their ranges? Morris's elementary effects, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from statistics import stdev
from typing import Any

from attrs import field, frozen

from .executors import Executor
from .figures import figure_named
from .jobs import How, Progress
from .parameters import parameters_of, with_parameters
from .rendering import Listing
from .scenario import Scenario
from .sensitivity import Number
from .statistics import Interval, interval_of
from .streams import Stream


@frozen(kw_only=True)
class ElementaryEffects:
    """What a parameter does to a key figure somewhere in the ranges (Morris, 1991).

    Attributes:
        parameter: Its path.
        low: The lower end of its range.
        high: The upper end.
        effects: The change of the figure, per whole range of the parameter, once for each trajectory.
        level: The level of the intervals.
    """

    parameter: str
    low: Number
    high: Number
    effects: tuple[float, ...] = field(repr=False)
    level: float

    @property
    def mu_star(self) -> Interval:
        """The mean of their sizes: how much the parameter matters (Campolongo et al., 2007)."""
        return interval_of([abs(effect) for effect in self.effects], self.level)

    @property
    def mu(self) -> Interval:
        """Their mean: in which direction it moves the figure."""
        return interval_of(self.effects, self.level)

    @property
    def sigma(self) -> float:
        """Their standard deviation: how much its effect hangs on the other parameters, or is not linear."""
        return stdev(self.effects)


@frozen(kw_only=True)
class Screening:
    """Elementary effects on a key figure, those that matter most first.

    Attributes:
        figure: Which key figure.
        effects: One for each parameter.
        trajectories: How many walks through the ranges they are from.
    """

    figure: str
    effects: tuple[ElementaryEffects, ...]
    trajectories: int

    def listing(self) -> Listing:
        """Return the effects as a table."""
        figure = figure_named(self.figure)
        rows = [
            (
                effect.parameter,
                figure.text(effect.mu_star.estimate),
                f"± {figure.text(effect.mu_star.half_width)}",
                figure.text(effect.mu.estimate),
                figure.text(effect.sigma),
                f"{effect.low:g} to {effect.high:g}",
            )
            for effect in self.effects
        ]
        return Listing(
            title=f"What moves {figure.title.lower()} over these ranges (Morris)",
            head=("", "mu*", "", "mu", "sigma", "range"),
            rows=tuple(rows),
            notes=(
                f"mu*: mean size of the change from one end of the range to the other, over {self.trajectories} walks.",
                "mu: with its sign. sigma: how much it hangs on the other parameters.",
            ),
        )

    def __str__(self) -> str:
        return str(self.listing())

    def _repr_html_(self) -> str:
        return self.listing().html()


def screen(
    scenario: Scenario | None,
    ranges: Mapping[str, tuple[Number, Number]],
    figure: str = "revenue",
    *,
    trajectories: int = 10,
    levels: int = 4,
    seed: int = 0,
    engine: str = "auto",
    level: float = 0.95,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Screening:
    """Screen parameters over their ranges by Morris's elementary effects.

    Walks go through a grid, changing one parameter at a time; all runs of a walk are under one seed. It takes
    (parameters + 1) x trajectories runs, and finds which parameters matter, alone or through others.

    Args:
        scenario: Where all other parameters come from; the default scenario if None.
        ranges: For each path the lower and the upper end; whole numbers are rounded to.
        figure: Which key figure.
        trajectories: How many walks.
        levels: How many values of each parameter the grid has; even.
        seed: Of the walks; the runs of walk n have seed n.
        engine: As for `simulate`.
        level: The level of intervals.
        executor: As for `replicate`.
        progress: Is told how far it is.

    Raises:
        ValueError: An argument is impossible, or a range has no lower and upper end.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    scenario = scenario or Scenario()
    figure_named(figure)
    _refuse_screen(ranges, trajectories, levels)
    walks = [_walk(len(ranges), levels, Stream(seed=seed, user=n, purpose="walk")) for n in range(trajectories)]
    points = [point for walk in walks for point in walk.points]
    jobs = [
        (with_parameters(scenario, _values(scenario, ranges, point)), place // (len(ranges) + 1))
        for place, point in enumerate(points)
    ]
    how = How(engine, executor=executor, progress=progress).of_size(sum(of.users * of.days for of, _ in jobs))
    found = dict(how.runs(jobs, total=sum(of.users for of, _ in jobs)))
    values = [_number(found[job].figure(figure), figure) for job in range(len(jobs))]
    effects: list[list[float]] = [[] for _ in ranges]
    for n, walk in enumerate(walks):
        start = n * (len(ranges) + 1)
        for step, (place, sign) in enumerate(walk.steps):
            effects[place].append(sign * (values[start + step + 1] - values[start + step]) / _delta(levels))
    found_effects = [
        ElementaryEffects(parameter=path, low=low, high=high, effects=tuple(own), level=level)
        for (path, (low, high)), own in zip(ranges.items(), effects, strict=True)
    ]
    found_effects.sort(key=lambda own: -own.mu_star.estimate)
    return Screening(figure=figure, effects=tuple(found_effects), trajectories=trajectories)


@frozen
class _Walk:
    """Points of the unit cube, and for each step between them which parameter went up (1) or down (-1)."""

    points: list[tuple[float, ...]]
    steps: list[tuple[int, int]]


def _delta(levels: int) -> float:
    return levels / (2 * (levels - 1))


def _walk(parameters: int, levels: int, luck: Stream) -> _Walk:
    delta = _delta(levels)
    low = [luck.below(levels // 2) / (levels - 1) for _ in range(parameters)]
    signs = [1 if luck.chance(0.5) else -1 for _ in range(parameters)]
    point = [at if sign > 0 else at + delta for at, sign in zip(low, signs, strict=True)]
    left, points, steps = list(range(parameters)), [tuple(point)], []
    while left:
        place = left.pop(luck.below(len(left)))
        point[place] += signs[place] * delta
        points.append(tuple(point))
        steps.append((place, signs[place]))
    return _Walk(points, steps)


def _values(scenario: Scenario, ranges: Mapping[str, tuple[Number, Number]], point: Sequence[float]) -> dict[str, Any]:
    known, values = parameters_of(scenario), {}
    for (path, (low, high)), at in zip(ranges.items(), point, strict=True):
        value = float(low) + at * float(high - low)  # type: ignore[operator]  # both are of one kind
        is_whole = isinstance(known.get(path), int)
        values[path] = round(value) if is_whole else round(value, 2) if isinstance(known.get(path), Decimal) else value
    return values


def _number(value: Any, figure: str) -> float:
    if value is None:
        raise ValueError(f"{figure}: it has no value somewhere in these ranges")
    return float(value)


def _refuse_screen(ranges: Mapping[str, tuple[Number, Number]], trajectories: int, levels: int) -> None:
    if not ranges:
        raise ValueError("screen: there is no parameter to screen")
    for path, (low, high) in ranges.items():
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"{path}: expected a range from a lower to an upper end, got {low} to {high}")
    if levels < 2 or levels % 2 or trajectories < 2:  # noqa: PLR2004  # a step, and a standard deviation
        raise ValueError("screen: expected an even number of levels and at least 2 trajectories")
