"""How is a file copied while others write it, and how does a copy take its place again?

A copy is one state of the file, the one that was there when it began: the source is read in a
single transaction, so that SQLite neither starts again when someone writes, nor has a writer wait.
What others write meanwhile grows the log of the source, until the copy is done.

A copy stands alone: it has no log of its own, so that it can be read from where no one may write.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

from attrs import frozen

from crm_adapters.files import special_kind
from crm_domain.rules import Rules

from ..progress import Progress, in_silence
from .elsewhere import in_another_process
from .errors import StoreBusy, StoreError
from .locking import FileLock
from .opening import real_path
from .partial import appear, partial_beside, sync_file, sync_folder
from .reading import has_content, looked_at, refuse_foreign
from .verification import Verification

_PAGES_PER_STEP: Final = 2048  # 8 MiB: often enough to tell of progress

_LOGS: Final = ("-wal", "-journal")
"""What SQLite may find next to a file, and would bring into it."""


@frozen(kw_only=True)
class Restored:
    """What took the place of a file.

    Attributes:
        rules: The rules that it is kept under.
        events: How many events its journal has.
        kept: Where the former file is now; None if there was none, or it was not to be kept.
    """

    rules: Rules
    events: int
    kept: Path | None


def back_up(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    force: bool = False,
    busy_timeout_seconds: float = 10.0,
    progress: Progress = in_silence,
) -> Path:
    """Copy a file, which others may write meanwhile; return where the copy is.

    It appears under its name when it is complete, was looked at by SQLite, and outlives a loss of power.

    Args:
        path: The file.
        target: What to call the copy.
        force: Whether it may take the place of a file of that name.
        busy_timeout_seconds: How long to wait for someone who holds the file as a whole.
        progress: Is called with how far it has come.

    Raises:
        StoreError: The file cannot be read or is damaged, or the copy cannot be written there.
    """
    file, copy = real_path(path), real_path(target)
    _refuse_target(file, copy, force=force)
    with looked_at(file, busy_timeout_seconds=busy_timeout_seconds) as raw, partial_beside(copy) as partial:
        _copy(raw, file, partial, progress)
        shutil.copymode(file, partial)
        if force:
            partial.replace(copy)
        else:
            appear(partial, copy)
        sync_folder(copy.parent)
    return copy


def restore(
    backup: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    keep: bool = True,
    busy_timeout_seconds: float = 10.0,
    progress: Progress = in_silence,
) -> Restored:
    """Replace a file with a copy of *backup*, once that was found to be sound.

    Writers wait meanwhile. Who has the former file open is refused at the next thing that they ask
    of it, and has to open it again.

    Args:
        backup: The copy, which stays as it is.
        path: The file, which may be missing or damaged, but not another's.
        keep: Whether the former file stays, under another name next to it.
        busy_timeout_seconds: How long to wait for those who write or read the file.
        progress: Is called with how far it has come.

    Raises:
        StoreError: The copy is not sound, or the file cannot be replaced; it is as it was.
    """
    source, file = real_path(backup), real_path(path)
    if source == file:
        raise StoreError(file, "is the very file that is to be restored: name a backup of it")
    former = has_content(file)
    if former:
        refuse_foreign(file, busy_timeout_seconds=busy_timeout_seconds)
    with partial_beside(file) as partial:
        with looked_at(source, busy_timeout_seconds=busy_timeout_seconds) as raw:
            _copy(raw, source, partial, progress)
        verification = Verification(partial, progress=progress)
        _refuse_unsound(source, verification)
        with closing(sqlite3.connect(partial)) as raw:
            raw.execute("PRAGMA journal_mode = WAL")  # as all that have it open expect
        sync_file(partial)
        shutil.copymode(file if former else source, partial)
        kept = _replace(file, partial, keep=keep, timeout_seconds=busy_timeout_seconds)
    assert verification.rules is not None
    return Restored(rules=verification.rules, events=verification.counts["events"], kept=kept)


# --- the copy ---------------------------------------------------------------------------------


def _refuse_target(file: Path, copy: Path, *, force: bool) -> None:
    if str(copy) in {f"{file}{suffix}" for suffix in ("", *_LOGS, "-shm", "-lock")}:
        raise StoreError(copy, "belongs to the very file that is to be copied: choose another name")
    if kind := special_kind(copy):
        raise StoreError(copy, f"is {kind}: name a file")
    if copy.exists() and not force:
        raise StoreError(copy, "exists already: choose another name, or use force to replace it")
    for log in (Path(f"{copy}{suffix}") for suffix in _LOGS):
        if log.exists():
            raise StoreError(copy, f"{log.name} is beside it, which SQLite would take for the copy's: move that away")


def _copy(raw: sqlite3.Connection, source: Path, partial: Path, progress: Progress) -> None:
    """Copy what *raw* sees, and have SQLite look at the copy."""
    try:
        with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
            raw.backup(
                copy, pages=_PAGES_PER_STEP, progress=lambda _, left, total: progress("copy", total - left, total)
            )
            copy.execute("PRAGMA journal_mode = DELETE")
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite's own words may hold damaged text
        raise StoreError(source, f"cannot be copied to {partial.parent}: {error}") from error
    if found != "ok":
        raise StoreError(source, f"is damaged, and so would be a copy of it: {' '.join(found.split())}")
    sync_file(partial)


def _refuse_unsound(source: Path, verification: Verification) -> None:
    problems = list(islice(verification.problems(), 2))
    if problems:
        more = "; there is more that is wrong" if len(problems) > 1 else ""
        raise StoreError(source, f"is not sound, so nothing was restored: {problems[0]}{more}")


# --- its place --------------------------------------------------------------------------------


def _replace(file: Path, partial: Path, *, keep: bool, timeout_seconds: float) -> Path | None:
    """Replace *file* with *partial* while no one writes; return where the former file is."""
    turns = FileLock(file, timeout_seconds)
    try:
        turns.acquire()
        if has_content(file):
            _empty_log(file, timeout_seconds)
        kept = _put_aside(file) if keep else None
        try:
            # The log of the former file must not be met by the new one, nor the memory that its readers share.
            for suffix in (*_LOGS, "-shm"):
                Path(f"{file}{suffix}").unlink(missing_ok=True)
        finally:  # even if interrupted: those who have the former file open must not go on with it
            partial.replace(file)
        sync_folder(file.parent)
    finally:
        turns.close()
    return kept


def _empty_log(file: Path, timeout_seconds: float) -> None:
    """Bring the log of the former file into it, so that it is whole without; one that is damaged stays as it is."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=timeout_seconds)) as raw:
            (busy, _, _) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    if busy:
        raise StoreBusy(file, f"another process has been reading it for {timeout_seconds:g} seconds; try again")


def _put_aside(file: Path) -> Path | None:
    """Give what there is of the former file a second name, one that is free; return it."""
    names = (f"{file}.before-restore{n}" for n in ("", *(f"-{n}" for n in range(2, 1000))))
    kept = next(name for name in names if not any(Path(f"{name}{suffix}").exists() for suffix in ("", *_LOGS)))
    made = [_linked(Path(f"{file}{suffix}"), Path(f"{kept}{suffix}")) for suffix in ("", *_LOGS)]
    return next(filter(None, made), None)


def _linked(former: Path, kept: Path) -> Path | None:
    """Have a file stand under a second name, too; None if there is nothing in it."""
    if not former.exists() or not former.stat().st_size:
        return None
    try:
        kept.hardlink_to(former)
    except OSError:  # a file system without links
        in_another_process("import shutil, sys; shutil.copy2(*sys.argv[1:])", former, kept)
    return kept
