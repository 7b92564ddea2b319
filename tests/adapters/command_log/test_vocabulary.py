"""The log's words and what they stand for."""

from __future__ import annotations

from typing import get_args
from uuid import UUID, uuid5

import pytest

from crm_domain import ANON, SERVICE, Command, TrackView, user
from crm_domain.command_log import (
    LOG_TABLES,
    REQUESTS,
    Labels,
    LogLine,
    Request,
    argument_types,
    column_name,
    id_named,
    is_label,
    log_name,
    principal_named,
    table_name,
)
from crm_domain.reads import Select
from crm_domain.rows import CRM_USERS, table_named
from crm_domain.schema import ColumnType

AMY = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"


def _kinds(union: object) -> set[object]:
    return {kind for member in get_args(union) for kind in (_kinds(member) or {member})}


def test_every_command_has_a_word() -> None:
    """Whatever crm_domain can be asked, the log can say, by one word each."""
    assert set(REQUESTS.values()) == _kinds(Request)
    assert len(REQUESTS) == len(_kinds(Request)) > len(_kinds(Command))


@pytest.mark.parametrize("text", [AMY, AMY.upper(), AMY.replace("-", ""), AMY.replace("-", "").upper()])
def test_uuid_stands_for_itself(text: str) -> None:
    """A UUID is 32 hexadecimal digits, with the usual hyphens or without any, and its case says nothing."""
    assert not is_label(text)
    assert id_named(text) == AMY


@pytest.mark.parametrize(
    "text", ["amy", "", AMY[:-1], "{" + AMY + "}", "6f9619ff-8b86d011-b42d-00cf4fc964ff", AMY + "\n"]
)
def test_label_stands_for_one_uuid(text: str) -> None:
    """Every other text is a label and stands for one UUID, the same in every run and language."""
    assert is_label(text)
    assert id_named(text) == str(uuid5(UUID("6f0c5a0e-2d4b-5c57-9a6e-0c1d1f0f5a11"), text))


def test_half_a_surrogate_pair_stands_for_nothing() -> None:
    """UTF-8 has no bytes for it, so UUIDv5 has no value."""
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        id_named("amy\ud800")


def test_principals() -> None:
    """``service`` and ``anon`` are roles; whatever else ``as`` says is a user."""
    assert [principal_named(text) for text in ("service", "anon", "amy")] == [SERVICE, ANON, user(id_named("amy"))]


def test_labels_name_the_ids_they_know() -> None:
    """An id is written as its label if that is known, and as itself if not."""
    labels = Labels(["amy"])
    assert [labels.name(id_named("amy")), labels.name(id_named("bob"))] == ["amy", id_named("bob")]


@pytest.mark.parametrize("text", ["service", "anon", AMY])
def test_names_that_are_no_labels(text: str) -> None:
    """A role's name cannot stand for a user in ``as``, and a UUID needs no label: both ids are written as they are."""
    assert Labels([text]).name(id_named(text)) == id_named(text)


@pytest.mark.parametrize(
    ("column", "name"), [("user_id", "user"), ("job_request_id", "job_request"), ("email", "email")]
)
def test_renamed_columns(column: str, name: str) -> None:
    """The owner's id and the job request have shorter names; all other columns have the document's."""
    assert (log_name(column), column_name(name)) == (name, column)


def test_table_names() -> None:
    """The main table is ``crm_users``, all others have the document's names, and every name leads back."""
    assert table_name(CRM_USERS) == "crm_users"
    assert all(table_named(table_name(table)) is table for table in LOG_TABLES)


def test_argument_types_are_those_of_the_columns() -> None:
    """``table``, ``where`` and ``set`` hold no single value, so they have no type."""
    assert argument_types(Select) == {}
    assert argument_types(REQUESTS["track_time"]) == {"email": ColumnType.TEXT, "seconds": ColumnType.INTEGER}
    assert argument_types(REQUESTS["create_recording"])["job_request_id"] is ColumnType.UUID


@pytest.mark.parametrize(
    ("request_", "key"), [(Select(table="profiles"), None), (TrackView(), "key-1")], ids=["read", "key"]
)
def test_what_cannot_overlap(request_: Request, key: str | None) -> None:
    """Only commands without an idempotency key can be concurrent."""
    with pytest.raises(ValueError, match="concurrent: only commands overlap"):
        LogLine(SERVICE, request_, key=key, concurrent="group")
