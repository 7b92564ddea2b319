"""The command ``crm-domain sample``."""

from __future__ import annotations

from pathlib import Path

import click

from crm_adapters.files import is_stdout, write_new

from ..database import FILE
from ..options import SAMPLE_NAME, sample_log


@click.command(short_help="Print the sample log, or save it.")
@click.option("--out", type=FILE, help="Save it under this name instead; - is standard output.")
def sample(out: Path | None) -> None:
    """Print the sample log, two weeks in the life of a small service, or save it in order to change it.

    \b
    Examples:
      crm-domain sample | head -3
      crm-domain sample --out my.jsonl
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    if out is None or is_stdout(out):
        click.echo(sample_log(), nl=False)
        return
    try:
        write_new(out, sample_log())
    except FileExistsError:
        raise click.ClickException(f"{out} exists already: delete it, or choose another name.") from None
    click.echo(f"Saved {SAMPLE_NAME} as {out}. Run it with: crm-domain run {out} --summary")
