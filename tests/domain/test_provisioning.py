"""How a person becomes a user: the flow's six steps, each done once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from crm_domain import HARDENED, SEED, Crm, InvalidEmail, NotNullViolation, Rules, UniqueViolation
from crm_domain.clocks import label_uuid
from crm_domain.events import CrmUserSynced
from crm_domain.ids import Email, UserId, is_canonical_uuid

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB, RITA = map(label_uuid, ("amy", "bob", "rita"))
AMYS = "amy@example.com"


def names(accepted: object) -> list[str]:
    return [type(event).__name__ for event in getattr(accepted, "events", ())]


@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=["HARDENED", "SEED"])
def test_the_creation_flow(rules: Rules, make_world: MakeWorld) -> None:
    """The person, the profile with 4 credits, the main table's row, the counters; then they can use the tables."""
    world = make_world(rules, people=False)
    accepted = world.service.sync_crm_user(user_id=AMY, email=AMYS, payment_details={"card": [1]})
    assert (accepted.user_id, accepted.version) == (AMY, 5)
    assert names(accepted) == [
        "UserRegistered",
        "ProfileCreated",
        "CreditGranted",
        "CrmUserCreated",
        "DashboardCreated",
    ]
    now = world.clock.now
    assert (world.one("auth.users").email, world.one("auth.users").created_at) == (AMYS, now)
    assert (world.one("profiles").created_at, world.one("profiles").updated_at) == (now, now)
    assert world.balance_of("amy") == 4
    crm_user = world.one("crm_users")
    assert (crm_user.email, crm_user.user_id, crm_user.credits_remaining) == (AMYS, AMY, 4)
    assert (crm_user.payment_details, crm_user.is_active) == ({"card": [1]}, True)
    assert (crm_user.user_created_at, crm_user.last_sync_at) == (now, now)
    stats = world.one("crm_dashboard_stats")
    assert (stats.email, stats.user_id, stats.created_at) == (AMYS, AMY, now)
    assert (stats.total_applications, stats.total_recordings, stats.total_resumes, stats.total_views) == (0, 0, 0, 0)
    assert (stats.last_application_date, stats.last_recording_date, stats.last_login_date) == (None, None, None)
    assert world.by("amy").create_recording().id is not None


def test_a_registration_notes_when(empty: World) -> None:
    """The person and the profile are of the model's time."""
    empty.service.register_user(user_id=RITA, email="rita@example.com")
    now, profile = empty.clock.now, empty.one("profiles")
    assert (empty.one("auth.users").created_at, profile.created_at, profile.updated_at) == (now, now, now)
    assert profile.credits_remaining == 0


def test_an_address_is_needed(empty: World) -> None:
    """It is the key of the account, which the refusal says."""
    for method in (empty.service.sync_crm_user, empty.service.register_user):
        with pytest.raises(NotNullViolation, match=r"^An e-mail address is needed: it is the key of the account\.$"):
            method(email=None)


def test_an_id_is_made_where_none_is_chosen(empty: World) -> None:
    """And told in the answer."""
    for accepted in (
        empty.service.sync_crm_user(email=AMYS),
        empty.service.register_user(email="rita@example.com"),
    ):
        assert accepted.user_id is not None
        assert is_canonical_uuid(accepted.user_id)
        assert len(empty.service.select("profiles", {"user_id": accepted.user_id})) == 1


def test_a_re_sync_refreshes_last_sync_at_only(empty: World) -> None:
    """Not the details, not the balance, not the activity, not the counters."""
    empty.service.sync_crm_user(user_id=AMY, email=AMYS, payment_details={"card": 1})
    empty.by("amy").create_recording()
    empty.service.deactivate(AMYS)
    before, stats = empty.one("crm_users"), empty.one("crm_dashboard_stats")
    empty.clock.advance(timedelta(days=1))
    accepted = empty.service.sync_crm_user(email=AMYS, payment_details={"card": 2})
    assert accepted.events == (CrmUserSynced(UserId(AMY), Email(AMYS)),)
    assert accepted.user_id == AMY
    after = empty.one("crm_users")
    assert after.last_sync_at == empty.clock.now
    after.last_sync_at = before.last_sync_at
    assert (after, empty.one("crm_dashboard_stats")) == (before, stats)


@pytest.mark.parametrize("email", ["AMY@EXAMPLE.COM", " amy@example.com\n", "Amy@Example.com"])
def test_an_address_is_one_account_in_any_spelling(email: str, empty: World) -> None:
    """It is found, and its owner's id comes back, even if another was given."""
    empty.crm_user("amy")
    assert empty.service.sync_crm_user(email=email).user_id == AMY
    assert empty.service.sync_crm_user(email=email, user_id=BOB).user_id == AMY
    assert empty.service.count("auth.users") == 1
    with pytest.raises(UniqueViolation):
        empty.service.register_user(email=email)


def test_missing_steps_are_made_up_for(empty: World, state_of: Callable[[Crm], object]) -> None:
    """The service may have deleted the counters, or the row of the main table; a sync makes what is missing."""
    empty.crm_user("amy").create_recording()
    empty.service.delete(table="crm_dashboard_stats")
    assert names(empty.service.sync_crm_user(email=AMYS)) == ["CrmUserSynced", "DashboardCreated"]
    empty.by("amy").delete(table="crm_recordings")
    empty.service.delete(table="crm_dashboard_stats")
    empty.service.delete(table="crm_users")
    assert names(empty.service.sync_crm_user(email=AMYS)) == ["CrmUserCreated", "DashboardCreated"]
    assert empty.balance_of("amy") == empty.one("crm_users").credits_remaining == 3
    state = state_of(empty.crm)
    empty.crm.rebuild()
    assert state_of(empty.crm) == state


def test_a_profile_that_was_deleted_is_made_anew(empty: World) -> None:
    """A regular user without a ledger may lose it; who becomes a CRM user needs one."""
    empty.service.register_user(user_id=RITA, email="rita@example.com")
    empty.service.delete(table="profiles")
    accepted = empty.service.sync_crm_user(email="rita@example.com")
    assert names(accepted) == ["ProfileCreated", "CreditGranted", "CrmUserCreated", "DashboardCreated"]
    assert empty.balance_of("rita") == 4


def test_a_regular_user_is_a_person_and_a_profile(empty: World) -> None:
    """With 0 credits, and nothing else."""
    accepted = empty.service.register_user(user_id=RITA, email=" Rita@Example.com")
    assert (names(accepted), accepted.user_id) == (["UserRegistered", "ProfileCreated"], RITA)
    assert empty.one("auth.users").email == "rita@example.com"
    assert empty.balance_of("rita") == 0


@pytest.mark.parametrize(
    "email", ["", "  ", "nobody", "@example.com", "amy@", "a b@example.com", "a\x07@b.c", "a" * 255]
)
@pytest.mark.parametrize("command", ["sync_crm_user", "register_user"])
def test_an_address_that_cannot_be_one_is_refused(command: str, email: str, empty: World) -> None:
    """With what is wrong with it."""
    with pytest.raises(InvalidEmail, match=r"is not an e-mail address: it h?as|is not an e-mail address: it is|holds"):
        getattr(empty.service, command)(email=email)
    assert len(empty.crm.journal) == 0


def test_the_seed_takes_addresses_as_they_are(make_world: MakeWorld) -> None:
    """Letter for letter, whatever they are."""
    world = make_world(SEED, people=False)
    for email in ("Amy@x.com", "amy@x.com", "", "nobody"):
        world.service.sync_crm_user(email=email)
    assert {row.email for row in world.service.select("crm_users")} == {"Amy@x.com", "amy@x.com", "", "nobody"}


def test_one_initial_grant_for_each_address_and_each_person(empty: World) -> None:
    """In a ledger that outlives deletes: neither a deleted account nor another spelling gives 4 more."""
    empty.crm_user("amy")
    for _ in range(2):
        empty.service.delete(table="crm_dashboard_stats")
        empty.service.delete(table="crm_users")
        empty.service.sync_crm_user(email="AMY@example.com")
    assert empty.balance_of("amy") == 4
    assert [grant.source for grant in empty.service.select("credit_grants")] == ["initial"]


def test_self_registration_in_the_seed(make_world: MakeWorld) -> None:
    """A user who has signed in may make themselves a CRM user, with their own id and no other."""
    world = make_world(SEED, people=False)
    rita = world.regular("rita")
    assert rita.sync_crm_user(email="rita@example.com").user_id == RITA
    assert world.balance_of("rita") == 7
    stranger = label_uuid("stranger")
    assert world.by("stranger").sync_crm_user(email="new@example.com").user_id == stranger
