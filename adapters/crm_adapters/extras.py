"""What does an import say that a plain installation does not bring? The extra that brings it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str, *packages: str) -> Iterator[None]:
    """Have the imports in this block name the extra *name* where one of its *packages* is not installed.

    Raises:
        ModuleNotFoundError: It is not; the message says what to install.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in packages:
            raise
        told = f"{error.name} is not installed: pip install 'crm-domain[{name}]'"
        raise ModuleNotFoundError(told, name=error.name) from None
