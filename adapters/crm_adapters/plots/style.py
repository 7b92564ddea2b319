"""How do all pictures look? Readable in grey, on paper, and by those who see no difference of hue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt
from attrs import frozen
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK: Final = "#1f2933"
QUIET: Final = "#5f6b7a"
PALE: Final = "#d9dee4"


@frozen
class Look:
    """How one series is distinguished from the others: by colour, by its line, and by its marks."""

    colour: str
    line: Any
    mark: str


LOOKS: Final = (
    Look("#0072b2", "-", "o"),
    Look("#d55e00", (0, (5, 2)), "s"),
    Look("#009e73", (0, (1, 1.3)), "^"),
    Look("#cc79a7", (0, (5, 1.5, 1, 1.5)), "D"),
    Look("#8a6d00", (0, (8, 2)), "v"),
    Look("#3b3b3b", (0, (3, 1, 1, 1, 1, 1)), "P"),
)


_SETTINGS: Final[Any] = {
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 26,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    # A reader's own cycle may have marks and dashes, which would stand on lines that are not a series.
    "axes.prop_cycle": mpl.rcsetup.cycler(color=[look.colour for look in LOOKS]),
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "lines.linewidth": 2,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


def looks(count: int) -> list[Look]:
    """Return a look for each series (Okabe and Ito's colours, darker where they are too pale for a line)."""
    return [look for look, _ in zip(cycle(LOOKS), range(count), strict=False)]


@contextmanager
def styled() -> Iterator[None]:
    """Draw in this style what is drawn inside, and leave the reader's own settings alone."""
    with mpl.rc_context(_SETTINGS):
        yield


def axes(ax: Axes | None, width: float = 8.0, height: float = 4.5) -> Axes:
    """Return axes to draw on: those given, or new ones."""
    return ax or plt.subplots(figsize=(width, height), layout="constrained")[1]


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes are part of."""
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes that are drawn on are part of a figure"
    return figure


def entitle(ax: Axes, title: str, below: str) -> None:
    """Say above the axes what there is to see, and below that in small what it is made of."""
    ax.set_title(title)
    ax.annotate(below, (0, 1), (0, 8), xycoords="axes fraction", textcoords="offset points", fontsize=9, color=QUIET)


def label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each series' name at its right end, far enough apart to be read: x, y, name and colour of each."""
    low, high = ax.get_ylim()
    apart = (high - low) * 0.055
    placed: list[float] = []
    for x, y, name, colour in sorted(ends, key=lambda end: end[1]):
        at = y if not placed else max(y, placed[-1] + apart)
        placed.append(at)
        ax.annotate(
            name,
            (x, at),
            (7, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=10,
            fontweight="bold",
            annotation_clip=False,
        )


def in_a_sentence(title: str) -> str:
    """Return a title as it stands inside of a sentence; abbreviations stay as they are."""
    return f"{title[:1].lower()}{title[1:]}"
