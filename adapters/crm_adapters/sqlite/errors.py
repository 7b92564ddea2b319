"""What can be wrong with the file, or with the machine under it?

::

    StoreError          the file cannot be used as asked; the message begins with its path
    └── StoreBusy       another process had it longer than the timeout; try again
"""

from __future__ import annotations

from pathlib import Path

from crm_adapters.errors import AdapterError


class StoreError(AdapterError):
    """Raised when the file cannot be read or written as asked; nothing is half done.

    Attributes:
        path: The file.
        reason: What is wrong with it, and what to do.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class StoreBusy(StoreError):  # noqa: N818 - a state that passes; what to do is to try again
    """Raised when another process wrote for longer than the busy timeout; the store may go on."""
