"""What is in a backend's tables, as far as it can be seen, and how does the model go on from there?

The service sees every row. Where its look is known to be wrong, the owners' looks are trusted
instead. Times that clocks said, and ids that no one chose, are the model's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LogLine
from crm_domain.crm import Crm
from crm_domain.errors import Refused
from crm_domain.ids import SERVICE
from crm_domain.memory.rows import memory_rows
from crm_domain.ports import Backend, Rows, Tables
from crm_domain.reads import Select
from crm_domain.schema import Atom, ColumnType, Table, Values

from ..histories import START
from ..people import PEOPLE
from ..requests.pools import CHOSEN_TIMES
from .differences import Known
from .observing import ABSENT, Seen, identity_of, look, seen_values


def stored_in(backend: Backend, table: Table[Any], wanted: Seen, known: Known) -> Seen:
    """Return the rows of a table, as the service sees them; as their owners do, where that is known to be wrong.

    Args:
        backend: The backend.
        table: The table.
        wanted: The model's rows; they stand for what no trusted look shows.
        known: What is known to be wrong.
    """
    line = LogLine(SERVICE, Select(table=table))
    found = look(backend, SERVICE, table)
    if not known.distrusts(line):
        return found
    found = known.cleaned(line, found, wanted)
    if isinstance(found.shown, tuple) and "user_id" in table.by_name:
        found = seen_values(table, list(_by_owners(backend, table, found.values, known)))
    return found


def _by_owners(
    backend: Backend, table: Table[Any], values: Iterable[tuple[Any, ...]], known: Known
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of each person whose look is trusted as they see them, and all others as they are."""
    owner = table.position["user_id"]
    own: dict[Any, Sequence[tuple[Any, ...]]] = {}
    for person in PEOPLE:
        found = look(backend, person.principal, table)
        if isinstance(found.shown, tuple) and not known.distrusts(LogLine(person.principal, Select(table=table))):
            own[person.user_id] = [row for row in found.values if row[owner] == person.user_id]
    yield from (row for row in values if row[owner] not in own)
    for theirs in own.values():
        yield from theirs


def values_like(table: Table[Any], stored: Seen | None, known: Iterable[Any]) -> list[Values]:
    """Return stored rows as the model would hold them; its own rows where none were shown.

    Args:
        table: The table.
        stored: What was seen in it.
        known: The model's rows.
    """
    known = list(known)
    if stored is None or not isinstance(stored.shown, tuple):
        return [table.values_of(row) for row in known]
    return [row_like(table, values, known) for values in stored.values]


def copied_rows(table: Table[Any], held: Iterable[Any]) -> Rows[Any]:
    """Return a copy of the rows of a table."""
    made = memory_rows(table)
    for row in held:
        made.insert(table.values_of(row))
    return made


def rows_like(table: Table[Any], stored: Seen | None, base: Tables) -> Rows[Any]:
    """Return stored rows as a table of the model's; see `values_like`."""
    made = memory_rows(table)
    for values in values_like(table, stored, base.by_name[table.name]):
        made.insert(values)
    return made


def row_like(table: Table[Any], values: Sequence[Any], known: Iterable[Any]) -> Values:
    """Return a stored row, with the times, and the id that no one chose, of the model's row that it should be."""
    name = identity_of(table)
    at = table.position[name]
    kept = _kept_columns(table)
    twin = next((row for row in map(table.values_of, known) if row[at] == values[at]), None)
    if twin is None:
        return tuple(None if value is ABSENT else value for value in values)
    return tuple(
        model if value is ABSENT or (column.name not in kept and _is_told_by_clocks(value, model)) else value
        for column, value, model in zip(table.columns, values, twin, strict=True)
    )


def _is_told_by_clocks(value: Atom, model: Atom) -> bool:
    """Tell whether neither of two times, or made ids, is missing or what a request chose."""
    return None not in {value, model} and value not in CHOSEN_TIMES


def _kept_columns(table: Table[Any]) -> frozenset[str]:
    """Return the columns whose values are the backend's own word."""
    made = {table.key} - {identity_of(table)}
    return frozenset(c.name for c in table.columns if c.type is not ColumnType.TIMESTAMPTZ and c.name not in made)


# --- the model goes on from there -----------------------------------------------------------


def take_over(crm: Crm, stored: Mapping[str, Seen]) -> None:
    """Have the model hold the rows that a backend stored, so that both go on from the same state.

    A balance is set as the service would, so that the ledger knows of it; other rows are put there as they are.
    """
    for name in sorted(stored, key=lambda name: name != rows.PROFILES.name):  # the mirror follows a profile
        found = stored[name]
        table, there = rows.TABLES[name], crm.tables.by_name[name]
        wanted = {row[table.position[table.key]]: row for row in values_like(table, found, there)}
        had = {getattr(row, table.key): table.values_of(row) for row in there}
        for key in had.keys() - wanted.keys():
            there.delete(key)
        for key, values in wanted.items():
            if table is rows.PROFILES:
                _take_profile_over(crm, values, is_there=key in had)
            elif key not in had:
                there.insert(values)
            elif had[key] != values:
                there.update(key, dict(zip(table.by_name, values, strict=True)))


def _take_profile_over(crm: Crm, values: Values, *, is_there: bool) -> None:
    """Store a profile whose balance is set as the service would; if that is refused, as it is."""
    row = dict(zip(rows.PROFILES.by_name, values, strict=True))
    user_id, balance = row["user_id"], row["credits_remaining"]
    if not is_there:
        if user_id not in crm.tables.auth_users:  # no one looks at these, and everything refers to them
            crm.tables.auth_users.insert(_auth_user(user_id))
        crm.tables.profiles.insert(tuple((row | {"credits_remaining": 0}).values()))
    profile = crm.tables.profiles.get(user_id)
    if profile is not None and profile.credits_remaining != balance:
        update = c.Update(table=rows.PROFILES, where={"user_id": user_id}, set={"credits_remaining": balance})
        try:
            crm.execute(SERVICE, update)
        except Refused:
            crm.tables.profiles.update(user_id, {"credits_remaining": balance})
    crm.tables.profiles.update(user_id, row)


def _auth_user(user_id: Any) -> Values:
    """Return the row of a user of whom only the profile is seen."""
    email = next((person.email for person in PEOPLE if person.user_id == user_id), f"{user_id}@x.test")
    columns = {"id": user_id, "email": email}
    return tuple(columns.get(column.name, START) for column in rows.AUTH_USERS.columns)
