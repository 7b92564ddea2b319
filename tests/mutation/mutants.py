"""Which small changes of a module could its tests overlook?

A *mutant* is a module with one change that a programmer might make by mistake: a comparison turned
round, a keyword left out, a statement forgotten. Declarations are changed like everything else:
the default of a field, the check of a column, an entry of a table of folds.

Left alone are what only readers and type checkers see (docstrings, annotations, imports, casts)
and assertions, which are there for our own bugs. Of a text it only shows whether its change is
noticed, not each of its words.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias, TypeVar

from attrs import frozen

N = TypeVar("N")

Change: TypeAlias = tuple[ast.AST, str]
"""What stands in a node's place, and how the change is told."""


@frozen
class Mutant:
    """A module with one change.

    Attributes:
        module: Its name under ``crm_domain``.
        where: The function, class, field or name that has the change, dotted; empty for the module itself.
        change: What was changed, as ``old -> new``; the second time in one place with ``(2)``.
        source: The whole module, changed.
    """

    module: str
    where: str
    change: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}: {self.where or '(module)'}: {self.change}"


OTHER_OPERATORS: Final[dict[type[ast.AST], tuple[type[ast.AST], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitAnd: (ast.BitOr,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
"""What an operator is mistaken for."""

OTHER_NAMES: Final = {
    "any": "all",
    "all": "any",
    "min": "max",
    "max": "min",
    "TEXT": "UUID",
    "UUID": "TEXT",
    "INTEGER": "BIGINT",
    "BIGINT": "INTEGER",
    "BOOLEAN": "INTEGER",
    "TIMESTAMPTZ": "TEXT",
    "JSONB": "TEXT",
    "NUMERIC": "INTEGER",
}
"""What a function or a column's type is mistaken for."""

_ANNOTATIONS: Final = frozenset({"annotation", "returns", "type_comment", "bases"})
_FOR_TYPE_CHECKERS: Final = frozenset({"cast", "TypeVar", "NewType"})
_LEFT_ALONE: Final = (ast.Import, ast.ImportFrom, ast.Assert, ast.expr_context, ast.operator, ast.cmpop, ast.boolop)


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its source."""
    tree = ast.parse(source)
    seen: Counter[tuple[str, str]] = Counter()
    for where, put, node in _places(tree, ""):
        for new, change in _changes(node):
            put(new)
            mutated = ast.unparse(ast.fix_missing_locations(tree))
            put(node)
            seen[where, change] += 1
            again = seen[where, change]
            yield Mutant(module, where, change if again == 1 else f"{change} ({again})", mutated)


def _places(node: ast.AST, where: str) -> Iterator[tuple[str, Callable[[ast.AST], None], ast.AST]]:
    """Yield every node below *node* that may be changed: where it is, and what puts another in its place."""
    for name, value in ast.iter_fields(node):
        if name in _ANNOTATIONS or (name == "args" and _is_for_type_checkers(node)):
            continue
        many = isinstance(value, list)
        for n, child in enumerate(value if many else [value]):
            if not isinstance(child, ast.AST) or _is_left_alone(child):
                continue
            inner = ".".join(filter(None, (where, _name_of(node, child))))
            yield inner, _putter(value, n) if many else _setter(node, name), child
            if not isinstance(child, ast.JoinedStr) and not _is_named_constant(child):
                yield from _places(child, inner)


def _name_of(node: ast.AST, child: ast.AST) -> str:
    """Return the name of what is declared, or nothing; what a function assigns has none."""
    match child:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name if isinstance(node, ast.Module | ast.ClassDef) else ""
    return ""


def _putter(nodes: list[ast.AST], n: int) -> Callable[[ast.AST], None]:
    return lambda new: nodes.__setitem__(n, new)


def _setter(node: ast.AST, name: str) -> Callable[[ast.AST], None]:
    return lambda new: setattr(node, name, new)


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FOR_TYPE_CHECKERS


def _is_named_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant | ast.JoinedStr)


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.UnaryOp(operand=ast.Name(id="TYPE_CHECKING"))):
            return True
    return isinstance(node, _LEFT_ALONE)


# --- what may be changed of a node ------------------------------------------------------------


def _changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Constant() | ast.JoinedStr() | ast.Name():
            yield from _other_values(node)
        case ast.keyword(value=ast.Constant() | ast.JoinedStr() as value):
            if not isinstance(value, ast.Constant) or not isinstance(value.value, bool):  # that is its default
                for other, _ in _other_values(value):
                    yield _told(node, _with(node, value=other))
        case ast.Compare() | ast.BoolOp() | ast.BinOp() | ast.UnaryOp():
            yield from _other_operations(node)
        case ast.If() | ast.IfExp() | ast.comprehension():
            yield from _other_conditions(node)
        case ast.Call():
            yield from _other_calls(node)
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
            yield from _fewer_elements(node)
        case ast.stmt():
            yield from _other_statements(node)


def _told(old: ast.AST, new: ast.AST) -> Change:
    return new, f"{ast.unparse(old)} -> {ast.unparse(new)}"


def _other_values(node: ast.Constant | ast.JoinedStr | ast.Name) -> Iterator[Change]:
    match node:
        case ast.Constant(value=bool() as truth):
            yield _told(node, ast.Constant(not truth))
        case ast.Constant(value=int() as number):
            yield _told(node, ast.Constant(number + 1))
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield _told(node, ast.Constant("mutated"))
        case ast.Name(id=name) if name in OTHER_NAMES:
            yield _told(node, ast.Name(OTHER_NAMES[name]))


def _other_operations(node: ast.Compare | ast.BoolOp | ast.BinOp | ast.UnaryOp) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=ops):
            for n, op in enumerate(ops):
                for other in OTHER_OPERATORS[type(op)]:
                    yield _told(node, _with(node, ops=[*ops[:n], other(), *ops[n + 1 :]]))
        case ast.UnaryOp(operand=operand):
            yield _told(node, operand)
        case ast.BoolOp(op=op) | ast.BinOp(op=op):
            for other in OTHER_OPERATORS.get(type(op), ()):
                yield _told(node, _with(node, op=other()))
    if isinstance(node, ast.BoolOp):
        for n in range(len(node.values)):
            yield _without(node, "values", n)


def _other_conditions(node: ast.If | ast.IfExp | ast.comprehension) -> Iterator[Change]:
    match node:
        case ast.If(test=test):
            for truth in (True, False):
                yield _with(node, test=ast.Constant(truth)), f"if {ast.unparse(test)} -> if {truth}"
        case ast.IfExp(body=body, orelse=orelse):
            yield _told(node, body)
            yield _told(node, orelse)
        case ast.comprehension(ifs=ifs):
            for n in range(len(ifs)):
                yield _without(node, "ifs", n)


def _other_calls(node: ast.Call) -> Iterator[Change]:
    """Leave out one keyword, or give None in place of one argument."""
    for n, argument in enumerate(node.args):
        is_column_type = isinstance(argument, ast.Name) and argument.id in OTHER_NAMES
        if not (is_column_type or isinstance(argument, ast.Constant | ast.JoinedStr | ast.Starred | ast.GeneratorExp)):
            new = _with(node, args=[*node.args[:n], ast.Constant(None), *node.args[n + 1 :]])
            yield new, f"{ast.unparse(node.func)}(): {ast.unparse(argument)} -> None"
    for n in range(len(node.keywords)):
        yield _without(node, "keywords", n)


def _fewer_elements(node: ast.List | ast.Tuple | ast.Set | ast.Dict) -> Iterator[Change]:
    if isinstance(node, ast.Dict):
        for n, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            rest = _with(node, keys=_all_but(node.keys, n), values=_all_but(node.values, n))
            yield rest, f"without {ast.unparse(key) if key else '**'}: {ast.unparse(value)}"
    elif not isinstance(node, ast.Set) and not isinstance(node.ctx, ast.Load):
        return  # what is assigned to
    else:
        for n in range(len(node.elts)):
            yield _without(node, "elts", n)


def _other_statements(node: ast.stmt) -> Iterator[Change]:
    match node:
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield _told(node, ast.Return(ast.Constant(None)))
        case ast.AnnAssign(value=ast.Constant(value=None), target=ast.Name()):
            yield _told(node, _with(node, value=ast.Constant("")))
        case ast.AnnAssign(value=ast.Name(), target=ast.Name()):
            yield _told(node, _with(node, value=ast.Constant(None)))
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield _told(node, ast.Pass())
        case ast.Continue():
            yield _told(node, ast.Break())


# --- changed copies ---------------------------------------------------------------------------


def _with(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _without(node: ast.AST, name: str, n: int) -> Change:
    """Return the node without the *n*-th of its parts of that name; of two operands, with the other one alone."""
    parts = getattr(node, name)
    rest = _all_but(parts, n)
    what = f"without {ast.unparse(parts[n])}"
    if isinstance(node, ast.BoolOp) and len(rest) == 1:
        return rest[0], what
    return _with(node, **{name: rest}), what


def _all_but(parts: Sequence[N], n: int) -> list[N]:
    return [*parts[:n], *parts[n + 1 :]]
