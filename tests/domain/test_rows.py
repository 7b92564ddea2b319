"""The tables are those of the document, letter for letter."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from crm_domain import TABLES, table_named
from crm_domain.rows import CRM_TABLES, CRM_USERS, REGULAR_TABLES
from crm_domain.schema import DEFAULT, Table

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


@pytest.mark.parametrize("name", DOCUMENT)
def test_columns_are_the_documents(name: str) -> None:
    """Names, types and order; so are the attributes of a row."""
    wanted = [tuple(text.split()) for text in DOCUMENT[name].split(",")]
    assert [(c.name, c.type.value) for c in TABLES[name].columns] == wanted
    assert [a.name for a in attrs.fields(TABLES[name].row)] == [column for column, _ in wanted]


def test_the_five_crm_tables_stand_in_the_documents_order() -> None:
    """The main table is one of them, though its name does not begin like the others'."""
    assert [table.name for table in CRM_TABLES] == list(DOCUMENT)


@pytest.mark.parametrize(
    ("table", "column", "default"),
    [
        ("digital_resume_by_CRM", "credits_remaining", 4),
        ("digital_resume_by_CRM", "is_active", True),
        ("crm_recordings", "status", "processing"),
        ("recordings", "status", "processing"),
        ("crm_resumes", "is_primary", False),
        ("crm_resumes", "is_active", True),
        ("crm_dashboard_stats", "total_applications", 0),
        ("crm_dashboard_stats", "total_recordings", 0),
        ("crm_dashboard_stats", "total_resumes", 0),
        ("crm_dashboard_stats", "total_views", 0),
        ("crm_dashboard_stats", "total_time_spent", 0),
        ("profiles", "credits_remaining", 0),
        ("crm_job_requests", "id", DEFAULT),
        ("crm_job_requests", "created_at", DEFAULT),
        ("crm_job_requests", "job_title", None),
    ],
)
def test_defaults_are_the_documents(table: str, column: str, default: object) -> None:
    """DEFAULT stands for what the model makes: an id, or the time."""
    assert TABLES[table].column(column).default is default


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
}


def test_foreign_keys_of_the_crm_tables_are_the_documents() -> None:
    """``email`` to the main table, ``user_id`` to ``auth.users``, a recording to its job request; no others."""
    found = {(t.name, c.name): c.references for t in CRM_TABLES for c in t.columns if c.references is not None}
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


@pytest.mark.parametrize("name", DOCUMENT)
def test_indexes_are_the_documents(name: str) -> None:
    """``email``, ``user_id`` and ``created_at`` everywhere, or what stands for them; two more by name."""
    table = TABLES[name]
    indexed = {index.columns for index in table.indexes} | {(table.key,)}
    made = "user_created_at" if table is CRM_USERS else "created_at"  # the main table has no created_at
    assert indexed >= {("email",), ("user_id",), (made,)}
    assert (("job_request_id",) in indexed) is (name == "crm_recordings")
    assert (("is_primary",) in indexed) is (name == "crm_resumes")


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_declarations_are_whole(table: Table[Any]) -> None:
    """One key, indexes on columns that there are, each with a name of its own, a section and a purpose."""
    assert [column.name for column in table.columns if column.key] == [table.key]
    for index in table.indexes:
        assert {*index.columns, *index.concerns} <= set(table.by_name)
        assert index.order is None or index.order in table.by_name
    names = [index.name for index in table.indexes]
    assert len(names) == len(set(names))
    assert table.section
    assert table.purpose


@pytest.mark.parametrize(
    ("crm", "regular"), list(zip(CRM_TABLES[1:4], REGULAR_TABLES, strict=True)), ids=lambda t: t.name
)
def test_regular_tables_are_the_crm_tables_without_email(crm: Table[Any], regular: Table[Any]) -> None:
    """Comparison: a regular user's foreign key is ``user_id`` alone."""
    assert crm.name == f"crm_{regular.name}"
    assert [(c.name, c.type) for c in regular.columns] == [(c.name, c.type) for c in crm.columns if c.name != "email"]


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
