"""What if a safeguard is left out?"""

from __future__ import annotations

from typing import Final

from crm_domain import SAFEGUARDS

from .defect import Defect

DEFECTS: Final = tuple(
    Defect(name=f"without_{name}", what=safeguard.hole, law=safeguard.law, without=(name,))
    for name, safeguard in SAFEGUARDS.items()
    if safeguard.law is not None
)
"""One for each that Python can show; what is wrong is the hole that it closes."""
