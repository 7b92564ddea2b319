"""README says what is true: its examples run, its tables agree with the code, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crm_domain.laws import LAWS
from crm_domain.rules import SAFEGUARDS

TOP = Path(__file__).resolve().parent.parent
README = (TOP / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs(example: str) -> None:
    """Each Python example runs by itself, and what it asserts holds."""
    exec(compile(example, "README.md", "exec"), {})
    assert "assert " in example


def test_two_commands_for_a_fresh_machine() -> None:
    """There are exactly two set-up-free commands, one line each."""
    commands = re.findall(r"^ *python3 -m venv \.venv && .*$", README, flags=re.MULTILINE)
    assert [("crm-domain simulate" in c, "pytest" in c) for c in commands] == [(True, False), (False, True)]


def test_links_lead_somewhere() -> None:
    """Every relative link names a file or folder of this project."""
    prose = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\((?!http|#)([^)#]+)", prose)
    assert links
    assert [link for link in links if not (TOP / link).exists()] == []


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


def test_table_of_laws_is_complete() -> None:
    """The table has each law with its number, name and statement."""
    stated = [[cell.strip("`") for cell in row] for row in _rows("The laws")]
    assert stated == [[str(law.number), law.name, law.statement] for law in LAWS]
