"""What may be asked: one class per command, each an imperative.

A command checks its types when it is made, so that a mistake of the program is a `TypeError`
or `ValueError` that names the field, at the place where it was made. What its *values* break
(a negative duration, a NUL character) is found then too, but kept as `faults`: whether that
refuses the command, and before or after what else, is for `crm_domain.decide` to say.

A command is a value: make another with `attrs.evolve` instead of changing one, for what was found
when it was made is not looked for again.

An argument that is not given takes the column's default; None is an explicit NULL. The owner's
default (`user_id`, `email`) is the principal who executes the command.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, cast

from attrs import Attribute, define, field, frozen

from . import rows
from .answers import AnsweredBy, Changed, Paid, Provisioned, Stored
from .ids import UserId, is_canonical_uuid, known_user_id, row_id
from .rows import table_named
from .schema import DEFAULT, INT64_MAX, PYTHON_TYPES, Atom, Column, ColumnType, Default, Fault, Table, Values
from .values import Json, json_of, plain_amount, plain_number, plain_text

AnyId: TypeAlias = str | uuid.UUID
"""A UUID in any spelling, or as `uuid.UUID`."""


@frozen
class _Plan:
    """What is left to look at in a row whose columns have these types."""

    texts: Callable[[Values], tuple[str, ...]]
    uuids: tuple[int, ...]
    times: tuple[int, ...]
    numbers: tuple[int, ...]
    choices: tuple[tuple[int, tuple[str, ...]], ...]
    null_faults: tuple[Fault, ...]


def _picker(positions: list[int]) -> Callable[[Values], tuple[str, ...]]:
    if len(positions) < 2:  # noqa: PLR2004 - itemgetter returns a bare item for one position
        return lambda values: cast("tuple[str, ...]", tuple(values[n] for n in positions))
    return cast("Callable[[Values], tuple[str, ...]]", itemgetter(*positions))


def _plan(table: Table[Any], types: tuple[type, ...]) -> _Plan | None:
    """Return the plan for these column types; None if some value has to be converted first."""
    nothing = (type(None), Default)
    for column, kind in zip(table.columns, types, strict=True):
        if not (
            kind is type(None) or kind is PYTHON_TYPES.get(column.type) or (kind is Default and _may_be_default(column))
        ):
            return None
    given = [(n, c) for n, (c, t) in enumerate(zip(table.columns, types, strict=True)) if t not in nothing]
    return _Plan(
        texts=_picker([n for n, c in given if c.type is ColumnType.TEXT]),
        uuids=tuple(n for n, c in given if c.type is ColumnType.UUID),
        times=tuple(n for n, c in given if c.type is ColumnType.TIMESTAMPTZ),
        numbers=tuple(n for n, c in given if c.type in {ColumnType.INTEGER, ColumnType.BIGINT}),
        choices=tuple((n, c.one_of) for n, c in given if c.one_of),
        null_faults=tuple(
            fault for c, t in zip(table.columns, types, strict=True) if t is type(None) for fault in c.faults(None)
        ),
    )


def _may_be_default(column: Column) -> bool:
    """Tell whether the model knows better than the caller: ids, times, and whose row it is."""
    return column.owner or column.default is DEFAULT


class CreateRow(AnsweredBy[Stored]):
    """What the six commands that store one row have in common.

    Attributes:
        table: The table, with whose columns the fields of the command agree.
        columns: The atoms of the columns between the owner's and the two times.
        faults: What is wrong with it, no matter who asks and no matter what is stored.
    """

    if not TYPE_CHECKING:
        __slots__ = ()

    table: ClassVar[Table[Any]]
    if TYPE_CHECKING:
        id: AnyId | None | Default
        user_id: AnyId | None | Default
        created_at: datetime | None | Default
        updated_at: datetime | None | Default
        columns: Values
        faults: tuple[Fault, ...]

    def __attrs_post_init__(self) -> None:
        table = self.table
        atoms = table.values_of(self)
        types = tuple(map(type, atoms))
        plans = _PLANS[table.name]
        if types in plans:
            plan = plans[types]
        else:
            plan = plans[types] = _plan(table, types)
        if plan is None or not _is_plain(atoms, plan):
            atoms = self._converted()
            self.faults = _faults(table, atoms)
        elif _is_sound(atoms, plan):
            self.faults = plan.null_faults
        else:
            self.faults = _faults(table, atoms)
        self.columns = atoms[table.position["user_id"] + 1 : -2]

    def _converted(self) -> Values:
        """Bring every field to the form in which it is stored, naming the one that cannot be."""
        atoms: list[Any] = []
        for column, read in zip(self.table.columns, self.table.readers, strict=True):
            value = getattr(self, column.name)
            if value is DEFAULT and _may_be_default(column):
                atoms.append(value)
            else:
                atoms.append(column.atom(value))
                setattr(self, column.name, read(atoms[-1]))  # JSON: the command's own, not the caller's
        return tuple(atoms)


_PLANS: Final[dict[str, dict[tuple[type, ...], _Plan | None]]] = {name: {} for name in rows.TABLES}


def _is_plain(atoms: Values, plan: _Plan) -> bool:
    for n in plan.uuids:
        if not is_canonical_uuid(atoms[n]):  # type: ignore[arg-type]
            return False
    for n in plan.times:  # noqa: SIM110 - a generator would cost more than all of this
        if atoms[n].tzinfo is not UTC or atoms[n].fold:  # type: ignore[union-attr]
            return False
    return True


def _is_sound(atoms: Values, plan: _Plan) -> bool:
    text = "".join(plan.texts(atoms))
    if "\0" in text or not text.isascii():
        return False
    for n in plan.numbers:
        if not 0 <= atoms[n] <= INT64_MAX:  # type: ignore[operator]
            return False
    for n, choices in plan.choices:  # noqa: SIM110 - as above
        if atoms[n] not in choices:
            return False
    return True


def _faults(table: Table[Any], atoms: Values) -> tuple[Fault, ...]:
    given = cast("tuple[Atom | Default, ...]", atoms)
    return tuple(
        fault
        for column, value in zip(table.columns, given, strict=True)
        if value is not DEFAULT
        for fault in column.faults(value)
    )


@define(kw_only=True, weakref_slot=False)
class CreateJobRequest(CreateRow):
    """Store a job application of a CRM user ("Data Insertion Flow")."""

    table = rows.CRM_JOB_REQUESTS

    id: AnyId | None | Default = DEFAULT
    email: str | None | Default = DEFAULT
    user_id: AnyId | None | Default = DEFAULT
    job_title: str | None = None
    company_name: str | None = None
    job_description: str | None = None
    job_url: str | None = None
    application_status: str | None = None
    applied_date: datetime | None = None
    resume_url: str | None = None
    cover_letter: str | None = None
    created_at: datetime | None | Default = DEFAULT
    updated_at: datetime | None | Default = DEFAULT
    columns: Values = field(init=False, eq=False, repr=False)
    faults: tuple[Fault, ...] = field(init=False, eq=False, repr=False)


@define(kw_only=True, weakref_slot=False)
class CreateRecording(CreateRow):
    """Store a video recording of a CRM user, for 1 credit ("Recording Creation Flow").

    ``duration`` in seconds, ``file_size`` in bytes.
    """

    table = rows.CRM_RECORDINGS

    id: AnyId | None | Default = DEFAULT
    email: str | None | Default = DEFAULT
    user_id: AnyId | None | Default = DEFAULT
    job_request_id: AnyId | None = None
    video_url: str | None = None
    thumbnail_url: str | None = None
    duration: int | None = None
    file_size: int | None = None
    recording_date: datetime | None = None
    transcription: str | None = None
    status: str | None = "processing"
    created_at: datetime | None | Default = DEFAULT
    updated_at: datetime | None | Default = DEFAULT
    columns: Values = field(init=False, eq=False, repr=False)
    faults: tuple[Fault, ...] = field(init=False, eq=False, repr=False)


@define(kw_only=True, weakref_slot=False)
class UploadResume(CreateRow):
    """Store a resume of a CRM user ("Automatic Triggers", Resume Uploaded); ``file_size`` in bytes."""

    table = rows.CRM_RESUMES

    id: AnyId | None | Default = DEFAULT
    email: str | None | Default = DEFAULT
    user_id: AnyId | None | Default = DEFAULT
    resume_name: str | None = None
    resume_url: str | None = None
    file_type: str | None = None
    file_size: int | None = None
    parsed_data: Json = None
    is_primary: bool | None = False
    is_active: bool | None = True
    created_at: datetime | None | Default = DEFAULT
    updated_at: datetime | None | Default = DEFAULT
    columns: Values = field(init=False, eq=False, repr=False)
    faults: tuple[Fault, ...] = field(init=False, eq=False, repr=False)


@define(kw_only=True, weakref_slot=False)
class CreateRegularJobRequest(CreateRow):
    """Store a job application of a regular user ("Comparison: Regular Users vs CRM Users")."""

    table = rows.JOB_REQUESTS

    id: AnyId | None | Default = DEFAULT
    user_id: AnyId | None | Default = DEFAULT
    job_title: str | None = None
    company_name: str | None = None
    job_description: str | None = None
    job_url: str | None = None
    application_status: str | None = None
    applied_date: datetime | None = None
    resume_url: str | None = None
    cover_letter: str | None = None
    created_at: datetime | None | Default = DEFAULT
    updated_at: datetime | None | Default = DEFAULT
    columns: Values = field(init=False, eq=False, repr=False)
    faults: tuple[Fault, ...] = field(init=False, eq=False, repr=False)


@define(kw_only=True, weakref_slot=False)
class CreateRegularRecording(CreateRow):
    """Store a video recording of a regular user, for 1 credit, paid for beforehand.

    ``duration`` in seconds, ``file_size`` in bytes.
    """

    table = rows.RECORDINGS

    id: AnyId | None | Default = DEFAULT
    user_id: AnyId | None | Default = DEFAULT
    job_request_id: AnyId | None = None
    video_url: str | None = None
    thumbnail_url: str | None = None
    duration: int | None = None
    file_size: int | None = None
    recording_date: datetime | None = None
    transcription: str | None = None
    status: str | None = "processing"
    created_at: datetime | None | Default = DEFAULT
    updated_at: datetime | None | Default = DEFAULT
    columns: Values = field(init=False, eq=False, repr=False)
    faults: tuple[Fault, ...] = field(init=False, eq=False, repr=False)


@define(kw_only=True, weakref_slot=False)
class UploadRegularResume(CreateRow):
    """Store a resume of a regular user; ``file_size`` in bytes."""

    table = rows.RESUMES

    id: AnyId | None | Default = DEFAULT
    user_id: AnyId | None | Default = DEFAULT
    resume_name: str | None = None
    resume_url: str | None = None
    file_type: str | None = None
    file_size: int | None = None
    parsed_data: Json = None
    is_primary: bool | None = False
    is_active: bool | None = True
    created_at: datetime | None | Default = DEFAULT
    updated_at: datetime | None | Default = DEFAULT
    columns: Values = field(init=False, eq=False, repr=False)
    faults: tuple[Fault, ...] = field(init=False, eq=False, repr=False)


def _is_text(command: object, attribute: Attribute[str | None], value: object) -> None:
    if value is None or type(value) is str:
        return
    if not isinstance(value, str):
        raise TypeError(f"{attribute.name}: expected str or None, got {type(value).__name__}")
    setattr(command, attribute.name, plain_text(value))


def _is_number(command: object, attribute: Attribute[int | None], value: object) -> None:
    if value is None or type(value) is int:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{attribute.name}: expected int or None, got {type(value).__name__}")
    setattr(command, attribute.name, plain_number(value))


def _person(value: AnyId | None) -> UserId | None:
    return None if value is None else known_user_id(value)


def _owner(value: AnyId | None | Default) -> UserId | None | Default:
    return value if value is None or value is DEFAULT else known_user_id(value)


@define(kw_only=True, weakref_slot=False)
class RegisterUser(AnsweredBy[Provisioned]):
    """Register a regular user: a person and a profile with 0 credits (service role only)."""

    user_id: UserId | None | Default = field(default=DEFAULT, converter=_owner)
    email: str | None = field(default=None, validator=_is_text)


@define(kw_only=True, weakref_slot=False)
class SyncCrmUser(AnsweredBy[Provisioned]):
    """Create a CRM user, or take note that they were seen again ("CRM User Creation Flow").

    The address decides who it is: where it is known, its owner's id comes back.
    """

    user_id: UserId | None | Default = field(default=DEFAULT, converter=_owner)
    email: str | None = field(default=None, validator=_is_text)
    payment_details: Json = None
    payment_details_atom: str | None = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        atom = rows.CRM_USERS.column("payment_details").atom(self.payment_details)
        self.payment_details_atom = cast("str | None", atom)
        self.payment_details = None if atom is None else json_of(str(atom))  # its own, not the caller's


def _amount(value: object) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError(f"amount: expected Decimal, decimal text or None, got {type(value).__name__}")
    try:
        return plain_amount(value)
    except ValueError as error:
        raise ValueError(f"amount: {error}") from None


def _payment_id(value: AnyId | None | Default) -> str | None | Default:
    return value if value is None or value is DEFAULT else row_id(value)


@define(kw_only=True, weakref_slot=False)
class RecordPayment(AnsweredBy[Paid]):
    """Credit a payment ("Comparison": $12.99 gives 3 credits; service role only).

    Attributes:
        user_id: Whose payment.
        amount: US dollars, exact.
        ref: The payment provider's reference, the same in every delivery of one payment.
        id: The key of the ``payments`` row.
        faults: What is wrong with them, no matter what is stored.
    """

    user_id: UserId | None = field(default=None, converter=_person)
    amount: Decimal | None = field(default=None, converter=_amount)
    ref: str | None = field(default=None, validator=_is_text)
    id: str | None | Default = field(default=DEFAULT, converter=_payment_id)
    faults: tuple[Fault, ...] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        given: dict[str, Atom] = {"user_id": self.user_id, "amount": self.amount, "ref": self.ref}
        if self.id is None:
            given["id"] = None
        self.faults = tuple(f for name, value in given.items() for f in rows.PAYMENTS.column(name).faults(value))


def _conditions(given: Mapping[str, object], table: Table[Any], name: str) -> dict[str, Atom]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{name}: expected a mapping from columns to values, got {type(given).__name__}")
    return table.atoms(given)


@define(kw_only=True, weakref_slot=False)
class Update(AnsweredBy[Changed]):
    """Change the rows that one may see and that meet *where*.

    Attributes:
        table: The table.
        where: Equalities that rows must meet, all of them; empty for every row.
        set: The columns to change and their new values.
    """

    table: Table[Any] = field(converter=table_named)
    where: Mapping[str, Any] = field(factory=dict)
    set: Mapping[str, Any]

    def __attrs_post_init__(self) -> None:
        self.where = _conditions(self.where, self.table, "where")
        self.set = _conditions(self.set, self.table, "set")
        if not self.set:
            raise ValueError("set: name at least one column to change")


@define(kw_only=True, weakref_slot=False)
class Delete(AnsweredBy[Changed]):
    """Delete the rows that one may see and that meet *where*; a delete refunds nothing.

    Attributes:
        table: The table.
        where: Equalities that rows must meet, all of them; empty for every row.
    """

    table: Table[Any] = field(converter=table_named)
    where: Mapping[str, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.where = _conditions(self.where, self.table, "where")


@define(kw_only=True, weakref_slot=False)
class TrackView(AnsweredBy[Changed]):
    """Count a view of a CRM user's pages (service role only)."""

    email: str | None = field(default=None, validator=_is_text)


@define(kw_only=True, weakref_slot=False)
class TrackLogin(AnsweredBy[Changed]):
    """Note that a CRM user logged in (service role only)."""

    email: str | None = field(default=None, validator=_is_text)


@define(kw_only=True, weakref_slot=False)
class TrackTime(AnsweredBy[Changed]):
    """Add to the time that a CRM user spent (service role only)."""

    email: str | None = field(default=None, validator=_is_text)
    seconds: int | None = field(default=None, validator=_is_number)


Creation: TypeAlias = (
    CreateJobRequest
    | CreateRecording
    | UploadResume
    | CreateRegularJobRequest
    | CreateRegularRecording
    | UploadRegularResume
)
"""The commands that store one row of a user."""

Command: TypeAlias = (
    Creation | RegisterUser | SyncCrmUser | RecordPayment | Update | Delete | TrackView | TrackLogin | TrackTime
)
"""Everything that may be asked for and may change something."""
