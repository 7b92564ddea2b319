"""How is long work shown to someone who waits at a terminal?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from crm_adapters.progress import Progress, in_silence

_CLEAR_LINE: Final = "\r\033[K"


@contextmanager
def progress_shown() -> Iterator[Progress]:
    """Yield what shows progress in one line of standard error, gone at the end; it is silent where that is no terminal."""
    if not sys.stderr.isatty():
        yield in_silence
        return
    last = ""

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        text = f"{what}: {100 * done // max(total, 1)} %"
        if text != last:
            last = text
            click.echo(f"{_CLEAR_LINE}{text}", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo(_CLEAR_LINE, nl=False, err=True)
