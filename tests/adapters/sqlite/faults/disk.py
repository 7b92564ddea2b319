"""How does a test stand between SQLite and its files?

As a VFS, SQLite's own way to reach the system. It is registered in the very library that Python's
`sqlite3` uses, and becomes the default, so that nothing of a store is replaced: while a file is
`watched`, each call of SQLite is told to a watcher, which may answer with an error, and is otherwise
handed on to the system. Syncs are told and not handed on, because what survives is for a test to
decide; nor is sleeping, because nobody else is waited for.
"""

from __future__ import annotations

import _sqlite3
import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

OK: Final = 0
OPEN_CREATE: Final = 0x4
_SHM_LOCK: Final = 0x2  # in the flags of xShmLock; without it a lock is given back, which cannot fail
_FILE_CALLS_VERSION: Final = 2  # has shared memory, and no mapped pages that no call would tell of


class Call(NamedTuple):
    """A call of SQLite to the system.

    Attributes:
        name: Its name in SQLite's interface, as ``xWrite``.
        path: The file; empty for a temporary one.
        number: The offset in bytes of xRead and xWrite, the size in bytes of xTruncate, the flags
            of xOpen; of xDelete whether the folder is synced, too.
        data: What is written.
    """

    name: str
    path: str
    number: int = 0
    data: bytes = b""


Watcher: TypeAlias = Callable[[Call], int]
"""Answers a call with the code of an error, or with 0: then the call is made."""


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tell *watcher* of every call, in whatever is opened in the block."""
    vfs = _vfs()
    vfs.watcher = watcher
    vfs.library.sqlite3_vfs_register(ctypes.byref(vfs.ours), 1)
    try:
        yield
    finally:
        vfs.library.sqlite3_vfs_unregister(ctypes.byref(vfs.ours))
        vfs.watcher = calm


def calm(_: Call) -> int:
    """Let every call be made: a watcher that only spares the disk the syncs."""
    return OK


def can_be_watched() -> bool:
    """Tell whether Python's SQLite is a library that shows its functions; in some builds of Python it is not."""
    file = getattr(_sqlite3, "__file__", None)
    return file is not None and hasattr(ctypes.CDLL(file), "sqlite3_vfs_register")


_POINTER: Final = ctypes.c_void_p
_INT: Final = ctypes.c_int
_INT64: Final = ctypes.c_int64

_OF_VFS: Final[dict[str, tuple[Any, ...]]] = {
    "xOpen": (_POINTER, _POINTER, _POINTER, _INT, _POINTER),
    "xDelete": (_POINTER, _POINTER, _INT),
    "xAccess": (_POINTER, _POINTER, _INT, _POINTER),
    "xSleep": (_POINTER, _INT),
}
"""The parameters of those calls that are not made for an open file, as C has them."""

_OF_FILE: Final[dict[str, tuple[Any, ...]]] = {
    "xClose": (_POINTER,),
    "xRead": (_POINTER, _POINTER, _INT, _INT64),
    "xWrite": (_POINTER, _POINTER, _INT, _INT64),
    "xTruncate": (_POINTER, _INT64),
    "xSync": (_POINTER, _INT),
    "xFileSize": (_POINTER, _POINTER),
    "xLock": (_POINTER, _INT),
    "xShmMap": (_POINTER, _INT, _INT, _INT, _POINTER),
    "xShmLock": (_POINTER, _INT, _INT, _INT),
}
"""The parameters of those calls that are made for an open file."""


def _pointers(names: str) -> list[tuple[str, Any]]:
    return [(name, _POINTER) for name in names.split()]


class _Vfs(ctypes.Structure):  # sqlite3_vfs
    _fields_ = [
        ("iVersion", _INT),
        ("szOsFile", _INT),
        ("mxPathname", _INT),
        ("pNext", _POINTER),
        ("zName", ctypes.c_char_p),
        ("pAppData", _POINTER),
        *_pointers("xOpen xDelete xAccess xFullPathname xDlOpen xDlError xDlSym xDlClose xRandomness xSleep"),
        *_pointers("xCurrentTime xGetLastError xCurrentTimeInt64 xSetSystemCall xGetSystemCall xNextSystemCall"),
    ]


class _Methods(ctypes.Structure):  # sqlite3_io_methods
    _fields_ = [
        ("iVersion", _INT),
        *_pointers("xClose xRead xWrite xTruncate xSync xFileSize xLock xUnlock xCheckReservedLock xFileControl"),
        *_pointers("xSectorSize xDeviceCharacteristics xShmMap xShmLock xShmBarrier xShmUnmap xFetch xUnfetch"),
    ]


class _File(ctypes.Structure):  # sqlite3_file
    _fields_ = [("pMethods", ctypes.POINTER(_Methods))]


@cache
def _vfs() -> _WatchedVfs:
    """Return the one VFS; it is never freed, because SQLite keeps pointers to it."""
    return _WatchedVfs()


class _WatchedVfs:
    """The system's VFS with some of its functions replaced.

    A file is the system's, too: only the table of its methods is exchanged, for a copy in which
    some are ours. They have the same parameters and hand them on as they are.
    """

    def __init__(self) -> None:
        # The library that Python's module is linked with, found through the module itself.
        self.library = ctypes.CDLL(_sqlite3.__file__)
        self.library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self.watcher: Watcher = calm
        self.ours = _Vfs.from_buffer_copy(self.library.sqlite3_vfs_find(None).contents)
        self.ours.zName = b"watched"
        self._paths: dict[int, str] = {}  # of open files, by their address
        self._methods: dict[int, _Methods] = {}  # ours, by the address of the system's
        self._callbacks: list[Any] = []  # so that they are not freed
        for name, parameters in _OF_VFS.items():
            self._replace(self.ours, name, parameters)

    def _replace(self, table: ctypes.Structure, name: str, parameters: tuple[Any, ...]) -> None:
        kind = ctypes.CFUNCTYPE(_INT, *parameters)
        system = kind(getattr(table, name))
        callback = kind(getattr(self, f"_{name}")(system))
        self._callbacks.append(callback)
        setattr(table, name, ctypes.cast(callback, _POINTER).value)

    # --- calls of the system ----------------------------------------------------------------------

    def _xOpen(self, system: Any) -> Any:  # noqa: N802 - SQLite's names
        def call(vfs: int, name: int | None, file: int, flags: int, flags_out: int | None) -> int:
            # The pointer is handed on, not a copy of the name: the system's VFS keeps it.
            path = "" if name is None else ctypes.string_at(name).decode()
            opened = _File.from_address(file)
            opened.pMethods = None  # tells SQLite that there is nothing to close
            code = self.watcher(Call("xOpen", path, flags)) or system(vfs, name, file, flags, flags_out)
            if opened.pMethods:
                self._paths[file] = path
                opened.pMethods = ctypes.pointer(self._methods_like(opened.pMethods.contents))
            return int(code)

        return call

    def _methods_like(self, system: _Methods) -> _Methods:
        address = ctypes.addressof(system)
        if address not in self._methods:
            ours = self._methods[address] = _Methods.from_buffer_copy(system)
            ours.iVersion = min(ours.iVersion, _FILE_CALLS_VERSION)
            for name, parameters in _OF_FILE.items():
                if getattr(ours, name) is not None:
                    self._replace(ours, name, parameters)
        return self._methods[address]

    def _xDelete(self, system: Any) -> Any:  # noqa: N802
        def call(vfs: int, name: int, sync_folder: int) -> int:
            path = ctypes.string_at(name).decode()
            return int(self.watcher(Call("xDelete", path, sync_folder)) or system(vfs, name, 0))

        return call

    def _xAccess(self, system: Any) -> Any:  # noqa: N802
        def call(vfs: int, name: int, flags: int, result: int) -> int:
            path = ctypes.string_at(name).decode()
            return int(self.watcher(Call("xAccess", path)) or system(vfs, name, flags, result))

        return call

    def _xSleep(self, _: Any) -> Any:  # noqa: N802
        return lambda vfs, microseconds: microseconds

    # --- calls for an open file -------------------------------------------------------------------

    def _xClose(self, system: Any) -> Any:  # noqa: N802
        def call(file: int) -> int:
            del self._paths[file]
            return int(system(file))

        return call

    def _xRead(self, system: Any) -> Any:  # noqa: N802
        def call(file: int, buffer: int, size: int, offset: int) -> int:
            told = Call("xRead", self._paths[file], offset)
            return int(self.watcher(told) or system(file, buffer, size, offset))

        return call

    def _xWrite(self, system: Any) -> Any:  # noqa: N802
        def call(file: int, data: int, size: int, offset: int) -> int:
            code = self.watcher(Call("xWrite", self._paths[file], offset, ctypes.string_at(data, size)))
            if code:
                system(file, data, size // 2, offset)  # a write that fails may have written a part
            return int(code or system(file, data, size, offset))

        return call

    def _xTruncate(self, system: Any) -> Any:  # noqa: N802
        def call(file: int, size: int) -> int:
            return int(self.watcher(Call("xTruncate", self._paths[file], size)) or system(file, size))

        return call

    def _xSync(self, system: Any) -> Any:  # noqa: N802
        def call(file: int, flags: int) -> int:
            return self.watcher(Call("xSync", self._paths[file]))

        return call

    def _xFileSize(self, system: Any) -> Any:  # noqa: N802
        def call(file: int, result: int) -> int:
            return int(self.watcher(Call("xFileSize", self._paths[file])) or system(file, result))

        return call

    def _xLock(self, system: Any) -> Any:  # noqa: N802
        def call(file: int, level: int) -> int:
            return int(self.watcher(Call("xLock", self._paths[file])) or system(file, level))

        return call

    def _xShmMap(self, system: Any) -> Any:  # noqa: N802
        def call(file: int, region: int, size: int, extend: int, result: int) -> int:
            return int(self.watcher(Call("xShmMap", self._paths[file])) or system(file, region, size, extend, result))

        return call

    def _xShmLock(self, system: Any) -> Any:  # noqa: N802
        def call(file: int, first: int, count: int, flags: int) -> int:
            code = self.watcher(Call("xShmLock", self._paths[file])) if flags & _SHM_LOCK else OK
            return int(code or system(file, first, count, flags))

        return call
