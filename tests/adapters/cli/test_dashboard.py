"""``crm-domain dashboard``: the document's get_crm_dashboard_data, for the service."""

from __future__ import annotations

from typing import Any

import pytest

from crm_domain import HARDENED

SHOWN = """\
amy@x.test
total_applications     1
total_recordings       2
total_resumes          0
total_views            0
credits_remaining      5
last_application_date  2026-01-01 00:01
last_recording_date    2026-01-01 00:03
"""


@pytest.mark.parametrize("email", ["amy@x.test", " Amy@X.TEST"])
def test_a_dashboard_is_found_by_any_spelling(email: str, call: Any, shop: Any) -> None:
    """As the rules' ``one_email`` says."""
    called = call("dashboard", email)
    assert (called.exit_code, called.stdout) == (0, SHOWN)


def test_without_one_email_an_address_is_what_it_is(call: Any, keep: Any) -> None:
    """Then another spelling is somebody else, and the right one is near."""
    with keep(HARDENED.without("one_email")) as crm:
        crm.as_service().sync_crm_user(email="amy@x.test")
    assert call("dashboard", "amy@x.test").exit_code == 0
    called = call("dashboard", "AMY@x.test")
    assert (called.exit_code, called.stderr) == (
        2,
        "Error: There is nobody with the address AMY@x.test; near it: amy@x.test.\n",
    )


def test_json_and_csv_have_the_documents_columns(call: Any, shop: Any) -> None:
    (data,) = call("dashboard", "amy@x.test", "--json").objects
    assert data == {
        "total_applications": 1,
        "total_recordings": 2,
        "total_resumes": 0,
        "total_views": 0,
        "credits_remaining": 5,
        "last_application_date": "2026-01-01T00:01:00Z",
        "last_recording_date": "2026-01-01T00:03:00Z",
    }
    assert call("dashboard", "amy@x.test", "--csv").stdout.splitlines() == [
        ",".join(data),
        "1,2,0,0,5,2026-01-01T00:01:00Z,2026-01-01T00:03:00Z",
    ]


def test_a_regular_user_has_none(call: Any, shop: Any) -> None:
    called = call("dashboard", "rita@x.test")
    assert (called.exit_code, called.stdout) == (2, "")
    assert called.stderr == "Error: rita@x.test has no dashboard, as no regular user has.\n"


@pytest.mark.parametrize(
    ("email", "near"),
    [
        ("am@x.test", "amy@x.test"),
        ("amyy@x.test", "amy@x.test"),
        ("amz@x.test", "amy@x.test"),
        ("may@x.test", "amy@x.test"),
        ("rita@x.tes", "rita@x.test"),
    ],
)
def test_who_is_near_an_unknown_address_is_told(email: str, near: str, call: Any, shop: Any) -> None:
    """A sign left out, added, taken for another, or swapped with the next."""
    assert call("dashboard", email).stderr == f"Error: There is nobody with the address {email}; near it: {near}.\n"


@pytest.mark.parametrize("email", ["zoe@elsewhere.test", "", "a" * 290])
def test_nobody_may_be_near(email: str, call: Any, shop: Any) -> None:
    called = call("dashboard", email)
    assert (called.exit_code, called.stderr) == (2, f"Error: There is nobody with the address {email}.\n")


def test_at_most_three_are_near(call: Any, keep: Any) -> None:
    with keep() as crm:
        for n in range(5):
            crm.as_service().sync_crm_user(email=f"u{n}@x.test")
    called = call("dashboard", "u@x.test")
    assert (
        called.stderr == "Error: There is nobody with the address u@x.test; near it: u0@x.test, u1@x.test, u2@x.test.\n"
    )


def test_a_missing_file_is_an_error(call: Any, keep: Any, tmp_path: Any) -> None:
    """And none is made."""
    called = call("dashboard", "amy@x.test", "--db", tmp_path / "none.db")
    assert called.exit_code == 2
    assert called.stderr.startswith(f"Error: {tmp_path / 'none.db'}: there is no such file")
    assert not (tmp_path / "none.db").exists()
