"""How do the figures of a simulation read?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any, Final

from crm_domain.simulation import FIGURES, Comparison, Figure, Replications, Scenario
from crm_domain.simulation.fitting.estimates import counted
from crm_domain.simulation.results.listing import Listing

COLUMNS: Final = ("figure", "unit", "mean", "low", "high", "level", "least", "greatest", "replications")
COMPARISON_COLUMNS: Final = ("variant", "figure", "unit", "base", "mean", "difference", "low", "high", "level")

_GROUPS: Final = {
    "Who comes, and stays": ("users", "daily_active_users", "retention_week_4", "churned_share"),
    "What they do": ("job_requests", "recordings", "credits_granted", "credits_consumed", "credits_outstanding"),
    "Who runs dry, and when": (
        "median_life_of_free_credits",
        "median_time_to_first_block",
        "blocked_users_share",
        "blocked_recordings",
        "blocked_share",
    ),
    "What it earns": (
        "revenue",
        "payments",
        "arpu",
        "arppu",
        "paying_share",
        "conversion",
        "conversion_within_30_days",
        "repeat_share",
    ),
}
"""The key figures by what someone asks; those that are in no group stand at the end."""

_BARS: Final = "▁▂▃▄▅▆▇█"
_WEEK: Final = 7
_PLAIN: Final = str.maketrans("─\N{EN DASH}±…", "--+~")


def figures_of(found: Replications) -> Iterator[dict[str, Any]]:
    """Yield one row for each key figure; what not every run has a value of is None."""
    for figure in FIGURES.values():
        values = found.values(figure.name)
        row: dict[str, Any] = {"figure": figure.name, "unit": figure.unit, "replications": len(values)}
        row |= dict.fromkeys(("mean", "low", "high", "level", "least", "greatest"))
        if None not in values:
            numbers = found.numbers(figure.name)
            row |= {"mean": fmean(numbers), "least": min(numbers), "greatest": max(numbers)}
            if len(numbers) > 1:
                interval = found.interval(figure.name)
                row |= {"low": interval.low, "high": interval.high, "level": interval.level}
        yield row


def shown_figures(found: Replications) -> str:
    """Return the key figures as a table, and how two of them go on week by week."""
    rows: list[tuple[str, ...]] = []
    for title, names in _groups().items():
        shown = [_row(found, FIGURES[name]) for name in names if _is_shown(found, name)]
        if shown:
            rows += [(title, *("" for _ in shown[0][1:])), *shown]
    head = ("", "mean", f"{found.level:.0%} interval") if len(found) > 1 else ("", "one run")
    listing = Listing(title=_title(found.scenario, len(found)), head=head, rows=tuple(rows))
    weekly = _weekly(found)
    return "\n".join([str(listing), *(["", *weekly] if weekly else [])])


def shown_comparison(found: Comparison) -> str:
    """Return the differences to the base as a table."""
    return "\n".join([_title(found.base.scenario, len(found.base)), "", str(found.listing())])


def printable(text: str) -> str:
    """Return a text that standard output has signs for: lines and bars only where it can show them."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        kept = (line for line in text.splitlines() if not set(line) & set(_BARS))
        return "\n".join(kept).translate(_PLAIN)
    return text


def _groups() -> dict[str, Sequence[str]]:
    grouped = {name for names in _GROUPS.values() for name in names}
    others = tuple(name for name in FIGURES if name not in grouped)
    return {**_GROUPS, "And": others}


def _title(scenario: Scenario, runs: int) -> str:
    policy = scenario.policy
    crm, regular = counted(scenario.crm_users, "CRM user"), counted(scenario.regular_users, "regular user")
    times = f", {runs} times" if runs > 1 else ""
    return (
        f"{crm} and {regular} over {counted(scenario.days, 'day')}{times}\n"
        f"{counted(policy.initial_credits, 'credit')} free for CRM users, {policy.credits_per_payment} for a payment of "
        f"${policy.price}; rules: {scenario.rules}"
    )


def _is_shown(found: Replications, name: str) -> bool:
    values = found.values(name)
    return None not in values and (name != "overdrawn_users" or any(values))


def _row(found: Replications, figure: Figure) -> tuple[str, ...]:
    days = ", days" if figure.unit == "days" else ""  # said once, not with every number
    title = f"  {figure.title}{days}"
    numbers = found.numbers(figure.name)
    if len(numbers) == 1:
        return title, _text(figure, numbers[0])
    interval = found.interval(figure.name)
    return title, _text(figure, interval.estimate), f"{_text(figure, interval.low)} to {_text(figure, interval.high)}"


def _text(figure: Figure, value: float) -> str:
    many = 1000
    is_count = figure.unit not in {"%", "days"} and figure.unit[:1] != "$"
    if is_count and (abs(value) >= many or value == int(value)):
        return f"{value:,.0f}"
    return figure.text(value).removesuffix(" days")


def _weekly(found: Replications) -> list[str]:
    """Return two lines of bars: the free credits that are left, and revenue."""
    lines: list[str] = []
    whole = found.scenario.days // _WEEK
    if whole < 2:  # noqa: PLR2004 - one bar shows nothing
        return lines
    if found.scenario.crm_users and found.scenario.policy.initial_credits:
        left = [fmean(values) for values in zip(*(_left(run) for run in found), strict=True)]
        said = f"100 % to {100 * left[-1]:.0f} % of CRM users"
        lines.append(_bars("Free credits left, by week since arrival", left[::_WEEK], said))
    daily = [fmean(days) for days in zip(*(run.counts().series("revenue_cents") for run in found), strict=True)]
    weeks = [sum(daily[_WEEK * n : _WEEK * (n + 1)]) / 100 for n in range(whole)]
    if any(weeks):
        lines.append(_bars("Revenue, by week", weeks, f"${min(weeks):,.0f} to ${max(weeks):,.0f} a week"))
    return lines


def _left(run: Any) -> Sequence[float]:
    survival: Sequence[float] = run.survival().survival
    return survival


def _bars(title: str, values: Sequence[float], said: str) -> str:
    most = max(values)
    bars = "".join(_BARS[round((len(_BARS) - 1) * value / most)] for value in values)
    return f"{title:<41} {bars}  {said}"
