"""A session is one principal's way to the CRM: a typed method for each command and each query."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, assert_type, get_args

import pytest

from crm_domain import (
    ANON,
    SERVICE,
    Changed,
    Command,
    CrmUserWithStats,
    DashboardData,
    Paid,
    PermissionDenied,
    Provisioned,
    Session,
    Stored,
    UserData,
    UserInNeedOfCredits,
    user,
)
from crm_domain.clocks import label_uuid
from crm_domain.rows import CRM_RECORDINGS, PROFILES, CrmJobRequest, CrmRecording, CrmResume, Profile

if TYPE_CHECKING:
    from tests.domain.conftest import World

AMY = label_uuid("amy")
AMYS = "amy@example.com"
COMMANDS: dict[str, type[Any]] = {
    re.sub(r"(?<=.)([A-Z])", r"_\1", command.__name__).lower(): command for command in get_args(Command)
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_method(name: str) -> None:
    """Of its name, with its arguments and its words."""
    method = getattr(Session, name)
    assert inspect.getdoc(method) == inspect.getdoc(COMMANDS[name])
    assert inspect.signature(method) == inspect.signature(COMMANDS[name])


def test_a_method_executes_its_command_on_behalf_of_its_principal(world: World) -> None:
    """And returns the answer."""
    world.crm.as_principal(user(AMY)).create_job_request(job_title="x")
    (*_, entry) = world.crm.journal.entries()
    assert entry.principal == user(AMY)
    world.crm.as_principal(SERVICE).track_view(email=AMYS)
    (*_, entry) = world.crm.journal.entries()
    assert entry.principal == SERVICE


def test_methods_are_typed(world: World) -> None:
    """Their arguments are the command's, their answer is the command's own."""
    amy, service = world.by("amy"), world.service
    assert_type(amy.create_job_request(job_title="x", email=AMYS), Stored)
    assert_type(amy.create_recording(duration=1), Stored)
    assert_type(amy.upload_resume(resume_url="/cv", parsed_data={"a": [1]}), Stored)
    assert_type(amy.update(table="crm_resumes", set={"resume_name": "x"}), Changed)
    assert_type(amy.delete(table=CRM_RECORDINGS, where={"duration": 1}), Changed)
    assert_type(service.sync_crm_user(email="new@example.com"), Provisioned)
    assert_type(service.register_user(email="newer@example.com"), Provisioned)
    assert_type(service.record_payment(user_id=AMY, amount="12.99", ref="x"), Paid)
    assert_type(service.track_time(email=AMYS, seconds=1), Changed)
    assert_type(service.deactivate(AMYS), Changed)
    assert_type(service.activate(AMYS), Changed)
    assert_type(service.adjust_balance(AMY, credits=1), Changed)


def test_queries_are_typed(world: World) -> None:
    """A table's rows have its class, a name's have any."""
    amy = world.by("amy")
    assert_type(amy.select(CRM_RECORDINGS), list[CrmRecording])
    assert_type(world.service.select(PROFILES, limit=1), list[Profile])
    assert_type(amy.select("crm_recordings"), list[Any])
    assert_type(amy.count("crm_recordings"), int)
    assert_type(amy.job_requests(), list[CrmJobRequest])
    assert_type(amy.recordings(), list[CrmRecording])
    assert_type(amy.resumes(limit=3), list[CrmResume])
    assert_type(amy.get_crm_dashboard_data(AMYS), DashboardData | None)
    assert_type(amy.is_crm_user(), bool)
    assert_type(amy.user_data(AMYS), UserData)
    assert_type(amy.crm_users_with_stats(), list[CrmUserWithStats])
    assert_type(amy.crm_users_who_need_more_credits(), list[UserInNeedOfCredits])
    assert_type(amy.crm_users_export(), list[dict[str, Any]])
    assert_type(amy.record_counts(), dict[str, int])


def test_what_a_command_works_out_is_not_for_the_caller_to_give(world: World) -> None:
    """The type checker says so too."""
    with pytest.raises(TypeError, match="faults"):
        world.by("amy").create_recording(faults=())  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="seconds"):
        world.service.track_time(email=AMYS, seconds="1")  # type: ignore[arg-type]


def test_sessions_of_a_crm(world: World) -> None:
    """Of a person, of the service, of nobody, of whichever principal."""
    crm = world.crm
    assert crm.as_user(AMY).principal == crm.as_user(AMY.upper()).principal == user(AMY)
    assert crm.as_service().principal == SERVICE
    assert crm.as_anon().principal == ANON
    assert crm.as_principal(ANON).principal == ANON
    assert repr(crm.as_service()) == "<session of service>"
    with pytest.raises(ValueError, match=r"^user_id: 'amy' is not a UUID$"):
        crm.as_user("amy")


# --- the service's shorthands ---------------------------------------------------------------


def test_the_service_deactivates_and_activates_by_address(world: World) -> None:
    """In any spelling; an unknown address is nobody, 0 rows."""
    assert world.service.deactivate(" AMY@Example.com").affected == 1
    assert world.one("crm_users", email=AMYS).is_active is False
    assert world.service.activate(AMYS).affected == 1
    assert world.one("crm_users", email=AMYS).is_active is True
    assert world.service.deactivate("nobody@example.com").affected == 0


def test_the_service_adjusts_a_balance(world: World) -> None:
    """To a number of credits; an unknown person has none, 0 rows."""
    assert world.service.adjust_balance(AMY.upper(), credits=7).affected == 1
    assert world.balance_of("amy") == 7
    assert world.service.adjust_balance(label_uuid("stranger"), credits=7).affected == 0


def test_shorthands_are_not_for_users(world: World) -> None:
    """They are commands like any other."""
    amy = world.by("amy")
    with pytest.raises(PermissionDenied):
        amy.activate(AMYS)
    with pytest.raises(PermissionDenied):
        amy.deactivate(AMYS)
    with pytest.raises(PermissionDenied):
        amy.adjust_balance(AMY, credits=9)


@pytest.mark.parametrize("value", [7, b"amy@example.com", ["amy@example.com"]])
def test_an_address_is_text(value: Any, world: World) -> None:
    """Anything else is a mistake that names the argument."""
    for ask in (
        world.service.activate,
        world.service.deactivate,
        world.service.user_data,
        world.service.get_crm_dashboard_data,
    ):
        with pytest.raises(TypeError, match=r"^email: expected str"):
            ask(value)


@pytest.mark.parametrize("value", [None, 7, ["7"]])
def test_a_person_is_a_uuid(value: Any, world: World) -> None:
    """Anything else is a mistake that names the argument."""
    with pytest.raises(TypeError, match=r"^user_id: expected a UUID"):
        world.service.adjust_balance(value, credits=1)
    if value is not None:
        with pytest.raises(TypeError, match=r"^user_id: expected a UUID"):
            world.service.is_crm_user(value)
