"""What is a command that is accepted, and how is one rule at a time broken with it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
from attrs import field, frozen

from crm_domain import (
    ANON,
    HARDENED,
    SEED,
    Accepted,
    Command,
    Conflict,
    Delete,
    PermissionDenied,
    Refused,
    user,
)
from crm_domain.clocks import label_uuid

if TYPE_CHECKING:
    from tests.domain.conftest import World

AMY, BOB, CAT, RITA, RON = map(label_uuid, ("amy", "bob", "cat", "rita", "ron"))
NEW, STRANGER, NO_ROW = map(label_uuid, ("new", "stranger", "no row"))
AS_AMY, AS_RITA, AS_NEW, AS_STRANGER = map(user, (AMY, RITA, NEW, STRANGER))
READINGS: Final = {"HARDENED": HARDENED, "SEED": SEED}
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)

ONE_PLACE: Final = {
    "principal": "a command is executed on behalf of one principal",
    "argument": "an argument has one value",
    "set": "a column is set to one value",
}
"""Why no command can have two breaches that want different things in one place."""

Refusal: TypeAlias = tuple[type[Refused], str | None, str | None]
"""What tells refusals apart here: kind, column and safeguard."""


def refusal(kind: type[Refused], column: str | None = None, safeguard: str | None = None) -> Refusal:
    return (kind, column, safeguard)


@frozen
class Breach:
    """The breaking of one rule.

    Attributes:
        name: What is broken.
        refusal: What is said to it under the hardened rules.
        wants: What it needs in which place of the command.
        world: What has to be done before.
        seed: What the seed says; None where this is one of its holes.
    """

    name: str
    refusal: Refusal
    wants: Mapping[str, Any] = field(factory=dict)
    world: Callable[[World], object] | None = None
    seed: Refusal | None = field(default=attrs.Factory(lambda self: self.refusal, takes_self=True))

    def under(self, reading: str) -> Refusal | None:
        return self.refusal if reading == "HARDENED" else self.seed


@frozen
class Scene:
    """A command that is accepted as it stands, and the ways to break a rule with it."""

    name: str
    command: Callable[..., Command]
    stands: Mapping[str, Any]
    breaches: tuple[Breach, ...]
    world: Callable[[World], object] | None = None
    never_together: Mapping[tuple[str, str], str] = field(factory=dict)

    def arranged(self, world: World, *breaches: Breach) -> Callable[[], Accepted]:
        """Bring the world to where the command is about to be executed, and return its execution."""
        wanted = dict(self.stands)
        for breach in breaches:
            wanted |= breach.wants
        for prepare in (self.world, *(breach.world for breach in breaches)):
            if prepare is not None:
                prepare(world)
        principal, key = wanted.pop("principal"), wanted.pop("key", None)
        if key is not None and principal is not ANON:  # nobody can have used a key
            world.crm.execute(principal, Delete(table="crm_resumes", where={"id": NO_ROW}), key=key)
        command = self.command(**_nested(wanted))
        return lambda: world.crm.execute(principal, command, key=key)

    def why_not_together(self, one: Breach, other: Breach) -> str | None:
        """Say why the two cannot compete; None if they can."""
        for place in one.wants.keys() & other.wants.keys():
            if one.wants[place] != other.wants[place]:
                return ONE_PLACE.get(place.partition(".")[0], ONE_PLACE["argument"])
        return self.never_together.get((one.name, other.name))

    def pairs(self) -> Iterator[tuple[Breach, Breach]]:
        return combinations(self.breaches, 2)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Collect ``set.column`` and ``where.column`` into the mappings that `Update` and `Delete` take."""
    nested: dict[str, Any] = {}
    for place, value in flat.items():
        name, dot, column = place.partition(".")
        if dot:
            nested.setdefault(name, {})[column] = value
        else:
            nested[name] = value
    return nested


def row_id(table: str, name: str) -> str:
    return label_uuid(f"{table} of {name}")


def deactivate(world: World) -> None:
    for name in ("amy", "bob"):
        world.service.deactivate(f"{name}@example.com")


def empty_purses(world: World) -> None:
    for person in (AMY, BOB, RITA, RON):
        world.service.adjust_balance(person, credits=0)


SIGNED_OUT = Breach("nobody signed in", refusal(PermissionDenied), {"principal": ANON})
KEY_USED = Breach("key used for another command", refusal(Conflict), {"key": "used"})
SIGNED_OUT_WITH_KEY: Final = {
    (SIGNED_OUT.name, KEY_USED.name): "nothing is accepted from anon, so anon has never used a key"
}
STRANGER_WITH_RESUME: Final = {
    ("second primary", "unknown user"): "who is not in auth.users has no resume, so this one would be the first"
}
