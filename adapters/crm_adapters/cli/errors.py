"""What may stand in an error? Nothing that floods or steers a terminal, and no password.

Messages cut what they repeat at its place, by `crm_domain.wording`. What comes from click, from Python or from
other people's code does not, so that every error of a command passes through `readable` as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

A_DATABASE: Final = "an address of a database, which is not repeated here, since it may hold a password"

_WORD_MAX: Final = 300
_LINE_MAX: Final = 2_000
"""The longest word and the longest line that an error has, in characters."""

_WORD: Final = re.compile(rf"\S{{{_WORD_MAX + 1},}}")
_SECRET: Final = re.compile(r"\b[a-z][a-z0-9+]+:/+[^\s/@]*:\S*@|passw\w*[\"']?\s*=", re.IGNORECASE)
"""Where a password begins, or the address that has one; it may have spaces and quotes, so that no one knows where it ends."""

_ADDRESS: Final = re.compile(r"\bpostgres(ql)?:/", re.IGNORECASE)


def is_there(path: str) -> bool:
    """Tell whether there is a file of this name; there is none whose name cannot be one."""
    return os.path.exists(path)  # noqa: PTH110 - that of a Path raises where a name is too long


def may_hold_password(text: str) -> bool:
    """Tell whether a text that is no file is, or was meant to be, the address of a database."""
    return any(sign.search(text) for sign in (_SECRET, _ADDRESS)) and not is_there(text)


def readable(text: str) -> str:
    """Return an error's text as a person may see it.

    >>> readable("Got unexpected extra argument (postgresql://amy:hush@db.test/crm)")
    'Got unexpected extra argument (… (the rest may hold a password)'
    """
    return "\n".join(map(_readable_line, text.split("\n")))


def _readable_line(line: str) -> str:
    from crm_domain.wording import cut  # noqa: PLC0415 - what needs no domain shall not wait for it

    found = _SECRET.search(line)
    if found is not None:
        line = f"{line[: found.start()]}… (the rest may hold a password)"
    line = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line)
    return cut(_WORD.sub(lambda word: cut(word[0], _WORD_MAX), line), _LINE_MAX)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Have the errors of click that pass be readable."""
    try:
        yield
    except click.ClickException as error:
        text = readable(error.format_message())
        same = click.UsageError(text, error.ctx) if isinstance(error, click.UsageError) else click.ClickException(text)
        vars(same)["exit_code"] = error.exit_code
        raise same from None


class FileName(click.Path):
    """The name of a file; an address of a database is refused where one is wanted."""

    def __init__(self) -> None:
        super().__init__(readable=False, path_type=Path)  # whether it can be read, those who open it tell better

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        refuse_address(self, str(value), param, ctx)
        return super().convert(value, param, ctx)


class OpenedFile(click.File):
    """A file that is read, or standard input; an address of a database is refused where one is wanted."""

    def __init__(self) -> None:
        super().__init__("rb")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Open the file."""
        if isinstance(value, str):
            refuse_address(self, value, param, ctx)
        return super().convert(value, param, ctx)


def refuse_address(
    kind: FileName | OpenedFile, text: str, param: click.Parameter | None, ctx: click.Context | None
) -> None:
    """Refuse what is an address of a database and no file.

    Raises:
        click.BadParameter: It is one.
    """
    if may_hold_password(text):
        kind.fail(f"expected the name of a file, got {A_DATABASE}.", param, ctx)
