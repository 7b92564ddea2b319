"""How much is tried? In CI, which sets CRM_DOMAIN_THOROUGH, all of it; elsewhere enough to see that it works."""

from __future__ import annotations

import os
from typing import Final

THOROUGH: Final = bool(os.environ.get("CRM_DOMAIN_THOROUGH"))


def amount(variable: str, *, thorough: int, quick: int) -> int:
    """Return how often something is tried: what the environment variable says, or what is usual."""
    return int(os.environ.get(variable) or (thorough if THOROUGH else quick))
