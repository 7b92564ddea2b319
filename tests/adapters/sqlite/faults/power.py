"""What is on the disk after the power failed?

What was written, renamed or deleted and not synced since may have reached the disk or not, in any
order, sector by sector. A `Recording` notes all that is done to a folder, so that one run of some
work can be cut at any of its moments, and again at another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias
from unittest.mock import patch

from attrs import Factory, define, field, frozen

from .disk import OK, OPEN_CREATE, Call, watched

_SECTOR_BYTES: Final = 512


@frozen
class Created:
    path: str


@frozen
class Written:
    path: str
    offset: int
    data: bytes


@frozen
class Truncated:
    path: str
    size_bytes: int


@frozen
class Synced:
    """The content of a file is on the disk; its name, too, if it is a log that was new."""

    path: str
    folder: bool


@frozen
class Renamed:
    """A file has another name; none (None) if it was deleted."""

    path: str
    target: str | None


@frozen
class FolderSynced:
    """All names are on the disk."""


Change: TypeAlias = Created | Written | Truncated | Synced | Renamed | FolderSynced


@define
class Recording:
    """What is done to the files of a folder, in its order; a watcher of `disk`.

    Attributes:
        changes: What was done.
        acknowledged: After how many changes each unit of work was acknowledged.
    """

    changes: list[Change] = Factory(list)
    acknowledged: list[tuple[int, str]] = Factory(list)
    _new_logs: set[str] = field(factory=set)

    def __call__(self, call: Call) -> int:
        """Note a call that changes something; let it go on."""
        change = self._change(call) if call.path else None
        if change is not None:
            self.changes.append(change)
        if call.name == "xDelete" and call.number:
            self.changes.append(FolderSynced())
        return OK

    def _change(self, call: Call) -> Change | None:
        path = call.path
        match call.name:
            case "xOpen" if call.number & OPEN_CREATE and not os.path.exists(path):  # noqa: PTH110 - a str it is
                if path.endswith(("-wal", "-journal")):
                    self._new_logs.add(path)
                return Created(path)
            case "xWrite":
                return Written(path, call.number, call.data)
            case "xTruncate":
                return Truncated(path, call.number)
            case "xSync":
                new = path in self._new_logs  # SQLite's unix VFS syncs the folder at the first sync of a new log
                self._new_logs.discard(path)
                return Synced(path, folder=new)
            case "xDelete":
                return Renamed(path, None)
        return None

    def acknowledge(self, unit: str) -> None:
        """Note that a unit of work was acknowledged."""
        self.acknowledged.append((len(self.changes), unit))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Note what SQLite, and the store itself, does in the block."""
        replace, unlink = os.replace, os.unlink

        def replaced(source: Any, target: Any) -> None:
            replace(source, target)
            self.changes.append(Renamed(os.fspath(source), os.fspath(target)))

        def unlinked(path: Any, **_: Any) -> None:
            unlink(path)
            self.changes.append(Renamed(os.fspath(path), None))

        def synced(_: int) -> None:
            self.changes.append(FolderSynced())

        with (
            patch("os.replace", replaced),
            patch("os.unlink", unlinked),
            patch("os.fsync", synced),  # the store itself syncs folders alone
            watched(self),
        ):
            yield


# --- what is left -------------------------------------------------------------------------------


@define
class _Content:
    """A file's content: what surely is on the disk, and what was done since.

    Attributes:
        synced: What surely is there.
        size_bytes: Its size as programs see it.
        pending: Offset, data, and the size after it, of each write since; cut-off bytes are zeros.
    """

    synced: bytearray
    size_bytes: int
    pending: list[tuple[int, bytes, int]] = Factory(list)

    def write(self, offset: int, data: bytes) -> None:
        self.size_bytes = max(self.size_bytes, offset + len(data))
        self.pending.append((offset, data, self.size_bytes))

    def truncate(self, size_bytes: int) -> None:
        cut_off = max(self.size_bytes - size_bytes, 0)
        self.size_bytes = size_bytes
        self.pending.append((size_bytes, bytes(cut_off), size_bytes))

    def sync(self) -> None:
        self.synced = self.left(lambda _: len(self.pending))
        self.pending.clear()

    def left(self, moment_of: Callable[[int], int]) -> bytearray:
        """Return the content if each sector has those of the pending writes that came before its moment.

        The size is a sector of its own, of number -1.
        """
        content = bytearray(self.synced)
        for moment, (offset, data, _) in enumerate(self.pending):
            for start, end in _sectors(offset, len(data)):
                if moment < moment_of(start // _SECTOR_BYTES):
                    content += bytes(max(end - len(content), 0))
                    content[start:end] = data[start - offset : end - offset]
        sizes = [len(self.synced), *(size for _, _, size in self.pending)]
        size = sizes[moment_of(-1)]
        return content[:size] + bytes(max(size - len(content), 0))


def _sectors(offset: int, length: int) -> Iterator[tuple[int, int]]:
    """Yield the beginning and end of what of these bytes is in each sector."""
    start, stop = offset, offset + length
    while start < stop:
        end = min(stop, (start // _SECTOR_BYTES + 1) * _SECTOR_BYTES)
        yield start, end
        start = end


def _moments(draw: Random, pending: int) -> Callable[[int], int]:
    """Return when each sector of one file was last written before the power failed."""
    match draw.choice(["nothing", "everything", "in order", "any order"]):
        case "nothing":
            return lambda _: 0
        case "everything":
            return lambda _: pending
        case "in order":
            moment = draw.randint(0, pending)
            return lambda _: moment
    of_sector: dict[int, int] = {}
    return lambda sector: of_sector.setdefault(sector, draw.randint(0, pending))


@define
class _Folder:
    """Files by name: as programs see them, as the disk surely has them, and the renames in between."""

    seen: dict[str, _Content]
    synced: dict[str, _Content]
    pending: list[dict[str, _Content | None]] = Factory(list)

    def rename(self, path: str, target: str | None) -> None:
        content = self.seen.pop(path)
        names: dict[str, _Content | None] = {path: None}
        if target is not None:
            self.seen[target] = names[target] = content
        self.pending.append(names)

    def create(self, path: str) -> None:
        content = self.seen[path] = _Content(bytearray(), 0)
        self.pending.append({path: content})

    def sync(self) -> None:
        self.synced = dict(self.seen)
        self.pending.clear()

    def left(self, draw: Random) -> dict[str, bytes]:
        """Return what is on the disk: file systems write names in the order of their changes."""
        names: dict[str, _Content | None] = dict(self.synced)
        for change in self.pending[: draw.randint(0, len(self.pending))]:
            names |= change
        contents = {path: content for path, content in names.items() if content is not None}
        return {p: bytes(c.left(_moments(draw, len(c.pending)))) for p, c in contents.items()}


def left_on_disk(before: Mapping[str, bytes], changes: Sequence[Change], draw: Random) -> dict[str, bytes]:
    """Return the files that are on the disk if the power fails after these changes.

    Args:
        before: What was there, all of it synced.
        changes: What was done since.
        draw: Decides what of it reached the disk, of that which was not synced.
    """
    files = {path: _Content(bytearray(content), len(content)) for path, content in before.items()}
    folder = _Folder(files, dict(files))
    for change in changes:
        match change:
            case Created(path):
                folder.create(path)
            case Written(path, offset, data):
                folder.seen[path].write(offset, data)
            case Truncated(path, size_bytes):
                folder.seen[path].truncate(size_bytes)
            case Renamed(path, target):
                folder.rename(path, target)
            case FolderSynced():
                folder.sync()
            case Synced(path, new):
                folder.seen[path].sync()
                if new:
                    folder.sync()
    return folder.left(draw)


def contents_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder that outlive a loss of power; shared memory is none."""
    files = {str(file): file.read_bytes() for file in folder.iterdir() if file.is_file()}
    return {path: content for path, content in files.items() if not path.endswith("-shm")}


def put(files: Mapping[str, bytes], folder: Path) -> None:
    """Have these files in the folder, and no others."""
    for file in folder.iterdir():
        file.unlink()
    for path, content in files.items():
        Path(path).write_bytes(content)
