"""What can be wrong with a file that describes a scenario, or that one is fitted to?"""

from __future__ import annotations

from pathlib import Path

from crm_adapters.errors import AdapterError


class DataError(AdapterError):
    """Raised when a file cannot be read as what it should be: a mistake in the file.

    Attributes:
        name: The name of the file.
        number: The number of the line, from 1; None if it is about the file as a whole.
        problem: What is wrong, and what to do.
    """

    def __init__(self, name: str | Path, number: int | None, problem: str) -> None:
        super().__init__(f"{name}: {problem}" if number is None else f"{name}:{number}: {problem}")
        self.name = str(name)
        self.number = number
        self.problem = problem


class ScenarioError(DataError):
    """Raised when a file, or a setting, does not describe a scenario."""
