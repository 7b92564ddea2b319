"""Which commands are there, and how does each of them end?"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any, Final

import click

from crm_adapters.command_log import LogError
from crm_adapters.files import NotAFile
from crm_adapters.scenarios import DataError
from crm_adapters.sqlite import StoreError
from crm_domain.wording import unknown

from .backup import backup
from .check import check
from .dashboard import dashboard
from .endings import EXIT_BROKEN_PIPE, EXIT_BUG, EXIT_INTERRUPTED
from .errors import readable, readable_errors
from .explain import explain
from .fit import fit_command
from .history import history
from .init import init
from .migrations import migrations
from .needs_credits import needs_credits
from .rebuild import rebuild
from .restore import restore
from .rules import rules
from .run import run
from .sample import sample
from .simulate import simulate
from .stats import stats
from .user import user
from .users import users
from .verify import verify

SECTIONS: Final[dict[str, tuple[click.Command, ...]]] = {
    "Explore": (simulate, fit_command),
    "Rules": (run, explain, rules, sample),
    "What a file holds": (users, needs_credits, dashboard, user, history, stats),
    "Keep a file safe": (init, verify, rebuild, backup, restore),
    "Prove": (check,),
    "Have PostgreSQL keep the rules": (migrations,),
}
"""The commands, by what somebody wants; ``--help`` lists them so."""


class BadInput(click.ClickException):
    """A line of a log is not a command, or a file cannot be used as asked."""

    exit_code = 2


class Commands(click.Group):
    """The commands, each of which ends with a message and an exit code, and never with a traceback."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section."""
        width = formatter.width - 6 - max(map(len, self.list_commands(ctx)))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(str(c.name), c.get_short_help_str(width)) for c in commands])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that was asked for; where there is none, say which are near."""
        if args and self.get_command(ctx, args[0]) is None and args[0][:1].isalnum():
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
        except (DataError, LogError, NotAFile, StoreError) as error:
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
@click.version_option(package_name="crm-domain")
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


for commands in SECTIONS.values():
    for command in commands:
        cli.add_command(command)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    cli(prog_name="crm-domain")
