"""The command line: run, explain and look up the rules."""

from __future__ import annotations

import sys

from .exit_codes import EXIT_INTERRUPTED

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    All of it is imported here, which takes a second: Ctrl-C ends that as quietly as it ends the rest.
    """
    try:
        from .app import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    run()
