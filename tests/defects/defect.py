"""What is a defect? Something that is wrong on purpose, and the law by which it must be known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Protocol

from attrs import field, frozen

from crm_domain import HARDENED, Rules
from crm_domain.ports import Backend
from crm_domain.testing import Lines

from .driving import Drive, in_memory
from .planting import Patched, Swap


class Planted(Protocol):
    """What is sought: something that is wrong on purpose, wherever it is planted.

    Attributes:
        name: What is wrong, in a word or a few.
        what: What is wrong, in a sentence.
        law: The law that must name it.
        rules: What the backend is held to.
        asked: What is asked before any walk, where chance would take long to come by it; the kit judges and shortens it.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def what(self) -> str:
        """See above."""

    @property
    def law(self) -> str:
        """See above."""

    @property
    def rules(self) -> Rules:
        """See above."""

    @property
    def asked(self) -> Lines:
        """See above."""

    def planted(self) -> AbstractContextManager[Backend]:
        """Return a context in which there is a backend that has it."""


@frozen(kw_only=True)
class Defect:
    """Something that is wrong on purpose.

    Attributes:
        name: What is wrong, in a word or a few.
        what: What is wrong, in a sentence.
        law: The law that must name it.
        swaps: What is not as it should be.
        without: The safeguards that are left out.
        rules: What the backend is held to.
        drive: How the backend is driven.
        asked: What is asked before any walk.
    """

    name: str
    what: str
    law: str
    swaps: tuple[Swap, ...] = ()
    without: tuple[str, ...] = ()
    rules: Rules = HARDENED
    drive: Drive = field(default=in_memory)
    asked: Lines = field(factory=Lines)

    @contextmanager
    def planted(self) -> Iterator[Backend]:
        """Yield a backend that has it."""
        with closing(self.drive(self.rules.without(*self.without))) as driven:
            yield Patched(driven, self.swaps)


def defect(name: str, what: str, law: str, *swaps: Swap, rules: Rules = HARDENED, drive: Drive = in_memory) -> Defect:
    """Return a defect, in the order in which catalogues write it."""
    return Defect(name=name, what=what, law=law, swaps=swaps, rules=rules, drive=drive)
