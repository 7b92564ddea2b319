"""The command ``crm-domain init``."""

from __future__ import annotations

from pathlib import Path

import click

from crm_adapters.sqlite.opening import create
from crm_domain import Rules

from ..database import db_option, timeout_option
from ..options import rules_option


@click.command(short_help="Make a file that keeps the state.")
@db_option
@rules_option
@timeout_option
def init(*, db: Path, rules: Rules, timeout_seconds: float) -> None:
    """Make a file that keeps the state, under rules that it has for good.

    A file that is there already stays as it is; only one with nothing in it is filled.

    \b
    Examples:
      crm-domain init
      crm-domain init --db shop.db --rules hardened,-one_primary
      crm-domain run LOG.jsonl --db shop.db

    \b
    Exit codes: 0 it was made, 2 there is something already, or no file can be made there.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    create(db, rules, busy_timeout_seconds=timeout_seconds)
    click.echo(f"Made {db}, empty, kept under the rules: {rules}")
