"""The command ``crm-domain check``."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from crm_domain import Rules
from crm_domain.laws import LAWS
from crm_domain.wording import quoted

from ..database import FILE
from ..exit_codes import EXIT_BROKEN, EXIT_INTERRUPTED, EXIT_NOT_TRIED
from ..options import rules_option
from ..printing import print_json
from ..targets import BadTarget, ended_by_signals, held_to, shown, target_opened

if TYPE_CHECKING:
    from crm_domain.testing import Finding, Report
    from crm_domain.testing.conforming.conformance import Progress

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_HOURS_MAX: Final = 10_000
"""More than a year; of a longer time, clocks have no numbers."""


def _seconds(_: click.Context, __: click.Parameter, text: str) -> float:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{quoted(text)} is no duration: give a number and a unit, like 90s, 2m or 1h.")
    seconds = float(found[1]) * _SECONDS[found[2]]
    if seconds > _HOURS_MAX * _SECONDS["h"]:
        raise click.BadParameter(f"{quoted(text)} is longer than {_HOURS_MAX}h.")
    return seconds


def _laws(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in {"agrees_with_model", *(law.name for law in LAWS)}:
            raise click.BadParameter(f"there is no law {quoted(name)}: crm-domain rules shows them.")
    return names


@click.command(short_help="Search for sequences that break a law.")
@click.argument("target")
@rules_option
@click.option(
    "--budget",
    "seconds",
    metavar="DURATION",
    default="60s",
    show_default=True,
    callback=_seconds,
    help="How long it takes, like 90s, 2m or 1h, matrix and shortening included.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SETTING",
    help="A part of the credit policy, like policy.price=9.99, policy.credits_per_payment=10, policy.initial_credits=0, "
    "policy.regular_initial_credits=3 or policy.refund_failed_recordings=true. May be given several times.",
)
@click.option(
    "--walks", type=click.IntRange(1, 2**63 - 1), metavar="N", help="Stop after N random walks, if not before."
)
@click.option(
    "--seed",
    type=click.IntRange(-(2**63), 2**64 - 1),
    default=0,
    show_default=True,
    help="Another seed tries other walks.",
)
@click.option(
    "--matrix/--no-matrix",
    "with_matrix",
    default=True,
    show_default=True,
    help="Ask for every cell of the matrix before the random walks, some 20,000 requests.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="LAW",
    callback=_laws,
    help="Search for what breaks this law alone. May be given several times.",
)
@click.option("--stop-at-first", is_flag=True, help="Stop at the first sequence that breaks a law.")
@click.option("--plain-text-only", is_flag=True, help="Leave out requests with characters that no keyboard has.")
@click.option("--strict", is_flag=True, help="End with 3 if nothing is broken, but a law was not put to the test.")
@click.option(
    "--config",
    type=FILE,
    metavar="FILE",
    help="For a database: TOML that says how the service's operations are called, and where tables are.",
)
@click.option("--i-know", is_flag=True, help="For a database: examine it though it holds rows; they are not touched.")
@click.option("--python", "in_python", is_flag=True, help="Print sequences as Python scripts, not as command logs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables, with both.")
@click.pass_context
def check(
    ctx: click.Context,
    target: str,
    *,
    rules: Rules,
    settings: tuple[str, ...],
    seconds: float,
    walks: int | None,
    seed: int,
    with_matrix: bool,
    only: tuple[str, ...],
    stop_at_first: bool,
    plain_text_only: bool,
    strict: bool,
    config: Path | None,
    i_know: bool,
    in_python: bool,
    as_json: bool,
) -> None:
    """Search for the shortest sequences on which TARGET does not do what the rules say.

    \b
    TARGET is one of
      shop.db            a file of this library: its store and its schema, under the rules of the
                         file, in copies without its rows; the file itself is only read
      module:factory     a backend of your own: called without arguments, it returns an object with
                         reset(), execute(principal, command) and select(principal, table, where);
                         see crm_domain.Backend. It is reset again and again: give it a database
                         that holds nothing else.
      postgresql://…     a database with the document's tables, PostgreSQL 15 or newer, Supabase's
                         too: its structure is copied into a scratch database, which is written to
                         as the document's front end would, and dropped in the end. The database
                         itself is only read. "host=… dbname=…" is taken, too. Other users of this
                         machine see a password that is typed here, but not one in PGPASSWORD.

    It is held to --rules. The known holes of the document are tried first, then every cell of the
    matrix of roles, tables, commands and columns, then random walks by several people: the rules
    predict every outcome, and what everybody sees. What goes wrong is made as short as it gets, and
    named by the law that it breaks and by the safeguard that is missing.

    \b
    Examples:
      crm-domain check crm.db
      crm-domain check crm.db --rules seed --budget 5m
      crm-domain check myservice.testing:backend --walks 500 --json
      crm-domain check postgresql://localhost/empty --config ops.toml --budget 5m
      crm-domain check myservice.testing:backend --set policy.price=9.99

    \b
    Exit codes: 0 nothing is broken, 1 a law is broken, 2 TARGET could not be examined, 3 with
    --strict: nothing is broken, and a law was not put to the test, 130 Ctrl-C. What was found until
    an interruption, or until TARGET broke down, is printed.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    try:
        from crm_domain.testing import BrokeDown, Interrupted, conformance  # noqa: PLC0415 - it needs hypothesis
    except ModuleNotFoundError as error:
        raise BadTarget(str(error)) from None
    name = shown(target)
    with (
        ended_by_signals(),
        target_opened(target, config=config, i_know=i_know) as backend,
        _progress() as progress,
    ):
        try:
            report = conformance(
                backend,
                held_to(backend, rules, settings),
                walks=walks,
                seconds=seconds,
                seed=seed,
                with_matrix=with_matrix,
                tolerate=getattr(backend, "tolerated", ()),
                only=only,
                stop_at_first=stop_at_first,
                plain_text_only=plain_text_only,
                progress=progress,
            )
        except (Interrupted, BrokeDown) as early:
            report = early.report
            click.echo(f"Error: {name}: {report.ended}", err=True)
        if report.requests or not report.ended:  # before anything that may fail while it is closed
            _print(name, report, as_json=as_json, in_python=in_python)
    ctx.exit(_ending_of(report, strict=strict))


def _print(name: str, report: Report, *, as_json: bool, in_python: bool) -> None:
    if as_json:
        print_json(_plain(name, report))
    else:
        click.echo(report.text(name, in_python=in_python))


def _ending_of(report: Report, *, strict: bool) -> int:
    if report.is_interrupted:
        return EXIT_INTERRUPTED
    if report.findings:
        return EXIT_BROKEN
    if report.ended:
        return BadTarget.exit_code
    return EXIT_NOT_TRIED if strict and report.not_exercised else 0


_EVERY_SECONDS: Final = 0.1
_LINE_EVERY_SECONDS: Final = 20.0
"""How often progress is shown: on a terminal as often as it is read, else a line now and then, as for a log."""


@contextmanager
def _progress() -> Iterator[Progress]:
    """Yield what shows progress: in one line of a terminal that is gone at the end, else in a line now and then."""
    is_terminal = sys.stderr.isatty()
    every = _EVERY_SECONDS if is_terminal else _LINE_EVERY_SECONDS
    began = last = time.monotonic()

    def show(walks: int, findings: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > every:
            last = now
            line = f"{now - began:.0f} s: {walks:,} walks, {findings} findings"
            click.echo(f"\r\033[K{line}" if is_terminal else line, nl=not is_terminal, err=True)

    try:
        yield show
    finally:
        if is_terminal:
            click.echo("\r\033[K", nl=False, err=True)


# --- for programs ------------------------------------------------------------------------------


def _plain(target: str, report: Report) -> dict[str, Any]:
    numbers = {id(finding): n for n, finding in enumerate(report.findings)}
    return {
        "target": target,
        "rules": str(report.rules),
        "seed": report.seed,
        "walks": report.walks,
        "requests": report.requests,
        "seconds": round(report.seconds, 3),
        "unseen": list(report.unseen),
        "untaken": list(report.untaken),
        "lacking": list(report.lacking),
        "tolerated": dict(report.tolerated),
        "untried": dict(report.untried),
        "not_exercised": list(report.not_exercised),
        "ended": report.ended or None,
        "laws": [
            {
                "number": verdict.law.number,
                "name": verdict.law.name,
                "verdict": verdict.verdict,
                "reason": verdict.reason or None,
                "times": verdict.times,
                "holes": list(verdict.holes),
                "finding": None if verdict.finding is None else numbers[id(verdict.finding)],
            }
            for verdict in report.verdicts
        ],
        "findings": [_plain_finding(finding, report) for finding in report.findings],
    }


def _plain_finding(finding: Finding, report: Report) -> dict[str, Any]:
    return {
        "laws": {violation.law.name: violation.text for violation in finding.violations},
        "text": finding.text,
        "missing": list(finding.missing),
        "found_after": finding.found_after,
        "log": finding.log.splitlines(),
        "python": finding.python(report.rules),
        "sent": list(finding.sent),
    }
