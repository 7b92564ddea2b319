"""The command ``crm-domain run``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click
from click.core import ParameterSource

from crm_adapters.command_log import LogError, Run, final_state
from crm_adapters.sqlite import SqliteStore, StoreError, stored_rules
from crm_adapters.sqlite.opening import real_path
from crm_adapters.sqlite.reading import is_new
from crm_domain import Rules

from ..database import FILE, timeout_option
from ..options import log_options, opened, rules_option
from ..printing import print_json
from ..summary import summary_of


@click.command(short_help="Run a log and print what comes of each line.")
@log_options
@rules_option
@click.option(
    "--db",
    type=FILE,
    metavar="FILE",
    help="Keep the state in FILE, made if it is missing, and go on from what it holds. Without it, the state is in "
    "memory, and gone at the end.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="With --db: keep N lines at a time, all or none, and print their outcomes then. Much faster.",
)
@timeout_option
@click.option("--summary", is_flag=True, help="Print tables for a person instead of the outcomes.")
@click.option("--final", is_flag=True, help="Print one more object: every user, and who sees how many rows.")
@click.option("--quiet", "-q", is_flag=True, help="Leave out the outcomes.")
def run(
    log: BinaryIO | None,
    *,
    sample: bool,
    rules: Rules,
    db: Path | None,
    batch: int | None,
    timeout_seconds: float,
    summary: bool,
    final: bool,
    quiet: bool,
) -> None:
    """Run the command log LOG, or what is piped in, and print what comes of each line.

    A log has one JSON object a line. So have the outcomes, which appear line by line:

    \b
      {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}}
      {"n": 1, "result": "ok", "user": "amy"}

    \b
    as          "service", "anon", or a user: a UUID, or a label that stands for one
    cmd, args   the command; null is an explicit NULL, what is missing takes its default
    at          optional: the time, RFC 3339; without it, the system's
    key         optional: an idempotency key
    concurrent  optional: lines that follow one another with the same text here overlap in time;
                each is checked before any of them is written

    A refusal is an outcome, and the run goes on. A line that is no command ends the run with an
    error that names the file, the line and what is wrong; the lines before it stand. Blank lines
    are skipped. A line has at most 1 MiB.

    With --db the state is kept in a file, and a later run goes on from there. What was printed as
    accepted is kept: each line by itself, or N lines together with --batch N. A file keeps the
    rules that it was made under; --rules may be left out, or must be the same.

    \b
    Examples:
      crm-domain run --sample --summary
      crm-domain run LOG.jsonl --final --rules seed,+owner_pair
      tail -f LOG.jsonl | crm-domain run -
      crm-domain run LOG.jsonl --db crm.db --batch 1000

    \b
    Exit codes: 0 all lines were run, 2 a line, the command line or the file is wrong, 130 Ctrl-C,
    141 no one reads the output any more.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    if batch is not None and db is None:
        raise click.UsageError("--batch needs --db: in memory, nothing is kept.")
    entries = opened(log, sample=sample)
    with _started(rules, db, timeout_seconds) as execution:
        results, mistake = Counter[str](), None
        try:
            for outcome in execution.outcomes(entries, at_once=batch or 1):
                results[outcome["result"]] += 1
                if not (summary or quiet):
                    print_json(outcome)
        except LogError as error:
            mistake = error
        if final:
            print_json({"final": final_state(execution.crm, execution.labels)})
        if summary:
            click.echo(summary_of(execution, results) if db is None else f"{db}\n\n{summary_of(execution, results)}")
    if mistake is not None:
        raise mistake


@contextmanager
def _started(rules: Rules, db: Path | None, timeout_seconds: float) -> Iterator[Run]:
    """Yield a run, in memory or over a file; the file remembers the labels of its ids, however the run ends."""
    if db is None:
        yield Run(rules=rules)
        return
    with SqliteStore(db, busy_timeout_seconds=timeout_seconds) as store:
        execution = Run(rules=_rules_of(db, rules, timeout_seconds), store=store)
        known = store.labels()
        for label in known.values():
            execution.labels.add(label)
        try:
            yield execution
        finally:
            new = dict(execution.labels.items() - known.items())
            if new:
                with suppress(StoreError):  # they only make ids readable: what went wrong is told by the run itself
                    store.keep_labels(new)


def _rules_of(db: Path, rules: Rules, timeout_seconds: float) -> Rules:
    """Return the rules that were asked for; if none were, those that an existing file is kept under."""
    asked = click.get_current_context().get_parameter_source("rules") is not ParameterSource.DEFAULT
    return rules if asked or is_new(real_path(db)) else stored_rules(db, busy_timeout_seconds=timeout_seconds)
