"""What happens where a package is not installed? A world without it, for as long as a block takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def not_installed(package: str, *users: str) -> Iterator[None]:
    """Have *users*, modules that need a package, imported again without it; behind the block all is as it was."""
    concerned = tuple(f"{one}." for one in (package, *users))
    before = {name: module for name, module in sys.modules.items() if f"{name}.".startswith(concerned)}
    known = [
        (sys.modules[parent], own_name, getattr(sys.modules[parent], own_name))
        for parent, _, own_name in (name.rpartition(".") for name in before)
        if hasattr(sys.modules.get(parent), own_name)
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name in before:
            patch.delitem(sys.modules, name)
        patch.setitem(sys.modules, package, None)
        try:
            yield
        finally:
            for name in [name for name in sys.modules if f"{name}.".startswith(concerned) and name not in before]:
                del sys.modules[name]
            sys.modules.setdefault(package, None)  # type: ignore[arg-type]
    for parent, own_name, value in known:  # a package knows its modules by attributes, too
        setattr(parent, own_name, value)
