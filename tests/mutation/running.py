"""Does a test notice a mutant?

No file is ever written. Each mutant gets a process of its own, and there are two ways to it:

- `noticed_quickly` collects the tests once and forks from there; in the fork the changed function's
  code takes the place of the original's. That finds nearly all, in a moment. It cannot show what a
  change of a declaration does, nor of a function that ran while modules were imported.
- `passes` forks before anything of ``crm_domain`` was imported; there the changed source is imported
  instead of the file's. It has the last word.
"""

from __future__ import annotations

import gc
import importlib
import importlib.machinery
import importlib.util
import inspect
import multiprocessing
import os
import resource
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import attrs
import cattrs  # noqa: F401 - what is imported here, no mutant has to import again
import hypothesis.stateful  # noqa: F401
import pytest

from .mutants import Mutant

FORK: Final = multiprocessing.get_context("fork")
TOP: Final = Path(__file__).parents[2]
SECONDS_MAX: Final = 1800  # for what waits without end; what runs without end is ended by the CPU time it takes
CPU_SECONDS_MAX: Final = 20  # of one test, which takes one or two, and several where others keep the machine busy
OPTIONS: Final = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)


def _succeeds(run: Callable[..., None], *args: object) -> bool:
    """Run something in a fork and tell whether it ended well; what runs or waits without end, does not."""
    process = FORK.Process(target=run, args=args)
    process.start()
    process.join(SECONDS_MAX)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


def _limit_cpu(seconds: int) -> None:
    """End this process when it has used so much more of a processor, however busy that is with others."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + seconds, most))


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)


# --- the plain way: import what was changed ---------------------------------------------------


def passes(tests: Sequence[str], mutant: Mutant | None = None) -> bool:
    """Tell whether all *tests* pass, with a mutant in place of its module if one is given."""
    return _succeeds(_run, tests, mutant)


def _run(tests: Sequence[str], mutant: Mutant | None) -> None:
    _silence()
    _limit_cpu(300)
    if mutant is not None:
        sys.meta_path.insert(0, _Mutated(mutant))
    os._exit(_pytest(tests))  # whatever threads a mutant has left running


def _pytest(tests: Sequence[str], *plugins: object) -> int:
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    os.chdir(TOP)
    return pytest.main([*OPTIONS, *tests], plugins=plugins)


class _Mutated(importlib.machinery.SourceFileLoader):
    """Finds one module and loads the mutant's source instead of the file's."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(f"crm_domain.{mutant.module}", str(TOP / f"crm_domain/{mutant.module}.py"))
        self.mutant = mutant

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def get_code(self, _: str) -> types.CodeType:
        return compile(self.mutant.source, self.path, "exec")


# --- the quick way: exchange the code of a function -------------------------------------------


def noticed_quickly(tests: Sequence[str], mutants: Sequence[Mutant]) -> Iterator[bool]:
    """Tell of each mutant, one after the other, whether a test fails as soon as its function has the other code."""
    if not mutants:
        return
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_serve, args=(tests, mutants, theirs))
    process.start()
    theirs.close()
    if not ours.recv():
        raise RuntimeError(f"{' '.join(tests)}: fails without any change")
    for _ in mutants:
        yield ours.recv()
    process.join()


def _serve(tests: Sequence[str], mutants: Sequence[Mutant], answers: Connection) -> None:
    _silence()
    os._exit(_pytest(tests, _Quick(mutants, answers)))


@attrs.frozen
class _Quick:
    """A plugin that, instead of running the collected tests, runs them once for each mutant, in a fork.

    All mutants are of one module, whose own tests come first.
    """

    mutants: Sequence[Mutant]
    answers: Connection

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        near = f"test_{self.mutants[0].module}.py"
        session.items.sort(key=lambda item: item.path.name != near)
        gc.freeze()  # what is not looked at need not be copied
        self.answers.send(_succeeds(_run_items, session))
        for mutant in self.mutants:
            changed = _changed_function(mutant)
            passed = changed is None or _succeeds(_run_items, session, *changed)
            self.answers.send(not passed)
        return True


def _changed_function(mutant: Mutant) -> tuple[types.FunctionType, types.CodeType] | None:
    """Return the function that a mutant changes and its code there; None if it changes a declaration."""
    found: object = importlib.import_module(f"crm_domain.{mutant.module}")
    codes = _codes_of(compile(mutant.source, mutant.module, "exec"))
    path = ""
    for name in filter(None, mutant.where.split(".")):
        found = vars(found).get(name)
        path = f"{path}.{name}".removeprefix(".")
        function = inspect.unwrap(found.fget if isinstance(found, property) else found)  # type: ignore[arg-type]
        if isinstance(function, types.FunctionType):
            return function, codes[path]
    return None


def _codes_of(code: types.CodeType) -> Mapping[str, types.CodeType]:
    """Return the code of every function and class in a module's code, by qualified name."""

    def inner(outer: types.CodeType) -> Iterator[tuple[str, types.CodeType]]:
        for constant in outer.co_consts:
            if isinstance(constant, types.CodeType):
                yield constant.co_qualname, constant
                yield from inner(constant)

    return dict(inner(code))


def _run_items(
    session: pytest.Session, function: types.FunctionType | None = None, code: types.CodeType | None = None
) -> None:
    if function is not None and code is not None:
        function.__code__ = code
    for n, item in enumerate(session.items):
        following = session.items[n + 1] if n + 1 < len(session.items) else None
        _limit_cpu(CPU_SECONDS_MAX)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            os._exit(1)
    os._exit(0)
