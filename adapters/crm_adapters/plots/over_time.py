"""What happens over time? Free credits run out, and revenue comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from crm_domain.simulation.results.intervals import Survival
from crm_domain.simulation.results.replications import Replications, Series
from crm_domain.simulation.results.run import Run

from .style import QUIET, Look, axes, entitle, label_ends, looks, styled

_WHAT: Final = {
    "free_credits_spent": ("used up their free credits", "who still have free credits"),
    "first_block": ("been blocked", "who were never blocked"),
    "first_payment": ("paid", "who have not paid yet"),
}
_WHO: Final = {"crm": "CRM users", "regular": "regular users", None: "users"}
_UNITS: Final = {"revenue_cents": ("Revenue", "$"), "time_spent_seconds": ("Time spent", "seconds")}


def plot_survival(
    runs: Run | Mapping[str, Run],
    duration: str = "free_credits_spent",
    population: str | None = "crm",
    *,
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw which share of users something has not happened to yet, by days since their arrival (Kaplan-Meier).

    Args:
        runs: One run, or several by their names.
        duration: ``free_credits_spent``, ``first_block`` or ``first_payment``.
        population: ``crm``, ``regular``, or None for both.
        level: The level of the pointwise intervals, drawn as bands.
        ax: Where to draw.

    Raises:
        ValueError: There is no such duration or population.
    """
    named = {"": runs} if isinstance(runs, Run) else dict(runs)
    curves = {name: run.survival(duration, population, level) for name, run in named.items()}
    with styled():
        ax = axes(ax)
        for curve, look in zip(curves.values(), looks(len(curves)), strict=True):
            _draw_curve(ax, curve, look)
        longest = max(len(curve.days) - 1 for curve in curves.values())
        ax.set(xlim=(0, longest), ylim=(0, 1.02), xlabel="days since arrival")
        happened, left = _WHAT[duration]
        ax.set_ylabel(f"{_WHO[population]} {left}")
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(axis="y")
        ax.axhline(0.5, color=QUIET, linewidth=0.8, linestyle=(0, (2, 3)))
        _label_curves(ax, curves)
        first = next(iter(named.values()))
        made_of = f"Kaplan-Meier with {level:.0%} intervals; {_scope(first, population)}"
        entitle(ax, _half(list(curves.values()), _WHO[population], happened), made_of)
    return ax


def _draw_curve(ax: Axes, curve: Survival, look: Look) -> None:
    days = list(curve.days)
    every = max(len(days) // 9, 1)
    ax.fill_between(days, curve.low, curve.high, step="post", color=look.colour, alpha=0.15, linewidth=0)
    ax.step(
        days,
        curve.survival,
        where="post",
        color=look.colour,
        linestyle=look.line,
        marker=look.mark,
        markevery=(every // 2, every),
        markersize=5,
    )
    if curve.median_days is not None:
        ax.plot([curve.median_days] * 2, [0, 0.5], color=look.colour, linewidth=1, linestyle=(0, (2, 3)))


def _label_curves(ax: Axes, curves: Mapping[str, Survival]) -> None:
    """Write at each curve's end its name, and when it has happened to half of the users or to how many it has."""
    if len(curves) < 2:  # noqa: PLR2004  # the title says it
        return
    known = all(curve.median_days is not None for curve in curves.values())
    ends = []
    for (name, curve), look in zip(curves.items(), looks(len(curves)), strict=True):
        figure = f"{curve.median_days} days" if known else f"{1 - curve.survival[-1]:.0%}"
        ends.append((len(curve.days) - 1, curve.survival[-1], f"{name}: {figure}", look.colour))
    label_ends(ax, ends)


def _half(curves: Sequence[Survival], who: str, happened: str) -> str:
    """Say when it has happened to half of the users, or to how many it has by the end."""
    medians = [curve.median_days for curve in curves]
    known = sorted(median for median in medians if median is not None)
    if len(known) == len(medians):
        return f"Half of the {who} have {happened} after {_range([str(median) for median in known])} days"
    shares = [f"{share:.0%}" for share in sorted(1 - curve.survival[-1] for curve in curves)]
    return f"{_range(shares)} of the {who} have {happened} after {len(curves[0].days) - 1} days"


def _range(texts: Sequence[str]) -> str:
    """Say the least and the greatest of what is in order."""
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]} to {texts[-1]}"


def plot_revenue(
    replications: Replications | Mapping[str, Replications],
    population: str | None = None,
    *,
    cumulative: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw revenue over time: the mean over replications, with an interval for each day.

    Args:
        replications: Of one scenario, or of several by their names.
        population: ``crm``, ``regular``, or None for all users.
        cumulative: Whether each day has the sum of all days up to it.
        ax: Where to draw.

    Raises:
        ValueError: There are too few replications for an interval.
    """
    return plot_daily(replications, "revenue_cents", population, cumulative=cumulative, ax=ax)


def plot_daily(
    replications: Replications | Mapping[str, Replications],
    name: str,
    population: str | None = None,
    *,
    cumulative: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw a daily series: the mean over replications, with an interval for each day.

    Args:
        replications: Of one scenario, or of several by their names.
        name: Which series, see `crm_domain.simulation.results.part.DAILY`.
        population: ``crm``, ``regular``, or None for all users.
        cumulative: Whether each day has the sum of all days up to it.
        ax: Where to draw.

    Raises:
        KeyError: There is no such series.
        ValueError: There are too few replications for an interval.
    """
    named = {"": replications} if isinstance(replications, Replications) else dict(replications)
    series = {key: r.daily(name, population, cumulative=cumulative) for key, r in named.items()}
    title, unit = _UNITS.get(name, (name.replace("_", " ").capitalize(), ""))
    scale = 0.01 if name.endswith("_cents") else 1.0
    sign = "$" if unit == "$" else ""
    with styled():
        ax = axes(ax)
        for one, look in zip(series.values(), looks(len(series)), strict=True):
            _draw_series(ax, one, look, scale)
        measured = f"{title.lower()}{' so far' if cumulative else ' a day'}{f', {unit}' if unit else ''}"
        ax.set(xlabel="days since the start", ylabel=measured)
        ax.set_xlim(0, max(len(s.intervals) for s in series.values()))
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{sign}{value:,.10g}"))
        ax.grid(axis="y")
        amounts = {key: _amount(one, scale, cumulative=cumulative) for key, one in series.items()}
        best = max(amounts, key=amounts.__getitem__)
        said = f"{sign}{amounts[best]:,.0f} " + (
            f"after {len(series[best].intervals)} days" if cumulative else "a day on average"
        )
        if len(series) > 1:
            pairs = zip(series.items(), looks(len(series)), strict=True)
            label_ends(ax, [_end(key, one, look, scale, f"{sign}{amounts[key]:,.0f}") for (key, one), look in pairs])
            said = f"{title}: highest with {best}, {said}"
        else:
            said = f"{title}: {said}"
        entitle(ax, said, _bands(next(iter(named.values())), population))
    return ax


def _draw_series(ax: Axes, series: Series, look: Look, scale: float) -> None:
    low, mean, high = ([scale * value for value in series.columns[name]] for name in ("low", "mean", "high"))
    days = list(range(1, len(mean) + 1))
    every = max(len(days) // 9, 1)
    ax.fill_between(days, low, high, color=look.colour, alpha=0.18, linewidth=0)
    ax.plot(
        days,
        mean,
        color=look.colour,
        linestyle=look.line,
        marker=look.mark,
        markevery=(every // 2, every),
        markersize=5,
    )


def _amount(series: Series, scale: float, *, cumulative: bool) -> float:
    """Return how much it is in the end, or on an average day."""
    means = [scale * interval.estimate for interval in series.intervals]
    return means[-1] if cumulative else sum(means) / len(means)


def _end(name: str, series: Series, look: Look, scale: float, amount: str) -> tuple[float, float, str, str]:
    """Return where the right end of a series is, what to write there, and its colour."""
    return len(series.intervals), scale * series.intervals[-1].estimate, f"{name}: {amount}", look.colour


def _bands(replications: Replications, population: str | None) -> str:
    return (
        f"Mean of {len(replications)} replications with {replications.level:.0%} intervals for each day; "
        f"{_scope(replications[0], population)}"
    )


def _scope(run: Run, population: str | None = None) -> str:
    users = run.scenario.users if population is None else run.part.totals[f"{population}_users"]
    return f"{users:,} {_WHO[population]}, {run.scenario.days} days"
