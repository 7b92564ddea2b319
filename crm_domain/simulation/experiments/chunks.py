"""How are runs cut into chunks that any executor may do, and put together again?

A chunk is a scenario, a seed and a range of users. Chunks may be done in any order and anywhere: what they
count are whole numbers, which add up to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from attrs import field, frozen

from ..engines import CHUNKS, Keep, engine_named, resolved
from ..reference.behaviours import Behaviour, applicant
from ..reference.population import simulate_reference
from ..results.intervals import check_method
from ..results.part import Pile, refuse_kept
from ..results.replications import Replications
from ..results.run import Run
from ..scenario import Scenario
from .executors import Executor, spread

Progress: TypeAlias = Callable[[int, int], object]
"""Is called after each chunk with how many users are done, over all seeds and scenarios, and of how many.

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
    behaviour: Behaviour | None = None

    def __call__(self) -> Any:
        """Simulate them."""
        return engine_named(self.engine, self.behaviour)(self.scenario, self.seed, self.users, self.keep)

    def __str__(self) -> str:
        return f"users {self.users.start:,} to {self.users.stop - 1:,} of seed {self.seed}"


@frozen
class How:
    """With what runs are made, and what is kept of them."""

    engine: str
    keep: Keep = frozenset()
    executor: Executor | None = None
    progress: Progress | None = None
    behaviour: Behaviour | None = None

    def __attrs_post_init__(self) -> None:
        resolved(self.engine, self.behaviour)  # what is wrong is said before anything is done

    def of_size(self, user_days: int) -> How:
        """Return the same, with an engine that suits so many days of users."""
        return attrs.evolve(self, engine=resolved(self.engine, self.behaviour, user_days))

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
                yield Chunk(self.engine, scenario, seed, users, self.keep, job, self.behaviour)

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


def with_model(scenario: Scenario, seed: int, how: How) -> Run:
    """Run a scenario on the model itself, and keep the model."""
    try:
        part, crm = simulate_reference(scenario, seed, keep=how.keep, behaviour=how.behaviour or applicant)
    except KeyboardInterrupt as interrupt:
        raise Interrupted(0, scenario.users, None) from interrupt
    if how.progress is not None:
        how.progress(scenario.users, scenario.users)
    return Run(scenario=scenario, seed=seed, engine=how.engine, part=part, crm=crm)


def replicated(
    scenarios: Sequence[Scenario], seeds: int | Iterable[int], how: How, level: float, method: str
) -> list[Replications]:
    """Run scenarios under the same seeds (or under 0, 1, 2, …, so many).

    Raises:
        ValueError: A seed is there twice, or there is none; or there is no such level or method.
        Interrupted: Ctrl-C; with the runs that were whole.
    """
    chosen = _seeds(seeds)
    check_method(level, method)
    jobs = [(scenario, seed) for seed in chosen for scenario in scenarios]
    how = how.of_size(sum(scenario.users * scenario.days for scenario, _ in jobs))
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


def kept_of(keep: Collection[str]) -> Keep:
    """Return the tables to keep.

    Raises:
        ValueError: There is no such name.
    """
    kept = frozenset([keep] if isinstance(keep, str) else keep)
    refuse_kept(kept)
    return kept
