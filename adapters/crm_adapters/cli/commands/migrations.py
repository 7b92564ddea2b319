"""The command ``crm-domain migrations``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from crm_adapters.files import is_stdout, refuse_special, write_new
from crm_domain import Rules

from ..options import rules_option

SHIM_NAME: Final = "plain_postgresql_shim.sql"
"""The file that comes before the document's two, where there is no Supabase."""


@click.command(short_help="Print the document's PostgreSQL migrations, or save them.")
@rules_option
@click.option("--plain", is_flag=True, help="For a PostgreSQL that is not Supabase's: with what that brings along.")
@click.option("--down", is_flag=True, help="The way back instead: deletes the tables, with all of their rows.")
@click.option(
    "--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Save the files in this folder."
)
def migrations(*, rules: Rules, plain: bool, down: bool, out: Path | None) -> None:
    """Print the SQL that makes the document's database, with triggers and row policies that keep the rules.

    They are the document's two migrations, for PostgreSQL 15 to 18. On Supabase they run as they
    are; elsewhere --plain puts before them what Supabase has: auth.users, auth.uid() and the roles.
    Each is one transaction, and running it again changes nothing.

    \b
    Examples:
      crm-domain migrations --plain | psql -v ON_ERROR_STOP=1 mydb
      crm-domain migrations --out supabase/migrations
      crm-domain migrations --rules hardened,-one_primary --plain --out sql
      crm-domain migrations --down | psql -v ON_ERROR_STOP=1 mydb
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    if plain and down:
        raise click.UsageError("Give either --plain or --down: what stands for Supabase stays.")
    files = _files(rules, plain=plain, down=down)
    if out is None or is_stdout(out):
        click.echo("\n".join(text for _, text in files), nl=False)
    else:
        _save(files, out)


def _files(rules: Rules, *, plain: bool, down: bool) -> list[tuple[str, str]]:
    """Return what there is to run, in order: the name of each file, and its SQL."""
    try:
        import crm_adapters.postgres as postgres  # noqa: PLC0415, PLR0402 - it needs the extra postgres
    except ModuleNotFoundError as error:
        raise click.UsageError(str(error)) from None
    steps = postgres.migrations(rules)
    if down:
        return [(step.down_name, step.down) for step in reversed(steps)]
    return [*([(SHIM_NAME, postgres.shim())] if plain else []), *((step.name, step.up) for step in steps)]


def _save(files: Sequence[tuple[str, str]], folder: Path) -> None:
    """Save all files, or none of them."""
    for name, _ in files:
        if refuse_special(folder / name).exists():
            raise click.ClickException(f"{folder / name} exists already: delete it, or choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files:
        write_new(folder / name, text.encode())
    click.echo("Saved, to be run in this order:")
    for name, _ in files:
        click.echo(f"  {folder / name}")
