"""Which parameters matter most?"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from crm_domain.simulation.figures import figure_named
from crm_domain.simulation.screening import Screening
from crm_domain.simulation.sensitivity import Sensitivity
from crm_domain.simulation.statistics import Interval

from .style import INK, LOOKS, QUIET, axes, entitle, in_a_sentence, styled


def plot_sensitivity(found: Sensitivity | Screening, *, most: int = 12, ax: Axes | None = None) -> Axes:
    """Draw how much each parameter moves a key figure: a bar with its interval, the longest at the top.

    Of `elasticities`, bars go to the side to which the figure moves; of `screen` they are mean sizes (mu*). A
    hatched bar may be chance.

    Args:
        found: What `elasticities` or `screen` returned.
        most: How many parameters are shown.
        ax: Where to draw.
    """
    figure = figure_named(found.figure)
    title = in_a_sentence(figure.title)
    bars: list[tuple[str, Interval]]
    if isinstance(found, Sensitivity):
        bars = [(effect.parameter, effect.interval) for effect in found.effects]
        label = f"% of change of {title} for 1 % more of the parameter"
        made_of = f"Elasticities, one parameter at a time, {found.replications} seeds"
    else:
        bars = [(effect.parameter, effect.mu_star) for effect in found.effects]
        label = f"mean size of the change of {title} over the whole range, {figure.unit}"
        made_of = f"Morris's elementary effects (mu*), {found.trajectories} walks"
    bars = bars[:most]
    with styled():
        ax = axes(ax, 8, 1.4 + 0.36 * len(bars))
        for place, (_, interval) in enumerate(bars):
            _draw_bar(ax, place, interval)
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.set_yticks(range(len(bars)), [name for name, _ in bars])
        ax.set_ylim(len(bars) - 0.4, -0.6)
        ax.set_xlabel(label)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x")
        ax.margins(x=0.12)
        entitle(
            ax, _most_important(title, bars), f"{made_of}, with {bars[0][1].level:.0%} intervals; hatched: 0 is inside"
        )
    return ax


def _draw_bar(ax: Axes, place: int, interval: Interval) -> None:
    up, down = LOOKS[0].colour, LOOKS[1].colour
    colour = up if interval.estimate >= 0 else down
    face = colour if interval.excludes_zero else "white"
    hatch = None if interval.excludes_zero else "////"
    ax.barh(place, interval.estimate, height=0.6, facecolor=face, edgecolor=colour, hatch=hatch)
    ax.plot([interval.low, interval.high], [place, place], color=INK, linewidth=1.3, marker="|", markersize=6)


def _most_important(title: str, bars: Sequence[tuple[str, Interval]]) -> str:
    name, interval = bars[0]
    return f"{name} moves {title} most" if interval.excludes_zero else f"No parameter moves {title} by more than chance"
