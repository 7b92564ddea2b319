"""On which line of a TOML file does a key stand?

`tomllib` reads values and says nothing of places. Here it reads a file, known to be TOML, statement by
statement: a statement is over as soon as what was gathered of it can be read by itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str, ...]
"""A key and those of the tables that it is in, from the outside in."""


def lines_of(text: str) -> dict[Path, int]:
    """Return the line, from 1, on which each key and each table of a TOML document begins."""
    found: dict[Path, int] = {}
    table: Path = ()
    for number, statement, tree in _statements(text):
        if statement.startswith("["):
            table = _deepest(tree)
            found.setdefault(table, number)
        else:
            for path in _paths(tree):
                found.setdefault(table + path, number)
    return found


def _statements(text: str) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    gathered, first = "", 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        first = first if gathered else number
        gathered += line
        if _goes_on(line, is_first=number == first):
            continue
        try:
            tree = tomllib.loads(gathered)
        except (ValueError, RecursionError):
            continue
        if tree:
            yield first, gathered.lstrip(), tree
        gathered = ""


def _goes_on(line: str, *, is_first: bool) -> bool:
    """Tell whether no statement ends with a line; so a long array is not tried at each of its lines."""
    if line.rstrip().endswith(",") and "#" not in line:
        return True
    return not is_first and not any(end in line for end in ("]", '"""', "'''"))


def _deepest(tree: Any) -> Path:
    """Return the path of the table that a header opens."""
    path: Path = ()
    while tree:
        (key, below), *_ = tree.items()
        path, tree = (*path, key), below[-1] if isinstance(below, list) else below
    return path


def _paths(tree: Mapping[str, Any]) -> Iterator[Path]:
    for key, value in tree.items():
        yield (key,)
        if isinstance(value, Mapping):
            yield from ((key, *below) for below in _paths(value))
