"""By what else can credits and rows be reached? The functions, views and tables of a database, each tried as a user and as no one.

A walk asks for what the document has. A database has more: a function that anyone may execute, a view that
shows its owner's sight, a way to store a row that pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, Final, Protocol

import psycopg
from attrs import frozen

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.clocks import label_uuid
from crm_domain.command_log import LogLine
from crm_domain.errors import Refused
from crm_domain.ids import ANON, SERVICE, Principal
from crm_domain.testing import AMY, BOB, Person, Probe

from .catalog import Catalog, Relation
from .literals import literal, name
from .probes import Tried
from .sessions import ROLLBACK, Result
from .statements import OPERATION_OF, plain_insert

_RAISES, _OTHERS = "no_user_command_raises_credits", "service_passes_policies_not_rules"
_READS, _PAYS = "reads_see_only_own_rows", "one_credit_per_recording"
_ID: Final = label_uuid("recording-1")


class Reached(Tried, Protocol):
    """What these probes ask of a backend besides."""

    def execute(self, principal: Principal, command: Any) -> Any:
        """Execute a command."""


def reach(backend: Reached) -> Iterator[Probe]:
    """Yield everything that is tried."""
    catalog = backend.catalog
    begun = [line for person in (AMY, BOB) for line in _coming(catalog, person)]
    for law in (_RAISES, _OTHERS, _READS):
        yield Probe(safeguard="definer_safety", law=law, begun=begun, attempt=partial(_called, backend, law))
    if catalog.operations.own_tables:
        for law in (_RAISES, _READS, _OTHERS):
            yield Probe(safeguard="definer_safety", law=law, begun=begun, attempt=partial(_beside, backend, law))
    for kind in (c.CreateRecording, c.CreateRegularRecording):
        for safeguard, attempt in (("atomic_consume", _stored_for_a_part), ("charge_after_write", _stored_for_nothing)):
            yield Probe(safeguard=safeguard, law=_PAYS, begun=begun, attempt=partial(attempt, backend, kind))
    stored = [*begun, LogLine(AMY.principal, c.CreateRegularRecording(id=_ID, user_id=AMY.user_id))]
    yield Probe(safeguard="charge_after_write", law=_PAYS, begun=stored, attempt=partial(_passed_over, backend))


def _coming(catalog: Catalog, person: Person) -> Iterator[LogLine]:
    """Yield what makes someone a user with credits, as far as the database has it."""
    own: dict[str, Any] = {"user_id": person.user_id, "email": person.email}
    if catalog.has("sync_crm_user"):
        yield LogLine(SERVICE, c.SyncCrmUser(**own))
        return
    yield LogLine(SERVICE, c.RegisterUser(**own))
    if catalog.has("record_payment"):
        price = catalog.operations.policy.policy().price
        yield LogLine(SERVICE, c.RecordPayment(user_id=person.user_id, amount=price, ref=f"begun-{person.label}"))


# --- who has what -----------------------------------------------------------------------------


@frozen
class _Balances:
    """What Amy and Bob have, in the database's own units; None where there is no balance."""

    amy: int | None
    bob: int | None


def _balances_sql(catalog: Catalog) -> str:
    relation = catalog.readable(rows.PROFILES)
    whose = (literal(_theirs(catalog, person)) for person in (AMY, BOB))
    balances = (
        f"(select {relation.name('credits_remaining')} from {relation.sql} where {relation.name('user_id')} = {id_})"
        for id_ in whose
    )
    return "select {} as amy, {} as bob".format(*balances)


def _theirs(catalog: Catalog, person: Person) -> Any:
    return catalog.ids.theirs(rows.AUTH_USERS.name, person.user_id)


def _after(backend: Reached, who: Principal, statements: Sequence[str]) -> _Balances | None:
    """Return what both would have after statements, which are rolled back; None if those are refused."""
    sent = [*statements, "reset role", _balances_sql(backend.catalog)]
    try:
        (row,) = backend.send(who, sent, end=ROLLBACK).rows
    except (Refused, psycopg.Error):
        return None
    return _Balances(**row)


def _sought(backend: Reached, who: Principal, statement: str) -> Result | None:
    """Send a statement that is rolled back; return None if it is refused."""
    try:
        return backend.send(who, [statement], end=ROLLBACK)
    except (Refused, psycopg.Error):
        return None


def _shown(backend: Reached, found: Callable[[], str]) -> str:
    """Return what is found, with what was sent for it alone."""
    with backend.untold():
        text = found()
    return text and found()


# --- functions --------------------------------------------------------------------------------


def _called(backend: Reached, law: str) -> str:
    """Call every function that users or others may execute, with what might be meant by its arguments."""
    texts = []
    with backend.untold():
        before = _after(backend, SERVICE, [])
        functions = backend.look_up(_FUNCTIONS)
    if before is None:  # there is no balance to look at
        return ""
    for row in functions:
        for who in (AMY.principal, ANON):
            for call in _calls(backend.catalog, row):
                if text := _shown(backend, partial(_done_by, backend, law, who, call, before)):
                    texts.append(f"{who.role.value} executes {row['name']}: {text}")
                    break
    return "; ".join(texts)


def _done_by(backend: Reached, law: str, who: Principal, call: str, before: _Balances) -> str:
    if law == _READS:
        return _told_by(backend, who, call)
    after = _after(backend, who, [f"select * from {call}"])
    if after is None:
        return ""
    if law == _RAISES and who != ANON and (after.amy or 0) > (before.amy or 0):
        return f"{call} raises their own balance from {before.amy} to {after.amy}"
    if law == _OTHERS and after.bob != before.bob:
        return f"{call} takes another's balance from {before.bob} to {after.bob}"
    if law == _OTHERS and who == ANON and after.amy != before.amy:
        return f"{call} takes a balance from {before.amy} to {after.amy}"
    return ""


def _told_by(backend: Reached, who: Principal, call: str) -> str:
    """Return what a function says of Bob, who is not named in the call."""
    bob = (str(_theirs(backend.catalog, BOB)), BOB.email)
    if any(text in call for text in bob):
        return ""
    found = _sought(backend, who, f"select * from {call}")
    values = " ".join(str(value) for row in (found.rows if found else ()) for value in row.values())
    return f"{call} shows another's {'id' if bob[0] in values else 'address'}" if any(t in values for t in bob) else ""


_FUNCTIONS: Final = """
select p.oid::pg_catalog.regproc::text as name,
  array(select pg_catalog.format_type(t, null) from unnest(p.proargtypes) with ordinality as a(t, n) order by n) as types
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and p.prokind = 'f' and p.pronargs < 8
  and p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype and p.provolatile <> 'i'
  and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e') order by 1
"""

_NUMBERS: Final = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision", "money"})
_TEXTS: Final = frozenset({"text", "character varying", "citext", "character", "name"})


def _calls(catalog: Catalog, function: dict[str, Any]) -> Iterator[str]:
    """Yield calls of a function: about Bob and about Amy, with amounts and words that may be meant."""
    types = function["types"]
    price = str(catalog.operations.policy.policy().price)
    numbers = ("1", "-1", price) if _NUMBERS.intersection(types) else ("1",)
    words = ("email", "word") if _TEXTS.intersection(types) else ("word",)
    people = (BOB, AMY) if {"uuid", *_TEXTS}.intersection(types) else (AMY,)
    for person, number, word in product(people, numbers, words):
        texts = {"uuid": str(_theirs(catalog, person)), "boolean": "true", "json": "{}", "jsonb": "{}"}
        texts |= dict.fromkeys(_NUMBERS, number) | dict.fromkeys(_TEXTS, person.email if word == "email" else "a word")
        values = (f"cast({literal(texts[t])} as {t})" if t in texts else f"cast(null as {t})" for t in types)
        yield f"{function['name']}({', '.join(values)})"


# --- views and tables beside the mapped ones --------------------------------------------------------


def _beside(backend: Reached, law: str) -> str:
    """Look into every relation that is not mapped, and change in it what is Bob's, or Amy's balance."""
    mapped = {relation.sql.replace('"', "") for relation in backend.catalog.relations.values()}
    with backend.untold():
        found = [row for row in backend.look_up(_RELATIONS) if row["qualified"] not in mapped]
        owned = [(row, column) for row in found if (column := _owner_column(backend, row))]
    tried = (
        (who, _shown(backend, partial(_done_to, backend, law, who, row, column)))
        for row, column in owned
        for who in (AMY.principal, ANON)
    )
    return "; ".join(f"{who.role.value} {text}" for who, text in tried if text)


def _owner_column(backend: Reached, row: dict[str, Any]) -> str:
    """Return the column that says whose a row is: one in which Bob's id stands."""
    bob = literal(str(_theirs(backend.catalog, BOB)))
    for column in row["columns"]:
        if backend.look_up(f"select 1 from {row['name']} where {name(column)}::text = {bob} limit 1"):
            return name(column)
    return ""


def _done_to(backend: Reached, law: str, who: Principal, row: dict[str, Any], column: str) -> str:
    amy, bob = (f"{column}::text = {literal(str(_theirs(backend.catalog, person)))}" for person in (AMY, BOB))
    if law == _READS:
        found = _sought(backend, who, f"select 1 from {row['name']} where {bob} limit 1")
        return f"reads others' rows of {row['name']}" if found and found.rows else ""
    if law == _OTHERS:
        found = _sought(backend, who, f"delete from {row['name']} where {bob}")
        return f"deletes others' rows of {row['name']}" if found and found.touched else ""
    balance = backend.catalog.readable(rows.PROFILES).name("credits_remaining")
    before = _after(backend, SERVICE, [])
    after = _after(backend, who, [f"update {row['name']} set {balance} = {balance} + 1 where {amy}"])
    raised = before and after and (after.amy or 0) > (before.amy or 0)
    return f"raises a balance through {row['name']}" if raised else ""


_RELATIONS: Final = """
select c.oid::pg_catalog.regclass::text as name, n.nspname || '.' || c.relname as qualified,
  array(select a.attname from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and a.atttypid in ('uuid'::pg_catalog.regtype, 'text'::pg_catalog.regtype) order by a.attnum) as columns
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'p') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'auth')
  and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e') order by 1
"""

# --- what a recording costs ---------------------------------------------------------------------


def _own_recording(kind: Any) -> Any:
    own: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}
    return kind(id=_ID, **{n: v for n, v in own.items() if n in kind.table.by_name})


def _stored_for_a_part(backend: Reached, kind: Any) -> str:
    """Store a recording with less than it costs, where it costs more than 1."""
    relation = backend.catalog.relation(rows.PROFILES)
    rest = relation.cost - 1
    if rest < 1:
        return ""
    whose = f"{relation.name('user_id')} = {literal(_theirs(backend.catalog, AMY))}"
    try:
        backend.send(
            SERVICE, [f"update {relation.sql} set {relation.name('credits_remaining')} = {rest} where {whose}"]
        )
        backend.execute(AMY.principal, _own_recording(kind))
    except (Refused, psycopg.Error):
        return ""
    left = _after(backend, SERVICE, [])
    return f"a recording that costs {relation.cost} was stored for {rest}, and the balance is {left and left.amy}"


def _stored_for_nothing(backend: Reached, kind: Any) -> str:
    """Store a row past the operation that takes its price."""
    if OPERATION_OF[kind] not in backend.catalog.operations.operations:
        return ""
    return _shown(backend, partial(_stored_past, backend, kind))


def _stored_past(backend: Reached, kind: Any) -> str:
    statement = plain_insert(_own_recording(kind), backend.catalog)
    before = _after(backend, SERVICE, [])
    after = _after(backend, AMY.principal, [statement])
    unpaid = before and after and after.amy == before.amy
    return f"a user stores a row of {kind.table.name} by themselves, and pays nothing" if unpaid else ""


def _passed_over(backend: Reached) -> str:
    """Store again what is there, which is passed over: nothing is paid."""
    relation: Relation = backend.catalog.relation(rows.RECORDINGS)
    if relation.makes_ids:
        return ""
    statement = plain_insert(_own_recording(c.CreateRegularRecording), backend.catalog)
    before = _after(backend, SERVICE, [])
    after = _after(backend, AMY.principal, [f"{statement} on conflict do nothing"])
    if before is None or after is None or after.amy == before.amy:
        return ""
    return f"the balance went from {before.amy} to {after.amy}, and ON CONFLICT stored no row"
