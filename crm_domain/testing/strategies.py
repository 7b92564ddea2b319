"""What may be asked, and by whom? Strategies for requests.

Mostly people ask for what is theirs; else they, the service or nobody in particular try what the
rules should mind.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar, cast

from hypothesis import strategies as st

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LogLine, Request
from crm_domain.ids import ANON, SERVICE, Principal
from crm_domain.reads import GetDashboard, Select
from crm_domain.schema import Table

from .people import AMY, BOB, CAL, DAN, PEOPLE, Person
from .pools import CHANGES, CONTENTS, EARLIER, EMAILS, IDS_OF, LATER, ODD_EMAILS, PRINCIPALS, WHERES, Pairs, spellings

T = TypeVar("T")

Asked: TypeAlias = tuple[Principal, Request]
"""Who asks, and what for."""

Places: TypeAlias = Sequence[tuple[Principal, Table[Any]]]
"""Who reads or changes what, mostly."""

# --- drawing --------------------------------------------------------------------------------


@cache
def _indexes(length: int) -> st.SearchStrategy[int]:
    return st.integers(0, length - 1)


def pick(draw: st.DrawFn, choices: Sequence[T]) -> T:
    """Draw one of *choices*: much faster than a strategy that is made of them for one use."""
    return choices[draw(_indexes(len(choices)))]


def seldom(draw: st.DrawFn) -> bool:
    """Draw whether something odd is to be, one time in six."""
    return pick(draw, (False, False, False, False, False, True))


def _person(draw: st.DrawFn, *usual: Person) -> Person:
    return pick(draw, usual * 3 + PEOPLE)


def _columns(draw: st.DrawFn, groups: Sequence[Pairs], *, at_least: int = 0) -> dict[str, Any]:
    """Draw up to two columns with their values."""
    return dict(pick(draw, pick(draw, groups)) for _ in range(pick(draw, (at_least, 1, 1, 2))))


# --- single values --------------------------------------------------------------------------


def people() -> st.SearchStrategy[Person]:
    """Return a strategy for people."""
    return st.sampled_from(PEOPLE)


def user_ids() -> st.SearchStrategy[str]:
    """Return a strategy for the ids of people."""
    return people().map(lambda person: person.user_id)


def principals() -> st.SearchStrategy[Principal]:
    """Return a strategy for those who may ask: people, the service, seldom nobody in particular."""
    return st.sampled_from(PRINCIPALS)


def emails() -> st.SearchStrategy[str | None]:
    """Return a strategy for addresses: people's in several spellings, unknown and impossible ones, NULL."""
    return st.sampled_from(EMAILS)


def row_ids(table: Table[Any] = rows.CRM_RECORDINGS) -> st.SearchStrategy[str]:
    """Return a strategy for the few ids of a table's rows."""
    return st.sampled_from(IDS_OF[table.name])


# --- rows -----------------------------------------------------------------------------------


@st.composite
def creations(draw: st.DrawFn, kind: type[c.CreateRow] = c.CreateRecording) -> Asked:
    """Return a request to store a row."""
    table = kind.table
    principal, owner = _owner(draw, *((AMY, BOB) if "email" in table.by_name else (CAL,)))
    columns = {"id": pick(draw, IDS_OF[table.name]), **owner}
    if table in {rows.CRM_RESUMES, rows.RESUMES}:
        columns["resume_url"] = "a"
    columns |= _columns(draw, CONTENTS[table.name])
    row = {name: value for name, value in columns.items() if name in table.by_name}
    return principal, cast("Request", kind(**row))


def _owner(draw: st.DrawFn, *usual: Person) -> tuple[Principal, dict[str, Any]]:
    """Draw who stores a row, and whose it would be."""
    person = _person(draw, *usual)
    own: dict[str, Any] = {"user_id": person.user_id, "email": person.email}
    if not seldom(draw):
        return pick(draw, (person.principal, person.principal, SERVICE)), own
    other = BOB if person is AMY else AMY
    odd: tuple[tuple[Principal, dict[str, Any]], ...] = (
        (person.principal, {}),
        (person.principal, own | {"email": spellings(person)[1]}),
        (person.principal, own | {"email": other.email}),
        (SERVICE, own | {"email": other.email}),
        (other.principal, own),
        (person.principal, own | {"email": None}),
        (SERVICE, own | {"user_id": None}),
        (ANON, own),
    )
    return pick(draw, odd)


@st.composite
def updates(draw: st.DrawFn, places: Places = ()) -> Asked:
    """Return a request to change rows, mostly at *places*, in any columns."""
    principal, table, where = _chosen(draw, places)
    return principal, c.Update(table=table, where=where, set=_columns(draw, CHANGES[table.name], at_least=1))


@st.composite
def deletions(draw: st.DrawFn, places: Places = ()) -> Asked:
    """Return a request to delete rows, mostly at *places*."""
    principal, table, where = _chosen(draw, places)
    return principal, c.Delete(table=table, where=where)


@st.composite
def selects(draw: st.DrawFn, places: Places = ()) -> Asked:
    """Return a request to read rows, mostly at *places*."""
    principal, table, where = _chosen(draw, places)
    return principal, Select(table=table, where=where)


def _chosen(draw: st.DrawFn, places: Places) -> tuple[Principal, Table[Any], dict[str, Any]]:
    """Draw who chooses which rows of which table."""
    if not places or seldom(draw):
        principal, table = pick(draw, PRINCIPALS), pick(draw, _TABLES)
    else:
        principal, table = pick(draw, places)
    where = _columns(draw, CHANGES[table.name]) if seldom(draw) else pick(draw, WHERES[table.name])
    return principal, table, where


_TABLES: Final = tuple(rows.TABLES.values())

# --- people and credits ---------------------------------------------------------------------


@st.composite
def syncs(draw: st.DrawFn) -> Asked:
    """Return a request to provision a CRM user, or to see them again."""
    principal, account = _account(draw)
    if seldom(draw):
        account["payment_details"] = pick(draw, ({"plan": "free"}, ["\0"]))
    return principal, c.SyncCrmUser(**account)


@st.composite
def registrations(draw: st.DrawFn) -> Asked:
    """Return a request to register somebody."""
    principal, account = _account(draw)
    return principal, c.RegisterUser(**account)


def _account(draw: st.DrawFn) -> tuple[Principal, dict[str, Any]]:
    """Draw who provisions, and the account that it is about."""
    person = _person(draw, AMY)
    own: dict[str, Any] = {"user_id": person.user_id, "email": person.email}
    if pick(draw, (False, True)):
        return SERVICE, own
    other = BOB if person is AMY else AMY
    odd: tuple[tuple[Principal, dict[str, Any]], ...] = (
        *((SERVICE, own | {"email": text}) for text in spellings(person)),
        *((SERVICE, {"email": text}) for text in spellings(person)),
        (SERVICE, {"user_id": other.user_id, "email": spellings(person)[1]}),
        (SERVICE, own | {"email": pick(draw, ODD_EMAILS)}),
        (SERVICE, own | {"email": DAN.email}),
        (SERVICE, own | {"user_id": None}),
        (person.principal, own),
        (person.principal, own | {"email": other.email}),
        (ANON, own),
    )
    return pick(draw, odd)


@st.composite
def payments(draw: st.DrawFn) -> Asked:
    """Return a delivery of a payment: often again, sometimes with other content."""
    content: dict[str, Any] = {"user_id": _person(draw, AMY).user_id, "amount": "12.99"}
    content["ref"] = pick(draw, ("pay-1", "pay-2", "pay-3"))
    if seldom(draw):
        content |= pick(draw, _ODD_PAYMENTS)
    return _servant(draw), c.RecordPayment(**content)


_ODD_PAYMENTS: Final[tuple[dict[str, Any], ...]] = (
    *({"amount": "0.01"},) * 5,
    *({"id": id_} for id_ in IDS_OF[rows.PAYMENTS.name]),
    *({"amount": amount} for amount in ("12.990", "25.98", "-1", "NaN", "1e99", None)),
    *({"user_id": None}, {"ref": None}, {"ref": "\0"}),
)


@st.composite
def balance_moves(draw: st.DrawFn) -> list[Asked]:
    """Return requests that move one person's balance: recordings, and settings of it to a low one."""
    person = _person(draw, AMY)
    kind = c.CreateRegularRecording if person is CAL else c.CreateRecording
    moves: list[Asked] = []
    for id_ in IDS_OF[rows.RECORDINGS.name]:
        if pick(draw, (False, False, True)):
            change = {"credits_remaining": pick(draw, (0, 1))}
            moves.append((SERVICE, c.Update(table=rows.PROFILES, where={"user_id": person.user_id}, set=change)))
        elif not seldom(draw):
            row: dict[str, Any] = {"id": id_, "user_id": person.user_id, "email": person.email}
            moves.append((person.principal, kind(**{n: v for n, v in row.items() if n in kind.table.by_name})))
    return moves


@st.composite
def trackings(draw: st.DrawFn) -> Asked:
    """Return a request to count a view, a login, or time spent."""
    kind = pick(draw, _TRACKING)
    arguments: dict[str, Any] = {"email": pick(draw, EMAILS) if seldom(draw) else pick(draw, spellings(AMY))}
    if kind is c.TrackTime:
        arguments["seconds"] = pick(draw, (1, 60, None, -1, 2**63 - 1))
    return _servant(draw), kind(**arguments)


_TRACKING: Final[tuple[type[c.TrackView | c.TrackLogin | c.TrackTime], ...]] = (c.TrackView, c.TrackLogin, c.TrackTime)


def _servant(draw: st.DrawFn) -> Principal:
    """Draw who asks for what only the service may do."""
    return pick(draw, (AMY.principal, ANON)) if seldom(draw) else SERVICE


@st.composite
def dashboards(draw: st.DrawFn) -> Asked:
    """Return a request to read a dashboard."""
    return pick(draw, PRINCIPALS), GetDashboard(email=pick(draw, EMAILS))


# --- any of them ----------------------------------------------------------------------------

ANYTHING: Final = (
    *(creations(kind) for kind in (c.CreateRecording, c.CreateJobRequest, c.UploadResume)),
    *(creations(kind) for kind in (c.CreateRegularRecording, c.CreateRegularJobRequest, c.UploadRegularResume)),
    *(syncs(), registrations(), payments(), trackings(), updates(), deletions(), selects(), dashboards()),
)
"""A strategy for each kind of request."""


@st.composite
def commands(draw: st.DrawFn, kinds: Sequence[st.SearchStrategy[Asked]] = ANYTHING) -> Asked:
    """Return any request, with the one who makes it."""
    return draw(pick(draw, kinds))


@st.composite
def requests(draw: st.DrawFn, kinds: Sequence[st.SearchStrategy[Asked]] = ANYTHING) -> LogLine:
    """Return a line of a command log: a request, seldom at an odd time or under an idempotency key."""
    principal, request = draw(pick(draw, kinds))
    return LogLine(principal, request, **pick(draw, _MANNERS))


_MANNERS: Final[tuple[dict[str, Any], ...]] = (
    *({},) * 12,
    *({"at": LATER}, {"at": EARLIER}, {"key": "key-1"}, {"key": "key-2"}),
)
