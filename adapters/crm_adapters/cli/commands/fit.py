"""The command ``crm-domain fit``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from crm_adapters.files import is_stdout, refuse_special
from crm_adapters.progress import Progress
from crm_adapters.scenarios import DataError, dumps, load, save, with_settings
from crm_adapters.scenarios.csvfiles import time_of
from crm_adapters.scenarios.sources import Data, read_sources
from crm_domain.simulation import Scenario
from crm_domain.simulation.fitting import scenario_fit
from crm_domain.simulation.fitting.histories import day_of
from crm_domain.simulation.fitting.scenario_fit import Fit
from crm_domain.wording import quoted

from ..database import FILE
from ..printing import Form, form_options, print_rows, table
from ..progress import progress_shown
from ..simulation_report import printable

_COLUMNS: Final = ("path", "value", "low", "high", "basis")
_HOW: Final = {"all": scenario_fit.fit, "payments": scenario_fit.fit_payments, "counters": scenario_fit.fit_counters}
_PARTS: Final = ("user", "time", "amount")


@click.command(short_help="Make a scenario from what real users did.")
@click.argument("sources", nargs=-1, required=True, type=FILE)
@click.option("--out", type=FILE, metavar="FILE", help="Write the scenario to a new FILE (TOML); - is standard output.")
@click.option(
    "--base",
    type=FILE,
    metavar="FILE",
    help="A scenario (TOML) for all that is not fitted. Without it: the default one, and the rules of a database.",
)
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Set one value that is not fitted.")
@click.option("--until", metavar="TIME", help="Until when the data tells. Without it: until the last time in it.")
@click.option("--real-dates", is_flag=True, help="Let users come when they really came, rather than at the same rate.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="PART=NAME",
    help="Of a table of payments: which column is the user, the time or the amount.",
)
@form_options
def fit(
    *,
    sources: tuple[Path, ...],
    out: Path | None,
    base: Path | None,
    settings: tuple[str, ...],
    until: str | None,
    real_dates: bool,
    columns: tuple[str, ...],
    form: Form,
) -> None:
    """Make a scenario for "simulate" from what real users did, and say how sure each number is.

    \b
    SOURCES are one of
      a database     crm.db: its journal says all
      exports        CSV files of the document's tables, the main one among them; each is known
                     by its columns, as COPY … WITH CSV HEADER writes them
      counters       a CSV file of CRM users with their totals, as "users --csv" prints it, or the
                     document's export; with --until, the time at which they were read
      payments       a table of user, time and perhaps amount: CSV with a first line that names
                     the columns, or bare lines such as those of the public CDNOW log

    Attempts that are blocked leave no trace. So rates come from the time in which users have
    credits, and what they do without from how long it takes them to pay. Churn is what silence
    says: users do not say that they leave.

    \b
    Examples:
      crm-domain fit crm.db --out mine.toml && crm-domain simulate mine.toml
      crm-domain fit exports/*.csv --until 2026-03-01
      crm-domain users --csv > users.csv && crm-domain fit users.csv --until 2026-03-01
      crm-domain fit CDNOW_master.txt --set policy.credits_per_payment=1 --out cdnow.toml
      crm-domain fit sales.csv --column user=client --column time=paid_on --json

    \b
    Exit codes: 0 it is done, 2 a file is wrong, or FILE exists already, 130 Ctrl-C.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    to_stdout = out is not None and is_stdout(out)
    if to_stdout and form is not Form.TABLE:
        raise click.UsageError(f"--out: {out} is where --{form.value} goes: choose one of the two.")
    if out is not None and not to_stdout and refuse_special(out).exists():
        raise click.UsageError(f"--out: {out} exists already: choose another name, or move it away.")
    named = _named(columns)
    end = None if until is None else _moment(until)
    scenario = with_settings(Scenario() if base is None else load(base), settings)
    try:
        with progress_shown() as show:
            data = read_sources(sources, scenario.policy, columns=named, until=end, progress=show)
            if base is None and data.rules is not None:
                scenario = with_settings(attrs.evolve(scenario, rules=data.rules), settings)
            fitted = _fitted(data, scenario, show, real_dates=real_dates)
    except ValueError as error:
        raise DataError(sources[0], None, str(error).removeprefix("fit: ")) from None
    if form is Form.TABLE:
        click.echo(printable(_shown(fitted)), err=to_stdout)
    else:
        print_rows(form, _COLUMNS, map(_row, fitted.estimates))
    if to_stdout:
        click.echo(dumps(fitted.scenario), nl=False)
    elif out is not None:
        save(fitted.scenario, out)
        click.echo(f"\nWrote {out}. Run it with: crm-domain simulate {out}", err=form is not Form.TABLE)


def _fitted(data: Data, base: Scenario, show: Progress, *, real_dates: bool) -> Fit:
    def progress(what: str) -> None:
        show(f"fit {what}", 0, 1)

    return _HOW[data.known](data.histories, base, dates=real_dates, progress=progress)


def _named(columns: Sequence[str]) -> dict[str, str]:
    named = {}
    for column in columns:
        part, _, name = column.partition("=")
        if part not in _PARTS or not name:
            raise click.UsageError(f"--column: expected user=NAME, time=NAME or amount=NAME, got {quoted(column)}.")
        named[part] = name
    return named


def _moment(text: str) -> float:
    try:
        return day_of(time_of(text, Path(), 1))
    except DataError as error:
        raise click.UsageError(f"--until: {error.problem}") from None


def _shown(fitted: Fit) -> str:
    listing = fitted.listing()
    lines = [listing.title, "", table(listing.head, listing.rows)]
    return "\n".join([*lines, *(["", *listing.notes] if listing.notes else [])])


def _row(estimate: Any) -> dict[str, Any]:
    return {name: getattr(estimate, name) for name in _COLUMNS}
