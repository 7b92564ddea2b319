"""Cases side by side: in every round each runs once, the order rotating, so that a noisy machine weighs on all alike.

A case is a callable that sets up, times its own part, checks the result and returns a `Sample`.
Compare by `ratio`: the median of the ratios taken round by round. `seconds` are CPU seconds of this
process, for what works in one thread and waits for nothing; what waits for a disk or for other
processes is timed by the wall.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

seconds = time.process_time


class Sample(NamedTuple):
    commands: int
    seconds: float
    cpu_seconds: float = 0.0

    @property
    def us_each(self) -> float:
        """Microseconds for one command."""
        return 1e6 * self.seconds / self.commands

    @property
    def cpu(self) -> Sample:
        """The same work, timed in CPU seconds."""
        return self._replace(seconds=self.cpu_seconds)


class Watch:
    """Runs from when it is made, by the wall and in CPU seconds."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def sample(self, commands: int) -> Sample:
        """Return how long so many commands took until now."""
        wall, cpu = time.perf_counter(), time.process_time()
        return Sample(commands, wall - self._wall, cpu - self._cpu)


Case: TypeAlias = Callable[[], Sample]


class Spread(NamedTuple):
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Return median, least and greatest."""
        return cls(statistics.median(values), min(values), max(values))


def interleave(cases: Mapping[str, Case], *, rounds: int, warm_up: int = 1) -> dict[str, list[Sample]]:
    """Run every case in every round; return what each round of each case took."""
    names = list(cases)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for n in range(-warm_up, rounds):
        turn = n % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            sample = cases[name]()
            if n >= 0:
                samples[name].append(sample)
    return samples


def us_each(samples: list[Sample]) -> Spread:
    """Return the microseconds that one command took."""
    return Spread.of([s.us_each for s in samples])


def per_second(samples: list[Sample]) -> Spread:
    """Return how many commands were executed in a second."""
    return Spread.of([s.commands / s.seconds for s in samples])


def ratio(samples: list[Sample], to: list[Sample]) -> Spread:
    """Return how many times the time of *to* a command took, round by round."""
    return Spread.of([a.us_each / b.us_each for a, b in zip(samples, to, strict=True)])
