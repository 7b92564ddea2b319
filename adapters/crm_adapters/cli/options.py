"""Which log, and under which rules? The options that commands have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, BinaryIO, Final, TypeVar

import click

from crm_adapters.command_log import Entry, read_log
from crm_domain import Rules

from .errors import OpenedFile

F = TypeVar("F", bound=Callable[..., Any])

SAMPLE_NAME: Final = "two_weeks.jsonl"
"""The sample log: two weeks in the life of a small service."""


def sample_log() -> bytes:
    """Return the sample log, which is installed with this package."""
    return files("crm_adapters").joinpath("samples", SAMPLE_NAME).read_bytes()


def log_options(command: F) -> F:
    """Add the argument LOG and the option --sample; both go to `opened`."""
    log = click.argument("log", type=OpenedFile(), required=False)
    sample = click.option("--sample", is_flag=True, help=f"Take the sample log, {SAMPLE_NAME}, that comes along.")
    return log(sample(command))


def opened(log: BinaryIO | None, *, sample: bool) -> Iterator[Entry]:
    """Return the entries of the log that was asked for, read as they come.

    Raises:
        click.UsageError: No log was named and nothing is piped in, or two logs were named.
    """
    if sample:
        if log is not None:
            raise click.UsageError("Give either LOG or --sample.")
        return read_log(sample_log().splitlines(), SAMPLE_NAME)
    if log is None:
        if sys.stdin.isatty():
            raise click.UsageError("Name a log, or pipe one in, or take --sample.")
        log = sys.stdin.buffer
    return read_log(log, getattr(log, "name", "<stdin>"))


def _parsed(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> Rules:
    try:
        return Rules.parse(*texts)
    except ValueError as error:
        raise click.BadParameter(str(error).removeprefix("rules: ")) from None


rules_option: Final = click.option(
    "--rules",
    multiple=True,
    metavar="STEPS",
    callback=_parsed,
    help='The rules in force: comma-separated steps from "hardened", the default. "seed" or "hardened" sets all '
    'safeguards, "+name" and "-name" one, like "seed,+owner_pair". May be given several times.',
)
