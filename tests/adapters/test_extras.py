"""What an extra brings is named with the extra where it is missing; what else is missing is told as ever."""

from __future__ import annotations

import importlib

import pytest

from crm_adapters.extras import extra

from .missing import not_installed

EXTRAS = [
    ("crm_adapters.plots", "matplotlib", "plot"),
    ("crm_adapters.frames", "numpy", "frames"),
    ("crm_adapters.postgres", "jinja2", "postgres"),
]


@pytest.mark.parametrize(("package", "missing", "name"), EXTRAS, ids=[package for package, *_ in EXTRAS])
def test_importing_what_an_extra_brings(package: str, missing: str, name: str) -> None:
    """The line that installs it is named."""
    with (
        not_installed(missing, package),
        pytest.raises(ModuleNotFoundError, match=rf"pip install 'crm-domain\[{name}\]'") as told,
    ):
        importlib.import_module(package)
    assert str(told.value.name).partition(".")[0] == missing


def test_what_else_is_missing() -> None:
    """It is not for the extra to say."""
    with pytest.raises(ModuleNotFoundError, match="No module named 'not_there'"), extra("plot", "matplotlib"):
        importlib.import_module("not_there")
