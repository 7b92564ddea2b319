"""Reads are values: made without a CRM, and answered by one as a principal sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crm_domain import ANON, SERVICE, TABLES, PermissionDenied, user
from crm_domain.reads import GetDashboard, Select
from crm_domain.sources import label_uuid

if TYPE_CHECKING:
    from tests.domain.conftest import World

AMY = label_uuid("amy")
AMYS = "amy@example.com"


@pytest.mark.parametrize("principal", [user(AMY), SERVICE], ids=["Amy", "service"])
@pytest.mark.parametrize(
    ("table", "where"),
    [("crm_recordings", {}), ("crm_resumes", {"is_primary": True}), ("crm_users", {"email": AMYS})],
)
def test_a_select_is_answered_as_a_session_answers_it(
    principal: Any, table: str, where: dict[str, Any], world: World
) -> None:
    """The rows that the principal sees, newest first."""
    rows = Select(table=table, where=where).answer(world.crm, principal)
    assert rows == world.crm.as_principal(principal).select(table, where)
    assert rows


def test_a_dashboard_is_answered_as_a_session_answers_it(world: World) -> None:
    """In any spelling of the address; NULL, as an unknown one, finds nothing."""
    seen = GetDashboard(email="AMY@example.com").answer(world.crm, user(AMY))
    assert seen == world.by("amy").get_crm_dashboard_data(AMYS)
    assert seen is not None
    for email in (None, "nobody@example.com", "bob@example.com"):
        assert GetDashboard(email=email).answer(world.crm, user(AMY)) is None


@pytest.mark.parametrize("read", [*(Select(table=name) for name in TABLES), GetDashboard(email=AMYS)], ids=repr)
def test_anon_reads_nothing(read: Select | GetDashboard, world: World) -> None:
    """Whatever is asked."""
    with pytest.raises(PermissionDenied):
        read.answer(world.crm, ANON)


def test_conditions_are_the_reads_own(world: World) -> None:
    """JSON too: what the caller does with it afterwards does not reach the read."""
    data = {"skills": ["sql"]}
    stored = world.by("amy").upload_resume(resume_url="/cv", parsed_data={"skills": ["sql"]}).id
    read = Select(table="crm_resumes", where={"parsed_data": data})
    data["skills"].append("python")
    assert [row.id for row in read.answer(world.crm, user(AMY))] == [stored]


def test_mistakes_are_told_when_a_read_is_made() -> None:
    """An unknown table, an unknown column, a wrong type."""
    with pytest.raises(ValueError, match="there is no 'videos'"):
        Select(table="videos")
    with pytest.raises(ValueError, match="has no column 'title'"):
        Select(table="crm_recordings", where={"title": "x"})
    with pytest.raises(TypeError, match=r"^duration: expected int"):
        Select(table="crm_recordings", where={"duration": "7"})
