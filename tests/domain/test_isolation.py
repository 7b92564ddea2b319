"""Who may see or change which row: the row policies as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from crm_domain import (
    ANON,
    HARDENED,
    SEED,
    SERVICE,
    TABLES,
    Command,
    CreateRecording,
    Delete,
    PermissionDenied,
    Principal,
    RecordPayment,
    Refused,
    RegisterUser,
    RlsViolation,
    Rules,
    SyncCrmUser,
    TrackView,
    Update,
    user,
)
from crm_domain.clocks import label_uuid
from crm_domain.isolation import owns

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

AMY, BOB = label_uuid("amy"), label_uuid("bob")

# What a user may do, what the service may do: r(ead), w(rite); in SEED also what stands in brackets.
POLICIES: Final = {
    "auth.users": ("", "r"),
    "profiles": ("r(w)", "rw"),
    "digital_resume_by_CRM": ("r(w)", "rw"),
    "crm_job_requests": ("rw", "rw"),
    "crm_recordings": ("rw", "rw"),
    "crm_resumes": ("rw", "rw"),
    "crm_dashboard_stats": ("r(w)", "rw"),
    "job_requests": ("rw", "rw"),
    "recordings": ("rw", "rw"),
    "resumes": ("rw", "rw"),
    "payments": ("r", "r"),
    "credit_grants": ("r", "r"),
    "credit_consumptions": ("r", "r"),
    "idempotency_keys": ("", "r"),
}
CELLS: Final = [
    pytest.param(rules, principal, table, allowed, id=f"{reading}: {principal.role.value} on {table}")
    for reading, rules in (("HARDENED", HARDENED), ("SEED", SEED))
    for table, (of_user, of_service) in POLICIES.items()
    for principal, allowed in (
        (ANON, ""),
        (user(label_uuid("rita")), of_user if reading == "SEED" else of_user.replace("(w)", "")),
        (SERVICE, of_service),
    )
]


def test_every_table_has_its_policy() -> None:
    """In the order of the tables."""
    assert list(POLICIES) == list(TABLES)


@pytest.mark.parametrize(("rules", "principal", "table", "allowed"), CELLS)
def test_what_a_role_may_do_to_a_table_at_all(
    rules: Rules, principal: Principal, table: str, allowed: str, make_world: MakeWorld
) -> None:
    """Read it; update it and delete from it. Whether any row is theirs is another question."""
    world = make_world(rules, people=False)
    no_row = {TABLES[table].key: "nobody@example.com" if table == "digital_resume_by_CRM" else label_uuid("no row")}
    written = next(c.name for c in TABLES[table].columns if not c.owner and not c.key)
    session = world.crm.as_principal(principal)
    may: dict[str, list[Any]] = {
        "r": [lambda: session.select(table), lambda: session.count(table)],
        "w": [
            lambda: session.execute(Update(table=table, where=no_row, set={written: None})).affected,
            lambda: session.execute(Delete(table=table, where=no_row)).affected,
        ],
    }
    for verb, attempts in may.items():
        for attempt in attempts:
            if verb in allowed:
                assert attempt() in ([], 0)
            else:
                with pytest.raises(PermissionDenied) as refused:
                    attempt()
                assert refused.value.table == table


@pytest.mark.parametrize(
    ("table", "safeguard"),
    [
        ("crm_users", "tracking_read_only"),
        ("crm_dashboard_stats", "stats_read_only"),
        ("profiles", "profile_read_only"),
        ("payments", None),
    ],
)
def test_a_denial_names_its_safeguard(table: str, safeguard: str | None, world: World) -> None:
    """If it is one that forbids it, and only to whom it does."""
    with pytest.raises(PermissionDenied) as refused:
        world.by("amy").delete(table=table)
    assert refused.value.safeguard == safeguard
    with pytest.raises(PermissionDenied) as refused:
        world.crm.as_anon().delete(table=table)
    assert refused.value.safeguard is None


@pytest.mark.parametrize(
    ("principal", "command", "message"),
    [
        (ANON, CreateRecording(), "The role 'anon' may not INSERT on crm_recordings; sign in first."),
        (
            ANON,
            Update(table="payments", set={"ref": "x"}),
            "The role 'anon' may not UPDATE on payments; sign in first.",
        ),
        (user(AMY), Delete(table="payments"), "The role 'user' may not DELETE on payments; ask the service to do it."),
        (SERVICE, Delete(table="payments"), "The role 'service' may not DELETE on payments; ask the service to do it."),
        (user(AMY), RegisterUser(), "Only the service role may register users."),
        (user(AMY), SyncCrmUser(), "Only the service role may provision CRM users."),
        (ANON, SyncCrmUser(), "Only the service role may provision CRM users."),
        (user(AMY), RecordPayment(), "Only the service role may record payments."),
        (user(AMY), TrackView(), "Only the service role may track views, logins and time."),
    ],
    ids=["INSERT", "UPDATE", "DELETE", "even the service", "register", "sync oneself", "sync", "pay", "track"],
)
def test_a_denial_says_who_may_not_do_what(principal: Principal, command: Command, message: str, world: World) -> None:
    """The role, the verb, the table, and who may help."""
    with pytest.raises(PermissionDenied) as refused:
        world.crm.execute(principal, command)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("principal", "of_amy", "of_nobody"),
    [(user(AMY), True, False), (user(BOB), False, False), (ANON, False, False), (SERVICE, True, True)],
    ids=["Amy", "Bob", "anon", "service"],
)
def test_whose_a_row_is(principal: Principal, *, of_amy: bool, of_nobody: bool) -> None:
    """``auth.uid() = user_id``: NULL is nobody's, not even anon's; the service sees all."""
    assert owns(principal, user(AMY).user_id) is of_amy
    assert owns(principal, None) is of_nobody


@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=["HARDENED", "SEED"])
@pytest.mark.parametrize("table", ["crm_job_requests", "crm_recordings", "crm_resumes"])
def test_changes_reach_only_ones_own_rows(table: str, rules: Rules, make_world: MakeWorld) -> None:
    """Also without any condition."""
    world = make_world(rules)
    written = {"updated_at": world.clock.now, "created_at": world.clock.now}
    before = {row.id: row for row in world.service.select(table) if row.user_id != AMY}
    assert world.by("amy").update(table=table, set=written).affected == 1
    if table != "crm_job_requests":
        assert world.by("amy").delete(table=table).affected == 1
    assert {row.id: row for row in world.service.select(table) if row.user_id != AMY} == before


def test_the_service_changes_everybodys_rows(world: World) -> None:
    """It passes row policies."""
    assert world.service.update(table="crm_recordings", set={"status": "completed"}).affected == 3
    assert world.service.delete(table="crm_recordings").affected == 3


@pytest.mark.parametrize("method", ["create_job_request", "create_recording"])
def test_nobody_stores_rows_for_others(method: str, world: World) -> None:
    """Neither for somebody nor for nobody."""
    for owner in (BOB, None):
        with pytest.raises(RlsViolation, match="user_id must be your own"):
            getattr(world.by("amy"), method)(user_id=owner)


def test_a_refusal_does_not_tell_whether_an_address_exists(world: World) -> None:
    """An unknown address and another's are refused in the same words."""
    said = []
    for email in ("bob@example.com", "nobody@example.com"):
        with pytest.raises(Refused) as refused:
            world.by("amy").create_job_request(email=email)
        said.append((refused.value.signature, refused.value.message, refused.value.section))
    assert said[0] == said[1]


def test_a_refusal_does_not_tell_whether_a_job_request_exists(world: World) -> None:
    """An unknown one and another's are refused in the same words, when created and when changed."""
    said = []
    for job in (label_uuid("crm_job_requests of bob"), label_uuid("no row")):
        with pytest.raises(Refused) as refused:
            world.by("amy").create_recording(job_request_id=job)
        said.append((refused.value.signature, refused.value.message, refused.value.section))
        with pytest.raises(Refused) as refused:
            world.by("amy").update(table="crm_recordings", set={"job_request_id": job})
        said.append((refused.value.signature, refused.value.message, refused.value.section))
    assert len(set(said)) == 1
