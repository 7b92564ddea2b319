"""What can the kit drive? The model over any store, and what other backends may add to the port."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from attrs import frozen

from crm_domain.answers import Accepted
from crm_domain.command_log import LogLine
from crm_domain.commands import Command
from crm_domain.crm import Crm
from crm_domain.errors import Refused
from crm_domain.ids import Principal
from crm_domain.ports import Backend
from crm_domain.reads import GetDashboard, Select
from crm_domain.rows import table_named


@runtime_checkable
class Keyed(Backend, Protocol):
    """A backend that knows idempotency keys: a retry under the same key is answered, not done again."""

    def execute_keyed(self, principal: Principal, command: Command, key: str) -> Any:
        """Execute *command* under an idempotency key; otherwise as `Backend.execute`."""


class InTurn(list[Any]):
    """The result of commands that overlapped, where the backend and not the caller decides whose turn it is.

    Args:
        outcomes: For each command its answer, or its `Refused`.
        order: The places of the commands, from 0, in the order in which they were let through.
    """

    def __init__(self, outcomes: Iterable[Any], order: Sequence[int]) -> None:
        super().__init__(outcomes)
        self.order = order


@runtime_checkable
class Overlapping(Backend, Protocol):
    """A backend in which commands can be made to overlap in time on purpose."""

    def execute_overlapping(self, requests: Sequence[tuple[Principal, Command]]) -> Sequence[Any]:
        """Check each command before any is written; return for each its answer, or its `Refused`.

        They are written in their order; if not, what is returned is `InTurn`.
        """


@runtime_checkable
class Telling(Backend, Protocol):
    """A backend that says what it sent, so that a counterexample can show it."""

    def sent(self) -> Sequence[str]:
        """Return the statements since the last `reset`, in order, as they would be typed."""


class ColumnsNotThere(NotImplementedError):  # noqa: N818 - says what is not there, and is no error
    """Raised by a backend that can do what it is asked for, but not with some of the columns.

    It is asked for the same without them then, and for them never again.

    Args:
        columns: Their names.

    Example:
        >>> if True:
        ...     raise ColumnsNotThere("transcription", "thumbnail_url")
        Traceback (most recent call last):
        ...
        crm_domain.testing.comparing.backends.ColumnsNotThere: there is no transcription, thumbnail_url
    """

    def __init__(self, *columns: str) -> None:
        super().__init__(f"there is no {', '.join(columns)}")
        self.columns = frozenset(columns)


@frozen(kw_only=True)
class Probe:
    """Something that only one kind of backend can be asked, next to commands, and that must come to nothing.

    Attributes:
        safeguard: What closes the hole that it tries.
        law: The name of the law that is broken if it succeeds.
        begun: What is asked before.
        attempt: Tries it; returns the result of it, in words, or an empty text if nothing did.
    """

    safeguard: str
    law: str
    begun: Sequence[LogLine]
    attempt: Callable[[], str]


@runtime_checkable
class Probing(Backend, Protocol):
    """A backend with ways in that no command knows, and that should be closed."""

    def probes(self) -> Iterable[Probe]:
        """Return what is tried, each behind a `reset` of its own."""


class CrmBackend:
    """A `Crm` as a backend: the model itself, or the model over a store that is to be tested.

    Args:
        make: Makes a `Crm` without any users; called at each reset.

    Example:
        >>> from crm_domain.ids import SERVICE
        >>> from crm_domain.commands import SyncCrmUser
        >>> backend = CrmBackend(Crm)
        >>> backend.reset()
        >>> _ = backend.execute(SERVICE, SyncCrmUser(email="amy@example.com"))
        >>> [profile.credits_remaining for profile in backend.select(SERVICE, "profiles", {})]
        [4]
    """

    def __init__(self, make: Callable[[], Crm] = Crm) -> None:
        self._make = make
        self.crm = make()

    def reset(self) -> None:
        """Start over with another `Crm`."""
        self.crm = self._make()

    def execute(self, principal: Principal, command: Any) -> Any:
        """Execute a command, or answer a read."""
        if isinstance(command, GetDashboard | Select):
            return self.crm.answer(principal, command)
        return self.crm.execute(principal, command)

    def execute_keyed(self, principal: Principal, command: Command, key: str) -> Accepted:
        """Execute a command under an idempotency key."""
        return self.crm.execute(principal, command, key=key)

    def execute_overlapping(self, requests: Sequence[tuple[Principal, Command]]) -> Sequence[Accepted | Refused]:
        """Execute commands that overlap in time."""
        return self.crm.execute_overlapping(requests)

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        """Return the rows that *principal* sees and that meet *where*."""
        return self.crm.answer(principal, Select(table=table_named(table), where=where))
