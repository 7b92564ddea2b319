"""On which tables, and behind which beginnings, can each known hole be tried?

`HOLES` has one sequence for each safeguard. Here are the others: for every table that a hole applies
to, from any beginning that a system may have: CRM users who are synced, regular users who pay, or
rows that the operator provides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LOG_TABLES, LogLine, Request
from crm_domain.ids import ANON, SERVICE
from crm_domain.reads import GetDashboard, Select
from crm_domain.rules import SAFEGUARDS
from crm_domain.schema import Table

from ..comparing.judging import AGREES_WITH_MODEL
from ..histories import Lines
from ..people import AMY, BOB, Person
from ..requests.pools import IDS_OF, good_values
from .holes import HOLES


@frozen(kw_only=True)
class Hole:
    """A sequence that shows whether something is missing.

    Attributes:
        name: What it tries, in a few words.
        law: The name of the law that is broken if it succeeds.
        lines: The sequence; the last lines try it.
        safeguard: What closes it; empty where the document itself does.
        is_provided: Whether its people are those whose rows the operator provides.
    """

    name: str
    law: str
    lines: Lines
    safeguard: str = ""
    is_provided: bool = False


_PRICE: Final = Decimal("12.99")
_CREATIONS: Final[dict[str, type[c.CreateRow]]] = {
    kind.table.name: kind
    for kind in (
        c.CreateJobRequest,
        c.CreateRecording,
        c.UploadResume,
        c.CreateRegularJobRequest,
        c.CreateRegularRecording,
        c.UploadRegularResume,
    )
}
_JOBS_OF: Final = {
    rows.CRM_RECORDINGS.name: rows.CRM_JOB_REQUESTS.name,
    rows.RECORDINGS.name: rows.JOB_REQUESTS.name,
}


# --- beginnings -----------------------------------------------------------------------------


def _by_service(*requests: Request) -> Lines:
    return Lines(LogLine(SERVICE, request) for request in requests)


def _account(person: Person) -> dict[str, Any]:
    return {"user_id": person.user_id, "email": person.email}


def _synced(*people: Person) -> Lines:
    return _by_service(*(c.SyncCrmUser(**_account(person)) for person in people))


def _paid(*people: Person) -> Lines:
    registered = [c.RegisterUser(**_account(person)) for person in people]
    return _by_service(*registered, *(_payment(person, ref=f"begun-{person.label}") for person in people))


def _payment(person: Person, **columns: Any) -> Request:
    content: dict[str, Any] = {"user_id": person.user_id, "amount": _PRICE, "ref": "pay-1"}
    return c.RecordPayment(**(content | columns))


def _beginnings(table: Table[Any] | None, *people: Person) -> Sequence[tuple[str, Lines]]:
    """Return how people come to be who may write a table; any of them, where there is none."""
    regular = ("registered, paid", _paid(*people))
    synced = ("synced", _synced(*people))
    provided = ("rows provided", Lines())
    if table is None:
        return synced, regular, provided
    return (synced if "email" in table.by_name else regular), provided


# --- what is tried ---------------------------------------------------------------------------


def _stored(person: Person, table: str, n: int = 0, **columns: Any) -> Request:
    """Return a request to store a row of one's own."""
    kind: Any = _CREATIONS[table]
    row = _account(person) | {"id": IDS_OF[table][n], "resume_url": "a"} | columns
    request: Request = kind(**{name: value for name, value in row.items() if name in kind.table.by_name})
    return request


def _by(person: Person, *requests: Request) -> Lines:
    return Lines(LogLine(person.principal, request) for request in requests)


def _changed(table: str, **changes: Any) -> Request:
    return c.Update(table=table, set=changes)


def _attempts(table: str) -> Iterator[tuple[str, str, Lines]]:
    """Yield what is tried on a table in which people store rows: the safeguard, in words, and the lines."""
    of = _CREATIONS[table].table
    if "email" in of.by_name:
        yield "owner_pair", "a row with another's address", _by(AMY, _stored(AMY, table, email=BOB.email))
        changed = _changed(table, email=BOB.email)
        yield "immutable_owner", "a row's address changed", _by(AMY, _stored(AMY, table), changed)
        off = LogLine(SERVICE, c.Update(table=rows.CRM_USERS, where={"user_id": AMY.user_id}, set={"is_active": False}))
        yield "active_only", "a deactivated user stores a row", Lines((off, *_by(AMY, _stored(AMY, table))))
    yield "", "a row stored as another", _by(AMY, _stored(BOB, table))
    if table not in _JOBS_OF:  # no one pays for a recording of no one
        yield "valid_values", "a row of no one", Lines([LogLine(SERVICE, _stored(AMY, table, user_id=None))])
    for column in of.columns:
        if column.not_negative:
            negative = _stored(AMY, table, **{column.name: -1})
            yield "valid_values", f"a negative {column.name}", _by(AMY, negative)
        if column.one_of:
            odd: dict[str, Any] = {column.name: "banana"}
            yield "valid_values", f"any {column.name}", _by(AMY, _stored(AMY, table, **odd))
    if "is_primary" in of.by_name:
        two = (_stored(AMY, table, n, is_primary=True) for n in (0, 1))
        yield "one_primary", "two primary resumes", _by(AMY, *two)
        marked = c.Update(table=of, where={"id": IDS_OF[table][1]}, set={"is_primary": True})
        primary = _stored(AMY, table, is_primary=True)
        yield "one_primary", "another made primary", _by(AMY, primary, _stored(AMY, table, 1), marked)
    if table in _JOBS_OF:
        yield from _attempts_at_recordings(table, _JOBS_OF[table])


def _attempts_at_recordings(table: str, jobs: str) -> Iterator[tuple[str, str, Lines]]:
    job = IDS_OF[jobs][0]
    recording = _stored(AMY, table)
    bobs = _by(BOB, _stored(BOB, jobs))
    refers = _stored(AMY, table, job_request_id=job)
    yield "same_owner_reference", "another's job request", Lines((*bobs, *_by(AMY, refers)))
    changed = _changed(table, job_request_id=job)
    yield "same_owner_reference", "another's job request, later", Lines((*bobs, *_by(AMY, recording, changed)))
    own = _by(AMY, _stored(AMY, jobs), refers)
    deletes = c.Delete(table=rows.TABLES[jobs])
    yield "", "a job request deleted that has recordings", Lines((*own, *_by(AMY, deletes)))
    completed = _stored(AMY, table, video_url="a", status="completed")
    yield "paid_media_immutable", "a paid video swapped", _by(AMY, completed, _changed(table, video_url="b"))
    yield "", "a recording created as failed", _by(AMY, _stored(AMY, table, status="failed"))
    failed = _changed(table, status="failed")
    yield "", "a recording marked as failed", Lines((*_by(AMY, recording), LogLine(SERVICE, failed)))
    yield "", "a recording deleted", _by(AMY, recording, c.Delete(table=rows.TABLES[table]))
    low = LogLine(SERVICE, c.Update(table=rows.PROFILES, where={"user_id": AMY.user_id}, set={"credits_remaining": 1}))
    both = [LogLine(AMY.principal, _stored(AMY, table, n), concurrent="group-1") for n in (0, 1)]
    yield "atomic_consume", "two recordings at the last credit", Lines((low, *both))


def _balance_attempts() -> Iterator[tuple[str, str, Lines]]:
    """Yield what is tried on a balance, no matter whose it is."""
    own = {"user_id": AMY.user_id}
    paid = _payment(AMY)
    yield "idempotent_payment", "a payment delivered twice", _by_service(paid, paid)
    yield "idempotent_payment", "a payment delivered again for another", _by_service(paid, _payment(BOB))
    yield "exact_price", "a payment of 0.01", _by_service(_payment(AMY, amount=Decimal("0.01")))
    set_to = {n: c.Update(table=rows.PROFILES, where=own, set={"credits_remaining": n}) for n in (-1, 0, 5)}
    yield "", "a balance below 0 set by the service", _by_service(set_to[-1])
    yield "profile_read_only", "one's own balance set", _by(AMY, set_to[5])
    yield "", "another's balance set", _by(BOB, set_to[5])
    yield "", "a payment recorded by oneself", _by(AMY, paid)


_LAWS: Final = {
    "another's balance set": "no_user_command_raises_credits",
    "another spelling for the same person": "provisioning_is_idempotent",
    "a dashboard read by no one": "reads_see_only_own_rows",
    "a key that another used": "noninterference",
    "a balance below 0 set by the service": "balance_never_negative",
    "a payment recorded by oneself": "no_user_command_raises_credits",
    "a row stored as another": "service_passes_policies_not_rules",
    "a job request deleted that has recordings": "reference_has_same_owner",
    "a recording created as failed": "one_credit_per_recording",
    "a recording marked as failed": "balance_equals_granted_minus_consumed",
    "a recording deleted": "no_user_command_raises_credits",
}
"""The law of what the document itself forbids, or gives another law than its safeguard's."""


def _provisioning_attempts() -> Iterator[tuple[str, str, Lines]]:
    sync = c.SyncCrmUser(**_account(AMY))
    yield "grant_once", "paid, then synced twice", Lines((*_paid(AMY), *_by_service(sync, sync)))
    yield "grant_once", "synced, deleted and synced", _by_service(sync, *_gone(AMY), sync)
    yield "grant_once", "spent, then synced", Lines((*_synced(AMY), *_spent("crm_recordings"), *_by_service(sync)))
    spelled = c.SyncCrmUser(user_id=AMY.user_id, email=AMY.email.upper())
    yield "", "another spelling for the same person", _by_service(sync, spelled)
    yield "tracking_read_only", "one's own row changed", Lines((*_synced(AMY), *_by(AMY, _tracking())))
    regular = _stored(AMY, "recordings")
    yield "separate_populations", "by the service", Lines((*_synced(AMY), *_by_service(regular)))
    for table in ("job_requests", "resumes"):
        crossing = Lines((*_synced(AMY), *_by(AMY, _stored(AMY, table))))
        yield "separate_populations", f"a CRM user's row in {table}", crossing
    yield "", "a dashboard read by no one", Lines((*_synced(AMY), LogLine(ANON, GetDashboard(email=AMY.email))))


def _keyed_attempts() -> Iterator[tuple[str, str, Lines]]:
    """Yield what is tried with idempotency keys, which are each principal's own."""
    begun = _synced(AMY, BOB)
    stored = ((person, _stored(person, "crm_job_requests", n)) for n, person in enumerate((AMY, BOB)))
    once, again = (LogLine(person.principal, request, key="key-1") for person, request in stored)
    yield "", "a key that another used", Lines((*begun, once, again))


def _tracking() -> Request:
    return _changed(rows.CRM_USERS.name, credits_remaining=100)


def _spent(table: str) -> Lines:
    return _by(AMY, _stored(AMY, table))


def _gone(person: Person) -> Iterator[Request]:
    for table in (rows.CRM_DASHBOARD_STATS, rows.CRM_USERS):
        yield c.Delete(table=table, where={"user_id": person.user_id})


def _looks(table: Table[Any]) -> Lines:
    """Return reads of a table by one whose rows they are not, and by no one, with each column as a condition."""
    asked = [Select(table=table)]
    asked += [Select(table=table, where={column.name: good_values(table, column)[0]}) for column in table.columns]
    return Lines(LogLine(principal, read) for principal in (BOB.principal, ANON) for read in asked)


def variants() -> Iterator[Hole]:
    """Yield every known hole on every table that it applies to, behind every beginning; the shortest of each first."""
    for name, lines in HOLES.items():
        yield _hole(name, "", lines)
        provided = [line for line in lines if not isinstance(line.request, c.SyncCrmUser | c.RegisterUser)]
        if provided and provided[-1] == lines[-1]:
            yield _hole(name, "rows provided", Lines(provided), is_provided=True)
    for table, kind in _CREATIONS.items():
        for begun, lines in _beginnings(kind.table, AMY, BOB):
            for safeguard, what, attempt in _attempts(table):
                yield _hole(safeguard, f"{what} in {table}, {begun}", Lines((*lines, *attempt)), what, not lines)
    for begun, lines in _beginnings(None, AMY, BOB):
        for safeguard, what, attempt in _balance_attempts():
            yield _hole(safeguard, f"{what}, {begun}", Lines((*lines, *attempt)), what, not lines)
    for safeguard, what, lines in (*_provisioning_attempts(), *_keyed_attempts()):
        yield _hole(safeguard, what, lines, what)
    for table_ in LOG_TABLES:
        yield from _hidden(table_)


def _hidden(table: Table[Any]) -> Iterator[Hole]:
    is_regular = table in rows.REGULAR_TABLES
    for begun, lines in _beginnings(table if is_regular else None, AMY):
        stored = _by(AMY, _stored(AMY, table.name)) if table.name in _CREATIONS else Lines()
        name = f"another's row of {table.name} read by each column, {begun}"
        yield Hole(
            name=name,
            law="reads_see_only_own_rows",
            lines=Lines((*lines, *stored, *_looks(table))),
            is_provided=not lines,
        )


def _hole(safeguard: str, name: str, lines: Lines, what: str = "", is_provided: bool = False) -> Hole:  # noqa: FBT001, FBT002
    law = (safeguard and SAFEGUARDS[safeguard].law) or _LAWS[what]
    if safeguard == "valid_values" and what:  # what a value may be, no law says
        law = AGREES_WITH_MODEL.name
    name = f"{safeguard}: {name}".strip(": ")
    return Hole(name=name, law=law, lines=lines, safeguard=safeguard, is_provided=is_provided)
