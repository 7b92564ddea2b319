"""What does one order of steps look like? A column for each session, and the balance next to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from attrs import field, frozen

from .transactions import Answer, Step, Update


@frozen
class Taken:
    """A step that a session took.

    Attributes:
        session: Which one, from 0.
        step: The step.
        answer: What it was answered.
        accepted: Whether the session got what it wanted, if this was its last step; else None.
        balance: The balance that everybody sees afterwards, in credits.
    """

    session: int
    step: Step
    answer: Answer
    accepted: bool | None
    balance: int

    def __str__(self) -> str:
        end = "" if self.accepted is None else ": accepted" if self.accepted else ": refused"
        return f"{self.step}{_answered(self.step, self.answer)}{end}"


def _answered(step: Step, answer: Answer) -> str:
    if isinstance(step, Update):
        return "" if answer else " → no row"
    if isinstance(answer, tuple):
        return f" → {', '.join(map(str, answer))}"
    return "" if answer is None else f" → {answer}"


@frozen(kw_only=True)
class Timeline:
    """One order of steps, which prints as a table.

    Attributes:
        sessions: How many sessions there are.
        taken: Their steps.
        waiting: The sessions that wait for one another at the end, each with the step that it cannot take.
    """

    sessions: int
    taken: tuple[Taken, ...]
    waiting: Mapping[int, Step] = field(factory=dict)

    @property
    def successes(self) -> int:
        """How many sessions got what they wanted."""
        return sum(step.accepted is True for step in self.taken)

    @property
    def switches(self) -> int:
        """How often another session goes on than the one before."""
        return sum(one.session != other.session for one, other in pairwise(self.taken))

    def __str__(self) -> str:
        rows = [*self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(self.sessions)]
        return "\n".join(
            "  ".join((*(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)), last.rjust(7))).rstrip()
            for *cells, last in rows
        )

    def _rows(self) -> Iterator[list[str]]:
        yield [*(f"session {number}" for number in range(1, self.sessions + 1)), "balance"]
        for step in self.taken:
            yield [*self._in_column(step.session, str(step)), str(step.balance)]
        for session, blocked in self.waiting.items():
            yield [*self._in_column(session, f"{blocked} waits"), ""]

    def _in_column(self, session: int, text: str) -> list[str]:
        return [text if column == session else "" for column in range(self.sessions)]
