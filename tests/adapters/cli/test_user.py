"""``crm-domain user``: all that is stored about one person."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from crm_domain import TABLES
from crm_domain.clocks import label_uuid

SHOWN = """\
amy@x.test, a CRM user
id                     AMY
registered             2026-01-01 00:00
credits                5
is_active              yes
user_created_at        2026-01-01 00:00
last_sync_at           2026-01-01 00:00
payment_details        -
total_applications     1
total_recordings       2
total_resumes          0
total_views            0
last_application_date  2026-01-01 00:01
last_recording_date    2026-01-01 00:03
last_login_date        -
total_time_spent       0

credit_grants
number  source   credits  remaining  consumed  voided  created_at
------  -------  -------  ---------  --------  ------  ----------------
     2  payment        3          3         0       0  2026-01-01 00:04
     1  initial        4          2         2       0  2026-01-01 00:00

payments
created_at        ref    amount  credits
----------------  -----  ------  -------
2026-01-01 00:04  pay-1  12.99         3

crm_job_requests
created_at        id        application_status  job_title  company_name
----------------  --------  ------------------  ---------  ------------
2026-01-01 00:01  JOB_ID                     -  Engineer   Acme

crm_recordings
created_at        id        status      duration  video_url
----------------  --------  ----------  --------  --------------------
2026-01-01 00:03  SECOND    processing         -  https://v.test/1.mp4
2026-01-01 00:02  FIRST     processing         -  https://v.test/1.mp4

crm_resumes
none
"""


@pytest.fixture
def amy(call: Any, shop: Any) -> dict[str, Any]:
    """All about Amy, as JSON."""
    (data,) = call("user", "AMY@x.test", "--json").objects
    assert isinstance(data, dict)
    return data


def test_people_read_sections(call: Any, amy: dict[str, Any]) -> None:
    """Of all that a CRM user may have; within 80 columns; ids cut to 8 signs."""
    second, first = amy["crm_recordings"]
    expected = SHOWN.replace("AMY", amy["auth.users"]["id"]).replace("JOB_ID  ", amy["crm_job_requests"][0]["id"][:8])
    expected = expected.replace("SECOND  ", second["id"][:8]).replace("FIRST   ", first["id"][:8])
    shown = call("user", "amy@x.test").stdout
    assert shown == expected
    assert max(map(len, shown.splitlines())) <= 80


def test_json_has_every_table_of_a_person(amy: dict[str, Any]) -> None:
    """By the document's names: one row or null where there is one for each person, else a list."""
    assert set(amy) == set(TABLES) - {"idempotency_keys"}
    assert [amy["profiles"]["credits_remaining"], amy["digital_resume_by_CRM"]["credits_remaining"]] == [5, 5]
    assert amy["crm_dashboard_stats"]["total_recordings"] == 2
    assert [row["amount"] for row in amy["payments"]] == ["12.99"]
    assert [len(amy[name]) for name in ("crm_recordings", "credit_consumptions", "credit_grants", "resumes")] == [
        2,
        2,
        2,
        0,
    ]


def test_json_of_a_regular_user_has_no_crm_rows(call: Any, shop: Any) -> None:
    (rita,) = call("user", "rita@x.test", "--json").objects
    assert [rita["digital_resume_by_CRM"], rita["crm_dashboard_stats"], rita["crm_job_requests"]] == [None, None, []]
    assert [row["job_title"] for row in rita["job_requests"]] == ["Chef"]


def test_csv_has_one_line_for_each_value(call: Any, amy: dict[str, Any]) -> None:
    """Those that are there, with the table and the key of their row."""
    rows = list(csv.DictReader(io.StringIO(call("user", "amy@x.test", "--csv").stdout, newline="")))
    job = amy["crm_job_requests"][0]
    assert {r["column"]: r["value"] for r in rows if r["table"] == "crm_job_requests"} == {
        name: value for name, value in job.items() if value is not None
    }
    assert {r["key"] for r in rows if r["table"] == "digital_resume_by_CRM"} == {"amy@x.test"}
    assert {r["table"] for r in rows} == {name for name, value in amy.items() if value}


def test_a_regular_user_has_regular_sections(call: Any, shop: Any) -> None:
    """And none of those of CRM users."""
    shown = call("user", "rita@x.test").stdout
    assert shown.startswith("rita@x.test, a regular user\nid ")
    assert "\ncredits     0\n" in shown
    assert "\njob_requests\n" in shown
    assert "Chef" in shown
    assert "crm_" not in shown


def test_a_long_section_is_cut_and_says_so(call: Any, keep: Any) -> None:
    with keep() as crm:
        user_id = label_uuid("amy")
        crm.as_service().sync_crm_user(email="amy@x.test", user_id=user_id)
        for number in range(12):
            crm.as_user(user_id).create_job_request(job_title=f"job {number}")
    shown = call("user", "amy@x.test").stdout
    assert "job 2 " in shown
    assert "job 1 " not in shown
    assert "\n… and 2 more: --json and --csv have all\n" in shown


def test_what_users_wrote_moves_no_cursor(call: Any, keep: Any) -> None:
    with keep() as crm:
        user_id = label_uuid("amy")
        crm.as_service().sync_crm_user(email="amy@x.test", user_id=user_id, payment_details={"plan": "pro"})
        crm.as_user(user_id).create_job_request(job_title="\x1b[2J")
    shown = call("user", "amy@x.test").stdout
    assert r"\x1b[2J" in shown
    assert "\x1b" not in shown
    assert '\npayment_details        {"plan": "pro"}\n' in shown


def test_nobody_is_an_error(call: Any, shop: Any) -> None:
    called = call("user", "bem@x.test")
    assert (called.exit_code, called.stdout) == (2, "")
    assert "near it: ben@x.test" in called.stderr


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)], ids=["table", "json", "csv"])
def test_json_as_deep_as_may_be_is_shown(call: Any, keep: Any, form: tuple[str, ...]) -> None:
    """512 levels need no deeper a stack than one does."""
    deep: Any = []
    for level in range(511):
        deep = [deep] if level % 2 else {"a": deep}
    with keep() as crm:
        crm.as_service().sync_crm_user(email="amy@x.test", payment_details=deep)
    called = call("user", "amy@x.test", *form)
    assert called.exit_code == 0
    assert called.stdout.count("[") >= 256
