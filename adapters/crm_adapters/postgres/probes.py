"""What can people reach besides the commands? Ways in that only PostgreSQL has, each tried on the real server.

Most concern what the service role or a definer function does on someone's behalf: temporary tables
instead of real ones, rights under default grants, ON CONFLICT, several rows in one statement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any, Final, Protocol

import psycopg
from attrs import frozen

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.clocks import label_uuid
from crm_domain.command_log import LogLine
from crm_domain.errors import Refused
from crm_domain.ids import ANON, SERVICE, Principal
from crm_domain.schema import Table
from crm_domain.testing import AMY, BOB, Person, Probe

from .catalog import SCHEMAS, Catalog
from .escalation import others_rights
from .literals import literal
from .operations import KEYED
from .planted import PLACED_KINDS, TEMPORARY_KINDS
from .sessions import COMMIT, ROLLBACK, Result
from .statements import called, statement_of

_SAFETY: Final = "definer_safety"
_CHARGE: Final = "charge_after_write"
_OTHERS: Final = "service_passes_policies_not_rules"


class Tried(Protocol):
    """What probes ask of a backend."""

    catalog: Catalog

    def select(self, principal: Principal, table: str, where: dict[str, Any]) -> Sequence[Any]:
        """Return the rows that *principal* sees."""

    def send(self, principal: Principal, statements: Sequence[str], *, end: str = COMMIT) -> Result:
        """Send one transaction in someone's role."""

    def untold(self) -> AbstractContextManager[None]:
        """Leave what is sent in the block out of the report."""

    def look_up(self, query: str) -> Sequence[dict[str, Any]]:
        """Return what a query finds in the catalogue."""

    def warnings_of(self, principal: Principal, statements: Sequence[str]) -> Sequence[str]:
        """Return what the server warns of in one transaction, in a session of its own, which is rolled back."""


def probes(backend: Tried) -> Iterator[Probe]:
    """Yield everything that is tried."""
    for shadow in (rows.PROFILES, rows.CRM_USERS, rows.CRM_DASHBOARD_STATS):
        yield _probe(_SAFETY, _SHADOWED[shadow.name], _synced(AMY), _shadowed, backend, shadow)
    yield _probe(_SAFETY, _OTHERS, [*_synced(AMY), _deactivated(AMY)], _active_again, backend)
    for kind in (*TEMPORARY_KINDS, *PLACED_KINDS):
        yield _probe(_SAFETY, _OTHERS, [*_synced(AMY), *_stored(AMY)], others_rights, backend, kind)
    yield _probe(_SAFETY, _OTHERS, [*_synced(AMY), *_stored(AMY)], _without_a_user, backend)
    for who in (ANON, AMY.principal):
        yield _probe(_SAFETY, _OTHERS, [*_synced(BOB), *_stored(BOB)], _truncated, backend, who)
    yield _probe(_SAFETY, _OTHERS, [], _left_open, backend)
    yield _probe(_SAFETY, _OTHERS, _synced(BOB), _triggered, backend)
    yield _probe(_SAFETY, "reads_see_only_own_rows", [*_synced(BOB), *_stored(BOB)], _read_beside, backend)
    for part, law in (("balance", "one_credit_per_recording"), ("counted", "counters_equal_fold_of_events")):
        yield _probe(_CHARGE, law, [*_synced(AMY), *_stored(AMY)], _nothing_new, backend, part)
    yield _probe(_CHARGE, "one_credit_per_recording", [*_synced(AMY), *_synced(BOB)], _several_at_once, backend)
    yield _probe(_CHARGE, "balance_never_negative", [*_synced(AMY), _left_with_one(AMY)], _more_than_there_is, backend)


def _probe(safeguard: str, law: str, begun: Sequence[LogLine], attempt: Callable[..., str], *args: Any) -> Probe:
    return Probe(safeguard=safeguard, law=law, begun=begun, attempt=partial(attempt, *args))


_SHADOWED: Final = {
    rows.PROFILES.name: "one_credit_per_recording",
    rows.CRM_USERS.name: "mirror_equals_profile",
    rows.CRM_DASHBOARD_STATS.name: "counters_equal_fold_of_events",
}
"""What is broken where a temporary table of this name is taken for the real one."""

# --- who is there -----------------------------------------------------------------------------

_IDS: Final = tuple(map(label_uuid, ("recording-1", "recording-2", "recording-3")))


def _own(person: Person) -> dict[str, Any]:
    return {"user_id": person.user_id, "email": person.email}


def _synced(person: Person) -> list[LogLine]:
    return [LogLine(SERVICE, c.SyncCrmUser(**_own(person)))]


def _deactivated(person: Person) -> LogLine:
    off: dict[str, Any] = {"where": {"email": person.email}, "set": {"is_active": False}}
    return LogLine(SERVICE, c.Update(table=rows.CRM_USERS, **off))


def _left_with_one(person: Person) -> LogLine:
    one: dict[str, Any] = {"where": {"user_id": person.user_id}, "set": {"credits_remaining": 1}}
    return LogLine(SERVICE, c.Update(table=rows.PROFILES, **one))


def _stored(person: Person) -> list[LogLine]:
    return [LogLine(person.principal, c.CreateRecording(id=_IDS[0], video_url="a", **_own(person)))]


@frozen
class _Books:
    """What is written about someone, and what they have stored."""

    balance: int
    mirror: int
    counted: int
    stored: int

    @classmethod
    def of(cls, backend: Tried, person: Person) -> _Books:
        """Look as the service does."""
        where = {"user_id": person.user_id}
        with backend.untold():
            (profile,) = backend.select(SERVICE, rows.PROFILES.name, where)
            (crm_user,) = backend.select(SERVICE, rows.CRM_USERS.name, where)
            (stats,) = backend.select(SERVICE, rows.CRM_DASHBOARD_STATS.name, where)
            stored = backend.select(SERVICE, rows.CRM_RECORDINGS.name, where)
        balance, mirror = profile["credits_remaining"], crm_user["credits_remaining"]
        return cls(balance, mirror, stats["total_recordings"], len(stored))


def _insert(backend: Tried, people: Sequence[Person], behind: str = "", ids: Sequence[str] = _IDS) -> str:
    """Return an insert of one recording for each of *people*, in one statement."""
    relation = backend.catalog.relation(rows.CRM_RECORDINGS)
    names = ", ".join(relation.name(n) for n in ("id", "email", "user_id", "video_url"))
    values = ", ".join(
        f"({', '.join(map(literal, (i, person.email, person.user_id, 'a')))})"
        for i, person in zip(ids, people, strict=False)
    )
    return f"insert into {relation.sql} ({names}) values {values}{behind}"


def _try(backend: Tried, principal: Principal, statements: Sequence[str]) -> Result | None:
    """Send one transaction; return None if it was refused, for any reason."""
    try:
        return backend.send(principal, statements)
    except (Refused, psycopg.Error):
        return None


def _could(backend: Tried, principal: Principal, statements: Sequence[str]) -> Result | None:
    """Send one transaction that is rolled back; return None if it was refused. Only what was not refused is reported."""
    with backend.untold():
        try:
            backend.send(principal, statements, end=ROLLBACK)
        except (Refused, psycopg.Error):
            return None
    return backend.send(principal, statements, end=ROLLBACK)


# --- temporary tables in the place of real ones -------------------------------------------------


def _shadow(backend: Tried, table: Table[Any], row: dict[str, Any]) -> list[str]:
    """Return statements that make a temporary table of the same name, with one row."""
    relation = backend.catalog.relation(table)
    bare = table.name.lower()
    columns, values = (
        ", ".join(items) for items in zip(*((relation.name(n), literal(v)) for n, v in row.items()), strict=True)
    )
    return [
        f"create temporary table {bare} (like {relation.sql} including defaults) on commit drop",
        f"grant all on pg_temp.{bare} to public",
        f"insert into pg_temp.{bare} ({columns}) values ({values})",
    ]


def _shadowed(backend: Tried, table: Table[Any]) -> str:
    with backend.untold():
        if _stored_unpaid(backend, [_insert(backend, [AMY], ids=_IDS[1:])]):
            return ""  # no temporary table is needed for that
    row: dict[str, Any] = {"user_id": AMY.user_id}
    row |= {"email": AMY.email} if "email" in table.by_name else {}
    row |= {"credits_remaining": 1000} if "credits_remaining" in table.by_name else {}
    row |= {"id": _IDS[0]} if "id" in table.by_name else {}
    books = _stored_unpaid(backend, [*_shadow(backend, table, row), _insert(backend, [AMY])])
    if books is None:
        return ""
    return (
        f"a temporary table {table.name.lower()} was taken for the real one: another recording was stored, and the "
        f"balance is {books.balance}, its mirror {books.mirror}, the counter {books.counted}"
    )


def _stored_unpaid(backend: Tried, statements: Sequence[str]) -> _Books | None:
    """Store a recording of Amy's; return her books if it is there and was not paid for, mirrored and counted."""
    before = _Books.of(backend, AMY)
    _try(backend, AMY.principal, statements)
    after = _Books.of(backend, AMY)
    moved = (before.balance - after.balance, before.mirror - after.mirror, after.counted - before.counted)
    return after if after.stored > before.stored and moved != (1, 1, 1) else None


def _active_again(backend: Tried) -> str:
    if _could(backend, AMY.principal, [_insert(backend, [AMY])]):
        return ""  # they need no temporary table for that
    row = {"user_id": AMY.user_id, "email": AMY.email, "is_active": True}
    _try(backend, AMY.principal, [*_shadow(backend, rows.CRM_USERS, row), _insert(backend, [AMY])])
    stored = _Books.of(backend, AMY).stored
    return "a deactivated user stored a recording: a temporary table said that they were active" if stored else ""


# --- rights that nobody meant to give -----------------------------------------------------------


def _truncated(backend: Tried, who: Principal) -> str:
    tables = [relation.sql for n, relation in backend.catalog.relations.items() if n != rows.AUTH_USERS.name]
    may = [table for table in tables if _could(backend, who, [f"truncate {table} cascade"])]
    return f"{who.role.value} may TRUNCATE {', '.join(may)}, whoever's rows are there" if may else ""


def _left_open(backend: Tried) -> str:
    roles = backend.catalog.operations.roles
    texts = []
    if unpinned := [row["name"] for row in backend.look_up(_UNPINNED)]:
        texts.append(f"SECURITY DEFINER without a pinned search_path: {_some(unpinned)}")
    if open_ := [row["name"] for row in backend.look_up(_EXECUTABLE.format(anon=literal(roles.anon)))]:
        texts.append(f"{roles.anon} may EXECUTE what runs with its owner's rights: {_some(open_)}")
    return "; ".join(texts)


def _some(names: Sequence[str]) -> str:
    """Return the first of some names; the statement that finds them all is reported."""
    more = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


_NAMED_MAX: Final = 4

_DEFINERS: Final = f"""
select p.oid::pg_catalog.regproc::text as name from pg_catalog.pg_proc p
where p.prosecdef and p.pronamespace in ({SCHEMAS})
  and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""
_UNPINNED: Final = (
    f"{_DEFINERS} and not exists (select from unnest(p.proconfig) s where s like 'search_path=%') order by 1"
)
_EXECUTABLE: Final = (
    f"{_DEFINERS} and p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype\n"
    "  and pg_catalog.has_schema_privilege({anon}, p.pronamespace, 'usage')"
    " and pg_catalog.has_function_privilege({anon}, p.oid, 'execute') order by 1"
)


def _triggered(backend: Tried) -> str:
    relation = backend.catalog.relation(rows.CRM_USERS).sql
    texts = []
    gift = "create function pg_temp.gift() returns trigger language plpgsql as 'begin return new; end'"
    for table in (rows.CRM_JOB_REQUESTS, rows.CRM_RECORDINGS, rows.PROFILES):
        on = backend.catalog.relation(table).sql
        hang = f"create trigger gift before insert on {on} for each row execute function pg_temp.gift()"
        if _could(backend, AMY.principal, [gift, hang]):
            texts.append(f"a user may hang a trigger of their own on {on}")
    if _could(backend, AMY.principal, ["create table public.gift (a int)"]):
        texts.append(f"a user may create tables beside {relation}, and so what unqualified names mean")
    return "; ".join(texts)


def _read_beside(backend: Tried) -> str:
    """Look into all tables and views besides the document's, as a user and as anon."""
    texts = []
    for row in backend.look_up(_BESIDE):
        for who in (AMY.principal, ANON):
            where = f" where user_id is distinct from {literal(AMY.user_id)}" if row["owned"] else ""
            found = _could(backend, who, [f"select 1 from {row['name']}{where} limit 1"])
            if found and found.rows:
                texts.append(f"{who.role.value} reads others' rows of {row['name']}")
            changed = _could(backend, who, [f"delete from {row['name']}{where}"])
            if changed and changed.touched:
                texts.append(f"{who.role.value} deletes rows of {row['name']}")
    return "; ".join(texts)


_BESIDE: Final = """
select c.oid::pg_catalog.regclass::text as name,
  exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id') as owned
from pg_catalog.pg_class c
where c.relkind in ('r', 'v', 'm', 'p') and c.relnamespace = 'public'::pg_catalog.regnamespace
  and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e') order by 1
"""

# --- tokens that name no user -------------------------------------------------------------------


def _without_a_user(backend: Tried) -> str:
    """Ask as users do, with a token that says nothing of who it is: that is neither a user nor the service."""
    roles = backend.catalog.operations.roles
    unnamed = f"set local request.jwt.claims = {literal(json.dumps({'role': roles.user}))}"
    who = f"a token of the role {roles.user} that names no user"
    texts = []
    for n, relation in backend.catalog.relations.items():
        found = _could(backend, AMY.principal, [unnamed, f"select * from {relation.sql}"])
        if found and found.rows:
            texts.append(f"{who} reads {n}")
    if _could(backend, AMY.principal, [unnamed, _insert(backend, [AMY], ids=_IDS[1:])]):
        texts.append(f"{who} stores a recording of {AMY.label}'s")
    for request in _OF_THE_SERVICE:
        with suppress(NotImplementedError):
            if _could(backend, AMY.principal, [unnamed, statement_of(request, backend.catalog, AMY.principal).sql]):
                texts.append(f"{who} may ask for {type(request).__name__}")
    with suppress(NotImplementedError):
        texts += _answers_read(backend, unnamed, who)
    return "; ".join(texts)


_OF_THE_SERVICE: Final = (
    c.RegisterUser(user_id=BOB.user_id, email=BOB.email),
    c.SyncCrmUser(user_id=BOB.user_id, email=BOB.email),
    c.RecordPayment(user_id=AMY.user_id, amount="12.99", ref="a"),
)


def _answers_read(backend: Tried, unnamed: str, who: str) -> Iterator[str]:
    """Yield what is wrong if a key that the service used answers someone who is not the service."""
    key = {"key": literal("a"), "fingerprint": literal("b"), "answer": literal(json.dumps({"credited": True}))}
    claim, answer = (called(backend.catalog.operation(wanted), {n: key[n] for n in KEYED[wanted]}) for wanted in KEYED)
    _try(backend, SERVICE, [claim, answer])
    found = _could(backend, AMY.principal, [unnamed, claim])
    if found and any(value is not None for row in found.rows for value in row.values()):
        yield f"{who} reads the answer that the service got under its key"


# --- charged once per stored row ----------------------------------------------------------------

_CONFLICTS: Final = ("do nothing", "(id) do update set video_url = excluded.video_url")


def _nothing_new(backend: Tried, part: str) -> str:
    """Store what is there already, which is passed over, or changed where it stands: neither pays nor counts."""
    before = _Books.of(backend, AMY)
    for behind in _CONFLICTS:
        _try(backend, AMY.principal, [_insert(backend, [AMY], f" on conflict {behind}")])
        after = _Books.of(backend, AMY)
        if getattr(after, part) != getattr(before, part):
            return f"{_words(part)} went from {getattr(before, part)} to {getattr(after, part)}, and ON CONFLICT stored no row"
    return ""


def _words(part: str) -> str:
    return {"balance": "the balance", "counted": "the number of recordings that are counted"}[part]


def _several_at_once(backend: Tried) -> str:
    """Store several rows in one statement: each is paid for by its owner and counted."""
    before = {person: _Books.of(backend, person) for person in (AMY, BOB)}
    _try(backend, SERVICE, [_insert(backend, [AMY, BOB, AMY])])
    for person, was in before.items():
        after = _Books.of(backend, person)
        stored = after.stored - was.stored
        if (was.balance - after.balance, was.mirror - after.mirror, after.counted - was.counted) != (stored,) * 3:
            return (
                f"one statement stored recordings of two people, {stored} of {person.email}: the balance went from "
                f"{was.balance} to {after.balance}, its mirror to {after.mirror}, and {after.counted} are counted"
            )
    return ""


def _more_than_there_is(backend: Tried) -> str:
    """Store two rows in one statement with a credit for one: neither is stored."""
    _try(backend, AMY.principal, [_insert(backend, [AMY, AMY])])
    after = _Books.of(backend, AMY)
    if (after.stored, after.balance) == (0, 1):
        return ""
    return f"one statement stored {after.stored} recordings with 1 credit, and the balance is {after.balance}"
