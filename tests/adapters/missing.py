"""What happens where a package is not installed? A world without it, for as long as a block takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def not_installed(package: str, *users: str) -> Iterator[None]:
    """Have *users*, modules that need a package, imported again without it; behind the block all is as it was."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(sys.modules):
            if f"{name}.".startswith(tuple(f"{one}." for one in (package, *users))):
                patch.delitem(sys.modules, name)
        patch.setitem(sys.modules, package, None)
        yield
