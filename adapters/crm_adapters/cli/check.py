"""The command ``crm-domain check``."""

from __future__ import annotations

import re
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from crm_domain import Rules
from crm_domain.wording import quoted

from .database import FILE
from .endings import EXIT_BROKEN
from .options import rules_option
from .output import print_json, table
from .targets import BadTarget, ended_by_signals, held_to, shown, target_opened, told

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
    help="When to begin no further random walk, like 90s, 2m or 1h; the matrix before them is asked in full.",
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
    help="Ask for every cell of the matrix first: minutes, where much is wrong. Without, the budget holds.",
)
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
    Exit codes: 0 every law that could be tested held, 1 a law is broken, 2 TARGET could not be
    examined, 130 Ctrl-C.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    try:
        from crm_domain.testing import conformance  # noqa: PLC0415 - it needs hypothesis, as no other command does
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
                progress=progress,
            )
        except click.ClickException:
            raise
        except Exception as error:  # noqa: BLE001 - what the kit does not take for an outcome: a reset that fails
            raise BadTarget(f"{name}: it broke down: {told(error)}") from None
    if as_json:
        print_json(_plain(name, report))
    else:
        click.echo(_shown(name, report, in_python=in_python))
    ctx.exit(EXIT_BROKEN if report.findings else 0)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Yield what shows progress in one line of standard error; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    began = told = time.monotonic()

    def show(walks: int, findings: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told > 0.1:  # noqa: PLR2004 - as often as anybody reads
            told = now
            click.echo(f"\r\033[K{now - began:.0f} s: {walks:,} walks, {findings} findings", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("\r\033[K", nl=False, err=True)


# --- for people --------------------------------------------------------------------------------


def _shown(target: str, report: Report, *, in_python: bool) -> str:
    return "\n\n".join((_summary(target, report), _laws(report), *_findings(report, in_python=in_python)))


def _summary(target: str, report: Report) -> str:
    from crm_domain.testing import TOLERANCES  # noqa: PLC0415 - it needs hypothesis, as no other command does

    broken = (
        f"{_number(len(report.broken), 'law')} broken, in {_number(len(report.findings), 'way')}."
        if report.findings
        else ""
    )
    lines = [
        f"{target}, held to the rules: {report.rules}",
        f"{report.requests:,} requests in {report.walks:,} random walks (seed {report.seed}), {report.seconds:.1f} s: "
        + (broken or "no law is broken."),
    ]
    if report.lacking:
        lines.append(f"It does as the rules would without: {', '.join(report.lacking)}")
    if report.unseen:
        lines.append(f"Not shown, and so not compared: {', '.join(report.unseen)}")
    for name, times in report.tolerated.items():
        lines.append(f"Tolerated, met {_number(times, 'time')}: {name}. {TOLERANCES[name]}")
    if report.untaken:
        lines.append(f"Not taken, and so not asked for: {', '.join(report.untaken)}")
    return "\n".join(textwrap.fill(line, 110) for line in lines)


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _laws(report: Report) -> str:
    numbers = {id(finding): n for n, finding in enumerate(report.findings, 1)}
    rows = [
        (
            verdict.law.number,
            verdict.law.name,
            verdict.verdict,
            verdict.reason
            if verdict.finding is None
            else f"{verdict.reason} (sequence {numbers[id(verdict.finding)]})",
        )
        for verdict in report.verdicts
    ]
    return "Laws\n" + table(("", "law", "", "where first, or why not"), rows)


def _findings(report: Report, *, in_python: bool) -> Iterator[str]:
    for n, finding in enumerate(report.findings, 1):
        sequence = finding.python(report.rules) if in_python else finding.log
        yield f"Sequence {n}: {_title(finding)}\n{finding.text}\n\n{_indented(sequence)}{_sent(finding)}".rstrip()


def _title(finding: Finding) -> str:
    laws = ", ".join(violation.law.name for violation in finding.violations)
    return laws + (f" (as without {' and '.join(finding.missing)})" if finding.missing else "")


def _sent(finding: Finding) -> str:
    return f"\nWhat was sent:\n{_indented(chr(10).join(finding.sent))}" if finding.sent else ""


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


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
        "laws": [
            {
                "number": verdict.law.number,
                "name": verdict.law.name,
                "verdict": verdict.verdict,
                "reason": verdict.reason or None,
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
