"""Random walks that are the same for the same seed, wherever they are made."""

from __future__ import annotations

import os
import subprocess
import sys

from crm_domain import RecordPayment
from crm_domain.command_log import REQUESTS, LogLine
from crm_domain.ids import Role
from crm_domain.testing import walk


def test_same_seed_is_the_same_walk() -> None:
    """A walk depends on its seed alone."""
    assert [walk(n) for n in range(20)] == [walk(n) for n in range(20)]
    assert len({str(walk(n)) for n in range(20)}) == 20


def test_another_process_walks_the_same() -> None:
    """The order of sets and hashes, which differs between processes, has no say in it."""
    code = "from crm_domain.testing import walk; print(''.join(str(walk(f'0/{n}')) for n in range(20)), end='')"
    texts = [
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.decode()
        for seed in "12"
    ]
    assert texts[0] == texts[1] == "".join(str(walk(f"0/{n}")) for n in range(20))


def test_walks_come_by_everything() -> None:
    """A hundred walks ask for every command and read, as everybody."""
    lines = [line for n in range(100) for line in walk(n)]
    assert {type(line.request) for line in lines} == set(REQUESTS.values())
    assert {line.principal.role for line in lines} == set(Role)
    assert any(line.concurrent for line in lines)
    assert any(line.key for line in lines)


def test_unwanted_requests_are_replaced() -> None:
    """What is not wanted is not in it; a backend that has little is asked as much as others."""

    def wanted(line: LogLine) -> bool:
        return isinstance(line.request, RecordPayment)

    walks = [walk(n, wanted=wanted) for n in range(100)]
    assert all(wanted(line) for lines in walks for line in lines)
    assert sum(map(len, walks)) > 800  # of the same walks for a backend that has everything, 2,084
    assert walk(1, wanted=lambda _: False) == ()
