"""What may a caller make under the names that functions use? Objects whose code says with whose rights it runs.

Types, domains, tables and views are looked for in ``pg_temp``, where every caller may make them, and there first of all
unless a function's ``search_path`` names ``pg_temp`` last. Functions and operators are never looked for in ``pg_temp``,
but in any schema that the ``search_path`` names and in which the caller may make some.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import frozen
from psycopg import sql

from .literals import literal

LookUp: TypeAlias = Callable[[str], Sequence[Mapping[str, Any]]]
"""Runs a query of the catalogue."""

TEMPORARY: Final = "pg_temp"

TEMPORARY_KINDS: Final = ("domain", "type", "table", "view")
"""What is looked for in ``pg_temp``."""

PLACED_KINDS: Final = ("function", "operator")
"""What is looked for only in the other schemas of a ``search_path``."""

RUNS: Final = " runs with the rights of "
"""What stands between an object and a role in the warning that `witness` has planted code give."""


@frozen
class Planting:
    """One object.

    Attributes:
        what: What it is and its name, which its code reports.
        statements: What makes it, behind what `witness` makes.
    """

    what: str
    statements: tuple[str, ...]


def witness(role: str) -> list[str]:
    """Return statements that make what planted code calls: it warns if it runs with rights that are not those of *role*."""
    return [
        (
            "create function pg_temp.planted(pg_catalog.text) returns pg_catalog.bool language plpgsql as $f$ begin "
            f"if current_user operator(pg_catalog.<>) {literal(role)} then "
            f"raise warning '%{RUNS}%', $1, current_user; end if; return true; end $f$"
        ),
        "grant execute on function pg_temp.planted to public",
        (
            "create function pg_temp.planted_trigger() returns trigger language plpgsql as $f$ begin "
            "perform pg_temp.planted(tg_argv[0]); return coalesce(new, old); end $f$"
        ),
        "grant execute on function pg_temp.planted_trigger to public",
    ]


def path_through(place: str) -> str:
    """Return a statement after which a schema comes first in the caller's ``search_path``."""
    rest = "pg_catalog.current_setting('search_path')"
    return f"select pg_catalog.set_config('search_path', '{_quoted(place)}, pg_catalog, ' operator(pg_catalog.||) {rest}, true)"


def plantings(look_up: LookUp, kind: str, place: str = TEMPORARY) -> list[Planting]:
    """Return an object of a kind for each name that the bodies of functions use.

    Args:
        look_up: Where the names are looked up.
        kind: One of `TEMPORARY_KINDS` or `PLACED_KINDS`.
        place: The schema for one of `PLACED_KINDS`.
    """
    bodies = [row["body"] for row in look_up(_BODIES)]
    pattern = _SYMBOLS if kind == "operator" else _WORDS
    found = {word for body in bodies for word in pattern.findall(body)}
    names = ", ".join(map(literal, sorted(found | {word.lower() for word in found})))
    query, planted = _KINDS[kind]
    return list(planted(look_up(query.format(names=f"array[{names}]::pg_catalog.text[]", place=literal(place))), place))


def guarded(statements: Iterable[str]) -> str:
    """Return a statement that executes others, or nothing if one of them fails."""
    return _block(statements, "")


def undone(statement: str) -> str:
    """Return a statement that executes another and undoes it, whether it succeeds or fails."""
    return _block([statement], " raise exception 'undone';")


def _block(statements: Iterable[str], end: str) -> str:
    executed = " ".join(f"execute {literal(statement)};" for statement in statements)
    return f"do $do$ begin {executed}{end} exception when others then null; end $do$"


# --- what the names are -------------------------------------------------------------------------

_WORDS: Final = re.compile(r"[^\W\d][\w$]*")
_SYMBOLS: Final = re.compile(r"[-+*/<>=~!@#%^&|`?]+")

_OF_USERS: Final = """
n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""

_BODIES: Final = f"""
select p.prosrc as body from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace join pg_catalog.pg_language l on l.oid = p.prolang
where l.lanname in ('sql', 'plpgsql') and {_OF_USERS}
  and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""

_TYPES: Final = """
select distinct on (t.typname) t.typname as name, pg_catalog.format('%I.%I', n.nspname, t.typname) as known
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.typname = any ({names}) and n.nspname !~ '^pg_(toast|temp)' and (
  t.typtype in ('b', 'd', 'e', 'm', 'r') or exists (select from pg_catalog.pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
order by t.typname, n.nspname <> 'pg_catalog'
"""

_RELATIONS: Final = """
select distinct on (c.relname) c.relname as name,
  (select pg_catalog.string_agg(pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
     from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select pg_catalog.string_agg(pg_catalog.format('null::%s as %I', pg_catalog.format_type(a.atttypid, a.atttypmod), a.attname), ', ' order by a.attnum)
     from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as nulls,
  (select coalesce(pg_catalog.string_agg(pg_catalog.format(', unique (%s)', (
      select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by k.n)
        from unnest(i.indkey::pg_catalog.int2[]) with ordinality k (attnum, n)
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum where k.n <= i.indnkeyatts)), ''), '')
     from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisunique and i.indpred is null and i.indexprs is null) as uniques
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relname = any ({names}) and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_(toast|temp)'
order by c.relname, n.nspname = 'pg_catalog'
"""

_NO_PSEUDOTYPES: Final = "not exists (select from pg_catalog.pg_type t where t.typtype = 'p' and t.oid in ({oids}))"

_FUNCTIONS: Final = f"""
select distinct p.proname as name, coalesce((
    select pg_catalog.string_agg(pg_catalog.format_type(a.type, null), ', ' order by a.n)
      from unnest(p.proargtypes::pg_catalog.oid[]) with ordinality a (type, n)), '') as arguments,
  pg_catalog.format_type(p.prorettype, null) as returned
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.proname = any ({{names}}) and p.prokind = 'f' and not p.proretset and p.provariadic = 0 and n.nspname !~ '^pg_(toast|temp)'
  and {_NO_PSEUDOTYPES.format(oids="select unnest(p.proargtypes::pg_catalog.oid[] || p.prorettype)")}
  and not exists (select from pg_catalog.pg_proc o where o.proname = p.proname and o.proargtypes = p.proargtypes
    and o.pronamespace = pg_catalog.to_regnamespace({{place}}))
order by 1, 2
"""

_OPERATORS: Final = f"""
select o.oprname as name, pg_catalog.format_type(nullif(o.oprleft, 0), null) as "left",
  pg_catalog.format_type(o.oprright, null) as "right", pg_catalog.format_type(o.oprresult, null) as returned
from pg_catalog.pg_operator o
where o.oprname = any ({{names}}) and o.oprnamespace = 'pg_catalog'::pg_catalog.regnamespace
  and {_NO_PSEUDOTYPES.format(oids="o.oprleft, o.oprright, o.oprresult")}
order by 1, 2, 3
"""

# --- what is made under them --------------------------------------------------------------------

_Row: TypeAlias = Mapping[str, Any]


def _domains(found: Iterable[_Row], _: str) -> Iterator[Planting]:
    for row in found:
        what = f"temporary domain {row['name']}"
        check = f"check (pg_temp.planted({literal(what)}))"
        yield Planting(what, (f"create domain {_temporary(row)} as {row['known']} {check}",))


def _types(found: Iterable[_Row], _: str) -> Iterator[Planting]:
    """Yield types that nothing fits, with casts from what was meant and from texts, and back."""
    for row in found:
        what, made = f"temporary type {row['name']} with its casts", _temporary(row)
        statements = [f"create type {made} as enum ('planted')"]
        for other in dict.fromkeys((row["known"], "pg_catalog.text")):
            for source, target in ((other, made), (made, other)):
                function = f"pg_temp.{_quoted(f'{what} {len(statements)}')}({source})"
                statements += [
                    f"create function {function} returns {target} language plpgsql as {_body(what)}",
                    f"create cast ({source} as {target}) with function {function} as implicit",
                ]
        yield Planting(what, tuple(statements))


def _tables(found: Iterable[_Row], _: str) -> Iterator[Planting]:
    for row in found:
        what, made = f"temporary table {row['name']}", _temporary(row)
        yield Planting(
            what,
            (
                f"create temporary table {_quoted(row['name'])} ({row['columns']}{row['uniques']}) on commit drop",
                f"grant all on {made} to public",
                (
                    f"create trigger planted before insert or update or delete on {made} "
                    f"for each statement execute function pg_temp.planted_trigger({literal(what)})"
                ),
            ),
        )


def _views(found: Iterable[_Row], _: str) -> Iterator[Planting]:
    for row in found:
        what, made = f"temporary view {row['name']}", _temporary(row)
        yield Planting(
            what,
            (
                f"create temporary view {_quoted(row['name'])} as select {row['nulls']} where pg_temp.planted({literal(what)}) offset 0",
                f"grant all on {made} to public",
                (
                    f"create trigger planted instead of insert or update or delete on {made} "
                    f"for each row execute function pg_temp.planted_trigger({literal(what)})"
                ),
            ),
        )


def _functions(found: Iterable[_Row], place: str) -> Iterator[Planting]:
    for row in found:
        what = f"function {row['name']} of {place}"
        made = f"{_quoted(place)}.{_quoted(row['name'])}({row['arguments']})"
        yield Planting(what, (f"create function {made} returns {row['returned']} language plpgsql as {_body(what)}",))


def _operators(found: Iterable[_Row], place: str) -> Iterator[Planting]:
    for number, row in enumerate(found):
        what, function = f"operator {row['name']} of {place}", f"pg_temp.operator_{number}"
        sides = {side: row[side] for side in ("left", "right") if row[side] is not None}
        arguments = ", ".join(f"{side}arg = {kind}" for side, kind in sides.items())
        yield Planting(
            what,
            (
                (
                    f"create function {function}({', '.join(sides.values())}) returns {row['returned']} "
                    f"language plpgsql as {_body(what)}"
                ),
                f"create operator {_quoted(place)}.{row['name']} ({arguments}, function = {function})",
            ),
        )


def _quoted(text: str) -> str:
    return sql.Identifier(text).as_string()


def _temporary(row: _Row) -> str:
    return f"pg_temp.{_quoted(row['name'])}"


def _body(what: str) -> str:
    return f"$f$ begin perform pg_temp.planted({literal(what)}); return null; end $f$"


_KINDS: Final[Mapping[str, tuple[str, Callable[[Iterable[_Row], str], Iterator[Planting]]]]] = {
    "domain": (_TYPES, _domains),
    "type": (_TYPES, _types),
    "table": (_RELATIONS, _tables),
    "view": (_RELATIONS, _views),
    "function": (_FUNCTIONS, _functions),
    "operator": (_OPERATORS, _operators),
}
