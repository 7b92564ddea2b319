"""The tables are those of the document, letter for letter."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from crm_domain import TABLES, table_named
from crm_domain.rows import BIGINT, CRM_TABLES, CRM_USERS, INTEGER, REGULAR_TABLES
from crm_domain.schema import COUNT_MAX, DEFAULT, INT64_MAX, Table

DOCUMENT = {
    "digital_resume_by_CRM": """
        email text, user_id uuid, credits_remaining integer, payment_details jsonb, user_created_at timestamptz,
        last_sync_at timestamptz, is_active boolean""",
    "crm_job_requests": """
        id uuid, email text, user_id uuid, job_title text, company_name text, job_description text, job_url text,
        application_status text, applied_date timestamptz, resume_url text, cover_letter text,
        created_at timestamptz, updated_at timestamptz""",
    "crm_recordings": """
        id uuid, email text, user_id uuid, job_request_id uuid, video_url text, thumbnail_url text, duration integer,
        file_size bigint, recording_date timestamptz, transcription text, status text,
        created_at timestamptz, updated_at timestamptz""",
    "crm_resumes": """
        id uuid, email text, user_id uuid, resume_name text, resume_url text, file_type text, file_size bigint,
        parsed_data jsonb, is_primary boolean, is_active boolean, created_at timestamptz, updated_at timestamptz""",
    "crm_dashboard_stats": """
        id uuid, email text, user_id uuid, total_applications integer, total_recordings integer,
        total_resumes integer, total_views integer, last_application_date timestamptz,
        last_recording_date timestamptz, last_login_date timestamptz, total_time_spent integer,
        created_at timestamptz, updated_at timestamptz""",
}
"""Table Structure, 1 to 5: every column and its type, in the document's order."""

OURS = {
    "auth.users": "id uuid, email text, created_at timestamptz",
    "profiles": "user_id uuid, credits_remaining integer, created_at timestamptz, updated_at timestamptz",
    "payments": "id uuid, user_id uuid, ref text, amount numeric(12;2), credits integer, created_at timestamptz",
    "credit_grants": """
        id text, user_id uuid, number integer, source text, email text, payment_id uuid, credits integer,
        remaining integer, consumed integer, voided integer, created_at timestamptz""",
    "credit_consumptions": """
        id text, recording_id uuid, user_id uuid, grant_id text, created_at timestamptz,
        completed_at timestamptz, refunded_at timestamptz""",
    "idempotency_keys": """
        id text, user_id uuid, key text, fingerprint text, answer jsonb, created_at timestamptz""",
}
"""The tables that the document only mentions or does not have; journals are written in their order of columns."""


def declared(text: str) -> list[tuple[str, ...]]:
    return [tuple(column.replace(";", ",").split()) for column in text.split(",")]


@pytest.mark.parametrize(("name", "text"), [*DOCUMENT.items(), *OURS.items()], ids=[*DOCUMENT, *OURS])
def test_columns_are_the_documents(name: str, text: str) -> None:
    """Names, types and order; so are the attributes of a row."""
    wanted = declared(text)
    assert [(c.name, c.type.value) for c in TABLES[name].columns] == wanted
    assert [a.name for a in attrs.fields(TABLES[name].row)] == [column for column, _ in wanted]


def test_the_five_crm_tables_stand_in_the_documents_order() -> None:
    """The main table is one of them, though its name does not begin like the others'."""
    assert [table.name for table in CRM_TABLES] == list(DOCUMENT)


RECORDING: dict[str, object] = {"status": "processing"}
RESUME: dict[str, object] = {"is_primary": False, "is_active": True}
COUNTERS = ("total_applications", "total_recordings", "total_resumes", "total_views")
DEFAULTS: dict[str, dict[str, object]] = {
    "profiles": {"credits_remaining": 0},
    "digital_resume_by_CRM": {"credits_remaining": 4, "is_active": True},
    "crm_recordings": RECORDING,
    "recordings": RECORDING,
    "crm_resumes": RESUME,
    "resumes": RESUME,
    "crm_dashboard_stats": {**dict.fromkeys(COUNTERS, 0), "total_time_spent": 0},
    "credit_grants": {"consumed": 0, "voided": 0},
}
"""What a column holds that is not given; NULL where nothing stands here."""


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_defaults_are_the_documents(table: Table[Any]) -> None:
    """Ids of rows and times of writing are made by the model: DEFAULT stands for them."""
    made = {"created_at", "updated_at", "user_created_at", "last_sync_at"}
    made |= {"id"} if table.name != "auth.users" and table.column(table.key).type.value == "uuid" else set()
    wanted = {**dict.fromkeys(made & table.by_name.keys(), DEFAULT), **DEFAULTS.get(table.name, {})}
    found = {c.name: c.default for c in table.columns if c.default is not None}
    assert found == wanted
    assert [type(value) for value in found.values()] == [type(wanted[name]) for name in found]  # False is no 0


OWNERS = {table.name: {"email", "user_id"} for table in CRM_TABLES[1:]} | {
    name: {"user_id"}
    for name in (
        "profiles",
        "digital_resume_by_CRM",
        "job_requests",
        "recordings",
        "resumes",
        "payments",
        "credit_grants",
    )
}


def test_owners_are_the_user_and_in_crm_tables_their_address() -> None:
    """They say whose row it is; where the address is the key, it changes in no reading anyway."""
    found = {t.name: {c.name for c in t.columns if c.owner} for t in TABLES.values()}
    assert {name: owners for name, owners in found.items() if owners} == OWNERS


REQUIRED = {
    "auth.users": {"email", "created_at"},
    "profiles": {"credits_remaining", "created_at", "updated_at"},
    "digital_resume_by_CRM": {"user_id", "credits_remaining", "is_active"},
    "crm_resumes": {"resume_url"},
    "resumes": {"resume_url"},
    "crm_dashboard_stats": {"email", "user_id", *COUNTERS, "total_time_spent"},
    "payments": {"user_id", "ref", "amount", "credits", "created_at"},
    "credit_grants": {"user_id", "number", "source", "credits", "remaining", "consumed", "voided", "created_at"},
    "credit_consumptions": {"recording_id", "created_at"},
    "idempotency_keys": {"key", "fingerprint", "answer", "created_at"},
}
"""NOT NULL in both readings, beside the keys: the document's ``resume_url``, and what the model counts with."""


def test_what_may_never_be_null() -> None:
    """Keys, and what no reading can do without."""
    found = {t.name: {c.name for c in t.columns if c.not_null} for t in TABLES.values()}
    assert found == {name: {table.key} | REQUIRED.get(name, set()) for name, table in TABLES.items()}


def test_what_may_be_null_in_the_seed_only() -> None:
    """Owners of what people write, and the columns that say what state it is in."""
    found = {(t.name, c.name) for t in TABLES.values() for c in t.columns if c.not_null_if_valid}
    written = (*CRM_TABLES[1:4], *REGULAR_TABLES)
    states = {(t.name, name) for t in written for name in ("status", "is_primary", "is_active") if name in t.by_name}
    assert found == {(t.name, owner) for t in written for owner in OWNERS[t.name]} | states


def test_numbers_count_something_and_are_never_negative() -> None:
    """But for two that nobody else writes: the number of a grant, and what a payment gave."""
    numbers = {(t.name, c.name): c for t in TABLES.values() for c in t.columns if c.type in {INTEGER, BIGINT}}
    may_be = {place for place, column in numbers.items() if not column.not_negative}
    assert may_be == {("credit_grants", "number"), ("payments", "credits")}


def test_only_what_goes_on_counting_has_a_greatest_value() -> None:
    """Balances and counters stay far enough from 64 bits to count on; everything else may fill them."""
    found = {(t.name, c.name, c.most) for t in TABLES.values() for c in t.columns if c.most != INT64_MAX}
    balances = {(name, "credits_remaining", COUNT_MAX) for name in ("profiles", "digital_resume_by_CRM")}
    assert found == balances | {("crm_dashboard_stats", counter, COUNT_MAX) for counter in COUNTERS}


def test_choices_are_the_documents() -> None:
    """The states of a recording, and the sources of a grant; ``application_status`` and ``file_type`` are free."""
    states = ("processing", "completed", "failed")
    assert {(t.name, c.name): c.one_of for t in TABLES.values() for c in t.columns if c.one_of} == {
        ("crm_recordings", "status"): states,
        ("recordings", "status"): states,
        ("credit_grants", "source"): ("initial", "payment", "adjustment"),
    }


REFERENCES = {
    ("crm_job_requests", "email"): ("digital_resume_by_CRM", "email"),
    ("crm_recordings", "email"): ("digital_resume_by_CRM", "email"),
    ("crm_resumes", "email"): ("digital_resume_by_CRM", "email"),
    ("crm_dashboard_stats", "email"): ("digital_resume_by_CRM", "email"),
    ("digital_resume_by_CRM", "user_id"): ("auth.users", "id"),
    ("crm_job_requests", "user_id"): ("auth.users", "id"),
    ("crm_recordings", "user_id"): ("auth.users", "id"),
    ("crm_resumes", "user_id"): ("auth.users", "id"),
    ("crm_dashboard_stats", "user_id"): ("auth.users", "id"),
    ("crm_recordings", "job_request_id"): ("crm_job_requests", "id"),
    ("profiles", "user_id"): ("auth.users", "id"),
    ("job_requests", "user_id"): ("auth.users", "id"),
    ("recordings", "user_id"): ("auth.users", "id"),
    ("resumes", "user_id"): ("auth.users", "id"),
    ("recordings", "job_request_id"): ("job_requests", "id"),
    ("payments", "user_id"): ("profiles", "user_id"),
    ("credit_grants", "user_id"): ("profiles", "user_id"),
    ("credit_grants", "payment_id"): ("payments", "id"),
    ("credit_consumptions", "grant_id"): ("credit_grants", "id"),
}


def test_foreign_keys_are_the_documents() -> None:
    """``email`` to the main table, ``user_id`` to a person, a recording to its job request; then the ledger's."""
    found = {(t.name, c.name): c.references for t in TABLES.values() for c in t.columns if c.references is not None}
    assert found == REFERENCES


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_comes_after_what_it_references(table: Table[Any]) -> None:
    """Created in this order, every foreign key finds the key that it names."""
    earlier = list(TABLES)[: list(TABLES).index(table.name)]
    for column in table.columns:
        if column.references is not None:
            name, key = column.references
            assert name in earlier
            assert TABLES[name].key == key


INDEXES = {
    "auth.users": "email unique",
    "profiles": "",
    "digital_resume_by_CRM": "user_id unique, user_created_at",
    "crm_job_requests": "email, user_id, created_at",
    "crm_recordings": "email, user_id, created_at, job_request_id",
    "crm_resumes": "email, user_id, created_at, is_primary, primary unique",
    "crm_dashboard_stats": "email unique, user_id, created_at",
    "job_requests": "user_id, created_at",
    "recordings": "user_id, created_at, job_request_id",
    "resumes": "user_id, created_at, is_primary, primary unique",
    "payments": "ref unique, user_id, created_at",
    "credit_grants": "user_id_number unique, user_id, email, payment_id, open",
    "credit_consumptions": "user_id",
    "idempotency_keys": "",
}
"""``email``, ``user_id`` and ``created_at`` everywhere, or what stands for them: a key, ``user_created_at``."""


@pytest.mark.parametrize("name", INDEXES)
def test_indexes_are_the_documents(name: str) -> None:
    """And what is unique is so by its index."""
    found = [f"{index.name} unique" if index.unique else index.name for index in TABLES[name].indexes]
    assert ", ".join(found) == INDEXES[name]


def test_three_indexes_say_more_than_their_columns() -> None:
    """The primary resume and the open grants are parts of a table; a safeguard makes two of them unique."""
    found = {i.name: i for t in TABLES.values() for i in t.indexes if i.where or i.safeguard or i.order}
    assert {name: (i.columns, i.where, i.safeguard, i.order) for name, i in found.items()} == {
        "primary": (("user_id",), ("is_primary", "=", True), "one_primary", None),
        "open": (("user_id",), ("remaining", ">", 0), None, "number"),
        "ref": (("ref",), None, "idempotent_payment", None),
    }


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_declarations_are_whole(table: Table[Any], headings: str) -> None:
    """One key, indexes on columns that there are, each with a name of its own, a section and a purpose."""
    assert [column.name for column in table.columns if column.key] == [table.key]
    for index in table.indexes:
        assert {*index.columns, *index.concerns} <= set(table.by_name)
        assert index.order is None or index.order in table.by_name
    names = [index.name for index in table.indexes]
    assert len(names) == len(set(names))
    assert table.section in headings
    assert table.purpose[0].isupper()


@pytest.mark.parametrize(
    ("crm", "regular"), list(zip(CRM_TABLES[1:4], REGULAR_TABLES, strict=True)), ids=lambda t: t.name
)
def test_regular_tables_are_the_crm_tables_without_email(crm: Table[Any], regular: Table[Any]) -> None:
    """Comparison: a regular user's foreign key is ``user_id`` alone."""
    assert crm.name == f"crm_{regular.name}"
    assert [(c.name, c.type) for c in regular.columns] == [(c.name, c.type) for c in crm.columns if c.name != "email"]


def test_balances_counters_and_grants_change_with_every_command() -> None:
    """Other rows are written once and read seldom, which a store may make use of."""
    changing = ["profiles", "digital_resume_by_CRM", "crm_dashboard_stats", "credit_grants"]
    assert [table.name for table in TABLES.values() if table.changing] == changing


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_row_is_small(table: Table[Any]) -> None:
    """A store may hold millions of them: neither a dict nor a place for weak references."""
    assert not {"__dict__", "__weakref__"} & set(dir(table.row))


def test_tables_are_found_by_name() -> None:
    """The document's names, ``crm_users`` for its main table, and a table itself."""
    for name, table in TABLES.items():
        assert table_named(name) is table
        assert table_named(table) is table
    assert table_named("crm_users") is CRM_USERS


def test_unknown_tables_are_mistakes_that_list_the_known() -> None:
    """Whoever mistypes a table is told which there are; a wrong type is a TypeError."""
    with pytest.raises(ValueError, match=r"^table: there is no 'crm_videos'; there are crm_users, auth\.users, .*"):
        table_named("crm_videos")
    with pytest.raises(ValueError, match=r"^table: there is no 'CRM_USERS'"):
        table_named("CRM_USERS")
    with pytest.raises(TypeError, match=r"^table: expected the name of a table, got int$"):
        table_named(7)  # type: ignore[arg-type]
