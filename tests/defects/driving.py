"""How is a backend driven, so that a defect in its depth comes to the surface?

What a store forgets or keeps between two transactions shows only when it is asked for more than
commands: to give a batch up, to make the tables anew, to close the file and open it. Where nothing
is wrong, none of this makes a difference.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol, TypeAlias

from crm_adapters.sqlite import SqliteStore
from crm_adapters.sqlite.verification import Verification
from crm_domain import Accepted, Command, Crm, ManualClock, Principal, Refused, Rules, SequentialIds
from crm_domain.laws import check_all
from crm_domain.reads import GetDashboard, Select
from crm_domain.testing import CrmBackend

Drive: TypeAlias = Callable[[Rules], "Driven"]
"""Makes a backend with these rules."""

Habit: TypeAlias = Callable[[Crm], object]
"""Is done with the `Crm` at every command."""

_NOW: Final = datetime(2026, 1, 1, 9, 30, 0, 123_456, tzinfo=UTC)
"""A time that whole seconds cannot tell."""


class Place(Protocol):
    """Where the state is."""

    def begin(self) -> Crm:
        """Return a `Crm` without any users."""

    def go_on(self) -> Crm:
        """Return another `Crm`, over the same state."""

    def close(self) -> None:
        """Leave nothing behind."""


class Memory:
    """A state in memory, which has one `Crm`.

    Args:
        rules: The rules in force.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._crm = self.begin()

    def begin(self) -> Crm:
        """Return a `Crm` without any users."""
        self._crm = Crm(rules=self._rules, clock=ManualClock(_NOW), new_id=SequentialIds())
        return self._crm

    def go_on(self) -> Crm:
        """Return the same `Crm`."""
        return self._crm

    def close(self) -> None:
        """Leave nothing behind; in memory there is nothing."""


class File:
    """A state in a file, which stays open.

    Args:
        rules: The rules in force.
        damage: What is done to the file before anybody uses it, as SQL.
    """

    def __init__(self, rules: Rules, damage: str = "") -> None:
        self._rules = rules
        self._damage = damage
        self._folder = TemporaryDirectory(prefix="crm-defects-")
        self._path = Path(self._folder.name) / "crm.db"
        self._template = self._path.with_name("empty.db")
        self._ids = SequentialIds()
        self._opened: list[tuple[SqliteStore, Crm]] = []

    def begin(self) -> Crm:
        """Return a `Crm` over an empty file; to copy one is quicker than to make one."""
        self.close_all()
        if not self._template.exists():
            with SqliteStore(self._template) as store:
                store.open(self._rules)
            with closing(sqlite3.connect(self._template)) as raw:
                raw.executescript(self._damage)
        shutil.copy(self._template, self._path)
        self._ids = SequentialIds()
        return self.opened()

    def go_on(self) -> Crm:
        """Return the same `Crm`."""
        return self._opened[0][1]

    def problems(self) -> list[str]:
        """Return what is wrong with the file, by its own journal."""
        return [str(problem) for problem in Verification(self._path).problems()]

    def opened(self) -> Crm:
        """Open the file, once more; nobody here loses power, so nothing is forced to the disk."""
        store = SqliteStore(self._path)
        crm = Crm(store, rules=self._rules, clock=ManualClock(_NOW), new_id=self._ids)
        store.database.execute("PRAGMA synchronous = OFF")
        self._opened.append((store, crm))
        return crm

    def close_all(self) -> None:
        """Close the file, for everybody who has it open."""
        for store, _ in self._opened:
            store.close()
        self._opened.clear()

    def close(self) -> None:
        """Leave nothing behind: close the file, and delete it."""
        self.close_all()
        self._folder.cleanup()


class ReopenedFile(File):
    """A state in a file that is closed before another `Crm` goes on."""

    def go_on(self) -> Crm:
        """Return a `Crm` over the file, opened anew."""
        self.close_all()
        return self.opened()


class SharedFile(File):
    """A state in a file that two have open, who take turns."""

    def begin(self) -> Crm:
        """Return one of two over an empty file."""
        first = super().begin()
        self.opened()
        return first

    def go_on(self) -> Crm:
        """Return the other one."""
        self._opened.reverse()
        return super().go_on()


class Driven(CrmBackend):
    """A `Crm` that is asked for more than a backend is asked for; to be closed.

    Args:
        place: Where the state is.
        rehearsing: Whether each command is executed once before, in a batch that is given up.
        first: What is done before each command.
    """

    def __init__(self, place: Place, *, rehearsing: bool = False, first: Habit | None = None) -> None:
        super().__init__(place.begin)
        self._place = place
        self._rehearsing = rehearsing
        self._first = first

    def close(self) -> None:
        """Leave nothing behind."""
        self._place.close()

    def execute(self, principal: Principal, command: Any) -> Any:
        """Execute a command, or answer a read."""
        if isinstance(command, GetDashboard | Select):
            return super().execute(principal, command)
        return self._executed(principal, command, None)

    def execute_keyed(self, principal: Principal, command: Command, key: str) -> Accepted:
        """Execute a command under an idempotency key."""
        return self._executed(principal, command, key)

    def _executed(self, principal: Principal, command: Command, key: str | None) -> Accepted:
        if self._first is not None:
            self._first(self.crm)
        if self._rehearsing:
            self._rehearse(principal, command, key)
        accepted = self.crm.execute(principal, command, key=key)
        self.crm = self._place.go_on()
        return accepted

    def _rehearse(self, principal: Principal, command: Command, key: str | None) -> None:
        with suppress(Refused, _GivenUpError), self.crm.batch():
            self.crm.execute(principal, command, key=key)
            raise _GivenUpError


class _GivenUpError(Exception):
    """Ends a batch that is not to be kept."""


def _inspected(crm: Crm) -> None:
    """Look at the ledger, too, which nobody sees from outside."""
    broken = check_all(crm)
    assert not broken, str(broken[0])


def in_memory(rules: Rules) -> Driven:
    """Nothing more is done than is asked."""
    return Driven(Memory(rules))


def inspected(rules: Rules) -> Driven:
    """Before each command the laws look at the tables themselves, the ledger too."""
    return Driven(Memory(rules), first=_inspected)


def rehearsed(rules: Rules) -> Driven:
    """Each command is executed once before, in a batch that is given up."""
    return Driven(Memory(rules), rehearsing=True)


def rebuilt(rules: Rules) -> Driven:
    """Before each command the tables are made anew from the journal."""
    return Driven(Memory(rules), first=Crm.rebuild)


def in_a_file(rules: Rules) -> Driven:
    """Nothing more is done than is asked, in a file."""
    return Driven(File(rules))


def reopened(rules: Rules) -> Driven:
    """The file is closed after each command, and opened anew."""
    return Driven(ReopenedFile(rules))


def shared(rules: Rules) -> Driven:
    """Two have the file open, and execute commands in turn."""
    return Driven(SharedFile(rules))


def rehearsed_in_a_file(rules: Rules) -> Driven:
    """As `rehearsed`, in a file."""
    return Driven(File(rules), rehearsing=True)


def verified(rules: Rules, damage: str = "") -> Driven:
    """Before each command the file is verified, which was damaged before."""
    file = File(rules, damage)

    def verify(_: Crm) -> None:
        problems = file.problems()
        assert not problems, problems[0]

    return Driven(file, first=verify)


def rebuilt_in_a_file(rules: Rules) -> Driven:
    """As `rebuilt`, in a file."""
    return Driven(File(rules), first=Crm.rebuild)


DRIVES: Final[tuple[Drive, ...]] = (
    in_memory, inspected, rehearsed, rebuilt, in_a_file, reopened, shared, rehearsed_in_a_file, rebuilt_in_a_file, verified
)  # fmt: skip
"""All of them."""
