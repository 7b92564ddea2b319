"""The command ``crm-domain backup``."""

from __future__ import annotations

from pathlib import Path

import click

from crm_adapters.sqlite.backups import back_up

from ..database import FILE, db_option, timeout_option
from ..progress import progress_shown


@click.command(short_help="Copy the file, while others write it.")
@click.argument("target", type=FILE)
@db_option
@click.option("--force", is_flag=True, help="Replace TARGET if it exists.")
@timeout_option
def backup(target: Path, *, db: Path, force: bool, timeout_seconds: float) -> None:
    """Copy the file to TARGET, while others read and write it.

    The copy is the state of the moment at which it began. TARGET appears when it is complete,
    was looked at by SQLite, and would outlive a loss of power. It is a file like any other.

    \b
    Examples:
      crm-domain backup monday.db
      crm-domain verify --db monday.db
      crm-domain backup /mnt/backups/latest.db --db shop.db --force

    \b
    Exit codes: 0 the copy is there, 2 the file cannot be read or is damaged, or TARGET exists or
    cannot be written.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    with progress_shown() as progress:
        copy = back_up(db, target, force=force, busy_timeout_seconds=timeout_seconds, progress=progress)
    click.echo(f"Copied {db} to {target}: {copy.stat().st_size:,} bytes.")
