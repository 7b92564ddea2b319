"""The file behaves as memory does: the same commands by the same principals, everything compared."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_adapters.sqlite import SqliteStore
from crm_domain import (
    ANON,
    HARDENED,
    SEED,
    SERVICE,
    TABLES,
    Crm,
    ManualClock,
    Refused,
    Rules,
    SequentialIds,
    SyncCrmUser,
)
from crm_domain.command_log import LogLine
from crm_domain.reads import GetDashboard, Select
from crm_domain.rules import SAFEGUARDS, CreditPolicy
from crm_domain.testing import PEOPLE, command_sequences
from crm_domain.testing.histories import START, overlapping_groups

READERS = (*(person.principal for person in PEOPLE), SERVICE, ANON)


class _GaveUp(Exception):  # noqa: N818
    """Ends a batch that is not to be kept."""


@define
class Side:
    """A CRM whose time and made ids depend only on a line's place."""

    crm: Crm = field(init=False)
    rules: Rules
    store: SqliteStore | None = None
    clock: ManualClock = field(factory=lambda: ManualClock(START))
    ids: SequentialIds = field(factory=SequentialIds)

    def __attrs_post_init__(self) -> None:
        self.crm = Crm(self.store, rules=self.rules, clock=self.clock, new_id=self.ids)

    def ask(self, place: int, lines: Sequence[LogLine]) -> list[object]:
        """Execute one line, or several that overlap; return what came of them, comparable."""
        self.clock.now = lines[0].at or START + timedelta(seconds=place)
        self.ids.prefix, self.ids.made = f"made-{place}", 0
        if len(lines) > 1:
            requests = [(line.principal, cast("Any", line.request)) for line in lines]
            return [_comparable(answer) for answer in self.crm.execute_overlapping(requests)]
        (line,) = lines
        try:
            if isinstance(line.request, Select | GetDashboard):
                return [self.crm.answer(line.principal, line.request)]
            return [self.crm.execute(line.principal, line.request, key=line.key)]
        except Refused as refusal:
            return [_comparable(refusal)]

    def seen(self) -> dict[str, object]:
        """Return all that there is to see: tables, journal, and what every principal reads."""
        crm = self.crm
        seen: dict[str, object] = {
            f"table {name}": [table.values_of(row) for row in crm.tables.by_name[name]]
            for name, table in TABLES.items()
        }
        entries = list(crm.journal.entries())
        seen["journal"] = entries
        seen["entries of accounts"] = {e.account: [*crm.journal.entries_of(e.account)] for e in entries if e.account}
        seen["versions"] = {e.account: crm.journal.version_of(e.account) for e in entries if e.account is not None}
        for reader in READERS:
            for name, table in TABLES.items():
                seen[f"{reader} selects {name}"] = self.ask(0, [LogLine(reader, Select(table=table))])
            for person in PEOPLE:
                dashboard = GetDashboard(email=person.email)
                seen[f"{reader} sees {person.email}"] = self.ask(0, [LogLine(reader, dashboard)])
        return seen


def _comparable(answer: object) -> object:
    return (type(answer), *answer.signature, answer.message) if isinstance(answer, Refused) else answer


@cache
def _template(rules: Rules) -> Path:
    """Return an empty file of these rules; to copy one is quicker than to make one."""
    folder = tempfile.TemporaryDirectory(prefix="crm-templates-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "empty.db"
    with SqliteStore(path) as store:
        store.open(rules)
    return path


@contextmanager
def _file(rules: Rules) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crm.db"
        shutil.copy(_template(rules), path)
        yield path


def readings() -> st.SearchStrategy[Rules]:
    """Return a strategy for rules: the two readings, and mixtures."""
    names = sorted(SAFEGUARDS)
    mixtures = st.sets(st.sampled_from(names), max_size=3).flatmap(
        lambda some: st.sampled_from((HARDENED.without(*some), SEED.having(*some)))
    )
    refunding = Rules(credit_policy=CreditPolicy(refund_failed_recordings=True))
    return st.sampled_from((HARDENED, SEED, refunding)) | mixtures


def _assert_agree(memory: Side, file: Side) -> None:
    expected, seen = memory.seen(), file.seen()
    for what, value in expected.items():
        assert seen[what] == value, what


@pytest.mark.thorough
@settings(deadline=None)
@given(rules=readings(), lines=command_sequences())
def test_the_file_behaves_as_memory(rules: Rules, lines: list[LogLine]) -> None:
    """Equal outcomes line by line; then equal tables, journals and reads, also from the file opened anew."""
    with _file(rules) as path:
        memory = Side(rules)
        with SqliteStore(path, synchronous="NORMAL") as store:
            file = Side(rules, store)
            for place, group in enumerate(overlapping_groups(lines)):
                assert file.ask(place, group) == memory.ask(place, group), group
            _assert_agree(memory, file)
        with SqliteStore(path, synchronous="NORMAL") as store:
            reopened = Side(rules, store)
            _assert_agree(memory, reopened)
            reopened.crm.rebuild()
            _assert_agree(memory, reopened)


@pytest.mark.thorough
@settings(deadline=None)
@given(rules=readings(), batches=st.lists(st.tuples(command_sequences(at_most=3), st.booleans()), max_size=4))
def test_batches_behave_as_in_memory(rules: Rules, batches: list[tuple[list[LogLine], bool]]) -> None:
    """What a batch sees, keeps, and undoes when it is given up, is the same."""
    with _file(rules) as path, SqliteStore(path, synchronous="NORMAL") as store:
        memory, file = Side(rules), Side(rules, store)
        for n, (lines, kept) in enumerate(batches):
            outcomes = [_batch(side, 1000 * n, lines, kept=kept) for side in (memory, file)]
            assert outcomes[0] == outcomes[1]
            _assert_agree(memory, file)


def _batch(side: Side, start: int, lines: Sequence[LogLine], *, kept: bool) -> list[object]:
    outcomes: list[object] = []
    try:
        with side.crm.batch():
            for place, group in enumerate(overlapping_groups(lines), start=start):
                outcomes += side.ask(place, group)
            if not kept:
                raise _GaveUp  # noqa: TRY301 - the batch is to see it
    except _GaveUp:
        pass
    return outcomes


@pytest.mark.thorough
@settings(deadline=None)
@given(lines=command_sequences(), take_turns=st.randoms(use_true_random=False))
def test_two_stores_on_one_file_behave_as_one(lines: list[LogLine], take_turns: Any) -> None:
    """Whatever one connection keeps in memory, it sees what the other has written."""
    with _file(HARDENED) as path:
        memory = Side(HARDENED)
        with SqliteStore(path, synchronous="NORMAL") as one, SqliteStore(path, synchronous="NORMAL") as other:
            sides = [Side(HARDENED, one), Side(HARDENED, other)]
            for place, group in enumerate(overlapping_groups(lines)):
                assert take_turns.choice(sides).ask(place, group) == memory.ask(place, group), group
            for side in sides:
                _assert_agree(memory, side)


@pytest.mark.parametrize("rules", [HARDENED, SEED], ids=str)
def test_as_of_shows_the_past_of_a_file(path: Path, rules: Rules) -> None:
    with SqliteStore(path) as store:
        side = Side(rules, store)
        for place, person in enumerate(PEOPLE):
            side.ask(place, [LogLine(SERVICE, SyncCrmUser(user_id=person.user_id, email=person.email))])
        past = side.crm.as_of(position=5)
        assert len(past.journal) == 5
        assert len(side.crm.journal) > 5


def test_amounts_are_found_however_they_are_written(crm: Crm) -> None:
    """12.990 is 12.99, though the file has the text of the one alone; and other columns beside it count."""
    service = crm.as_service()
    amy = service.sync_crm_user(email="amy@example.com").user_id
    service.record_payment(user_id=str(amy), amount="12.99", ref="pay-1")
    assert [p.ref for p in service.select("payments", {"amount": Decimal("12.990")})] == ["pay-1"]
    assert service.select("payments", {"amount": Decimal("12.990"), "credits": 4}) == []
