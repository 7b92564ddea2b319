"""Which commands are there, and how does each of them end?"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import Any, Final

import click

from crm_adapters.errors import AdapterError

from .errors import readable, readable_errors
from .exit_codes import EXIT_BROKEN_PIPE, EXIT_BUG, EXIT_INTERRUPTED

SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "Explore": ("simulate", "fit"),
    "Rules": ("run", "explain", "rules", "sample"),
    "What a file holds": ("users", "needs-credits", "dashboard", "user", "history", "stats"),
    "Keep a file safe": ("init", "verify", "rebuild", "backup", "restore"),
    "Prove": ("check",),
    "Have PostgreSQL keep the rules": ("migrations",),
    "This command": ("completion",),
}
"""The commands, by what a user wants; ``--help`` lists them so. Each is the one command of the module of its name."""


class BadInput(click.ClickException):
    """A line of a log is not a command, or a file cannot be used as asked."""

    exit_code = 2


class Commands(click.Group):
    """The commands, each of which ends with a message and an exit code, and never with a traceback.

    A command is imported when it is asked for, because all of them together take half a second.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands, in the order of ``--help``."""
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, importing it; None if there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__package__}.commands.{cmd_name.replace('-', '_')}")
        return next(value for value in vars(module).values() if isinstance(value, click.Command))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section."""
        width = formatter.width - 6 - max(map(len, self.list_commands(ctx)))
        for title, names in SECTIONS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl([(name, c.get_short_help_str(width)) for name, c in commands if c is not None])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that was asked for; where there is none, say which are near."""
        if args and self.get_command(ctx, args[0]) is None and args[0][:1].isalnum():
            from crm_domain.wording import unknown  # noqa: PLC0415 - what needs no domain shall not wait for it

            raise click.UsageError(unknown(args[0], self.list_commands(ctx), "command"), ctx)
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read what stands before the name of a command."""
        with readable_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        with readable_errors():
            return self._invoked(ctx)

    def _invoked(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AdapterError as error:
            raise BadInput(str(error)) from None
        except KeyboardInterrupt:
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            _close_quietly()
            ctx.exit(EXIT_BROKEN_PIPE)
        except OSError as error:
            raise click.ClickException(str(error)) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - the last resort: what comes here is a bug of ours
            click.echo(_report_of(error), err=True)
            ctx.exit(EXIT_BUG)


def _close_quietly() -> None:
    """Send what Python still holds for standard output nowhere, or it would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_of(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"crm-domain: this is a bug in crm-domain, please report it with the log that shows it:\n"
        f"  {type(error).__name__}: {readable(str(error))}\n  in {Path(place.filename).name}, line {place.lineno}"
    )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(None, "-V", "--version", package_name="crm-domain")
def cli() -> None:
    """Run, explain and look up the rules of a CRM that sells video recordings for credits.

    \b
    Ask what a credit policy would do:
      crm-domain simulate
      crm-domain simulate --compare policy.initial_credits=2,3,4,6

    \b
    Run two weeks in the life of a small service, then keep it in a file:
      crm-domain run --sample --summary
      crm-domain explain --sample --line 93
      crm-domain run --sample --db crm.db -q
      crm-domain history amy.alvarez@example.com
      crm-domain check crm.db

    The rules are a document's, in two readings: "seed" takes it at its word, "hardened" (the
    default) closes each of its holes by one named safeguard.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    cli(prog_name="crm-domain")
