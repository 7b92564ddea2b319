"""``crm-domain needs-credits``: who is at 0 credits and has recorded before."""

from __future__ import annotations

from typing import Any

import pytest

SHOWN = """\
e-mail      credits  recordings  last recording (UTC)
----------  -------  ----------  --------------------
cat@x.test        0           4  2026-01-01 00:11
amy@x.test        0           4  2026-01-01 00:04
"""


def spend_all(keep: Any, *names: str) -> None:
    """Have CRM users come and record until they have no credits left."""
    with keep() as crm:
        service = crm.as_service()
        for name in names:
            session = crm.as_user(str(service.sync_crm_user(email=f"{name}@x.test").user_id))
            for _ in range(4):
                session.create_recording()


@pytest.fixture
def spent(keep: Any) -> Any:
    """Amy and Cat have spent all; Ben has recorded once, Dan's credits were taken away before he did."""
    spend_all(keep, "amy")
    with keep() as crm:
        service = crm.as_service()
        crm.as_user(str(service.sync_crm_user(email="ben@x.test").user_id)).create_recording()
    spend_all(keep, "cat")
    with keep() as crm:
        service = crm.as_service()
        dan = service.sync_crm_user(email="dan@x.test").user_id
        service.adjust_balance(str(dan), credits=0)
    return keep


def test_the_latest_recording_comes_first(call: Any, spent: Any) -> None:
    assert call("needs-credits").stdout == SHOWN


def test_json_and_csv_have_the_documents_columns(call: Any, spent: Any) -> None:
    cat, amy = call("needs-credits", "--json").objects
    assert cat == {
        "email": "cat@x.test",
        "credits_remaining": 0,
        "total_recordings": 4,
        "last_recording_date": "2026-01-01T00:11:00Z",
    }
    assert call("needs-credits", "--csv").stdout.splitlines() == [
        "email,credits_remaining,total_recordings,last_recording_date",
        "cat@x.test,0,4,2026-01-01T00:11:00Z",
        f"amy@x.test,0,4,{amy['last_recording_date']}",
    ]


def test_nobody_may_be_in_need(call: Any, shop: Any) -> None:
    """That is said to people; programs get nothing."""
    assert call("needs-credits").stdout == "Nobody who has recorded is at 0 credits.\n"
    assert call("needs-credits", "--json").stdout == ""


def test_a_table_shows_some_and_says_how_many_more(call: Any, keep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spend_all(keep, "amy", "ben", "cat")
    monkeypatch.setattr("crm_adapters.cli.commands.needs_credits._SHOWN", 2)
    *_, last, more = call("needs-credits").stdout.splitlines()
    assert last.startswith("ben@x.test")
    assert more == "… and 1 more: --json and --csv have all"
