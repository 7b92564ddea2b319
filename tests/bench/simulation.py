"""How fast is a population simulated? SimPy, the three engines, and chance alone, in the same rounds.

Each case runs the same scenario with as many users as suit it. The floor is what a compiled loop takes to draw
one exponentially distributed and one even number for each event from the very streams, and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import attrs

from crm_domain.simulation import Part, Scenario
from crm_domain.simulation.kernel.compiled import namespace, simulate_compiled
from crm_domain.simulation.kernel.plain import simulate_plain
from crm_domain.simulation.reference.population import simulate_reference

from ..domain.simulation.in_simpy import Town
from .table import Group, Line, at_least, at_most
from .timing import Case, Sample, Spread, Watch, interleave, ratio, us_each

STORY: Final = Scenario(regular_users=0)
"""The default scenario's CRM users."""


def measured(*, small: int, large: int, million: int, rounds: int) -> Iterator[Group]:
    """Measure speed, then start-up and memory.

    Args:
        small: So many users for what is interpreted.
        large: So many users for what is compiled.
        million: So many users for memory, and in one go.
        rounds: How often each case runs.
    """
    events = events_of(simulate_compiled(of(small), 1)) / small
    draw = _draw()
    cases: dict[str, Case] = {
        "SimPy": lambda: _simpy(small),
        "reference": lambda: _engine(simulate_reference, small),
        "plain": lambda: _engine(simulate_plain, small),
        "compiled": lambda: _engine(simulate_compiled, large),
        "two threads": lambda: _in_threads(lambda half: events_of(simulate_compiled(of(large), 1, half)), large),
        "floor": lambda: _alone(draw, int(large * events)),
        "floor in two threads": lambda: _in_threads(lambda half: draw(len(half)), int(large * events)),
    }
    took = interleave(cases, rounds=rounds)
    by_cpu = {name: [sample.cpu for sample in samples] for name, samples in took.items()}
    simpy, compiled = by_cpu["SimPy"], by_cpu["compiled"]
    lines = [
        Line("SimPy, a process for each thing", "us an event", us_each(simpy)),
        *(
            Line(f"{name} engine", "times as fast as SimPy", _inverse(ratio(by_cpu[name], simpy)), at_least(goal))
            for name, goal in (("reference", 2), ("plain", 10), ("compiled", 200))
        ),
        Line("compiled engine", "ns an event", _scaled(us_each(compiled), 1e3)),
        Line("two draws an event: the floor", "ns an event", _scaled(us_each(by_cpu["floor"]), 1e3)),
        Line("compiled engine", "times the time of the floor", ratio(compiled, by_cpu["floor"]), at_most(3)),
        *(
            Line(
                f"{name} on two threads, by the wall", "times as fast as on one", _inverse(ratio(took[two], took[one]))
            )
            for name, two, one in (
                ("compiled engine", "two threads", "compiled"),
                ("floor", "floor in two threads", "floor"),
            )
        ),
    ]
    yield Group(f"Simulation of {STORY.days} days, {events:.0f} events a user, CPU seconds", lines)
    yield Group("Simulation: start-up and memory", [*_start_ups(), *_memory(large // 10, large), _in_one_go(million)])


def of(users: int) -> Scenario:
    """Return the scenario with so many users."""
    return attrs.evolve(STORY, crm_users=users)


def events_of(part: Part) -> int:
    """Return how many events there were."""
    return part.totals["crm_events"] + part.totals["regular_events"]


def _simpy(users: int) -> Sample:
    town, watch = Town(of(users), 1), Watch()
    town.run()
    return watch.sample(town.events)


def _engine(simulate: Any, users: int) -> Sample:
    scenario, watch = of(users), Watch()
    given = simulate(scenario, 1)
    part = given if isinstance(given, Part) else given[0]
    return watch.sample(events_of(part))


def _in_threads(work: Callable[[range], int], count: int) -> Sample:
    """Do each half in a thread of its own; *work* tells how many events came of it."""
    halves = range(count // 2), range(count // 2, count)
    with ThreadPoolExecutor(2) as executor:
        watch = Watch()
        done = [*executor.map(work, halves)]
        return watch.sample(1)._replace(commands=sum(done))


def _alone(draw: Callable[[int], int], count: int) -> Sample:
    watch = Watch()
    return watch.sample(draw(count))


def _draw() -> Callable[[int], int]:
    """Return what draws two numbers for each of so many events, and returns how many they are."""
    import numba  # noqa: PLC0415 - after the engine was asked for, which says what is missing
    import numpy as np  # noqa: PLC0415

    space = namespace()
    exponential, word, unit, golden = (space[name] for name in ("exponential", "word", "unit", "GOLDEN"))

    @numba.njit(error_model="numpy", nogil=True)
    def drawn(count: int, counter: Any, other: Any, salt: Any) -> float:
        total = 0.0
        for _ in range(count):
            counter += golden
            other += golden
            total += exponential(counter, salt) * unit(word(other, salt))
        return total

    def draw(count: int) -> int:
        drawn(count, np.uint64(3), np.uint64(5), np.uint64(7))
        return count

    draw(1)
    return draw


def _inverse(spread: Spread) -> Spread:
    return Spread(1 / spread.median, 1 / spread.high, 1 / spread.low)


def _scaled(spread: Spread, by: float) -> Spread:
    return Spread(*(by * value for value in spread))


_START: Final = """
import time
began = time.perf_counter()
from crm_domain.simulation import Scenario
from crm_domain.simulation.kernel.compiled import simulate_compiled
import numba
imported = time.perf_counter()
simulate_compiled(Scenario(), 1)
print(imported - began, time.perf_counter() - imported)
"""


def _start_ups() -> Iterator[Line]:
    """Start a process that simulates, first with nothing compiled, then again."""
    with tempfile.TemporaryDirectory() as cache:
        for which in ("first", "second"):
            ran = subprocess.run(
                [sys.executable, "-c", _START],
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "NUMBA_CACHE_DIR": cache},
                cwd=Path(__file__).parents[2],
            )
            imported, simulated = map(float, ran.stdout.split())
            goal = at_most(1) if which == "second" else None
            yield Line(f"{which} start: imports", "s", Spread(imported, imported, imported))
            yield Line(f"{which} start: the default scenario", "s", Spread(simulated, simulated, simulated), goal)


def _memory(few: int, many: int) -> Iterator[Line]:
    """Measure the most memory that is taken at once for few users and for many, with aggregates alone."""
    simulate_compiled(of(few), 1)
    for users in (few, many):
        tracemalloc.start()
        simulate_compiled(of(users), 1)
        peak = tracemalloc.get_traced_memory()[1] / 1024
        tracemalloc.stop()
        yield Line(f"memory for {users:,} users", "KiB at most", Spread(peak, peak, peak))


def _in_one_go(users: int) -> Line:
    began = time.perf_counter()
    simulate_compiled(of(users), 1)
    took = time.perf_counter() - began
    return Line(f"{users:,} users for {STORY.days} days, one thread", "s", Spread(took, took, took))
