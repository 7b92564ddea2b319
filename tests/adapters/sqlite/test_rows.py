"""The port, table by table: rows of a file against rows in memory, also in the middle of a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crm_adapters.sqlite import SqliteStore, StoreError
from crm_adapters.sqlite import filling as filling_module
from crm_adapters.sqlite import journal as journal_module
from crm_adapters.sqlite import rows as rows_module
from crm_adapters.sqlite.codec import event_from, event_text
from crm_domain import SEED, TABLES, Crm
from crm_domain.clocks import ManualClock, label_uuid
from crm_domain.events import EVENT_TYPES, Event, RowStored, from_data
from crm_domain.memory.rows import memory_rows
from crm_domain.ports import Rows
from crm_domain.schema import Atom, ColumnType, Table

NOW = ManualClock().now
GRANTS, RESUMES = TABLES["credit_grants"], TABLES["crm_resumes"]
PEOPLE = ("ann", "ben", None)
BELOW: Any = {
    "created_at": [(NOW, "2"), (None, "2")],
    "user_id": [("ben", "1"), ("ann", "~"), ("", "0")],
    "number": [(9, "1"), (2, "~")],
    "file_type": [("pdf", "2"), ("a", "0"), (None, "2"), (None, "~")],
}
KEYS = ("0", "1", "2", "3", "\ud800", 2**70)

Step: TypeAlias = tuple[str, Any, Any]

grants_changes = st.sampled_from(
    [
        {"remaining": 0},
        {"remaining": 2},
        {"voided": 1},
        {"email": "ann"},
        {"user_id": "ben", "number": 9},
        {"consumed": 3},
    ]
)
resume_changes = st.sampled_from(
    [{"is_primary": True}, {"is_primary": False}, {"user_id": "ben"}, {"file_type": "pdf"}]
)


def steps(changes: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Step]]:
    """Return a strategy for what may be done to a table; what makes no sense at a time is left out."""
    keys = st.sampled_from(KEYS[:4])
    return st.lists(
        st.tuples(st.just("insert"), keys, st.sampled_from(PEOPLE[:2]))
        | st.tuples(st.just("update"), keys, changes)
        | st.tuples(st.just("delete"), keys, st.none())
        | st.tuples(st.just("touch"), keys, st.integers(0, 5))
        | st.tuples(st.sampled_from(["look", "commit", "forget", "page"]), st.none(), st.none()),
        max_size=25,
    )


def grant(key: str, person: str) -> tuple[Atom, ...]:
    return (key, person, int(key), "initial", person, None, 3, int(key) % 2, 0, 0, NOW)


def resume(key: str, person: str) -> tuple[Atom, ...]:
    return (key, person, person, None, "url", None, None, None, False, True, NOW, NOW)


@contextmanager
def seed_store() -> Iterator[SqliteStore]:
    """Open a file without unique indexes of safeguards, in which references may lead anywhere."""
    with TemporaryDirectory() as folder, SqliteStore(Path(folder) / "crm.db", synchronous="NORMAL") as store:
        store.open(SEED)
        store.database.execute("PRAGMA foreign_keys = OFF")
        yield store


def seen(rows: Rows[Any], table: Table[Any], *, all_of_it: bool) -> list[object]:
    """Return what a table shows: of some keys and values, or of all."""
    out: list[object] = [(key in rows, shown(table, rows.get(key))) for key in (KEYS if all_of_it else KEYS[:1])]
    for index in (i for i in table.indexes if len(i.columns) == 1):
        values: tuple[Any, ...] = (True, False, None) if index.columns == ("is_primary",) else (*PEOPLE, "\ud800")
        for value in values if all_of_it else values[:1]:
            out.append((index.name, value, shown(table, rows.one(index.name, value))))
            out.append(rows.count(index.name, value))
            if value is not None or index.name in table.by_name:  # NULL is looked for in a column
                out.append([shown(table, row) for row in rows.find(index.name, value)])
    if all_of_it:
        out.append(len(rows))
        out.append([shown(table, row) for row in rows])
        out.append([shown(table, row) for row in rows.find("created_at", NOW)])
        for column in ("created_at", "user_id", "number" if table is GRANTS else "file_type"):
            for below in (None, *BELOW[column]):
                out += [(column, below), *(shown(table, row) for row in rows.descending(column, below=below))]
    return out


def shown(table: Table[Any], row: Any) -> object:
    return None if row is None else table.values_of(row)


def agree(table: Table[Any], made: Any, doing: list[Step]) -> None:
    """Do the same to a table of a file and to one in memory, and compare what they show."""
    with seed_store() as store:
        memory, file = memory_rows(table), store.tables.by_name[table.name]
        store.begin(many=True)
        for what, key, value in doing:
            if what == "commit":
                store.commit()
                assert seen(file, table, all_of_it=True) == seen(memory, table, all_of_it=True)
                store.begin(many=True)
            elif what in ("look", "page"):
                assert seen(file, table, all_of_it=what == "look") == seen(memory, table, all_of_it=what == "look")
            elif what == "forget":
                store.commit()
                store.begin(many=True)
                file.forget()  # type: ignore[attr-defined]
            elif (what == "insert") == (key not in memory):
                for rows in (memory, file):
                    done(rows, table, made, what, key, value)
        assert seen(file, table, all_of_it=True) == seen(memory, table, all_of_it=True)
        store.commit()
        assert seen(file, table, all_of_it=True) == seen(memory, table, all_of_it=True)


def done(rows: Rows[Any], table: Table[Any], made: Any, what: str, key: str, value: Any) -> None:
    if what == "insert":
        rows.insert(made(key, value))
    elif what == "update":
        rows.update(key, value)
    elif what == "delete":
        rows.delete(key)
    elif table.changing:
        row: Any = rows.get(key)
        rows.touch(row)
        row.consumed += value


@settings(deadline=None)
@example([("insert", "0", "ann"), ("look", None, None), ("update", "0", {"email": "ann"}), ("look", None, None)])
@example([("insert", "1", "ann"), ("look", None, None), ("update", "1", {"user_id": "ben", "number": 9})])
@example([("insert", "1", "ann"), ("look", None, None), ("delete", "1", None), ("insert", "1", "ben")])
@example([("insert", "3", "ann"), ("look", None, None), ("insert", "1", "ann")])
@example([("insert", "1", "ann"), ("insert", "3", "ann"), ("look", None, None), ("update", "1", {"number": 7})])
@example([("insert", "1", "ann"), ("commit", None, None), ("forget", None, None), ("update", "1", {"remaining": 0})])
@given(steps(grants_changes))
def test_rows_that_change_are_what_they_are_in_memory(doing: list[Step]) -> None:
    agree(GRANTS, grant, doing)


@settings(deadline=None)
@given(steps(resume_changes))
def test_rows_that_are_written_once_are_what_they_are_in_memory(doing: list[Step]) -> None:
    agree(RESUMES, resume, doing)


@settings(deadline=None)
@given(steps(resume_changes))
def test_rows_of_a_table_that_is_being_filled_are_what_they_are_in_memory(doing: list[Step]) -> None:
    """Left-out indexes and unasked questions change no answer."""
    with patch.object(rows_module, "WAITING_MAX", 1), patch.object(filling_module, "ENOUGH", 1):
        agree(RESUMES, resume, doing)


def test_pages_of_a_long_table_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Iteration, and what waits in memory, go beyond one page; what is kept stays within its bounds."""
    monkeypatch.setattr(rows_module, "KEPT_MAX", 100)
    monkeypatch.setattr(journal_module, "KEPT_MAX", 100)
    monkeypatch.setattr(rows_module, "WAITING_MAX", 1000)
    with seed_store() as store:
        crm = Crm(_Again(store), rules=SEED)
        with crm.batch():
            for n in range(5000):
                crm.as_service().sync_crm_user(user_id=label_uuid(f"{n}"), email=f"{n}@x.test")
            for n in range(1500):
                crm.as_user(label_uuid("7")).create_job_request(job_title=f"{n}")
        assert [job.job_title for job in crm.tables.crm_job_requests] == [f"{n}" for n in range(1500)]
        for table in ("auth.users", "crm_dashboard_stats"):
            assert [row.email for row in crm.tables.by_name[table]] == [f"{n}@x.test" for n in range(5000)]
        kept: Any = crm.tables.profiles
        assert len(kept._rows) == 0
        assert [entry.position for entry in crm.journal.entries()] == list(range(1, len(crm.journal) + 1))
        assert crm.journal.version_of(crm.tables.crm_users.get("7@x.test").user_id) == 1505  # type: ignore[union-attr]


def test_reading_keeps_no_more_in_memory_than_writing_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of all counters has forgotten them afterwards; in a batch, what was changed stays until it is written."""
    monkeypatch.setattr(rows_module, "KEPT_MAX", 10)
    monkeypatch.setattr(rows_module, "_PAGE", 7)
    with seed_store() as store:
        crm = Crm(_Again(store), rules=SEED, clock=ManualClock(step=timedelta(seconds=1)))
        service = crm.as_service()
        for n in range(20):
            service.sync_crm_user(email=f"{n}@x.test")
        assert [user.email for user in service.crm_users_with_stats()] == [f"{n}@x.test" for n in reversed(range(20))]
        kept: Any = crm.tables.crm_dashboard_stats
        assert len(kept._rows) == 0
        with crm.batch():
            for n in range(20):
                service.track_view(email=f"{n}@x.test")
            assert len(service.crm_users_with_stats()) == 20
        assert [stats.total_views for stats in crm.tables.crm_dashboard_stats] == [1] * 20


class _Again:
    """A store that is open already."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def open(self, rules: object) -> None:
        """Leave it as it is."""


def test_rows_that_are_written_once_are_not_changed_in_place() -> None:
    with seed_store() as store, pytest.raises(TypeError, match="rows of crm_resumes are not changed in place"):
        store.tables.crm_resumes.touch(RESUMES.row(*resume("1", "ann")))


# --- events ---------------------------------------------------------------------------------

SAMPLES: dict[ColumnType, Atom] = {
    ColumnType.TEXT: "text\u00e9",
    ColumnType.UUID: label_uuid("row"),
    ColumnType.INTEGER: -3,
    ColumnType.BIGINT: 2**63 - 1,
    ColumnType.BOOLEAN: True,
    ColumnType.TIMESTAMPTZ: NOW,
    ColumnType.NUMERIC: Decimal("12.90"),
    ColumnType.JSONB: '{"a":[1,2.5,null]}',
}
OTHERS = {
    "user_id": label_uuid("user"),
    "consumption_id": "c/2",
    "grant_id": "g",
    "credits": 2,
    "email": "a@x.test",
    "seconds": 60,
    "table_name": "crm_recordings",
    "key": "k",
    "by_owner": True,
    "set.recording_date": NOW,
    "set.duration": 5,
}


def sample(kind: type[Event]) -> Event:
    """Return an event of each type, with a value of each type in it."""
    if issubclass(kind, RowStored):
        return from_data(kind.__name__, {c.name: SAMPLES[c.type] for c in kind.table.columns})
    names = {*kind.__annotations__} - {"changes"}
    if kind.__name__ == "RowUpdated":
        names |= {"set.recording_date", "set.duration"}
    return from_data(kind.__name__, {name: value for name, value in OTHERS.items() if name in names})


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_an_event_comes_back_as_it_was(kind: type[Event]) -> None:
    event = sample(kind)
    again = event_from(*event_text(event))
    assert again == event
    assert repr(again) == repr(event), "equal is not enough: 1 is no True, and 12.90 no 12.9"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("type = 'ComeLater'", "there is no type 'ComeLater'"),
        ("schema_version = 99", "has schema version 99"),
        ("data = '{}'", "has other fields"),
        ("role = 'queen'", "'queen' is not a valid Role"),
    ],
)
def test_an_entry_that_cannot_be_read_names_its_position(path: Path, change: str, reason: str) -> None:
    with SqliteStore(path) as store:
        crm = Crm(store)
        crm.as_service().sync_crm_user(email="amy@example.com")
        store.database.execute(f"UPDATE journal SET {change} WHERE position = 2")
        with pytest.raises(StoreError, match=f"journal position 2: .*{reason}"):
            list(crm.journal.entries())
