"""The command ``crm-domain rebuild``."""

from __future__ import annotations

from pathlib import Path

import click

from crm_adapters.sqlite import StoreError
from crm_adapters.sqlite.verification import Verification

from ..database import db_option, opened_crm, timeout_option
from ..progress import progress_shown


@click.command(short_help="Make the rows of the file anew from its journal.")
@db_option
@timeout_option
def rebuild(*, db: Path, timeout_seconds: float) -> None:
    """Rebuild all rows of the file from its journal, in one step.

    This mends rows that differ from what the journal says, as "verify" finds them. The journal
    stays as it is; if an event is missing or cannot be read, nothing is changed.

    \b
    Examples:
      crm-domain rebuild
      crm-domain rebuild --db shop.db --timeout 60

    \b
    Exit codes: 0 the rows were made again, 2 the file or its journal cannot be read, or the file
    cannot be written.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    with progress_shown() as progress:
        verification = Verification(db, progress=progress, busy_timeout_seconds=timeout_seconds)
        for problem in verification.problems(["journal"]):
            raise StoreError(verification.path, f"cannot be rebuilt, and was not changed: {problem}")
        del verification  # it holds the whole state, and the next step needs the memory for it again
        with opened_crm(db, timeout_seconds=timeout_seconds) as crm:
            progress("rebuilding", 0, 1)
            crm.rebuild()
            rows = sum(map(len, crm.tables.by_name.values()))
            events = len(crm.journal)
    click.echo(f"Made {rows:,} rows of {db} anew from {events:,} events.")
