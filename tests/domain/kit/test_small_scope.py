"""Every short sequence: none left out, none counted twice, and every hole in it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from crm_domain import HARDENED, SERVICE, Crm, Principal, Rules, SyncCrmUser, TrackView
from crm_domain.command_log import REQUESTS, LogLine
from crm_domain.ids import Role
from crm_domain.rules import SAFEGUARDS
from crm_domain.testing import ALPHABET, AMY, CrmBackend, Lines, broken_laws, every_sequence, run, small_scope
from crm_domain.testing.comparing.branching import Point, in_short
from crm_domain.testing.requests.alphabet import BEGINNINGS

DEPTH = {"ci": 3, "nightly": 4}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 2)
BY_SEQUENCES = {name: s.law for name, s in SAFEGUARDS.items() if s.law is not None and name != "atomic_consume"}
"""The safeguards that show without overlaps, each with its law."""


def test_alphabet_has_everything() -> None:
    """Every command and read is asked at least once, by every role."""
    assert {type(line.request) for line in ALPHABET} == set(REQUESTS.values())
    assert {line.principal.role for line in ALPHABET} == set(Role)
    assert len(set(map(str, map(Lines, zip(ALPHABET))))) == len(ALPHABET)


def test_every_sequence_is_every_sequence() -> None:
    """All sequences of 1 to so many letters, each once."""
    two = ALPHABET[:2]
    assert [len(lines) for lines in every_sequence(3, two)] == [1] * 2 + [2] * 4 + [3] * 8
    assert len(set(map(str, every_sequence(3, two)))) == 14


def test_counts_are_those_of_plain_enumeration() -> None:
    """Sharing states leaves nothing out: as many sequences end in each outcome as when each is asked alone."""
    ends: Counter[str] = Counter()
    for beginning in BEGINNINGS:
        for *earlier, last in every_sequence(2):
            outcome, _ = Point.behind((*beginning, *earlier), HARDENED).ask(last)
            ends[in_short(outcome)] += 1
    report = small_scope(depth=2)
    assert report.outcomes == ends
    assert report.sequences == ends.total() == 2 * (45 + 45**2)


@pytest.mark.thorough
def test_model_keeps_every_law_in_every_short_sequence() -> None:
    """No sequence of the alphabet breaks a law of states or steps."""
    report = small_scope(depth=DEPTH)
    assert report.findings == ()
    assert report.sequences == len(BEGINNINGS) * sum(len(ALPHABET) ** n for n in range(1, DEPTH + 1))
    assert report.states >= {2: 179, 3: 1022, 4: 1022}[DEPTH]


@pytest.mark.thorough
@pytest.mark.parametrize("safeguard", BY_SEQUENCES)
def test_every_hole_is_in_it(safeguard: str) -> None:
    """Without a safeguard its law breaks within two lines of one of the beginnings, and the sequence told shows it."""
    rules = HARDENED.without(safeguard)
    findings = {name: finding for finding in small_scope(rules=rules, depth=2).findings for name in finding.laws}
    assert BY_SEQUENCES[safeguard] in findings
    lines = findings[BY_SEQUENCES[safeguard]].lines
    assert BY_SEQUENCES[safeguard] in broken_laws(run(lines, rules))
    assert not broken_laws(run(lines, HARDENED))
    for n in range(len(lines)):
        assert BY_SEQUENCES[safeguard] not in broken_laws(run((*lines[:n], *lines[n + 1 :]), rules))


def test_a_backend_is_compared_after_every_step() -> None:
    """The model as a backend does what the model says; as many sequences are counted as without it."""
    report = small_scope(CrmBackend(), depth=2)
    alone = small_scope(depth=2)
    assert report.findings == ()
    assert (report.outcomes, report.states) == (alone.outcomes, alone.states)
    assert report.requests > report.states


@pytest.mark.thorough
@pytest.mark.parametrize("safeguard", ["one_primary", "private_dashboard", "grant_once"])
def test_a_backend_without_a_safeguard_is_found(safeguard: str) -> None:
    """What a backend lacks is found, named, and told with a log."""
    report = small_scope(CrmBackend(lambda: Crm(rules=HARDENED.without(safeguard))), depth=2)
    assert {finding.missing for finding in report.findings} == {(safeguard,)}
    with pytest.raises(AssertionError, match='"as": '):
        report.assert_held()


class Partial(CrmBackend):
    """Has no views, shows Amy too little, and is otherwise as it should be."""

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, TrackView):
            raise NotImplementedError
        return super().execute(principal, command)

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        rows = super().select(principal, table, where)
        return [] if principal == AMY.principal and table == "profiles" else rows


def test_what_is_seen_is_compared_in_everybodys_eyes() -> None:
    """A row that only its owner misses is found; what is not there is not asked for again."""
    alphabet = [LogLine(SERVICE, SyncCrmUser(user_id=AMY.user_id, email=AMY.email)), *ALPHABET[14:17]]
    report = small_scope(Partial(), depth=1, alphabet=alphabet)
    assert "reads_see_only_own_rows" in {name for finding in report.findings for name in finding.laws}
    assert report.sequences < 2 * len(alphabet)


def test_nothing_found_is_held() -> None:
    """A report without findings asserts nothing; one with findings under other rules names its rules."""
    small_scope(depth=1).assert_held()
    rules = Rules.parse("hardened,-tracking_read_only")
    report = small_scope(rules=rules, depth=1)
    assert (report.rules, report.depth) == (rules, 1)
    with pytest.raises(AssertionError, match="the balance of"):
        report.assert_held()
