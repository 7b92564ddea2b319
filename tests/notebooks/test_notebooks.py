"""The notebooks are true: they run, they show what comes out, they need what is public alone, and they read like articles."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from .executing import FOLDER, KERNEL, NOTEBOOKS, PICTURES, executed, read, shown, text, tidy, words_of
from .pictures import PICTURES_FOLDER, README_PICTURES, drawn, file_of

BYTES_MAX: Final = 1_000_000
SMALL_BYTES: Final = 200_000
WIDTH_MAX: Final = 104
"""Columns of code that a page shows; what is behind them, it cuts off."""

of_each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)


def cells(notebook: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the source of each cell of one kind, and the cell."""
    for cell in read(notebook)["cells"]:
        if cell["cell_type"] == kind:
            yield text(cell["source"]), cell


def python(notebook: Path) -> Iterator[ast.AST]:
    """Yield every node of the code, without lines that are IPython's own."""
    for source, _ in cells(notebook, "code"):
        lines = [line for line in source.splitlines() if not line.startswith(("%", "!"))]
        yield from ast.walk(ast.parse("\n".join(lines)))


def test_notebooks_are_numbered_stories() -> None:
    """Each has a number of its own and a name that speaks; besides are a page that lists them, how figures look and the pictures of the README."""
    assert NOTEBOOKS
    names = [notebook.name for notebook in NOTEBOOKS]
    assert [name for name in names if not re.fullmatch(r"\d\d(_[a-z]+)+\.ipynb", name)] == []
    assert len({name[:2] for name in names}) == len(names)
    others = {path.name for path in FOLDER.iterdir() if not path.name.startswith(".")} - set(names)
    assert others == {"README.md", "figures.mplstyle", PICTURES_FOLDER.name}


@pytest.mark.thorough
@of_each_notebook
def test_executing_gives_what_is_stored(notebook: Path, tmp_path: Path) -> None:
    """Without an error, every text and all words of every picture; ``python -m tests.notebooks`` stores them anew."""
    fresh, kept = executed(notebook, tmp_path), read(notebook)
    for now, before in zip(fresh["cells"], kept["cells"], strict=True):
        if now["cell_type"] == "code":
            assert shown(now) == shown(before), text(now["source"])


@of_each_notebook
def test_every_cell_was_executed_in_order(notebook: Path) -> None:
    """From the first to the last, in one go, and what nobody needs to know is not stored."""
    content = read(notebook)
    counts = [cell["execution_count"] for _, cell in cells(notebook, "code")]
    assert counts == list(range(1, len(counts) + 1))
    assert content == tidy(content)
    assert content["metadata"] == KERNEL
    assert notebook.stat().st_size < BYTES_MAX
    assert not re.search(r"/(tmp|home|root|Users)/", notebook.read_text(encoding="utf-8"))


@of_each_notebook
def test_only_public_names_are_used(notebook: Path) -> None:
    """What is imported from the library is in a package's ``__all__``; nothing begins with an underscore."""
    imported = []
    for node in python(notebook):
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") or node.attr.endswith("__"), node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crm_"):
            public = importlib.import_module(str(node.module)).__all__
            imported += [alias.name for alias in node.names]
            assert {alias.name for alias in node.names} <= set(public), node.module
        elif isinstance(node, ast.Import):
            assert not [alias.name for alias in node.names if alias.name.startswith("crm_")]
    assert imported


@of_each_notebook
def test_every_figure_is_stored_and_says_what_to_see(notebook: Path) -> None:
    """A cell that draws has a picture, a title, and both axes named; the library's own pictures always have them."""
    figures = [(source, cell) for source, cell in cells(notebook, "code") if "plt.show()" in source]
    assert figures
    for source, cell in figures:
        pictures = [kind for kind, _ in shown(cell) if kind in PICTURES]
        assert len(pictures) == 1, source
        if "plt.subplots(" not in source:
            assert re.search(r"^plot_\w+\(", source, re.MULTILINE), source
            continue
        for part in (r"title(=|\()", r"xlabel(=|\()", r"ylabel(=|\()"):
            assert re.search(part, source), (part, source)


@of_each_notebook
def test_it_opens_with_a_question_and_ends_with_the_answer(notebook: Path) -> None:
    """A title and a question come first, the answer last, in words."""
    content = read(notebook)["cells"]
    first, last = content[0], content[-1]
    assert first["cell_type"] == last["cell_type"] == "markdown"
    assert re.match(r"# .+\n\n\*\*[^*]+\?\*\*\n\n\w", text(first["source"]))
    headings = re.findall(r"^#+ (.*)$", "\n".join(source for source, _ in cells(notebook, "markdown")), re.MULTILINE)
    assert headings[-1] == "The answer"
    assert "## The answer\n\n" in text(last["source"])


@of_each_notebook
def test_nothing_is_cut_off(notebook: Path) -> None:
    """Code fits on a page."""
    lines = [line for source, _ in cells(notebook, "code") for line in source.splitlines()]
    assert [line for line in lines if len(line) > WIDTH_MAX] == []


@of_each_notebook
def test_links_lead_somewhere(notebook: Path) -> None:
    """Every relative link names a file of this project."""
    for source, _ in cells(notebook, "markdown"):
        for link in re.findall(r"\]\((?!http|#)([^)#]+)", source):
            assert (FOLDER / link).exists(), link


def test_the_readmes_pictures_are_what_the_library_draws() -> None:
    """In all their words; ``python -m tests.notebooks --pictures`` stores them anew. They are small, and nothing else is there."""
    assert set(PICTURES_FOLDER.iterdir()) == set(map(file_of, README_PICTURES))
    for name in README_PICTURES:
        kept = file_of(name).read_text(encoding="utf-8")
        assert words_of(kept) == words_of(drawn(name)), name
        assert len(kept) < SMALL_BYTES
