"""Which parameters matter around a scenario? Elasticities, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from statistics import fmean
from typing import Any, Final, TypeAlias

from attrs import frozen

from .executors import Executor
from .figures import figure_named
from .jobs import How, Progress, replicated
from .parameters import UnknownParameter, parameters_of, with_parameters
from .rendering import Listing
from .scenario import Scenario
from .statistics import Interval, interval_of

_SIZES: Final = ("crm_users", "regular_users", "days")
"""Parameters that say how much is simulated, not how users or policies are; left out unless they are asked for."""

Number: TypeAlias = int | float | Decimal
"""What a parameter may be that is changed by degrees."""


@frozen(kw_only=True)
class Elasticity:
    """By how many percent a key figure changes for each percent of a parameter.

    Attributes:
        parameter: Its path.
        value: Its value in the scenario.
        low: The lower value that was tried.
        high: The higher one.
        interval: The elasticity, over the seeds.
    """

    parameter: str
    value: Number
    low: Number
    high: Number
    interval: Interval


@frozen(kw_only=True)
class Sensitivity:
    """The elasticities of a key figure, the largest first.

    Attributes:
        figure: Which key figure.
        effects: One for each parameter.
        replications: How many seeds each value was run under.
    """

    figure: str
    effects: tuple[Elasticity, ...]
    replications: int

    def listing(self) -> Listing:
        """Return the elasticities as a table."""
        rows = [
            (
                effect.parameter,
                f"{effect.interval.estimate:+.2f}",
                f"± {effect.interval.half_width:.2f}{' *' if effect.interval.excludes_zero else '  '}",
                f"{effect.low:g} to {effect.high:g}",
            )
            for effect in self.effects
        ]
        return Listing(
            title=f"Elasticity of {figure_named(self.figure).title.lower()}: % of change for 1 % more of a parameter",
            head=("", "elasticity", "", "tried"),
            rows=tuple(rows),
            notes=(f"One parameter at a time, {self.replications} seeds (common random numbers); * 0 is outside.",),
        )

    def __str__(self) -> str:
        return str(self.listing())

    def _repr_html_(self) -> str:
        return self.listing().html()


def elasticities(
    scenario: Scenario | None = None,
    parameters: Iterable[str] | None = None,
    figure: str = "revenue",
    *,
    change: float = 0.1,
    replications: int | Iterable[int] = 20,
    engine: str = "auto",
    level: float = 0.95,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sensitivity:
    """Measure how a key figure answers to each parameter by itself.

    Each parameter is tried a little lower and a little higher, at least 1 where it is a whole number, under the
    seeds of the scenario itself. An elasticity of 0.5 says: 1 % more of it is 0.5 % more of the figure.

    Args:
        scenario: Around what; the default scenario if None.
        parameters: Paths; all numbers that are not 0, but the numbers of users and days, if None.
        figure: Which key figure.
        change: How much lower and higher, as a share of the value.
        replications: The seeds, or how many: then 0, 1, 2, ….
        engine: As for `simulate`.
        level: The level of intervals; they are Student's over the seeds, of a ratio of means.
        executor: As for `replicate`.
        progress: Is told how far it is.

    Raises:
        ValueError: A parameter is no number, is 0 or is not known; or the figure is 0.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    scenario = scenario or Scenario()
    figure_named(figure)
    tried = dict(_tried(scenario, parameters, change))
    variants = [with_parameters(scenario, {path: value}) for path, values in tried.items() for value in values]
    how = How(engine, executor=executor, progress=progress)
    base, *others = (r.numbers(figure) for r in replicated([scenario, *variants], replications, how, level, "t"))
    if not fmean(base):
        raise ValueError(f"{figure}: it is 0 in this scenario, so that nothing is a percentage of it")
    known = parameters_of(scenario)
    effects = []
    for place, (path, (low, high)) in enumerate(tried.items()):
        step = float(high - low) / float(known[path])
        slopes = _slopes(base, others[2 * place], others[2 * place + 1], step)
        interval = interval_of(slopes, level)
        effects.append(Elasticity(parameter=path, value=known[path], low=low, high=high, interval=interval))
    effects.sort(key=lambda effect: -abs(effect.interval.estimate))
    return Sensitivity(figure=figure, effects=tuple(effects), replications=len(base))


def _slopes(base: Sequence[float], below: Sequence[float], above: Sequence[float], step: float) -> list[float]:
    """Return for each seed its part in the ratio of the mean change to the mean (linearized, as ratios are)."""
    changes = [(b - a) / step for a, b in zip(below, above, strict=True)]
    ratio, centre = fmean(changes) / fmean(base), fmean(base)
    return [ratio + (change - ratio * own) / centre for change, own in zip(changes, base, strict=True)]


def _tried(
    scenario: Scenario, parameters: Iterable[str] | None, change: float
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield each parameter with a lower and a higher value; one end is its own value where there is no farther one."""
    if not 0 < change < 1:
        raise ValueError(f"change: expected a share between 0 and 1, got {change!r}")
    known = parameters_of(scenario)
    if parameters is None:
        parameters = [path for path, value in known.items() if _is_number(value) and value and path not in _SIZES]
    for path in parameters:
        if path not in known:
            raise UnknownParameter(path, known)
        value = known[path]
        if not _is_number(value) or not value:
            raise ValueError(f"{path}: it is {value!r}, so that nothing is a percentage of it: compare it by `sweep`")
        step = _step(value, change)
        low, high = (_or_itself(scenario, path, value, other) for other in (value - step, value + step))
        if low == high:
            raise ValueError(f"{path}: there is nothing to try around {value}: compare it by `sweep`")
        yield path, (low, high)


def _step(value: Any, change: float) -> Any:
    """Return how much lower and higher to try: whole numbers by whole ones, prices by cents."""
    if isinstance(value, int):
        return max(round(value * change), 1)
    return round(value * Decimal(str(change)), 2) if isinstance(value, Decimal) else value * change


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _or_itself(scenario: Scenario, path: str, value: Any, other: Any) -> Any:
    try:
        with_parameters(scenario, {path: other})
    except ValueError:
        return value
    return other
