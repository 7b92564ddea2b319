"""What the tests of the adapters share: a short way to write lines of a command log and to run them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import pytest

from crm_adapters.command_log import Outcome, Run, read_log

Write: TypeAlias = Callable[..., bytes]
"""``write("amy", "track_login", email="a@x.test")`` is a line; ``at``, ``key`` and ``concurrent`` stand beside ``args``."""


class RunLines(Protocol):
    """Runs lines and returns their outcomes; see the fixture."""

    def __call__(self, *lines: bytes, run: Run | None = ...) -> list[Outcome]: ...


@pytest.fixture(scope="session")
def write() -> Write:
    """Write one line of a command log."""

    def line(who: str, cmd: str, /, **args: Any) -> bytes:
        beside = {name: args.pop(name) for name in ("at", "key", "concurrent") if name in args}
        return json.dumps({"as": who, "cmd": cmd, "args": args} | beside).encode() + b"\n"

    return line


@pytest.fixture(scope="session")
def amy_comes(write: Write) -> bytes:
    """The line with which Amy becomes a CRM user."""
    return write("service", "sync_crm_user", user="amy", email="amy@x.test")


@pytest.fixture
def run_lines() -> RunLines:
    """Run lines, on a given run or on a new one, and return their outcomes."""

    def run_all(*lines: bytes, run: Run | None = None) -> list[Outcome]:
        return list((run or Run()).outcomes(read_log(lines, "test.jsonl")))

    return run_all


@pytest.fixture
def in_a_child() -> Callable[[Callable[[], list[str]]], list[str]]:
    """Run work in a process of its own, by calling the fixture; returned are the lines that the work returns."""

    def run(work: Callable[[], list[str]]) -> list[str]:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, "\n".join(work()).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            lines = said.read().splitlines()
        os.waitpid(child, 0)
        return lines

    return run
