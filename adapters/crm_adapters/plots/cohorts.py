"""Who stays? Retention by the week in which users came."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from crm_domain.simulation.results.counts import Cohorts
from crm_domain.simulation.results.run import Run

from .style import LOOKS, QUIET, axes, entitle, figure_of, styled


def plot_retention(run: Run, population: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw which share of each cohort is active week by week since arrival.

    Cohorts are a heat map with the shares written in it; if all users came in one week, they are a line.

    Args:
        run: What was simulated.
        population: ``crm``, ``regular``, or None for all users.
        ax: Where to draw.

    Raises:
        ValueError: There is no such population, or the horizon is shorter than a week.
    """
    cohorts = run.cohorts(population)
    seen = [(size, row) for size, row in zip(cohorts.sizes, cohorts.active, strict=True) if row]
    if not seen:
        raise ValueError("retention: no cohort is seen for a whole week: make the horizon longer")
    cohorts = Cohorts(sizes=tuple(size for size, _ in seen), active=tuple(row for _, row in seen))
    with styled():
        if len(seen) == 1:
            ax = axes(ax)
            _draw_line(ax, cohorts)
        else:
            ax = axes(ax, 9, 1.6 + 0.36 * len(cohorts.sizes))
            _draw_map(ax, cohorts)
        ax.set_xlabel("weeks since arrival")
        entitle(
            ax, _title(cohorts), "Active: a job request, recording (or attempt), resume, login or payment in that week"
        )
    return ax


def _title(cohorts: Cohorts) -> str:
    week = max(len(row) for row in cohorts.active) - 1
    shown = min(week, 4)
    share = cohorts.retention(shown)
    last = cohorts.retention(week)
    late = f", {last:.0%} in week {week}" if week > shown else ""
    return f"{share:.0%} of users are active in week {shown} after their arrival{late}"


def _draw_line(ax: Axes, cohorts: Cohorts) -> None:
    (shares,) = cohorts.rows
    look = LOOKS[0]
    ax.plot(range(len(shares)), [share or 0 for share in shares], color=look.colour, marker=look.mark)
    for week, share in enumerate(shares):
        ax.annotate(
            f"{share or 0:.0%}", (week, share or 0), (0, 9), textcoords="offset points", ha="center", fontsize=9
        )
    ax.set(ylim=(0, 1.08), ylabel="users active in that week", xlim=(-0.4, len(shares) - 0.6))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y")


def _draw_map(ax: Axes, cohorts: Cohorts) -> None:
    width = max(map(len, cohorts.active))
    cells = [
        [float("nan") if s is None else s for s in row] + [float("nan")] * (width - len(row)) for row in cohorts.rows
    ]
    image = ax.imshow(cells, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(cohorts.rows):
        for x, share in enumerate(row):
            if share is not None:
                colour = "white" if share < 0.55 else "black"  # noqa: PLR2004  # where cividis is light
                ax.text(x, y, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=8)
    ax.set_yticks(range(len(cohorts.sizes)), [f"week {n}  ({size:,})" for n, size in enumerate(cohorts.sizes)])
    ax.set_ylabel("week of arrival (users)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    bar = figure_of(ax).colorbar(image, ax=ax, fraction=0.03, pad=0.02, format=PercentFormatter(1, decimals=0))
    bar.set_label("active in that week", color=QUIET)
    bar.outline.set_visible(False)
