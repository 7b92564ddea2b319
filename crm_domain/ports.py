"""What must the outside supply? Tables and a journal, a clock, a source of ids, a backend.

`crm_domain.memory.store` implements the first two; adapters implement them over files. Nothing below
`crm_domain.crm.Crm` knows the time, makes an id or does I/O but through these ports.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from attrs import define, frozen

from .answers import Accepted, AnsweredBy
from .events import Event
from .ids import Principal, UserId
from .reads import Read
from .rows import (
    TABLES,
    AuthUser,
    CreditConsumption,
    CreditGrant,
    CrmDashboardStats,
    CrmJobRequest,
    CrmRecording,
    CrmResume,
    CrmUser,
    IdempotencyKey,
    JobRequest,
    Payment,
    Profile,
    Recording,
    Resume,
)
from .rules import Rules
from .schema import Atom, Table, Values

Clock: TypeAlias = Callable[[], datetime]
"""Gives the time: an aware datetime."""

IdSource: TypeAlias = Callable[[], str]
"""Makes a new id: canonical UUID text."""

A = TypeVar("A", bound=Accepted)
R = TypeVar("R")


class Rows(Protocol[R]):
    """One table: a mapping from key to row, with the indexes of its declaration.

    Row objects that come out belong to the store. Only `crm_domain.evolve` changes them, after
    `touch`, and only in tables that are declared as *changing*.
    """

    @property
    def indexed(self) -> Container[str]:
        """The names of the indexes that `find` answers without looking at every row."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a row of this key."""

    def get(self, key: Any) -> R | None:
        """Return the row of this key, or None."""

    def one(self, index: str, value: Atom) -> R | None:
        """Return the first row that the named index has for *value*, or None."""

    def find(self, index: str, value: Atom) -> Sequence[R]:
        """Return the rows that the named index has for *value*, in the order of the index.

        *index* may also be a column without an index.
        """

    def count(self, index: str, value: Atom) -> int:
        """Return the number of rows that the named index has for *value*."""

    def __iter__(self) -> Iterator[R]:
        """Yield every row, in the order of their insertion."""

    def descending(self, column: str, *, below: tuple[Atom, Any] | None = None) -> Iterator[R]:
        """Yield the rows from the greatest value of a column down, those of one value by key; NULL is last.

        *below* is the value and the key of a row, stored or not, behind which to begin.
        """

    def insert(self, values: Values) -> None:
        """Store a new row."""

    def touch(self, row: R) -> None:
        """Announce that *row* is about to be changed in place.

        The change must neither touch an indexed value nor take the row into or out of an index.
        """

    def update(self, key: Any, changes: Mapping[str, Atom]) -> None:
        """Change columns of the row of this key, indexed ones too."""

    def delete(self, key: Any) -> None:
        """Delete the row of this key."""


@define(kw_only=True)
class Tables:
    """Every table of `crm_domain.rows.TABLES`."""

    auth_users: Rows[AuthUser]
    profiles: Rows[Profile]
    crm_users: Rows[CrmUser]
    crm_job_requests: Rows[CrmJobRequest]
    crm_recordings: Rows[CrmRecording]
    crm_resumes: Rows[CrmResume]
    crm_dashboard_stats: Rows[CrmDashboardStats]
    job_requests: Rows[JobRequest]
    recordings: Rows[Recording]
    resumes: Rows[Resume]
    payments: Rows[Payment]
    credit_grants: Rows[CreditGrant]
    credit_consumptions: Rows[CreditConsumption]
    idempotency_keys: Rows[IdempotencyKey]
    by_name: Mapping[str, Rows[Any]]

    @classmethod
    def made_by(cls, make: Callable[[Table[Any]], Rows[Any]]) -> Tables:
        """Return tables that *make* makes from their declarations."""
        by_name = {name: make(table) for name, table in TABLES.items()}
        attributes: dict[str, Any] = {_ATTRIBUTES.get(name, name): rows for name, rows in by_name.items()}
        return cls(by_name=by_name, **attributes)


_ATTRIBUTES: Final = {"auth.users": "auth_users", "digital_resume_by_CRM": "crm_users"}


@frozen(kw_only=True)
class JournalEntry:
    """One event in its place.

    Attributes:
        position: Its place among all events, from 1.
        at: When it happened, by the model's clock.
        principal: Who caused it.
        account: The id of the person whom it concerns; None if no one's.
        version: Its place among the events of that account, from 1.
        idempotency_key: The key of the command that caused it, if it had one.
        event: What happened.
    """

    position: int
    at: datetime
    principal: Principal
    account: UserId | None
    version: int
    idempotency_key: str | None
    event: Event


class Journal(Protocol):
    """The append-only sequence of all events: the truth that tables are made from."""

    def __len__(self) -> int:
        """Return the number of events, which is the position of the last one."""

    def append(self, events: Sequence[Event], *, at: datetime, principal: Principal, key: str | None) -> int:
        """Append the events of one command; return the version that their first account now has, 0 without any."""

    def entries(self, *, after: int = 0, upto: int | None = None) -> Iterator[JournalEntry]:
        """Yield the entries at positions above *after*, up to and with *upto*."""

    def entries_of(self, account: UserId) -> Iterator[JournalEntry]:
        """Yield the entries that concern this account."""

    def version_of(self, account: UserId) -> int:
        """Return the number of events that concern this account."""


class Store(Protocol):
    """Where the state is: tables and journal, changed together or not at all."""

    def open(self, rules: Rules) -> None:
        """Prepare to keep a state under these rules; called once, before anything else."""

    @property
    def tables(self) -> Tables:
        """The tables."""

    @property
    def journal(self) -> Journal:
        """The journal that the tables are made from."""

    def begin(self, *, many: bool) -> None:
        """Start a transaction; *many* announces that it is for more than one command."""

    def commit(self) -> None:
        """Keep what was done since `begin`, durably if the store is durable."""

    def rollback(self, *, torn: bool) -> None:
        """Undo what was done since `begin`; *torn* says that a command, or an earlier undoing, stopped half-way.

        Nothing happens if no transaction is going on.
        """

    def reading(self) -> AbstractContextManager[None]:
        """Have all reads of the block see one state; inside of a transaction, its own."""

    def replace_tables(self, tables: Tables) -> None:
        """Replace the present tables with rebuilt *tables*, inside of a transaction."""


class Place(Protocol):
    """Where the state is: it executes commands and answers reads, each on behalf of a principal.

    `crm_domain.Crm` is one; `crm_domain.session.Session` needs no more than this.
    """

    @property
    def rules(self) -> Rules:
        """The rules in force."""

    def execute(self, principal: Principal, command: AnsweredBy[A], *, key: str | None = None) -> A:
        """Execute one command: all of it, or nothing.

        Raises:
            Refused: A rule declines it; nothing has changed.
        """

    def answer(self, principal: Principal, read: Read[R]) -> R:
        """Answer one read, from one state.

        Raises:
            PermissionDenied: The role may not read this at all.
        """


class Backend(Protocol):
    """Anything that can be asked to execute commands and to show tables, each as someone.

    The in-memory model is one, and so is someone's database with triggers and policies, or a
    service. What it does not have, it says with `NotImplementedError`; where it is only some columns
    of a request, with `crm_domain.testing.ColumnsNotThere`.
    """

    def reset(self) -> None:
        """Start over: no one is registered, and every table is empty."""

    def execute(self, principal: Principal, command: Any) -> Any:
        """Execute *command*, or answer the read `crm_domain.reads.GetDashboard`.

        Returns:
            What is known of the answer: an object or mapping with any of ``id``, ``user_id``,
            ``credited``, ``affected`` and ``version`` (see `crm_domain.Accepted`), or None. For a
            dashboard an object or mapping with its columns, or None.

        Raises:
            Refused: It is declined, and nothing has changed; see `crm_domain.errors.refusal`.
        """

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        """Return the rows that *principal* sees and that meet *where*, in any order.

        Args:
            principal: Who reads.
            table: The document's name of the table.
            where: Equalities that rows must meet, all of them; None is NULL, and equals NULL.

        Returns:
            Objects or mappings with the document's columns.

        Raises:
            Refused: The role may not read the table at all.
        """
