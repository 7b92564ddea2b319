"""Which pictures does the README show, and what draws them? The library, from a scenario and seeds that are fixed."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from crm_adapters.plots import plot_comparison
from crm_domain.simulation import Scenario, compare, with_parameters

from .executing import FOLDER

PICTURES_FOLDER: Final = FOLDER / "pictures"
SEEDS: Final = 16

_FREE_OF_CHARGE: Final = {f"activity.{what}_per_day": 0 for what in ("job_requests", "resumes", "logins", "views")}


def free_credits() -> Figure:
    """Draw what other numbers of free credits than the document's 4 come to, for revenue and for recordings."""
    base = with_parameters(Scenario(crm_users=200, regular_users=0), _FREE_OF_CHARGE)
    others = {f"{n} free": with_parameters(base, {"policy.initial_credits": n}) for n in (0, 2, 3, 5, 6)}
    plot_comparison(compare(base, others, SEEDS), ["arpu", "recordings"])
    return plt.gcf()


README_PICTURES: Final[Mapping[str, Callable[[], Figure]]] = {"free_credits": free_credits}
"""What draws each picture, by its name."""


def drawn(name: str) -> str:
    """Return a picture as SVG: the same text for the same drawing."""
    out = io.StringIO()
    with mpl.rc_context({"backend": "agg", "svg.hashsalt": "crm_domain"}):
        figure = README_PICTURES[name]()
        figure.savefig(out, format="svg", metadata={"Date": None})
        plt.close(figure)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def file_of(name: str) -> Path:
    """Return where a picture is stored."""
    return PICTURES_FOLDER / f"{name}.svg"
