"""A backend compared with itself: what others do is not noticed, and what was refused leaves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from crm_domain import HARDENED, SEED, SERVICE, Crm, Principal, Refused, SyncCrmUser, TrackView
from crm_domain.command_log import LogLine
from crm_domain.errors import refusal
from crm_domain.testing import AMY, BOB, CrmBackend, Lines, Person, conformance, walk
from crm_domain.testing.comparing.capabilities import Capabilities
from crm_domain.testing.comparing.lockstep import understood
from crm_domain.testing.comparing.twins import noticed, replayed_otherwise

from .backends import CountsRefusals, WithoutViews


def synced(person: Person) -> LogLine:
    return LogLine(SERVICE, SyncCrmUser(user_id=person.user_id, email=person.email))


def denied(person: Person) -> LogLine:
    return LogLine(person.principal, TrackView(email=person.email))


class Gossip(CrmBackend):
    """Tells in a refusal how many users there are."""

    def execute(self, principal: Principal, command: Any) -> Any:
        try:
            return super().execute(principal, command)
        except Refused as refused:
            raise refusal(refused.code, f"one of {len(self.crm.tables.crm_users)} users: no") from None


class BreaksDown(CrmBackend):
    """Raises at every view that is tracked."""

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, TrackView):
            raise KeyError(command.email)
        return super().execute(principal, command)


def test_the_same_failure_is_not_noticed() -> None:
    """Who meets the same failure with others as without them has noticed nothing of them."""
    lines = Lines([synced(BOB), synced(AMY), denied(AMY)])
    assert list(noticed(BreaksDown(), lines, AMY, [])) == []


@pytest.mark.parametrize("n", range(10))
def test_model_is_like_itself(n: int) -> None:
    """Nobody notices others in the model, and what it refuses leaves nothing."""
    backend = CrmBackend()
    has = Capabilities.of(backend)
    lines = understood(walk(n, wanted=has.has), backend)
    for observer in (AMY, BOB):
        assert list(noticed(backend, lines, observer, has.looks)) == []
    assert list(replayed_otherwise(backend, lines, has.looks)) == []


def test_what_a_message_gives_away_is_noticed() -> None:
    """A message that tells of others is noticed by the one who gets it, though the refusal is the same."""
    backend = Gossip()
    lines = Lines([synced(AMY), synced(BOB), denied(AMY)])
    (first, *_) = noticed(backend, lines, AMY, Capabilities.of(backend).looks)
    assert "one of 2 users: no" in first.text
    assert "without the others" in first.text
    assert "one of 1 users: no" in first.text


def test_what_is_seen_of_others_is_noticed() -> None:
    """Another's rows, or their dashboard, are noticed."""
    backend = CrmBackend(lambda: Crm(rules=HARDENED.without("private_dashboard")))
    found = list(noticed(backend, Lines([synced(BOB)]), AMY, Capabilities.of(backend).looks))
    assert any(difference.text.endswith("as without the others") for difference in found)


def test_what_a_refusal_leaves_is_found() -> None:
    """Tables that are not the same without what was refused are told."""
    backend = CountsRefusals()
    lines = Lines([synced(AMY), denied(AMY)])
    (difference,) = replayed_otherwise(backend, lines, Capabilities.of(backend).looks)
    assert "total_views" in difference.text
    assert difference.text.endswith("as when refused requests came between")


class Unfinished(WithoutViews):
    """Nor does it show counters, once Bob is there."""

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        if table == "crm_dashboard_stats" and BOB.email in self.crm.tables.crm_users:
            raise NotImplementedError
        return super().select(principal, table, where)


@pytest.mark.parametrize("lines", [[synced(AMY), denied(AMY)], [synced(AMY), synced(BOB)]])
def test_what_is_not_there_is_not_compared(lines: list[LogLine]) -> None:
    """What a backend does not have, at all or in one of the two runs, is no difference and no error."""
    backend = Unfinished()
    looks = Capabilities.of(backend).looks
    assert list(noticed(backend, Lines(lines), AMY, looks)) == []
    assert list(replayed_otherwise(backend, Lines(lines), looks)) == []


def test_a_search_meets_what_is_not_there_behind_a_difference() -> None:
    """Where a walk is compared with itself, lines are asked that were not reached before; that they are not there is no error."""
    assert conformance(WithoutViews(lambda: Crm(rules=SEED)), walks=10).broken


def test_a_search_compares_walks_with_themselves() -> None:
    """A search notices gossip, which no comparison with the model would, and shortens the walk that shows it."""
    report = conformance(Gossip(), walks=10)
    assert report.broken == {"noninterference"}
    assert len(report.findings[0].lines) <= 3
