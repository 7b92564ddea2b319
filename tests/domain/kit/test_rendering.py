"""A counterexample as a Python script: it runs as it is, and comes out as the lines do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

import crm_domain
from crm_domain import (
    ANON,
    HARDENED,
    SEED,
    SERVICE,
    Command,
    CreateRecording,
    CreditPolicy,
    Crm,
    Principal,
    RecordPayment,
    Refused,
    Rules,
    SyncCrmUser,
    Update,
    UploadResume,
    user,
)
from crm_domain.command_log import LOG_TABLES, LogLine, id_named
from crm_domain.reads import GetDashboard, Select
from crm_domain.testing import AMY, Lines, as_python, run, walk
from crm_domain.testing.comparing.branching import in_short
from crm_domain.testing.comparing.observing import seen_values

AMYS: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}
SYNC = LogLine(SERVICE, SyncCrmUser(**AMYS))


class Recording(Crm):
    """Keeps what it answered."""

    last: Recording

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answers: list[Any] = []
        Recording.last = self

    def _kept(self, ask: Any) -> Any:
        try:
            self.answers.append(ask())
        except Refused as refused:
            self.answers.append(refused)
            raise
        return self.answers[-1]

    def execute(self, principal: Principal, command: Any, *, key: str | None = None) -> Any:
        return self._kept(lambda: super(Recording, self).execute(principal, command, key=key))

    def execute_overlapping(self, requests: Sequence[tuple[Principal, Command]]) -> Any:
        answers = super().execute_overlapping(requests)
        self.answers += answers
        return answers

    def read(self, *args: Any, **kwargs: Any) -> Any:
        return self._kept(lambda: super(Recording, self).read(*args, **kwargs))


def ran(script: str, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Run a script as it is, on a `Crm` that keeps what it answers."""
    monkeypatch.setattr(crm_domain, "Crm", Recording)
    exec(compile(script, "script", "exec"), {})
    return Recording.last


def tables_of(crm: Any) -> dict[str, object]:
    tables = {table: [table.values_of(row) for row in crm.tables.by_name[table.name]] for table in LOG_TABLES}
    return {table.name: seen_values(table, rows).shown for table, rows in tables.items()}


@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=str)
def test_script_comes_out_as_the_lines_do(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    """For random walks every outcome, and all tables in the end, are the same; a refusal of another kind would end it."""
    for n in range(60):
        lines = walk(n)
        history = run(lines, rules)
        crm = ran(as_python(lines, rules), monkeypatch)
        assert list(map(in_short, crm.answers)) == [in_short(step.outcome) for step in history.steps], n
        if not any(line.at for line in lines):
            assert tables_of(crm) == tables_of(history.steps[-1].after), n


def test_whole_script(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A script has its imports, its sessions, and what is asked; what is refused is caught, and printed."""
    lines = [
        SYNC,
        LogLine(SERVICE, Update(table="profiles", set={"credits_remaining": 0})),
        LogLine(AMY.principal, CreateRecording(id=id_named("recording-1"), **AMYS)),
        LogLine(ANON, GetDashboard(email=None)),
    ]
    script = as_python(lines)
    assert script == (
        "from crm_domain import Crm, InsufficientCredits, PermissionDenied\n"
        "from crm_domain.clocks import label_uuid\n"
        "\n"
        "crm = Crm()\n"
        "service = crm.as_service()\n"
        "amy = crm.as_user(label_uuid('amy'))\n"
        "anon = crm.as_anon()\n"
        "\n"
        "service.sync_crm_user(user_id=label_uuid('amy'), email='amy@x.test')\n"
        "service.update(table='profiles', set={'credits_remaining': 0})\n"
        "try:\n"
        "    amy.create_recording(id=label_uuid('recording-1'), email='amy@x.test', user_id=label_uuid('amy'))\n"
        "except InsufficientCredits as refused:\n"
        "    print(refused)  # The balance is 0 credits and a recording costs 1: pay for more, then try again.\n"
        "try:\n"
        "    anon.get_crm_dashboard_data(email=None)\n"
        "except PermissionDenied as refused:\n"
        "    print(refused)  # The role 'anon' may not call get_crm_dashboard_data; sign in first.\n"
    )
    ran(script, monkeypatch)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_overlapping_lines_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that overlap are asked together, each refusal said beside its own."""
    low = LogLine(SERVICE, Update(table="profiles", set={"credits_remaining": 1}))
    taken = [
        LogLine(AMY.principal, CreateRecording(id=id_named(f"recording-{n}"), **AMYS), concurrent="g") for n in (1, 2)
    ]
    script = as_python([SYNC, low, *taken])
    assert script.splitlines()[-4] == "crm.execute_overlapping(["
    assert "  # The balance is 0 credits" in script.splitlines()[-2]
    assert [in_short(answer) for answer in ran(script, monkeypatch).answers[-2:]] == ["ok", "insufficient_credits"]
    oversold = ran(as_python([SYNC, low, *taken], HARDENED.without("atomic_consume")), monkeypatch)
    assert [in_short(answer) for answer in oversold.answers[-2:]] == ["ok", "ok"]


def test_a_clock_of_its_own_where_lines_have_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that says when comes then, and one behind it that does not at the start again."""
    later = datetime(2030, 5, 1, tzinfo=UTC)
    paid = [LogLine(SERVICE, RecordPayment(user_id=AMY.user_id, amount="12.99", ref=ref)) for ref in "ab"]
    crm = ran(as_python([SYNC, attrs.evolve(paid[0], at=later), paid[1]]), monkeypatch)
    assert [payment.created_at.year for payment in crm.tables.payments] == [2030, 2026]


def test_keys_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command under an idempotency key is executed under it; a read has none."""
    keyed = attrs.evolve(LogLine(AMY.principal, CreateRecording(id=id_named("recording-1"), **AMYS)), key="k")
    read = attrs.evolve(LogLine(AMY.principal, Select(table="crm_recordings", where={"id": id_named("a")})), key="k")
    crm = ran(as_python([SYNC, keyed, keyed, read]), monkeypatch)
    assert [answer.replayed for answer in crm.answers[1:3]] == [False, True]
    assert crm.answers[3] == []


def test_rules_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other safeguards and another credit policy stand in the script."""
    rules = attrs.evolve(SEED, credit_policy=CreditPolicy(initial_credits=7, price=Decimal("1.50")))
    crm = ran(as_python([SYNC], rules), monkeypatch)
    assert crm.rules == rules
    assert [profile.credits_remaining for profile in crm.tables.profiles] == [7]


def test_json_and_times_are_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JSON column in a condition or a change is given as plain JSON, a time as a time, an unknown id as it is."""
    stranger = user("00000000-0000-4000-8000-000000000001")
    at = datetime(2026, 2, 3, tzinfo=UTC)
    lines = [
        SYNC,
        LogLine(AMY.principal, UploadResume(id=id_named("resume-1"), resume_url="a", parsed_data={"a": [1]}, **AMYS)),
        LogLine(
            AMY.principal,
            Update(table="crm_resumes", where={"parsed_data": {"a": [1]}}, set={"parsed_data": None, "created_at": at}),
        ),
        LogLine(stranger, Select(table="crm_resumes")),
    ]
    script = as_python(lines)
    assert "user_00000000 = crm.as_user('00000000-0000-4000-8000-000000000001')" in script
    crm = ran(script, monkeypatch)
    assert [(row.parsed_data, row.created_at) for row in crm.tables.crm_resumes] == [(None, at)]


def test_log_is_the_text() -> None:
    """The same lines as a command log are their text."""
    assert str(Lines([SYNC])).startswith('{"as": "service", "cmd": "sync_crm_user"')
