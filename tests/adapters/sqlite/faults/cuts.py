"""What does a store hold after the power failed?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from attrs import frozen

from .disk import calm, watched
from .power import Recording, contents_of, left_on_disk, put
from .sound import assert_sound, units_in
from .work import Kind, prepare, work


@frozen
class Cut:
    """A loss of power.

    Attributes:
        acknowledged: The units of work that were acknowledged before it, in their order.
        begun: Those, and the one that was being done.
        kept: Those that the file holds afterwards.
    """

    acknowledged: list[str]
    begun: list[str]
    kept: list[str]

    @property
    def in_order(self) -> bool:
        """Whether no unit is there while one before it is missing, or that was never begun."""
        return self.kept == self.begun[: len(self.kept)]

    @property
    def lost(self) -> list[str]:
        """The units that were acknowledged and are not there."""
        return [unit for unit in self.acknowledged if unit not in self.kept]


def cuts(kind: Kind, seed: int, *, synchronous: str, lives: int = 2, each: int = 5) -> Iterator[Cut]:
    """Work, and cut the power at random moments; assert each time that the file is whole.

    Args:
        kind: The kind of work.
        seed: Decides what is done and what is lost; the same seed does the same.
        synchronous: How durable a commit is.
        lives: How often to work, each time with what the last cut left.
        each: How often to cut the power in each life.
    """
    draw = Random(f"power {seed}")
    with TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "crm.db"
        units = prepare(path, kind)
        left = contents_of(path.parent)
        for life in range(lives):
            put(left, path.parent)
            before, recording = left, recorded(path, kind, f"p{life}", draw, synchronous)
            begun = units + [unit for _, unit in recording.acknowledged]
            for _ in range(each):
                moment = draw.randint(0, len(recording.changes))
                left = left_on_disk(before, recording.changes[:moment], draw)
                put(left, path.parent)
                acknowledged = len(units) + sum(after <= moment for after, _ in recording.acknowledged)
                cut = Cut(begun[:acknowledged], begun[: acknowledged + 1], units_now(path))
                yield cut
            units = cut.kept


def recorded(path: Path, kind: Kind, person: str, draw: Random, synchronous: str = "FULL") -> Recording:
    """Work for a while; return what was done to the disk."""
    recording = Recording()
    with recording.running():
        for unit in work(path, kind, person, draw, synchronous=synchronous, units=6):
            recording.acknowledge(unit)
    return recording


def units_now(path: Path) -> list[str]:
    """Return the units of work that the file holds; assert that it is whole."""
    with watched(calm):  # whose syncs cost nothing
        assert_sound(path)
        return units_in(path)
