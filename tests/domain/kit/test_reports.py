"""What is said of a search: one verdict for each law, and for a broken one all that is needed to mend it."""

from __future__ import annotations

import pytest

from crm_domain import HARDENED, SERVICE, TrackView
from crm_domain.command_log import LogLine
from crm_domain.laws import LAWS, Violation, law_named
from crm_domain.testing import AMY, Finding, Lines, Report
from crm_domain.testing.conforming.reports import BROKEN, EVERY_LAW, HELD, NOT_TESTABLE

LINES = Lines([LogLine(SERVICE, TrackView(email=AMY.email))])
LOG = '{"as": "service", "cmd": "track_view", "args": {"email": "amy@x.test"}}'
MIRROR = law_named("mirror_equals_profile")
COUNTERS = law_named("counters_equal_fold_of_events")
SHORT = Finding(lines=LINES, text="it was so", violations=(Violation(MIRROR, "4, not 3"),), missing=("one_primary",))
LONG = Finding(
    lines=Lines((*LINES, *LINES)),
    text="it was otherwise",
    violations=(Violation(COUNTERS, "1 view, not 2"), Violation(MIRROR, "9, not 3")),
    sent=("select 1", "select 2"),
)


def report(*findings: Finding, **unsupported: str) -> Report:
    return Report(rules=HARDENED, seed=0, walks=1, requests=1, seconds=0.0, findings=findings, unsupported=unsupported)


def test_every_law_has_a_verdict() -> None:
    """In their order, the agreement with the model last; nothing found is held."""
    verdicts = report().verdicts
    assert [verdict.law for verdict in verdicts] == list(EVERY_LAW)
    assert EVERY_LAW[:-1] == LAWS
    assert {(verdict.verdict, str(verdict).partition(": ")[2]) for verdict in verdicts} == {(HELD, "held")}
    report().assert_held()


def test_broken_law_has_its_shortest_finding() -> None:
    """The first finding that breaks a law is the one that is told."""
    verdicts = {verdict.law.name: verdict for verdict in report(SHORT, LONG).verdicts}
    assert (verdicts[MIRROR.name].verdict, verdicts[MIRROR.name].finding) == (BROKEN, SHORT)
    assert verdicts[MIRROR.name].reason == "4, not 3"
    assert verdicts[COUNTERS.name].finding == LONG
    assert report(SHORT, LONG).broken == {MIRROR.name, COUNTERS.name}


def test_law_that_cannot_be_seen_says_why() -> None:
    """What needs something that is not there is not testable, with the reason; broken counts for more."""
    (verdict,) = (v for v in report(payment_is_idempotent="no payments").verdicts if v.verdict == NOT_TESTABLE)
    assert str(verdict) == "payment_is_idempotent: not testable, no payments"
    assert verdict.finding is None
    broken = report(SHORT, **{MIRROR.name: "no profiles"})
    assert MIRROR.name in {verdict.law.name for verdict in broken.verdicts if verdict.verdict == BROKEN}


def test_failure_tells_each_broken_law() -> None:
    """The message has law, place, missing safeguard, the log that runs, and what was sent."""
    with pytest.raises(AssertionError) as failure:
        report(SHORT, LONG).assert_held()
    mirror, counters = str(failure.value).split("\n\n")
    assert mirror.splitlines() == [
        "mirror_equals_profile is broken: 4, not 3. It does as the rules would without one_primary.",
        LOG,
    ]
    assert counters.splitlines() == [
        "counters_equal_fold_of_events is broken: 1 view, not 2.",
        LOG,
        LOG,
        "The backend sent:",
        "    select 1",
        "    select 2",
    ]


def test_finding_tells_itself() -> None:
    """A finding names its laws, and what the backend said."""
    assert str(LONG).splitlines()[0] == "counters_equal_fold_of_events, mirror_equals_profile: it was otherwise."
    assert SHORT.laws == {MIRROR.name}
    assert SHORT.log == LOG + "\n"
