"""How do the tables look in PostgreSQL? All of it is derived from `crm_domain.rows.TABLES`.

Names are the document's, as PostgreSQL folds them. Its integers are ``bigint`` here, because
durations, counters and balances go up to what 64 bits hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from crm_domain.rows import CRM_USERS, REGULAR_TABLES, TABLES
from crm_domain.rules import Rules
from crm_domain.schema import INT64_MAX, Atom, Column, ColumnType, Default, Index, Table
from crm_domain.values import JSON_DEPTH_MAX, JSON_DIGITS_MAX

_TYPES: Final = {ColumnType.INTEGER: "bigint"}

_MADE: Final = {ColumnType.UUID: "gen_random_uuid()", ColumnType.TIMESTAMPTZ: "now()"}
"""What is stored where the model makes an id or says the time."""

_TOO_DEEP: Final = f"""'strict $.**{{{JSON_DEPTH_MAX}}} ? (@.type() == "array" || @.type() == "object")'"""
_TOO_LONG: Final = (
    f"""'strict $.** ? (@.type() == "number" && (@ >= 1e{JSON_DIGITS_MAX} || @ <= -1e{JSON_DIGITS_MAX}))'"""
)
"""What JSON may not hold, as paths to it."""

_PAIRED: Final = ("email", "user_id")


INTERNAL: Final = "crm_internal"
"""The schema of functions that only others of ours call. PostgREST, which is not given its name, does not see them."""


def home(rules: Rules) -> str:
    """Return the schema of our own functions: out of sight, or where the hole is open among those that are offered."""
    return INTERNAL if rules.definer_safety else "public"


def own(rules: Rules) -> str:
    """Return what stands before a name of `home`; an unqualified name is the hole."""
    return f"{INTERNAL}." if rules.definer_safety else ""


def folded(table: Table[Any]) -> str:
    """Return the table's name as PostgreSQL folds it, without its schema."""
    return table.name.rpartition(".")[2].lower()


def prefix(table: Table[Any]) -> str:
    """Return what the names of the table's own functions begin with."""
    if table in REGULAR_TABLES:
        return f"crm_regular_{folded(table)}"
    name = folded(table)
    return name if name.startswith("crm_") else f"crm_{name}"


def qualified(table: Table[Any]) -> str:
    """Return the table's name with its schema."""
    return table.name if "." in table.name else f"public.{folded(table)}"


def columns(table: Table[Any], rules: Rules) -> str:
    """Return the definitions of the columns and of what each of them takes, for ``create table``."""
    lines = [_column(table, column, rules) for column in table.columns]
    lines += (f"constraint {name} {body}" for name, body in _constraints(table, rules))
    return ",\n".join(f"  {line}" for line in lines).replace(") references", ")\n    references")


def indexes(table: Table[Any], rules: Rules) -> Iterator[str]:
    """Yield ``create index`` for what the declaration names, the unique ones included."""
    for index in table.indexes:
        unique = is_unique(index, rules)
        names = index.columns if index.order is None else (*index.columns, index.order)
        yield (
            f"create {'unique ' if unique else ''}index if not exists {index_name(table, index, rules)}\n"
            f"  on {qualified(table)} ({', '.join(names)}){_condition(index)};"
        )


def index_name(table: Table[Any], index: Index, rules: Rules) -> str:
    """Return what an index is called."""
    return f"{folded(table)}_{index.name}_{'key' if is_unique(index, rules) else 'idx'}"


def is_unique(index: Index, rules: Rules) -> bool:
    """Tell whether a second row is refused: what a safeguard brings is unique only while it is on."""
    return index.unique and (index.safeguard is None or getattr(rules, index.safeguard))


def required(table: Table[Any], rules: Rules) -> list[str]:
    """Return the columns that may not be NULL."""
    return [c.name for c in table.columns if c.not_null or (c.not_null_if_valid and rules.valid_values)]


def owner_columns(table: Table[Any]) -> list[str]:
    """Return the columns that say whose row it is."""
    return [c.name for c in table.columns if c.owner]


def paired(table: Table[Any]) -> bool:
    """Tell whether rows carry both an address and a user, which must be one account."""
    return table is not CRM_USERS and all(name in table.by_name and table.by_name[name].owner for name in _PAIRED)


def owners_stay(rules: Rules) -> bool:
    """Tell whether every row has an owner, and always the same."""
    return rules.valid_values and rules.immutable_owner


def literal(value: Atom) -> str:
    """Return a declared value as SQL.

    Raises:
        TypeError: Its type has no place in a schema.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"{value!r} has no place in the schema")


def _column(table: Table[Any], column: Column, rules: Rules) -> str:
    parts = [column.name, _TYPES.get(column.type, column.type.value)]
    if column.name in required(table, rules) and not column.key:
        parts.append("not null")
    if isinstance(column.default, Default):
        parts.append(f"default {_MADE[column.type]}")
    elif column.default is not None:
        parts.append(f"default {literal(column.default)}")
    return " ".join(parts)


def _constraints(table: Table[Any], rules: Rules) -> Iterator[tuple[str, str]]:
    """Yield the table's constraints by their names: key, checks, references."""
    name = folded(table)
    yield f"{name}_pkey", f"primary key ({table.key})"
    for column in table.columns:
        checks = [*_checks(column, rules)]
        if checks:
            yield f"{name}_{column.name}_check", f"check ({' and '.join(checks)})"
    for column in table.columns:
        if column.references is not None and not _implied(table, column, rules):
            parent, key = column.references
            yield f"{name}_{column.name}_fkey", f"foreign key ({column.name}) references {_target(parent, key)}"
    yield from _composites(table, rules)


def _composites(table: Table[Any], rules: Rules) -> Iterator[tuple[str, str]]:
    """Yield the keys of two columns: what rows refer to together with its owner."""
    name = folded(table)
    if table is CRM_USERS and rules.owner_pair:
        yield f"{name}_email_user_id_key", "unique (email, user_id)"
    if name.endswith("job_requests") and rules.same_owner_reference and owners_stay(rules):
        yield f"{name}_id_user_id_key", "unique (id, user_id)"
    if paired(table) and rules.owner_pair and rules.immutable_owner:
        target = _target(CRM_USERS.name, "email, user_id")
        yield f"{name}_owner_pair_fkey", f"foreign key (email, user_id) references {target}"
    if "job_request_id" in table.by_name and rules.same_owner_reference and owners_stay(rules):
        parent = table.by_name["job_request_id"].references
        assert parent is not None
        target = _target(parent[0], "id, user_id")
        yield f"{name}_same_owner_reference_fkey", f"foreign key (job_request_id, user_id) references {target}"


def _implied(table: Table[Any], column: Column, rules: Rules) -> bool:
    """Tell whether a composite key refers to at least as much, where none of its columns can be NULL."""
    if not owners_stay(rules):
        return False
    if column.name == "job_request_id":
        return rules.same_owner_reference
    return column.name == "email" and paired(table) and rules.owner_pair


def _target(table: str, names: str) -> str:
    return f"{qualified(TABLES[table])} ({names})"


def _checks(column: Column, rules: Rules) -> Iterator[str]:
    if column.most < INT64_MAX:
        yield f"{column.name} <= {column.most}"
    yield from _bounds(column)
    if not rules.valid_values:
        return
    if column.one_of:
        yield f"{column.name} in ({', '.join(map(literal, column.one_of))})"
    # Where check and consume are two steps, a balance may fall below 0 whatever values may be given.
    if column.not_negative and (rules.atomic_consume or column.name != "credits_remaining"):
        yield f"{column.name} >= 0"


def _bounds(column: Column) -> Iterator[str]:
    """Yield what no reading stores, of types that PostgreSQL has more values of."""
    if column.length_max is not None:
        yield f"length({column.name}) between 1 and {column.length_max}"
    if column.type is ColumnType.TIMESTAMPTZ:  # neither infinite nor of a year that no reader knows
        yield f"{column.name} >= '0001-01-01 00:00:00+00'"
        yield f"{column.name} < '10000-01-01 00:00:00+00'"
    if column.type is ColumnType.JSONB:
        yield from json_checks(column.name)


def json_checks(name: str) -> Iterator[str]:
    """Yield what must be true of JSON, an expression, that every store keeps."""
    yield f"not jsonb_path_exists({name}, {_TOO_DEEP})"
    yield f"not jsonb_path_exists({name}, {_TOO_LONG})"


def later_checks(table: Table[Any]) -> Iterator[tuple[str, str]]:
    """Yield the checks that a table may lack which an earlier version made, by their names."""
    for column in table.columns:
        bounds = [*_bounds(column)]
        if bounds:
            yield f"{folded(table)}_{column.name}_check", f"check ({' and '.join(bounds)})"


def _condition(index: Index) -> str:
    if index.where is None:
        return ""
    column, operator, value = index.where
    return f" where {column} {operator} {literal(value)}"
