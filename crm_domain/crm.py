"""How do commands, state and sessions run together?

`Crm` is the one place where time passes, ids are made and something is kept. It executes one
command at a time, whichever thread asks: decide, append to the journal, evolve the tables,
commit, then tell the subscribers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Concatenate, Final, ParamSpec, TypeVar

import attrs

from . import queries
from .answers import Accepted, AnsweredBy
from .clocks import random_ids, system_clock
from .commands import Command
from .decide import decide
from .decision import View
from .errors import Refused
from .evolve import FOLDS
from .explain import Explanation, explain
from .forks import tell_in_children
from .idempotency import decide_keyed, idempotency_key
from .ids import ANON, SERVICE, Principal, user
from .memory.store import MemoryStore, rebuilt
from .outbox import Outbox, Subscriber
from .ports import Clock, IdSource, Journal, Store, Tables
from .reads import Read
from .rules import HARDENED, Rules
from .session import Session
from .tasks import Holder
from .values import utc

A = TypeVar("A", bound=Accepted)
P = ParamSpec("P")
R = TypeVar("R")


@attrs.define(eq=False)
class _Batch:
    """A batch that is open, or one whose undoing has not come to its end.

    Attributes:
        holder: The thread and the task that opened it.
        over: Whether it is to be undone before anything else happens: an interrupt may cut that short.
    """

    holder: Holder = attrs.field(factory=Holder)
    over: bool = False


class Crm:
    """The CRM's rules, running over a store.

    Threads may share one: each waits while another is in a command or a batch. The tasks of an event
    loop may share one too, as no command awaits anything; see `batch` for what a batch keeps out. A
    process that is forked has a copy in memory of its own, which it may use unless a thread was in the
    middle of something; a store in a file is to be opened by each process for itself.

    Args:
        store: Where the state is; in memory by default.
        rules: The rules in force.
        clock: Gives the time; inject one for runs that repeat exactly.
        new_id: Makes ids where the caller chose none.

    Example:
        >>> crm = Crm()
        >>> amy = crm.as_service().sync_crm_user(email="amy@example.com").user_id
        >>> crm.as_user(amy).create_recording(video_url="https://example.com/1.mp4").version
        7
        >>> crm.as_user(amy).get_crm_dashboard_data("amy@example.com").credits_remaining
        3
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        rules: Rules = HARDENED,
        clock: Clock = system_clock,
        new_id: IdSource = random_ids,
    ) -> None:
        self.rules = rules
        self._store: Store = store or MemoryStore()
        self._store.open(rules)
        self._clock = clock
        self._new_id = new_id
        self._view = View(self._store.tables, rules, new_id)
        self._lock = threading.RLock()
        self._batch: _Batch | None = None
        self._torn = False
        self._outbox = Outbox()
        self._subscribers, self._untold = self._outbox.subscribers, self._outbox.entries
        tell_in_children(self)

    # --- who asks ---------------------------------------------------------------------------

    def as_user(self, user_id: str) -> Session:
        """Return a session of the person with this id.

        Raises:
            TypeError, ValueError: *user_id* is not a UUID.
        """
        return Session(self, user(user_id))

    def as_service(self) -> Session:
        """Return a session of the service role."""
        return Session(self, SERVICE)

    def as_anon(self) -> Session:
        """Return a session of someone who has not signed in."""
        return Session(self, ANON)

    def as_principal(self, principal: Principal) -> Session:
        """Return a session of *principal*."""
        return Session(self, principal)

    # --- what is done -----------------------------------------------------------------------

    def execute(self, principal: Principal, command: AnsweredBy[A], *, key: str | None = None) -> A:
        """Execute one command: all of it, or nothing.

        Args:
            principal: On whose behalf.
            command: What is asked.
            key: An idempotency key: a retry with the same key and content gets the first answer
                and does nothing more. A refused command does not use its key up.

        Raises:
            Refused: A rule declines it; nothing has changed.
            BatchOfAnotherTask: Another task of this thread has a batch open; see `batch`.
            RuntimeError: An earlier command of this batch was interrupted.
        """
        key = None if key is None else idempotency_key(key, self.rules)
        if not self.rules.atomic_consume:
            return self._checked_then_executed(principal, command, key)
        with self._lock:
            if self._batch is not None:
                self._admit()
            accepted = self._execute(self._view, principal, command, key)
        if self._untold:
            self._deliver()
        return accepted

    def execute_overlapping(self, requests: Sequence[tuple[Principal, Command]]) -> list[Accepted | Refused]:
        """Execute commands that overlap in time: each is checked before any of them is written.

        Under ``atomic_consume`` check and write are one step, so they are as if one came after
        the other. Without it, they all see the balance that was there before the first.

        Returns:
            For each command its answer, or its refusal.
        """
        outcomes: list[Accepted | Refused] = []
        with self._lock:
            self._admit()
            passed = set() if self.rules.atomic_consume else {n for n, r in enumerate(requests) if self._check(*r)}
            for n, (principal, command) in enumerate(requests):
                try:
                    outcomes.append(self._execute(self._seen(n in passed), principal, command, None))
                except Refused as refusal:
                    outcomes.append(refusal)
        self._deliver()
        return outcomes

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Execute many commands as one: all are kept, or none if the block raises.

        It belongs to the thread and the task that open it. Other threads wait until it is over, so the
        block must not wait for one that uses this `Crm`. Other tasks of the same thread cannot wait
        without blocking their event loop: no matter what they ask of this `Crm` across an ``await`` of the
        block is refused (`BatchOfAnotherTask`), except to subscribe. So are the tasks that the block
        starts itself, as ``gather`` does. Tasks of asyncio, trio and anyio are distinguished; see
        `crm_domain.tasks`. Who has a journal, its entries or a table in hand from before is not asked:
        an iterator over entries goes on with those that were there when it was made.

        A command in it that ends in anything but an answer or a refusal, such as Ctrl-C, spoils the
        batch: what follows in it is refused, and none of it is kept. Subscribers are called afterwards.

        Raises:
            BatchOfAnotherTask: Another task of this thread has a batch open.
            RuntimeError: There is a batch already, or a command in it was interrupted.
        """
        with self._lock:
            self._refuse_batch("batch: there is one already in this task, and batches do not nest")
            try:
                self._store.begin(many=True)
                self._batch = _Batch()
                after = len(self._store.journal)
                yield
                self._refuse_torn()
                self._outbox.prepare(self._store.journal, after=after)
                self._store.commit()
                self._batch = None
                self._outbox.publish()
            except BaseException:
                self._batch = _OVER
                try:
                    self._roll_back()
                finally:
                    self._admit()
                raise
        self._deliver()

    def _admit(self) -> None:
        """Let in only who may act now, under the lock; first bring an undoing to its end that was interrupted."""
        batch = self._batch
        if batch is None:
            return
        if batch is _CUT_IN_TWO:
            raise RuntimeError(
                "this Crm was in the middle of a command or a batch when the process was forked, so that only a part of "
                "it is here: make another one in this process"
            )
        if batch.over:
            self._torn = True
            self._roll_back()
        else:
            batch.holder.refuse_other_tasks("A batch of this Crm")
            self._refuse_torn()

    def _refuse_torn(self) -> None:
        if self._torn:
            raise RuntimeError(
                "batch: a command was interrupted half-way, so none of the batch is kept: leave the block and do all of it "
                "again"
            )

    def forked(self) -> None:  # pragma: no cover - runs in the child alone
        """Go on in a child process as a copy of its own, or refuse every use if a command was cut in two.

        A store that cannot be inherited refuses it as well.
        """
        is_whole = self._lock.acquire(blocking=False) and self._batch is None
        self._lock = threading.RLock()
        self._batch = None if is_whole else _CUT_IN_TWO
        self._outbox.forked()

    def _refuse_batch(self, message: str) -> None:
        self._admit()
        if self._batch is not None:
            raise RuntimeError(message)

    def explain(self, principal: Principal, command: Command) -> Explanation:
        """Tell, without executing it, what would come of a command and which rules decide.

        This is for those who run the service: it says what the principal may not know, such as
        that an address exists.
        """
        with self._lock:
            self._admit()
            with self._store.reading():
                return explain(self._view, principal, command, self._now())

    def answer(self, principal: Principal, read: Read[R]) -> R:
        """Answer a read of `crm_domain.reads` as *principal* sees the state.

        Raises:
            PermissionDenied: The role may not read this at all.
        """
        return self.read(queries.answer, principal, read)

    def read(self, query: Callable[Concatenate[View, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Answer a question of one's own from a state in which no command is half done."""
        with self._lock:
            if self._batch is not None:
                self._admit()
            with self._store.reading():
                return query(self._view, *args, **kwargs)

    # --- what happened ----------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        """The append-only sequence of events."""
        if self._batch is not None:
            self._wait()
        return self._store.journal

    @property
    def tables(self) -> Tables:
        """The tables themselves, for rules and laws to look at; callers read through sessions."""
        if self._batch is not None:
            self._wait()
        return self._store.tables

    def _wait(self) -> None:
        """Wait until no other thread has a batch open, and let in only who may look."""
        with self._lock:
            self._admit()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have *subscriber* called with every event from now on, after its commit and in order.

        It is called outside of all locks and batches, in the task and the thread of a command. One that
        raises is logged, and harms neither the state nor the others. An interrupt (Ctrl-C) comes
        through: what was committed and not delivered yet is delivered with the next command.

        Returns:
            A function that ends the subscription.
        """
        return self._outbox.subscribe(subscriber)

    def rebuild(self) -> None:
        """Rebuild every table from the journal alone.

        Raises:
            RuntimeError: A batch is going on.
        """
        with self._lock:
            self._refuse_batch("rebuild: not in the middle of a batch")
            try:
                self._store.begin(many=True)
                self._store.replace_tables(rebuilt(self._store.journal))
                self._store.commit()
                self._view = View(self._store.tables, self.rules, self._new_id)
            except BaseException:
                self._batch = _OVER
                try:
                    self._roll_back()
                finally:
                    self._admit()
                raise

    def as_of(self, *, position: int | None = None, at: datetime | None = None) -> Crm:
        """Return the past: a copy in memory, which may go on by itself without touching this one.

        Args:
            position: The state after this many events.
            at: The state after the last event that had happened by then (by the model's clock).

        Raises:
            ValueError: Neither or both are given, *position* is not in the journal, or *at* is naive.
        """
        with self._lock:
            self._admit()
            upto = self._position_at(position, at)
            store = MemoryStore()
            for entry in self.journal.entries(upto=upto):
                store.journal.append([entry.event], at=entry.at, principal=entry.principal, key=entry.idempotency_key)
            store.replace_tables(rebuilt(store.journal))
        return Crm(store, rules=self.rules, clock=self._clock, new_id=self._new_id)

    def _position_at(self, position: int | None, at: datetime | None) -> int:
        if at is not None and position is None:
            moment = utc(at, "at")
            return max((entry.position for entry in self.journal.entries() if entry.at <= moment), default=0)
        if position is None or at is not None:
            raise ValueError("as_of: give either position or at")
        if not 0 <= position <= len(self.journal):
            raise ValueError(f"position: expected 0 to {len(self.journal)}, got {position}")
        return position

    # --- how it is done ---------------------------------------------------------------------

    def _now(self) -> datetime:
        at = self._clock()
        return at if type(at) is datetime and at.tzinfo is UTC else utc(at, "clock")

    def _check(self, principal: Principal, command: AnsweredBy[Accepted]) -> bool:
        with self._store.reading():
            try:
                decide(self._view, principal, command, self._now())
            except Refused:
                return False
        return True

    def _checked_then_executed(self, principal: Principal, command: AnsweredBy[A], key: str | None) -> A:
        """Check in one step and consume in another, as the document's flow has it."""
        with self._lock:
            self._admit()
            checked = self._check(principal, command)
        with self._lock:
            self._admit()
            accepted = self._execute(self._seen(checked), principal, command, key)
        self._deliver()
        return accepted

    def _seen(self, credit_checked: bool) -> View:  # noqa: FBT001
        return attrs.evolve(self._view, credit_checked=credit_checked)

    def _execute(self, view: View, principal: Principal, command: AnsweredBy[A], key: str | None) -> A:
        """Execute one command that was admitted, in a transaction of its own unless in a batch."""
        store, alone = self._store, self._batch is None
        try:
            if alone:
                store.begin(many=False)
            at = self._now()
            if key is None:
                accepted = decide(view, principal, command, at)
                events = accepted.events
            else:
                accepted, events = decide_keyed(view, store.journal, principal, command, key, at)
            if events:
                self._torn = True
                accepted.version = store.journal.append(events, at=at, principal=principal, key=key)
                tables = view.tables
                for event in events:
                    FOLDS[type(event)](tables, event, at)
            if alone:
                is_told = events and self._subscribers
                if is_told:
                    self._outbox.prepare(store.journal, after=len(store.journal) - len(events))
                store.commit()
                if is_told:
                    self._outbox.publish()
            self._torn = False
        except BaseException as error:
            if alone:
                self._batch = _OVER
                try:
                    self._roll_back()
                finally:
                    self._admit()
            elif not isinstance(error, Refused):
                self._torn = True
            raise
        return accepted

    def _roll_back(self) -> None:
        """Undo what was done since the last commit; only at its very end is there no batch any more."""
        self._store.rollback(torn=self._torn)
        if self._store.tables is not self._view.tables:
            self._view = View(self._store.tables, self.rules, self._new_id)
        self._outbox.settle(self._store.journal)
        self._torn = False
        self._batch = None

    def _deliver(self) -> None:
        batch = self._batch
        if batch is None or batch.over or not batch.holder.is_of_this_thread:  # no look at what may yet be undone
            self._outbox.deliver()


_OVER: Final = _Batch(over=True)
"""What is to be undone before anything else happens, of one command or of many."""

_CUT_IN_TWO: Final = _Batch()
"""What a child process inherited the half of."""
