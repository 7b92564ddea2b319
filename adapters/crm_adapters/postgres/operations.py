"""How does a database do what the service does, and where are the document's tables? A small TOML file says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import attrs
import cattrs
from attrs import evolve, field, frozen

from crm_adapters.inputs import LINE_MAX, TooLong, bounded_content
from crm_adapters.toml import BadToml, read_toml
from crm_domain import commands as c
from crm_domain.command_log import REQUESTS, argument_types
from crm_domain.errors import REFUSALS
from crm_domain.ids import Role
from crm_domain.rows import TABLES
from crm_domain.rules import CreditPolicy
from crm_domain.testing import TOLERANCES
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

CREATIONS: Final = tuple(cmd for cmd, kind in REQUESTS.items() if issubclass(kind, c.CreateRow))
"""What is a plain INSERT, unless a file says otherwise."""

KEYED: Final = {"use_idempotency_key": ("key", "fingerprint"), "answer_idempotency_key": ("key", "answer")}
"""How a retry is distinguished from a new command, with the arguments of each; a database may have neither.

The first is called before a command, in its transaction; it gives NULL, or ``{"answer": …}`` of the
command that was accepted under the key before. The second keeps the command's answer.
"""

ASKER: Final = "asker"
"""What stands in braces for the id of the user who asks; NULL where that is no user."""


@frozen(kw_only=True)
class Step:
    """One of several statements, each a transaction of its own.

    Attributes:
        sql: The statement, with arguments in braces.
        by: Whose role it is sent in: the asker's, or the service's, as a server does it on a user's behalf.
        otherwise: The refusal that it means if the statement gives false, NULL or no row.
    """

    sql: str
    by: Literal["asker", "service"] = "asker"
    otherwise: str = ""


@frozen(kw_only=True)
class Operation:
    """How one operation is called: a function, a statement of SQL, or several.

    Attributes:
        function: The function's name, with its schema.
        arguments: What the function calls each argument; one that is not here is not given to it.
        sql: The statement, with arguments in braces, in place of a function.
        steps: Several statements in place of one. What the last one gives is the answer.
        otherwise: The refusal that it means if the function or the statement gives false, NULL or no row.
        role: The database's role that it is called in when the service asks, if that is another.
    """

    function: str = ""
    arguments: dict[str, str] = field(factory=dict)
    sql: str = ""
    steps: tuple[Step, ...] = ()
    otherwise: str = ""
    role: str = ""

    @property
    def taken(self) -> frozenset[str]:
        """The names of the arguments that it is given."""
        texts = (self.sql, *(step.sql for step in self.steps))
        return frozenset((*self.arguments, *(name for text in texts for name in placeholders(text)))) - {ASKER}


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
    """What ``set role`` is given for each role of the document; nothing if empty: then the login asks."""

    user: str = "authenticated"
    service: str = "service_role"
    anon: str = "anon"

    def of(self, role: Role) -> str:
        """Return the database's role."""
        return {Role.USER: self.user, Role.SERVICE: self.service, Role.ANON: self.anon}[role]


@frozen(kw_only=True)
class OtherPolicy:
    """What credits cost and give there, in the database's own units; what is not given is as in the document.

    Attributes:
        initial_credits: What a CRM user gets once.
        regular_initial_credits: What a regular user gets once.
        credits_per_payment: What a payment gives.
        price: What a payment must be.
        refund_failed_recordings: Whether a recording that the service marks as failed gives its credits back.
        cost: What a recording costs. All of the above must be multiples of it.
    """

    initial_credits: int | None = None
    regular_initial_credits: int | None = None
    credits_per_payment: int | None = None
    price: str | None = None
    refund_failed_recordings: bool | None = None
    cost: int = 1

    def problem(self) -> str:
        """Return what is wrong with it; nothing if it can be."""
        if self.cost < 1:
            return f"policy.cost: a recording costs at least 1, not {self.cost}"
        for name in _CREDITS:
            if (getattr(self, name) or 0) % self.cost:
                return f"policy.{name}: {getattr(self, name)} is no multiple of what a recording costs, {self.cost}"
        try:
            self.policy()
        except (ValueError, TypeError, InvalidOperation) as error:
            return (
                f"policy.{error if not isinstance(error, InvalidOperation) else f'price: {self.price!r} is no amount'}"
            )
        return ""

    def policy(self, usual: CreditPolicy | None = None) -> CreditPolicy:
        """Return the policy that the model keeps: with what a recording costs as 1 credit."""
        given = {name: value for name, value in attrs.asdict(self).items() if value is not None and name != "cost"}
        given |= {name: given[name] // self.cost for name in _CREDITS if name in given}
        if "price" in given:
            given["price"] = Decimal(given["price"])
        return evolve(usual or CreditPolicy(), **given)


_CREDITS: Final = ("initial_credits", "regular_initial_credits", "credits_per_payment")


@frozen(kw_only=True)
class Ids:
    """Whose ids the database chooses itself, where it is given none.

    Attributes:
        chosen_by_database: The tables whose rows have such ids; an operation that is not given an id chooses it anyway.
    """

    chosen_by_database: frozenset[str] = frozenset()


@frozen(kw_only=True)
class Beginning:
    """What is sent at the beginning of every transaction.

    Attributes:
        begin: A statement behind ``set role``, with the id of the user who asks as ``{asker}``.
    """

    begin: str = ""


@frozen(kw_only=True)
class Operations:
    """How a database is driven.

    Attributes:
        roles: Its roles.
        session: What else a session is given.
        operations: How each operation is called, by its name in command logs.
        tables: Where tables are that are not where the document has them; empty if they are not driven.
        columns: What columns are called that have other names, by table.
        reads: A query to read a table by, by table, where it is not a table.
        ids: Whose ids the database chooses.
        policy: What credits cost and give.
        tolerate: What it may do otherwise than the rules.
        refusals: What its own errors mean; the first rule that fits is taken.
        own: The operations that someone's own file names: they must be there.
        own_tables: The tables that it names: nothing else must be there.
    """

    roles: Roles = field(factory=Roles)
    session: Beginning = field(factory=Beginning)
    operations: dict[str, Operation] = field(factory=dict)
    tables: dict[str, str] = field(factory=dict)
    columns: dict[str, dict[str, str]] = field(factory=dict)
    reads: dict[str, str] = field(factory=dict)
    ids: Ids = field(factory=Ids)
    policy: OtherPolicy = field(factory=OtherPolicy)
    tolerate: dict[str, bool] = field(factory=dict)
    refusals: tuple[RefusalRule, ...] = ()
    own: frozenset[str] = field(default=frozenset(), init=False)
    own_tables: frozenset[str] = field(default=frozenset(), init=False)

    @property
    def tolerated(self) -> tuple[str, ...]:
        """The names of what is tolerated."""
        return tuple(name for name, tolerated in self.tolerate.items() if tolerated)

    def overlaid(self, own: Operations) -> Operations:
        """Return these, with what someone's *own* file says in their place."""
        merged = evolve(
            own,
            operations=self.operations | own.operations,
            tables=self.tables | own.tables,
            columns=self.columns | own.columns,
            refusals=own.refusals + self.refusals,
        )
        object.__setattr__(merged, "own", frozenset(own.operations))
        object.__setattr__(merged, "own_tables", frozenset((*own.tables, *own.columns, *own.reads)))
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


def _plain(value: Any, kind: type[Any]) -> Any:
    if type(value) is not kind:
        raise TypeError(f"expected {_KINDS[kind]}, got {quoted(value)}")
    return value


_KINDS: Final = {str: "text", int: "a whole number", bool: "true or false"}

_CONVERTER: Final = cattrs.Converter(forbid_extra_keys=True)
for _kind in _KINDS:
    _CONVERTER.register_structure_hook(_kind, _plain)
_CONVERTER.register_structure_hook_func(
    lambda kind: kind == (str | None), lambda value, _: _plain(value, str)
)  # TOML has no null


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
        yield from _problems_of(name, operation)
    for name in (*operations.tables, *operations.columns, *operations.reads, *operations.ids.chosen_by_database):
        if name not in TABLES:
            yield unknown(name, TABLES, "table")
    for name, columns in operations.columns.items():
        for column in columns.keys() - TABLES[name].by_name.keys():
            yield f"columns.{name}: {unknown(column, TABLES[name].by_name, 'column')}"
    for rule in operations.refusals:
        yield from _faults(rule)
    for name in operations.tolerate:
        if name not in TOLERANCES:
            yield f"tolerate: {unknown(name, TOLERANCES)}"
    if problem := operations.policy.problem():
        yield problem


def _problems_of(name: str, operation: Operation) -> Iterator[str]:
    known_names = (*OPERATIONS, *CREATIONS, *KEYED)
    if name not in known_names:
        yield f"operations: {unknown(name, known_names, 'operation')}"
        return
    if sum(map(bool, (operation.function, operation.sql, operation.steps))) != 1:
        yield f"operations.{name}: give one of function, sql and steps"
    known = KEYED[name] if name in KEYED else tuple(argument_types(REQUESTS[name]))
    for argument in sorted(operation.taken - set(known)):
        yield f"operations.{name}: {unknown(argument, known, 'argument')}"
    for code in (operation.otherwise, *(step.otherwise for step in operation.steps)):
        if code and code not in REFUSALS:
            yield f"operations.{name}: {quoted(code)} is no kind of refusal; there are {', '.join(REFUSALS)}"


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
    """Return a statement with literals instead of what it names in braces."""
    return _PLACEHOLDER.sub(lambda found: literals[found[1]], sql)


_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
