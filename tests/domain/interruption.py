"""Interrupts at chosen moments, and a drill of batches that are interrupted.

CPython looks for signals when a function is entered and when a call returns.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from random import Random
from types import FrameType
from typing import Final, Self

from attrs import Factory, define, field

import crm_domain
from crm_domain import (
    SERVICE,
    Command,
    CreateJobRequest,
    CreateRecording,
    Crm,
    Delete,
    JournalEntry,
    Principal,
    RecordPayment,
    Refused,
    SyncCrmUser,
    TrackView,
    Update,
    UploadResume,
    user,
)
from crm_domain.clocks import label_uuid
from crm_domain.laws import check_all

INSIDE: Final = str(Path(crm_domain.__file__).parent)

PEOPLE: Final = ("amy", "bob")


@define
class Interruption:
    """Raises `KeyboardInterrupt` at the moments of these numbers in certain folders, or in what they call.

    Attributes:
        numbers: The moments, from 1; none to count them.
        inside: The folders: `crm_domain` by default.
        passed: How many moments have passed.
    """

    numbers: Collection[int]
    inside: tuple[str, ...] = (INSIDE,)
    passed: int = 0

    @property
    def happened(self) -> bool:
        return self.passed >= max(self.numbers)

    def __call__(self, frame: FrameType | None, event: str, _: object) -> None:
        assert frame is not None
        # At a yield no call returns, and where an exception is thrown into a generator, no function is entered.
        is_generator = event in {"call", "return"} and frame.f_code.co_flags & inspect.CO_GENERATOR
        if event != "c_call" and not is_generator and (self._is_inside(frame) or self._is_inside(frame.f_back)):
            self.passed += 1
            if self.passed in self.numbers:
                raise KeyboardInterrupt

    def __enter__(self) -> Self:
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _is_inside(self, frame: FrameType | None) -> bool:
        return frame is not None and frame.f_code.co_filename.startswith(self.inside)


class UndoneError(Exception):
    """Raised by blocks that are to be undone."""


@define
class Drill:
    """One sequence of batches and single commands, the same for the same seed, and what is known of it afterwards.

    Attributes:
        crm: An empty `Crm`, whose ids and times repeat.
        seed: What decides about the commands.
    """

    crm: Crm
    seed: int
    _heard: list[JournalEntry] = field(init=False, factory=list)
    _made: int = field(init=False, default=0)
    _kept: list[str] = field(init=False, factory=list)
    _groups: list[list[str]] = field(init=False, factory=list)
    _undone: list[str] = field(init=False, factory=list)
    _start: int = field(init=False, default=0)
    _draw: Random = field(init=False, default=Factory(lambda self: Random(self.seed), takes_self=True))

    def __attrs_post_init__(self) -> None:
        for name in PEOPLE:
            self.crm.execute(SERVICE, SyncCrmUser(user_id=label_uuid(name), email=f"{name}@example.com"))
        self.crm.subscribe(self._heard.append)
        self._start = len(self.crm.journal)

    def run(self, interruption: Callable[[], Interruption]) -> Interruption:
        """Do it all, with interrupts that each piece of work survives."""
        with suppress(KeyboardInterrupt), interruption() as found:
            for _ in range(4):
                with suppress(KeyboardInterrupt, RuntimeError, UndoneError):
                    self._draw.choice([self._batch, self._batch, self._single, self._batch_undone, self.crm.rebuild])()
        return found

    def check(self) -> None:
        """Assert that all that was acknowledged is there, nothing is there by halves, and all of it was told once."""
        crm = self.crm
        crm.execute(SERVICE, TrackView(email="amy@example.com"))
        assert check_all(crm) == [], self.seed
        stored = {row.id for row in crm.tables.crm_job_requests}
        assert stored.issuperset(self._kept), self.seed
        assert stored.isdisjoint(self._undone), self.seed
        for group in self._groups:
            assert len(stored.intersection(group)) in {0, len(group)}, self.seed
        assert self._heard == [*crm.journal.entries(after=self._start)], self.seed

    def _batch(self) -> None:
        """Go on after whatever happens to a command, and try to have the batch kept."""
        group: list[str] = []
        self._groups.append(group)
        with self.crm.batch():
            for _ in range(3):
                with suppress(KeyboardInterrupt, RuntimeError, Refused):
                    group.append(self._marked())
                with suppress(KeyboardInterrupt, RuntimeError, Refused):
                    self.crm.execute(*self._command(), key=self._draw.choice([None, "key"]))
                with suppress(KeyboardInterrupt, RuntimeError):
                    self.crm.as_user(label_uuid("amy")).recordings()
        self._kept += group

    def _batch_undone(self) -> None:
        with self.crm.batch():
            self._undone.append(self._marked())
            with suppress(Refused):
                self.crm.execute(*self._command())
            raise UndoneError

    def _single(self) -> None:
        self._kept.append(self._marked())
        with suppress(Refused):
            self.crm.execute(*self._command())

    def _marked(self) -> str:
        """Store a job request of which one knows that it was acknowledged; return its id."""
        self._made += 1
        made = label_uuid(f"job {self._made}")
        self.crm.execute(user(label_uuid(self._draw.choice(PEOPLE))), CreateJobRequest(id=made))
        return made

    def _command(self) -> tuple[Principal, Command]:
        self._made += 1
        name = self._draw.choice(PEOPLE)
        amy, draw = user(label_uuid(name)), self._draw
        commands: list[tuple[Principal, Command]] = [
            (amy, CreateRecording(status="completed", duration=7)),
            (amy, CreateRecording()),
            (amy, UploadResume(resume_url="/cv", is_primary=True)),
            (amy, Delete(table="crm_recordings")),
            (amy, Update(table="crm_resumes", set={"is_primary": draw.choice([True, False])})),
            (SERVICE, RecordPayment(user_id=label_uuid(name), amount="12.99", ref=f"{self._made}")),
            (SERVICE, SyncCrmUser(email=f"new-{self._made}@example.com")),
            (SERVICE, Update(table="profiles", where={"user_id": label_uuid(name)}, set={"credits_remaining": 3})),
        ]
        return draw.choice(commands)


def drill(make: Callable[[], Crm], seed: int, *, inside: tuple[str, ...] = (INSIDE,)) -> Crm:
    """Do the work of this seed with two interrupts at random moments, the second soon after the first; check it."""
    counted = Drill(make(), seed).run(lambda: Interruption((), inside))
    draw = Random(seed)
    number = draw.randrange(counted.passed) + 1
    interrupted = Drill(make(), seed)
    interrupted.run(lambda: Interruption({number, number + draw.choice([1, 7, 60, 600])}, inside))
    interrupted.check()
    return interrupted.crm
