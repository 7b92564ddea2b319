"""Which defects are there? All that are sought, family by family."""

from __future__ import annotations

from typing import Final

from . import accounts, answers, counters, credits, files, isolation, memory, rows, safeguards  # noqa: A004
from .defect import Defect

FAMILIES: Final = (safeguards, isolation, counters, credits, accounts, rows, answers, memory, files)

DEFECTS: Final[dict[str, Defect]] = {defect.name: defect for family in FAMILIES for defect in family.DEFECTS}
"""Every defect by its name."""
