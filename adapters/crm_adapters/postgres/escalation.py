"""Does a caller's code get the rights of others? What they plant is planted, and all that they may call is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cache, partial
from typing import Any, Final, Protocol

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.clocks import label_uuid
from crm_domain.ids import ANON, SERVICE, Principal
from crm_domain.reads import GetDashboard
from crm_domain.testing import AMY, BOB, CAL, DAN, Person

from .catalog import SCHEMAS, Catalog
from .literals import literal
from .planted import PLACED_KINDS, RUNS, TEMPORARY, Planting, guarded, path_through, plantings, undone, witness
from .statements import statement_of

_CALLERS: Final = (AMY.principal, DAN.principal, SERVICE, ANON)


class Asked(Protocol):
    """What is asked of a backend here."""

    catalog: Catalog

    def untold(self) -> AbstractContextManager[None]:
        """Leave what is sent in the block out of what is reported as sent."""

    def look_up(self, query: str) -> Sequence[dict[str, Any]]:
        """Return what a query finds in the catalogue."""

    def warnings_of(self, principal: Principal, statements: Sequence[str]) -> Sequence[str]:
        """Return what the server warns of in one transaction, in a session of its own, which is rolled back."""


def others_rights(backend: Asked, kind: str) -> str:
    """Plant an object of a kind under each name that functions use; return whose rights its code got, in words.

    Each caller has a session of its own: in one that has compiled a function, its types are those that it found then.
    """
    with backend.untold():
        reached = next(_reached(backend, kind), None)
    if reached is None:
        return ""
    who, statements, call, said = reached
    backend.warnings_of(who, [*statements, call])
    return f"planted by {who.role.value}: {said[0]}, in {call}"


def _reached(backend: Asked, kind: str) -> Iterator[tuple[Principal, list[str], str, Sequence[str]]]:
    """Yield who got others' rights by which statements and which call, and what the server warned of."""
    planted_in = cache(partial(plantings, backend.look_up, kind))
    for who in _CALLERS:
        calls = [*_requests(backend, who), *_callable(backend, who)]
        for place in _places(backend, who, kind):
            found = planted_in(place)
            begun = [path_through(place)] if kind in PLACED_KINDS else []
            begun += witness(backend.catalog.operations.roles.of(who.role))
            everything = [*begun, *(guarded(planting.statements) for planting in found)]
            if _told(backend, who, [*everything, *map(undone, calls)]):
                yield from (
                    (who, [*begun, *_those(found, said)], call, said)
                    for call in calls
                    if (said := _told(backend, who, [*everything, call]))
                )


def _told(backend: Asked, who: Principal, statements: Sequence[str]) -> list[str]:
    """Return what planted code reported; others may warn of other things."""
    return [warning for warning in backend.warnings_of(who, statements) if RUNS in warning]


def _those(found: Sequence[Planting], said: Sequence[str]) -> Iterator[str]:
    """Yield what makes the objects, of one name, whose code ran first."""
    for planting in found:
        if said[0].startswith(f"{planting.what}{RUNS}"):
            yield from planting.statements


def _places(backend: Asked, who: Principal, kind: str) -> list[str]:
    """Return the schemas where *who* may make what functions may find."""
    if kind not in PLACED_KINDS:
        return [TEMPORARY]
    role = literal(backend.catalog.operations.roles.of(who.role))
    return [row["name"] for row in backend.look_up(_CREATABLE.format(role=role))]


_CREATABLE: Final = """
select n.nspname as name from pg_catalog.pg_namespace n
where n.nspname !~ '^pg_' and pg_catalog.has_schema_privilege({role}, n.oid, 'create')
  and pg_catalog.has_schema_privilege({role}, n.oid, 'usage')
"""

# --- what is called -----------------------------------------------------------------------------

_JOB, _RECORDING, _RESUME = map(label_uuid, ("job-2", "recording-2", "resume-2"))
_BEFORE: Final = label_uuid("recording-1")


def _requests(backend: Asked, who: Principal) -> Iterator[str]:
    """Yield what the document's front end or its service would send; each stands for itself."""
    for group in _OF_THE_SERVICE if who.is_service else _OF_USERS:
        with suppress(NotImplementedError):  # the database lacks it
            yield "; ".join(statement_of(request, backend.catalog, who).sql for request in group)


def _own(person: Person) -> dict[str, Any]:
    return {"user_id": person.user_id, "email": person.email.upper()}


def _changed(table: Any, **columns: Any) -> c.Update:
    return c.Update(table=table, where={}, set=columns)


_FAILED: Final = (_changed(rows.CRM_RECORDINGS, status="completed"), _changed(rows.CRM_RECORDINGS, status="failed"))

_OF_USERS: Final[tuple[tuple[Any, ...], ...]] = (
    (c.CreateJobRequest(id=_JOB, **_own(AMY)), _changed(rows.CRM_JOB_REQUESTS, job_title="b")),
    (c.CreateRecording(id=_RECORDING, **_own(AMY)),),
    (c.UploadResume(id=_RESUME, resume_url="a", **_own(AMY)), _changed(rows.CRM_RESUMES, resume_name="b")),
    *((request,) for request in _FAILED),
    *((c.Delete(table=table, where={}),) for table in (rows.CRM_JOB_REQUESTS, rows.CRM_RECORDINGS, rows.CRM_RESUMES)),
    (GetDashboard(email=AMY.email),),
)

_OF_THE_SERVICE: Final[tuple[tuple[Any, ...], ...]] = (
    (c.SyncCrmUser(**_own(AMY)),),
    (c.SyncCrmUser(**_own(BOB)), c.CreateRecording(id=_RECORDING, **_own(BOB))),
    (c.RecordPayment(user_id=AMY.user_id, amount="12.99", ref="a"),),
    (
        c.RegisterUser(**_own(CAL)),
        c.RecordPayment(user_id=CAL.user_id, amount="12.99", ref="b"),
        c.CreateRegularJobRequest(id=_JOB, user_id=CAL.user_id),
        c.CreateRegularRecording(id=_RECORDING, user_id=CAL.user_id),
        c.UploadRegularResume(id=_RESUME, user_id=CAL.user_id, resume_url="a"),
        _changed(rows.RECORDINGS, status="completed"),
        c.Delete(table=rows.RECORDINGS, where={}),
    ),
    (c.CreateRegularJobRequest(id=_JOB, user_id=AMY.user_id),),
    (_changed(rows.PROFILES, credits_remaining=9),),
    (_changed(rows.PROFILES, credits_remaining=0),),
    (_changed(rows.CRM_USERS, credits_remaining=9),),
    *((request,) for request in _FAILED),
    (c.Delete(table=rows.CRM_RECORDINGS, where={}),),
    (c.TrackView(email=AMY.email),),
    (c.TrackLogin(email=AMY.email),),
    (c.TrackTime(email=AMY.email, seconds=1),),
    (GetDashboard(email=AMY.email),),
)


def _callable(backend: Asked, who: Principal) -> Iterator[str]:
    """Yield a call of each function of the schema that *who* may execute."""
    role = literal(backend.catalog.operations.roles.of(who.role))
    query = _CALLABLE.format(schemas=SCHEMAS, role=role, email=literal(AMY.email), id=literal(str(AMY.user_id)))
    yield from (row["call"] for row in backend.look_up(query))


_CALLABLE: Final = """
select pg_catalog.format('%s %I.%I(%s)', case p.prokind when 'p' then 'call' else 'select * from' end, n.nspname, p.proname, (
  select pg_catalog.string_agg(pg_catalog.format('%s::%I.%I', case
      when t.typcategory = 'S' then pg_catalog.quote_literal({email})
      when t.typname = 'uuid' then pg_catalog.quote_literal({id})
      when t.typname in ('json', 'jsonb') then '''{{}}'''
      when t.typcategory = 'N' then '1' when t.typcategory = 'B' then 'true'
      when t.typcategory = 'D' then 'pg_catalog.now()' else 'null' end, s.nspname, t.typname), ', ' order by a.n)
    from unnest(p.proargtypes::pg_catalog.oid[]) with ordinality a (type, n)
    join pg_catalog.pg_type t on t.oid = a.type join pg_catalog.pg_namespace s on s.oid = t.typnamespace)) as call
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.oid in ({schemas}) and pg_catalog.has_schema_privilege({role}, n.oid, 'usage')
  and p.prokind in ('f', 'p') and pg_catalog.has_function_privilege({role}, p.oid, 'execute')
  and p.prorettype not in ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
  and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e') order by 1
"""
