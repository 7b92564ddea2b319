"""What the tests of the command line share: a way to call it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from attrs import frozen
from click.testing import CliRunner

from crm_adapters.cli.app import cli
from crm_adapters.sqlite import SqliteStore
from crm_domain import HARDENED, Crm, ManualClock, Rules, SequentialIds

Keep: TypeAlias = Callable[..., AbstractContextManager[Crm]]
"""Opens the file that the commands read; see the fixture `keep`."""


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


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Open a CRM over the file that commands read unless told otherwise; its clock goes on by a minute at each step."""
    path = tmp_path / "crm.db"
    monkeypatch.setenv("CRM_DOMAIN_DB", str(path))
    clock, ids = ManualClock(step=timedelta(minutes=1)), SequentialIds()

    @contextmanager
    def kept(rules: Rules = HARDENED) -> Iterator[Crm]:
        with SqliteStore(path) as store:
            yield Crm(store, rules=rules, clock=clock, new_id=ids)

    return kept


@pytest.fixture
def shop(keep: Keep) -> Keep:
    """A file with Amy, who recorded twice and paid, with Ben, who has done nothing, and with Rita, a regular user."""
    with keep() as crm:
        service = crm.as_service()
        amy = crm.as_user(str(service.sync_crm_user(email="amy@x.test").user_id))
        job = amy.create_job_request(job_title="Engineer", company_name="Acme").id
        for _ in range(2):
            amy.create_recording(job_request_id=job, video_url="https://v.test/1.mp4")
        service.record_payment(user_id=str(amy.principal.user_id), amount="12.99", ref="pay-1")
        service.sync_crm_user(email="ben@x.test")
        rita = crm.as_user(str(service.register_user(email="rita@x.test").user_id))
        rita.create_regular_job_request(job_title="Chef")
    return keep
