"""Reads are values: made without a CRM, and answered by one as a principal sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crm_domain import ANON, SERVICE, TABLES, PermissionDenied, Place, TrackView, user
from crm_domain.clocks import label_uuid
from crm_domain.queries import QUERIES
from crm_domain.reads import (
    Count,
    CountRecords,
    DetectCrmUser,
    ExportCrmUsers,
    FindAddress,
    GetDashboard,
    GetUserData,
    ListCrmUsersWithStats,
    ListUsersInNeedOfCredits,
    Read,
    Select,
    SelectPage,
)

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
    rows = world.crm.answer(principal, Select(table=table, where=where))
    assert rows == world.crm.as_principal(principal).select(table, where)
    assert rows


def test_a_dashboard_is_answered_as_a_session_answers_it(world: World) -> None:
    """In any spelling of the address; NULL, as an unknown one, finds nothing."""
    seen = world.crm.answer(user(AMY), GetDashboard(email="AMY@example.com"))
    assert seen == world.by("amy").get_crm_dashboard_data(AMYS)
    assert seen is not None
    for email in (None, "nobody@example.com", "bob@example.com"):
        assert world.crm.answer(user(AMY), GetDashboard(email=email)) is None


@pytest.mark.parametrize("read", [*(Select(table=name) for name in TABLES), GetDashboard(email=AMYS)], ids=repr)
def test_anon_reads_nothing(read: Select | GetDashboard, world: World) -> None:
    """Whatever is asked."""
    with pytest.raises(PermissionDenied):
        world.crm.answer(ANON, read)


def test_conditions_are_the_reads_own(world: World) -> None:
    """JSON too: what the caller does with it afterwards does not reach the read."""
    data = {"skills": ["sql"]}
    stored = world.by("amy").upload_resume(resume_url="/cv", parsed_data={"skills": ["sql"]}).id
    read = Select(table="crm_resumes", where={"parsed_data": data})
    data["skills"].append("python")
    assert [row.id for row in world.crm.answer(user(AMY), read)] == [stored]


def test_mistakes_are_told_when_a_read_is_made() -> None:
    """An unknown table, an unknown column, a wrong type."""
    with pytest.raises(ValueError, match="there is no 'videos'"):
        Select(table="videos")
    with pytest.raises(ValueError, match="has no column 'title'"):
        Select(table="crm_recordings", where={"title": "x"})
    with pytest.raises(TypeError, match=r"^duration: expected int"):
        Select(table="crm_recordings", where={"duration": "7"})
    with pytest.raises(ValueError, match=r"^limit: expected 0 or more, got -1$"):
        SelectPage(table="crm_recordings", limit=-1)
    for wrong in (1.5, True, "7"):
        with pytest.raises(TypeError, match=r"^limit: expected int or None, got "):
            ListCrmUsersWithStats(limit=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^email: expected str or None, got int"):
        GetUserData(email=7)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["amy", "rita", "service"])
def test_a_session_answers_each_query_by_a_read(name: str, world: World) -> None:
    """So that a read that one holds, and a method, are two ways to ask the same."""
    session = world.crm.as_service() if name == "service" else world.by(name)
    first = session.recordings(limit=1)
    assert session.recordings(limit=2**64) == session.recordings()
    assert session.crm_users_with_stats(limit=2**64) == session.crm_users_with_stats()
    asked: list[tuple[Read[Any], object]] = [
        (SelectPage(table="crm_recordings", limit=1), first),
        (SelectPage(table="crm_recordings", after=first[0] if first else None), session.recordings()[len(first) :]),
        (Count(table="crm_resumes"), session.count("crm_resumes")),
        (GetDashboard(email=AMYS), session.get_crm_dashboard_data(AMYS)),
        (DetectCrmUser(user_id=session.principal.user_id), session.is_crm_user()),
        (GetUserData(email=AMYS), session.user_data(AMYS)),
        (ListCrmUsersWithStats(limit=2), session.crm_users_with_stats(limit=2)),
        (ListUsersInNeedOfCredits(), session.crm_users_who_need_more_credits()),
        (ExportCrmUsers(), session.crm_users_export()),
        (CountRecords(), session.record_counts()),
    ]
    place: Place = world.crm
    for read, expected in asked:
        assert place.answer(session.principal, read) == session.answer(read) == expected, read
    assert {type(read) for read, _ in asked} | {Select, FindAddress} == set(QUERIES)


def test_an_address_is_found_in_any_spelling(world: World) -> None:
    """Known or not: it is the key under which it is, or would be, stored."""
    for given, key in [(" AMY@Example.com", AMYS), ("new@Example.com", "new@example.com"), (None, None)]:
        assert world.crm.answer(user(AMY), FindAddress(email=given)) == key


@pytest.mark.parametrize("nonsense", ["everything", None, TrackView(email=AMYS)])
def test_what_is_no_read_is_a_type_error(nonsense: Any, world: World) -> None:
    """It names the type."""
    with pytest.raises(TypeError, match=rf"^read: {type(nonsense).__name__} is not one of crm_domain's reads$"):
        world.crm.answer(SERVICE, nonsense)
