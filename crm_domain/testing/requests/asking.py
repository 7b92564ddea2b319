"""What might someone ask for? Requests that are made by choosing, no matter who chooses.

Mostly people ask for what is theirs; else they, the service or no one in particular try what the
rules should mind. Hypothesis chooses in `strategies`, a seeded generator in `walks`: both meet the
same requests as often as each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LogLine, Request
from crm_domain.ids import ANON, SERVICE, Principal
from crm_domain.reads import GetDashboard, Select
from crm_domain.schema import Table

from ..people import AMY, BOB, CAL, DAN, PEOPLE, Person
from .pools import CHANGES, CONTENTS, EARLIER, EMAILS, IDS_OF, LATER, ODD_EMAILS, PRINCIPALS, WHERES, Pairs, spellings

T = TypeVar("T")

Asked: TypeAlias = tuple[Principal, Request]
"""Who asks, and what for."""

Places: TypeAlias = Sequence[tuple[Principal, Table[Any]]]
"""Who reads or changes what, mostly."""


class Choose(Protocol):
    """Chooses one of several things, all equally often."""

    def __call__(self, choices: Sequence[T], /) -> T:
        """Return one of *choices*, which are not none."""


Kind: TypeAlias = Callable[[Choose], Asked]
"""Makes a request of one kind."""


def seldom(choose: Choose) -> bool:
    """Choose whether something odd is to be, one time in six."""
    return choose((False, False, False, False, False, True))


def _person(choose: Choose, *usual: Person) -> Person:
    return choose(usual * 3 + PEOPLE)


def _columns(choose: Choose, groups: Sequence[Pairs], *, at_least: int = 0) -> dict[str, Any]:
    """Choose up to two columns with their values."""
    return dict(choose(choose(groups)) for _ in range(choose((at_least, 1, 1, 2))))


# --- rows -----------------------------------------------------------------------------------


def creation(choose: Choose, kind: type[c.CreateRow], contents: Sequence[Pairs] = ()) -> Asked:
    """Make a request to store a row, with columns of *contents*, or any."""
    table = kind.table
    principal, owner = _owner(choose, *((AMY, BOB) if "email" in table.by_name else (CAL,)))
    columns = {"id": choose(IDS_OF[table.name]), **owner}
    if table in {rows.CRM_RESUMES, rows.RESUMES}:
        columns["resume_url"] = "a"
    columns |= _columns(choose, contents or CONTENTS[table.name])
    row = {name: value for name, value in columns.items() if name in table.by_name}
    return principal, cast("Request", kind(**row))


def _owner(choose: Choose, *usual: Person) -> tuple[Principal, dict[str, Any]]:
    """Choose who stores a row, and whose it would be."""
    person = _person(choose, *usual)
    own: dict[str, Any] = {"user_id": person.user_id, "email": person.email}
    if not seldom(choose):
        return choose((person.principal, person.principal, SERVICE)), own
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
    return choose(odd)


def update(choose: Choose, places: Places = ()) -> Asked:
    """Make a request to change rows, mostly at *places*, in any columns."""
    principal, table, where = _chosen(choose, places)
    return principal, c.Update(table=table, where=where, set=_columns(choose, CHANGES[table.name], at_least=1))


def deletion(choose: Choose, places: Places = ()) -> Asked:
    """Make a request to delete rows, mostly at *places*."""
    principal, table, where = _chosen(choose, places)
    return principal, c.Delete(table=table, where=where)


def selection(choose: Choose, places: Places = ()) -> Asked:
    """Make a request to read rows, mostly at *places*."""
    principal, table, where = _chosen(choose, places)
    return principal, Select(table=table, where=where)


def _chosen(choose: Choose, places: Places) -> tuple[Principal, Table[Any], dict[str, Any]]:
    """Choose who chooses which rows of which table."""
    if not places or seldom(choose):
        principal, table = choose(PRINCIPALS), choose(_TABLES)
    else:
        principal, table = choose(places)
    where = _columns(choose, CHANGES[table.name]) if seldom(choose) else choose(WHERES[table.name])
    return principal, table, where


_TABLES: Final = tuple(rows.TABLES.values())


def career(choose: Choose) -> list[Asked]:
    """Make requests that store a recording, and change what rules depend on, again and again."""
    person = choose((AMY, BOB))
    id_ = choose(IDS_OF[rows.CRM_RECORDINGS.name])
    stored = c.CreateRecording(id=id_, user_id=person.user_id, email=person.email, video_url="a")
    asked: list[Asked] = [(person.principal, stored)]
    for _ in range(4):
        change = dict([choose(CHANGES[rows.CRM_RECORDINGS.name][0])])
        update_ = c.Update(table=rows.CRM_RECORDINGS, where={"id": id_}, set=change)
        asked.append((choose((person.principal, person.principal, SERVICE)), update_))
    return asked


# --- people and credits ---------------------------------------------------------------------


def sync(choose: Choose) -> Asked:
    """Make a request to provision a CRM user, or to see them again."""
    principal, account = _account(choose)
    if seldom(choose):
        account["payment_details"] = choose(({"plan": "free"}, ["\0"]))
    return principal, c.SyncCrmUser(**account)


def registration(choose: Choose) -> Asked:
    """Make a request to register someone."""
    principal, account = _account(choose)
    return principal, c.RegisterUser(**account)


def _account(choose: Choose) -> tuple[Principal, dict[str, Any]]:
    """Choose who provisions, and the account that it is about."""
    person = _person(choose, AMY)
    own: dict[str, Any] = {"user_id": person.user_id, "email": person.email}
    if choose((False, True)):
        return SERVICE, own
    other = BOB if person is AMY else AMY
    odd: tuple[tuple[Principal, dict[str, Any]], ...] = (
        *((SERVICE, own | {"email": text}) for text in spellings(person)),
        *((SERVICE, {"email": text}) for text in spellings(person)),
        (SERVICE, {"user_id": other.user_id, "email": spellings(person)[1]}),
        (SERVICE, own | {"email": choose(ODD_EMAILS)}),
        (SERVICE, own | {"email": DAN.email}),
        (SERVICE, own | {"user_id": None}),
        (person.principal, own),
        (person.principal, own | {"email": other.email}),
        (ANON, own),
    )
    return choose(odd)


def payment(choose: Choose) -> Asked:
    """Make a delivery of a payment: often again, sometimes with other content."""
    content: dict[str, Any] = {"user_id": _person(choose, AMY).user_id, "amount": "12.99"}
    id_, content["ref"] = choose(_PAYMENTS)
    if choose((False, True)):
        content["id"] = _PAYMENTS[0][0] if seldom(choose) else id_
    if seldom(choose):
        content["amount"] = choose(_ODD_AMOUNTS)
    elif seldom(choose):
        content |= choose(({"user_id": None}, {"ref": None}, {"ref": "\0"}))
    return _servant(choose), c.RecordPayment(**content)


_PAYMENTS: Final = tuple(zip(IDS_OF[rows.PAYMENTS.name], ("pay-1", "pay-2", "pay-3"), strict=True))

_ODD_AMOUNTS: Final = (*("0.01",) * 5, *("12.990", "25.98") * 2, "-1", "NaN", "1e99", None)


def balance_moves(choose: Choose) -> list[Asked]:
    """Make requests that move one person's balance: recordings, and settings of it to a low one."""
    person = _person(choose, AMY)
    kind = c.CreateRegularRecording if person is CAL else c.CreateRecording
    moves: list[Asked] = []
    for id_ in IDS_OF[rows.RECORDINGS.name]:
        if choose((False, False, True)):
            change = {"credits_remaining": choose((0, 1))}
            moves.append((SERVICE, c.Update(table=rows.PROFILES, where={"user_id": person.user_id}, set=change)))
        elif not seldom(choose):
            row: dict[str, Any] = {"id": id_, "user_id": person.user_id, "email": person.email}
            moves.append((person.principal, kind(**{n: v for n, v in row.items() if n in kind.table.by_name})))
    return moves


def deactivation(choose: Choose) -> list[Asked]:
    """Make requests by which a CRM user is deactivated, and what they do then."""
    person = choose((AMY, BOB))
    where = {"user_id": person.user_id}
    places = [(person.principal, table) for table in rows.CRM_TABLES[1:4]]
    then = [
        creation(choose, choose((c.CreateJobRequest, c.UploadResume))),
        update(choose, places),
        deletion(choose, places),
        (SERVICE, c.SyncCrmUser(email=person.email, **where)),
    ]
    off = c.Update(table=rows.CRM_USERS, where=where, set={"is_active": False})
    return [(SERVICE, off), *(asked for asked in then if choose((False, True)))]


def departure(choose: Choose) -> list[Asked]:
    """Make requests that take everything of a CRM user away, and bring them in again."""
    person = choose((AMY, BOB))
    own: dict[str, Any] = {"user_id": person.user_id, "email": person.email}
    where = {"user_id": person.user_id}
    gone = [(SERVICE, c.Delete(table=table, where=where)) for table in _CHILDREN_FIRST if not seldom(choose)]
    return [*gone, (SERVICE, c.SyncCrmUser(**own))]


_CHILDREN_FIRST: Final = (rows.CRM_RECORDINGS, *rows.CRM_TABLES[1:2], *rows.CRM_TABLES[3:], rows.CRM_USERS)


def tracking(choose: Choose) -> Asked:
    """Make a request to count a view, a login, or time spent."""
    kind = choose(_TRACKING)
    arguments: dict[str, Any] = {"email": choose(EMAILS) if seldom(choose) else choose(spellings(AMY))}
    if kind is c.TrackTime:
        arguments["seconds"] = choose((None, -1, 2**63 - 1)) if seldom(choose) else choose((1, 60))
    return _servant(choose), kind(**arguments)


_TRACKING: Final[tuple[type[c.TrackView | c.TrackLogin | c.TrackTime], ...]] = (c.TrackView, c.TrackLogin, c.TrackTime)


def _servant(choose: Choose) -> Principal:
    """Choose who asks for what only the service may do."""
    return choose((AMY.principal, ANON)) if seldom(choose) else SERVICE


def dashboard_read(choose: Choose) -> Asked:
    """Make a request to read a dashboard."""
    return choose(PRINCIPALS), GetDashboard(email=choose(EMAILS))


# --- any of them ----------------------------------------------------------------------------

ANYTHING: Final[Sequence[Kind]] = (
    *(partial(creation, kind=kind) for kind in (c.CreateRecording, c.CreateJobRequest, c.UploadResume)),
    *(partial(creation, kind=k) for k in (c.CreateRegularRecording, c.CreateRegularJobRequest, c.UploadRegularResume)),
    *(sync, registration, payment, tracking, update, deletion, selection, dashboard_read),
)
"""A maker for each kind of request."""


def line(choose: Choose, kinds: Sequence[Kind] = ANYTHING) -> LogLine:
    """Make a line of a command log: a request, seldom at an odd time or under an idempotency key."""
    principal, request = choose(kinds)(choose)
    return LogLine(principal, request, **choose(_MANNERS))


_MANNERS: Final[tuple[dict[str, Any], ...]] = (
    *({},) * 12,
    *({"at": LATER}, {"at": EARLIER}, {"key": "key-1"}, {"key": "key-2"}),
)
