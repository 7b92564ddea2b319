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

HELD, BROKEN, NOT_TESTABLE = "held", "broken", "not testable"
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
        sent: What the backend sent for it, if it tells.
        found_after: How many requests had been made when it was found.
    """

    lines: Lines
    text: str
    violations: tuple[Violation, ...]
    missing: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    found_after: int = 0

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
        """Return a claim with all that somebody needs who has to mend it, the sequence as a command log included."""
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
        verdict: ``held``, ``broken`` or ``not testable``.
        reason: Why it cannot be tested; the first place where it is broken; else empty.
        finding: The shortest sequence that breaks it.
    """

    law: Law
    verdict: str
    reason: str = ""
    finding: Finding | None = None

    def __str__(self) -> str:
        """Return what is said of the law; where it is broken, with the sequence that shows it."""
        if self.finding is None:
            return f"{self.law.name}: {self.verdict}" + (f", {self.reason}" if self.reason else "")
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

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What is said of every law, in their order."""
        return tuple(map(self._verdict, EVERY_LAW))

    @property
    def broken(self) -> frozenset[str]:
        """The names of the laws that are broken."""
        return frozenset(name for finding in self.findings for name in finding.laws)

    def assert_held(self) -> None:
        """Assert that no law is broken.

        Raises:
            AssertionError: One is; the message holds the shortest sequence for each, as a command log that runs.
        """
        if self.findings:
            raise AssertionError("\n\n".join(map(str, filter(_is_broken, self.verdicts))))

    def _verdict(self, law: Law) -> Verdict:
        for finding in self.findings:
            for violation in finding.violations:
                if violation.law.name == law.name:
                    return Verdict(law=law, verdict=BROKEN, reason=violation.text, finding=finding)
        reason = self.unsupported.get(law.name)
        return Verdict(law=law, verdict=HELD if reason is None else NOT_TESTABLE, reason=reason or "")


def _is_broken(verdict: Verdict) -> bool:
    return verdict.verdict == BROKEN
