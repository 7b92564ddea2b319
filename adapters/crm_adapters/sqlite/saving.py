"""How does a state that was in memory come into a file of its own?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from crm_adapters.files import special_kind
from crm_domain import Crm

from ..progress import Progress, in_silence
from .errors import StoreError
from .opening import real_path
from .partial import appear, partial_beside, sync_file, sync_folder
from .store import SqliteStore

_TOLD_EVERY: Final = 5000


def refuse_taken(path: str | os.PathLike[str]) -> Path:
    """Return where a new file would be.

    Raises:
        StoreError: Something is there already, or its folder is not.
    """
    file = real_path(path)
    if kind := special_kind(file):
        raise StoreError(file, f"is {kind}: name a file")
    for taken in (file, *(Path(f"{file}{suffix}") for suffix in ("-wal", "-journal"))):
        if taken.exists():
            what = "exists already" if taken == file else f"{taken.name} is there, which SQLite would take for its log"
            raise StoreError(file, f"{what}: choose another name, or move it away")
    if not file.parent.is_dir():
        raise StoreError(file, f"cannot be made: there is no folder {file.parent}")
    return file


def save_as(crm: Crm, path: str | os.PathLike[str], *, progress: Progress = in_silence) -> Path:
    """Write the journal and the tables of a `Crm` to a new file; return where it is.

    The file appears under its name when it is whole and outlives a loss of power; what is interrupted leaves
    nothing behind. It is kept under the rules of the `Crm`.

    Args:
        crm: The state, for example in memory.
        path: What to call the file.
        progress: Is called with how far it has come.

    Raises:
        StoreError: The name is taken, or the file cannot be written there.
    """
    file = refuse_taken(path)
    with partial_beside(file) as partial:
        partial.unlink()  # so that the store makes it, readable by whom this process lets read its files
        with SqliteStore(partial, synchronous="NORMAL") as store:
            store.open(crm.rules)
            store.begin(many=True)
            total = len(crm.journal)
            for entry in crm.journal.entries():
                store.journal.append([entry.event], at=entry.at, principal=entry.principal, key=entry.idempotency_key)
                if entry.position % _TOLD_EVERY == 0:
                    progress("save", entry.position, total)
            store.replace_tables(crm.tables)
            store.commit()
        sync_file(partial)
        appear(partial, file)
        sync_folder(file.parent)
    return file
