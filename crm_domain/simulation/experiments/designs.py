"""How is a scenario run: once, many times, against others, and until it is known well enough?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import product
from typing import Any

from attrs import frozen

from ..parameters import with_parameters
from ..reference.behaviours import Behaviour
from ..results.intervals import Interval, check_method
from ..results.key_figures import figure_named
from ..results.replications import Comparison, Replications, Sweep
from ..results.run import Run
from ..scenario import Scenario
from .chunks import How, Progress, kept_of, replicated, with_model
from .executors import Executor

# --- once -----------------------------------------------------------------------------------


def simulate(
    scenario: Scenario | None = None,
    seed: int = 0,
    *,
    engine: str = "auto",
    behaviour: Behaviour | None = None,
    keep: Collection[str] = ("users",),
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a scenario once.

    Args:
        scenario: What to simulate; the default scenario if None.
        seed: Of all random draws, from 0 to 2**64 - 1.
        engine: ``compiled`` (needs numba), ``plain``, ``reference`` (the model itself, whose `Run.crm` has
            the journal), or ``auto``: the one that is soonest done. All give the same.
        behaviour: How users behave, see `behaviours`; the built-in one if None. One of your own runs on the reference
            engine alone.
        keep: Which tables to keep: ``users``, ``events``. Without any, memory does not grow with the users.
        executor: Does chunks of users; see `executors.spread`. None for this process.
        progress: Is called with how far it is.

    Raises:
        ValueError: There is no such engine, or nothing of that name to keep.
        Interrupted: Ctrl-C; with the run of the users that were done.
    """
    scenario = scenario or Scenario()
    how = How(engine, kept_of(keep), executor, progress, behaviour).of_size(scenario.users * scenario.days)
    if how.engine == "reference" and executor is None:
        return with_model(scenario, seed, how)
    ((_, run),) = how.runs([(scenario, seed)], total=scenario.users)
    return run


# --- many times -----------------------------------------------------------------------------


def replicate(
    scenario: Scenario | None = None,
    seeds: int | Iterable[int] = 20,
    *,
    engine: str = "auto",
    behaviour: Behaviour | None = None,
    level: float = 0.95,
    method: str = "t",
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Replications:
    """Run a scenario under many seeds, for means with intervals.

    Args:
        scenario: What to simulate; the default scenario if None.
        seeds: The seeds, or how many: then 0, 1, 2, ….
        engine: As for `simulate`.
        behaviour: As for `simulate`.
        level: The level of intervals.
        method: How intervals are made: ``t`` (Student's; figures are sums over many users) or
            ``signed_rank`` (Wilcoxon's, exact for any symmetric distribution; takes 6 seeds at 95 %).
        executor: Does chunks of users of any seed; see `executors.spread`. None for this process.
        progress: Is called with how far it is.

    Raises:
        ValueError: A seed is there twice, or there is none.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    (replications,) = replicated(
        [scenario or Scenario()],
        seeds,
        How(engine, executor=executor, progress=progress, behaviour=behaviour),
        level,
        method,
    )
    return replications


def replicate_until(
    scenario: Scenario | None = None,
    figure: str = "revenue",
    *,
    half_width: float | None = None,
    relative: float | None = None,
    least: int = 10,
    most: int = 1000,
    engine: str = "auto",
    behaviour: Behaviour | None = None,
    level: float = 0.95,
    method: str = "t",
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Replications:
    """Run a scenario under seeds 0, 1, 2, … until a key figure is known well enough.

    It stops at the first number of replications, *least* or more, at which half the interval of the
    figure is at most *half_width*, or *relative* times the mean. Because chance decides when
    that is, the interval holds the truth a little less often than its level says; *least* keeps that small.

    Args:
        scenario: What to simulate; the default scenario if None.
        figure: Which key figure.
        half_width: How exactly, in the figure's unit.
        relative: How exactly, as a share of the mean, such as 0.01. Give one of the two.
        least: How many replications at least.
        most: How many at most; then the precision is not reached.
        engine: As for `simulate`.
        behaviour: As for `simulate`.
        level: The level of intervals.
        method: As for `replicate`.
        executor: As for `replicate`.
        progress: Is called with how far it is.

    Raises:
        ValueError: An argument is impossible.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    scenario, precise = scenario or Scenario(), _Precision(half_width=half_width, relative=relative)
    figure_named(figure)
    check_method(level, method)
    if not 2 <= least <= most:  # noqa: PLR2004  # an interval takes two
        raise ValueError(f"least and most: expected 2 <= least <= most, got {least} and {most}")
    how = How(engine, executor=executor, progress=progress, behaviour=behaviour)
    how = how.of_size(scenario.users * scenario.days * least)
    with closing(how.runs([(scenario, seed) for seed in range(most)], total=scenario.users * most)) as runs:
        for whole in _in_order(runs):
            found = Replications(scenario=scenario, runs=whole, level=level, method=method)
            if len(whole) >= least and precise.is_met_by(found.interval(figure)):
                break
    return found


def _in_order(runs: Iterable[tuple[int, Run]]) -> Iterator[tuple[Run, ...]]:
    """Yield the first run, the first two, …, whichever is done first: what stops there hangs on no worker."""
    done: dict[int, Run] = {}
    whole: list[Run] = []
    for job, run in runs:
        done[job] = run
        while len(whole) in done:
            whole.append(done.pop(len(whole)))
            yield tuple(whole)


def compare(
    base: Scenario,
    variants: Mapping[str, Scenario],
    replications: int | Iterable[int] = 20,
    *,
    simultaneous: bool = True,
    engine: str = "auto",
    behaviour: Behaviour | None = None,
    level: float = 0.95,
    method: str = "t",
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Run scenarios under the same seeds, and take differences seed by seed.

    Draws are keyed by seed, user, purpose and number: under a seed, users have the same luck in all scenarios.

    Args:
        base: What the others are compared with.
        variants: The others, by their names.
        replications: The seeds, or how many: then 0, 1, 2, ….
        simultaneous: Whether a figure's intervals shall hold for all variants at once (Bonferroni).
        engine: As for `simulate`.
        behaviour: As for `simulate`.
        level: The level of intervals.
        method: As for `replicate`.
        executor: As for `replicate`.
        progress: Is called with how far it is.

    Raises:
        ValueError: There is no variant, a seed is there twice, or there is none.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    if not variants:
        raise ValueError("compare: there is no variant to compare the base with")
    scenarios = [base, *variants.values()]
    first, *others = replicated(
        scenarios,
        replications,
        How(engine, executor=executor, progress=progress, behaviour=behaviour),
        level,
        method,
    )
    return Comparison(base=first, variants=dict(zip(variants, others, strict=True)), simultaneous=simultaneous)


def sweep(
    base: Scenario,
    parameters: Mapping[str, Sequence[Any]],
    replications: int | Iterable[int] = 20,
    *,
    simultaneous: bool = True,
    engine: str = "auto",
    behaviour: Behaviour | None = None,
    level: float = 0.95,
    method: str = "t",
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Run every combination of values of some parameters, and compare each with the base.

    Args:
        base: Where all other parameters come from.
        parameters: Values by their paths, such as ``{"policy.initial_credits": [2, 3, 4, 6]}``.
        replications: The seeds, or how many: then 0, 1, 2, ….
        simultaneous: Whether a figure's intervals shall hold for all variants at once (Bonferroni).
        engine: As for `simulate`.
        behaviour: As for `simulate`.
        level: The level of intervals.
        method: As for `replicate`.
        executor: As for `replicate`.
        progress: Is called with how far it is.

    Raises:
        UnknownParameter: There is no such path; the message lists near ones.
        TypeError, ValueError: A value is not possible.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    points = {
        ", ".join(f"{path}={value}" for path, value in zip(parameters, values, strict=True)): dict(
            zip(parameters, values, strict=True)
        )
        for values in product(*parameters.values())
    }
    scenarios = [base, *(with_parameters(base, values) for values in points.values())]
    first, *others = replicated(
        scenarios,
        replications,
        How(engine, executor=executor, progress=progress, behaviour=behaviour),
        level,
        method,
    )
    variants = dict(zip(points, others, strict=True))
    return Sweep(base=first, variants=variants, simultaneous=simultaneous, points=points)


@frozen(kw_only=True)
class _Precision:
    half_width: float | None
    relative: float | None

    def __attrs_post_init__(self) -> None:
        given = [goal for goal in (self.half_width, self.relative) if goal is not None]
        if len(given) != 1 or not given[0] > 0:
            raise ValueError("precision: give either half_width or relative, above 0")

    def is_met_by(self, interval: Interval) -> bool:
        goal = self.half_width if self.relative is None else self.relative * abs(interval.estimate)
        return goal is not None and interval.half_width <= goal
