"""The shape of the house: what may depend on what, what is public, what is shipped."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import Final, get_args

import pytest

import crm_domain
from crm_domain.commands import Command
from crm_domain.errors import REFUSALS

ROOT: Final = Path(__file__).parents[1]
DOMAIN: Final = ROOT / "crm_domain"
MODULES: Final = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(DOMAIN.rglob("*.py"))
}
LOOKING_AT_THE_WORLD: Final = {"crm_domain.forks", "crm_domain.clocks"}
"""The only modules that know the system: its time and its randomness, and that a process was forked."""
HOLDING: Final = {"crm_domain.tasks"}
"""Which thread and which task is running is asked there; of a loop that was not imported, no question is asked."""
RUNNING: Final = {"crm_domain.crm", "crm_domain.outbox", "crm_domain.session"}
"""Where commands, state and threads come together; everything else in the domain is below."""
RACING: Final = {"crm_domain.testing.racing.races"}
"""Where the testing kit lets threads race over somebody's backend."""
SPREADING: Final = {"crm_domain.simulation.experiments.executors"}
"""Where simulations are handed to an executor that the caller made; no thread or process is started."""
COMPILING: Final = {"crm_domain.simulation.kernel.compiled": {"numba", "numpy"}}
"""What the extra ``fast`` brings is needed where the kernel is compiled, and imported when it is."""


# --- imports --------------------------------------------------------------------------------


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def statements(tree: ast.AST, *, types: bool) -> Iterator[ast.AST]:
    """Yield every node; unless *types*, without what only the type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if types or not is_for_types_only(node):
            yield node
            yield from statements(node, types=types)


def imports_of(name: str, *, types: bool = True) -> set[str]:
    """Return the full names of the modules that a module of the domain imports from."""
    path, found = MODULES[name], set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in statements(tree_of(path), types=types):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            modules = {f"{base}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= modules or {base}
    return found


@pytest.mark.parametrize("name", MODULES)
def test_the_domain_depends_on_attrs_alone(name: str) -> None:
    """And on the standard library and itself; the testing kit on hypothesis, the compiled kernel on numba; never on an adapter."""
    allowed = {*sys.stdlib_module_names, "attrs", "crm_domain", *COMPILING.get(name, ())}
    if name.startswith("crm_domain.testing"):
        allowed.add("hypothesis")
    assert {module.partition(".")[0] for module in imports_of(name)} <= allowed


def test_imports_go_one_way() -> None:
    """No module needs one that needs it, but for types."""
    graph = {name: imports_of(name, types=False) & MODULES.keys() - {name} for name in MODULES}
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("crm_domain.decide") < order.index("crm_domain.crm")


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in MODULES
        if not name.startswith(("crm_domain.testing", "crm_domain.laws", "crm_domain.simulation", *RUNNING))
    ],
)
def test_what_runs_is_not_needed_below(name: str) -> None:
    """Rules, folds and queries can be used without a `Crm`: none of them imports what runs them."""
    if name != "crm_domain":
        assert not imports_of(name, types=False) & RUNNING


WORLDLY_MODULES: Final = {
    "asyncio",
    "getpass",
    "http",
    "io",
    "locale",
    "os",
    "pathlib",
    "platform",
    "random",
    "secrets",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "sys",
    "tempfile",
    "time",
    "urllib",
}
WORLDLY_NAMES: Final = {"uuid1", "uuid4", "utcnow", "today"}
WORLDLY_CALLS: Final = {"open", "input", "print", "exec", "eval", "__import__", "breakpoint"}


@pytest.mark.parametrize("name", [name for name in MODULES if name not in LOOKING_AT_THE_WORLD])
def test_the_domain_does_not_look_at_the_world(name: str) -> None:
    """No clock, no randomness, no I/O: time and ids come in through ports.

    The testing kit hands hypothesis a random source that it seeds itself.
    """
    worldly = WORLDLY_MODULES - ({"random"} if name.startswith("crm_domain.testing") else set())
    worldly -= {"sys"} if name in HOLDING else set()
    assert not {module.partition(".")[0] for module in imports_of(name)} & worldly
    for node in ast.walk(tree_of(MODULES[name])):
        if isinstance(node, ast.Attribute):
            assert node.attr not in WORLDLY_NAMES, node.lineno
            is_now = node.attr == "now" and isinstance(node.value, ast.Name) and node.value.id in {"datetime", "dt"}
            assert not is_now, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert not {alias.name for alias in node.names} & WORLDLY_NAMES, node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in WORLDLY_CALLS, node.lineno


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name not in LOOKING_AT_THE_WORLD | HOLDING | RUNNING | RACING | SPREADING]
)
def test_nothing_below_waits_or_writes_logs(name: str) -> None:
    """Threads and logging are the business of what runs."""
    assert not {module.partition(".")[0] for module in imports_of(name)} & {"threading", "logging", "concurrent"}


def run_python(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True, cwd=ROOT, timeout=60
    ).stdout


@pytest.mark.parametrize(
    "name", ["crm_domain", "crm_domain.laws", "crm_domain.command_log", "crm_domain.simulation", *COMPILING]
)
def test_importing_the_domain_brings_in_no_one_else(name: str) -> None:
    """Of the packages that are installed: attrs."""
    loaded = json.loads(run_python("-c", f"import {name}, json, sys; print(json.dumps(sorted(sys.modules)))"))
    packages = {module.partition(".")[0] for module in loaded}
    assert "attrs" in packages
    assert not packages & {
        "hypothesis",
        "cattrs",
        "click",
        "numba",
        "numpy",
        "tabulate",
        "sqlite_utils",
        "pytest",
        "sqlite3",
    }


ONLY_WITH_POSTGRES: Final = {"psycopg", "jinja2"}
"""What the extra ``postgres`` brings along."""


def test_only_postgres_needs_what_its_extra_brings() -> None:
    """The other adapters can be used without it: they import nothing of it, and its package only where it is used."""
    for path in sorted((ROOT / "adapters").rglob("*.py")):
        if "postgres" in path.relative_to(ROOT).parts:
            continue
        for node in tree_of(path).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] not in ONLY_WITH_POSTGRES, path
                assert not name.startswith("crm_adapters.postgres"), path


# --- what is public -------------------------------------------------------------------------


PUBLIC: Final = {name: path for name, path in MODULES.items() if "\n__all__ = [" in path.read_text("utf-8")}
"""The packages whose names are for everybody."""


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_listed_in_order(name: str) -> None:
    """As ruff sorts ``__all__``: constants, then classes, then functions."""

    def place(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    listed = importlib.import_module(name).__all__
    assert listed == sorted(set(listed), key=place)


@pytest.mark.parametrize(
    "name", ["crm_domain", "crm_domain.simulation", "crm_domain.testing", "crm_domain.testing.interleaving"]
)
def test_public_names_are_those_that_the_package_imports(name: str) -> None:
    """Nothing is public by accident, and nothing that is listed is missing."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree_of(PUBLIC[name]))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    package = importlib.import_module(name)
    assert imported == set(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
    others = {name for name, value in vars(package).items() if not isinstance(value, ModuleType)}
    assert {name for name in others if not name.startswith("_")} == set(package.__all__)


def test_everything_that_may_be_asked_or_refused_is_public() -> None:
    """Every command and every kind of refusal."""
    needed = {kind.__name__ for kind in (*get_args(Command), *REFUSALS.values())}
    assert needed <= set(crm_domain.__all__)


def documented_names() -> dict[str, str]:
    """Return what stands in words under each assignment, and at the head of each class and function."""
    found: dict[str, str] = {}
    for path in MODULES.values():
        body = tree_of(path).body
        for node, below in zip(body, [*body[1:], None], strict=True):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found[node.name] = ast.get_docstring(node) or ""
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                text = below.value if isinstance(below, ast.Expr) else None
                if isinstance(target, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found.setdefault(target.id, text.value)
    return found


def test_every_public_name_is_described() -> None:
    """A class or function in its docstring, a constant or type in the words below it."""
    described = documented_names()
    packages = map(importlib.import_module, PUBLIC)
    listed = [name for package in packages for name in package.__all__ if not _is_of_python(getattr(package, name))]
    assert [name for name in listed if not described.get(name, "").strip()] == []


def _is_of_python(public: object) -> bool:
    return isinstance(public, type) and public.__module__.partition(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_about(name: str) -> None:
    """One question or one statement, in its first line."""
    first = (ast.get_docstring(tree_of(MODULES[name])) or "").partition("\n")[0]
    assert first.endswith((".", "?", ")", ":"))


def test_public_methods_are_described() -> None:
    """Those of the classes that callers hold in their hands."""
    for kind in (crm_domain.Crm, crm_domain.Session, crm_domain.Rules, crm_domain.ManualClock):
        for name, member in inspect.getmembers(kind):
            if not name.startswith("_") and (callable(member) or isinstance(member, property)):
                assert inspect.getdoc(member), f"{kind.__name__}.{name}"


@pytest.mark.parametrize("name", [name for name, path in MODULES.items() if ">>>" in path.read_text("utf-8")])
def test_examples_are_true(name: str) -> None:
    """What a docstring shows is what happens."""
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted > 0


# --- what is shipped ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the files in the wheel that this tree makes."""
    where = tmp_path_factory.mktemp("wheel")
    run_python("-m", "hatchling", "build", "--target", "wheel", "--directory", str(where))
    (built,) = where.glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def test_the_wheel_holds_two_packages(wheel: list[str]) -> None:
    """At its top level: the domain, its adapters, and what installers need to know."""
    tops = {name.partition("/")[0] for name in wheel}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"crm_domain", "crm_adapters", info}
    assert info.startswith("crm_domain-")


def test_the_wheel_is_typed_and_complete(wheel: list[str]) -> None:
    """Every module that there is, a ``py.typed`` in each package, and no tests."""
    assert {"crm_domain/py.typed", "crm_adapters/py.typed"} <= set(wheel)
    in_domain = {str(path.relative_to(ROOT)) for path in MODULES.values()}
    assert in_domain == {name for name in wheel if name.startswith("crm_domain/") and name.endswith(".py")}
    assert not [name for name in wheel if "/test_" in name or "conftest" in name or name.endswith(".pyc")]


def test_the_wheel_has_what_is_no_module(wheel: list[str]) -> None:
    """Templates of SQL, the sample log and whatever else the adapters read from beside their modules."""
    files = {path for path in (ROOT / "adapters").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    others = {str(path.relative_to(ROOT / "adapters")) for path in files if path.suffix != ".py"}
    assert "crm_adapters/postgres/sql/add_digital_resume_crm_table.sql" in others
    assert others <= set(wheel)


def test_the_command_line_that_is_declared_is_there(wheel: list[str]) -> None:
    """The script of the project names a function that can be imported."""
    assert any(name.endswith("/entry_points.txt") for name in wheel)
    main = importlib.import_module("crm_adapters.cli").main
    assert callable(main)


# --- rules do not depend on assert ----------------------------------------------------------

SCENARIO: Final = """
from crm_domain import *

def said(execute):
    try:
        accepted = execute()
    except Refused as refused:
        return refused.signature
    return [type(event).__name__ for event in accepted.events]

crm = Crm(clock=ManualClock(), new_id=SequentialIds(), rules=Rules.parse(READING))
service, anon = crm.as_service(), crm.as_anon()
amy = crm.as_user(service.sync_crm_user(email="amy@example.com").user_id)
me = amy.principal.user_id
job = amy.create_job_request().id
for execute in (
    lambda: anon.create_recording(),
    lambda: amy.create_recording(user_id=None),
    lambda: amy.create_recording(job_request_id=job, status="completed"),
    lambda: amy.create_recording(duration=-1),
    lambda: amy.create_recording(file_size=2**63),
    lambda: amy.create_job_request(email="bob@example.com"),
    lambda: amy.update(table="crm_recordings", set={"video_url": "/2.mp4"}),
    lambda: amy.delete(table="crm_job_requests"),
    lambda: amy.update(table="profiles", set={"credits_remaining": 100}),
    lambda: service.update(table="crm_users", set={"credits_remaining": 100}),
    lambda: service.record_payment(user_id=me),
    lambda: service.record_payment(user_id=me, amount="NaN", ref="1"),
    lambda: service.record_payment(user_id=me, amount="12.99", ref="1"),
    lambda: service.record_payment(user_id=me, amount="12.99", ref="1"),
    lambda: service.sync_crm_user(email="nobody"),
    lambda: service.sync_crm_user(email=None),
    lambda: service.track_time(email="amy@example.com", seconds=-1),
    lambda: service.adjust_balance(me, credits=0),
    lambda: amy.create_recording(),
):
    print(said(execute))
crm.rebuild()
print(service.user_data("amy@example.com"))
"""


@pytest.mark.parametrize("reading", ["hardened", "seed"])
def test_decisions_are_the_same_without_assert(reading: str) -> None:
    """``python -O`` takes assertions away, and no rule with them."""
    scenario = SCENARIO.replace("READING", repr(reading))
    with_assert = run_python("-c", scenario)
    assert "insufficient_credits" in with_assert
    assert run_python("-O", "-c", scenario) == with_assert
