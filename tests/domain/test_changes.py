"""What an update changes, and what a delete takes with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from crm_domain import (
    HARDENED,
    SEED,
    TABLES,
    CheckViolation,
    Conflict,
    Crm,
    ForeignKeyViolation,
    PermissionDenied,
    RlsViolation,
    UniqueViolation,
)
from crm_domain.clocks import label_uuid
from crm_domain.memory.store import MemoryStore
from crm_domain.rows import CRM_TABLES, REGULAR_TABLES

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB, CAT, RITA, NO_ROW = map(label_uuid, ("amy", "bob", "cat", "rita", "no row"))
AMYS, BOBS = "amy@example.com", "bob@example.com"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

# --- update ---------------------------------------------------------------------------------


def test_an_update_changes_the_columns_that_are_set(world: World) -> None:
    """And ``updated_at``, to the model's time; all else stays."""
    before = world.one("crm_recordings", user_id=AMY)
    world.clock.advance(timedelta(hours=1))
    changes: dict[str, Any] = {"video_url": "/2.mp4", "duration": 7, "recording_date": NOON, "transcription": None}
    accepted = world.by("amy").update(table="crm_recordings", where={"id": before.id}, set=changes)
    assert accepted.affected == 1
    after = world.one("crm_recordings", user_id=AMY)
    assert after == attrs.evolve(before, updated_at=world.clock.now, **changes)


@pytest.mark.parametrize("moment", [NOON, None])
def test_updated_at_may_be_chosen(moment: datetime | None, world: World) -> None:
    """As SQL lets one."""
    world.by("amy").update(table="crm_recordings", set={"updated_at": moment})
    assert world.one("crm_recordings", user_id=AMY).updated_at == moment


def test_the_main_table_has_no_updated_at(world: World) -> None:
    """So only what is set changes."""
    accepted = world.service.update(table="crm_users", where={"email": AMYS}, set={"payment_details": {"a": [1]}})
    (event,) = accepted.events
    assert event.changes == (("payment_details", '{"a":[1]}'),)  # type: ignore[union-attr]
    assert world.one("crm_users", email=AMYS).payment_details == {"a": [1]}


def test_an_update_may_change_many_rows(world: World) -> None:
    """One event for each, in one command, and the number of them in the answer."""
    accepted = world.service.update(table="crm_recordings", where={"status": "processing"}, set={"duration": 7})
    assert accepted.affected == 3
    assert [type(event).__name__ for event in accepted.events] == ["RowUpdated"] * 3
    assert [row.duration for row in world.service.select("crm_recordings")] == [7, 7, 7]


def test_an_update_of_many_is_all_or_nothing(world: World) -> None:
    """One row that cannot be changed so keeps the others from it."""
    world.by("bob").update(table="crm_recordings", set={"status": "completed"})
    with pytest.raises(CheckViolation):
        world.service.update(table="crm_recordings", set={"video_url": "/2.mp4"})
    assert {row.video_url for row in world.service.select("crm_recordings")} == {"https://example.com/1.mp4"}


def test_who_changed_a_row_is_in_the_event(world: World) -> None:
    """Its own user, or the service."""
    for session, by_owner in ((world.by("amy"), True), (world.service, False)):
        (event,) = session.update(table="crm_resumes", where={"user_id": AMY}, set={"resume_name": "x"}).events
        assert event.by_owner is by_owner  # type: ignore[union-attr]
        assert event.user_id == AMY  # type: ignore[union-attr]


@pytest.mark.parametrize("table", [t.name for t in (*CRM_TABLES, *REGULAR_TABLES)] + ["profiles"])
def test_keys_never_change(table: str, world: World) -> None:
    """A key that is set to what it is, is not changed."""
    (row, *_) = world.service.select(table)
    key = TABLES[table].key
    same, other = getattr(row, key), "new@example.com" if key == "email" else NO_ROW
    assert world.service.update(table=table, where={key: same}, set={key: same}).affected == 1
    with pytest.raises(CheckViolation, match="never changes") as refused:
        world.service.update(table=table, where={key: same}, set={key: other})
    assert refused.value.column == key


OWNERS: list[dict[str, Any]] = [
    {"user_id": AMY, "email": AMYS},
    {"email": " AMY@Example.com"},
    {"user_id": AMY, "email": AMYS, "transcription": "x"},
]


@pytest.mark.parametrize("same", OWNERS, ids=["both", "another spelling", "a whole row"])
@pytest.mark.parametrize("by_service", [True, False])
def test_an_owner_column_that_is_set_to_what_it_is_is_not_changed(
    same: dict[str, Any], world: World, *, by_service: bool
) -> None:
    """By its user and by the service, in any spelling of the address: that is how a front end saves a whole row."""
    before = world.one("crm_recordings", user_id=AMY)
    session = world.service if by_service else world.by("amy")
    assert session.update(table="crm_recordings", where={"user_id": AMY}, set=same).affected == 1
    after = world.one("crm_recordings", user_id=AMY)
    assert after == attrs.evolve(before, updated_at=world.clock.now, transcription=same.get("transcription"))


@pytest.mark.parametrize(
    "changes", [{"user_id": BOB}, {"email": BOBS}, {"email": None}, {"user_id": AMY, "email": "x"}]
)
@pytest.mark.parametrize("active", [True, False])
def test_a_user_never_gives_a_row_away(changes: dict[str, Any], world: World, *, active: bool) -> None:
    """Permission, before all else that is wrong, also for a deactivated user; the message names table and column."""
    if not active:
        world.service.deactivate(AMYS)
    column = list(changes)[-1]
    with pytest.raises(PermissionDenied, match=f"^crm_recordings.{column} .* leave it out of the update") as refused:
        world.by("amy").update(table="crm_recordings", set=changes | {"duration": -1, "status": None})
    assert refused.value.signature == ("permission_denied", "crm_recordings", column, "immutable_owner")


def test_a_deactivated_user_may_not_save_a_whole_row_either(world: World) -> None:
    """Nothing of it would be another's: so it is the row policy that refuses."""
    world.service.deactivate(AMYS)
    with pytest.raises(RlsViolation):
        world.by("amy").update(table="crm_recordings", set={"user_id": AMY, "email": AMYS})


def test_the_service_gives_no_row_away_either(world: World) -> None:
    """A bad value that counts as permission: before a missing one."""
    for changes in ({"user_id": BOB}, {"user_id": None}, {"email": BOBS}):
        with pytest.raises(CheckViolation) as refused:
            world.service.update(table="crm_recordings", where={"user_id": AMY}, set={"status": None} | changes)
        assert refused.value.safeguard == "immutable_owner"


def test_rows_that_one_does_not_see_are_not_given_away(world: World) -> None:
    """Nothing is touched, so nothing is refused, whatever is named."""
    assert world.by("amy").update(table="crm_recordings", where={"user_id": BOB}, set={"user_id": AMY}).affected == 0
    assert world.by("rita").update(table="crm_recordings", set={"user_id": BOB, "email": BOBS}).affected == 0


def test_of_rows_that_are_refused_for_different_reasons_either_is_right(world: World) -> None:
    """Which row is looked at first is not specified: the refusal names what the other rows would be refused with."""
    for changes, as_right in (
        ({"user_id": AMY, "status": None}, {"not_null_violation"}),
        ({"user_id": AMY, "duration": 1}, set()),
        ({"user_id": NO_ROW, "status": None}, set()),
    ):
        with pytest.raises(CheckViolation) as refused:
            world.service.update(table="crm_recordings", set=changes)
        assert refused.value.as_right == as_right


def test_without_immutable_owner_an_address_is_stored_in_its_normal_form(make_world: MakeWorld) -> None:
    """As when the row was created: one spelling is the key."""
    world = make_world(HARDENED.without("immutable_owner"))
    world.by("amy").update(table="crm_resumes", set={"email": " BOB@Example.com"})
    assert world.one("crm_resumes", user_id=AMY).email == BOBS


def test_in_the_seed_the_service_may_move_a_row(make_world: MakeWorld) -> None:
    """To whoever there is."""
    world = make_world(SEED)
    where = {"id": label_uuid("crm_resumes of amy")}
    assert world.service.update(table="crm_resumes", where=where, set={"user_id": CAT, "email": BOBS}).affected == 1
    moved = world.one("crm_resumes", **where)
    assert (moved.user_id, moved.email) == (CAT, BOBS)
    assert label_uuid("crm_resumes of amy") in [row.id for row in world.by("cat").resumes()]
    world.service.update(table="crm_resumes", where=where, set={"user_id": None, "email": None})
    for changes in ({"user_id": NO_ROW}, {"email": "nobody@example.com"}):
        with pytest.raises(ForeignKeyViolation):
            world.service.update(table="crm_resumes", where=where, set=changes)


def test_in_the_seed_nobody_gives_a_row_away(make_world: MakeWorld) -> None:
    """The policy looks at the new row as well."""
    with pytest.raises(RlsViolation):
        make_world(SEED).by("amy").update(table="crm_resumes", set={"user_id": BOB})


def test_in_the_seed_a_row_may_be_set_to_be_ones_own(make_world: MakeWorld) -> None:
    """That gives nothing away."""
    assert make_world(SEED).by("amy").update(table="crm_recordings", set={"user_id": AMY}).affected == 1


FIXED: list[tuple[str, dict[str, Any], str]] = [
    ("crm_users", {"email": "new@example.com"}, "is the key and never changes: an e-mail change is not offered."),
    ("crm_resumes", {"id": NO_ROW}, "is the key and never changes; delete the row and create another."),
    ("crm_resumes", {"user_id": BOB}, "says whose row it is and never changes: leave it out of the update."),
    (
        "crm_recordings",
        {"video_url": "/2.mp4"},
        "is fixed since the paid recording was completed: create another recording.",
    ),
]


@pytest.mark.parametrize(("table", "changes", "message"), FIXED, ids=[f"{t}.{next(iter(c))}" for t, c, _ in FIXED])
def test_what_is_fixed_is_named_with_what_to_do(
    table: str, changes: dict[str, Any], message: str, world: World
) -> None:
    """Also beside columns that are set to what they are."""
    world.service.update(table="crm_recordings", set={"status": "completed"})
    row = world.one(table, user_id=AMY)
    same = {"is_active": row.is_active} if table != "crm_recordings" else {"status": "completed"}
    (column,) = changes
    with pytest.raises(CheckViolation) as refused:
        world.service.update(table=table, where={"user_id": AMY}, set=same | changes)
    assert refused.value.message == f"{TABLES[refused.value.table or ''].name}.{column} {message}"
    assert (refused.value.column, world.one(table, user_id=AMY)) == (column, row)


def test_a_primary_resume_may_be_set_to_what_it_is(world: World) -> None:
    """It is not its own second."""
    assert world.by("amy").update(table="crm_resumes", set={"is_primary": True}).affected == 1


def test_one_update_may_not_make_two_primary(world: World) -> None:
    """Neither where there was none, nor beside the one there is."""
    amy = world.by("amy")
    amy.upload_resume(resume_url="/2")
    amy.update(table="crm_resumes", set={"is_primary": False})
    with pytest.raises(UniqueViolation, match="primary"):
        amy.update(table="crm_resumes", set={"is_primary": True})
    assert amy.update(table="crm_resumes", where={"resume_url": "/2"}, set={"is_primary": True}).affected == 1
    with pytest.raises(UniqueViolation, match="primary"):
        amy.update(table="crm_resumes", where={"is_primary": False}, set={"is_primary": True})


def test_one_update_may_make_one_primary_for_each(world: World) -> None:
    """At most one per user, not in all."""
    world.service.update(table="crm_resumes", set={"is_primary": False})
    assert world.service.update(table="crm_resumes", set={"is_primary": True}).affected == 3


def test_without_immutable_owner_a_second_primary_may_not_be_moved_in(make_world: MakeWorld) -> None:
    """Whichever column brings it about."""
    world = make_world(HARDENED.without("immutable_owner"))
    where = {"id": label_uuid("crm_resumes of amy")}
    with pytest.raises(UniqueViolation, match="primary"):
        world.service.update(table="crm_resumes", where=where, set={"user_id": BOB, "email": BOBS})
    world.service.update(table="crm_resumes", where={"user_id": CAT}, set={"is_primary": False})
    world.service.upload_resume(user_id=CAT, resume_url="/2.pdf", is_primary=True)
    with pytest.raises(UniqueViolation, match="primary"):  # the second of the two
        world.service.update(table="crm_resumes", where={"user_id": CAT}, set={"user_id": BOB, "email": BOBS})
    assert world.service.update(table="crm_resumes", where=where, set={"is_primary": False, "user_id": BOB}).affected


def test_what_other_rules_let_in_is_not_in_the_way() -> None:
    """Two primary resumes of the seed: hardened, they may be changed otherwise, and not made primary again."""
    store = MemoryStore()
    seed, hardened = (Crm(store, rules=rules) for rules in (SEED, HARDENED))
    seed.as_service().sync_crm_user(user_id=AMY, email=AMYS)
    for url in ("/1", "/2"):
        seed.as_user(AMY).upload_resume(resume_url=url, is_primary=True)
    assert hardened.as_user(AMY).update(table="crm_resumes", set={"file_type": "pdf"}).affected == 2
    with pytest.raises(UniqueViolation, match="primary"):
        hardened.as_user(AMY).update(table="crm_resumes", set={"is_primary": True})


def test_anothers_job_request_that_other_rules_let_in_is_not_in_the_way() -> None:
    """A recording of the seed may name it; hardened, the recording may be changed otherwise, and not name it again."""
    store = MemoryStore()
    seed, hardened = (Crm(store, rules=rules) for rules in (SEED, HARDENED))
    for user_id, email in ((AMY, AMYS), (BOB, BOBS)):
        seed.as_service().sync_crm_user(user_id=user_id, email=email)
    job = seed.as_user(BOB).create_job_request().id
    seed.as_user(AMY).create_recording(job_request_id=job)
    assert hardened.as_user(AMY).update(table="crm_recordings", set={"transcription": "x"}).affected == 1
    with pytest.raises(ForeignKeyViolation):
        hardened.as_user(AMY).update(table="crm_recordings", set={"job_request_id": job})


def test_nobodys_resumes_may_all_be_primary(make_world: MakeWorld) -> None:
    """Without ``valid_values`` a row may have no user, and NULL equals no other NULL in an index."""
    service = make_world(HARDENED.without("valid_values"), people=False).service
    for url in ("/1", "/2"):
        service.upload_regular_resume(user_id=None, resume_url=url)
    assert service.update(table="resumes", set={"is_primary": True}).affected == 2


def test_two_people_cannot_have_one_row_of_the_main_table(make_world: MakeWorld) -> None:
    """In the seed, the service may give it to somebody who has none."""
    world = make_world(SEED)
    with pytest.raises(UniqueViolation, match=r"^Another row of digital_resume_by_CRM has this user_id\.$") as refused:
        world.service.update(table="crm_users", where={"email": AMYS}, set={"user_id": BOB})
    assert (refused.value.table, refused.value.column) == ("digital_resume_by_CRM", "user_id")
    assert refused.value.section == CRM_TABLES[0].section
    assert world.service.update(table="crm_users", where={"email": AMYS}, set={"user_id": RITA}).affected == 1
    assert world.by("rita").is_crm_user() is True


def test_a_row_of_the_main_table_takes_its_persons_balance(make_world: MakeWorld) -> None:
    """Who is given it must have the balance that it shows."""
    world = make_world(SEED)
    world.service.adjust_balance(RITA, credits=5)
    with pytest.raises(Conflict):
        world.service.update(table="crm_users", where={"email": AMYS}, set={"user_id": RITA})
    both = {"user_id": RITA, "credits_remaining": 5}
    assert world.service.update(table="crm_users", where={"email": AMYS}, set=both).affected == 1


def test_the_mirror_may_be_set_to_the_balance_only(world: World) -> None:
    """Never alone; where it is the balance already, that is no change."""
    with pytest.raises(Conflict, match=r"balance in profiles, which is 3: set profiles\.credits_remaining instead"):
        world.service.update(table="crm_users", where={"email": AMYS}, set={"credits_remaining": 4})
    assert world.service.update(table="crm_users", where={"email": AMYS}, set={"credits_remaining": 3}).affected == 1


def test_a_mirror_that_a_user_bent_can_be_set_right_and_need_not_be(make_world: MakeWorld) -> None:
    """In the seed: the service may change other columns, and set the mirror to the balance."""
    world = make_world(SEED)
    world.by("amy").update(table="crm_users", set={"credits_remaining": 100})
    assert world.service.deactivate(AMYS).affected == 1
    assert world.service.update(table="crm_users", where={"email": AMYS}, set={"credits_remaining": 3}).affected == 1
    assert world.one("crm_users", email=AMYS).credits_remaining == 3


def test_a_profile_that_a_user_sets_is_mirrored(make_world: MakeWorld) -> None:
    """In the seed: "When credits change in profiles: automatically sync"."""
    world = make_world(SEED)
    world.by("amy").update(table="profiles", set={"credits_remaining": 100})
    assert world.one("crm_users", email=AMYS).credits_remaining == 100


def test_an_adjustment_may_come_with_other_columns(world: World) -> None:
    """The difference goes through the ledger, the rest is an ordinary change."""
    changes = {"credits_remaining": 5, "created_at": NOON}
    accepted = world.service.update(table="profiles", where={"user_id": AMY}, set=changes)
    assert [type(event).__name__ for event in accepted.events] == ["CreditGranted", "RowUpdated"]
    profile = world.one("profiles", user_id=AMY)
    assert (profile.credits_remaining, profile.created_at) == (5, NOON)


@pytest.mark.parametrize("safe", [True, False])
def test_a_recording_may_be_given_another_job_request(make_world: MakeWorld, *, safe: bool) -> None:
    """One's own, or none; under ``same_owner_reference`` no other's."""
    world = make_world(HARDENED if safe else HARDENED.without("same_owner_reference"))
    amy = world.by("amy")
    job = amy.create_job_request().id
    for own in (job, None):
        amy.update(table="crm_recordings", set={"job_request_id": own})
        assert amy.recordings()[0].job_request_id == own
    theirs = {"job_request_id": label_uuid("crm_job_requests of bob")}
    if safe:
        with pytest.raises(ForeignKeyViolation):
            amy.update(table="crm_recordings", set=theirs)
    else:
        assert amy.update(table="crm_recordings", set=theirs).affected == 1


def test_a_recording_is_not_moved_away_from_its_job_request(make_world: MakeWorld) -> None:
    """Without ``immutable_owner`` the service may give it to another, who must have the job request then."""
    service = make_world(HARDENED.without("immutable_owner")).service
    moved = {"user_id": BOB, "email": BOBS}
    with pytest.raises(ForeignKeyViolation) as refused:
        service.update(table="crm_recordings", where={"user_id": AMY}, set=moved)
    assert refused.value.column == "job_request_id"
    assert service.update(table="crm_recordings", where={"user_id": AMY}, set=moved | {"job_request_id": None}).affected


def test_a_video_is_fixed_once_the_recording_was_completed(world: World) -> None:
    """For good, even if it is not completed any more; it may be set to what it is."""
    amy = world.by("amy")
    amy.update(table="crm_recordings", set={"status": "completed", "video_url": "/2.mp4"})
    amy.update(table="crm_recordings", set={"status": "processing"})
    with pytest.raises(CheckViolation, match="is fixed since"):
        amy.update(table="crm_recordings", set={"video_url": "/3.mp4"})
    assert amy.update(table="crm_recordings", set={"video_url": "/2.mp4", "thumbnail_url": "/2.png"}).affected == 1


# --- delete ---------------------------------------------------------------------------------


def test_a_delete_takes_the_rows_that_meet_its_condition(world: World) -> None:
    """And are one's own; the answer is their number."""
    for _ in range(2):
        world.by("amy").upload_resume(resume_url="/other", file_type="pdf")
    accepted = world.by("amy").delete(table="crm_resumes", where={"file_type": "pdf"})
    assert accepted.affected == 2
    assert [type(event).__name__ for event in accepted.events] == ["RowDeleted"] * 2
    assert [row.resume_url for row in world.by("amy").resumes()] == ["https://example.com/cv.pdf"]


def test_a_delete_that_finds_nothing_is_accepted(world: World) -> None:
    """0 rows, which even a deactivated user may."""
    for _ in range(2):
        assert world.by("amy").delete(table="crm_resumes", where={"file_type": "odt"}).affected == 0
        world.service.deactivate(AMYS)


@pytest.mark.parametrize(
    ("table", "where", "column"),
    [
        ("crm_job_requests", {"user_id": AMY}, "id"),
        ("job_requests", {"user_id": RITA}, "id"),
        ("crm_users", {"email": AMYS}, "email"),
        ("profiles", {"user_id": AMY}, "user_id"),
    ],
)
def test_a_row_that_another_names_cannot_be_deleted(
    table: str, where: dict[str, Any], column: str, world: World
) -> None:
    """The service neither: the document gives no ON DELETE, and says so in every direction."""
    with pytest.raises(ForeignKeyViolation, match="still refers to this row") as refused:
        world.service.delete(table=table, where=where)
    assert refused.value.column == column


def test_a_user_may_be_taken_apart(world: World) -> None:
    """What refers to a row first; the person, the profile and the ledger stay."""
    for table in ("crm_recordings", "crm_job_requests", "crm_resumes", "crm_dashboard_stats", "crm_users"):
        assert world.service.delete(table=table, where={"email": AMYS}).affected == 1
    assert world.by("amy").is_crm_user() is False
    assert world.balance_of("amy") == 3
    assert world.service.select("auth.users", {"id": AMY}) != []
    assert world.by("amy").create_regular_job_request().id is not None


def test_a_key_that_was_deleted_may_be_used_again(world: World) -> None:
    """It names another row then."""
    amy = world.by("amy")
    job = amy.create_job_request(job_title="old").id
    amy.delete(table="crm_job_requests", where={"id": job})
    assert amy.create_job_request(id=job, job_title="new").id == job
    assert world.one("crm_job_requests", id=job).job_title == "new"
