"""What do clients race for, and what must be the result, no matter who was first?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Final, Protocol

from attrs import frozen

from crm_domain import commands as c
from crm_domain import rows
from crm_domain.command_log import LogLine
from crm_domain.errors import InsufficientCredits, UniqueViolation
from crm_domain.ids import SERVICE
from crm_domain.laws import Violation, law_named
from crm_domain.rules import Rules

from ..comparing.differences import Outcome
from ..comparing.judging import AGREES_WITH_MODEL
from ..comparing.observing import told
from ..people import Person
from .aftermath import Answered, Stored, balance_is, counted, mirrored, stored_once, strange, violation
from .linearizability import Operation, unexplained


@frozen(kw_only=True)
class Setting:
    """Who races, and under which rules.

    Attributes:
        rules: The rules in force.
        clients: How many clients there are.
        credits: How many credits each person has whose recordings are raced for.
        attempts: How many recordings each client asks for, for each person.
        name: What distinguishes this race from all others on the same store.
    """

    rules: Rules
    clients: int
    credits: int
    attempts: int
    name: str

    def person(self, part: object) -> Person:
        """Return someone whom no other race knows."""
        return Person(f"racer-{self.name}-{part}")

    def shuffled(self, lines: Sequence[LogLine], client: int) -> list[LogLine]:
        """Return lines in an order of the client's own, always the same."""
        return Random(f"{self.name}/{client}").sample(lines, len(lines))  # noqa: S311 - no secret depends on it


class Contest(Protocol):
    """Something that clients race for.

    Attributes:
        name: Its name.
        needs: The safeguards without which nothing in particular must come of it.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]]

    def before(self) -> list[LogLine]:
        """Return what is asked before the race, all of which is accepted."""

    def lines_of(self, client: int) -> list[LogLine]:
        """Return what a client asks, one after another."""

    def broken(self, answers: Sequence[Answered], stored: Stored) -> Iterator[Violation]:
        """Yield what should not have come of it.

        Args:
            answers: What all clients were answered.
            stored: What is in the tables afterwards.
        """


# --- the contests ---------------------------------------------------------------------------

_PEOPLE: Final = 2
"""For how many people at once recordings are raced for."""

_EVENTS: Final[Mapping[type[Any], int]] = {c.CreateRecording: 2, c.CreateJobRequest: 1}
"""How many events of the account a command is: a recording and its credit, a job request."""


@frozen
class Recordings:
    """The last credits: all clients record for the same people, and store job requests between."""

    setting: Setting

    name: ClassVar[str] = "recordings"
    needs: ClassVar[frozenset[str]] = frozenset({"atomic_consume"})

    @property
    def people(self) -> list[Person]:
        """Whose credits they are."""
        return [self.setting.person(n) for n in range(_PEOPLE)]

    def before(self) -> list[LogLine]:
        """Return what brings the people in, with their credits."""
        return [line for person in self.people for line in (_sync(person), _balance(person, self.setting.credits))]

    def lines_of(self, client: int) -> list[LogLine]:
        """Return recordings and job requests, in the client's own order."""
        lines = [
            LogLine(person.principal, kind(user_id=person.user_id, email=person.email))
            for person in self.people
            for kind in (c.CreateRecording, c.CreateJobRequest)
            for _ in range(self.setting.attempts)
        ]
        return self.setting.shuffled(lines, client)

    def broken(self, answers: Sequence[Answered], stored: Stored) -> Iterator[Violation]:
        """Yield where people have more or less than they should."""
        for person in self.people:
            yield from self._broken_for(person, [a for a in answers if a.line.principal == person.principal], stored)

    def _broken_for(self, person: Person, answers: Sequence[Answered], stored: Stored) -> Iterator[Violation]:
        odd = [*strange(answers, InsufficientCredits)]
        if odd:  # nobody knows what a command did that failed, so nothing can be counted
            yield from odd
            return
        made = Counter(type(answer.line.request) for answer in answers if answer.accepted)
        recordings = made[c.CreateRecording]
        found = [
            *balance_is(stored, person, self.setting.credits - recordings),
            *mirrored(stored, person),
            *counted(stored, person, total_recordings=recordings, total_applications=made[c.CreateJobRequest]),
            *stored_once(stored, person, recordings),
        ]
        yield from found or self._unexplained(person, answers)

    def _unexplained(self, person: Person, answers: Sequence[Answered]) -> Iterator[Violation]:
        for text in unexplained([_operation(n, answer) for n, answer in enumerate(answers, 1)], self.setting.credits):
            yield Violation(AGREES_WITH_MODEL, f"{person.label}: {text}")


def _operation(number: int, answer: Answered) -> Operation:
    kind = type(answer.line.request)
    return Operation(
        name=f"{kind.__name__} {number}",
        asked=answer.asked,
        answered=answer.answered,
        accepted=answer.accepted,
        credits=int(kind is c.CreateRecording),
        version=_told_version(answer.outcome) if answer.accepted else None,
        events=_EVENTS[kind],
    )


def _told_version(outcome: Outcome) -> int | None:
    version = told(outcome, "version")
    return version if isinstance(version, int) else None


@frozen
class Payments:
    """One payment that is delivered to all clients, and each client's own, delivered twice."""

    setting: Setting

    name: ClassVar[str] = "payments"
    needs: ClassVar[frozenset[str]] = frozenset({"idempotent_payment"})

    @property
    def person(self) -> Person:
        """Who paid."""
        return self.setting.person("payer")

    def before(self) -> list[LogLine]:
        """Return what brings them in."""
        return [_sync(self.person)]

    def lines_of(self, client: int) -> list[LogLine]:
        """Return the deliveries, in the client's own order."""
        refs = ("all", client, client)
        price = self.setting.rules.credit_policy.price
        return self.setting.shuffled([LogLine(SERVICE, self._delivery(ref, price)) for ref in refs], client)

    def _delivery(self, ref: object, price: object) -> c.RecordPayment:
        return c.RecordPayment(user_id=self.person.user_id, amount=price, ref=f"{self.person.label}-{ref}")

    def broken(self, answers: Sequence[Answered], stored: Stored) -> Iterator[Violation]:
        """Yield where payments were credited more or less often than once."""
        odd = [*strange(answers)]
        yield from odd
        credited = Counter(_ref(answer.line) for answer in answers if told(answer.outcome, "credited") is True)
        for ref, times in sorted(credited.items()):
            if times > 1:
                yield violation("payment_is_idempotent", f"payment {ref!r} was credited {times} times, expected once")
        if not odd:
            policy = self.setting.rules.credit_policy
            payments = self.setting.clients + 1
            expected = policy.initial_credits + payments * policy.credits_per_payment
            yield from balance_is(stored, self.person, expected)
            yield from mirrored(stored, self.person)


def _ref(line: LogLine) -> str | None:
    return line.request.ref if isinstance(line.request, c.RecordPayment) else None


@frozen
class Syncs:
    """One address that all clients provision, twice, in different spellings."""

    setting: Setting

    name: ClassVar[str] = "syncs"
    needs: ClassVar[frozenset[str]] = frozenset({"grant_once", "one_email"})

    @property
    def spellings(self) -> tuple[str, str]:
        """The address, in two spellings; the first is its normal form."""
        email = self.setting.person("newcomer").email
        return email, email.upper()

    def before(self) -> list[LogLine]:
        """Return nothing: no one knows the address."""
        return []

    def lines_of(self, client: int) -> list[LogLine]:
        """Return the client's calls of the sync function."""
        return self.setting.shuffled([LogLine(SERVICE, c.SyncCrmUser(email=email)) for email in self.spellings], client)

    def broken(self, answers: Sequence[Answered], stored: Stored) -> Iterator[Violation]:
        """Yield where there is not one account with its credits given once."""
        yield from strange(answers)
        people = {told(answer.outcome, "user_id") for answer in answers if answer.accepted} - {None}
        if len(people) > 1:
            yield violation("provisioning_is_idempotent", f"{self.spellings[0]}: {len(people)} people, expected one")
        found = {row["email"]: row for email in self.spellings for row in stored.rows(rows.CRM_USERS, email=email)}
        if len(found) != 1:
            yield violation("provisioning_is_idempotent", f"{self.spellings[0]}: {len(found)} accounts, expected one")
        for row in found.values():
            yield from self._broken_account(row, stored)

    def _broken_account(self, account: Mapping[str, Any], stored: Stored) -> Iterator[Violation]:
        expected = [self.setting.rules.credit_policy.initial_credits]
        profiles = stored.rows(rows.PROFILES, user_id=account["user_id"])
        balances = [profile["credits_remaining"] for profile in profiles]
        dashboards = len(stored.rows(rows.CRM_DASHBOARD_STATS, user_id=account["user_id"]))
        if (balances, dashboards) != (expected, 1):
            text = f"{account['email']}: balances {balances} and {dashboards} dashboards, expected {expected} and one"
            yield violation("provisioning_is_idempotent", text)


@frozen
class PrimaryResumes:
    """The one primary resume: each client uploads another one as it."""

    setting: Setting

    name: ClassVar[str] = "primary resumes"
    needs: ClassVar[frozenset[str]] = frozenset({"one_primary"})

    @property
    def person(self) -> Person:
        """Whose resumes they are."""
        return self.setting.person("applicant")

    def before(self) -> list[LogLine]:
        """Return what brings them in."""
        return [_sync(self.person)]

    def lines_of(self, client: int) -> list[LogLine]:
        """Return the client's upload."""
        person, url = self.person, f"https://x.test/{client}.pdf"
        upload = c.UploadResume(user_id=person.user_id, email=person.email, resume_url=url, is_primary=True)
        return [LogLine(person.principal, upload)]

    def broken(self, answers: Sequence[Answered], stored: Stored) -> Iterator[Violation]:
        """Yield where not exactly one of them won."""
        yield from strange(answers, UniqueViolation)
        won = sum(answer.accepted for answer in answers)
        primary = sum(stored.values("is_primary", rows.CRM_RESUMES, self.person))
        if (won, primary) != (1, 1):
            law = law_named("at_most_one_primary_resume") if max(won, primary) > 1 else AGREES_WITH_MODEL
            text = f"{self.person.label}: {won} uploads were accepted and {primary} resumes are primary, expected one"
            yield Violation(law, text)


@frozen
class Keys:
    """Answers that were lost: one recording that all clients ask for under one key, and each its own, all of them twice."""

    setting: Setting

    name: ClassVar[str] = "idempotency keys"
    needs: ClassVar[frozenset[str]] = frozenset({"atomic_consume"})

    @property
    def person(self) -> Person:
        """Whose recordings they are."""
        return self.setting.person("retrier")

    @property
    def credits(self) -> int:
        """Enough for every delivery, so that one which is done again shows as such."""
        return 4 * self.setting.clients

    def before(self) -> list[LogLine]:
        """Return what brings them in, with their credits."""
        return [_sync(self.person), _balance(self.person, self.credits)]

    def lines_of(self, client: int) -> list[LogLine]:
        """Return the deliveries, in the client's own order."""
        person = self.person
        lines = [
            LogLine(person.principal, c.CreateRecording(user_id=person.user_id, email=person.email), key=str(key))
            for key in ("all", "all", client, client)
        ]
        return self.setting.shuffled(lines, client)

    def broken(self, answers: Sequence[Answered], stored: Stored) -> Iterator[Violation]:
        """Yield where a key has more than one recording."""
        odd = [*strange(answers)]
        yield from odd
        made = {(answer.line.key, told(answer.outcome, "id")) for answer in answers if answer.accepted}
        for key, times in sorted(Counter(key for key, _ in made).items(), key=str):
            if times > 1:
                yield Violation(AGREES_WITH_MODEL, f"key {key!r}: {times} recordings were answered, expected one")
        if not odd:
            recordings = self.setting.clients + 1
            yield from stored_once(stored, self.person, recordings)
            yield from balance_is(stored, self.person, self.credits - recordings)


CONTESTS: Final[tuple[Callable[[Setting], Contest], ...]] = (
    Recordings,
    Payments,
    Syncs,
    PrimaryResumes,
    Keys,
)
"""Everything that clients race for, in the order of a round."""

# --- what they share ------------------------------------------------------------------------


def _sync(person: Person) -> LogLine:
    return LogLine(SERVICE, c.SyncCrmUser(user_id=person.user_id, email=person.email))


def _balance(person: Person, credits_: int) -> LogLine:
    change = {"credits_remaining": credits_}
    return LogLine(SERVICE, c.Update(table=rows.PROFILES, where={"user_id": person.user_id}, set=change))
