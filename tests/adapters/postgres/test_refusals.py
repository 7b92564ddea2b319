"""A refusal says why: its SQLSTATE is the kind, and with it come the rule, the table and the column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crm_domain import HARDENED
from crm_domain.clocks import label_uuid

from .asking import SERVICE, Database, address, insert, user_id

JOB = label_uuid("job-1")


@pytest.fixture(scope="module")
def database(make_database: Any) -> Iterator[Database]:
    """Amy and Bob are CRM users, Amy has a job request and a recording of it, Cal is a regular user, Dan was deactivated."""
    opened = Database(make_database(HARDENED))
    opened.sync("amy", "bob", "dan", "eve")
    opened.ask(SERVICE, "select register_user(p_email => %s, p_user_id => %s)", address("cal"), user_id("cal"))
    opened.ask("amy", *insert("crm_job_requests", "amy", id=JOB))
    opened.record("amy", id=label_uuid("recording-1"), job_request_id=JOB, video_url="a", status="completed")
    opened.ask("amy", *insert("crm_resumes", "amy", resume_url="a", is_primary=True))
    opened.ask("dan", *insert("crm_job_requests", "dan"))
    opened.ask(SERVICE, "update digital_resume_by_crm set is_active = false where email = %s", address("dan"))
    opened.balance("eve", 0)
    yield opened
    opened.close()


def refusal(who: str, text: str, *given: Any, of: tuple[str, str, str, str]) -> Any:
    """One row: who asks for what, and the SQLSTATE, the rule, the table and the column that come of it."""
    return pytest.param(who, (text, *given), of, id=f"{of[0]}-{of[1] or 'privilege'}-{who}")


def stored(who: str, table: str, owner: str, *, of: tuple[str, str, str, str], **columns: Any) -> Any:
    """One row: who stores a row of whom."""
    return refusal(who, *insert(table, owner, **columns), of=of)


PAY = "select record_payment(p_user_id => %s, p_amount => %s, p_ref => %s)"
SYNC = "select sync_crm_user(p_email => %s, p_user_id => %s)"
TABLE = "crm_recordings"


@pytest.mark.parametrize(
    ("who", "asked", "of"),
    [
        stored("anon", TABLE, "amy", of=("42501", "", "", "")),
        refusal("amy", "update digital_resume_by_crm set credits_remaining = 100", of=("42501", "", "", "")),
        refusal(
            "amy", "update crm_recordings set email = 'bob@x.test'", of=("42501", "immutable_owner", TABLE, "email")
        ),
        refusal(
            "amy",
            "update crm_recordings set user_id = gen_random_uuid(), status = null, duration = -1",
            of=("42501", "immutable_owner", TABLE, "user_id"),
        ),
        refusal(
            "dan",
            "update crm_job_requests set user_id = null",
            of=("42501", "immutable_owner", "crm_job_requests", "user_id"),
        ),
        refusal("dan", "update crm_job_requests set user_id = user_id", of=("42501", "", "", "")),
        refusal("amy", SYNC, address("amy"), user_id("amy"), of=("42501", "", "", "")),
        refusal("amy", "truncate crm_recordings", of=("42501", "", "", "")),
        stored("amy", TABLE, "bob", of=("42501", "", "", "")),
        stored("dan", TABLE, "dan", of=("42501", "", "", "")),
        refusal("dan", "delete from crm_job_requests", of=("42501", "active_only", "crm_job_requests", "")),
        stored("amy", "recordings", "amy", of=("42501", "", "", "")),
        stored(SERVICE, "recordings", "amy", of=("23514", "separate_populations", "recordings", "user_id")),
        stored("amy", TABLE, "amy", status=None, of=("23502", "", TABLE, "status")),
        stored("amy", TABLE, "amy", duration=-1, of=("23514", "crm_recordings_duration_check", TABLE, "")),
        stored("amy", TABLE, "amy", status="banana", of=("23514", "crm_recordings_status_check", TABLE, "")),
        refusal(
            "amy", "update crm_recordings set video_url = 'b'", of=("23514", "paid_media_immutable", TABLE, "video_url")
        ),
        refusal(
            SERVICE,
            "update crm_recordings set email = %s, user_id = %s",
            address("bob"),
            user_id("bob"),
            of=("23514", "immutable_owner", TABLE, "email"),
        ),
        refusal(SERVICE, "update crm_recordings set user_id = null", of=("23514", "immutable_owner", TABLE, "user_id")),
        refusal(
            SERVICE,
            "update profiles set user_id = gen_random_uuid()",
            of=("23514", "immutable_owner", "profiles", "user_id"),
        ),
        refusal("amy", "update crm_recordings set id = gen_random_uuid()", of=("23514", "key", TABLE, "id")),
        *(
            refusal(
                "amy",
                f"update crm_recordings set {column} = '{moment}'",
                of=("23514", f"crm_recordings_{column}_check", TABLE, ""),
            )
            for column in ("recording_date", "updated_at", "created_at")
            for moment in ("infinity", "-infinity", "294276-12-31", "10000-01-01 00:00+00", "0001-12-31 BC")
        ),
        stored(
            "amy",
            TABLE,
            "amy",
            recording_date="infinity",
            of=("23514", "crm_recordings_recording_date_check", TABLE, ""),
        ),
        refusal(
            SERVICE,
            "update digital_resume_by_crm set user_created_at = 'infinity'",
            of=("23514", "digital_resume_by_crm_user_created_at_check", "digital_resume_by_crm", ""),
        ),
        *(
            stored(
                "amy",
                "crm_resumes",
                "amy",
                resume_url="b",
                parsed_data=text,
                of=("23514", "crm_resumes_parsed_data_check", "crm_resumes", ""),
            )
            for text in ("[" * 513 + "]" * 513, '{"a": [-1e4300]}', "1e4300", '{"a":' * 512 + "[]" + "}" * 512)
        ),
        refusal(
            SERVICE,
            "select sync_crm_user(p_email => %s, p_payment_details => %s)",
            address("amy"),
            "[" * 600 + "]" * 600,
            of=("23514", "", "digital_resume_by_crm", "payment_details"),
        ),
        refusal(SERVICE, PAY, user_id("amy"), "12.99", "", of=("23514", "", "payments", "ref")),
        refusal(SERVICE, PAY, user_id("amy"), "12.99", "r" * 256, of=("23514", "", "payments", "ref")),
        refusal(SERVICE, PAY, user_id("amy"), "12.99", "r" * 10_000, of=("23514", "", "payments", "ref")),
        *(
            refusal(
                "amy", "select use_idempotency_key(%s, 'f')", "k" * length, of=("23514", "", "idempotency_keys", "key")
            )
            for length in (0, 256, 10_000)
        ),
        refusal(SERVICE, PAY, user_id("amy"), "0.01", "1", of=("23514", "exact_price", "payments", "amount")),
        refusal(SERVICE, SYNC, "no-at", user_id("x"), of=("PT422", "one_email", "digital_resume_by_crm", "email")),
        stored("amy", "crm_job_requests", "amy", id=JOB, of=("23505", "crm_job_requests_pkey", "crm_job_requests", "")),
        stored(
            "amy",
            "crm_resumes",
            "amy",
            resume_url="b",
            is_primary=True,
            of=("23505", "crm_resumes_primary_key", "crm_resumes", ""),
        ),
        refusal(SERVICE, SYNC, address("other"), user_id("amy"), of=("23505", "users_pkey", "users", "id")),
        refusal(
            SERVICE,
            "update digital_resume_by_crm set credits_remaining = 100",
            of=("PT409", "lone_mirror", "digital_resume_by_crm", "credits_remaining"),
        ),
        stored("amy", TABLE, "amy", email="bob@x.test", of=("23503", "crm_recordings_owner_pair_fkey", TABLE, "")),
        stored("amy", TABLE, "amy", email="nobody@x.test", of=("23503", "crm_recordings_owner_pair_fkey", TABLE, "")),
        stored(
            "bob", TABLE, "bob", job_request_id=JOB, of=("23503", "crm_recordings_same_owner_reference_fkey", TABLE, "")
        ),
        refusal(
            "amy", "delete from crm_job_requests", of=("23503", "crm_recordings_same_owner_reference_fkey", TABLE, "")
        ),
        stored("eve", TABLE, "eve", of=("P0001", "atomic_consume", "profiles", "credits_remaining")),
    ],
)
def test_refusal_says_why(database: Database, who: str, asked: tuple[Any, ...], of: tuple[str, str, str, str]) -> None:
    """Nothing has changed, and the error has these parts."""
    before = database.state()
    error = database.refused(who, *asked)
    parts = (error.diag.constraint_name, error.diag.table_name, error.diag.column_name)
    assert (error.sqlstate, *(part or "" for part in parts)) == of
    assert database.state() == before


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        ({"user_id": user_id("bob"), "status": None, "duration": -1, "id": label_uuid("recording-1")}, "42501"),
        ({"status": None, "duration": -1, "id": label_uuid("recording-1"), "email": "nobody@x.test"}, "23502"),
        ({"duration": -1, "id": label_uuid("recording-1"), "email": "nobody@x.test"}, "23514"),
        ({"id": label_uuid("recording-1"), "email": "nobody@x.test"}, "23505"),
        ({"email": "nobody@x.test"}, "23503"),
        ({}, "P0001"),
    ],
)
def test_order_of_refusal(database: Database, columns: dict[str, Any], state: str) -> None:
    """Row policy, missing value, bad value, uniqueness, reference, credits: the first that applies is told."""
    assert database.refused("eve", *insert(TABLE, "eve", **columns)).sqlstate == state


def test_what_one_may_not_see_is_not_touched(database: Database) -> None:
    """An update or delete of somebody else's rows is accepted and touches none."""
    with database.asking("bob") as connection:
        where = [user_id("amy")]
        assert connection.execute("update crm_recordings set status = 'failed' where user_id = %s", where).rowcount == 0
        assert (
            connection.execute("update crm_recordings set user_id = auth.uid() where user_id = %s", where).rowcount == 0
        )
        assert connection.execute("delete from crm_recordings where user_id = %s", where).rowcount == 0


@pytest.mark.parametrize("who", ["amy", SERVICE])
def test_a_whole_row_may_be_saved(database: Database, who: str) -> None:
    """By UPDATE and by upsert, with the owner columns as they are, in another spelling of the address too."""
    database.ask("amy", *insert("crm_job_requests", "amy", id=label_uuid("job-2")))
    before = database.state()["crm_job_requests"]
    whole = {"email": address("amy").upper(), "user_id": user_id("amy"), "job_title": "x"}
    with database.asking(who) as connection:
        text = "update crm_job_requests set email = %s, user_id = %s, job_title = %s where id = %s"
        assert connection.execute(text, [*whole.values(), label_uuid("job-2")]).rowcount == 1
        text, *given = insert("crm_job_requests", "amy", id=label_uuid("job-2"), **whole)
        changes = ", ".join(f"{name} = excluded.{name}" for name in whole)
        assert connection.execute(f"{text} on conflict (id) do update set {changes}", given).rowcount == 1
    owners = "select id, email, user_id from crm_job_requests order by id"
    assert database.sql(owners) == sorted(row[:3] for row in before)
    database.ask("amy", "delete from crm_job_requests where id = %s", label_uuid("job-2"))


def test_a_row_that_was_there_already_is_not_charged(database: Database) -> None:
    """ON CONFLICT DO NOTHING stores nothing, and charges and counts nothing."""
    text, *given = insert(TABLE, "amy", id=label_uuid("recording-1"))
    before = database.state()
    database.ask("amy", f"{text} on conflict do nothing", *given)
    assert database.state() == before
