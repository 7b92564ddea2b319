"""What is said of a search: one verdict for each law, and for a broken one all that is needed to mend it."""

from __future__ import annotations

import pytest
from attrs import evolve

from crm_domain import HARDENED, SERVICE, TrackView
from crm_domain.command_log import LogLine
from crm_domain.laws import LAWS, Violation, law_named
from crm_domain.testing import AMY, Finding, Lines, Report
from crm_domain.testing.comparing.judging import AGREES_WITH_MODEL
from crm_domain.testing.conforming.reports import BROKEN, EVERY_LAW, HELD, NOT_TESTABLE, by_weight

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


ONCE = {law.name: 1 for law in EVERY_LAW}


def report(*findings: Finding, **unsupported: str) -> Report:
    return Report(
        rules=HARDENED,
        seed=0,
        walks=1,
        requests=1,
        seconds=0.0,
        findings=findings,
        unsupported=unsupported,
        tried=ONCE,
        holes={MIRROR.name: (1, 2)},
        untried={"a hole": "there are no payments"},
    )


def test_every_law_has_a_verdict() -> None:
    """In their order, the agreement with the model last; nothing found is held."""
    verdicts = report().verdicts
    assert [verdict.law for verdict in verdicts] == list(EVERY_LAW)
    assert EVERY_LAW[:-1] == LAWS
    assert {(verdict.verdict, str(verdict).partition(": ")[2]) for verdict in verdicts} == {
        (HELD, "held (1 time)"),
        (HELD, "held (1 time, 1 of 2 known holes)"),
    }
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


def test_a_report_is_the_tables_of_the_command_line() -> None:
    """Printed, it has every law with its evidence, what was not tried, and each sequence."""
    text = str(report(SHORT, LONG, payment_is_idempotent="no payments"))
    assert "1 requests in 1 random walks (seed 0), 0.0 s: 2 laws broken, in 2 ways." in text
    assert "Known holes not tried: 1 (there are no payments)" in text
    rows = {line.split()[1]: line.split(maxsplit=2)[2] for line in text.splitlines() if line[:2].strip().isdigit()}
    assert rows[MIRROR.name] == "broken        4, not 3 (sequence 1)"
    assert rows["payment_is_idempotent"] == "not testable  no payments"
    assert rows["balance_never_negative"] == "held          1 time"
    assert f"Sequence 2: {COUNTERS.name}, {MIRROR.name}\nit was otherwise\n\n  {LOG}\n  {LOG}\n" in text
    assert text.endswith("What was sent:\n  select 1\n  select 2")
    assert max(map(len, text.splitlines())) <= 110


def test_a_report_that_tried_all_says_so() -> None:
    """Only then no law is broken."""
    assert "no law is broken." in str(report())
    untried = evolve(report(), tried={}, tolerated={"other_refusal": 3}, unseen=("a.b",), untaken=("c.d",), ended="so")
    text = " ".join(str(untried).split())
    assert "nothing is broken that was tried; not exercised: balance_never_negative, " in text
    for remark in (
        "as so.",
        "Tolerated, met 3 times: other_refusal. A request is refused",
        "compared: a.b",
        "asked for: c.d",
    ):
        assert remark in text


def test_reasons_are_counted_and_the_rare_ones_summed() -> None:
    """A system that lacks many things is not listed hole by hole."""
    untried = {f"hole {n}": f"there is no {n // 2}" for n in range(12)}
    assert "2 (there is no 3); 4 (other reasons)" in " ".join(str(evolve(report(), untried=untried)).split())


def test_a_notebook_shows_a_report_as_html() -> None:
    """A table of laws, and sequences that open; nothing of the text is taken for a tag."""
    shown = report(evolve(SHORT, text="a < b"))._repr_html_()
    assert shown.count("<tr>") == 1 + len(EVERY_LAW)
    assert "<summary>Sequence 1: mirror_equals_profile (as without one_primary)</summary>" in shown
    assert "a &lt; b" in shown


def test_findings_come_by_weight() -> None:
    """Money and isolation, then counters, then refusals, then odd characters; the short ones first."""
    odd = evolve(LINES[0], request=TrackView(email="\0"))
    named = {
        "counters": evolve(SHORT, violations=(Violation(COUNTERS, ""),)),
        "refusals": evolve(SHORT, violations=(Violation(AGREES_WITH_MODEL, ""),)),
        "odd": evolve(SHORT, lines=Lines([odd])),
        "money": SHORT,
        "longer money": LONG,
    }
    order = sorted(named, key=lambda name: by_weight(named[name]))
    assert order == ["money", "longer money", "counters", "refusals", "odd"]
