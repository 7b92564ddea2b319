"""How is the kernel driven: what does it get, and what is made of its counts?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, Final

from attrs import frozen

from ..draws.rhythm import first_hours_of, hours_of
from ..draws.streams import seed_keys
from ..results.part import (
    EVENT_COLUMNS,
    HISTOGRAMS,
    POPULATIONS,
    TOTALS,
    USER_COLUMNS,
    Part,
    histogram_length,
    refuse_kept,
)
from ..scenario import Scenario, refuse_users
from .account import PURPOSES
from .counting import daily_of
from .memory_layout import SUMS, Column, Make, Settings, memory_of, settings_of

_ROOM: Final = 256
"""For how many events of one user there is room at first."""

_EVENTS_EACH: Final = 100
"""For how many events of each user there is room at first, where events are kept."""


@frozen
class Machine:
    """What runs the kernel.

    Attributes:
        run: `crm_domain.simulation.kernel.life.run`, as it stands or compiled.
        work: Makes a column to work with, of a typecode, from values.
        zeros: Makes a column of whole numbers to work with, all 0.
        column: Makes a column to hand out, of a typecode, from a part of a working one.
        join: Joins columns of a typecode.
        word: Makes of a number what keys are.
        settings: Makes of settings what the kernel reads.
        users_at_once: How many users one call of *run* is for: interrupts come between calls.
    """

    run: Callable[..., tuple[int, int, int]]
    work: Make
    zeros: Callable[[int], Column]
    column: Callable[[str, Column], Column]
    join: Callable[[str, list[Column]], Column]
    word: Callable[[int], Any]
    settings: Callable[[Settings], Any]
    users_at_once: int


def simulated(machine: Machine, scenario: Scenario, seed: int, users: range, keep: AbstractSet[str]) -> Part:
    """Simulate a range of users.

    Raises:
        TypeError, ValueError: The seed is no whole number of 64 bits, the range is not one of the
            scenario's users, or *keep* names a table that there is not.
    """
    refuse_kept(keep)
    refuse_users(users, scenario)
    own, salt = map(machine.word, seed_keys(seed))
    hours = hours_of(scenario.rhythm)
    settings = settings_of(scenario, hours, _ROOM)
    tables = machine.work("d", hours), machine.work("B", first_hours_of(hours)), machine.work("Q", [0] * PURPOSES)
    memory, read = machine.work("q", memory_of(scenario, settings)), machine.settings(settings)
    at_once = min(machine.users_at_once, len(users))
    rows, events = _room(machine, keep, at_once, _EVENTS_EACH)
    all_rows: list[Column] = []
    all_events: list[Column] = []
    user = users.start
    while user < users.stop:
        last = min(user + at_once, users.stop)
        reached, written, filled = machine.run(memory, *tables, read, user, last, own, salt, rows, events)
        all_rows.append(machine.column("q", rows[:written]))
        all_events.append(machine.column("q", events[:filled]))
        if reached == user:  # not even one user has room
            settings = settings_of(scenario, hours, 2 * settings.room)
            memory = machine.work("q", memory_of(scenario, settings, memory[: settings.row]))
            read = machine.settings(settings)
            rows, events = _room(machine, keep, at_once, max(_EVENTS_EACH, settings.room))
        user = reached
    return Part(
        users_from=users.start,
        users_to=users.stop,
        days=scenario.days,
        **_counts(machine, settings, memory),
        users=_table(machine, USER_COLUMNS, all_rows) if "users" in keep else None,
        events=_table(machine, EVENT_COLUMNS, all_events) if "events" in keep else None,
    )


def _room(machine: Machine, keep: AbstractSet[str], users: int, events_each: int) -> tuple[Column, Column]:
    """Return room for the rows and for the events of so many users, where they are kept."""
    rows = users * len(USER_COLUMNS) if "users" in keep else 0
    events = users * events_each * len(EVENT_COLUMNS) if "events" in keep else 0
    return machine.zeros(rows), machine.zeros(events)


def _counts(machine: Machine, settings: Settings, memory: Column) -> dict[str, Any]:
    """Return the aggregates of a part, which stand one after the other at the memory's beginning."""
    numbers = map(int, memory[: settings.row])

    def areas(lengths: Iterable[tuple[str, int]]) -> dict[str, dict[str, list[int]]]:
        return {p: {name: list(islice(numbers, length)) for name, length in lengths} for p in POPULATIONS}

    def columns(areas: Mapping[str, Mapping[str, Sequence[int]]]) -> dict[str, Column]:
        return {
            f"{p}_{name}": machine.column("q", values) for p, area in areas.items() for name, values in area.items()
        }

    sums = areas([(name, settings.days) for name in SUMS])
    histograms = areas([(name, histogram_length(name, settings.days)) for name in HISTOGRAMS])
    totals = areas([(name, 1) for name in TOTALS])
    return {
        "daily": columns({population: daily_of(area, settings) for population, area in sums.items()}),
        "histograms": columns(histograms),
        "totals": {f"{population}_{name}": n for population, area in totals.items() for name, (n,) in area.items()},
    }


def _table(machine: Machine, columns: Mapping[str, str], chunks: list[Column]) -> dict[str, Column]:
    """Return columns of what was written row by row."""
    joined = machine.join("q", chunks)
    return {name: machine.column(code, joined[n :: len(columns)]) for n, (name, code) in enumerate(columns.items())}
