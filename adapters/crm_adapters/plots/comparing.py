"""Which policy is better, by how much, and how sure is that?"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any, Final

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from crm_domain.simulation.results.intervals import Interval
from crm_domain.simulation.results.key_figures import Figure, figure_named
from crm_domain.simulation.results.replications import Comparison, Sweep

from .style import INK, LOOKS, QUIET, Look, axes, entitle, in_a_sentence, label_ends, looks, styled

SHOWN: Final = ("revenue", "conversion", "blocked_share", "retention_week_4")
"""The key figures that a picture of a comparison has, unless others are asked for."""


def plot_comparison(comparison: Comparison, figures: Sequence[str] = SHOWN) -> Sequence[Axes]:
    """Draw how far each variant is above the base: paired differences with intervals, one panel a key figure.

    A full mark is a difference whose interval excludes 0, an empty one may be chance.

    Args:
        comparison: What was compared.
        figures: Which key figures, see `crm_domain.simulation.results.key_figures.FIGURES`.

    Returns:
        The axes of the panels, all in one new figure.

    Raises:
        ValueError: There is no such figure, or some run has no value of it.
    """
    chosen = [figure_named(name) for name in figures]
    names = list(comparison.variants)
    columns = min(len(chosen), 2)
    rows = -(-len(chosen) // columns)
    with styled():
        size = (5.2 * columns, rows * (1.5 + 0.42 * len(names)) + 0.9)
        figure, grid = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, sharey=True)
        panels = list(grid.flat)
        for panel, of in zip(panels, chosen, strict=False):
            _draw_panel(panel, of, comparison.differences(of.name))
        for panel in panels[len(chosen) :]:
            panel.set_visible(False)
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(len(names) - 0.4, -0.6)
        figure.suptitle(_best(comparison, chosen[0]), x=0.01, ha="left", fontweight="bold", fontsize=12)
        made_of = fill(_made_of(comparison), 72 * columns)
        figure.supxlabel(made_of, fontsize=9, color=QUIET, x=0.01, ha="left")
    return panels[: len(chosen)]


def _draw_panel(ax: Axes, figure: Figure, gaps: dict[str, Interval]) -> None:
    scale = 100 if figure.unit == "%" else 1
    look = LOOKS[0]
    ax.axvline(0, color=QUIET, linewidth=1)
    for place, gap in enumerate(gaps.values()):
        middle, low, high = scale * gap.estimate, scale * gap.low, scale * gap.high
        full = look.colour if gap.excludes_zero else "white"
        ax.plot([low, high], [place, place], color=look.colour, linewidth=2, solid_capstyle="butt")
        ax.plot([low, high], [place, place], color=look.colour, marker="|", linestyle="", markersize=8)
        ax.plot(middle, place, marker="o", markersize=7, markerfacecolor=full, markeredgecolor=look.colour)
        ax.annotate(
            _signed(figure, middle), (middle, place), (0, 8), textcoords="offset points", ha="center", fontsize=9
        )
    ax.set_title(figure.title, fontsize=10.5, pad=8)
    ax.set_xlabel({"%": "percentage points against the base"}.get(figure.unit, f"{figure.unit} against the base"))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+,.10g}" if value else "0"))
    ax.grid(axis="x")
    ax.margins(x=0.12)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _signed(figure: Figure, value: float) -> str:
    if not value:
        return "0"
    places = 1 if figure.unit == "%" else 2 if abs(value) < 10 else 0  # noqa: PLR2004  # two digits are enough
    return f"{'-' if value < 0 else '+'}{'$' if figure.unit[:1] == '$' else ''}{abs(value):,.{places}f}"


def _best(comparison: Comparison, figure: Figure) -> str:
    gaps = comparison.differences(figure.name)
    sure = {name: gap for name, gap in gaps.items() if gap.excludes_zero}
    if not sure:
        return f"{figure.title}: no variant differs from the base by more than chance"
    name, gap = max(sure.items(), key=lambda item: item[1].estimate)
    if gap.estimate < 0:
        return f"{figure.title}: no variant is above the base"
    scale = 100 if figure.unit == "%" else 1
    unit = " points" if figure.unit == "%" else ""
    return f"{figure.title} is highest with {name}: {_signed(figure, scale * gap.estimate)}{unit} against the base"


def _made_of(comparison: Comparison) -> str:
    together = ", all variants together" if comparison.simultaneous and len(comparison.variants) > 1 else ""
    scenario = comparison.base.scenario
    return (
        f"Paired differences of {len(comparison.base)} replications with {comparison.base.level:.0%} intervals{together}; "
        f"{scenario.users:,} users, {scenario.days} days. Empty marks: 0 is inside of the interval."
    )


def plot_sweep(sweep: Sweep, figure: str = "revenue", *, ax: Axes | None = None) -> Axes:
    """Draw a key figure over the values of a swept parameter: means with intervals.

    With two parameters, the first is the axis, and each value of the second a line.

    Args:
        sweep: What was swept.
        figure: Which key figure.
        ax: Where to draw.

    Raises:
        ValueError: There is no such figure, some run has no value of it, or there are other than one or two parameters.
    """
    of, points = figure_named(figure), list(sweep.points.values())
    paths = list(points[0])
    if len(paths) > 2:  # noqa: PLR2004  # an axis and lines
        raise ValueError(f"plot_sweep: draws one or two parameters, not {len(paths)}: fix the others in the base")
    lines: dict[str, list[tuple[Any, Interval]]] = {}
    for name, point in sweep.points.items():
        line = f"{paths[1]} = {point[paths[1]]}" if paths[1:] else ""
        lines.setdefault(line, []).append((point[paths[0]], sweep.variants[name].interval(figure)))
    with styled():
        ax = axes(ax)
        ends = [
            _draw_line(ax, of, name, line, look)
            for (name, line), look in zip(lines.items(), looks(len(lines)), strict=True)
        ]
        ax.set_xlabel(paths[0])
        ax.set_ylabel(f"{in_a_sentence(of.title)}, {of.unit}")
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(of, value)))
        if all(isinstance(point[paths[0]], int) for point in points):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(axis="y")
        ax.margins(0.08, 0.15)
        if len(lines) > 1:
            label_ends(ax, ends)
        name = max(sweep.variants, key=lambda variant: sweep.variants[variant].interval(figure).estimate)
        base = sweep.base
        made_of = f"Means of {len(base)} replications with {base.level:.0%} intervals; "
        entitle(
            ax,
            f"{of.title} is highest with {name}",
            f"{made_of}{base.scenario.users:,} users, {base.scenario.days} days",
        )
    return ax


def _draw_line(
    ax: Axes, figure: Figure, name: str, line: list[tuple[Any, Interval]], look: Look
) -> tuple[float, float, str, str]:
    x = [float(value) for value, _ in line]
    y = [interval.estimate for _, interval in line]
    errors = [[i.estimate - i.low for _, i in line], [i.high - i.estimate for _, i in line]]
    ax.errorbar(x, y, yerr=errors, color=look.colour, linestyle=look.line, marker=look.mark, capsize=4, elinewidth=1.5)
    if not name:
        for at, value in zip(x, y, strict=True):
            ax.annotate(_short(figure, value), (at, value), (8, 6), textcoords="offset points", fontsize=9, color=INK)
    return x[-1], y[-1], name, look.colour


def _short(figure: Figure, value: float) -> str:
    many = 100
    return f"${value:,.0f}" if figure.unit[:1] == "$" and value >= many else figure.text(value)


def _tick(figure: Figure, value: float) -> str:
    if figure.unit == "%":
        return f"{100 * value:.10g} %"
    return f"{'$' if figure.unit[:1] == '$' else ''}{value:,.10g}"
