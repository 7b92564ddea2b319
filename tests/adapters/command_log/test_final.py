"""What the final object says."""

from __future__ import annotations

from typing import Any

import pytest

from crm_adapters.command_log import Run, final_state
from crm_domain import SEED
from crm_domain.command_log import LOG_TABLES, id_named, table_name

DENIED = dict.fromkeys(map(table_name, LOG_TABLES), "permission_denied")
NO_STATS = {
    "total_applications": 0,
    "total_recordings": 0,
    "total_resumes": 0,
    "total_views": 0,
    "total_time_spent": 0,
    "has_last_application": False,
    "has_last_recording": False,
    "has_last_login": False,
}


@pytest.fixture
def final_of(run_lines: Any) -> Any:
    """Run lines and return the final object."""

    def final(*lines: bytes, run: Run | None = None) -> dict[str, Any]:
        run = run or Run()
        run_lines(*lines, run=run)
        return final_state(run.crm, run.labels)

    return final


def test_nobody(final_of: Any) -> None:
    """Without users there are the two principals that need none, and the service sees that there is nothing."""
    assert final_of() == {"users": {}, "visible": {"anon": DENIED, "service": dict.fromkeys(DENIED, 0)}}


def test_users_and_what_they_see(amy_comes: bytes, write: Any, final_of: Any) -> None:
    """Each user has balances, counters and flags, and sees the rows that are theirs."""
    own = {"user": "amy", "email": "amy@x.test"}
    final = final_of(
        amy_comes,
        write("service", "register_user", user="rita", email="rita@x.test"),
        write("service", "update", table="crm_users", set={"is_active": False, "payment_details": {"plan": ["a"]}}),
        write("service", "create_job_request", **own),
        write("service", "create_recording", **own),
        write("service", "track_time", email="amy@x.test", seconds=7),
    )
    counted = {"total_applications": 1, "total_recordings": 1, "total_time_spent": 7}
    dated = {"has_last_application": True, "has_last_recording": True}
    assert final["users"] == {
        "amy": {
            "profile_credits": 3,
            "crm_credits": 3,
            "is_active": False,
            "payment_details": {"plan": ["a"]},
            "stats": NO_STATS | counted | dated,
        },
        "rita": {"profile_credits": 0, "crm_credits": None, "is_active": None, "payment_details": None, "stats": None},
    }
    of_amy = {"crm_users": 1, "crm_job_requests": 1, "crm_recordings": 1, "crm_dashboard_stats": 1, "profiles": 1}
    nothing = dict.fromkeys(DENIED, 0)
    assert final["visible"] == {
        "anon": DENIED,
        "service": nothing | of_amy | {"profiles": 2},
        "amy": nothing | of_amy,
        "rita": nothing | {"profiles": 1},
    }


def test_user_without_profile_or_counters(amy_comes: bytes, write: Any, final_of: Any) -> None:
    """What was deleted is null: the counters, and, of a regular user, the profile."""
    final = final_of(
        amy_comes,
        write("service", "register_user", user="rita", email="rita@x.test"),
        write("service", "delete", table="crm_dashboard_stats"),
        write("service", "delete", table="profiles", where={"user": "rita"}),
    )
    assert (final["users"]["amy"]["crm_credits"], final["users"]["amy"]["stats"]) == (4, None)
    assert final["users"]["rita"]["profile_credits"] is None


def test_users_come_in_the_order_of_their_coming(amy_comes: bytes, write: Any, final_of: Any) -> None:
    """Users are named by label, by id where there is none, also where the label is that of a role."""
    others = [
        write("service", "register_user", user=name, email=f"{n}@x.test") for n, name in enumerate(["zoe", "anon"])
    ]
    final = final_of(*others, amy_comes, write("service", "register_user", user=id_named("x"), email="x@x.test"))
    names = ["zoe", id_named("anon"), "amy", id_named("x")]
    assert list(final["users"]) == names
    assert list(final["visible"]) == ["anon", "service", *names]


def test_seed_shows_the_same(amy_comes: bytes, final_of: Any) -> None:
    """The object has one form in every reading."""
    assert final_of(amy_comes, run=Run(rules=SEED))["users"]["amy"]["stats"] == NO_STATS
