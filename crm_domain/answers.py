"""What comes back from a command that was accepted? One class for each kind of answer."""

from __future__ import annotations

from typing import Generic, TypeVar, get_args, get_origin

from attrs import define, field

from .events import Event
from .ids import RowId, UserId


@define(weakref_slot=False)
class Accepted:
    """A command that was accepted: what happened, and in the subclasses what the caller asked for.

    Attributes:
        events: What happened; empty if there was nothing to do.
        version: The number of events of the account concerned, with the first of these; 0 if none.
        replayed: Whether this is the answer of an earlier command with the same idempotency key.
    """

    events: tuple[Event, ...]
    version: int = field(default=0, kw_only=True)
    replayed: bool = field(default=False, kw_only=True)


@define(weakref_slot=False)
class Provisioned(Accepted):
    """The answer of `RegisterUser` and `SyncCrmUser` ("CRM User Creation Flow").

    Attributes:
        user_id: Whose account it is: the id that the address has, which may not be the one given.
    """

    user_id: UserId


@define(weakref_slot=False)
class Stored(Accepted):
    """The answer of the six commands that store a row ("Creating CRM User Data").

    Attributes:
        id: The key of the row.
    """

    id: RowId


@define(weakref_slot=False)
class Paid(Accepted):
    """The answer of `RecordPayment` ("Comparison: Regular Users vs CRM Users").

    Attributes:
        id: The key of the row in ``payments``.
        credited: Whether credits were given; False if the payment had been recorded before.
    """

    id: RowId
    credited: bool


@define(weakref_slot=False)
class Changed(Accepted):
    """The answer of `Update`, `Delete` and the trackers.

    Attributes:
        affected: The number of rows.
    """

    affected: int


A_co = TypeVar("A_co", bound=Accepted, covariant=True)


class AnsweredBy(Generic[A_co]):
    """A command whose answer is of this kind."""

    __slots__ = ()


def answer_type(command: type[AnsweredBy[A_co]]) -> type[A_co]:
    """Return the class of the answers to commands of this class."""
    bases = (base for kind in command.__mro__ for base in getattr(kind, "__orig_bases__", ()))
    answer: type[A_co] = next(get_args(base)[0] for base in bases if get_origin(base) is AnsweredBy)
    return answer
