"""How is a defect put in force, and only while the backend that has it is asked?

The model that predicts runs the same code in the same process. So whatever is swapped, is swapped
when a call of the defective backend begins, and swapped back when it ends.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType
from typing import Any, Protocol

from attrs import define, frozen

from crm_domain import Command, Principal
from crm_domain.testing import CrmBackend


class Swap(Protocol):
    """Something that can be put in the place of something else."""

    def swap(self) -> object:
        """Put the other in its place; the next time, put it back."""


@define
class Attribute:
    """Another value of an attribute: of a module, a class, an instance.

    Attributes:
        owner: What has it.
        name: What it is called.
        value: The value that is not there at present.
    """

    owner: Any
    name: str
    value: Any

    def swap(self) -> None:
        """Exchange the two values."""
        value, self.value = self.value, getattr(self.owner, self.name)
        setattr(self.owner, self.name, value)


@define
class Entry:
    """Another entry of a dict.

    Attributes:
        owner: The dict.
        key: The key, which it has.
        value: The value that is not there at present.
    """

    owner: dict[Any, Any]
    key: Any
    value: Any

    def swap(self) -> None:
        """Exchange the two values."""
        self.value, self.owner[self.key] = self.owner[self.key], self.value


class Slip:
    """A function in which somebody wrote something else.

    Its code is exchanged, not the function: so it does not matter who has imported it, or keeps it in a table.

    Args:
        function: The function, or method.
        was: What stands in its source, once.
        becomes: What stands there instead.
        more: Further pairs of both.
    """

    def __init__(self, function: Any, was: str, becomes: str, *more: str) -> None:
        self.function: FunctionType = function
        texts = (was, becomes, *more)
        self._changes = list(zip(texts[::2], texts[1::2], strict=True))
        self._code: CodeType | None = None

    def swap(self) -> None:
        """Exchange the code that is and the code that is not there at present."""
        code = self._code or self._slipped()
        self._code, self.function.__code__ = self.function.__code__, code

    def _slipped(self) -> CodeType:
        source = textwrap.dedent(inspect.getsource(self.function))
        for was, becomes in self._changes:
            if source.count(was) != 1:
                raise ValueError(f"{was!r} stands {source.count(was)} times in {self.function.__qualname__}, not once")
            source = source.replace(was, becomes)
        module = compile(source, f"<a slip in {self.function.__qualname__}>", "exec")
        name = self.function.__name__
        return next(c for c in module.co_consts if isinstance(c, CodeType) and c.co_name == name)


@frozen
class Patched:
    """A backend that has a defect.

    Args:
        backend: What it would be without.
        swaps: What is not as it should be while it is asked.
    """

    backend: CrmBackend
    swaps: Sequence[Swap]

    def reset(self) -> None:
        """Begin anew."""
        with self._in_force():
            self.backend.reset()

    def execute(self, principal: Principal, command: Any) -> Any:
        """Execute a command, or answer a read."""
        with self._in_force():
            return self.backend.execute(principal, command)

    def execute_keyed(self, principal: Principal, command: Command, key: str) -> Any:
        """Execute a command under an idempotency key."""
        with self._in_force():
            return self.backend.execute_keyed(principal, command, key)

    def execute_overlapping(self, requests: Sequence[tuple[Principal, Command]]) -> Sequence[Any]:
        """Execute commands that overlap in time."""
        with self._in_force():
            return self.backend.execute_overlapping(requests)

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        """Return the rows that *principal* sees and that meet *where*."""
        with self._in_force():
            return self.backend.select(principal, table, where)

    @contextmanager
    def _in_force(self) -> Iterator[None]:
        with ExitStack() as swapped:
            for swap in self.swaps:
                swap.swap()
                swapped.callback(swap.swap)
            yield
