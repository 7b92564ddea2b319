"""How does a file appear under its name only when it is whole, and then for good?

It is made under another name, renamed, and its folder is synced.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def remove_partial(partial: Path) -> None:
    """Remove what there is of a file that never appeared; what cannot be removed harms nobody."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            Path(f"{partial}{suffix}").unlink()


def sync_folder(folder: Path) -> None:
    """Have the names of files outlive a loss of power, too."""
    if os.name != "nt":  # pragma: no branch - not on Windows
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
