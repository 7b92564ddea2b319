"""Each safeguard closes its hole, and nothing else does.

A hole is an attempt and what comes of it. It is closed under the hardened rules and by its safeguard
alone on top of the seed; it is open under the seed and without that one safeguard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import frozen

from crm_domain import HARDENED, SAFEGUARDS, SEED, Accepted, CreateRecording, Refused, user
from crm_domain.clocks import label_uuid

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB, CAT, RITA = map(label_uuid, ("amy", "bob", "cat", "rita"))
AMYS, BOBS = "amy@example.com", "bob@example.com"
IN_THE_DATABASE_ONLY: Final = {"definer_safety", "charge_after_write"}


@frozen
class Hole:
    """An attempt, and what comes of it with and without the safeguard."""

    safeguard: str
    name: str
    attempt: Callable[[World], object]
    closed: object
    open: object


HOLES: list[Hole] = []


def hole(
    safeguard: str,
    *,
    closed: object,
    open: object,  # noqa: A002 - the opposite of closed
) -> Callable[[Callable[[World], object]], Callable[[World], object]]:
    """Enter the decorated attempt among the holes."""

    def enter(attempt: Callable[[World], object]) -> Callable[[World], object]:
        HOLES.append(Hole(safeguard, attempt.__name__, attempt, closed, open))
        return attempt

    return enter


def outcome(execute: Callable[[], Accepted]) -> str:
    try:
        execute()
    except Refused as refused:
        return refused.code
    return "accepted"


@hole("atomic_consume", closed=(["accepted", "insufficient_credits"], 0), open=(["accepted", "accepted"], -1))
def two_recordings_that_overlap_at_balance_1(world: World) -> object:
    world.service.adjust_balance(AMY, credits=1)
    outcomes = world.crm.execute_overlapping([(user(AMY), CreateRecording()), (user(AMY), CreateRecording())])
    return [o.code if isinstance(o, Refused) else "accepted" for o in outcomes], world.balance_of("amy")


@hole("owner_pair", closed=("foreign_key_violation", 1), open=("accepted", 2))
def anothers_counters(world: World) -> object:
    said = outcome(lambda: world.by("amy").create_job_request(email=BOBS))
    return said, world.one("crm_dashboard_stats", email=BOBS).total_applications


@hole("immutable_owner", closed="permission_denied", open="accepted")
def anothers_address_by_update(world: World) -> object:
    return outcome(lambda: world.by("amy").update(table="crm_job_requests", set={"email": BOBS}))


@hole("immutable_owner", closed="check_violation", open="accepted")
def another_owner_by_the_service(world: World) -> object:
    where = {"id": label_uuid("crm_resumes of cat")}
    world.service.update(table="crm_resumes", where=where, set={"is_primary": False})
    return outcome(lambda: world.service.update(table="crm_resumes", where=where, set={"user_id": BOB}))


@hole("tracking_read_only", closed=("permission_denied", 3), open=("accepted", 100))
def credits_in_the_mirror(world: World) -> object:
    said = outcome(lambda: world.by("amy").update(table="crm_users", set={"credits_remaining": 100}))
    return said, world.one("crm_users", email=AMYS).credits_remaining


@hole("tracking_read_only", closed="permission_denied", open="accepted")
def self_registration(world: World) -> object:
    return outcome(lambda: world.by("rita").sync_crm_user(email="rita@example.com"))


@hole("tracking_read_only", closed="permission_denied", open="accepted")
def squatting_an_address(world: World) -> object:
    return outcome(lambda: world.by("stranger").sync_crm_user(email="famous@example.com"))


@hole("stats_read_only", closed=("permission_denied", 1), open=("accepted", 1000))
def counters_of_ones_own_making(world: World) -> object:
    said = outcome(lambda: world.by("amy").update(table="crm_dashboard_stats", set={"total_recordings": 1000}))
    return said, world.one("crm_dashboard_stats", email=AMYS).total_recordings


@hole("profile_read_only", closed=("permission_denied", 3), open=("accepted", 100))
def credits_in_the_profile(world: World) -> object:
    said = outcome(lambda: world.by("rita").update(table="profiles", set={"credits_remaining": 100}))
    return said, world.balance_of("rita")


@hole("private_dashboard", closed=(None, 3), open=(3, 3))
def anothers_dashboard(world: World) -> object:
    seen, own = world.by("amy").get_crm_dashboard_data(BOBS), world.by("bob").get_crm_dashboard_data(BOBS)
    assert own is not None
    return seen and seen.credits_remaining, own.credits_remaining


@hole("same_owner_reference", closed=("foreign_key_violation", "accepted"), open=("accepted", "foreign_key_violation"))
def anothers_job_request_that_they_cannot_delete_then(world: World) -> object:
    said = outcome(lambda: world.by("cat").create_recording(job_request_id=label_uuid("crm_job_requests of amy")))
    world.by("amy").delete(table="crm_recordings")
    return said, outcome(lambda: world.by("amy").delete(table="crm_job_requests"))


@hole("grant_once", closed=0, open=4)
def a_new_balance_by_a_second_sync(world: World) -> object:
    world.service.adjust_balance(AMY, credits=0)
    world.service.sync_crm_user(email=AMYS)
    return world.balance_of("amy")


@hole("grant_once", closed=3, open=7)
def four_more_credits_by_delete_and_sync(world: World) -> object:
    for table in ("crm_recordings", "crm_job_requests", "crm_resumes", "crm_dashboard_stats", "crm_users"):
        world.service.delete(table=table, where={"user_id": AMY})
    world.service.sync_crm_user(email=AMYS)
    return world.balance_of("amy")


@hole("idempotent_payment", closed=([True, False], 6), open=([True, True], 9))
def a_payment_delivered_twice(world: World) -> object:
    paid = [world.service.record_payment(user_id=RITA, amount="12.99", ref="next") for _ in range(2)]
    return [payment.credited for payment in paid], world.balance_of("rita")


@hole("idempotent_payment", closed="conflict", open="accepted")
def anothers_payment_under_a_known_reference(world: World) -> object:
    return outcome(lambda: world.service.record_payment(user_id=AMY, amount="12.99", ref="first of rita"))


@hole("exact_price", closed=("check_violation", 3), open=("accepted", 6))
def three_credits_for_a_cent(world: World) -> object:
    said = outcome(lambda: world.service.record_payment(user_id=RITA, amount="0.01", ref="next"))
    return said, world.balance_of("rita")


@hole("one_email", closed=(1, 4), open=(2, 8))
def two_accounts_by_capital_letters(world: World) -> object:
    ids = {world.service.sync_crm_user(email=email).user_id for email in ("Zoe@x.com", "zoe@X.com ")}
    return len(ids), sum(world.one("profiles", user_id=i).credits_remaining for i in ids)


@hole("one_email", closed="invalid_email", open="accepted")
def an_address_that_is_none(world: World) -> object:
    return outcome(lambda: world.service.sync_crm_user(email="nobody"))


@hole("valid_values", closed="check_violation", open="accepted")
def a_negative_duration(world: World) -> object:
    return outcome(lambda: world.by("amy").create_recording(duration=-1))


@hole("valid_values", closed="check_violation", open="accepted")
def a_status_of_banana(world: World) -> object:
    return outcome(lambda: world.by("amy").create_recording(status="banana"))


@hole("valid_values", closed="not_null_violation", open="accepted")
def a_row_of_nobody(world: World) -> object:
    return outcome(world.service.create_job_request)


@hole("one_primary", closed=("unique_violation", 1), open=("accepted", 2))
def two_primary_resumes(world: World) -> object:
    said = outcome(lambda: world.by("amy").upload_resume(resume_url="/cv", is_primary=True))
    return said, len(world.by("amy").select("crm_resumes", {"is_primary": True}))


@hole("active_only", closed="rls_violation", open="accepted")
def a_deactivated_user_who_writes(world: World) -> object:
    world.service.deactivate(AMYS)
    return outcome(world.by("amy").create_recording)


@hole("separate_populations", closed="rls_violation", open="accepted")
def a_crm_user_who_records_as_a_regular_user(world: World) -> object:
    return outcome(world.by("amy").create_regular_recording)


@hole("separate_populations", closed="check_violation", open="accepted")
def a_crm_users_regular_row_by_the_service(world: World) -> object:
    return outcome(lambda: world.service.create_regular_job_request(user_id=AMY))


@hole("paid_media_immutable", closed="check_violation", open="accepted")
def another_video_for_a_paid_one(world: World) -> object:
    world.by("amy").update(table="crm_recordings", set={"status": "completed"})
    return outcome(lambda: world.by("amy").update(table="crm_recordings", set={"video_url": "/2.mp4"}))


def readings_of(safeguard: str) -> list[tuple[str, Any, bool]]:
    return [
        ("HARDENED", HARDENED, True),
        (f"SEED with {safeguard}", SEED.having(safeguard), True),
        ("SEED", SEED, False),
        (f"HARDENED without {safeguard}", HARDENED.without(safeguard), False),
    ]


@pytest.mark.parametrize(
    ("case", "rules", "is_closed"),
    [
        pytest.param(case, rules, is_closed, id=f"{case.safeguard}: {case.name}, {reading}")
        for case in HOLES
        for reading, rules, is_closed in readings_of(case.safeguard)
    ],
)
def test_a_safeguard_closes_its_hole(case: Hole, rules: Any, *, is_closed: bool, make_world: MakeWorld) -> None:
    """By itself, and no other safeguard closes it as well."""
    assert case.attempt(make_world(rules)) == (case.closed if is_closed else case.open)


def test_every_safeguard_has_a_hole() -> None:
    """In the order of the table of decisions; two holes are PostgreSQL's own, and tested there."""
    assert list(dict.fromkeys(case.safeguard for case in HOLES)) == [
        name for name in SAFEGUARDS if name not in IN_THE_DATABASE_ONLY
    ]
    assert {name for name, safeguard in SAFEGUARDS.items() if safeguard.module is None} == IN_THE_DATABASE_ONLY
