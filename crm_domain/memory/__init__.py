"""The state in memory: rows, journal, and the store that changes both together."""

from .journal import MemoryJournal
from .rows import memory_rows
from .store import MemoryStore, rebuilt

__all__ = ["MemoryJournal", "MemoryStore", "memory_rows", "rebuilt"]
