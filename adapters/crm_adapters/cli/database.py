"""Which file keeps the state, and how does a command open it?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from crm_adapters.sqlite import SqliteStore, stored_rules
from crm_domain import Crm

from .errors import FileName

FILE: Final = FileName()
"""The type of arguments that name a file."""

db_option: Final = click.option(
    "--db",
    type=FILE,
    default=Path("crm.db"),
    envvar="CRM_DOMAIN_DB",
    show_default=True,
    show_envvar=True,
    metavar="FILE",
    help="The file that keeps the state.",
)


def _number(_: click.Context, __: click.Parameter, seconds: float) -> float:
    if seconds != seconds:  # noqa: PLR0124 - NaN is in every range
        raise click.BadParameter("nan is no number of seconds.")
    return seconds


timeout_option: Final = click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(0, 86_400),
    callback=_number,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for other processes that have the file.",
)


@contextmanager
def opened_crm(path: Path, *, timeout_seconds: float = 10.0) -> Iterator[Crm]:
    """Open an existing file under the rules that it is kept under; it is closed with the block.

    Raises:
        StoreError: There is no such file, or it cannot be used.
    """
    rules = stored_rules(path, busy_timeout_seconds=timeout_seconds)
    with SqliteStore(path, busy_timeout_seconds=timeout_seconds) as store:
        yield Crm(store, rules=rules)
