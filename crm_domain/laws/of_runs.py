"""What can no one do to anyone else? Laws that compare two runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crm_domain.errors import Refused
from crm_domain.ids import Principal

from .kinds import Answer, Step, of_run


@of_run(8, section="Row Level Security (RLS)")
def noninterference(one: Sequence[Step], other: Sequence[Step], observer: Principal) -> Iterator[str]:
    """No matter what others do, all that a user can observe stays the same, refusals included.

    The runs agree in what the observer and the service do for them, times and ids included, and
    differ in what others do. An id belongs to whom chose it first: that others take one which the
    observer will choose later is outside of the law, as it is in PostgreSQL, where a key that is
    taken refuses everybody else.
    """
    seen, also = ([step for step in steps if step.principal == observer] for steps in (one, other))
    if len(seen) != len(also):
        raise ValueError(f"noninterference: {observer} asks {len(seen)} times in one run and {len(also)} in the other")
    for n, (step, twin) in enumerate(zip(seen, also, strict=True), 1):
        if step.command is not twin.command and step.command != twin.command:
            raise ValueError(f"noninterference: request {n} of {observer} is not the same in both runs")
        if _told(step.outcome) != _told(twin.outcome):
            kind = type(step.command).__name__
            yield f"{observer}, request {n} ({kind}): {_told(step.outcome)}, in the other run {_told(twin.outcome)}"


def _told(outcome: Answer) -> object:
    """Return what an outcome says to the one who asked."""
    if isinstance(outcome, Refused):
        return (*outcome.signature, outcome.sqlstate, outcome.message)
    return outcome
