"""Is there one order of the commands that explains every answer, when they were asked at the same time?

Such an order keeps to the time that passed: what was answered before something else was asked
comes before it. The versions of the answers say how the accepted commands follow one another;
a recording is refused only where nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from attrs import frozen


@frozen(kw_only=True)
class Operation:
    """A command on one account, and the result of it.

    Attributes:
        name: What it is called in a message.
        asked: When it was asked, on a count that all clients share.
        answered: When the answer was there.
        accepted: Whether it was accepted; else it was refused for want of credits.
        credits: How many credits it takes: 1, or 0 and it is never refused.
        version: The number of the account's events with it, if the answer says.
        events: How many of them are its own.
    """

    name: str
    asked: int
    answered: int
    accepted: bool
    credits: int = 1
    version: int | None = None
    events: int = 1


def unexplained(operations: Sequence[Operation], credits_: int) -> Iterator[str]:
    """Yield, in words, what no order of the operations explains.

    If all accepted operations tell their version, or none does, nothing is yielded if and only if
    there is such an order.

    Args:
        operations: Everything that was asked of one account.
        credits_: The balance before them.

    Example:
        >>> first = Operation(name="first", asked=1, answered=2, accepted=True, version=7)
        >>> late = Operation(name="late", asked=3, answered=4, accepted=True, version=6)
        >>> list(unexplained([first, late], credits_=4))
        ['late has version 6, and was asked after first was answered, which has version 7']
    """
    accepted = [operation for operation in operations if operation.accepted]
    yield from _oversold(accepted, credits_)
    for operation in operations:
        if not operation.accepted:
            yield from _refused_too_soon(operation, accepted, credits_)
    ordered = sorted((o for o in accepted if o.version is not None), key=_version)
    yield from _against_time(ordered)
    if len(ordered) == len(accepted):
        yield from _gaps(ordered)


def _version(operation: Operation) -> int:
    assert operation.version is not None
    return operation.version


def _oversold(accepted: Sequence[Operation], credits_: int) -> Iterator[str]:
    taken = sum(operation.credits for operation in accepted)
    if taken > credits_:
        yield f"{taken} credits were taken, and there were {credits_}"


def _refused_too_soon(refused: Operation, accepted: Sequence[Operation], credits_: int) -> Iterator[str]:
    """Yield if not everything can have been sold when an operation was refused."""
    taken = sum(operation.credits for operation in accepted if operation.asked < refused.answered)
    if credits_ - taken >= refused.credits:
        yield f"{refused.name} was refused, and at most {taken} of {credits_} credits had been taken by then"


def _against_time(ordered: Sequence[Operation]) -> Iterator[str]:
    """Yield where a lower version was asked for after a higher one was there."""
    for n, operation in enumerate(ordered):
        for later in ordered[n + 1 :]:
            if later.answered < operation.asked:
                yield (
                    f"{operation.name} has version {operation.version}, and was asked after {later.name} was "
                    f"answered, which has version {later.version}"
                )
                break


def _gaps(ordered: Sequence[Operation]) -> Iterator[str]:
    """Yield where a version does not follow the one before."""
    for before, operation in pairwise(ordered):
        expected = _version(before) + operation.events
        if operation.version != expected:
            yield f"{operation.name} has version {operation.version}, expected {expected} behind {before.name}"
