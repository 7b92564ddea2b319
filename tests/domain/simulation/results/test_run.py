"""Runs and replications show what they hold, as numbers and to be read."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Callable
from statistics import fmean
from typing import Any

import attrs
import pytest

from crm_domain.simulation import FIGURES, Replications, Run, Scenario, compare, replicate, simulate, with_parameters
from crm_domain.simulation.results.listing import Listing
from crm_domain.simulation.results.part import DAILY, EVENT_COLUMNS, USER_COLUMNS, Pile

from ..conftest import Handmade

SCENARIO = Scenario(crm_users=40, regular_users=10, days=45)


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(SCENARIO, 3, engine="plain", keep={"users", "events"})


@pytest.fixture(scope="module")
def replications() -> Replications:
    return replicate(SCENARIO, 5, engine="plain")


# --- tables ---------------------------------------------------------------------------------


def test_tables_are_plain_columns(run: Run) -> None:
    """Of the buffer protocol, all of one length, under the names that are documented."""
    assert list(run.users) == list(USER_COLUMNS)
    assert list(run.events) == list(EVENT_COLUMNS)
    assert {len(memoryview(column)) for column in run.users.values()} == {50}
    assert len(run.events["kind"]) == sum(run.part.totals[f"{who}_events"] for who in ("crm", "regular"))
    assert set(run.daily) == {"day", *(f"{who}_{name}" for who in ("crm", "regular") for name in DAILY)}
    assert run.daily["day"].tolist() == list(range(45))


@pytest.mark.parametrize("table", ["users", "events"])
def test_tables_that_were_not_kept_are_not_there(table: str) -> None:
    """It says how to get them."""
    with pytest.raises(LookupError, match=rf"the table of {table} was not kept: .*keep={{'{table}'}}"):
        getattr(simulate(SCENARIO, keep=(), engine="plain"), table)


def test_figures_agree_with_the_table_of_users(run: Run) -> None:
    """What is counted day by day is what users have, in all and by population."""
    assert run.figure("recordings") == sum(run.users["recordings"])
    assert run.figures["credits_outstanding"] == sum(run.users["credits_remaining"])
    assert run.figure("revenue", "regular") * 100 == sum(run.users["revenue_cents"][40:])  # type: ignore[operator]
    assert run.figure("paying_share", "crm") == sum(cents > 0 for cents in run.users["revenue_cents"][:40]) / 40
    assert dict(run.figures)["users"] == 50


def test_survival_follows_users_for_whole_days(run: Run) -> None:
    """The share of users to whom it has not happened, when all are there from the start."""
    day = 86_400_000_000
    spent = [at for at in run.users["free_credits_spent_us"][:40] if at >= 0]
    curve = run.survival()
    assert curve.survival == pytest.approx([1 - sum(at < d * day for at in spent) / 40 for d in range(46)])


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda run: run.figure("revenue", "both"), "population: there is no 'both'; there are crm, regular"),
        (lambda run: run.survival("birth"), "duration: there is no 'birth'; there are free_credits_spent, first_block"),
        (lambda run: run.cohorts("both"), "population: there is no 'both'"),
        (lambda run: run.figure("revenu"), "did you mean revenue"),
    ],
)
def test_what_a_run_does_not_have(run: Run, ask: Callable[[Run], Any], said: str) -> None:
    """The near ones are named, or all."""
    with pytest.raises(ValueError, match=said):
        ask(run)


# --- replications ---------------------------------------------------------------------------


def test_intervals_are_of_the_runs(replications: Replications) -> None:
    """The mean of their values, at the level and by the method that is asked for."""
    values = replications.values("revenue")
    interval = replications.interval("revenue")
    assert interval.estimate == pytest.approx(fmean(float(value) for value in values if value is not None))
    assert replications.interval("revenue", level=0.5).half_width < interval.half_width
    assert replications.interval("revenue", level=0.5, method="signed_rank").method == "signed_rank"
    assert replications.interval("revenue", "crm").estimate < interval.estimate


def test_daily_means_are_of_the_runs(replications: Replications) -> None:
    """Day by day, or of all days up to each."""
    series = replications.daily("recordings")
    first = fmean(run.counts().series("recordings")[0] for run in replications)
    assert series.intervals[0].estimate == pytest.approx(first)
    total = replications.daily("recordings", cumulative=True).columns
    assert total["mean"][-1] == pytest.approx(sum(series.columns["mean"]))
    assert list(total) == ["day", "mean", "low", "high"]
    assert replications.daily("recordings", "regular").intervals[0].estimate <= first


def test_a_figure_that_some_run_does_not_have_has_no_mean() -> None:
    """It says in how many."""
    short = replicate(Scenario(crm_users=5, regular_users=0, days=5), 3, engine="plain")
    with pytest.raises(ValueError, match="retention_week_4: 3 of 3 replications have no value"):
        short.interval("retention_week_4")
    assert "Retention" not in str(short)


def test_replications_are_rows_of_a_frame(replications: Replications) -> None:
    """The seed and all figures, or some."""
    assert list(replications.columns()) == ["seed", *FIGURES]
    assert replications.columns(["payments"]) == {"seed": [0, 1, 2, 3, 4], "payments": replications.values("payments")}


# --- to be read -----------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """The text of a page, and whether its tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        assert tag == "polyline"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def test_a_run_reads_as_a_table(run: Run) -> None:
    """Every figure, for all users and for each population, and the policy."""
    text = str(run)
    lines = text.splitlines()
    assert lines[0] == "50 users, 45 days, seed 3, plain engine"
    assert re.match(r" +all users +CRM users +regular users$", lines[2])
    assert re.search(r"^Users +50 +40 +10$", text, re.MULTILINE)
    assert lines[-1] == "4 free credits, 3 for a payment of $12.99; rules: hardened"
    assert len(lines) == 4 + len(FIGURES) - 1 + 2, "overdrawn users are left out where there are none"


def test_a_run_of_one_population_has_one_column() -> None:
    """There is nothing to tell apart."""
    run = simulate(Scenario(crm_users=5, regular_users=0, days=10), engine="plain")
    assert run.listing().head == ("", "CRM users")
    assert simulate(Scenario(crm_users=0, regular_users=0, days=10), engine="plain").listing().head == ("", "all users")


def test_overdrawn_users_are_shown_where_there_are_some(handmade: Handmade) -> None:
    """As few rules let anybody overdraw."""
    part = handmade(7, 2, crm_users=2, crm_arrived=2, crm_overdrawn_users=1)
    scenario = Scenario(crm_users=2, regular_users=0, days=7)
    run = Run(scenario=scenario, seed=0, engine="plain", part=part)
    assert re.search(r"^Overdrawn users +1$", str(run), re.MULTILINE)


def test_a_run_shows_in_a_notebook(run: Run) -> None:
    """The same table, balanced, with definitions where one points, and two small lines."""
    page = Page(run._repr_html_())
    assert page.open == []
    assert {"Revenue", "all users", "CRM users"} <= set(page.cells)
    assert run._repr_html_().count("<svg") == 2
    assert "revenue: The sum of all payments" in run._repr_html_()


def test_replications_read_as_a_table(replications: Replications) -> None:
    """With an interval for every figure that all runs have."""
    text = str(replications)
    assert text.startswith("5 replications of 50 users, 45 days")
    assert "95% interval" in text
    assert re.search(r"^Users +50 +50 to 50 +50 +50$", text, re.MULTILINE)
    assert Page(replications._repr_html_()).open == []


def test_comparisons_read_as_a_table() -> None:
    """Means, differences with half their intervals, and what may be chance; shares in points."""
    variants = {n: with_parameters(SCENARIO, {"policy.initial_credits": c}) for n, c in (("none", 0), ("same", 4))}
    found = compare(SCENARIO, variants, 4, engine="plain")
    text = str(found)
    assert text.startswith("2 variants against a base, 4 replications of 50 users, 45 days")
    assert re.search(r"^  same +\$[\d,.]+ +\+0\.00 +± 0\.00 +\+0\.0 %$", text, re.MULTILINE)
    assert re.search(r"^  none +[\d.]+ % +\+[\d.]+ +± [\d.]+ \* +\+[\d.]+ %$", text, re.MULTILINE)
    assert "95% interval for all variants together (Bonferroni)" in text
    assert Page(found._repr_html_()).open == []
    assert "together" not in str(attrs.evolve(found, simultaneous=False))
    columns = found.columns(["revenue", "arpu"])
    assert columns["variant"] == ["none", "none", "same", "same"]
    assert columns["difference"][2:] == [0, 0]


def test_a_base_of_nothing_has_no_percentage() -> None:
    """A figure that is 0 in the base is divided by nothing."""
    nobody_pays = with_parameters(SCENARIO, {"payments.when_blocked": 0, "payments.early": 0})
    assert re.search(
        r"^  paying .* -$", str(compare(nobody_pays, {"paying": SCENARIO}, 2, engine="plain")), re.MULTILINE
    )


def test_text_is_no_markup() -> None:
    """Names are shown as they are written."""
    listing = Listing(title="a < b", head=("", "n"), rows=(("<script>", "1"),))
    assert "<script>" not in listing.html()
    assert "&lt;script&gt;" in listing.html()
    assert str(listing) == "a < b\n\n          n\n────────  ─\n<script>  1"


# --- piles ----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)])
def test_parts_are_put_together_in_any_order(handmade: Handmade, order: tuple[int, ...]) -> None:
    """And few are held: neighbours are one."""
    pile = Pile()
    for place in order:
        pile.add(handmade(7, 5, first=5 * place, crm_users=5, crm_payments={place: 1}))
    whole = pile.first()
    assert whole is not None
    assert (whole.users_from, whole.users_to, pile.users, whole.totals["crm_users"]) == (0, 20, 20, 20)
    assert whole.daily["crm_payments"].tolist() == [1, 1, 1, 1, 0, 0, 0]


def test_a_pile_with_a_gap_shows_what_is_before_it(handmade: Handmade) -> None:
    """Nothing, if the first users are missing."""
    pile = Pile()
    pile.add(handmade(7, 5, first=5))
    assert pile.first() is None
    pile.add(handmade(7, 5, first=0))
    pile.add(handmade(7, 5, first=20))
    first = pile.first()
    assert first is not None
    assert (first.users_from, first.users_to, pile.users) == (0, 10, 15)
