"""What do all adapters' own errors have in common? A message for the person who asked."""

from __future__ import annotations


class AdapterError(Exception):
    """Raised when what a caller named (a file, a line of it, a database) cannot be used as asked.

    The message says what is wrong, where, and what to do. The command line prints it as it is.
    """
