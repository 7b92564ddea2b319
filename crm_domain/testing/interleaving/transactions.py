"""What does one statement do, while others read and change the same rows?

A database in small, at the isolation that PostgreSQL has by default (READ
COMMITTED): one sees what others have committed and what one wrote oneself. Who changes a row, or
reads it FOR UPDATE, holds it until the end of the transaction; anyone else who wants it waits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from attrs import evolve, field, frozen

PROFILE: Final = "profiles"
"""The row that is meant unless a statement names another: the one that has the balance."""

BALANCE: Final = "balance"
"""The column that credits are taken from."""

Answer: TypeAlias = int | tuple[int, ...] | bool | None
"""What a statement answers: one value, several, or whether a row was changed; None without an answer."""

Condition: TypeAlias = tuple[str, str, int]
"""A column, one of ``= <> < <= > >=``, and a value."""

_COMPARISONS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@frozen(init=False)
class Read:
    """``SELECT``: answers the value of a column, or a tuple of several.

    Attributes:
        columns: The columns; ``version`` counts the updates of the row.
        row: The row.
        for_update: Whether to hold the row from now on, and to wait for anyone who holds it.
    """

    columns: tuple[str, ...]
    row: str
    for_update: bool

    def __init__(self, *columns: str, row: str = PROFILE, for_update: bool = False) -> None:
        if not columns:
            raise ValueError("Read: name a column, such as 'balance'")
        self.__attrs_init__(columns, row, for_update)

    def __str__(self) -> str:
        table = "" if self.row == PROFILE else f" FROM {self.row}"
        return f"SELECT {', '.join(self.columns)}{table}{' FOR UPDATE' * self.for_update}"


def _known(_: object, __: object, condition: Condition | None) -> None:
    if condition is not None and condition[1] not in _COMPARISONS:
        raise ValueError(f"Update: {condition[1]!r} is no comparison; there are {' '.join(_COMPARISONS)}")


@frozen
class Update:
    """``UPDATE``: answers whether a row was changed, which is then held.

    Give one of *to* and *by*. The row's ``version`` goes up by 1.

    Attributes:
        column: The column to set.
        to: Its new value.
        by: How much is added to what it is.
        where: What must hold of the row for it to be changed; always looked up when the row is free.
        check: What the table's CHECK wants of the row afterwards; where it would not hold, nothing is changed.
        row: The row.
    """

    column: str
    to: int | None = field(default=None, kw_only=True)
    by: int | None = field(default=None, kw_only=True)
    where: Condition | None = field(default=None, kw_only=True, validator=_known)
    check: Condition | None = field(default=None, kw_only=True, validator=_known)
    row: str = field(default=PROFILE, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if (self.to is None) == (self.by is None):
            raise ValueError("Update: give either to or by")

    def after(self, value: int) -> int:
        """Return what the column is set to, where it was *value*."""
        if self.by is not None:
            return value + self.by
        assert self.to is not None
        return self.to

    def __str__(self) -> str:
        column, sign = self.column, "-" if (self.by or 0) < 0 else "+"
        value = str(self.to) if self.by is None else f"{column} {sign} {abs(self.by)}"
        table = "" if self.row == PROFILE else f"{self.row} SET "
        return f"UPDATE {table}{column} = {value}{_clause('WHERE', self.where)}{_clause('CHECK', self.check)}"


def _clause(word: str, condition: Condition | None) -> str:
    return "" if condition is None else f" {word} {' '.join(map(str, condition))}"


@frozen
class Commit:
    """``COMMIT``: what was written is there for all, and no row is held any more; another transaction begins."""

    def __str__(self) -> str:
        return "COMMIT"


@frozen
class Rollback:
    """``ROLLBACK``: nothing was written, and no row is held any more; another transaction begins."""

    def __str__(self) -> str:
        return "ROLLBACK"


Step: TypeAlias = Read | Update | Commit | Rollback
"""Everything that a session may do in one go."""

_Cells: TypeAlias = frozenset[tuple[tuple[str, str], int]]
_NOTHING: Final[_Cells] = frozenset()


@frozen
class Database:
    """Rows, and who has done what to them. It never changes: each step makes another one.

    What was not written is 0.

    Attributes:
        committed: What everybody sees: pairs of (row, column) and value.
        pending: For each session what it wrote and has not committed.
        held: Pairs of a row and the session that holds it.
    """

    committed: _Cells
    pending: tuple[_Cells, ...]
    held: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def with_credits(cls, credits_: int, *, sessions: int) -> Database:
        """Return a database with so much on the balance, for so many sessions."""
        return cls(frozenset({((PROFILE, BALANCE), credits_)}), (_NOTHING,) * sessions)

    @property
    def balance(self) -> int:
        """The balance that everybody sees, in credits."""
        return dict(self.committed).get((PROFILE, BALANCE), 0)

    def must_wait(self, session: int, step: Step) -> bool:
        """Tell whether another session holds the row that *step* wants to hold."""
        if isinstance(step, Update) or (isinstance(step, Read) and step.for_update):
            return any(row == step.row and holder != session for row, holder in self.held)
        return False

    def after(self, session: int, step: Step) -> tuple[Database, Answer]:
        """Return what is there when a session has done *step*, which need not wait, and what it was answered."""
        if isinstance(step, Read):
            seen = self._seen_by(session)
            values = tuple(seen.get((step.row, column), 0) for column in step.columns)
            database = _holding(self, session, step.row) if step.for_update else self
            return database, values[0] if len(values) == 1 else values
        if isinstance(step, Update):
            return self._after_update(session, step)
        return self.after_commit(session) if isinstance(step, Commit) else _released(self, session), None

    def after_commit(self, session: int) -> Database:
        """Return what is there when a session has ended its transaction."""
        written = dict(self.committed) | dict(self.pending[session])
        return _released(evolve(self, committed=frozenset(written.items())), session)

    def _after_update(self, session: int, step: Update) -> tuple[Database, bool]:
        row = {column: value for (name, column), value in self._seen_by(session).items() if name == step.row}
        changed = row | {step.column: step.after(row.get(step.column, 0)), "version": row.get("version", 0) + 1}
        if not (_holds(step.where, row) and _holds(step.check, changed)):
            return self, False
        written = dict(self.pending[session]) | {(step.row, column): value for column, value in changed.items()}
        return _holding(_with_pending(self, session, frozenset(written.items())), session, step.row), True

    def _seen_by(self, session: int) -> dict[tuple[str, str], int]:
        return dict(self.committed) | dict(self.pending[session])


def _holding(database: Database, session: int, row: str) -> Database:
    return evolve(database, held=database.held | {(row, session)})


def _released(database: Database, session: int) -> Database:
    held = frozenset((row, holder) for row, holder in database.held if holder != session)
    return evolve(_with_pending(database, session, _NOTHING), held=held)


def _with_pending(database: Database, session: int, cells: _Cells) -> Database:
    pending = (*database.pending[:session], cells, *database.pending[session + 1 :])
    return evolve(database, pending=pending)


def _holds(condition: Condition | None, row: Mapping[str, int]) -> bool:
    if condition is None:
        return True
    column, comparison, value = condition
    return _COMPARISONS[comparison](row.get(column, 0), value)
