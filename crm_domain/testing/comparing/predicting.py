"""What do the rules say to a sequence of requests, given the ids that someone else made for it?"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, cast

from crm_domain import commands as c
from crm_domain.clocks import ManualClock, SequentialIds
from crm_domain.command_log import LogLine
from crm_domain.crm import Crm
from crm_domain.errors import Refused
from crm_domain.ports import Backend
from crm_domain.reads import Select
from crm_domain.rules import Rules
from crm_domain.schema import DEFAULT

from ..histories import Past, Snapshot
from .backends import CrmBackend, Keyed, Overlapping
from .differences import Outcome
from .leniency import may_be_refused
from .observing import Failed, refused_or_failed, told


def outcomes_of(backend: Backend, group: Sequence[LogLine]) -> Sequence[Outcome]:
    """Return what a backend says to one line, or to several that overlap.

    Raises:
        NotImplementedError: It has no such thing.
    """
    line = group[0]
    request: Any = line.request
    try:
        if len(group) > 1:
            requests = [(line.principal, cast("c.Command", line.request)) for line in group]
            return cast("Overlapping", backend).execute_overlapping(requests)
        if isinstance(request, Select):
            return [backend.select(line.principal, request.table.name, request.where)]
        if line.key is not None:
            return [cast("Keyed", backend).execute_keyed(line.principal, request, line.key)]
        return [backend.execute(line.principal, request)]
    except NotImplementedError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever breaks in somebody's backend is a finding
        return [refused_or_failed(error)] * len(group)


def _id_column(line: LogLine) -> str:
    return "user_id" if isinstance(line.request, c.SyncCrmUser | c.RegisterUser) else "id"


def id_chosen(line: LogLine) -> bool:
    """Tell whether a line leaves no id to be made, but a payment's, which is not compared."""
    if isinstance(line.request, c.RecordPayment):
        return True
    return getattr(line.request, _id_column(line), None) is not DEFAULT


class Prediction:
    """The model, asked line by line what it would have said.

    Args:
        rules: The rules in force.

    Attributes:
        backend: The model as a backend.
    """

    def __init__(self, rules: Rules) -> None:
        self._made: deque[str] = deque()
        self._own = SequentialIds("made")
        self.backend = CrmBackend(lambda: Crm(rules=rules, clock=ManualClock(), new_id=self._new_id))

    @property
    def crm(self) -> Crm:
        """The model."""
        return self.backend.crm

    def ask(self, group: Sequence[LogLine], told_otherwise: Sequence[Outcome]) -> Sequence[Outcome]:
        """Return what the rules say to one line, or to several that overlap.

        Args:
            group: The lines.
            told_otherwise: What the other said; the ids that it made are taken over, and whose turn it was.
        """
        if len(group) == 1 and may_be_refused(group[0], told_otherwise[0], lambda: self._without_doing(group)):
            return told_otherwise
        order = getattr(told_otherwise, "order", range(len(group)))
        group, told_otherwise = [group[n] for n in order], [told_otherwise[n] for n in order]
        for line, outcome in zip(group, told_otherwise, strict=True):
            made = None if isinstance(outcome, Refused | Failed) else told(outcome, _id_column(line))
            if getattr(line.request, _id_column(line), None) is DEFAULT and isinstance(made, str):
                self._made.append(made)
        expected = outcomes_of(self.backend, group)
        self._made.clear()
        return [outcome for _, outcome in sorted(zip(order, expected, strict=True), key=itemgetter(0))]

    def _without_doing(self, group: Sequence[LogLine]) -> Outcome:
        """Return what the rules say to one line, and leave the state as it is."""
        copy = self.crm.as_of(position=len(self.crm.journal))
        (outcome,) = outcomes_of(CrmBackend(lambda: copy), group)
        return outcome

    def state(self) -> Snapshot:
        """Return the state, as it is now."""
        entries = list(self.crm.journal.entries())
        return Snapshot.of(self.crm.tables, Past(entries, len(entries)), self.crm.rules)

    def _new_id(self) -> str:
        if not self._made:
            return self._own()
        # Where check and consume are two steps, one command is decided twice, and makes its id twice.
        return self._made[0] if len(self._made) == 1 else self._made.popleft()
