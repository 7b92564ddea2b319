"""The command ``crm-domain explain``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import click

from crm_adapters.command_log import Entry, Run, read_line
from crm_domain import Rules
from crm_domain.command_log import plain_line

from ..options import log_options, opened, rules_option
from ..printing import print_json


@click.command(short_help="Tell what would come of one line, and why.")
@log_options
@click.option("--line", "number", type=click.IntRange(min=1), metavar="N", help="Explain line N instead of the last.")
@click.option(
    "--then",
    metavar="JSON",
    help="Explain this line, as if it came behind the last of LOG, or first of all without LOG.",
)
@rules_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def explain(
    log: BinaryIO | None, *, sample: bool, number: int | None, then: str | None, rules: Rules, as_json: bool
) -> None:
    """Run the command log LOG up to one line, and explain that line without executing it.

    Says whether it would be accepted and with which events, or refused and by which rule; which
    grant would pay for a recording; and on which safeguards that turns: were one of them the other
    way, the outcome would be another. The idempotency key of the line is passed over.

    \b
    Examples:
      crm-domain explain --sample --line 93
      crm-domain explain LOG.jsonl --rules seed
      crm-domain explain LOG.jsonl --then '{"as": "amy", "cmd": "select", "args": {"table": "profiles"}}'
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    if number is not None and then is not None:
        raise click.UsageError("Give either --line or --then.")
    entries: Iterable[Entry] = () if then and not log and not sample else opened(log, sample=sample)
    execution = Run(rules=rules)
    entry = _run_to_last(execution, _upto(entries, number) if then is None else _with_next(entries, then))
    if entry is None or number not in {None, entry.number}:
        raise click.UsageError("There is no such line, or it is blank." if number else "The log has no lines.")
    explained = execution.explain(entry)
    if as_json:
        print_json(explained.plain())
    else:
        line = json.dumps(plain_line(entry.line, execution.labels), ensure_ascii=False)
        click.echo(f"line {entry.number}: {line}\n{explained}")


def _upto(entries: Iterable[Entry], number: int | None) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        if number is not None and entry.number >= number:
            return


def _with_next(entries: Iterable[Entry], text: str) -> Iterator[Entry]:
    number = 0
    for entry in entries:
        number = entry.number
        yield entry
    yield read_line(text.encode(errors="surrogateescape"), name="--then", number=number + 1)


def _run_to_last(execution: Run, entries: Iterable[Entry]) -> Entry | None:
    """Execute all entries but the last, and return that; None if there is none."""
    last: Entry | None = None

    def before() -> Iterator[Entry]:
        nonlocal last
        for entry in entries:
            if last is not None:
                yield last
            last = entry

    for _ in execution.outcomes(before()):
        pass
    return last
