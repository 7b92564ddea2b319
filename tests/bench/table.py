"""How is what was measured shown? A table for each group of benchmarks: the figure, its goal, and how much it varied."""

from __future__ import annotations

from typing import NamedTuple

from tabulate import tabulate

from .timing import Spread


class Goal(NamedTuple):
    """A goal: at most, or at least, this value."""

    word: str
    value: float

    def __str__(self) -> str:
        return f"at {self.word} {self.value:g}"

    @property
    def unit(self) -> str:
        """What a ratio that is to reach the goal is called."""
        return "times the time" if self.word == "most" else "times as fast"

    def verdict(self, value: float) -> str:
        """Say whether *value* reaches the goal."""
        return "yes" if (value <= self.value if self.word == "most" else value >= self.value) else "NO"


def at_most(value: float) -> Goal:
    """Return the goal of no more than this."""
    return Goal("most", value)


def at_least(value: float) -> Goal:
    """Return the goal of no less than this."""
    return Goal("least", value)


class Line(NamedTuple):
    what: str
    unit: str
    measured: Spread
    goal: Goal | None = None

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the line as text, cell by cell."""
        median, low, high = self.measured
        spread = "" if low == high else f"{_number(low)} to {_number(high)}"
        goal, verdict = ("", "") if self.goal is None else (str(self.goal), self.goal.verdict(median))
        return (self.what, f"{_number(median)} {self.unit}", goal, verdict, spread)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Group(NamedTuple):
    """Lines that were measured on one workload; the title says its size, and what was timed."""

    title: str
    lines: list[Line]

    def shown(self, *, markdown: bool) -> str:
        """Return the title and the table, for a terminal or for a page."""
        headers = ("what", "measured", "goal", "met", "lowest to highest")
        table = tabulate([line.cells() for line in self.lines], headers, tablefmt="github" if markdown else "simple")
        return f"{self.title}\n\n{table}\n"
