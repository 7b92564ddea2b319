"""What is a law, and what does it look at?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from attrs import frozen

from crm_domain.answers import Accepted
from crm_domain.commands import Command
from crm_domain.errors import Refused
from crm_domain.ids import Principal
from crm_domain.ports import JournalEntry, Tables
from crm_domain.reads import DashboardData, Read
from crm_domain.rules import Rules


class Past(Protocol):
    """What happened, in order."""

    def entries(self) -> Iterator[JournalEntry]:
        """Yield every entry."""


class State(Protocol):
    """What a law of states looks at: a `Crm` is one, and so is a copy of its past."""

    @property
    def tables(self) -> Tables:
        """The tables."""

    @property
    def journal(self) -> Past:
        """The events that they were made from."""

    @property
    def rules(self) -> Rules:
        """The rules in force."""


Answer: TypeAlias = Accepted | Refused | list[Any] | DashboardData | None
"""What comes back: from a command an `Accepted`, from a read rows or a dashboard, from both a refusal."""


@frozen(kw_only=True)
class Step:
    """One request and the result of it.

    Attributes:
        before: The state that it met.
        principal: Who asked.
        command: What for; a read is asked for too.
        outcome: The answer, or the refusal.
        entries: What it added to the journal.
        after: The state that it left.
    """

    before: State
    principal: Principal
    command: Command | Read[Any]
    outcome: Answer
    entries: Sequence[JournalEntry]
    after: State


@frozen(kw_only=True)
class Law:
    """An invariant that HARDENED keeps.

    Attributes:
        number: Its number in the table of decisions.
        name: Its stable name.
        statement: What holds, in one sentence.
        section: The section of the document that it protects.
    """

    number: int
    name: str
    statement: str
    section: str


@frozen(kw_only=True)
class StateLaw(Law):
    """A law of one state.

    Attributes:
        check: Yields, in words, every place where a state breaks it.
    """

    check: Callable[[State], Iterator[str]]


@frozen(kw_only=True)
class StepLaw(Law):
    """A law of one step.

    Attributes:
        check: Yields, in words, every way in which a step breaks it.
    """

    check: Callable[[Step], Iterator[str]]


@frozen(kw_only=True)
class RunLaw(Law):
    """A law of two runs, as one user saw them.

    Attributes:
        check: Yields, in words, every difference between the steps of one run and of another
            that *observer* could notice.
    """

    check: Callable[[Sequence[Step], Sequence[Step], Principal], Iterator[str]]


@frozen
class Violation:
    """A place where a law is broken.

    Attributes:
        law: The law.
        text: What is, and what should be.
    """

    law: Law
    text: str

    def __str__(self) -> str:
        return f"{self.law.name}: {self.text}"


def of_state(number: int, *, section: str) -> Callable[[Callable[[State], Iterator[str]]], StateLaw]:
    """Make a law of states of the function that checks it: its name, and its docstring's sentence."""
    return lambda check: StateLaw(**_named(check, number, section), check=check)


def of_step(number: int, *, section: str) -> Callable[[Callable[[Step], Iterator[str]]], StepLaw]:
    """Make a law of steps of the function that checks it."""
    return lambda check: StepLaw(**_named(check, number, section), check=check)


def of_run(
    number: int, *, section: str
) -> Callable[[Callable[[Sequence[Step], Sequence[Step], Principal], Iterator[str]]], RunLaw]:
    """Make a law of runs of the function that checks it."""
    return lambda check: RunLaw(**_named(check, number, section), check=check)


def _named(check: Callable[..., object], number: int, section: str) -> dict[str, Any]:
    # Under -OO there are no docstrings; the law holds all the same.
    statement = (inspect.getdoc(check) or check.__name__).partition("\n")[0]
    return {"number": number, "name": check.__name__, "statement": statement, "section": section}
