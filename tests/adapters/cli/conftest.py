"""What the tests of the command line share: a way to call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import CliRunner

from crm_adapters.cli.app import cli


@frozen
class Called:
    """How a call of the command line ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def objects(self) -> list[Any]:
        """What was printed as JSON lines."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    """Call ``crm-domain`` with these arguments, in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def called(*args: object, stdin: bytes | None = None) -> Called:
        result = CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin, prog_name="crm-domain")
        return Called(result.exit_code, result.stdout, result.stderr)

    return called


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """Write lines to a file and return its path."""

    def written(*lines: bytes) -> Path:
        path = tmp_path / "log.jsonl"
        path.write_bytes(b"".join(lines))
        return path

    return written
