"""What can be wrong with a database, a server, or the file that says how to drive them?

::

    PostgresError       the database cannot be examined as asked; the message says why and what to do
    ├── BadOperations   the file of operations is none, or names what is not there
    └── ServerLost      the server went away in the middle
"""

from __future__ import annotations


class PostgresError(Exception):
    """Raised when a database cannot be examined as asked; nothing is left behind in it."""


class BadOperations(PostgresError):  # noqa: N818 - says what is bad
    """Raised when the file that says how the service's operations are called cannot be used."""


class ServerLost(PostgresError):  # noqa: N818 - what happened to it
    """Raised when the server does not answer any more."""
