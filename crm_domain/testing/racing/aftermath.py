"""What is there after a race, and is it what the answers say?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from crm_domain import rows
from crm_domain.command_log import LogLine
from crm_domain.errors import Refused
from crm_domain.ids import SERVICE
from crm_domain.laws import Violation, law_named
from crm_domain.ports import Backend
from crm_domain.schema import Table

from ..comparing.differences import Outcome
from ..comparing.judging import AGREES_WITH_MODEL
from ..comparing.observing import Failed, look
from ..people import Person


@frozen(kw_only=True)
class Answered:
    """A line that a client asked, and what it was answered.

    Attributes:
        client: Which client, from 0.
        line: The line.
        outcome: What it was answered.
        asked: When it asked, on a count that all clients share.
        answered: When it had the answer.
    """

    client: int
    line: LogLine
    outcome: Outcome
    asked: int
    answered: int

    @property
    def accepted(self) -> bool:
        """Whether it was accepted."""
        return not isinstance(self.outcome, Refused | Failed)


class Unreadable(Exception):  # noqa: N818 - a finding about somebody's backend
    """Raised when the service is not shown a table."""


@frozen
class Stored:
    """What the service sees in a backend's tables."""

    backend: Backend

    def rows(self, table: Table[Any], **where: Any) -> list[Mapping[str, Any]]:
        """Return the rows that meet *where*, as mappings from column to atom.

        Raises:
            NotImplementedError: The backend does not have the table.
            Unreadable: It refuses, or breaks down.
        """
        found = look(self.backend, SERVICE, table, where)
        if not isinstance(found.shown, tuple):
            raise Unreadable(f"the service reads {table.name}: {found.shown}")
        return [dict(zip(table.by_name, values, strict=True)) for values in found.values]

    def values(self, column: str, table: Table[Any], person: Person) -> list[Any]:
        """Return what a column holds in each row of a person."""
        return [row[column] for row in self.rows(table, user_id=person.user_id)]


def violation(law: str, text: str) -> Violation:
    """Return a violation of the law of this name."""
    return Violation(law_named(law), text)


def strange(answers: Sequence[Answered], *refusals: type[Refused]) -> Iterator[Violation]:
    """Yield each answer that is neither an acceptance nor one of these refusals."""
    for answer in answers:
        if not answer.accepted and not isinstance(answer.outcome, refusals):
            said = f"refused with {answer.outcome!r}" if isinstance(answer.outcome, Refused) else str(answer.outcome)
            text = f"client {answer.client + 1}, {type(answer.line.request).__name__}: {said}"
            yield Violation(AGREES_WITH_MODEL, text)


def balance_is(stored: Stored, person: Person, expected: int) -> Iterator[Violation]:
    """Yield unless a person's leading balance is what it should be, in credits, and not below 0."""
    balances = stored.values("credits_remaining", rows.PROFILES, person)
    if min(balances, default=0) < 0:
        yield violation(
            "balance_never_negative", f"{person.label}: the balance is {_told(balances)}, expected 0 or more"
        )
    elif balances != [expected]:
        text = f"{person.label}: the balance is {_told(balances)}, expected {expected}"
        yield violation("balance_equals_granted_minus_consumed", text)


def mirrored(stored: Stored, person: Person) -> Iterator[Violation]:
    """Yield unless both balances of a person are the same."""
    leading = stored.values("credits_remaining", rows.PROFILES, person)
    mirror = stored.values("credits_remaining", rows.CRM_USERS, person)
    if mirror != leading:
        yield violation(
            "mirror_equals_profile", f"{person.label}: {_told(leading)} in profiles, {_told(mirror)} in the mirror"
        )


def counted(stored: Stored, person: Person, **expected: int) -> Iterator[Violation]:
    """Yield where a counter is not the number of what was accepted."""
    for column, number in expected.items():
        found = stored.values(column, rows.CRM_DASHBOARD_STATS, person)
        if found != [number]:
            yield violation(
                "counters_equal_fold_of_events", f"{person.label}: {column} is {_told(found)}, expected {number}"
            )


def stored_once(stored: Stored, person: Person, expected: int) -> Iterator[Violation]:
    """Yield unless so many recordings of a person are stored."""
    found = len(stored.rows(rows.CRM_RECORDINGS, user_id=person.user_id))
    if found != expected:
        text = f"{person.label}: {found} recordings are stored, expected {expected}"
        yield violation("one_credit_per_recording", text)


def _told(values: Sequence[object]) -> str:
    return " and ".join(map(str, values)) or "nowhere"
