"""The database as the kit drives it: each request one transaction in somebody's role, each reset a new beginning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import psycopg
import pytest

from crm_adapters.postgres.backend import PostgresBackend
from crm_adapters.postgres.keyed import KeyedPostgresBackend, opened
from crm_adapters.postgres.literals import literal, name
from crm_adapters.postgres.operations import Operation, RefusalRule, read_operations
from crm_adapters.postgres.overlapping import _Begun
from crm_adapters.postgres.refusals import refusal_of
from crm_adapters.postgres.sessions import Session
from crm_domain import commands as c
from crm_domain.command_log import id_named
from crm_domain.errors import (
    CheckViolation,
    Conflict,
    ForeignKeyViolation,
    InsufficientCredits,
    InvalidEmail,
    NotNullViolation,
    PermissionDenied,
    Refused,
    RlsViolation,
    UniqueViolation,
)
from crm_domain.ids import ANON, SERVICE
from crm_domain.reads import GetDashboard, Select
from crm_domain.testing import AMY, BOB, InTurn, Keyed, Overlapping, Probing, Telling

from .conftest import MakeDatabase

OWN: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}
RECORDINGS = [id_named(f"recording-{n}") for n in (1, 2, 3)]


@pytest.fixture(scope="module")
def driven(make_database: MakeDatabase) -> Iterator[PostgresBackend]:
    with opened(make_database()) as backend:
        yield backend


@pytest.fixture
def backend(driven: PostgresBackend) -> PostgresBackend:
    """A database in which Amy is a CRM user with 4 credits."""
    driven.reset()
    driven.execute(SERVICE, c.SyncCrmUser(**OWN))
    return driven


def balance(backend: PostgresBackend) -> int:
    (profile,) = backend.select(SERVICE, "profiles", {"user_id": AMY.user_id})
    return int(profile["credits_remaining"])


def set_balance(credits_: int) -> c.Update:
    return c.Update(table="profiles", where={"user_id": AMY.user_id}, set={"credits_remaining": credits_})


# --- what it is -------------------------------------------------------------------------------


def test_it_can_do_what_the_kit_may_ask(backend: PostgresBackend) -> None:
    """Keys, overlaps, what was sent, and probes."""
    for protocol in (Keyed, Overlapping, Telling, Probing):
        assert isinstance(backend, protocol)


def test_a_reset_begins_anew(backend: PostgresBackend) -> None:
    """Every time, by deleting and now and then by truncating; rows that a migration brings along would stay."""
    for _ in range(65):
        backend.execute(SERVICE, c.RegisterUser(email=BOB.email))
        backend.reset()
        assert backend.select(SERVICE, "profiles", {}) == []


def test_a_reset_by_an_ordinary_login(backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that may not switch triggers off truncates each time."""
    assert not backend._tries("set session_replication_role = nonsense")
    monkeypatch.setattr(backend, "_may_replicate", False)
    backend.reset()
    assert backend.select(SERVICE, "profiles", {}) == []


# --- commands and reads -------------------------------------------------------------------------


def test_answers(backend: PostgresBackend) -> None:
    """What is told of each kind of command."""
    made = backend.execute(AMY.principal, c.CreateRecording(**OWN))
    (row,) = backend.select(AMY.principal, "crm_recordings", {})
    assert made == {"id": row["id"]}
    assert row["status"] == "processing"
    job = c.CreateJobRequest(id=id_named("job-1"), applied_date=datetime(2026, 1, 1, tzinfo=UTC), **OWN)
    assert backend.execute(AMY.principal, job) == {"id": id_named("job-1")}
    assert backend.execute(AMY.principal, c.Delete(table="crm_job_requests")) == {"affected": 1}
    assert backend.execute(SERVICE, c.SyncCrmUser(email=AMY.email)) == {"user_id": AMY.user_id}
    paid = c.RecordPayment(user_id=AMY.user_id, amount="12.99", ref="pay-1", id=id_named("payment-1"))
    assert backend.execute(SERVICE, paid) == {"id": id_named("payment-1"), "credited": True}
    assert backend.execute(SERVICE, paid)["credited"] is False
    assert backend.execute(SERVICE, c.TrackTime(email=AMY.email, seconds=5)) == {"affected": 1}
    assert backend.execute(SERVICE, c.TrackView(email="nobody@x.test")) == {"affected": 0}
    board = backend.execute(AMY.principal, GetDashboard(email=AMY.email))
    assert (board["credits_remaining"], board["total_recordings"]) == (6, 1)
    assert backend.execute(BOB.principal, GetDashboard(email=AMY.email)) is None


def test_reads(backend: PostgresBackend) -> None:
    """As somebody, by equalities; NULL equals NULL, and what cannot be stored is not found."""
    for n, url in enumerate(("a", None)):
        backend.execute(AMY.principal, c.CreateRecording(id=RECORDINGS[n], video_url=url, **OWN))
    assert len(backend.execute(AMY.principal, Select(table="crm_recordings"))) == 2
    assert [r["id"] for r in backend.select(AMY.principal, "crm_recordings", {"video_url": None})] == [RECORDINGS[1]]
    assert [r["id"] for r in backend.select(AMY.principal, "crm_recordings", {"video_url": "a"})] == [RECORDINGS[0]]
    assert backend.select(AMY.principal, "crm_recordings", {"video_url": "\0"}) == []
    assert backend.select(BOB.principal, "crm_recordings", {}) == []
    with pytest.raises(PermissionDenied):
        backend.select(ANON, "crm_recordings", {})


@pytest.mark.parametrize(
    ("who", "command", "kind"),
    [
        (ANON, c.CreateRecording(**OWN), PermissionDenied),
        (BOB.principal, c.CreateRecording(**OWN), RlsViolation),
        (AMY.principal, c.UploadResume(**OWN), NotNullViolation),
        (AMY.principal, c.CreateRecording(duration=-1, **OWN), CheckViolation),
        (SERVICE, c.SyncCrmUser(email="nobody"), InvalidEmail),
        (SERVICE, c.RegisterUser(email=AMY.email), UniqueViolation),
        (SERVICE, c.Update(table="crm_users", set={"credits_remaining": 9}), Conflict),
        (AMY.principal, c.CreateRecording(**(OWN | {"email": BOB.email})), ForeignKeyViolation),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refusals(backend: PostgresBackend, who: Any, command: Any, kind: type[Refused]) -> None:
    """Each is of its kind, and nothing has changed."""
    with pytest.raises(kind):
        backend.execute(who, command)
    assert balance(backend) == 4
    assert backend.select(SERVICE, "crm_recordings", {}) == []


@pytest.mark.parametrize(
    ("who", "command", "kind"),
    [
        (ANON, c.CreateJobRequest(job_title="\0", **OWN), PermissionDenied),
        (BOB.principal, c.CreateJobRequest(job_title="\0", **OWN), RlsViolation),
        (AMY.principal, c.UploadResume(resume_name="\ud800", **OWN), NotNullViolation),
        (AMY.principal, c.CreateJobRequest(job_title="\0", **OWN), CheckViolation),
        (AMY.principal, c.CreateRecording(file_size=2**63, **OWN), CheckViolation),
        (
            AMY.principal,
            c.UploadResume(resume_url="a", parsed_data=["\0"], **(OWN | {"email": "b@x.test"})),
            CheckViolation,
        ),
        (SERVICE, c.SyncCrmUser(email="", payment_details=["\0"]), InvalidEmail),
        (SERVICE, c.SyncCrmUser(email="\0@x.test"), CheckViolation),
        (SERVICE, c.TrackTime(email="nobody@x.test", seconds=2**63), CheckViolation),
    ],
)
def test_values_that_cannot_be_sent(backend: PostgresBackend, who: Any, command: Any, kind: type[Refused]) -> None:
    """They are refused where the server would look at them: behind what it would refuse before."""
    with pytest.raises(kind):
        backend.execute(who, command)


def test_values_that_cannot_be_sent_and_no_row(backend: PostgresBackend) -> None:
    """Where no row is found, nobody looks at the new value; a sought one is not there."""
    change = c.Update(table="crm_job_requests", where={"id": id_named("job-1")}, set={"job_title": "\0"})
    assert backend.execute(AMY.principal, change) == {"affected": 0}
    assert backend.execute(SERVICE, c.TrackView(email="\0@x.test")) == {"affected": 0}
    assert backend.execute(SERVICE, GetDashboard(email="\0")) is None


def test_what_was_sent_can_be_typed(backend: PostgresBackend, make_database: MakeDatabase) -> None:
    """In another database of the same schema it does the same."""
    backend.execute(AMY.principal, c.CreateRecording(id=RECORDINGS[0], video_url="it's", **OWN))
    with psycopg.connect(make_database(), autocommit=True) as other:
        for statement in backend.sent():
            other.execute(statement)
        assert other.execute("select video_url from crm_recordings").fetchall() == [("it's",)]
    with backend.untold():
        backend.select(SERVICE, "profiles", {})
    assert len(backend.sent()) == 2


def test_what_breaks_is_no_refusal(backend: PostgresBackend) -> None:
    """An error that is none of the domain's is told as it is."""
    with pytest.raises(psycopg.errors.UndefinedTable):
        backend.send(AMY.principal, ["select * from nowhere"])


# --- keys -------------------------------------------------------------------------------------


def test_a_retry_under_a_key_is_answered(backend: KeyedPostgresBackend) -> None:
    """It is not done again, and gets the same answer; another command under the key is a conflict."""
    command = c.CreateRecording(id=RECORDINGS[0], **OWN)
    first = backend.execute_keyed(AMY.principal, command, "key-1")
    assert backend.execute_keyed(AMY.principal, command, "key-1") == first == {"id": RECORDINGS[0]}
    assert balance(backend) == 3
    with pytest.raises(Conflict):
        backend.execute_keyed(AMY.principal, c.CreateRecording(id=RECORDINGS[1], **OWN), "key-1")
    with pytest.raises(RlsViolation):  # comes before
        backend.execute_keyed(AMY.principal, c.CreateRecording(user_id=BOB.user_id, email=BOB.email), "key-1")
    with pytest.raises(Conflict):  # comes before what else is wrong
        backend.execute_keyed(AMY.principal, c.CreateRecording(**(OWN | {"email": BOB.email})), "key-1")


def test_a_refused_command_leaves_its_key_free(backend: KeyedPostgresBackend) -> None:
    """The same key serves the next command."""
    with pytest.raises(CheckViolation):
        backend.execute_keyed(AMY.principal, c.CreateRecording(transcription="\0", **OWN), "key-1")
    with pytest.raises(ForeignKeyViolation):
        backend.execute_keyed(AMY.principal, c.CreateRecording(**(OWN | {"email": BOB.email})), "key-1")
    assert backend.execute_keyed(AMY.principal, c.CreateRecording(id=RECORDINGS[0], **OWN), "key-1")


def test_only_with_a_key_is_tried_again(backend: KeyedPostgresBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server gave up because others were in the way; without a key nobody knows whether it was done."""
    send, left = backend.type_in, [psycopg.errors.DeadlockDetected(), psycopg.errors.SerializationFailure()]

    def often_in_the_way(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return send(*args, **kwargs)

    monkeypatch.setattr(backend, "type_in", often_in_the_way)
    command = c.CreateRecording(id=RECORDINGS[0], **OWN)
    assert backend.execute_keyed(AMY.principal, command, "key-1") == {"id": RECORDINGS[0]}
    left += [psycopg.errors.DeadlockDetected()] * 5
    with pytest.raises(psycopg.errors.DeadlockDetected):
        backend.execute_keyed(AMY.principal, c.CreateRecording(**OWN), "key-2")
    left += [psycopg.errors.DeadlockDetected()]
    with pytest.raises(psycopg.errors.DeadlockDetected):
        backend.execute(AMY.principal, c.CreateRecording(**OWN))


# --- overlaps ---------------------------------------------------------------------------------


def test_commands_that_overlap(backend: PostgresBackend) -> None:
    """Each in a session of its own; with one credit, one of two recordings is stored."""
    backend.execute(SERVICE, set_balance(1))
    asked = [(AMY.principal, c.CreateRecording(id=id_, **OWN)) for id_ in RECORDINGS[:2]]
    outcomes = backend.execute_overlapping(asked)
    assert isinstance(outcomes, InTurn)
    assert outcomes.order == (0, 1)
    assert outcomes[0] == {"id": RECORDINGS[0]}
    assert isinstance(outcomes[1], InsufficientCredits)
    assert "-- session 2" in "\n".join(backend.sent())


def test_whoever_saw_nothing_was_first(backend: PostgresBackend) -> None:
    """A recording that is refused before the others have committed comes before them in the order."""
    backend.execute(SERVICE, set_balance(0))
    outcomes = backend.execute_overlapping(
        [(SERVICE, set_balance(5)), (AMY.principal, c.CreateRecording(id=RECORDINGS[0], **OWN))]
    )
    assert isinstance(outcomes, InTurn)
    assert outcomes.order == (1, 0)
    assert isinstance(outcomes[1], InsufficientCredits)
    assert balance(backend) == 5


def test_overlaps_that_cannot_be_sent(backend: PostgresBackend) -> None:
    """Then they are asked one after another."""
    outcomes = backend.execute_overlapping(
        [
            (AMY.principal, c.CreateRecording(id=RECORDINGS[0], transcription="\0", **OWN)),
            (AMY.principal, c.CreateRecording(id=RECORDINGS[1], **OWN)),
        ]
    )
    assert isinstance(outcomes[0], CheckViolation)
    assert outcomes[1] == {"id": RECORDINGS[1]}


def test_what_breaks_while_it_overlaps(make_database: MakeDatabase) -> None:
    """It is raised when all are over, and nothing is left open."""
    dsn = make_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "create function public.broken() returns trigger language plpgsql as "
            "$$ begin perform * from nowhere; return new; end $$"
        )
        connection.execute(
            "create trigger broken before insert on public.crm_recordings for each row "
            "when (new.video_url = 'broken') execute function public.broken()"
        )
    with opened(dsn) as backend:
        backend.execute(SERVICE, c.SyncCrmUser(**OWN))
        asked: list[Any] = [
            (AMY.principal, c.CreateRecording(id=RECORDINGS[0], **OWN)),
            (AMY.principal, c.CreateRecording(id=RECORDINGS[1], video_url="broken", **OWN)),
        ]
        with pytest.raises(psycopg.errors.UndefinedTable):
            backend.execute_overlapping(asked)
        assert len(backend.select(SERVICE, "crm_recordings", {})) == 1


@pytest.mark.parametrize("number", [2, 3])
def test_an_interrupt_while_one_waits_for_another(
    backend: PostgresBackend, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Ctrl-C does not wait until the server gives up: whoever waits is let through, all is rolled back, and it goes on."""
    waits, begun = _Begun.waits, list[_Begun]()

    def interrupted(self: _Begun, watching: Session) -> bool:
        begun.append(self)
        if waits(self, watching) and len(begun) == number:
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(_Begun, "waits", interrupted)
    asked = [(AMY.principal, c.CreateRecording(id=id_, **OWN)) for id_ in RECORDINGS]
    with pytest.raises(KeyboardInterrupt):
        backend.execute_overlapping(asked)
    assert [one.future.exception() for one in begun] == [None] * number
    monkeypatch.undo()
    assert balance(backend) == 4
    assert backend.select(SERVICE, "crm_recordings", {}) == []
    assert list(backend.execute_overlapping(asked)) == [{"id": id_} for id_ in RECORDINGS]


# --- other people's databases -------------------------------------------------------------------


def test_a_database_with_names_of_its_own(make_database: MakeDatabase) -> None:
    """Tables, columns and operations are where the file says; what is not there is not asked for."""
    dsn = make_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("alter table public.resumes rename to papers")
        connection.execute("alter table public.papers rename column resume_name to title")
        connection.execute("drop function public.track_view, public.use_idempotency_key")
    plain = read_operations()
    operations = attrs.evolve(
        plain,
        tables={"resumes": "public.papers"},
        columns={"resumes": {"resume_name": "title"}},
        operations=plain.operations
        | {
            "track_login": Operation(
                sql="update public.crm_dashboard_stats set last_login_date = now() where email = {email} returning 1"
            ),
            "register_user": Operation(
                sql="with u as (insert into auth.users (id, email) values ({user_id}, {email}))"
                " select * from public.register_user({email}, {user_id})"
            ),
        },
    )
    with opened(dsn, operations=operations) as backend:
        assert not isinstance(backend, KeyedPostgresBackend)
        backend.execute(SERVICE, c.SyncCrmUser(**OWN))
        with pytest.raises(NotImplementedError, match=r"no function public.track_view\(p_email\)"):
            backend.execute(SERVICE, c.TrackView(email=AMY.email))
        with pytest.raises(PermissionDenied):
            backend.execute(ANON, c.TrackLogin(email=AMY.email))
        assert backend.execute(SERVICE, c.TrackLogin(email=AMY.email)) == {"affected": 1}
        assert backend.execute(SERVICE, c.TrackLogin(email="nobody@x.test")) is None


def test_columns_and_tables_that_are_not_there(make_database: MakeDatabase) -> None:
    """Of regular users' tables the document says nothing: what they do not have is not shown, and not asked for."""
    dsn = make_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("alter table public.job_requests drop column cover_letter cascade")
        connection.execute("drop table public.resumes cascade")
    with opened(dsn) as backend:
        with pytest.raises(NotImplementedError, match="has no table resumes"):
            backend.select(SERVICE, "resumes", {})
        with pytest.raises(NotImplementedError, match="there is no cover_letter"):
            backend.execute(SERVICE, c.Update(table="job_requests", set={"cover_letter": "a"}))


# --- words ------------------------------------------------------------------------------------


def test_a_database_has_refusals_of_its_own() -> None:
    """The first rule that fits is taken: by state, constraint and message."""

    class Said(psycopg.errors.RaiseException):
        """Says what a test wants."""

    error = Said("not enough: buy more")
    assert isinstance(refusal_of(error, ()), InsufficientCredits)
    rules = (
        RefusalRule(code="conflict", constraint="twice"),
        RefusalRule(code="unique_violation", sqlstate="P0001", message="^enough"),
        RefusalRule(code="check_violation", sqlstate="P0001", message="buy"),
    )
    assert isinstance(refusal_of(error, rules), CheckViolation)
    assert refusal_of(psycopg.errors.UndefinedTable("no such thing"), ()) is None
    assert isinstance(refusal_of(psycopg.errors.NumericValueOutOfRange("too much"), ()), CheckViolation)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "NULL"), (True, "true"), (1, "1"), (-1, "-1"), ("it's", "'it''s'"), ("\\", "E'\\\\'")],
)
def test_literals(value: Any, text: str) -> None:
    """As SQL has them."""
    assert literal(value) == text
    assert (name("email"), name("digital_resume_by_CRM")) == ("email", '"digital_resume_by_CRM"')
