"""How does a file appear under its name only when it is whole, and then for good?

It is made under another name, renamed, and its folder is synced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import StoreError


def remove_partial(partial: Path) -> None:
    """Remove what there is of a file that never appeared; what cannot be removed harms no one."""
    for suffix in ("", "-journal", "-wal", "-shm", "-lock"):
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


@contextmanager
def partial_beside(target: Path) -> Iterator[Path]:
    """Yield an empty file next to *target*, readable by its owner alone; gone at the end, unless it was renamed.

    Raises:
        StoreError: The machine refuses what is done in the block; it is not the database that is to blame.
    """
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    remove_partial(partial)  # a process of this number may have been cut off here
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            yield partial
        finally:
            remove_partial(partial)
    except OSError as error:
        raise StoreError(target, f"cannot be written: {error.strerror}") from error


def sync_file(path: Path) -> None:
    """Have what is in a file outlive a loss of power; one that has no name of its own yet, and that no one has open."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def appear(partial: Path, target: Path) -> None:
    """Give a file its name, unless someone else took it meanwhile.

    Raises:
        StoreError: Someone did.
    """
    try:
        target.hardlink_to(partial)
    except FileExistsError:
        raise StoreError(target, "exists already: somebody made it meanwhile") from None
    except OSError:  # a file system without links; that the name is free was seen at the beginning
        partial.replace(target)
