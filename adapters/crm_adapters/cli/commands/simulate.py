"""The command ``crm-domain simulate``."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any, Final

import attrs
import click
from attrs import frozen

from crm_adapters.files import write_over
from crm_adapters.processes import Processes
from crm_adapters.scenarios import alternatives, dumps, load, loads, with_settings
from crm_adapters.scenarios.reading import text_of_scenario
from crm_adapters.sqlite.saving import refuse_taken, save_as
from crm_domain.simulation import Comparison, ExecutorBroken, Interrupted, Replications, Scenario, compare, replicate
from crm_domain.simulation.engines import CHUNKS
from crm_domain.simulation.scenario import DAYS_MAX, USERS_MAX

from ..database import FILE
from ..errors import OpenedFile
from ..exit_codes import EXIT_BROKEN, EXIT_INTERRUPTED
from ..model_check import Check, check_model
from ..pictures import Picture, draw
from ..printing import Form, form_options, print_rows
from ..progress import progress_shown
from ..simulation_report import COLUMNS, COMPARISON_COLUMNS, figures_of, printable, shown_comparison, shown_figures

_REPLICATIONS: Final = 5
_REPLICATIONS_MAX, _WORKERS_MAX, _VARIANTS_MAX = 100_000, 1_000, 1_000
_SEED_MAX: Final = 2**64 - 1
_LARGE: Final = 30_000 * 90
"""So many users, times days, take more than half a minute without compiled code."""


@frozen(kw_only=True)
class _Work:
    """What was asked for: the scenario, what to hold it against, and how to run it."""

    scenario: Scenario
    variants: Mapping[str, Scenario]
    seeds: range
    engine: str
    workers: int
    db: Path | None
    picture: Picture | None

    @property
    def users_and_days(self) -> int:
        scenarios = (self.scenario, *self.variants.values())
        return sum(scenario.users * scenario.days for scenario in scenarios) * len(self.seeds)


@frozen(kw_only=True)
class _Done:
    """The result of it."""

    found: Replications | Comparison
    check: Check


@click.command(short_help="Simulate a population: who runs dry, when, and what it earns.")
@click.argument("scenario", type=OpenedFile(), required=False)
@click.option(
    "--users", type=click.IntRange(1, USERS_MAX), metavar="N", help="So many users, in the scenario's mixture."
)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), metavar="N", help="The horizon.")
@click.option(
    "--seed",
    type=click.IntRange(0, _SEED_MAX),
    default=0,
    show_default=True,
    metavar="N",
    help="The seed of the first replication; the others follow it.",
)
@click.option(
    "--replications",
    type=click.IntRange(1, _REPLICATIONS_MAX),
    default=_REPLICATIONS,
    show_default=True,
    metavar="N",
    help="How many runs, each under its own seed; the more, the narrower the intervals.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set one value, as a file has it; may be given several times.",
)
@click.option(
    "--compare",
    "comparisons",
    multiple=True,
    metavar="PATH=VALUE,…",
    help="Compare these values with the scenario, seed by seed. Given several times, every combination; where values "
    "have commas, part them by semicolons.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, _WORKERS_MAX),
    default=1,
    show_default=True,
    metavar="N",
    help="How many processes share the work; the result is the same.",
)
@click.option(
    "--engine",
    type=click.Choice(("auto", *CHUNKS)),
    default="auto",
    show_default=True,
    help="All give the same. auto is the fastest that is installed; reference drives the model itself.",
)
@click.option(
    "--db",
    type=FILE,
    metavar="FILE",
    help="Keep the first run in a new FILE, event by event, for the other commands to look at.",
)
@click.option("--plot", type=FILE, metavar="FILE", help="Draw a picture: PNG, SVG or PDF, by the name's ending.")
@click.option("--print-scenario", is_flag=True, help="Print the scenario as a file to change, and run nothing.")
@form_options
@click.pass_context
def simulate(
    ctx: click.Context,
    *,
    scenario: Any,
    users: int | None,
    days: int | None,
    seed: int,
    replications: int,
    settings: tuple[str, ...],
    comparisons: tuple[str, ...],
    workers: int,
    engine: str,
    db: Path | None,
    plot: Path | None,
    print_scenario: bool,
    form: Form,
) -> None:
    """Simulate the users of a SCENARIO (a TOML file), or of the default one, under the rules.

    Who comes, what they do, whether they pay and leave is the scenario's; what costs a credit, who
    is blocked and what a payment gives are the rules. Figures are means over replications, with 95%
    intervals. At the end, some users are run through the model itself: events and laws are checked.

    \b
    Examples:
      crm-domain simulate
      crm-domain simulate --users 100000 --set policy.initial_credits=2
      crm-domain simulate --compare policy.initial_credits=2,3,4,6 --plot credits.png
      crm-domain simulate --compare 'rules=seed;hardened,-idempotent_payment' --set payments.delivered_twice=0.05
      crm-domain simulate --print-scenario > my.toml
      crm-domain simulate my.toml --replications 20 --workers 4 --json
      crm-domain simulate my.toml --users 500 --db year.db && crm-domain users --db year.db

    What can be set is what the file of --print-scenario has, each path a section and a key.
    "crm-domain fit" makes a scenario from real data.

    \b
    Exit codes: 0 it is done, 1 the model and the engine differ, or a law is broken that must hold,
    2 the scenario, a setting or a file is wrong, 130 Ctrl-C; then nothing is written.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    base = _scenario(scenario, users, days, settings)
    if print_scenario:
        click.echo(dumps(base), nl=False)
        return
    work = _Work(
        scenario=base,
        variants=_variants(base, comparisons),
        seeds=_seeds(seed, replications, compared=bool(comparisons)),
        engine=_engine(engine),
        workers=workers,
        db=_new(db),
        picture=None if plot is None else Picture.at(plot),
    )
    _advise(work)
    done = _run(ctx, work)
    if form is Form.TABLE:
        click.echo(printable(_shown(work, done)))
        if ctx.get_parameter_source("scenario") and len(sys.argv) == 2 and sys.stdout.isatty():  # noqa: PLR2004
            click.echo("\nWhat if? crm-domain simulate --compare policy.initial_credits=2,3,4,6")
    elif isinstance(done.found, Comparison):
        print_rows(form, COMPARISON_COLUMNS, _rows(done.found.columns()))
    else:
        print_rows(form, COLUMNS, figures_of(done.found))
    if done.check.is_bad:
        if form is not Form.TABLE:
            click.echo(done.check.text, err=True)
        ctx.exit(EXIT_BROKEN)


# --- what is asked for ------------------------------------------------------------------------


def _scenario(file: Any, users: int | None, days: int | None, settings: Sequence[str]) -> Scenario:
    """Return the scenario of a file, or the default one, as the options change it."""
    scenario = Scenario() if file is None else _loaded(file)
    scenario = with_settings(scenario, settings)
    try:
        if days is not None:
            scenario = attrs.evolve(scenario, days=days)
        if users is not None:
            crm = round(users * scenario.crm_users / scenario.users) if scenario.users else users
            scenario = attrs.evolve(scenario, crm_users=crm, regular_users=users - crm)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return scenario


def _loaded(file: Any) -> Scenario:
    if getattr(file, "name", "<stdin>") == "<stdin>":
        return loads(text_of_scenario(file, "<stdin>"), name="<stdin>")
    return load(file.name)


def _variants(base: Scenario, comparisons: Sequence[str]) -> dict[str, Scenario]:
    """Return the scenarios to compare the base with, by their settings; the base itself is not one of them."""
    options = []
    for comparison in comparisons:
        path, texts = alternatives(comparison)
        options.append([f"{path}={text}" for text in texts])
    if math.prod(map(len, options)) > _VARIANTS_MAX:
        raise click.UsageError(f"--compare: these are more than {_VARIANTS_MAX:,} combinations: give fewer values.")
    variants = {}
    for chosen in product(*options) if options else ():
        variant = with_settings(base, chosen)
        if variant != base:
            variants[", ".join(chosen)] = variant
    if options and not variants:
        raise click.UsageError("--compare: every value is the scenario's own, so there is nothing to compare.")
    return variants


def _seeds(first: int, replications: int, *, compared: bool) -> range:
    if compared and replications < 2:  # noqa: PLR2004 - said in words
        raise click.UsageError("--compare takes at least 2 replications: of one, a difference may be mere chance.")
    if first + replications - 1 > _SEED_MAX:
        raise click.UsageError(f"--seed: the last of {replications} seeds would be above {_SEED_MAX}.")
    return range(first, first + replications)


def _engine(name: str) -> str:
    if name == "compiled" and find_spec("numba") is None:
        raise click.UsageError("--engine compiled takes numba: pip install 'crm-domain[fast]'")
    return name


def _new(db: Path | None) -> Path | None:
    """Refuse the name of a database that cannot be made, before all the work."""
    if db is not None:
        refuse_taken(db)
    return db


def _advise(work: _Work) -> None:
    """Tell someone who would wait long how not to."""
    if work.users_and_days > _LARGE and find_spec("numba") is None and sys.stderr.isatty():
        click.echo(
            "This takes a while in pure Python; pip install 'crm-domain[fast]' makes it 50 times as fast.", err=True
        )


# --- running ----------------------------------------------------------------------------------


def _run(ctx: click.Context, work: _Work) -> _Done:
    """Run it all; what is interrupted writes nothing."""
    doing, written = "the simulation", "Nothing was written."
    try:
        with progress_shown() as show, ExitStack() as stack:
            executor = stack.enter_context(Processes(work.workers)) if work.workers > 1 else None
            how: dict[str, Any] = {
                "engine": work.engine,
                "executor": executor,
                "progress": lambda done, total: show("simulate", done, total),
            }
            found: Replications | Comparison
            show("simulate", 0, 1)
            if work.variants:
                found = compare(work.scenario, work.variants, work.seeds, **how)
            else:
                found = replicate(work.scenario, work.seeds, **how)
            doing = "the check of the model"
            show("check", 0, 1)
            check = check_model(work.scenario, work.seeds[0], work.engine, whole=work.db is not None)
            if work.picture is not None:
                doing = "the picture"
                drawn = draw(found, work.picture)
            if work.db is not None:
                doing = f"writing {work.db}"
                save_as(check.crm, work.db, progress=show)
                written = f"{work.db} was written."
            if work.picture is not None:
                write_over(work.picture.path, drawn)
    except Interrupted as error:
        click.echo(
            f"Interrupted: {error.done:,} of {error.total:,} users were simulated. Nothing was written.", err=True
        )
        ctx.exit(EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        click.echo(f"Interrupted in {doing}. {written}", err=True)
        ctx.exit(EXIT_INTERRUPTED)
    except ExecutorBroken as error:
        raise click.ClickException(str(error)) from None
    return _Done(found=found, check=check)


def _shown(work: _Work, done: _Done) -> str:
    found = done.found
    text = shown_comparison(found) if isinstance(found, Comparison) else shown_figures(found)
    lines = [text, "", done.check.text]
    if work.db is not None:
        lines.append(f"{work.db} holds the run of seed {work.seeds[0]}: crm-domain stats --db {work.db}")
    if work.picture is not None:
        lines.append(f"The picture is {work.picture.path}.")
    return "\n".join(lines)


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
