"""Which refusal wins when a command breaks two rules at once?

The order is specified: permission, row policy, missing value, bad value, uniqueness and conflict,
reference, credits. A *scene* is a command that is accepted; a *breach* is the least change to it, or
to the world, that breaks one rule. Breaches stand in the order of precedence, so the upper of two
must win, in both readings; and nothing may have changed. Two refusals of the same rank may come
either way round.

A breach says what it wants in which place: an argument, a column that is set, the principal. Two
breaches that want different things in one place cannot compete (`ONE_PLACE` says why); the few other
pairs that cannot are in the scene's `never_together`, each with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs
import pytest

from crm_domain import (
    HARDENED,
    SEED,
    SERVICE,
    TABLES,
    Accepted,
    CreditPolicy,
    Crm,
    Delete,
    InvalidEmail,
    PermissionDenied,
    Refused,
    Rules,
    Update,
)
from crm_domain.errors import REFUSALS

from .accounts import PAYMENT, REGISTER, SYNC, TRACKING
from .creations import CREATIONS
from .deletes import DELETIONS
from .scenes import (
    AS_AMY,
    BOB,
    KEY_USED,
    NO_ROW,
    ONE_PLACE,
    READINGS,
    SIGNED_OUT_WITH_KEY,
    STRANGER_WITH_RESUME,
    Breach,
    Refusal,
    Scene,
)
from .updates import UPDATES

if TYPE_CHECKING:
    from tests.domain.conftest import MakeWorld, World

SCENES: Final = {scene.name: scene for scene in (*CREATIONS, REGISTER, SYNC, PAYMENT, *TRACKING, *UPDATES, *DELETIONS)}


# --- the laws -------------------------------------------------------------------------------


@pytest.fixture
def made(make_world: MakeWorld) -> Callable[[str], World]:
    """Make a world under a reading, with refunds, which make one more refusal possible."""

    def make(reading: str) -> World:
        policy = CreditPolicy(refund_failed_recordings=True)
        return make_world(attrs.evolve(READINGS[reading], credit_policy=policy))

    return make


def said(refused: Refused) -> Refusal:
    return (type(refused), refused.column, refused.safeguard)


def outcome(execute: Callable[[], Accepted]) -> Refusal | None:
    try:
        execute()
    except Refused as refused:
        return said(refused)
    return None


def rank(expected: Refusal) -> int:
    kind, _, safeguard = expected
    # Another owner counts as permission, no matter who asks for it.
    return PermissionDenied.precedence if safeguard == "immutable_owner" else kind.precedence


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_every_scene_is_accepted_as_it_stands(scene: Scene, reading: str, made: Callable[[str], World]) -> None:
    """What the breaches break is a command that both readings accept, and that changes something."""
    assert scene.arranged(made(reading))().events


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(
    ("scene", "breach"),
    [
        pytest.param(scene, breach, id=f"{scene.name}: {breach.name}")
        for scene in SCENES.values()
        for breach in scene.breaches
    ],
)
def test_each_breach_is_refused_alone(
    scene: Scene, breach: Breach, reading: str, made: Callable[[str], World], state_of: Callable[[Crm], object]
) -> None:
    """A breach is refused with its kind, column and safeguard, or the seed accepts it: one of its holes."""
    _assert_won(scene, (breach,), reading, made(reading), state_of)


@pytest.mark.parametrize(
    ("scene", "breach"),
    [
        pytest.param(scene, breach, id=f"{scene.name}: {breach.name}")
        for scene in SCENES.values()
        for breach in scene.breaches
    ],
)
def test_a_refusal_says_where_its_rule_stands(
    scene: Scene, breach: Breach, made: Callable[[str], World], headings: str
) -> None:
    """A sentence, a section that the document has, and the table, unless the command as a whole is refused."""
    with pytest.raises(Refused, match=r"^\S.*\.$") as refused:
        scene.arranged(made("HARDENED"), breach)()
    assert str(refused.value.section) in headings
    if breach is KEY_USED or refused.value.section == "Service Role Policies":
        assert (refused.value.table, refused.value.column) == (None, None)
    else:
        assert refused.value.column in {None, *TABLES[str(refused.value.table)].by_name}


@pytest.mark.parametrize(
    ("scene", "breach"),
    [
        pytest.param(scene, breach, id=f"{scene.name}: {breach.name}")
        for scene in SCENES.values()
        for breach in scene.breaches
        if breach.refusal[2] is not None
    ],
)
def test_a_safeguard_refuses_by_itself(scene: Scene, breach: Breach, make_world: MakeWorld) -> None:
    """The safeguard that a refusal names refuses alone, on top of the seed, and is missed by the hardened rules."""
    safeguard = str(breach.refusal[2])
    alone, missed = make_world(SEED.having(safeguard)), make_world(HARDENED.without(safeguard))
    assert outcome(scene.arranged(alone, breach)) == breach.refusal
    assert outcome(scene.arranged(missed, breach)) != breach.refusal


@pytest.mark.thorough
@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(
    ("scene", "one", "other"),
    [
        pytest.param(scene, one, other, id=f"{scene.name}: {one.name} and {other.name}")
        for scene in SCENES.values()
        for one, other in scene.pairs()
        if scene.why_not_together(one, other) is None
    ],
)
def test_the_first_in_precedence_wins(
    scene: Scene,
    one: Breach,
    other: Breach,
    reading: str,
    made: Callable[[str], World],
    state_of: Callable[[Crm], object],
) -> None:
    """Of two refusals the one of the lower rank is said, with the section of its rule, and nothing has changed."""
    _assert_won(scene, (one, other), reading, made(reading), state_of)


def _assert_won(
    scene: Scene, breaches: tuple[Breach, ...], reading: str, world: World, state_of: Callable[[Crm], object]
) -> None:
    execute = scene.arranged(world, *breaches)
    possible = [r for breach in breaches if (r := breach.under(reading)) is not None]
    if not possible:
        assert execute().events
        return
    first = min(map(rank, possible))
    before = state_of(world.crm)
    with pytest.raises(Refused) as refused:
        execute()
    assert said(refused.value) in {r for r in possible if rank(r) == first}
    assert refused.value.safeguard is None or refused.value.safeguard in world.crm.rules.safeguards
    assert refused.value.section is not None
    assert state_of(world.crm) == before


def test_breaches_stand_in_the_order_of_precedence() -> None:
    """The tables above are read from top to bottom, as the order of refusal is."""
    for scene in SCENES.values():
        ranks = [rank(breach.refusal) for breach in scene.breaches]
        assert ranks == sorted(ranks), scene.name


def test_every_pair_competes_or_says_why_not() -> None:
    """A pair is left out for one of the stated reasons only, and every stated reason is needed."""
    used: set[str] = set()
    for scene in SCENES.values():
        names = [breach.name for breach in scene.breaches]
        assert len(set(names)) == len(names), scene.name
        assert {name for pair in scene.never_together for name in pair} <= set(names), scene.name
        used |= {reason for pair in scene.pairs() if (reason := scene.why_not_together(*pair)) is not None}
    assert used == {*ONE_PLACE.values(), *SIGNED_OUT_WITH_KEY.values(), *STRANGER_WITH_RESUME.values()}


def test_every_kind_of_refusal_competes_somewhere() -> None:
    """Each kind of refusal is broken by some scene, in both readings unless it is a safeguard's own."""
    hardened = {breach.refusal[0] for scene in SCENES.values() for breach in scene.breaches}
    seed = {breach.seed[0] for scene in SCENES.values() for breach in scene.breaches if breach.seed is not None}
    assert hardened == set(REFUSALS.values())
    assert hardened - seed == {InvalidEmail}


def test_the_order_of_refusals_is_the_specified_one() -> None:
    """Permission, row policy, missing value, bad value, uniqueness and conflict, reference, credits."""
    assert [kind.code for kind in sorted(REFUSALS.values(), key=lambda kind: kind.precedence)] == [
        "permission_denied",
        "rls_violation",
        "not_null_violation",
        "check_violation",
        "invalid_email",
        "unique_violation",
        "conflict",
        "foreign_key_violation",
        "insufficient_credits",
    ]


# --- what is not there to be refused --------------------------------------------------------

NOT_FOR_ANYBODY: Final = ("auth.users", "payments", "credit_grants", "credit_consumptions", "idempotency_keys")


@pytest.mark.parametrize("rules", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("table", NOT_FOR_ANYBODY)
def test_the_ledger_is_written_by_the_model_alone(table: str, rules: Rules, make_world: MakeWorld) -> None:
    """Even the service may not write the people, the ledger or the keys: permission, before any value."""
    world = make_world(rules)
    for command in (Update(table=table, set={"created_at": None}), Delete(table=table)):
        with pytest.raises(PermissionDenied):
            world.crm.execute(SERVICE, command)


@pytest.mark.parametrize("rules", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize(
    "command",
    [
        Update(table="crm_recordings", where={"user_id": BOB}, set={"id": None, "duration": -1, "status": "banana"}),
        Update(table="crm_recordings", where={"id": NO_ROW}, set={"job_request_id": NO_ROW}),
        Delete(table="crm_job_requests", where={"user_id": BOB}),
    ],
    ids=["bad values", "bad reference", "referenced rows"],
)
def test_rows_that_one_may_not_see_refuse_nothing(
    command: Update | Delete, rules: Rules, make_world: MakeWorld
) -> None:
    """An update or delete of rows that one may not see touches 0 rows, whatever it would have broken."""
    world = make_world(rules)
    accepted = world.crm.execute(AS_AMY, command)
    assert (accepted.affected, accepted.events) == (0, ())
