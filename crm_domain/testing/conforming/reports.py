"""What did a search find? Laws held and broken, and for each broken one the shortest sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from crm_domain.laws import LAWS, Law, Violation
from crm_domain.rules import Rules

from ..comparing.judging import AGREES_WITH_MODEL
from ..histories import Lines
from ..rendering import as_python
from ..requests.plain import is_plain
from .tables import as_html, as_text

HELD, BROKEN, NOT_TESTABLE, NOT_EXERCISED = "held", "broken", "not testable", "not exercised"
"""What can be said of a law."""

EVERY_LAW: Final[tuple[Law, ...]] = (*LAWS, AGREES_WITH_MODEL)
"""The laws that a backend is held to, in the order in which a report has them."""


@frozen(kw_only=True)
class Finding:
    """A sequence on which a backend does not do what the rules say.

    Attributes:
        lines: The sequence; it goes wrong at the last line.
        text: What the backend said or showed, and what the rules say.
        violations: The laws that this breaks, each with the first place.
        missing: The safeguards without which the rules would do the same; empty if there are none.
        sent: What the backend sent for it, if it says.
        found_after: How many requests had been made when it was found.
        walk: The random walk that showed it, by its seed; empty if it was no walk. `conformance` makes it first if it
            is given in ``replay``.
    """

    lines: Lines
    text: str
    violations: tuple[Violation, ...]
    missing: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    found_after: int = 0
    walk: str = ""

    @property
    def laws(self) -> frozenset[str]:
        """The names of the laws that it breaks."""
        return frozenset(violation.law.name for violation in self.violations)

    @property
    def log(self) -> str:
        """The sequence as a command log, which ``crm-domain run`` takes."""
        return str(self.lines)

    def python(self, rules: Rules) -> str:
        """Return the sequence as a script that asks the model for it under *rules*."""
        return as_python(self.lines, rules)

    def __str__(self) -> str:
        return self.telling(f"{', '.join(sorted(self.laws))}: {self.text}")

    def telling(self, claim: str) -> str:
        """Return a claim with all that someone needs who has to mend it, the sequence as a command log included."""
        missing = ", ".join(self.missing)
        as_if = f" It does as the rules would without {missing}." if missing else ""
        sent = "".join(f"\n    {statement}" for statement in self.sent)
        text = f"{claim}.{as_if}\n{self.log}".rstrip()
        return f"{text}\nThe backend sent:{sent}" if sent else text


@frozen(kw_only=True)
class Verdict:
    """What a search says of one law.

    Attributes:
        law: The law.
        verdict: ``held``, ``broken``, ``not testable`` or ``not exercised``.
        reason: Why it cannot be tested; the first place where it is broken; else empty.
        finding: The shortest sequence that breaks it.
        times: How many requests, or comparisons of two runs, could have broken it.
        holes: How many of its known holes were tried, and how many there are.
    """

    law: Law
    verdict: str
    reason: str = ""
    finding: Finding | None = None
    times: int = 0
    holes: tuple[int, int] = (0, 0)

    @property
    def evidence(self) -> str:
        """How often the law was put to the test, and with which of its known holes; why not, if it cannot be."""
        if self.verdict == NOT_TESTABLE:
            return self.reason
        tried, known = self.holes
        holes = f", {tried} of {known} known holes" if known else ""
        return f"{self.times:,} {'time' if self.times == 1 else 'times'}{holes}"

    def __str__(self) -> str:
        """Return what is said of the law; where it is broken, with the sequence that shows it."""
        if self.finding is None:
            said = f", {self.reason}" if self.reason else (f" ({self.evidence})" if self.times else "")
            return f"{self.law.name}: {self.verdict}{said}"
        return self.finding.telling(f"{self.law.name} is broken: {self.reason}")


@frozen(kw_only=True)
class Report:
    """What a search found.

    Attributes:
        rules: What the backend was held to.
        seed: The seed of the walks.
        walks: How many there were.
        requests: How many requests were made, shortening aside.
        seconds: How long it took.
        findings: Everything that was found, the shortest first.
        lacking: The safeguards without which the rules would do as the backend does; one that it has
            in some places and not in others is not among them.
        unseen: Columns that the backend does not show, and that were not compared.
        untaken: Columns that the backend does not take, each behind the request; it was asked without them.
        unsupported: Laws that need what the backend does not have, with the reason.
        tolerated: What was tolerated by name, and how often it was met.
        only: The names of the laws that were searched for; all, if empty.
        tried: How often each law was put to the test, by its name.
        holes: For each law how many of its known holes were tried, and how many there are.
        untried: The known holes that were not tried, each with the reason.
        ended: Why the search ended early, in words; empty if it did not.
        is_interrupted: Whether it did so by Ctrl-C.
    """

    rules: Rules
    seed: int
    walks: int
    requests: int
    seconds: float
    findings: tuple[Finding, ...]
    lacking: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    untaken: tuple[str, ...] = ()
    unsupported: Mapping[str, str] = field(factory=dict)
    tolerated: Mapping[str, int] = field(factory=dict)
    only: frozenset[str] = frozenset()
    tried: Mapping[str, int] = field(factory=dict)
    holes: Mapping[str, tuple[int, int]] = field(factory=dict)
    untried: Mapping[str, str] = field(factory=dict)
    ended: str = ""
    is_interrupted: bool = False

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What is said of every law that was searched for, in their order."""
        return tuple(self._verdict(law) for law in EVERY_LAW if not self.only or law.name in self.only)

    @property
    def broken(self) -> frozenset[str]:
        """The names of the laws that are broken."""
        return frozenset(name for finding in self.findings for name in finding.laws)

    @property
    def not_exercised(self) -> tuple[str, ...]:
        """The names of the laws that could be tested and were not: nothing is known of them."""
        return tuple(verdict.law.name for verdict in self.verdicts if verdict.verdict == NOT_EXERCISED)

    def assert_held(self) -> None:
        """Assert that no law is broken.

        Raises:
            AssertionError: One is; the message holds the shortest sequence for each, as a command log that runs.
        """
        __tracebackhide__ = True
        if self.findings:
            raise AssertionError("\n\n".join(map(str, filter(_is_broken, self.verdicts))))

    def __str__(self) -> str:
        return self.text()

    def text(self, title: str = "", *, in_python: bool = False) -> str:
        """Return the tables of the command line: the laws with their evidence, and the sequences.

        Args:
            title: What was examined.
            in_python: Whether sequences are scripts rather than command logs.
        """
        return as_text(self, title, in_python=in_python)

    def _repr_html_(self) -> str:
        return as_html(self)

    def _verdict(self, law: Law) -> Verdict:
        times, holes = self.tried.get(law.name, 0), self.holes.get(law.name, (0, 0))
        for finding in self.findings:
            for violation in finding.violations:
                if violation.law.name == law.name:
                    text = violation.text
                    return Verdict(law=law, verdict=BROKEN, reason=text, finding=finding, times=times, holes=holes)
        reason = self.unsupported.get(law.name)
        if reason is not None:
            return Verdict(law=law, verdict=NOT_TESTABLE, reason=reason)
        return Verdict(law=law, verdict=HELD if times else NOT_EXERCISED, times=times, holes=holes)


class Interrupted(KeyboardInterrupt):
    """Raised by a search that was interrupted.

    Attributes:
        report: What was found until then.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report.ended)
        self.report = report


class BrokeDown(Exception):  # noqa: N818 - what broke down is the backend
    """Raised by a search that cannot go on, as the backend cannot be reset any more, for example.

    Attributes:
        report: What was found until then.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report.ended)
        self.report = report


# --- what weighs most -------------------------------------------------------------------------

_COUNTERS: Final = frozenset(
    {
        "counters_equal_fold_of_events",
        "refused_changes_nothing",
        "replay_reproduces_state",
        "at_most_one_primary_resume",
    }
)


def by_weight(finding: Finding) -> tuple[int, int]:
    """Return what findings are sorted by: money and isolation, counters, refusals and messages, odd characters; then length."""
    if not all(map(is_plain, finding.lines)):
        weight = 3
    elif finding.laws == {AGREES_WITH_MODEL.name}:
        weight = 2
    else:
        weight = 1 if finding.laws <= _COUNTERS else 0
    return weight, len(finding.lines)


def _is_broken(verdict: Verdict) -> bool:
    return verdict.verdict == BROKEN
