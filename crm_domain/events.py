"""What can have happened: one class per event, each in the past tense.

Events are the truth: `crm_domain.evolve` makes every table from them alone. Each has a stable
type name (its class's) and a schema version; `crm_domain.upcasting` reads older ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, ClassVar, Final, Self, TypeAlias, cast, get_args

import attrs
from attrs import define

from . import rows
from .ids import Email, UserId
from .schema import Atom, Table, Values
from .wording import quoted


@define(weakref_slot=False)
class RowStored:
    """What the events that store one whole row have in common; ``values`` are its atoms."""

    table: ClassVar[Table[Any]]

    values: Values

    @classmethod
    def of(cls, **columns: Atom) -> Self:
        """Make the event from the columns of the row, by name; one that is left out takes its default.

        Raises:
            KeyError: A column without a default (a key, a time of the model's) is missing.
            TypeError: The table has no such column.
        """
        defaults = cls.table.defaults
        values = tuple([columns.pop(name) if name in columns else defaults[name] for name in cls.table.by_name])
        if columns:
            raise TypeError(f"{cls.table.name} has no column {', '.join(columns)}")
        return cls(values)

    @property
    def row(self) -> Any:
        """The row that was stored, as an object of the table's class."""
        return self.table.public(self.values)


@define(weakref_slot=False)
class UserRegistered(RowStored):
    """A person came to be."""

    table = rows.AUTH_USERS


@define(weakref_slot=False)
class ProfileCreated(RowStored):
    """A person got a profile, with a balance of 0 credits."""

    table = rows.PROFILES


@define(weakref_slot=False)
class CrmUserCreated(RowStored):
    """A person became a CRM user; the mirror starts at their balance."""

    table = rows.CRM_USERS


@define(weakref_slot=False)
class DashboardCreated(RowStored):
    """A CRM user got counters, all 0."""

    table = rows.CRM_DASHBOARD_STATS


@define(weakref_slot=False)
class JobRequestCreated(RowStored):
    """A CRM user stored a job application."""

    table = rows.CRM_JOB_REQUESTS


@define(weakref_slot=False)
class RecordingCreated(RowStored):
    """A CRM user stored a recording."""

    table = rows.CRM_RECORDINGS


@define(weakref_slot=False)
class ResumeUploaded(RowStored):
    """A CRM user stored a resume."""

    table = rows.CRM_RESUMES


@define(weakref_slot=False)
class RegularJobRequestCreated(RowStored):
    """A regular user stored a job application."""

    table = rows.JOB_REQUESTS


@define(weakref_slot=False)
class RegularRecordingCreated(RowStored):
    """A regular user stored a recording."""

    table = rows.RECORDINGS


@define(weakref_slot=False)
class RegularResumeUploaded(RowStored):
    """A regular user stored a resume."""

    table = rows.RESUMES


@define(weakref_slot=False)
class PaymentRecorded(RowStored):
    """A payment came in."""

    table = rows.PAYMENTS


@define(weakref_slot=False)
class CreditGranted(RowStored):
    """A person got credits from a source."""

    table = rows.CREDIT_GRANTS


@define(weakref_slot=False)
class CreditConsumed(RowStored):
    """A recording took 1 credit from a grant."""

    table = rows.CREDIT_CONSUMPTIONS


@define(weakref_slot=False)
class CreditRefunded:
    """The credit of a failed recording went back to the grant that had paid for it."""

    user_id: UserId
    consumption_id: str
    grant_id: str


@define(weakref_slot=False)
class CreditVoided:
    """Credits were taken away without a recording; no grant where they had come from nowhere."""

    user_id: UserId
    grant_id: str | None
    credits: int


@define(weakref_slot=False)
class RecordingCompleted:
    """A paid recording was completed for the first time; from now on its video is fixed."""

    user_id: UserId | None
    consumption_id: str


@define(weakref_slot=False)
class CrmUserSynced:
    """The sync function saw a CRM user again."""

    user_id: UserId
    email: Email


@define(weakref_slot=False)
class ViewTracked:
    """Someone viewed a CRM user's pages."""

    user_id: UserId
    email: Email


@define(weakref_slot=False)
class LoginTracked:
    """A CRM user logged in."""

    user_id: UserId
    email: Email


@define(weakref_slot=False)
class TimeTracked:
    """A CRM user spent this many seconds."""

    user_id: UserId
    email: Email
    seconds: int


@define(weakref_slot=False)
class RowUpdated:
    """Columns of a stored row changed.

    ``changes`` are pairs of column and atom; ``by_owner`` says whether the row's own user did it,
    rather than the service.
    """

    user_id: UserId | None
    table_name: str
    key: str
    changes: tuple[tuple[str, Atom], ...]
    by_owner: bool


@define(weakref_slot=False)
class RowDeleted:
    """A stored row was deleted."""

    user_id: UserId | None
    table_name: str
    key: str


@define(weakref_slot=False)
class IdempotencyKeyUsed(RowStored):
    """A command was accepted under a key, with this answer."""

    table = rows.IDEMPOTENCY_KEYS


Event: TypeAlias = (
    JobRequestCreated
    | RecordingCreated
    | CreditConsumed
    | ResumeUploaded
    | ViewTracked
    | LoginTracked
    | TimeTracked
    | PaymentRecorded
    | CreditGranted
    | RegularJobRequestCreated
    | RegularRecordingCreated
    | RegularResumeUploaded
    | RowUpdated
    | RowDeleted
    | RecordingCompleted
    | CreditRefunded
    | CreditVoided
    | CrmUserSynced
    | UserRegistered
    | ProfileCreated
    | CrmUserCreated
    | DashboardCreated
    | IdempotencyKeyUsed
)
"""Everything that can have happened."""

EVENT_TYPES: Final[dict[str, type[Event]]] = {kind.__name__: kind for kind in get_args(Event)}
"""Every event class by its stable type name."""

SCHEMA_VERSIONS: Final[dict[str, int]] = dict.fromkeys(EVENT_TYPES, 1)
"""The version in which each type of event is written today."""


def _payload_getter(kind: type[Any]) -> Callable[[Any], Any]:
    return attrgetter(*(a.name for a in attrs.fields(kind)))


PAYLOAD_OF: Final[dict[type[Any], Callable[[Any], Any]]] = {kind: _payload_getter(kind) for kind in get_args(Event)}
"""How to take an event apart: its one field, or the tuple of its fields."""

ACCOUNT_AT: Final[dict[type[Any], int]] = {
    kind: kind.table.position["id" if kind is UserRegistered else "user_id"] if issubclass(kind, RowStored) else 0
    for kind in get_args(Event)
}
"""Where in an event's payload the id of the person stands whom it concerns."""


def concerned(event: Event) -> UserId | None:
    """Return the id of the person whom *event* concerns; None if it is no one."""
    kind = type(event)
    return cast("UserId | None", PAYLOAD_OF[kind](event)[ACCOUNT_AT[kind]])


def from_payload(kind: type[Event], payload: Any) -> Event:
    """Put an event together again from what `PAYLOAD_OF` took apart."""
    if issubclass(kind, RowStored):
        return cast("Event", kind(payload))
    return cast("Callable[..., Event]", kind)(*payload)


def data_of(event: Event) -> dict[str, Atom]:
    """Return what an event says as one flat mapping from names to atoms, for stores and people."""
    if isinstance(event, RowStored):
        return dict(zip(event.table.by_name, event.values, strict=True))
    data = {a.name: getattr(event, a.name) for a in attrs.fields(type(event))}
    if isinstance(event, RowUpdated):
        changes = cast("tuple[tuple[str, Atom], ...]", data.pop("changes"))
        data |= {f"set.{name}": value for name, value in changes}
    return data


def from_data(type_name: str, data: Mapping[str, Any]) -> Event:
    """Return the event that `data_of` described; today's schema version is expected.

    Raises:
        ValueError: There is no such type of event, or its fields are not these.
    """
    kind = EVENT_TYPES.get(type_name)
    if kind is None:
        raise ValueError(f"event: there is no type {quoted(type_name)}; it may come from a newer version")
    try:
        if issubclass(kind, RowStored):
            names = kind.table.by_name
            if unknown := data.keys() - names.keys():
                raise KeyError(*sorted(unknown))  # noqa: TRY301 - told in the same words as a missing one
            return cast("Event", kind(tuple(data[name] for name in names)))
        if kind is RowUpdated:
            rest = {k: v for k, v in data.items() if not k.startswith("set.")}
            changes = tuple((k.removeprefix("set."), v) for k, v in data.items() if k.startswith("set."))
            return RowUpdated(changes=changes, **rest)
        return cast("Callable[..., Event]", kind)(**data)
    except (KeyError, TypeError) as error:
        raise ValueError(f"event: {type_name} has other fields: {error}") from None
