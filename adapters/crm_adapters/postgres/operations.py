"""How does a database do what the service does, and where are the document's tables? A small TOML file says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import cattrs
from attrs import evolve, field, frozen

from crm_adapters.inputs import LINE_MAX, TooLong, bounded_content
from crm_adapters.toml import BadToml, read_toml
from crm_domain.command_log import REQUESTS, argument_types
from crm_domain.errors import REFUSALS
from crm_domain.ids import Role
from crm_domain.rows import TABLES
from crm_domain.wording import quoted, unknown

from .errors import BadOperations

OPERATIONS: Final = (
    "register_user",
    "sync_crm_user",
    "record_payment",
    "get_dashboard",
    "track_login",
    "track_view",
    "track_time",
)
"""What is not a plain statement on one table, by its name in command logs."""

KEYED: Final = {"use_idempotency_key": ("key", "fingerprint"), "answer_idempotency_key": ("key", "answer")}
"""How a retry is told from a new command, with the arguments of each; a database may have neither.

The first is called before a command, in its transaction; it gives NULL, or ``{"answer": …}`` of the
command that was accepted under the key before. The second keeps the command's answer.
"""


@frozen(kw_only=True)
class Operation:
    """How one operation is called: a function, or a statement of SQL.

    Attributes:
        function: The function's name, with its schema.
        arguments: What the function calls each argument; one that is not here is not told to it.
        sql: The statement, with arguments in braces, in place of a function.
    """

    function: str = ""
    arguments: dict[str, str] = field(factory=dict)
    sql: str = ""


@frozen(kw_only=True)
class RefusalRule:
    """What an error means that has all that is given here.

    Attributes:
        code: The kind of refusal, as `crm_domain.errors` names it.
        sqlstate: PostgreSQL's code.
        constraint: The name of the constraint.
        message: A regular expression that is found in the message.
    """

    code: str
    sqlstate: str | None = None
    constraint: str | None = None
    message: str | None = None


@frozen(kw_only=True)
class Roles:
    """What ``set role`` is given for each role of the document."""

    user: str = "authenticated"
    service: str = "service_role"
    anon: str = "anon"

    def of(self, role: Role) -> str:
        """Return the database's role."""
        return {Role.USER: self.user, Role.SERVICE: self.service, Role.ANON: self.anon}[role]


@frozen(kw_only=True)
class Operations:
    """How a database is driven.

    Attributes:
        roles: Its roles.
        operations: How each operation is called, by its name in command logs.
        tables: Where tables are that are not where the document has them.
        columns: What columns are called that have other names, by table.
        refusals: What its own errors mean; the first rule that fits is taken.
        own: The operations that somebody's own file names: they must be there.
    """

    roles: Roles = field(factory=Roles)
    operations: dict[str, Operation] = field(factory=dict)
    tables: dict[str, str] = field(factory=dict)
    columns: dict[str, dict[str, str]] = field(factory=dict)
    refusals: tuple[RefusalRule, ...] = ()
    own: frozenset[str] = field(default=frozenset(), init=False)

    def overlaid(self, own: Operations) -> Operations:
        """Return these, with what somebody's *own* file says in their place."""
        merged = evolve(
            own,
            operations=self.operations | own.operations,
            tables=self.tables | own.tables,
            columns=self.columns | own.columns,
            refusals=own.refusals + self.refusals,
        )
        object.__setattr__(merged, "own", frozenset(own.operations))
        return merged


def read_operations(path: Path | None = None) -> Operations:
    """Return how to drive a database: as this library's migrations have it, and as the file at *path* says.

    Raises:
        BadOperations: There is no such file, or it says what cannot be; the message names the place.
    """
    default = _structured(files("crm_adapters.postgres").joinpath("ops.toml").read_text("utf-8"), "ops.toml")
    if path is None:
        return default
    try:
        with path.open("rb") as file:
            text = bounded_content(file, LINE_MAX).decode("utf-8")
    except (OSError, UnicodeDecodeError, TooLong) as error:
        raise BadOperations(f"{path}: it cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return default.overlaid(_structured(text, str(path)))


def _text(value: Any, _: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {quoted(value)}")
    return value


_CONVERTER: Final = cattrs.Converter(forbid_extra_keys=True)
_CONVERTER.register_structure_hook(str, _text)
_CONVERTER.register_structure_hook_func(lambda kind: kind == (str | None), _text)  # TOML has no null


def _structured(text: str, name: str) -> Operations:
    try:
        operations = _CONVERTER.structure(read_toml(text), Operations)
    except BadToml as error:
        raise BadOperations(f"{name}:{error.number}: {error.problem}") from None
    except Exception as error:  # noqa: BLE001 - cattrs raises groups of whatever hooks raise
        raise BadOperations(f"{name}: {cattrs.transform_error(error, path=name, format_exception=_said)[0]}") from None
    for problem in _problems(operations):
        raise BadOperations(f"{name}: {problem}")
    return operations


def _said(error: BaseException, kind: type[Any] | None) -> str:
    """Return what is wrong with a value: cattrs says of those that are no section only which method they lack."""
    return "expected a section" if isinstance(error, AttributeError) else cattrs.v.format_exception(error, kind)


def _problems(operations: Operations) -> Iterator[str]:
    """Yield what is well-formed and cannot be meant."""
    for name, operation in operations.operations.items():
        if name not in (*OPERATIONS, *KEYED):
            yield f"operations: {unknown(name, (*OPERATIONS, *KEYED), 'operation')}"
        elif bool(operation.function) == bool(operation.sql):
            yield f"operations.{name}: give either function or sql"
        else:
            known = KEYED[name] if name in KEYED else tuple(argument_types(REQUESTS[name]))
            for argument in (*operation.arguments, *placeholders(operation.sql)):
                if argument not in known:
                    yield f"operations.{name}: {unknown(argument, known, 'argument')}"
    for name in (*operations.tables, *operations.columns):
        if name not in TABLES:
            yield unknown(name, TABLES, "table")
    for name, columns in operations.columns.items():
        for column in columns.keys() - TABLES[name].by_name.keys():
            yield f"columns.{name}: {unknown(column, TABLES[name].by_name, 'column')}"
    for rule in operations.refusals:
        yield from _faults(rule)


def _faults(rule: RefusalRule) -> Iterator[str]:
    if rule.code not in REFUSALS:
        yield f"refusals: {quoted(rule.code)} is no kind of refusal; there are {', '.join(REFUSALS)}"
    if rule.sqlstate is rule.constraint is rule.message is None:
        yield f"refusals: of {quoted(rule.code)}, give a sqlstate, a constraint or a message"
    try:
        re.compile(rule.message or "")
    except (re.error, OverflowError, RecursionError) as error:
        yield f"refusals: {quoted(rule.message)} is no regular expression: {error}"


def placeholders(sql: str) -> list[str]:
    """Return the arguments that a statement of SQL names in braces."""
    return _PLACEHOLDER.findall(sql)


def filled(sql: str, literals: dict[str, str]) -> str:
    """Return a statement with literals in the place of what it names in braces."""
    return _PLACEHOLDER.sub(lambda found: literals[found[1]], sql)


_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
