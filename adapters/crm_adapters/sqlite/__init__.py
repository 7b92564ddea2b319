"""The state in a SQLite file: the same rules as in memory, and it survives.

``Crm(SqliteStore("crm.db"))`` behaves as ``Crm()`` does. Each command is one durable commit, unless
it is in a `Crm.batch`. The row tables have the document's names and columns, so any SQLite tool
reads them; the journal is a table too, and the row tables are made from it alone.

Writers of all processes hold a lock on ``<file>-lock`` from the beginning of a transaction to the
end of its commit and of the checkpoint that SQLite may run there. This closes SQLite's WAL-reset
bug (3.7.0 to 3.51.2; see `crm_adapters.sqlite.locking`), and writers wait in shorter steps than
SQLite's own. Put the file on a local disk: a write-ahead log needs memory that processes share.
"""

from .errors import StoreBusy, StoreError
from .opening import stored_rules
from .saving import save_as
from .store import SqliteStore

__all__ = ["SqliteStore", "StoreBusy", "StoreError", "save_as", "stored_rules"]
