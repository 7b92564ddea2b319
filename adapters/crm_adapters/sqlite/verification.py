"""Is a file sound, and if not, what is wrong with it, and where?

The journal is the truth. It is read once, into tables in memory, and the rows of the file are
compared with those. Where nothing differs, what the laws say of the tables in memory they say of
the file. That takes as much memory as a `Crm` without a file.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
from attrs import define, field, frozen

from crm_domain.events import concerned
from crm_domain.evolve import evolve
from crm_domain.ids import email_fault, normal_email
from crm_domain.laws import LAWS, StateLaw
from crm_domain.memory.journal import MemoryJournal
from crm_domain.memory.rows import memory_rows
from crm_domain.ports import JournalEntry, Rows, Tables
from crm_domain.rows import AUTH_USERS, TABLES, AuthUser
from crm_domain.rules import HARDENED, SAFEGUARDS, Rules
from crm_domain.schema import Table

from ..progress import Progress, in_silence
from .codec import CODECS, Stored
from .elsewhere import in_another_process
from .journal import entry_of
from .opening import METADATA, real_path, rules_told_by
from .reading import looked_at
from .schema import VERSION, column_name, sql_name, statements

CHECKS: Final = ("log", "pages", "schema", "references", "journal", "rows", "laws")
"""What is looked at, in this order."""

_STEP: Final = 1000
"""After how many rows progress is reported."""

_LAST_EVENT_ALONE: Final = """
import json, sqlite3, sys
raw = sqlite3.connect(sys.argv[1] + "?immutable=1", uri=True)
print(json.dumps(raw.execute("SELECT * FROM journal ORDER BY position DESC LIMIT 1").fetchone()))
"""
"""Reads a file without its log, and without locks: a store of the same process would lose its own by that."""

_TABLES_ANEW: Final = "replay_reproduces_state"
"""The law that the check of rows is, so that it need not be looked at again."""


@frozen(kw_only=True)
class Difference:
    """A column of a row that is not what the journal says; both values as SQLite keeps them."""

    found: Stored
    expected: Stored


@frozen(kw_only=True)
class Problem:
    """Something that is wrong with a file.

    Attributes:
        check: Which of `CHECKS` found it.
        where: The place: a table and the key of a row, a position of the journal, the name of a
            table, an index or a law; empty where it is the whole file.
        what: What is wrong there.
        columns: The columns of a row that differ from what the journal says.
    """

    check: str
    where: str
    what: str
    columns: Mapping[str, Difference] = field(factory=dict)

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.check, self.where, self.what)))


Problems: TypeAlias = Iterator[Problem]


@define
class _Replay:
    """What the journal says: a state that laws can look at, as far as it could be read.

    Attributes:
        rules: The rules that the file is kept under, once they are known.
        complete: Whether all of the journal was read, without a gap.
    """

    rules: Rules = HARDENED
    tables: Tables = field(factory=lambda: Tables.made_by(memory_rows))
    journal: MemoryJournal = field(factory=MemoryJournal)
    complete: bool = False

    def add(self, entry: JournalEntry) -> None:
        self.journal.append([entry.event], at=entry.at, principal=entry.principal, key=entry.idempotency_key)
        evolve(self.tables, entry.event, at=entry.at)


class Verification:
    """Looks once at one state of a file, whole, and changes nothing.

    Args:
        path: The file, which no one needs to close.
        progress: Is called with how far it has come.
        busy_timeout_seconds: How long to wait for a file that someone holds as a whole.

    Attributes:
        path: Where the file really is.
        rules: The rules that it is kept under; None before they were read, or if it does not tell.
        counts: How many events, rows and laws were looked at.

    Example:
        >>> import tempfile
        >>> from crm_adapters.sqlite import SqliteStore
        >>> from crm_domain import Crm
        >>> folder = tempfile.TemporaryDirectory()
        >>> with SqliteStore(f"{folder.name}/crm.db") as store:
        ...     _ = Crm(store).as_service().sync_crm_user(email="amy@example.com")
        >>> verification = Verification(f"{folder.name}/crm.db")
        >>> list(verification.problems()), verification.counts["events"]
        ([], 5)
        >>> folder.cleanup()
    """

    def __init__(
        self, path: str | Path, *, progress: Progress = in_silence, busy_timeout_seconds: float = 10.0
    ) -> None:
        self.path = real_path(path)
        self.rules: Rules | None = None
        self.counts: Counter[str] = Counter()
        self._progress = progress
        self._busy_timeout_seconds = busy_timeout_seconds
        self._replay = _Replay()

    @property
    def laws_bind(self) -> bool:
        """Whether the laws must hold: without a safeguard, some break, as the document has it."""
        kept = self.rules
        return kept is not None and all(getattr(kept, s.name) for s in SAFEGUARDS.values() if s.law is not None)

    def problems(self, checks: Collection[str] = CHECKS) -> Problems:
        """Yield everything that is wrong with the file.

        Rows and laws need the journal, so they are passed over where it cannot be read to its end.

        Args:
            checks: Which checks to make.

        Raises:
            StoreError: There is no such file, it is not one of ours, or it cannot be read at all.
        """
        with looked_at(self.path, busy_timeout_seconds=self._busy_timeout_seconds) as raw:
            for check in filter(checks.__contains__, CHECKS):
                try:
                    yield from getattr(self, f"_{check}")(raw)
                except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # SQLite's own words may hold damaged text
                    yield Problem(check=check, where="", what=f"could not be looked at to its end: {error}")

    def notes(self) -> Problems:
        """Yield what is not wrong and worth knowing, once `problems` was read to its end.

        These are addresses from before the present normal form: accounts keep them as their keys,
        and are found by them, but a new account would be refused such a key or get another.
        """
        people = self._replay.tables.auth_users
        if self._replay.rules.one_email:
            for person in people:
                what = email_fault(person.email) or _other_key(people, person.email)
                if what is not None:
                    where = f"{AUTH_USERS.name} {person.id}"
                    yield Problem(check="addresses", where=where, what=f"{person.email!r} stays as it is, but {what}")

    def _log(self, raw: sqlite3.Connection) -> Problems:
        """Hold what there is with the log to what the file alone has: the journal only ever grows."""
        log = Path(f"{self.path}-wal")
        if not (log.exists() and log.stat().st_size):
            return
        self._progress("log", 0, 1)
        try:
            alone = json.loads(in_another_process(_LAST_EVENT_ALONE, self.path.as_uri()))
        except OSError:  # a writer that was cut off leaves a file that cannot be read without its log
            return
        if alone is not None:
            there = raw.execute("SELECT * FROM journal WHERE position = ?", alone[:1]).fetchone()
            if there is None or list(there) != alone:
                yield Problem(
                    check="log",
                    where=log.name,
                    what=f"replaces what the file alone holds at position {alone[0]} of the journal, so it is another "
                    "file's: close all that have the file open, and move the log away",
                )

    def _pages(self, raw: sqlite3.Connection) -> Problems:
        """Ask SQLite whether pages and indexes are whole, and rows are as their columns have to be."""
        self._progress("pages", 0, 1)
        for (text,) in raw.execute("PRAGMA integrity_check"):
            if text != "ok":
                yield Problem(check="pages", where="", what=text.replace("\n", " "))

    def _schema(self, raw: sqlite3.Connection) -> Problems:
        """Compare what tables and indexes there are with those that are declared."""
        try:
            self.rules = self._replay.rules = rules_told_by(dict(raw.execute(METADATA)))
        except ValueError as error:
            yield Problem(check="schema", where="store_metadata", what=str(error))
            return
        (version,) = raw.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            yield Problem(check="schema", where="user_version", what=f"is {version}, should be {VERSION}")
        found, expected = _objects(raw), _declared(self.rules)
        for name, (kind, sql) in expected.items():
            if name not in found:
                yield Problem(check="schema", where=f"{kind} {name}", what=f"is missing, should be {sql!r}")
            elif found[name] != (kind, sql):
                yield Problem(check="schema", where=f"{kind} {name}", what=f"is {found[name][1]!r}, should be {sql!r}")
        for name, (kind, _) in found.items():
            if kind == "trigger":
                yield Problem(check="schema", where=f"trigger {name}", what="changes rows behind the journal's back")

    def _references(self, raw: sqlite3.Connection) -> Problems:
        """Look for references that lead nowhere."""
        self._progress("references", 0, 1)
        for child, row, parent, number in raw.execute("PRAGMA foreign_key_check").fetchall():
            column = next(r[3] for r in raw.execute(f'PRAGMA foreign_key_list("{child}")') if r[0] == number)
            key = next(r[1] for r in raw.execute(f'PRAGMA table_info("{child}")') if r[5])
            where, value = raw.execute(f'SELECT "{key}", "{column}" FROM "{child}" WHERE rowid = ?', (row,)).fetchone()  # noqa: S608
            yield Problem(
                check="references",
                where=f"{child} {where}",
                what=f"{column} is {value!r}, which {parent} does not have",
            )

    def _journal(self, raw: sqlite3.Connection) -> Problems:
        """Read the journal; nothing may be missing in it."""
        gaps, whole = _Gaps(), True
        (total,) = raw.execute("SELECT count(*) FROM journal").fetchone()
        for stored in raw.execute("SELECT * FROM journal ORDER BY position"):
            position, _, _, _, account, version, *_ = stored
            found = list(gaps.before(position, account, version))
            if whole and not found:
                found = self._read(stored)
            whole = whole and not found
            yield from found
            self._count("events", "journal", total)
        self._replay.complete = whole

    def _read(self, stored: tuple[Any, ...]) -> list[Problem]:
        """Add an entry to what the journal says; return why that cannot be done."""
        place = f"position {stored[0]}"
        try:
            entry = entry_of(*stored)
            account = concerned(entry.event)
            if account != entry.account:
                return [Problem(check="journal", where=place, what=f"account is {entry.account}, should be {account}")]
            self._replay.add(entry)
        except Exception as error:  # noqa: BLE001 - an event that does not fit what was there breaks a fold in any way
            what = f"cannot be read, so what comes after it was not: {type(error).__name__}: {error}"
            return [Problem(check="journal", where=place, what=what)]
        return []

    def _rows(self, raw: sqlite3.Connection) -> Problems:
        """Compare the rows with those that the journal says, value by value, as SQLite keeps them."""
        if not self._replay.complete:
            return
        total = sum(map(len, self._replay.tables.by_name.values()))
        for table in TABLES.values():
            yield from self._rows_of(table, raw, total)

    def _rows_of(self, table: Table[Any], raw: sqlite3.Connection, total: int) -> Problems:
        told, codec = self._replay.tables.by_name[table.name], CODECS[table.name]
        columns = ", ".join(column_name(table, name) for name in table.by_name)
        seen, key_at = set(), table.position[table.key]
        for stored in raw.execute(f"SELECT {columns} FROM {sql_name(table.name)}"):  # noqa: S608 - declared names
            key = stored[key_at]
            row = told.get(key)
            if row is None:
                yield _of_row(table, key, "is there, and the journal does not know of it")
                continue
            seen.add(key)
            expected = codec.stored(table.values_of(row))
            if expected != list(stored):
                yield _differing(table, key, stored, expected)
            self._count("rows", "rows", total)
        if len(seen) < len(told):
            missing = {getattr(row, table.key) for row in told} - seen
            yield from (_of_row(table, key, "is missing") for key in sorted(missing))

    def _count(self, what: str, check: str, total: int) -> None:
        self.counts[what] += 1
        if not self.counts[what] % _STEP:
            self._progress(check, self.counts[what], total)

    def _laws(self, _: sqlite3.Connection) -> Problems:
        """Look whether what the journal says is lawful."""
        if not (self._replay.complete and self.laws_bind):
            return
        laws = [law for law in LAWS if isinstance(law, StateLaw)]
        for law in laws:
            self._progress("laws", self.counts["laws"], len(laws))
            if law.name != _TABLES_ANEW:
                yield from (Problem(check="laws", where=law.name, what=text) for text in law.check(self._replay))
            self.counts["laws"] += 1


def _other_key(people: Rows[AuthUser], email: str) -> str | None:
    """Return what the normal form of a stored address says of it, if that is another text."""
    normal = normal_email(email)
    if normal == email:
        return None
    other = people.one("email", normal)
    return f"its normal form is {normal!r}, " + ("which nobody has" if other is None else f"which {other.id} has")


@define
class _Gaps:
    """Finds what is missing in a journal: positions count from 1, and so do the versions of each account."""

    position: int = 0
    versions: dict[str | None, int] = field(factory=dict)

    def before(self, position: int, account: str | None, version: int) -> Problems:
        """Yield what is missing before the next entry."""
        yield from _gap("", "position", self.position, position)
        yield from _gap(f"account {account}", "version", self.versions.get(account, 0), version)
        self.position, self.versions[account] = position, version


def _gap(where: str, what: str, last: int, found: int) -> Problems:
    if found == last + 2:
        yield Problem(check="journal", where=where, what=f"{what} {last + 1} is missing")
    elif found != last + 1:
        yield Problem(check="journal", where=where, what=f"{what} {found} comes after {last}")


def _objects(raw: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """Return kind and SQL of everything that someone created, by name."""
    rows = raw.execute("SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: (kind, sql) for name, kind, sql in rows}


def _declared(rules: Rules) -> dict[str, tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as raw:
        for statement in statements(rules):
            raw.execute(statement)
        return _objects(raw)


def _of_row(table: Table[Any], key: str, what: str) -> Problem:
    return Problem(check="rows", where=f"{table.name} {key}", what=what)


def _differing(table: Table[Any], key: str, found: Iterable[Stored], expected: Iterable[Stored]) -> Problem:
    columns = {
        name: Difference(found=is_, expected=should_be)
        for name, is_, should_be in zip(table.by_name, found, expected, strict=True)
        if is_ != should_be
    }
    what = ", ".join(f"{name} is {c.found!r}, should be {c.expected!r}" for name, c in columns.items())
    return attrs.evolve(_of_row(table, key, what), columns=columns)
