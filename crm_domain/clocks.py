"""Where do time and ids come from? The system's, and repeatable ones for tests and experiments.

The only module that asks the world for something; all others use the ports.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from attrs import define, field

_NAMESPACE = uuid.UUID("6f0c5a0e-2d4b-5c57-9a6e-0c1d1f0f5a11")


def system_clock() -> datetime:
    """Tell the system's time, in UTC with microseconds."""
    return datetime.now(UTC)


def stopwatch() -> Callable[[], float]:
    """Start to measure; return what gives the seconds that have gone by since."""
    started = time.monotonic()
    return lambda: time.monotonic() - started


def random_ids() -> str:
    """Make a random id (UUID version 4)."""
    return str(uuid.uuid4())


def label_uuid(label: str) -> str:
    """Return the UUID (version 5) that a label stands for, always the same one."""
    return str(uuid.uuid5(_NAMESPACE, label))


@define
class ManualClock:
    """A clock that stands still until it is set; it may also jump back.

    Attributes:
        now: The time it gives, aware.
        step: How far it goes on after each time that it was asked.
    """

    now: datetime = field(default=datetime(2026, 1, 1, tzinfo=UTC))
    step: timedelta = field(default=timedelta(0))

    def __call__(self) -> datetime:
        """Tell the time, and go on by a step."""
        now = self.now
        self.now = now + self.step
        return now

    def advance(self, by: timedelta) -> None:
        """Go on by this much; back, if it is negative."""
        self.now += by


@define
class SequentialIds:
    """Makes the same ids in every run: those of the labels ``id-1``, ``id-2``, ….

    Attributes:
        prefix: What distinguishes these ids from those of another source.
        made: How many have been made.
    """

    prefix: str = "id"
    made: int = 0

    def __call__(self) -> str:
        """Make the next id."""
        self.made += 1
        return label_uuid(f"{self.prefix}-{self.made}")
