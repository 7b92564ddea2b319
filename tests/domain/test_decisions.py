"""What the document leaves open, and how it was decided: one example for each row of the table of decisions.

The rows are those common to both readings, so each example runs under both, unless it says otherwise.
What the safeguards change is in `test_safeguards`, the order of refusals in `refusals`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import attrs
import pytest

from crm_domain import (
    HARDENED,
    SEED,
    CheckViolation,
    CreditPolicy,
    ForeignKeyViolation,
    InsufficientCredits,
    PermissionDenied,
    Refused,
    RlsViolation,
    Rules,
    UniqueViolation,
    table_named,
)
from crm_domain.clocks import label_uuid
from crm_domain.ids import is_canonical_uuid
from crm_domain.rows import CRM_TABLES, CRM_USERS
from crm_domain.schema import INT64_MAX

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB, RITA = map(label_uuid, ("amy", "bob", "rita"))
AMYS, BOBS = "amy@example.com", "bob@example.com"


@pytest.fixture(params=[HARDENED, SEED], ids=["HARDENED", "SEED"])
def rules(request: pytest.FixtureRequest) -> Rules:
    """Each of the two readings."""
    assert isinstance(request.param, Rules)
    return request.param


@pytest.fixture
def world(make_world: MakeWorld, rules: Rules) -> World:
    return make_world(rules)


@pytest.fixture
def empty(make_world: MakeWorld, rules: Rules) -> World:
    return make_world(rules, people=False)


def test_two_balances(world: World) -> None:
    """The profile's balance leads, the main table's is its mirror, always equal."""

    def balances() -> tuple[int, int]:
        return world.balance_of("amy"), world.one("crm_users", email=AMYS).credits_remaining

    assert balances() == (3, 3)
    world.by("amy").create_recording()
    assert balances() == (2, 2)
    world.service.record_payment(user_id=AMY, amount="12.99", ref="next")
    assert balances() == (5, 5)
    world.service.adjust_balance(AMY, credits=1)
    assert balances() == (1, 1)


def test_who_pays_for_a_recording(world: World) -> None:
    """The profile of the row's ``user_id``, whoever stores the row."""
    world.service.create_recording(user_id=AMY, email=AMYS)
    assert (world.balance_of("amy"), world.balance_of("bob")) == (2, 3)


def test_what_costs(world: World) -> None:
    """One recording costs one credit, a regular user's too; job requests and resumes are free."""
    rita, amy = world.by("rita"), world.by("amy")
    rita.create_regular_job_request()
    rita.upload_regular_resume(resume_url="/cv.pdf")
    amy.create_job_request()
    amy.upload_resume(resume_url="/cv.pdf")
    assert (world.balance_of("rita"), world.balance_of("amy")) == (3, 3)
    rita.create_regular_recording()
    amy.create_recording()
    assert (world.balance_of("rita"), world.balance_of("amy")) == (2, 2)


def test_grants(empty: World) -> None:
    """A CRM user gets 4 once; a regular user starts with 0; a payment of 12.99 gives 3, to both, at any balance."""
    empty.service.register_user(user_id=RITA, email="rita@example.com")
    assert empty.balance_of("rita") == 0
    empty.crm_user("amy")
    assert empty.balance_of("amy") == 4
    for number in (1, 2):
        for name in ("rita", "amy"):
            paid = empty.service.record_payment(user_id=label_uuid(name), amount="12.99", ref=f"{number} of {name}")
            assert paid.credited is True
    assert (empty.balance_of("rita"), empty.balance_of("amy")) == (6, 10)


def test_a_regular_user_becomes_a_crm_user(empty: World) -> None:
    """Paid credits are kept and 4 are added, once."""
    empty.regular("rita").create_regular_recording()
    empty.crm_user("rita")
    assert empty.balance_of("rita") == 3 - 1 + 4
    assert [g.source for g in empty.service.select("credit_grants")] == ["initial", "payment"]


def test_a_regular_user_becomes_a_crm_user_once(make_world: MakeWorld) -> None:
    """Under ``grant_once``; the seed's re-sync sets the balance to 4 again, which is its hole."""
    world = make_world(people=False)
    world.regular("rita")
    world.crm_user("rita")
    world.crm_user("rita")
    assert world.balance_of("rita") == 7


def test_counters(world: World) -> None:
    """Lifetime totals that never fall; a delete refunds nothing; last-dates are the model's clock."""
    long_ago = datetime(1999, 1, 1, tzinfo=UTC)
    amy = world.by("amy")
    amy.delete(table="crm_recordings")
    amy.delete(table="crm_job_requests")
    amy.delete(table="crm_resumes")
    stats = world.one("crm_dashboard_stats", email=AMYS)
    assert (stats.total_applications, stats.total_recordings, stats.total_resumes) == (1, 1, 1)
    assert world.balance_of("amy") == 3
    world.clock.advance(timedelta(hours=1))
    amy.create_job_request(applied_date=long_ago, created_at=long_ago)
    amy.create_recording(recording_date=long_ago, created_at=long_ago)
    stats = world.one("crm_dashboard_stats", email=AMYS)
    assert (stats.last_application_date, stats.last_recording_date) == (world.clock.now, world.clock.now)
    assert (stats.total_applications, stats.total_recordings) == (2, 2)


def test_views_login_and_time(world: World) -> None:
    """Default 0; `TrackView`, `TrackLogin` and `TrackTime` fill them, by the service role only."""
    stats = world.one("crm_dashboard_stats", email=AMYS)
    assert (stats.total_views, stats.last_login_date, stats.total_time_spent) == (0, None, 0)
    world.service.track_view(email=AMYS)
    world.service.track_login(email=AMYS)
    world.service.track_time(email=AMYS, seconds=90)
    stats = world.one("crm_dashboard_stats", email=AMYS)
    assert (stats.total_views, stats.last_login_date, stats.total_time_spent) == (1, world.clock.now, 90)
    amy = world.by("amy")
    for track in (amy.track_view, amy.track_login, amy.track_time):
        with pytest.raises(PermissionDenied):
            track(email=AMYS)
    with pytest.raises(CheckViolation):
        world.service.track_time(email=AMYS, seconds=-1)


def test_is_active(make_world: MakeWorld) -> None:
    """Default true; a deactivated user may read and may not write, and a re-sync does not revive them.

    That they may not write is the safeguard ``active_only``; the seed lets them.
    """
    world = make_world()
    assert world.one("crm_users", email=AMYS).is_active is True
    world.service.deactivate(AMYS)
    world.service.sync_crm_user(email=AMYS)
    amy = world.by("amy")
    assert amy.user_data(AMYS).user == world.one("crm_users", email=AMYS)
    assert len(amy.recordings()) == 1
    with pytest.raises(RlsViolation):
        amy.create_job_request()
    world.service.activate(AMYS)
    assert amy.create_job_request().id is not None


def test_status_of_a_recording(make_world: MakeWorld, rules: Rules) -> None:
    """``processing`` by default; the service may complete or fail it; a failure gives back nothing unless asked."""
    for refund, balance in ((False, 2), (True, 3)):
        policy = CreditPolicy(refund_failed_recordings=refund)
        world = make_world(attrs.evolve(rules, credit_policy=policy))
        recording = world.by("amy").create_recording().id
        assert world.one("crm_recordings", id=recording).status == "processing"
        world.service.update(table="crm_recordings", where={"id": recording}, set={"status": "completed"})
        world.service.update(table="crm_recordings", where={"id": recording}, set={"status": "failed"})
        assert world.balance_of("amy") == balance


def test_other_states_are_free_text(world: World) -> None:
    """``application_status`` and ``file_type`` may be anything."""
    amy = world.by("amy")
    job = amy.create_job_request(application_status="banana").id
    resume = amy.upload_resume(resume_url="/cv", file_type="banana").id
    assert world.one("crm_job_requests", id=job).application_status == "banana"
    assert world.one("crm_resumes", id=resume).file_type == "banana"


def test_duration_file_size_and_seconds(world: World) -> None:
    """May be absent, and fit 64 bits; that they are never negative is ``valid_values``."""
    amy = world.by("amy")
    recording = amy.create_recording(duration=None, file_size=INT64_MAX).id
    stored = world.one("crm_recordings", id=recording)
    assert (stored.duration, stored.file_size) == (None, INT64_MAX)
    with pytest.raises(CheckViolation):
        amy.create_recording(duration=INT64_MAX + 1)
    assert world.service.track_time(email=AMYS, seconds=None).affected == 1
    with pytest.raises(CheckViolation):
        world.service.track_time(email=AMYS, seconds=INT64_MAX + 1)


def test_primary_resume(make_world: MakeWorld) -> None:
    """At most one per user: a second one is refused, the first is not silently demoted (``one_primary``)."""
    world = make_world()
    amy = world.by("amy")
    with pytest.raises(UniqueViolation):
        amy.upload_resume(resume_url="/other", is_primary=True)
    other = amy.upload_resume(resume_url="/other").id
    with pytest.raises(UniqueViolation):
        amy.update(table="crm_resumes", where={"id": other}, set={"is_primary": True})
    assert [r.id for r in amy.resumes() if r.is_primary] == [label_uuid("crm_resumes of amy")]
    amy.update(table="crm_resumes", where={"is_primary": True}, set={"is_primary": False})
    amy.update(table="crm_resumes", where={"id": other}, set={"is_primary": True})
    assert [r.id for r in amy.resumes() if r.is_primary] == [other]


def test_deleting_a_job_request_that_has_recordings(world: World) -> None:
    """Refused: the document gives no ON DELETE."""
    amy = world.by("amy")
    with pytest.raises(ForeignKeyViolation):
        amy.delete(table="crm_job_requests")
    amy.delete(table="crm_recordings")
    assert amy.delete(table="crm_job_requests").affected == 1


def test_regular_users(empty: World) -> None:
    """Have no dashboard and no row in any ``crm_`` table."""
    rita = empty.regular("rita")
    rita.create_regular_job_request()
    rita.upload_regular_resume(resume_url="/cv")
    assert empty.service.record_counts() == dict.fromkeys((table.name for table in CRM_TABLES), 0)
    assert rita.get_crm_dashboard_data("rita@example.com") is None
    assert rita.is_crm_user() is False


def test_table_name() -> None:
    """The main table keeps the document's name letter for letter, and answers to ``crm_users`` too."""
    assert table_named("digital_resume_by_CRM") is table_named("crm_users") is CRM_USERS
    with pytest.raises(ValueError, match="there is no 'digital_resume_by_crm'"):
        table_named("digital_resume_by_crm")


def test_created_at_index() -> None:
    """The main table has no such column: ``user_created_at`` is indexed."""
    assert "created_at" not in CRM_USERS.by_name
    assert ("user_created_at",) in [index.columns for index in CRM_USERS.indexes]


def test_monitoring(world: World) -> None:
    """``LIKE 'crm_%'`` misses the main table; ours counts all five."""
    assert world.service.record_counts() == {
        "digital_resume_by_CRM": 3,
        "crm_job_requests": 3,
        "crm_recordings": 3,
        "crm_resumes": 3,
        "crm_dashboard_stats": 3,
    }


def test_email_change(world: World) -> None:
    """Not offered yet: e-mail is the key; a clear refusal."""
    with pytest.raises(CheckViolation, match="an e-mail change is not offered"):
        world.service.update(table="crm_users", where={"email": AMYS}, set={"email": "amy@example.org"})
    with pytest.raises(UniqueViolation, match="an e-mail change is not offered"):
        world.service.sync_crm_user(user_id=AMY, email="amy@example.org")


def test_anon_may_do_nothing_and_read_nothing(world: World) -> None:
    """``permission_denied``, whatever it is."""
    anon = world.crm.as_anon()
    attempts: list[Callable[[], object]] = [
        lambda: anon.register_user(email="new@example.com"),
        lambda: anon.sync_crm_user(email="new@example.com"),
        anon.create_job_request,
        lambda: anon.create_recording(user_id=AMY, email=AMYS),
        lambda: anon.upload_regular_resume(resume_url="/cv"),
        lambda: anon.record_payment(user_id=AMY, amount="12.99", ref="x"),
        lambda: anon.update(table="crm_recordings", set={"status": "failed"}),
        lambda: anon.delete(table="crm_recordings"),
        lambda: anon.track_view(email=AMYS),
        lambda: anon.select("crm_recordings"),
        lambda: anon.select("profiles"),
        lambda: anon.count("crm_recordings"),
        lambda: anon.get_crm_dashboard_data(AMYS),
        lambda: anon.is_crm_user(AMY),
        lambda: anon.user_data(AMYS),
        anon.crm_users_with_stats,
        anon.crm_users_who_need_more_credits,
        anon.crm_users_export,
        anon.record_counts,
    ]
    for attempt in attempts:
        with pytest.raises(PermissionDenied):
            attempt()


def test_what_users_may_write(make_world: MakeWorld) -> None:
    """Their own job requests, recordings and resumes; everything else is ``permission_denied``."""
    amy = make_world().by("amy")
    job = amy.create_job_request().id
    assert amy.update(table="crm_job_requests", where={"id": job}, set={"job_title": "x"}).affected == 1
    assert amy.delete(table="crm_job_requests", where={"id": job}).affected == 1
    attempts: list[Callable[[], object]] = [
        lambda: amy.register_user(email="new@example.com"),
        lambda: amy.sync_crm_user(email=AMYS),
        lambda: amy.record_payment(user_id=AMY, amount="12.99", ref="x"),
        lambda: amy.update(table="crm_users", set={"is_active": True}),
        lambda: amy.update(table="crm_dashboard_stats", set={"total_views": 1}),
        lambda: amy.update(table="profiles", set={"credits_remaining": 100}),
        lambda: amy.delete(table="crm_users"),
        lambda: amy.delete(table="credit_grants"),
        lambda: amy.track_login(email=AMYS),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionDenied):
            attempt()


def test_what_the_documents_four_policies_let_users_write(make_world: MakeWorld) -> None:
    """In the seed, also their own rows of the main table and of the counters, and their profile."""
    amy = make_world(SEED).by("amy")
    assert amy.update(table="crm_users", set={"credits_remaining": 100}).affected == 1
    assert amy.update(table="crm_dashboard_stats", set={"total_views": 100}).affected == 1
    assert amy.update(table="profiles", set={"credits_remaining": 100}).affected == 1
    for table in ("payments", "credit_grants", "credit_consumptions"):
        with pytest.raises(PermissionDenied):
            amy.delete(table=table)


def test_the_service_role(world: World) -> None:
    """It passes row policies, not constraints, references or credits; it may set a balance, never the mirror alone."""
    service = world.service
    assert service.create_job_request(user_id=AMY, email=AMYS).id is not None
    impossible: list[Callable[[], object]] = [
        lambda: service.create_recording(user_id=AMY, email=AMYS, file_size=2**63),
        lambda: service.create_recording(user_id=AMY, email="nobody@example.com"),
        lambda: service.create_recording(user_id=AMY, email=AMYS, job_request_id=label_uuid("no row")),
        lambda: service.update(table="crm_users", where={"email": AMYS}, set={"credits_remaining": 9}),
    ]
    for attempt in impossible:
        with pytest.raises(Refused):
            attempt()
    service.adjust_balance(AMY, credits=0)
    with pytest.raises(InsufficientCredits):
        service.create_recording(user_id=AMY, email=AMYS)
    service.adjust_balance(AMY, credits=9)
    assert world.one("crm_users", email=AMYS).credits_remaining == 9
    assert service.select("credit_grants", {"user_id": AMY, "source": "adjustment"}, limit=1)[0].credits == 9


def test_ids_and_times(empty: World) -> None:
    """Ids are UUIDs chosen by the caller or the model; times are aware UTC with microseconds, from the model's clock."""
    empty.clock.now = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    amy = empty.crm_user("amy")
    chosen = label_uuid("chosen")
    assert amy.create_job_request(id=chosen).id == chosen
    made = amy.create_job_request().id
    assert made is not None
    assert is_canonical_uuid(made)
    assert empty.one("crm_job_requests", id=made).created_at == datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    assert {entry.at for entry in empty.crm.journal.entries()} == {empty.clock.now}


def test_replacing_the_video_of_a_paid_recording(world: World, rules: Rules) -> None:
    """Allowed in the seed; ``paid_media_immutable`` refuses it once the recording was completed."""
    amy = world.by("amy")
    amy.update(table="crm_recordings", set={"video_url": "/2.mp4"})
    amy.update(table="crm_recordings", set={"status": "completed"})
    if rules is HARDENED:
        with pytest.raises(CheckViolation):
            amy.update(table="crm_recordings", set={"video_url": "/3.mp4"})
        with pytest.raises(CheckViolation):
            world.service.update(table="crm_recordings", where={"user_id": AMY}, set={"video_url": "/3.mp4"})
        amy.update(table="crm_recordings", set={"video_url": "/2.mp4", "transcription": "Hello."})
    else:
        amy.update(table="crm_recordings", set={"video_url": "/3.mp4"})
        assert amy.recordings()[0].video_url == "/3.mp4"


def test_rows_that_one_may_not_see(world: World) -> None:
    """An update or delete of them is accepted and touches 0 rows, as in PostgreSQL."""
    amy = world.by("amy")
    assert amy.update(table="crm_recordings", where={"user_id": BOB}, set={"status": "failed"}).affected == 0
    assert amy.delete(table="crm_recordings", where={"id": label_uuid("crm_recordings of bob")}).affected == 0
    assert world.one("crm_recordings", user_id=BOB).status == "processing"


def test_prices_are_in_cents(world: World) -> None:
    """A payment of exactly 12.99, however many zeros follow."""
    world.service.record_payment(user_id=RITA, amount=Decimal("12.9900"), ref="next")
    assert str(world.one("payments", ref="next").amount) == "12.99"
