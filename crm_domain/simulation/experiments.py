"""How is a scenario run: once, many times, against others, and until it is known well enough?

Everything here comes down to chunks (a scenario, a seed, a range of users) which any executor may do
in any order: the results are whole numbers that add up to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from itertools import product
from typing import Any, TypeAlias

from attrs import field, frozen

from .engines import CHUNKS, Keep, engine_named, resolved
from .executors import spread
from .figures import figure_named
from .parameters import with_parameters
from .piles import Pile
from .replications import Comparison, Replications, Sweep
from .runs import Run
from .scenario import Scenario
from .statistics import Interval, check_method
from .tables import refuse_kept

Progress: TypeAlias = Callable[[int, int], object]
"""Is told after each chunk how many users are done, over all seeds and scenarios, and of how many.

For a bar that wants increments: ``progress=lambda done, total: bar.update(done - bar.n)`` (tqdm), and
for one that wants the state: ``lambda done, total: bar.update(task, completed=done, total=total)`` (rich).
"""


class Interrupted(KeyboardInterrupt):
    """Raised when an interrupt (Ctrl-C) ends an experiment; says how far it came.

    Attributes:
        done: How many users were done, over all seeds and scenarios.
        total: Of how many.
        partial: What there is: of `simulate` the `Run` of the first users, of others the runs that are whole.
    """

    def __init__(self, done: int, total: int, partial: Run | Sequence[Run] | None) -> None:
        super().__init__(f"interrupted after {done:,} of {total:,} users")
        self.done, self.total, self.partial = done, total, partial


@frozen
class Chunk:
    """Some users of a scenario under a seed: what a worker is sent. *job* says for which run."""

    engine: str
    scenario: Scenario = field(repr=False)
    seed: int
    users: range
    keep: Keep = frozenset()
    job: int = 0

    def __call__(self) -> Any:
        """Simulate them."""
        return engine_named(self.engine)(self.scenario, self.seed, self.users, self.keep)

    def __str__(self) -> str:
        return f"users {self.users.start:,} to {self.users.stop - 1:,} of seed {self.seed}"


# --- once -----------------------------------------------------------------------------------


def simulate(
    scenario: Scenario | None = None,
    seed: int = 0,
    *,
    engine: str = "auto",
    keep: Collection[str] = ("users",),
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a scenario once.

    Args:
        scenario: What to simulate; the default scenario if None.
        seed: Of all random draws, from 0 to 2**64 - 1.
        engine: ``compiled`` (needs numba), ``plain``, ``reference`` (the model itself, whose `Run.crm` has
            the journal), or ``auto``: the fastest that is there. All give the same.
        keep: Which tables to keep: ``users``, ``events``. Without any, memory does not grow with the users.
        executor: Does chunks of users; see `executors.spread`. None for this process.
        progress: Is told how far it is.

    Raises:
        ValueError: There is no such engine, or nothing of that name to keep.
        Interrupted: Ctrl-C; with the run of the users that were done.
    """
    scenario = scenario or Scenario()
    how = _How(engine=resolved(engine), keep=_kept(keep), executor=executor, progress=progress)
    if how.engine == "reference" and executor is None:
        return _with_model(scenario, seed, how)
    ((_, run),) = how.runs([(scenario, seed)], total=scenario.users)
    return run


# --- many times -----------------------------------------------------------------------------


def replicate(
    scenario: Scenario | None = None,
    seeds: int | Iterable[int] = 20,
    *,
    engine: str = "auto",
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
        level: The level of intervals.
        method: How intervals are made: ``t`` (Student's; figures are sums over many users) or
            ``signed_rank`` (Wilcoxon's, exact for any symmetric distribution; takes 6 seeds at 95 %).
        executor: Does chunks of users of any seed; see `executors.spread`. None for this process.
        progress: Is told how far it is.

    Raises:
        ValueError: A seed is there twice, or there is none.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    (replications,) = _replicated(
        [scenario or Scenario()], seeds, _How(resolved(engine), executor=executor, progress=progress), level, method
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
        level: The level of intervals.
        method: As for `replicate`.
        executor: As for `replicate`.
        progress: Is told how far it is.

    Raises:
        ValueError: An argument is impossible.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    scenario, precise = scenario or Scenario(), _Precision(half_width=half_width, relative=relative)
    figure_named(figure)
    check_method(level, method)
    if not 2 <= least <= most:  # noqa: PLR2004  # an interval takes two
        raise ValueError(f"least and most: expected 2 <= least <= most, got {least} and {most}")
    how = _How(resolved(engine), executor=executor, progress=progress)
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
        level: The level of intervals.
        method: As for `replicate`.
        executor: As for `replicate`.
        progress: Is told how far it is.

    Raises:
        ValueError: There is no variant, a seed is there twice, or there is none.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    if not variants:
        raise ValueError("compare: there is no variant to compare the base with")
    scenarios = [base, *variants.values()]
    first, *others = _replicated(
        scenarios, replications, _How(resolved(engine), executor=executor, progress=progress), level, method
    )
    return Comparison(base=first, variants=dict(zip(variants, others, strict=True)), simultaneous=simultaneous)


def sweep(
    base: Scenario,
    parameters: Mapping[str, Sequence[Any]],
    replications: int | Iterable[int] = 20,
    *,
    simultaneous: bool = True,
    engine: str = "auto",
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
        level: The level of intervals.
        method: As for `replicate`.
        executor: As for `replicate`.
        progress: Is told how far it is.

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
    first, *others = _replicated(
        scenarios, replications, _How(resolved(engine), executor=executor, progress=progress), level, method
    )
    variants = dict(zip(points, others, strict=True))
    return Sweep(base=first, variants=variants, simultaneous=simultaneous, points=points)


# --- how it is done -------------------------------------------------------------------------


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


@frozen
class _How:
    """With what runs are made, and what is kept of them."""

    engine: str
    keep: Keep = frozenset()
    executor: Executor | None = None
    progress: Progress | None = None

    def runs(self, jobs: Sequence[tuple[Scenario, int]], *, total: int) -> Generator[tuple[int, Run]]:
        """Yield the number of each job with its run, as they are done: cut into chunks, and put together again."""
        piles: dict[int, Pile] = {}
        whole: list[Run] = []
        done = 0
        try:
            for chunk, part in spread(self._chunks(jobs), self.executor):
                done += len(chunk.users)
                pile = piles.setdefault(chunk.job, Pile())
                pile.add(part)
                if self.progress is not None:
                    self.progress(done, total)
                if pile.users == chunk.scenario.users:
                    whole.append(self._run(chunk.scenario, chunk.seed, piles.pop(chunk.job)))
                    yield chunk.job, whole[-1]
        except KeyboardInterrupt as interrupt:
            raise Interrupted(done, total, self._partial(jobs, piles, whole)) from interrupt

    def _chunks(self, jobs: Sequence[tuple[Scenario, int]]) -> Iterator[Chunk]:
        size = CHUNKS[self.engine]
        for job, (scenario, seed) in enumerate(jobs):
            for start in range(0, max(scenario.users, 1), size):
                users = range(start, min(start + size, scenario.users))
                yield Chunk(self.engine, scenario, seed, users, self.keep, job)

    def _run(self, scenario: Scenario, seed: int, pile: Pile) -> Run:
        part = pile.first()
        assert part is not None, "a run has a part, and a pile that is shown has a first one"
        return Run(scenario=scenario, seed=seed, engine=self.engine, part=part)

    def _partial(
        self, jobs: Sequence[tuple[Scenario, int]], piles: Mapping[int, Pile], whole: Sequence[Run]
    ) -> Run | Sequence[Run] | None:
        if len(jobs) != 1:
            return tuple(sorted(whole, key=lambda run: run.seed))
        pile = piles.get(0, Pile())
        return self._run(*jobs[0], pile) if pile.first() is not None else None


def _with_model(scenario: Scenario, seed: int, how: _How) -> Run:
    """Run a scenario on the model itself, and keep the model."""
    from .reference import simulate_reference  # noqa: PLC0415  # the model is heavy, and mostly not needed

    try:
        part, crm = simulate_reference(scenario, seed, range(scenario.users), how.keep)
    except KeyboardInterrupt as interrupt:
        raise Interrupted(0, scenario.users, None) from interrupt
    if how.progress is not None:
        how.progress(scenario.users, scenario.users)
    return Run(scenario=scenario, seed=seed, engine=how.engine, part=part, crm=crm)


def _replicated(
    scenarios: Sequence[Scenario], seeds: int | Iterable[int], how: _How, level: float, method: str
) -> list[Replications]:
    chosen = _seeds(seeds)
    check_method(level, method)
    jobs = [(scenario, seed) for seed in chosen for scenario in scenarios]
    runs = dict(how.runs(jobs, total=sum(scenario.users for scenario, _ in jobs)))
    return [
        Replications(
            scenario=scenario,
            runs=tuple(runs[job] for job in range(place, len(jobs), len(scenarios))),
            level=level,
            method=method,
        )
        for place, scenario in enumerate(scenarios)
    ]


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    chosen = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not chosen:
        raise ValueError("seeds: there must be at least one")
    if len(set(chosen)) < len(chosen):
        raise ValueError("seeds: one is there twice, and replications under one seed are the same")
    return chosen


def _kept(keep: Collection[str]) -> Keep:
    kept = frozenset([keep] if isinstance(keep, str) else keep)
    refuse_kept(kept)
    return kept
