"""What did the users of a database do? Its journal says."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from crm_adapters.progress import Progress, in_silence
from crm_adapters.sqlite import SqliteStore, StoreError, stored_rules
from crm_domain import Crm, Rules
from crm_domain import events as e
from crm_domain.ports import JournalEntry
from crm_domain.rows import CRM_RECORDINGS, RECORDINGS
from crm_domain.simulation.fitting.histories import Histories, History, day_of

from .errors import DataError

_TOLD_EVERY: Final = 20_000

_KINDS: Final[dict[type[Any], str]] = {
    e.JobRequestCreated: "job_requests",
    e.RegularJobRequestCreated: "job_requests",
    e.RecordingCreated: "recordings",
    e.RegularRecordingCreated: "recordings",
    e.ResumeUploaded: "resumes",
    e.RegularResumeUploaded: "resumes",
    e.LoginTracked: "logins",
    e.ViewTracked: "views",
    e.PaymentRecorded: "payments",
    e.CrmUserSynced: "resyncs",
}
"""The moments that events are."""


def read_database(path: Path, progress: Progress = in_silence) -> tuple[Histories, Rules]:
    """Return what the users of a file did, and the rules that it is kept under.

    Raises:
        DataError: The file cannot be used, or nothing happened in it.
    """
    try:
        rules = stored_rules(path)
        with SqliteStore(path) as store:
            journal = Crm(store, rules=rules).journal
            reading, total = _Reading(), len(journal)
            for entry in journal.entries():
                reading.take(entry)
                if entry.position % _TOLD_EVERY == 0:
                    progress("read", entry.position, total)
    except StoreError as error:
        raise DataError(error.path, None, error.reason) from None
    if not reading.people:
        raise DataError(path, None, "holds no user, so there is nothing to fit")
    users = [person.history() for person in reading.people.values() if person.arrived is not None]
    source = f"{path}: {total:,} events of {len(users):,} users"
    return Histories(users=users, until=reading.until, source=source), rules


@define
class _Person:
    """What the journal said so far of one person."""

    population: str = "regular"
    arrived: float | None = None
    moments: defaultdict[str, list[float]] = field(factory=lambda: defaultdict(list))
    credits: list[tuple[float, int]] = field(factory=list)
    sessions: list[int] = field(factory=list)
    processing: list[float] = field(factory=list)
    marked: dict[str, int] = field(factory=lambda: {"failed": 0, "completed": 0})

    def history(self) -> History:
        assert self.arrived is not None
        return History(
            population=self.population,
            arrived=self.arrived,
            moments=self.moments,
            credits=self.credits,
            sessions=self.sessions,
            processing=self.processing,
            failed=self.marked["failed"],
            completed=self.marked["completed"],
        )


@define
class _Reading:
    people: defaultdict[str, _Person] = field(factory=lambda: defaultdict(_Person))
    made: dict[str, float] = field(factory=dict)
    until: float = 0.0

    def take(self, entry: JournalEntry) -> None:
        """Take note of an event."""
        at, event = day_of(entry.at), entry.event
        self.until = max(self.until, at)
        if entry.account is None:
            return
        person = self.people[entry.account]
        kind = _KINDS.get(type(event))
        if kind is not None:
            person.moments[kind].append(at)
        match event:
            case e.UserRegistered():
                person.arrived = at
            case e.CrmUserCreated():
                person.population, person.arrived = "crm", at
            case e.RecordingCreated() | e.RegularRecordingCreated():
                self.made[event.row.id] = at
            case e.RowUpdated() if event.table_name in {CRM_RECORDINGS.name, RECORDINGS.name}:
                self._mark(person, event, at)
            case e.TimeTracked():
                person.sessions.append(event.seconds)
            case e.CreditGranted():
                person.credits.append((at, event.row.credits))
            case e.CreditConsumed():
                person.credits.append((at, -1))
            case e.CreditRefunded():
                person.credits.append((at, 1))
            case e.CreditVoided():
                person.credits.append((at, -event.credits))
            case _:
                pass

    def _mark(self, person: _Person, event: e.RowUpdated, at: float) -> None:
        """Take note of the first mark of a recording."""
        status = dict(event.changes).get("status")
        if isinstance(status, str) and status in person.marked and event.key in self.made:
            person.marked[status] += 1
            person.processing.append(at - self.made.pop(event.key))
