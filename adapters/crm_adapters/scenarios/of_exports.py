"""What did users do, by the tables of the document that someone exported?

A table is known by its columns, no matter what its file is called. Rows that were deleted are not in it; logins and
views are counters without times, so that their rates are not fitted from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import define, field

from crm_domain.rules import CreditPolicy
from crm_domain.schema import COUNT_MAX
from crm_domain.simulation.fitting.histories import Histories, History, day_of
from crm_domain.wording import quoted

from .csvfiles import Table, read_csv, time_of
from .errors import DataError

_MARKS: Final[Mapping[str, frozenset[str]]] = {
    "crm_users": frozenset({"email", "user_created_at"}),
    "job_requests": frozenset({"user_id", "job_title", "created_at"}),
    "recordings": frozenset({"user_id", "video_url", "created_at"}),
    "resumes": frozenset({"user_id", "resume_name", "created_at"}),
    "payments": frozenset({"user_id", "ref", "amount", "created_at"}),
    "stats": frozenset({"email", "total_applications", "total_recordings"}),
    "profiles": frozenset({"user_id", "credits_remaining", "updated_at"}),
    "users": frozenset({"id", "email", "created_at"}),
}
"""By which columns each table is known; the first that a file has all of."""

_DIGITS: Final = len(str(COUNT_MAX))

_IGNORED: Final = frozenset({"stats", "profiles"})


_COUNTERS: Final[Mapping[str, str]] = {
    "total_applications": "job_requests",
    "total_resumes": "resumes",
    "total_recordings": "recordings",
    "credits_remaining": "credits",
}
"""Columns of counters, which stand next to the main table's in exports of it with its stats."""


def has_counters(columns: Sequence[str]) -> bool:
    """Tell whether a table has one line a CRM user, with all counters."""
    return {*_MARKS["crm_users"], *_COUNTERS} <= {column.casefold() for column in columns}


def read_counters(path: Path, text: str, *, until: float | None) -> Histories:
    """Return CRM users with their counters, which count until a moment that has to be given.

    Raises:
        DataError: It is not given, or the file has a cell that cannot be read; with the line.
    """
    table = read_csv(path, text)
    if until is None:
        raise DataError(path, None, "has counters, which do not say until when they count: give that time with --until")
    names = {column.casefold(): column for column in table.columns}
    users = [
        History(
            population="crm",
            arrived=day_of(time_of(row[names["user_created_at"]], path, line)),
            counts={kind: _count(row[names[column]], path, line) for column, kind in _COUNTERS.items()},
        )
        for line, row in table.rows
        if row[names["user_created_at"]]
    ]
    if not users:
        raise DataError(path, None, "has no user, so there is nothing to fit")
    return Histories(users=users, until=until, source=f"{path}: counters of {len(users):,} users")


def _count(text: str, path: Path, line: int) -> int:
    if not text:
        return 0  # a user without counters did nothing yet
    digits = text.lstrip("0") or "0"
    if not (text.isascii() and text.isdigit()) or len(digits) > _DIGITS or int(digits) > COUNT_MAX:
        raise DataError(path, line, f"expected a count from 0 to {COUNT_MAX}, got {quoted(text)}")
    return int(digits)


def kind_of(columns: Sequence[str]) -> str | None:
    """Return which table has these columns; None if none of the document has."""
    names = {column.casefold() for column in columns}
    return next((kind for kind, marks in _MARKS.items() if marks <= names), None)


def read_exports(
    files: Sequence[tuple[Path, str | None]], policy: CreditPolicy, *, until: float | None = None
) -> Histories:
    """Return what users did, by the tables in some CSV files.

    Args:
        files: The files, each with its text if that is known already; that of the main table has to be among them,
            or that of ``auth.users``.
        policy: What credits users had: balances are followed by it.
        until: Until when the tables tell, in days; until the last time in them if None.

    Raises:
        DataError: One is no such table, or has a cell that cannot be read; with the line.
    """
    reading = _Reading()
    paths = [path for path, _ in files]
    for path, text in files:
        table = read_csv(path, text)
        kind = kind_of(table.columns)
        if kind is None:
            known = ", ".join(kind for kind in _MARKS if kind not in _IGNORED)
            raise DataError(path, 1, f"has the columns of no table; known are exports of {known}, or payments alone")
        if kind not in _IGNORED:
            reading.take(table, kind)
    people = [person for person in reading.people.values() if person.arrived is not None]
    if not people:
        raise DataError(
            paths[0], None, "no table tells when users came: export digital_resume_by_CRM or auth.users, too"
        )
    users = [person.history(policy) for person in people]
    end = reading.until if until is None else until
    rows = sum(len(times) for user in users for times in user.moments.values())
    return Histories(
        users=users, until=end, source=f"{', '.join(map(str, paths))}: {rows:,} rows of {len(users):,} users"
    )


@define
class _Person:
    population: str = "regular"
    arrived: float | None = None
    moments: defaultdict[str, list[float]] = field(factory=lambda: defaultdict(list))
    marked: dict[str, int] = field(factory=lambda: {"failed": 0, "completed": 0})

    def history(self, policy: CreditPolicy) -> History:
        assert self.arrived is not None
        moments = {kind: sorted(times) for kind, times in self.moments.items()}
        return History(
            population=self.population,
            arrived=self.arrived,
            moments=moments,
            credits=sorted(self._credits(self.arrived, policy)),
            failed=self.marked["failed"],
            completed=self.marked["completed"],
        )

    def _credits(self, arrived: float, policy: CreditPolicy) -> Iterator[tuple[float, int]]:
        if self.population == "crm":
            yield arrived, policy.initial_credits
        yield from ((at, policy.credits_per_payment) for at in self.moments["payments"])
        yield from ((at, -1) for at in self.moments["recordings"])


@define
class _Reading:
    people: defaultdict[str, _Person] = field(factory=lambda: defaultdict(_Person))
    until: float = 0.0

    def take(self, table: Table, kind: str) -> None:
        """Take note of the rows of a table."""
        names = {column.casefold(): column for column in table.columns}
        key = "id" if kind == "users" else "user_id" if "user_id" in names else "email"
        when = names["user_created_at" if kind == "crm_users" else "created_at"]
        status = names.get("status") if kind == "recordings" else None
        for line, row in table.rows:
            if not row[names[key]] or not row[when]:
                continue  # NULL: nobody's, or nobody knows when
            at = day_of(time_of(row[when], table.path, line))
            self.until = max(self.until, at)
            person = self.people[row[names[key]]]
            if kind == "crm_users":
                person.population, person.arrived = "crm", at
            elif kind == "users":
                person.arrived = at if person.population == "regular" else person.arrived
            else:
                person.moments[kind].append(at)
                if status is not None and row[status] in person.marked:
                    person.marked[row[status]] += 1
