"""Is the prose plain? Words that a native speaker would seldom write are counted, in docstrings and README files."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

TOP: Final = Path(__file__).resolve().parent.parent
FOREIGN: Final = re.compile(
    r"\b(?:somebody|nobody|anybody|told|tells|anew|beside|whoever|whatever|lest|in the place of|comes to|came of|is none of"
    r"|minded by|once more)\b",
    re.IGNORECASE,
)
MOST: Final = 10
"""How many of them are in 10,000 words, at most."""


def docstrings() -> str:
    """Return the docstrings of the library."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = [
        ast.get_docstring(node) or ""
        for folder in ("crm_domain", "adapters")
        for path in sorted((TOP / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, kinds)
    ]
    return "\n".join(found)


def pages() -> str:
    """Return the README files, without their blocks of code."""
    folders = ("crm_domain", "adapters", "notebooks", "tests")
    paths = [TOP / "README.md", *(path for folder in folders for path in sorted((TOP / folder).rglob("README.md")))]
    return "\n".join(re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL) for path in paths)


def test_the_prose_is_plain() -> None:
    """What says the same in plain words is in the guide of style: someone, no one, again, next to, says."""
    prose = f"{docstrings()}\n{pages()}"
    found = FOREIGN.findall(prose)
    assert 10_000 * len(found) <= MOST * len(prose.split()), found
