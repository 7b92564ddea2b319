"""In which rows do two states differ?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from attrs import frozen

from crm_domain.ports import Tables
from crm_domain.rows import TABLES
from crm_domain.schema import Table


@frozen
class Difference:
    """A row that is not the same in two states.

    Attributes:
        table: The table.
        key: The row's key.
        before: The row in the first state, None if it was not there.
        after: The row in the second, None if it is not there.
    """

    table: Table[Any]
    key: Any
    before: Any
    after: Any

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that differ; all of them, if the row is in one of the states only."""
        if self.before is None or self.after is None:
            return tuple(self.table.by_name)
        return tuple(name for name in self.table.by_name if getattr(self.before, name) != getattr(self.after, name))

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.table.name} {self.key}: it was not there, and is"
        if self.after is None:
            return f"{self.table.name} {self.key}: it was there, and is not"
        changes = (
            f"{name} was {_shown(getattr(self.before, name))} and is {_shown(getattr(self.after, name))}"
            for name in self.columns
        )
        return f"{self.table.name} {self.key}: " + ", ".join(changes)


def _shown(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def differences(before: Tables, after: Tables) -> Iterator[Difference]:
    """Yield every row in which two states differ, table by table."""
    for name, table in TABLES.items():
        one, other = before.by_name[name], after.by_name[name]
        if one is other:
            continue
        old = {getattr(row, table.key): row for row in one}
        for row in other:
            key = getattr(row, table.key)
            was = old.pop(key, None)
            if was != row:
                yield Difference(table, key, was, row)
        for key, was in old.items():
            yield Difference(table, key, was, None)
