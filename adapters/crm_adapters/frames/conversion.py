"""Columns as frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crm_domain.simulation.results.part import EVENT_KINDS, POPULATIONS, Column

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_WORDS: Mapping[str, tuple[str, ...]] = {"kind": EVENT_KINDS, "population": POPULATIONS}
"""Columns of codes, and the words that their codes stand for."""


def to_pandas(table: Mapping[str, Column]) -> pd.DataFrame:
    """Return a table of a run (``run.users``, ``run.daily``, ``run.events``) as a frame of pandas.

    Its columns are the table's own memory. ``kind`` and ``population`` are categories in words.

    Raises:
        ModuleNotFoundError: pandas is not installed.
    """
    import pandas as pd  # noqa: PLC0415  # one who wants polars need not have it

    columns: dict[str, Any] = {}
    for name, column in table.items():
        values = _viewed(column)
        words = _WORDS.get(name)
        columns[name] = values if words is None else pd.Categorical.from_codes(values, categories=list(words))  # type: ignore[call-overload]
    return pd.DataFrame(columns, copy=False)


def to_polars(table: Mapping[str, Column]) -> pl.DataFrame:
    """Return a table of a run (``run.users``, ``run.daily``, ``run.events``) as a frame of polars.

    Its columns are the table's own memory, but ``kind`` and ``population``, which are enums in words.

    Raises:
        ModuleNotFoundError: polars is not installed.
    """
    import polars as pl  # noqa: PLC0415  # one who wants pandas need not have it

    columns = []
    for name, column in table.items():
        words = _WORDS.get(name)
        series = pl.Series(name, _viewed(column))
        if words is not None:
            series = pl.Series(name, words, dtype=pl.Enum(words)).gather(series)
        columns.append(series)
    return pl.DataFrame(columns)


def _viewed(column: Column) -> NDArray[Any]:
    """Return numpy's view of a column's memory."""
    view = memoryview(column)
    return np.frombuffer(view, dtype=view.format)
