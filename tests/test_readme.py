"""The README files say what is true: their examples run, their tables agree with the code, their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from crm_adapters.cli.app import SECTIONS
from crm_domain.laws import LAWS
from crm_domain.rules import SAFEGUARDS

TOP: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("crm_domain", "adapters", "notebooks", "tests")
FILES: Final = [TOP / "README.md", *(path for folder in FOLDERS for path in sorted((TOP / folder).rglob("README.md")))]
README: Final = FILES[0].read_text(encoding="utf-8")

LINES_MAX: Final = 300
"""The root's README is a door: what a reader needs to know next stands in the folder of that name."""

EXAMPLES: Final = [
    pytest.param(example, id=f"{path.relative_to(TOP)}-{number}")
    for path in FILES
    for number, example in enumerate(
        re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE), 1
    )
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs(example: str) -> None:
    """Each Python example runs by itself, and what it asserts holds."""
    exec(compile(example, "README.md", "exec"), {})
    assert "assert " in example or "print(" in example


def test_two_commands_for_a_fresh_machine() -> None:
    """There are exactly two set-up-free commands, one line each."""
    commands = re.findall(r"^ *python3 -m venv \.venv && .*$", README, flags=re.MULTILINE)
    assert [("crm-domain simulate" in c, "pytest" in c) for c in commands] == [(True, False), (False, True)]


def test_the_door_is_short() -> None:
    """What is longer stands where the next reader stands."""
    assert len(README.splitlines()) <= LINES_MAX


def _prose(path: Path) -> str:
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def _anchors(path: Path) -> set[str]:
    """Return the anchors that a code host makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", _prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link names a file, a folder or a heading of this project."""
    for target, anchor in re.findall(r"\]\((?!http)([^)#\s]*)(?:#([^)\s]*))?\)", _prose(path)):
        file = path.parent / target if target else path
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), f"{target}#{anchor}"


def test_every_folder_that_is_entered_has_a_page() -> None:
    """The door leads to each of the pages that say what a folder holds."""
    linked = {TOP / target for target in re.findall(r"\]\(([^)#]*README\.md)\)", README)}
    assert set(FILES[1:]) <= linked | {TOP / "README.md"}


def _rows(heading: str) -> list[list[str]]:
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_table_of_safeguards_is_complete() -> None:
    """The table has each safeguard, its hole, what closes it, its law and its kept counterexample."""
    stated = [
        [re.sub(r"\[?`([^`]*)`\]?(\([^)]*\))?", r"\1", cell) for cell in row]
        for row in _rows("What it found in the document")
    ]
    expected = [[s.name, s.hole, s.closes, s.law or "(PostgreSQL only)"] for s in SAFEGUARDS.values()]
    assert stated == expected


@pytest.mark.parametrize("safeguard", [s for s in SAFEGUARDS.values() if s.module], ids=lambda s: s.name)
def test_a_safeguard_leads_to_its_module(safeguard: object) -> None:
    """The link of its name is the module where it stands."""
    name, module = getattr(safeguard, "name"), getattr(safeguard, "module")  # noqa: B009
    assert f"[`{name}`](crm_domain/{module}.py)" in README


def test_table_of_laws_is_complete() -> None:
    """The table has each law with its number, name and statement."""
    stated = [[cell.strip("`") for cell in row] for row in _rows("The laws")]
    assert stated == [[str(law.number), law.name, law.statement] for law in LAWS]


def test_table_of_commands_is_complete() -> None:
    """Every subcommand stands in the table of the office."""
    stated = [
        name for row in _rows("Run the office: what people do every day") for name in re.findall(r"`([\w-]+)`", row[0])
    ]
    assert sorted(stated) == sorted(name for names in SECTIONS.values() for name in names)
