"""Hypothesis knows the types of the library, and nobody waits for that who does not use it."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crm_domain.testing
from crm_adapters._hypothesis_plugin import STRATEGIES, plug_in, when_imported
from crm_domain import Command, CreditPolicy, Email, Principal, RowId, Rules, UserId
from crm_domain.command_log import LoggedRead
from crm_domain.rows import TABLES

CLASSES: Final = (
    *(table.row for table in TABLES.values()),
    *get_args(Command),
    *get_args(LoggedRead),
    CreditPolicy,
    Principal,
    Rules,
)
NAMES: Final = [(module, name, strategy) for module, types in STRATEGIES.items() for name, strategy in types.items()]


def test_every_row_and_command_is_registered() -> None:
    """No class is forgotten that rows, requests and rules are made of, nor the ids."""
    registered = {getattr(importlib.import_module(module), name) for module, name, _ in NAMES}
    assert registered == {*CLASSES, Email, RowId, UserId}


@pytest.mark.parametrize(("module", "name", "strategy"), NAMES)
def test_types_are_made_by_the_strategy_of_the_kit(module: str, name: str, strategy: str) -> None:
    """What ``from_type`` draws is what the kit's strategy draws from the same choices."""
    type_: Any = getattr(importlib.import_module(module), name)
    assert first_of(st.from_type(type_)) == first_of(getattr(crm_domain.testing, strategy)())


def first_of(strategy: st.SearchStrategy[Any]) -> list[Any]:
    values: list[Any] = []

    @settings(max_examples=10, derandomize=True, database=None, deadline=None)
    @given(strategy)
    def look(value: object) -> None:
        values.append(value)

    look()
    return values


@pytest.mark.parametrize("type_", CLASSES)
def test_classes_draw_their_instances(type_: type[Any]) -> None:
    """Each class draws instances of itself."""
    assert {type(value) for value in first_of(st.from_type(type_))} == {type_}


# --- in a process that is as new as a user's --------------------------------------------------

IN_EITHER_ORDER: Final = [
    "import hypothesis, crm_domain",
    "import crm_domain, hypothesis",
    "import hypothesis, importlib.util as u; assert u.find_spec('crm_domain'); import crm_domain.rows",
]


def run_python(*lines: str) -> str:
    """Run a program in another process and return what it prints."""
    program = "\n".join(lines)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("imports", IN_EITHER_ORDER)
def test_types_are_known_to_whoever_imports_both(imports: str) -> None:
    """In either order, also after somebody only asked whether there is such a package."""
    drawn = run_python(
        imports,
        "from crm_domain import CreateRecording, Email, Rules",
        "from crm_domain.rows import Profile",
        "from hypothesis import given, settings, strategies as st, HealthCheck",
        "kinds = set()",
        "@settings(max_examples=5, database=None, deadline=None, suppress_health_check=list(HealthCheck))",
        "@given(*map(st.from_type, (CreateRecording, Profile, Rules)), st.from_type(Email))",
        "def look(a, b, c, d): kinds.update(type(value).__name__ for value in (a, b, c, d)); assert '@' in d",
        "look()",
        "print(sorted(kinds))",
    )
    assert drawn == "['CreateRecording', 'Profile', 'Rules', 'str']\n"


def test_importing_hypothesis_imports_no_more_than_the_plugin() -> None:
    """Who does not use the library waits for one small module of it."""
    loaded = run_python("import hypothesis, sys", "print(*sorted(m for m in sys.modules if m.startswith('crm_')))")
    assert loaded.split() == ["crm_adapters", "crm_adapters._hypothesis_plugin"]


def test_strategies_are_imported_when_first_drawn() -> None:
    """Both packages together do not bring in the kit yet; its loader stays the usual one."""
    said = run_python(
        "import hypothesis, crm_domain, sys",
        "from importlib.machinery import SourceFileLoader",
        "print('crm_domain.testing' in sys.modules, type(crm_domain.__loader__) is SourceFileLoader)",
        "print([type(finder).__name__ for finder in sys.meta_path if 'crm' in type(finder).__module__])",
    )
    assert said == "False True\n[]\n"


# --- once a module is there -------------------------------------------------------------------


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that can be imported, and was not."""
    (tmp_path / "not_yet_imported.py").write_text("value = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = list(sys.meta_path)
    yield "not_yet_imported"
    sys.modules.pop("not_yet_imported", None)
    sys.meta_path[:] = before


def test_something_is_done_once_a_module_was_executed(module: str) -> None:
    """Once, however often the module is looked for and executed, and not before."""
    told: list[int] = []
    when_imported(module, lambda: told.append(sys.modules[module].value))
    looked_for = importlib.util.find_spec(module)
    assert looked_for is not None
    assert looked_for.loader is not None
    assert told == []
    imported = importlib.import_module(module)
    assert told == [1]
    looked_for.loader.exec_module(imported)
    importlib.reload(imported)
    assert told == [1]


def test_nobody_is_told_of_what_is_not_there() -> None:
    """A module that nobody finds stays unfound, and others are found as before."""
    before = list(sys.meta_path)
    when_imported("no_such_module", pytest.fail)
    try:
        with pytest.raises(ModuleNotFoundError, match="no_such_module"):
            importlib.import_module("no_such_module")
        assert importlib.util.find_spec("colorsys") is not None
    finally:
        sys.meta_path[:] = before


def test_who_comes_late_is_told_at_once() -> None:
    """Where the package is there already, its types are registered when hypothesis is imported."""
    before = list(sys.meta_path)
    plug_in()
    assert sys.meta_path == before
    assert first_of(st.from_type(UserId)) == first_of(crm_domain.testing.user_ids())
