"""Tables become frames of pandas and polars, and no number is copied."""

from __future__ import annotations

from array import array
from typing import Any

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest

from crm_adapters.frames import to_pandas, to_polars
from crm_domain.simulation import EVENT_KINDS, Scenario
from crm_domain.simulation.experiments.designs import simulate
from crm_domain.simulation.results.run import Run


@pytest.fixture(scope="module", params=["array", "numpy"])
def run(request: pytest.FixtureRequest) -> Run:
    """Some users with all their events: in columns of the standard library as the plain engine has them, or of numpy."""
    scenario = Scenario(crm_users=20, regular_users=10, days=20)
    run = simulate(scenario, 1, engine="plain", keep={"users", "events"})
    if request.param == "array":
        return run
    names = ("daily", "users", "events")
    tables: dict[str, Any] = {
        name: {key: np.array(column) for key, column in getattr(run.part, name).items()} for name in names
    }
    return attrs.evolve(run, part=attrs.evolve(run.part, **tables))


def where(values: Any) -> int:
    address: int = np.asarray(values).__array_interface__["data"][0]
    return address


@pytest.mark.parametrize("table", ["users", "daily", "events"])
def test_frames_hold_the_tables(run: Run, table: str) -> None:
    """Row by row and column by column."""
    columns = {name: column.tolist() for name, column in getattr(run, table).items()}
    codes = {"kind": EVENT_KINDS, "population": ("crm", "regular")}
    expected = {n: [codes[n][code] for code in values] if n in codes else values for n, values in columns.items()}
    assert to_pandas(getattr(run, table)).to_dict("list") == expected
    assert to_polars(getattr(run, table)).to_dict(as_series=False) == expected


def test_frames_are_views(run: Run) -> None:
    """Of the memory of the columns themselves."""
    column = run.users["credits_remaining"]
    assert where(to_pandas(run.users)["credits_remaining"].to_numpy()) == where(memoryview(column))
    assert where(to_polars(run.users)["credits_remaining"].to_numpy(allow_copy=False)) == where(memoryview(column))


def test_both_libraries_take_a_table_as_it_is(run: Run) -> None:
    """Columns are plain enough for their own constructors."""
    assert pd.DataFrame(run.daily)["crm_payments"].tolist() == run.daily["crm_payments"].tolist()
    assert pl.DataFrame(dict(run.users))["payments"].to_list() == run.users["payments"].tolist()


def test_frames_count_as_the_run_does(run: Run) -> None:
    """Revenue is what the frame's payments add up to."""
    cents = int(to_pandas(run.users)["revenue_cents"].sum())
    assert to_polars(run.users)["revenue_cents"].sum() == cents
    assert run.figure("revenue") * 100 == cents  # type: ignore[operator]


def test_an_empty_table_is_an_empty_frame() -> None:
    """With its columns."""
    empty = {"user": array("q"), "kind": array("b")}
    assert (list(to_pandas(empty)), len(to_pandas(empty))) == (["user", "kind"], 0)
    assert to_polars(empty).shape == (0, 2)
