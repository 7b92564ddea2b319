"""What each role reads, in which columns and in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from crm_domain import (
    HARDENED,
    SEED,
    TABLES,
    CrmUserWithStats,
    DashboardData,
    Email,
    PermissionDenied,
    Rules,
    Session,
    UserData,
    UserInNeedOfCredits,
)
from crm_domain.clocks import label_uuid
from crm_domain.rows import CRM_DASHBOARD_STATS, CRM_RECORDINGS, CRM_TABLES

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB, CAT, RITA = map(label_uuid, ("amy", "bob", "cat", "rita"))
AMYS, BOBS = "amy@example.com", "bob@example.com"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

# --- rows under the row policies ------------------------------------------------------------

OWN = {
    "profiles": {"amy": 1, "cat": 1, "rita": 1},
    "digital_resume_by_CRM": {"amy": 1, "cat": 1, "rita": 0},
    "crm_job_requests": {"amy": 1, "cat": 1, "rita": 0},
    "crm_recordings": {"amy": 1, "cat": 1, "rita": 0},
    "crm_resumes": {"amy": 1, "cat": 1, "rita": 0},
    "crm_dashboard_stats": {"amy": 1, "cat": 1, "rita": 0},
    "job_requests": {"amy": 1, "cat": 0, "rita": 1},
    "recordings": {"amy": 1, "cat": 0, "rita": 1},
    "resumes": {"amy": 1, "cat": 0, "rita": 1},
    "payments": {"amy": 1, "cat": 0, "rita": 1},
    "credit_consumptions": {"amy": 2, "cat": 1, "rita": 1},
}
HIDDEN = ("auth.users", "idempotency_keys")


@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=["HARDENED", "SEED"])
@pytest.mark.parametrize("table", TABLES)
def test_everybody_reads_their_own_rows_and_no_others(table: str, rules: Rules, make_world: MakeWorld) -> None:
    """A user theirs, the service all, anon nothing; people and keys are the service's alone."""
    world = make_world(rules)
    everything: list[Any] = world.service.select(table)
    assert len(everything) == world.service.count(table) == len(world.crm.tables.by_name[table])
    with pytest.raises(PermissionDenied):
        world.crm.as_anon().select(table)
    with pytest.raises(PermissionDenied):
        world.crm.as_anon().count(table)
    for name in ("amy", "cat", "rita"):
        session = world.by(name)
        if table in HIDDEN:
            with pytest.raises(PermissionDenied):
                session.select(table)
            with pytest.raises(PermissionDenied):
                session.count(table)
        else:
            own = [row for row in everything if row.user_id == label_uuid(name)]
            assert session.select(table) == own
            assert len(own) == session.count(table) == OWN.get(table, {}).get(name, len(own))


def test_a_stranger_reads_nothing(world: World) -> None:
    """Somebody who has signed in and is in no table sees empty ones."""
    stranger = world.by("stranger")
    assert [stranger.count(name) for name in TABLES if name not in HIDDEN] == [0] * (len(TABLES) - len(HIDDEN))


def test_rows_of_nobody_are_the_services_alone(make_world: MakeWorld) -> None:
    """In the seed there can be rows without an owner: ``auth.uid() = NULL`` is not true, not even for anon."""
    world = make_world(SEED)
    nobodys = world.service.create_job_request().id
    assert [row.id for row in world.service.select("crm_job_requests", {"user_id": None})] == [nobodys]
    for name in ("amy", "stranger"):
        assert nobodys not in [row.id for row in world.by(name).job_requests()]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, ["amy", "bob", "cat"]),
        (None, ["amy", "bob", "cat"]),
        ({"user_id": AMY}, ["amy"]),
        ({"email": BOBS}, ["bob"]),
        ({"id": label_uuid("crm_recordings of cat")}, ["cat"]),
        ({"id": label_uuid("crm_recordings of cat"), "user_id": AMY}, []),
        ({"id": label_uuid("no row")}, []),
        ({"status": "processing"}, ["amy", "bob", "cat"]),
        ({"status": "processing", "email": BOBS}, ["bob"]),
        ({"status": "failed"}, []),
        ({"duration": None}, ["amy", "bob", "cat"]),
        ({"duration": 0}, []),
        ({"job_request_id": label_uuid("crm_job_requests of amy")}, ["amy"]),
    ],
)
def test_conditions_are_equalities_that_all_hold(
    where: dict[str, object] | None, found: list[str], world: World
) -> None:
    """Whichever index is used; NULL equals NULL here."""
    rows = world.service.select(CRM_RECORDINGS, where)
    assert sorted(str(row.email).partition("@")[0] for row in rows) == found


def test_conditions_never_show_another_persons_rows(world: World) -> None:
    """By key, by index or by any column."""
    amy = world.by("amy")
    for where in ({"id": label_uuid("crm_recordings of bob")}, {"user_id": BOB}, {"email": BOBS}):
        assert amy.select(CRM_RECORDINGS, where) == []


def test_json_columns_are_compared_as_values(world: World) -> None:
    """Whatever order their keys were written in."""
    stored = world.by("amy").upload_resume(resume_url="/cv", parsed_data={"a": 1, "b": [None]}).id
    (found,) = world.service.select("crm_resumes", {"parsed_data": {"b": [None], "a": 1}})
    assert found.id == stored
    assert world.service.select("crm_resumes", {"parsed_data": {"a": 1}}) == []


def test_rows_are_the_callers_own(world: World) -> None:
    """What a caller does with a row, of whichever table, does not reach the CRM."""
    world.by("amy").upload_resume(resume_url="/cv", parsed_data={"skills": ["sql"]})
    for name in TABLES:
        for row in world.service.select(name):
            for column in TABLES[name].columns:
                setattr(row, column.name, None)
    (resume,) = world.by("amy").select("crm_resumes", {"is_primary": False})
    resume.parsed_data["skills"].clear()
    (again,) = world.by("amy").select("crm_resumes", {"is_primary": False})
    assert again.parsed_data == {"skills": ["sql"]}
    assert world.balance_of("amy") == 3


def test_unknown_tables_columns_and_values_are_mistakes(world: World) -> None:
    """Of the program, so neither an empty answer nor a refusal."""
    amy = world.by("amy")
    with pytest.raises(ValueError, match="there is no 'videos'"):
        amy.select("videos")
    with pytest.raises(ValueError, match="there is no 'videos'"):
        amy.count("videos")
    with pytest.raises(ValueError, match="has no column 'title'"):
        amy.select("crm_recordings", {"title": "x"})
    with pytest.raises(TypeError, match=r"^duration: expected int"):
        amy.select("crm_recordings", {"duration": "7"})
    with pytest.raises(ValueError, match=r"^limit: expected 0 or more, got -1$"):
        amy.select("crm_recordings", limit=-1)


# --- order and pages ------------------------------------------------------------------------


@pytest.fixture
def numbered(empty: World) -> World:
    """Amy, with job requests 0 to 9, one a minute."""
    empty.crm_user("amy")
    for number in range(10):
        empty.by("amy").create_job_request(job_title=str(number))
        empty.clock.advance(timedelta(minutes=1))
    return empty


def titles(rows: list[Any]) -> str:
    return "".join(row.job_title for row in rows)


def test_rows_come_newest_first(numbered: World) -> None:
    """By ``created_at``, whoever asks."""
    assert titles(numbered.by("amy").job_requests()) == "9876543210"
    assert titles(numbered.service.select("crm_job_requests", {"user_id": AMY})) == "9876543210"


def test_the_main_table_is_ordered_by_when_the_user_was_created(empty: World) -> None:
    """It has no ``created_at``."""
    for name in ("amy", "bob", "cat"):
        empty.crm_user(name)
        empty.clock.advance(timedelta(minutes=1))
    empty.service.sync_crm_user(email=AMYS)
    assert [row.email for row in empty.service.select("crm_users")] == [
        f"{n}@example.com" for n in ("cat", "bob", "amy")
    ]


def test_rows_of_one_moment_are_ordered_by_key(empty: World) -> None:
    """So that pages have an order too; where the caller gave no time at all, they come last."""
    amy = empty.crm_user("amy")
    ids = sorted(str(amy.create_job_request().id) for _ in range(5))
    ageless = amy.create_job_request(created_at=None).id
    assert [row.id for row in amy.job_requests()] == [*reversed(ids), ageless]


@pytest.mark.parametrize(("limit", "found"), [(0, ""), (1, "9"), (3, "987"), (10, "9876543210"), (99, "9876543210")])
def test_a_limit_takes_the_newest(limit: int, found: str, numbered: World) -> None:
    """At most so many."""
    assert titles(numbered.by("amy").job_requests(limit=limit)) == found


def test_a_page_goes_on_behind_the_row_before(numbered: World) -> None:
    """Until there are none left."""
    amy = numbered.by("amy")
    pages, after = [], None
    while page := amy.job_requests(limit=4, after=after):
        pages.append(titles(page))
        after = page[-1]
    assert pages == ["9876", "5432", "10"]


def test_pages_neither_repeat_nor_skip_when_rows_come_and_go(numbered: World) -> None:
    """New rows come before the page, and the row that it goes on behind may be gone."""
    amy = numbered.by("amy")
    page = amy.job_requests(limit=4)
    amy.create_job_request(job_title="new")
    amy.delete(table="crm_job_requests", where={"id": page[-1].id})
    amy.delete(table="crm_job_requests", where={"job_title": "4"})
    assert titles(amy.job_requests(limit=4, after=page[-1])) == "5321"


@pytest.mark.parametrize("table", TABLES)
def test_pages_of_the_service_are_the_whole(table: str, world: World) -> None:
    """Of every table, also where rows have no time."""
    world.by("amy").create_job_request(created_at=None)
    everything: list[Any] = world.service.select(table)
    pages: list[Any] = []
    while page := world.service.select(table, limit=2, after=pages[-1] if pages else None):
        pages += page
    assert pages == everything


def test_pages_of_rows_of_one_moment(empty: World) -> None:
    """The key tells which come behind."""
    amy = empty.crm_user("amy")
    for _ in range(7):
        amy.upload_resume(resume_url="/cv")
    seen: list[Any] = []
    while page := amy.resumes(limit=2, after=seen[-1] if seen else None):
        seen += page
    assert seen == amy.resumes()
    assert len({row.id for row in seen}) == 7


# --- the document's queries -----------------------------------------------------------------


@pytest.fixture
def reported(world: World) -> World:
    """A world in which somebody is inactive, somebody out of credits, and somebody lost their counters."""
    world.clock.now = NOON
    world.service.deactivate(BOBS)
    world.service.track_view(email=AMYS)
    for _ in range(3):
        world.by("amy").create_recording()
    world.service.delete(table="crm_dashboard_stats", where={"user_id": CAT})
    return world


def test_a_dashboard_has_the_documents_columns(reported: World) -> None:
    """``get_crm_dashboard_data``, in its order."""
    assert [a.name for a in attrs.fields(DashboardData)] == [
        "total_applications",
        "total_recordings",
        "total_resumes",
        "total_views",
        "credits_remaining",
        "last_application_date",
        "last_recording_date",
    ]
    began = reported.one("crm_users", email=AMYS).user_created_at
    assert reported.by("amy").get_crm_dashboard_data(AMYS) == DashboardData(
        total_applications=1,
        total_recordings=4,
        total_resumes=1,
        total_views=1,
        credits_remaining=0,
        last_application_date=began,
        last_recording_date=NOON,
    )


@pytest.mark.parametrize("email", [BOBS, "nobody@example.com", "rita@example.com", "", "nobody", "\0"])
def test_anothers_dashboard_is_as_unknown_as_an_unknown_one(email: str, world: World) -> None:
    """One answer for both, so that it does not tell whether an address exists (``private_dashboard``)."""
    assert world.by("amy").get_crm_dashboard_data(email) is None
    assert world.by("rita").get_crm_dashboard_data(email) is None


def test_the_service_sees_every_dashboard(reported: World) -> None:
    """In any spelling of the address; none where there are no counters."""
    seen = reported.service.get_crm_dashboard_data(" AMY@example.com")
    assert seen == reported.by("amy").get_crm_dashboard_data(AMYS)
    assert reported.service.get_crm_dashboard_data("cat@example.com") is None
    assert reported.service.get_crm_dashboard_data("nobody@example.com") is None


def test_in_the_seed_a_dashboard_is_for_everybody_who_knows_the_address(make_world: MakeWorld) -> None:
    """Signed in, that is; and letter for letter."""
    world = make_world(SEED)
    assert world.by("rita").get_crm_dashboard_data(AMYS) == world.by("amy").get_crm_dashboard_data(AMYS) is not None
    assert world.by("amy").get_crm_dashboard_data("AMY@example.com") is None
    with pytest.raises(PermissionDenied):
        world.crm.as_anon().get_crm_dashboard_data(AMYS)


def test_detecting_crm_users(world: World) -> None:
    """Oneself unless asked for another, whom only the service sees."""
    assert world.by("amy").is_crm_user() is True
    assert world.by("rita").is_crm_user() is False
    assert world.by("amy").is_crm_user(BOB) is False
    assert world.service.is_crm_user(BOB) is True
    assert world.service.is_crm_user(RITA) is False
    assert world.service.is_crm_user() is False


def test_all_crm_users_with_their_stats(reported: World) -> None:
    """The active ones, newest first, with what the LEFT JOIN finds or nothing."""
    rows = reported.service.crm_users_with_stats()
    assert {row.email for row in rows} == {AMYS, "cat@example.com"}
    began = reported.one("crm_users", email=AMYS).user_created_at
    assert (
        CrmUserWithStats(
            email=Email(AMYS),
            credits_remaining=0,
            user_created_at=began,
            total_applications=1,
            total_recordings=4,
            total_resumes=1,
        )
        in rows
    )
    (without,) = (row for row in rows if row.email != AMYS)
    assert (without.total_applications, without.total_recordings, without.total_resumes) == (None, None, None)
    assert [row.email for row in reported.by("amy").crm_users_with_stats()] == [AMYS]
    assert reported.by("bob").crm_users_with_stats() == []


def test_active_crm_users_come_in_pages(world: World) -> None:
    """Newest first; a page goes on behind a row of the one before, or behind a user, active or not."""
    world.service.deactivate(BOBS)
    everything = world.service.crm_users_with_stats()
    assert [row.email for row in everything] == ["cat@example.com", AMYS]
    assert world.service.crm_users_with_stats(limit=1) == everything[:1]
    assert world.service.crm_users_with_stats(limit=5, after=everything[0]) == everything[1:]
    assert world.service.crm_users_with_stats(after=world.one("crm_users", email=BOBS)) == everything[1:]
    assert world.service.crm_users_with_stats(after=everything[1]) == []
    with pytest.raises(ValueError, match=r"^limit: expected 0 or more, got -1$"):
        world.service.crm_users_with_stats(limit=-1)


def test_amounts_are_found_however_they_are_written(world: World) -> None:
    """12.990 is 12.99."""
    assert len(world.service.select("payments", {"amount": Decimal("12.990")})) == world.service.count("payments") > 0


def test_complete_data(world: World) -> None:
    """Of an address: the account, its rows and its counters, as far as one sees them."""
    data = world.service.user_data(" AMY@example.com")
    assert data == world.by("amy").user_data(AMYS)
    assert data.user is not None
    assert data.stats is not None
    assert (data.user.email, data.stats.email) == (AMYS, AMYS)
    assert [len(data.job_requests), len(data.recordings), len(data.resumes)] == [1, 1, 1]
    nothing = world.by("amy").user_data(BOBS)
    assert nothing == world.service.user_data("nobody@example.com")
    assert nothing == UserData(user=None, job_requests=[], recordings=[], resumes=[], stats=None)


def test_crm_users_who_need_more_credits(empty: World) -> None:
    """At 0 credits, who have recorded before, the latest recording first."""
    for name, recordings in (("amy", 4), ("bob", 4), ("cat", 3)):
        session = empty.crm_user(name)
        for _ in range(recordings):
            empty.clock.advance(timedelta(minutes=1))
            session.create_recording()
    empty.crm_user("new")
    empty.service.adjust_balance(label_uuid("new"), credits=0)
    empty.crm_user("once").create_recording()
    empty.service.adjust_balance(label_uuid("once"), credits=0)
    empty.clock.advance(timedelta(minutes=-30))
    empty.crm_user("lost").create_recording()
    empty.service.adjust_balance(label_uuid("lost"), credits=0)
    empty.service.delete(table="crm_dashboard_stats", where={"user_id": label_uuid("lost")})
    rows = empty.service.crm_users_who_need_more_credits()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert [(r.email, r.credits_remaining, r.total_recordings, r.last_recording_date) for r in rows] == [
        ("once@example.com", 0, 1, start + timedelta(minutes=11)),
        (BOBS, 0, 4, start + timedelta(minutes=8)),
        (AMYS, 0, 4, start + timedelta(minutes=4)),
    ]
    assert all(type(row) is UserInNeedOfCredits for row in rows)
    assert empty.by("amy").crm_users_who_need_more_credits() == rows[2:]
    assert empty.by("cat").crm_users_who_need_more_credits() == []


def test_the_export_has_every_crm_user_with_counters(reported: World) -> None:
    """``crm.*`` and three of the counters, flat; the inactive ones too."""
    rows = reported.service.crm_users_export()
    columns = [*TABLES["digital_resume_by_CRM"].by_name, "total_applications", "total_recordings", "total_resumes"]
    assert [list(row) for row in rows] == [columns] * 3
    by_email = {row["email"]: row for row in rows}
    assert by_email[AMYS]["total_recordings"] == 4
    assert by_email[BOBS]["is_active"] is False
    assert by_email["cat@example.com"]["total_recordings"] is None
    assert reported.by("amy").crm_users_export() == [by_email[AMYS]]


def test_record_counts_are_what_one_sees(world: World) -> None:
    """Of all five tables, the main one too."""
    assert world.service.record_counts() == dict.fromkeys((t.name for t in CRM_TABLES), 3)
    assert world.by("amy").record_counts() == dict.fromkeys((t.name for t in CRM_TABLES), 1)
    assert world.by("rita").record_counts() == dict.fromkeys((t.name for t in CRM_TABLES), 0)


def test_a_deactivated_user_reads_as_before(world: World) -> None:
    """All of it."""

    def everything(amy: Session) -> tuple[object, ...]:
        counters = amy.get_crm_dashboard_data(AMYS), amy.select(CRM_DASHBOARD_STATS)
        return amy.job_requests(), amy.recordings(), amy.resumes(), *counters, amy.select("profiles"), amy.is_crm_user()

    before = everything(world.by("amy"))
    world.service.deactivate(AMYS)
    assert everything(world.by("amy")) == before
    assert [row.is_active for row in world.by("amy").select("crm_users")] == [False]
