"""Pictures show what was found, say it in their titles, and tell series apart without colour."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from crm_adapters.plots import (
    plot_comparison,
    plot_daily,
    plot_retention,
    plot_revenue,
    plot_survival,
    plot_sweep,
)
from crm_adapters.plots.style import figure_of
from crm_domain.simulation import Arrivals, Scenario
from crm_domain.simulation.experiments.designs import simulate, sweep
from crm_domain.simulation.parameters import with_parameters
from crm_domain.simulation.results.replications import Sweep
from crm_domain.simulation.results.run import Run

BASE = Scenario(crm_users=60, regular_users=20, days=50)


@pytest.fixture(scope="module", autouse=True)
def _without_a_screen() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        yield


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(BASE, 1, engine="plain")


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return sweep(BASE, {"policy.initial_credits": [0, 4, 8]}, 4, engine="plain")


def drawn(ax: Axes) -> str:
    """Draw the picture as SVG: nothing raises or warns, and it is not empty."""
    out = io.StringIO()
    figure_of(ax).savefig(out, format="svg", metadata={"Date": None})
    svg = out.getvalue()
    assert svg.count("<path") > 10
    return svg


def below_title(ax: Axes) -> str:
    return next(text.get_text() for text in ax.texts if text.get_fontsize() == 9 and " days" in text.get_text())


def x_of(line: Line2D) -> list[float]:
    return [float(x) for x in np.asarray(line.get_xdata())]


def y_of(line: Line2D) -> list[float]:
    return [float(y) for y in np.asarray(line.get_ydata())]


def marks(ax: Axes) -> set[tuple[Any, Any]]:
    return {
        (line.get_linestyle(), line.get_marker()) for line in ax.lines if line.get_marker() not in {"None", "|", "_"}
    }


def test_survival_says_when_half_is_over(run: Run) -> None:
    """The curve is that of the run, with units on both axes."""
    ax = plot_survival(run)
    curve = run.survival()
    assert (
        ax.get_title("left") == f"Half of the CRM users have used up their free credits after {curve.median_days} days"
    )
    assert below_title(ax) == "Kaplan-Meier with 95% intervals; 60 CRM users, 50 days"
    assert y_of(ax.lines[0]) == list(curve.survival)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("days since arrival", "CRM users who still have free credits")
    drawn(ax)


def test_survival_of_several_is_told_apart_by_lines_and_marks(run: Run) -> None:
    """Each has its name and its median at its end."""
    other = simulate(with_parameters(BASE, {"policy.initial_credits": 1}), 1, engine="plain")
    ax = plot_survival({"four": run, "one": other})
    assert len(marks(ax)) == 2
    names = {text.get_text() for text in ax.texts}
    assert {f"four: {run.survival().median_days} days", f"one: {other.survival().median_days} days"} <= names
    medians = sorted(run_.survival().median_days or 0 for run_ in (run, other))
    assert f"after {medians[0]} to {medians[1]} days" in ax.get_title("left")
    drawn(ax)


def test_survival_that_does_not_reach_the_half_says_how_far_it_came() -> None:
    """As a share of the users at the end, of one run or of several."""
    few = simulate(with_parameters(BASE, {"payments.when_blocked": 0.01}), 1, engine="plain")
    paid = 1 - few.survival("first_payment").survival[-1]
    assert (
        plot_survival(few, "first_payment").get_title("left") == f"{paid:.0%} of the CRM users have paid after 50 days"
    )
    ax = plot_survival({"a": few, "b": few}, "first_payment", None)
    everybody = 1 - few.survival("first_payment", None).survival[-1]
    assert ax.get_title("left") == f"{everybody:.0%} of the users have paid after 50 days"
    assert f"a: {everybody:.0%}" in {text.get_text() for text in ax.texts}


def test_revenue_has_a_band(swept: Sweep) -> None:
    """The mean, day by day, and the interval around it."""
    ax = plot_revenue(swept.base)
    series = swept.base.daily("revenue_cents", cumulative=True)
    assert y_of(ax.lines[0]) == pytest.approx([i.estimate / 100 for i in series.intervals])
    assert len(ax.collections) == 1
    assert ax.get_title("left") == f"Revenue: ${series.intervals[-1].estimate / 100:,.0f} after 50 days"
    assert ax.get_ylabel() == "revenue so far, $"
    assert below_title(ax) == "Mean of 4 replications with 95% intervals for each day; 80 users, 50 days"
    drawn(ax)


def test_revenue_of_several_names_the_highest(swept: Sweep) -> None:
    """And writes each one's revenue at its end."""
    named = {"4 free": swept.base, "0 free": swept.variants["policy.initial_credits=0"]}
    ax = plot_revenue(named, "crm")
    assert ax.get_title("left").startswith("Revenue: highest with 0 free, $")
    assert len(marks(ax)) == 2
    assert below_title(ax).endswith("60 CRM users, 50 days")
    drawn(ax)


def test_any_daily_series_can_be_drawn(swept: Sweep) -> None:
    """Also by the day, and not in money."""
    ax = plot_daily(swept.base, "active_users")
    assert ax.get_ylabel() == "active users a day"
    assert ax.get_title("left").endswith("a day on average")
    drawn(ax)


def test_comparisons_show_differences_and_what_may_be_chance(swept: Sweep) -> None:
    """A panel a figure; a variant that is the base lies at 0 with an empty mark."""
    panels = plot_comparison(swept, ["revenue", "recordings", "conversion"])
    assert [panel.get_title("left") for panel in panels] == ["Revenue", "Recordings", "Conversion from free to paid"]
    assert panels[1].get_xlabel() == "recordings against the base"
    assert panels[2].get_xlabel() == "percentage points against the base"
    points = [line for line in panels[1].lines if line.get_marker() == "o"]
    gaps = list(swept.differences("recordings").values())
    assert [x_of(line)[0] for line in points] == [gap.estimate for gap in gaps]
    assert [line.get_markerfacecolor() == "white" for line in points] == [not gap.excludes_zero for gap in gaps]
    assert figure_of(panels[0]).get_supxlabel().startswith("Paired differences of 4 replications")
    drawn(panels[0])


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("recordings", "Recordings is highest with policy.initial_credits=8: +"),
        ("users", "Users: no variant differs from the base by more than chance"),
    ],
)
def test_comparisons_say_which_variant_is_best(swept: Sweep, figure: str, said: str) -> None:
    """Or that none is."""
    (panel,) = plot_comparison(swept, [figure])
    assert figure_of(panel).get_suptitle().startswith(said)


def test_comparisons_with_worse_variants_say_so() -> None:
    """None is above the base."""
    found = sweep(BASE, {"policy.initial_credits": [1]}, 4, engine="plain")
    (panel,) = plot_comparison(found, ["recordings"])
    assert figure_of(panel).get_suptitle() == "Recordings: no variant is above the base"


def test_a_line_for_each_value_of_a_second_parameter() -> None:
    """The first is the axis."""
    found = sweep(BASE, {"policy.initial_credits": [1, 6], "payments.when_blocked": [0.1, 0.6]}, 3, engine="plain")
    ax = plot_sweep(found, "paying_share")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("policy.initial_credits", "paying share, %")
    assert {"payments.when_blocked = 0.1", "payments.when_blocked = 0.6"} <= {text.get_text() for text in ax.texts}
    assert len(marks(ax)) == 2
    drawn(ax)


def test_a_sweep_of_one_parameter_has_its_values_written(swept: Sweep) -> None:
    """With an interval at each."""
    ax = plot_sweep(swept, "recordings")
    assert ax.get_title("left") == "Recordings is highest with policy.initial_credits=8"
    mean = swept.variants["policy.initial_credits=8"].interval("recordings").estimate
    assert f"{mean:,.1f}" in {text.get_text() for text in ax.texts}
    assert len(ax.containers) == 1
    drawn(ax)
    assert plot_sweep(swept).get_ylabel() == "revenue, $"


def test_a_sweep_of_a_share_has_shares_on_its_axis() -> None:
    """Not only whole numbers."""
    ax = plot_sweep(sweep(BASE, {"payments.when_blocked": [0.1, 0.5]}, 2, engine="plain"), "arpu")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("payments.when_blocked", "revenue per user (ARPU), $ a user")
    drawn(ax)
    assert [label for label in ax.get_xticks() if label % 1] != []


def test_a_sweep_of_more_parameters_is_no_picture() -> None:
    """The reason is told."""
    paths: dict[str, list[Any]] = {"days": [20], "policy.initial_credits": [1], "payments.early": [0.1]}
    with pytest.raises(ValueError, match="draws one or two parameters, not 3"):
        plot_sweep(sweep(BASE, paths, 2, engine="plain"))


def test_cohorts_are_a_map_with_numbers() -> None:
    """A row a cohort, as far as it is seen."""
    scenario = Scenario(crm_users=60, regular_users=0, days=50, crm_arrivals=Arrivals(per_day=2))
    run = simulate(scenario, 1, engine="plain")
    ax = plot_retention(run)
    cohorts = run.cohorts()
    cells = [text.get_text() for text in ax.texts if not isinstance(text, Annotation)]
    assert cells == [f"{share:.0%}" for row in cohorts.rows for share in row if share is not None]
    assert ax.get_yticklabels()[0].get_text() == f"week 0  ({cohorts.sizes[0]})"
    assert ax.get_title("left").startswith(f"{cohorts.retention(4):.0%} of users are active in week 4")
    drawn(ax)


def test_a_week_in_which_nobody_comes_is_left_blank() -> None:
    """Its row is there, without numbers."""
    days = [0, 0, 15]
    dates = [Scenario().start + timedelta(days=day, hours=1) for day in days]
    run = simulate(
        Scenario(crm_users=3, regular_users=0, days=40, crm_arrivals=Arrivals(dates=dates)), 1, engine="plain"
    )
    ax = plot_retention(run)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["week 0  (2)", "week 1  (0)", "week 2  (1)"]
    numbers = [text.get_position()[1] for text in ax.texts if not isinstance(text, Annotation)]
    assert set(numbers) == {0, 2}


def test_one_cohort_is_a_line(run: Run) -> None:
    """With the shares written at it."""
    ax = plot_retention(run, "crm")
    (shares,) = run.cohorts("crm").rows
    assert y_of(ax.lines[0]) == list(shares)
    drawn(ax)


def test_no_cohort_is_seen_in_less_than_a_week() -> None:
    """The reason is told."""
    short = simulate(Scenario(crm_users=5, regular_users=0, days=6), 1, engine="plain")
    with pytest.raises(ValueError, match="no cohort is seen for a whole week"):
        plot_retention(short)


def test_pictures_are_drawn_where_they_shall_be(run: Run) -> None:
    """On the axes that are given; the reader's own settings are left alone."""
    before = dict(mpl.rcParams)
    ax = plt.subplots()[1]
    assert plot_survival(run, ax=ax) is ax
    assert plot_retention(run, ax=ax) is ax
    assert dict(mpl.rcParams) == before


def test_a_readers_own_marks_do_not_reach_lines_that_are_no_series(swept: Sweep) -> None:
    """Intervals have bars at their ends, whatever the reader's cycle of markers and dashes is."""
    with mpl.rc_context({"axes.prop_cycle": mpl.rcsetup.cycler(marker=["^", "s"], linestyle=["--", ":"])}):
        (panel,) = plot_comparison(swept, ["revenue"])
    assert {line.get_marker() for line in panel.lines} == {"None", "|", "o"}
    assert {line.get_linestyle() for line in panel.lines} == {"-", "None"}
