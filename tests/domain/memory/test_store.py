"""Tables in memory keep the port's promises, of both kinds that there are."""

from __future__ import annotations

from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crm_domain.memory.rows import ChangingRows, MemoryRows, PackedRows, memory_rows
from crm_domain.rows import CREDIT_GRANTS, CRM_RESUMES, TABLES
from crm_domain.schema import Table, Values

AT = datetime(2026, 1, 1, tzinfo=UTC)


def resume(key: str, *, user_id: str | None = "amy", is_primary: bool = False) -> Values:
    return (key, "amy@example.com", user_id, None, "/cv", None, None, None, is_primary, True, AT, AT)


def grant(key: str, *, user_id: str = "amy", number: int = 1, remaining: int = 4) -> Values:
    return (key, user_id, number, "initial", None, None, 4, remaining, 0, 0, AT)


def keys(rows: MemoryRows[Any], index: str, value: Any) -> list[str]:
    return [getattr(row, rows.table.key) for row in rows.find(index, value)]


def test_rows_that_change_with_every_command_are_kept_as_objects() -> None:
    """Balances and counters; all others packed. The declaration says which."""
    for table in TABLES.values():
        assert type(memory_rows(table)) is (ChangingRows if table.changing else PackedRows)


@pytest.mark.parametrize(
    ("table", "values"), [(CRM_RESUMES, resume), (CREDIT_GRANTS, grant)], ids=["packed", "changing"]
)
def test_a_table_is_a_mapping_from_key_to_row(table: Table[Any], values: Any) -> None:
    """In the order of insertion."""
    rows = memory_rows(table)
    assert (len(rows), list(rows), rows.get("1"), "1" in rows) == (0, [], None, False)
    for key in ("2", "1", "3"):
        rows.insert(values(key))
    assert (len(rows), [row.id for row in rows], "1" in rows) == (3, ["2", "1", "3"], True)
    assert rows.get("1") == table.row(*values("1"))
    rows.update("1", {"user_id": "bob"})
    assert rows.get("1") == table.row(*values("1", user_id="bob"))
    rows.delete("2")
    assert ([row.id for row in rows], rows.get("2"), "2" in rows) == (["1", "3"], None, False)


@pytest.mark.parametrize(
    ("table", "values"), [(CRM_RESUMES, resume), (CREDIT_GRANTS, grant)], ids=["packed", "changing"]
)
@pytest.mark.parametrize("early", [True, False], ids=["built before", "built after"])
def test_an_index_follows_its_rows(table: Table[Any], values: Any, *, early: bool) -> None:
    """Whether it was first asked before the rows came or after; first, all of them, and how many."""
    rows = memory_rows(table)
    if early:
        assert rows.one("user_id", "amy") is None
    for key, user_id in (("1", "amy"), ("2", "bob"), ("3", "amy"), ("4", "amy")):
        rows.insert(values(key, user_id=user_id))
    assert keys(rows, "user_id", "amy") == ["1", "3", "4"]
    assert rows.count("user_id", "amy") == 3
    first = rows.one("user_id", "amy")
    assert first is not None
    assert first.id == "1"
    rows.delete("1")
    rows.update("3", {"user_id": "bob"})
    rows.update("4", {"user_id": "cat"})
    assert [keys(rows, "user_id", name) for name in ("amy", "bob", "cat")] == [[], ["2", "3"], ["4"]]
    assert [rows.count("user_id", name) for name in ("amy", "bob", "cat")] == [0, 2, 1]
    assert rows.one("user_id", "amy") is None


@pytest.mark.parametrize(
    ("below", "found"),
    [
        (None, "53142"),
        (("b", "5"), "3142"),
        (("b", "1"), "142"),
        (("a", "9"), "142"),
        ((None, "4"), "2"),
        ((None, "2"), ""),
    ],
)
def test_rows_come_in_descending_order(below: Any, found: str) -> None:
    """By the value of a column, then by key, NULL last; behind a row, whether it is stored or not."""
    rows = memory_rows(CRM_RESUMES)
    for key, user_id in (("1", "a"), ("2", None), ("3", "b"), ("4", None), ("5", "b")):
        rows.insert(resume(key, user_id=user_id))
    assert "".join(row.id for row in rows.descending("user_id", below=below)) == found


def test_a_partial_index_holds_the_rows_that_meet_its_condition() -> None:
    """They enter and leave it as they change."""
    rows = memory_rows(CRM_RESUMES)
    rows.insert(resume("1", is_primary=True))
    rows.insert(resume("2"))
    assert keys(rows, "primary", "amy") == ["1"]
    rows.update("1", {"is_primary": False})
    assert keys(rows, "primary", "amy") == []
    rows.update("2", {"is_primary": True})
    assert keys(rows, "primary", "amy") == ["2"]


def test_an_ordered_index_keeps_its_order() -> None:
    """Open grants, the oldest first, in whichever order they were opened."""
    rows = memory_rows(CREDIT_GRANTS)
    assert rows.one("open", "amy") is None
    for number, remaining in ((3, 1), (1, 0), (2, 1)):
        rows.insert(grant(str(number), number=number, remaining=remaining))
    assert keys(rows, "open", "amy") == ["2", "3"]
    rows.update("1", {"remaining": 1})
    assert keys(rows, "open", "amy") == ["1", "2", "3"]


def test_columns_without_an_index_are_found_by_looking_at_every_row() -> None:
    """``indexed`` tells which need not be."""
    rows = memory_rows(CRM_RESUMES)
    rows.insert(resume("1"))
    assert "user_id" in rows.indexed
    assert "file_type" not in rows.indexed
    assert keys(rows, "file_type", None) == ["1"]
    assert keys(rows, "file_type", "pdf") == []


def test_null_is_found_too() -> None:
    """By looking at every row, because no index holds it."""
    rows = memory_rows(CRM_RESUMES)
    rows.insert(resume("1", user_id=None))
    rows.insert(resume("2"))
    assert keys(rows, "user_id", None) == ["1"]
    assert rows.one("primary", None) is None


def test_a_row_whose_place_in_an_index_changes_is_found_there() -> None:
    """What orders the rows of one value may change as the value may."""
    rows = memory_rows(CREDIT_GRANTS)
    rows.insert(grant("first", number=1))
    rows.insert(grant("second", number=2))
    assert keys(rows, "open", "amy") == ["first", "second"]
    rows.update("first", {"number": 3})
    assert keys(rows, "open", "amy") == ["second", "first"]


class Agreement(RuleBasedStateMachine):
    """A table with indexes finds what a list of rows finds, in the order of insertion or of the index."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: MemoryRows[Any] = memory_rows(self.table)
        self.plain: dict[str, Any] = {}

    table: Table[Any] = CRM_RESUMES
    people = st.sampled_from(["amy", "bob"])
    numbers = st.integers(0, 5).map(str)

    def values(self, key: str, person: str, flag: bool) -> Values:  # noqa: FBT001
        return resume(key, user_id=person, is_primary=flag)

    def change(self, person: str, flag: bool) -> dict[str, Any]:  # noqa: FBT001
        return {"user_id": person, "is_primary": flag}

    @rule(key=numbers, person=people, flag=st.booleans())
    def insert(self, key: str, person: str, flag: bool) -> None:  # noqa: FBT001
        if key not in self.plain:
            values = self.values(key, person, flag)
            self.rows.insert(values)
            self.plain[key] = self.table.row(*values)

    @precondition(lambda self: self.plain)
    @rule(data=st.data(), person=people, flag=st.booleans())
    def update(self, data: st.DataObject, person: str, flag: bool) -> None:  # noqa: FBT001
        key = data.draw(st.sampled_from(sorted(self.plain)))
        for name, value in self.change(person, flag).items():
            setattr(self.plain[key], name, value)
        self.rows.update(key, self.change(person, flag))

    @precondition(lambda self: self.plain)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.plain)))
        self.rows.delete(key)
        del self.plain[key]

    @invariant()
    def rows_are_the_same(self) -> None:
        assert list(self.rows) == list(self.plain.values())

    @invariant()
    def indexes_find_the_same(self) -> None:
        for index in self.table.indexes:
            if len(index.columns) != 1:
                continue
            for person in ("amy", "bob"):
                held = [r for r in self.plain.values() if getattr(r, index.columns[0]) == person and index.holds(r)]
                if index.order is not None:
                    held.sort(key=attrgetter(index.order))
                assert list(self.rows.find(index.name, person)) == held
                assert self.rows.count(index.name, person) == len(held)
                assert self.rows.one(index.name, person) == (held[0] if held else None)


class AgreementOfChanging(Agreement):
    """The same for rows that are kept as objects."""

    table = CREDIT_GRANTS

    def values(self, key: str, person: str, flag: bool) -> Values:  # noqa: FBT001
        return grant(key, user_id=person, number=int(key), remaining=int(flag))

    def change(self, person: str, flag: bool) -> dict[str, Any]:  # noqa: FBT001
        return {"user_id": person, "remaining": int(flag)}


TestAgreement = Agreement.TestCase
TestAgreementOfChanging = AgreementOfChanging.TestCase
