"""The command ``crm-domain run``."""

from __future__ import annotations

from collections import Counter
from typing import BinaryIO

import click

from crm_adapters.command_log import LogError, Run, final_state
from crm_domain import Rules

from .options import log_options, opened, rules_option
from .output import print_json
from .summary import summary_of


@click.command(short_help="Run a log and print what comes of each line.")
@log_options
@rules_option
@click.option("--summary", is_flag=True, help="Print tables for a person instead of the outcomes.")
@click.option("--final", is_flag=True, help="Print one more object: every user, and who sees how many rows.")
@click.option("--quiet", "-q", is_flag=True, help="Leave out the outcomes.")
def run(log: BinaryIO | None, *, sample: bool, rules: Rules, summary: bool, final: bool, quiet: bool) -> None:
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
    are skipped.

    \b
    Examples:
      crm-domain run --sample --summary
      crm-domain run LOG.jsonl --final --rules seed,+owner_pair
      tail -f LOG.jsonl | crm-domain run -

    \b
    Exit codes: 0 all lines were run, 2 a line or the command line is wrong, 130 Ctrl-C,
    141 nobody reads the output any more.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    entries = opened(log, sample=sample)
    execution, results, mistake = Run(rules=rules), Counter[str](), None
    try:
        for outcome in execution.outcomes(entries):
            results[outcome["result"]] += 1
            if not (summary or quiet):
                print_json(outcome)
    except LogError as error:
        mistake = error
    if final:
        print_json({"final": final_state(execution.crm, execution.labels)})
    if summary:
        click.echo(summary_of(execution, results))
    if mistake is not None:
        raise mistake
