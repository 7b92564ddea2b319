"""What is stored for a row, and what a recording takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_domain import SEED, CreateRecording, Crm, ForeignKeyViolation, NotNullViolation, Rules, UploadResume
from crm_domain.clocks import label_uuid
from crm_domain.commands import Creation
from crm_domain.ids import is_canonical_uuid, known_user_id

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, RITA = label_uuid("amy"), label_uuid("rita")
AMYS = "amy@example.com"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREATIONS: dict[str, type[Any]] = {command.table.name: command for command in get_args(Creation)}
FULL: dict[str, Any] = {
    "id": label_uuid("chosen"),
    "job_title": "Engineer",
    "company_name": "Tech Corp",
    "job_description": "Build.",
    "job_url": "https://example.com/job",
    "application_status": "applied",
    "applied_date": NOON,
    "resume_url": "https://example.com/cv.pdf",
    "cover_letter": "Dear all,",
    "video_url": "https://example.com/1.mp4",
    "thumbnail_url": "https://example.com/1.png",
    "duration": 60,
    "file_size": 2**40,
    "recording_date": NOON,
    "transcription": "Hello.",
    "status": "completed",
    "resume_name": "CV",
    "file_type": "pdf",
    "parsed_data": {"skills": ["sql"]},
    "is_primary": False,
    "is_active": False,
    "created_at": NOON,
    "updated_at": NOON,
}


def owner_of(table: str) -> str:
    return "amy" if table.startswith("crm_") else "rita"


@pytest.mark.parametrize("table", CREATIONS)
def test_a_row_is_stored_as_it_was_given(table: str, world: World) -> None:
    """Every column that was given; owner and address are the principal's."""
    command = CREATIONS[table]
    given_ = {name: FULL[name] for name in command.table.by_name if name in FULL}
    name = owner_of(table)
    accepted = world.by(name).execute(command(**given_))
    assert accepted.id == FULL["id"]
    row = world.one(table, id=accepted.id)
    owner = {"user_id": label_uuid(name)} | ({"email": f"{name}@example.com"} if table.startswith("crm_") else {})
    stored = {column: getattr(row, column) for column in command.table.by_name}
    assert stored == dict.fromkeys(stored.keys() & {"job_request_id"}) | given_ | owner


@pytest.mark.parametrize("table", CREATIONS)
def test_what_is_not_given_takes_its_default(table: str, world: World) -> None:
    """An id and the time from the model, the document's defaults, NULL for the rest."""
    command = CREATIONS[table]
    needed = {"resume_url": "/cv"} if table.endswith("resumes") else {}
    accepted = world.by(owner_of(table)).execute(command(**needed))
    assert accepted.id is not None
    assert is_canonical_uuid(accepted.id)
    row = world.one(table, id=accepted.id)
    assert row.created_at == row.updated_at == world.clock.now
    for column in command.table.columns:
        if column.name not in {"id", "email", "user_id", "created_at", "updated_at", *needed}:
            assert getattr(row, column.name) == column.default, column.name


@pytest.mark.parametrize(
    ("given_", "created", "updated"),
    [
        ({}, "now", "now"),
        ({"created_at": NOON}, NOON, "now"),
        ({"updated_at": NOON}, "now", NOON),
        ({"created_at": None}, None, "now"),
        ({"created_at": None, "updated_at": NOON}, None, NOON),
    ],
)
def test_a_caller_may_choose_the_times(given_: dict[str, Any], created: object, updated: object, world: World) -> None:
    """As SQL lets them; each one that is not chosen is the model's time."""
    row = world.one("crm_job_requests", id=world.by("amy").create_job_request(**given_).id)
    now = world.clock.now
    assert (row.created_at, row.updated_at) == tuple(now if t == "now" else t for t in (created, updated))


@pytest.mark.parametrize("email", [AMYS, "AMY@example.com ", "amy@EXAMPLE.com"])
def test_ones_own_address_may_be_given_in_any_spelling(email: str, world: World) -> None:
    """It is stored as the key that it stands for; so it is for the service."""
    assert world.one("crm_job_requests", id=world.by("amy").create_job_request(email=email).id).email == AMYS
    by_service = world.service.create_job_request(email=email, user_id=AMY.upper()).id
    assert world.one("crm_job_requests", id=by_service).email == AMYS


def test_who_has_no_address_in_the_main_table_stores_no_crm_rows(world: World) -> None:
    """A regular user, or somebody whom nobody knows: their rows would have no address, or not their own."""
    for session in (world.by("rita"), world.by("stranger")):
        with pytest.raises(NotNullViolation) as refused:
            session.create_job_request()
        assert (refused.value.column, refused.value.safeguard) == ("email", "valid_values")
        with pytest.raises(ForeignKeyViolation):
            session.create_job_request(email="rita@example.com")


def test_the_service_says_whose_row_it_is(world: World) -> None:
    """It is nobody itself, so what it stores has no owner but the one that it names."""
    for method in ("create_regular_job_request", "create_job_request"):
        with pytest.raises(NotNullViolation) as refused:
            getattr(world.service, method)()
        assert (refused.value.column, refused.value.safeguard) == ("user_id", "valid_values")


def test_the_service_finds_the_address_of_the_user(world: World) -> None:
    """Where it names only the user."""
    stored = world.service.create_job_request(user_id=AMY).id
    assert world.one("crm_job_requests", id=stored).email == AMYS


def test_a_recording_takes_one_credit_with_it(world: World) -> None:
    """Two events in one command; its version is the number of the account's events."""
    before = world.crm.journal.version_of(known_user_id(AMY))
    accepted = world.by("amy").create_recording()
    assert [type(event).__name__ for event in accepted.events] == ["RecordingCreated", "CreditConsumed"]
    assert accepted.version == before + 2
    assert world.by("amy").create_job_request().version == before + 3


def test_a_recording_may_be_of_ones_own_job_request(world: World) -> None:
    """A CRM user's of a CRM one, a regular user's of a regular one."""
    for name, table, method in (
        ("amy", "crm_job_requests", "create_recording"),
        ("rita", "job_requests", "create_regular_recording"),
    ):
        job = label_uuid(f"{table} of {name}")
        recording = getattr(world.by(name), method)(job_request_id=job).id
        recordings = "crm_recordings" if name == "amy" else "recordings"
        assert world.one(recordings, id=recording).job_request_id == job


def test_a_recording_that_is_stored_as_completed_has_its_video_for_good(world: World) -> None:
    """The moment is noted in the ledger."""
    recording = world.by("amy").create_recording(status="completed").id
    assert world.one("credit_consumptions", recording_id=recording).completed_at == world.clock.now
    processing = world.by("amy").create_recording().id
    assert world.one("credit_consumptions", recording_id=processing).completed_at is None


def test_everybody_may_have_a_primary_resume(world: World) -> None:
    """One each, and in each kind of table; after a delete there may be another."""
    amy = world.by("amy")
    amy.delete(table="crm_resumes")
    assert amy.upload_resume(resume_url="/cv", is_primary=True).id is not None
    assert len(world.service.select("crm_resumes", {"is_primary": True})) == 3


def test_rows_of_nobody_are_not_each_others_second(make_world: MakeWorld) -> None:
    """NULL is not equal to NULL in a unique index: in the seed with ``one_primary``, nobody may have two."""
    world = make_world(SEED.having("one_primary"), people=False)
    for _ in range(2):
        world.service.upload_resume(resume_url="/cv", is_primary=True)
    assert world.service.count("crm_resumes") == 2


def test_rows_of_nobody_in_the_seed(make_world: MakeWorld) -> None:
    """The service may store rows without user or address; a recording still needs somebody who pays."""
    world = make_world(SEED)
    job = world.one("crm_job_requests", id=world.service.create_job_request().id)
    assert (job.user_id, job.email) == (None, None)
    of_address = world.one("crm_job_requests", id=world.service.create_job_request(email=AMYS).id)
    assert (of_address.user_id, of_address.email) == (None, AMYS)
    of_user = world.one("crm_job_requests", id=world.service.create_job_request(user_id=RITA, email=None).id)
    assert (of_user.user_id, of_user.email) == (RITA, None)


# --- values come back as they were given ----------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=3)
    ),
    max_leaves=8,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.fixture(scope="module")
def used() -> Crm:
    """A CRM in which Amy stores one thing after another."""
    crm = Crm(rules=Rules())
    crm.as_service().sync_crm_user(user_id=AMY, email=AMYS)
    return crm


@given(JSON)
def test_json_comes_back_equal(used: Crm, value: Any) -> None:
    """From the row, from the journal, and after a rebuild; and it is the caller's own object each time."""
    accepted = used.as_user(AMY).execute(UploadResume(resume_url="/cv", parsed_data=value))
    (row,) = used.as_user(AMY).select("crm_resumes", {"id": accepted.id})
    assert row.parsed_data == value
    assert type(row.parsed_data) is type(value)
    (event,) = accepted.events
    assert event.row.parsed_data == value  # type: ignore[union-attr]
    if isinstance(row.parsed_data, list):
        row.parsed_data.append("mine")
        (again,) = used.as_user(AMY).select("crm_resumes", {"id": accepted.id})
        assert again.parsed_data == value


@given(TEXTS)
def test_text_comes_back_unchanged(used: Crm, text: str) -> None:
    """Any Unicode but NUL and halves of characters: no column trims, folds or normalises."""
    amy = used.as_user(AMY)
    job = amy.create_job_request(job_title=text, application_status=text).id
    (row,) = amy.select("crm_job_requests", {"id": job})
    assert (row.job_title, row.application_status) == (text, text)
    amy.update(table="crm_job_requests", where={"id": job}, set={"cover_letter": text})
    (row,) = amy.select("crm_job_requests", {"id": job, "cover_letter": text})
    assert row.cover_letter == text


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_times_come_back_as_the_same_moment(used: Crm, moment: datetime) -> None:
    """In UTC, to the microsecond."""
    try:
        command = CreateRecording(recording_date=moment)
    except ValueError:  # outside of what UTC can say
        return
    assert command.recording_date == moment.astimezone(UTC)
    amy = used.as_user(AMY)
    job = amy.create_job_request(applied_date=moment).id
    (row,) = amy.select("crm_job_requests", {"id": job})
    assert row.applied_date == moment.astimezone(UTC)
    assert row.applied_date.tzinfo is UTC
