"""The command ``crm-domain restore``."""

from __future__ import annotations

from pathlib import Path

import click

from crm_adapters.sqlite import backups

from ..database import FILE, db_option, timeout_option
from ..progress import progress_shown


@click.command(short_help="Put a backup in the place of the file.")
@click.argument("backup", type=FILE)
@db_option
@click.option("--no-keep", is_flag=True, help="Do not keep the former file beside.")
@timeout_option
def restore(backup: Path, *, db: Path, no_keep: bool, timeout_seconds: float) -> None:
    """Replace the file with a copy of BACKUP, if that is sound.

    BACKUP is verified first, as "verify" does; if anything is wrong with it, the file stays as it
    is. The former file stays next to it, as FILE.before-restore. Processes that have the former file
    open are refused at the next thing that they ask of it, and open it again.

    \b
    Examples:
      crm-domain restore monday.db
      crm-domain restore /mnt/backups/latest.db --db shop.db --no-keep

    \b
    Exit codes: 0 the file is restored, 2 BACKUP is not sound or cannot be read, or the file cannot
    be replaced.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    with progress_shown() as progress:
        restored = backups.restore(
            backup, db, keep=not no_keep, busy_timeout_seconds=timeout_seconds, progress=progress
        )
    former = "" if restored.kept is None else f" The former file is {restored.kept}."
    click.echo(
        f"Restored {db} from {backup}: {restored.events:,} events, kept under the rules: {restored.rules}.{former}"
    )
