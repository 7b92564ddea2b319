"""Which mutants can no test notice?

They stand in ``equivalent.toml``, each with its reason. A ``*`` there is anything, so that one entry
may speak of many.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from .mutants import Mutant

LIST: Final = Path(__file__).with_name("equivalent.toml")


@frozen
class Equivalents:
    """The list: what tells a mutant, to the reason why it is none."""

    reasons: dict[str, str]

    @classmethod
    def read(cls) -> Equivalents:
        """Read the list."""
        entries = tomllib.loads(LIST.read_text())["equivalent"]
        return cls({told: entry["reason"] for entry in entries for told in entry["mutants"]})

    def has(self, mutant: Mutant) -> bool:
        """Tell whether the mutant is on the list."""
        return any(_tells(told, mutant) for told in self.reasons)

    def outdated(self, mutants: Mapping[str, Sequence[Mutant]]) -> list[str]:
        """Return what the list tells of these modules, and none of their mutants is."""
        return [
            told
            for told in self.reasons
            if told.partition(":")[0] in mutants
            and not any(_tells(told, mutant) for mutant in mutants[told.partition(":")[0]])
        ]


def _tells(told: str, mutant: Mutant) -> bool:
    pattern = ".*".join(map(re.escape, told.split("*")))
    return re.fullmatch(pattern, str(mutant), re.DOTALL) is not None
