"""``crm-domain history``: every step of one person in plain words, with credits and balance."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from crm_domain import HARDENED, CreditPolicy, Update, user
from crm_domain.clocks import label_uuid
from crm_domain.events import EVENT_TYPES

SHOWN = """\
when (UTC)        by       credits  balance  what
----------------  -------  -------  -------  -----------------------------------
2026-01-01 00:00  service                 -  Registered as amy@x.test
2026-01-01 00:00  service                 0  Got a profile, with 0 credits
2026-01-01 00:00  service  +4             4  Got 4 credits: grant 1 (initial)
2026-01-01 00:00  service                 4  Became a CRM user as amy@x.test
2026-01-01 00:00  service                 4  Got counters, all 0
2026-01-01 00:01  self                    4  Stored job request JOB_ID (Engineer,
                                             Acme)
2026-01-01 00:02  self                    4  Stored recording FIRST (processing)
2026-01-01 00:02  self     -1             3  Gave 1 credit for recording
                                             FIRST, from grant 1 (initial)
2026-01-01 00:03  self                    3  Stored recording SECOND (processing)
2026-01-01 00:03  self     -1             2  Gave 1 credit for recording
                                             SECOND, from grant 1 (initial)
2026-01-01 00:04  service                 2  Paid $12.99, payment pay-1
2026-01-01 00:04  service  +3             5  Got 3 credits: grant 2 (payment)
"""


def test_steps_are_told_in_plain_words(call: Any, shop: Any) -> None:
    """When, by whom, which credits, and the balance behind each; ids cut to 8 signs."""
    steps = call("history", "AMY@x.test", "--json").objects
    job, first, second = (step["data"]["id"][:8] for step in steps if "Stored" in step["what"])
    expected = SHOWN.replace("JOB_ID", job).replace("FIRST", first).replace("SECOND", second)
    shown = call("history", "amy@x.test").stdout
    assert shown.split()[13:] == expected.split()[13:]
    assert [line[:44] for line in shown.splitlines()[2:6]] == [line[:44] for line in SHOWN.splitlines()[2:6]]
    assert max(map(len, shown.splitlines())) <= 80


def test_json_has_all_of_each_event(call: Any, shop: Any) -> None:
    """Its place in the journal, who caused it, the number of the grant, and its data."""
    *_, payment, grant = call("history", "amy@x.test", "--json").objects
    assert (payment["event"], payment["data"]["amount"], payment["by"]) == ("PaymentRecorded", "12.99", "service")
    data = grant.pop("data")
    assert grant == {
        "position": 12,
        "at": "2026-01-01T00:04:00Z",
        "by": "service",
        "event": "CreditGranted",
        "what": "Got 3 credits: grant 2 (payment)",
        "credits": 3,
        "balance": 5,
        "grant": 2,
    }
    assert data["payment_id"] == payment["data"]["id"]


def test_csv_has_the_same(call: Any, shop: Any) -> None:
    header, first, *_ = call("history", "amy@x.test", "--csv").stdout.splitlines()
    assert header == "position,at,by,event,what,credits,balance,grant,data"
    assert first.startswith("1,2026-01-01T00:00:00Z,service,UserRegistered,Registered as amy@x.test,0,,,")


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_a_limit_takes_the_last_steps(form: str, call: Any, shop: Any) -> None:
    """Their balances are those that they have among all."""
    everything = call("history", "amy@x.test", form).stdout.splitlines()
    last = call("history", "amy@x.test", form, "--limit", 2).stdout.splitlines()
    assert last[-2:] == everything[-2:]
    assert len(last) == (2 if form == "--json" else 3)


def test_a_table_says_how_many_steps_came_before(call: Any, shop: Any) -> None:
    *_, last, more = call("history", "amy@x.test", "--limit", 1).stdout.splitlines()
    assert last.endswith("+3             5  Got 3 credits: grant 2 (payment)")
    assert more == "… and 11 steps before: --limit 12 shows all"
    assert "before" not in call("history", "amy@x.test", "--limit", 12).stdout


def test_only_this_person_is_in_it(call: Any, shop: Any) -> None:
    """Though others' steps lie between."""
    steps = call("history", "rita@x.test", "--json").objects
    assert [step["event"] for step in steps] == ["UserRegistered", "ProfileCreated", "RegularJobRequestCreated"]
    assert steps[-1]["by"] == steps[0]["data"]["id"]


def test_every_event_has_its_words(call: Any, keep: Any) -> None:
    """Whatever can happen to a person, from a refund to a deletion."""
    rules = attrs.evolve(HARDENED, credit_policy=CreditPolicy(refund_failed_recordings=True))
    amys, id_, other = "amy@x.test", label_uuid("amy"), label_uuid("rita")
    with keep(rules) as crm:
        service, amy, rita = crm.as_service(), crm.as_user(id_), crm.as_user(other)
        service.sync_crm_user(email=amys, user_id=id_)
        service.sync_crm_user(email=amys)
        amy.create_job_request(id=label_uuid("job"))
        for name in ("done", "failed"):
            amy.create_recording(id=label_uuid(name))
        for name, status in (("done", "completed"), ("failed", "failed")):
            where = {"id": label_uuid(name)}
            service.update(table="crm_recordings", where=where, set={"status": status, "transcription": None})
        amy.upload_resume(id=label_uuid("cv"), resume_name="CV", resume_url="/cv")
        amy.delete(table="crm_resumes")
        service.track_view(email=amys)
        service.track_login(email=amys)
        service.track_time(email=amys, seconds=90)
        service.record_payment(user_id=id_, amount="12.99", ref="pay-1")
        service.adjust_balance(id_, credits=1)
        crm.execute(user(id_), Update(table="crm_job_requests", set={"job_url": "/job"}), key="retry-1")
        service.deactivate(amys)
        service.register_user(user_id=other, email="rita@x.test")
        service.adjust_balance(other, credits=1)
        rita.create_regular_job_request(job_title="Chef")
        rita.create_regular_recording(id=label_uuid("regular"))
        rita.upload_regular_resume(resume_url="/cv")
    steps = [step for email in (amys, "rita@x.test") for step in call("history", email, "--json").objects]
    assert {step["event"] for step in steps} == set(EVENT_TYPES)
    said = [step["what"] for step in steps]
    job, done, failed, cv, regular = (label_uuid(name)[:8] for name in ("job", "done", "failed", "cv", "regular"))
    for words in (
        "Synced again",
        f"Stored job request {job}",
        f"Row {done} of crm_recordings was changed: status = completed, transcription = NULL",
        f"Recording {done} was completed: its video is fixed from now on",
        f"Got back the credit of recording {failed}, to grant 1 (initial)",
        f"Stored resume {cv} (CV)",
        f"Row {cv} of crm_resumes was deleted",
        "Pages were viewed",
        "Logged in",
        "Spent 90 seconds",
        "Lost 3 credits, from grant 1 (initial)",
        "Lost 2 credits, from grant 2 (payment)",
        "Row amy@x.test of digital_resume_by_CRM was changed: is_active = no",
        "Used the idempotency key retry-1",
        "Got 1 credit: grant 1 (adjustment)",
        f"Gave 1 credit for recording {regular}, from grant 1 (adjustment)",
    ):
        assert words in said


def test_nobody_is_an_error(call: Any, shop: Any) -> None:
    called = call("history", "bem@x.test")
    assert (called.exit_code, called.stdout) == (2, "")
