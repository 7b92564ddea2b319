"""Does someone's backend keep the laws when many clients want the same at the same time?

Each client is a thread with a backend of its own, over one store. Chance decides who is first;
what must be the result does not depend on that. A race that finds nothing proves nothing:
`crm_domain.testing.explore` looks at every order, of a model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import define, field, frozen

from crm_domain.command_log import LogLine
from crm_domain.errors import Refused
from crm_domain.laws import Violation
from crm_domain.ports import Backend
from crm_domain.rules import HARDENED, Rules

from ..comparing.backends import Keyed
from ..comparing.differences import Outcome
from ..comparing.judging import AGREES_WITH_MODEL
from ..comparing.observing import Failed
from ..comparing.predicting import outcomes_of
from .aftermath import Answered, Stored, Unreadable
from .contests import CONTESTS, Contest, Keys, Setting


@frozen(kw_only=True)
class RaceReport:
    """The result of races.

    Attributes:
        rounds: How many times everything was raced for.
        successes: How many commands were accepted.
        refusals: How many were refused.
        violations: What should not have come of it, each with the law that it breaks.
        not_run: What was not raced for, with the reason.
    """

    rounds: int
    successes: int
    refusals: int
    violations: tuple[Violation, ...]
    not_run: Mapping[str, str] = field(factory=dict)

    @property
    def broken(self) -> frozenset[str]:
        """The names of the laws that are broken."""
        return frozenset(violation.law.name for violation in self.violations)

    def assert_held(self) -> None:
        """Assert that no law is broken.

        Raises:
            AssertionError: One is; the message says where.
        """
        if self.violations:
            raise AssertionError("\n".join(map(str, self.violations)))


def race(
    connect: Callable[[], Backend],
    rules: Rules = HARDENED,
    *,
    clients: int = 8,
    credits: int = 4,  # noqa: A002 - the ledger's own word
    attempts: int | None = None,
    rounds: int = 3,
    seed: int = 0,
    patience_seconds: float = 60.0,
) -> RaceReport:
    """Let clients race for the last credits, one payment, one account, one primary resume, one idempotency key.

    Args:
        connect: Makes a backend over the store that all clients share; the first one is reset
            before the others are made, so the store must not hold anything of value.
        rules: What they are held to; what these leave open is not raced for.
        clients: How many there are.
        credits: How many credits each person has whose recordings are raced for.
        attempts: How many recordings each client asks for, for each person; one more than there are credits unless given.
        rounds: How many times everything is raced for, by other people each time.
        seed: With another seed clients ask in another order, and for other people.
        patience_seconds: How long to wait for the clients of one race; then the races end.

    Example:
        >>> from crm_domain import Crm
        >>> from crm_domain.testing import CrmBackend
        >>> shared = CrmBackend()
        >>> report = race(lambda: shared, clients=4, rounds=1)
        >>> report.assert_held()
        >>> sloppy = CrmBackend(lambda: Crm(rules=HARDENED.without("idempotent_payment")))
        >>> "payment_is_idempotent" in race(lambda: sloppy, clients=4, rounds=1).broken
        True
    """
    first = connect()
    first.reset()
    races = _Races([first, *(connect() for _ in range(clients - 1))], rules, patience_seconds)
    done = 0
    while done < rounds and not races.hung:
        done += 1
        wanted = credits + 1 if attempts is None else attempts
        name = f"{seed}-{done}"
        races.run(Setting(rules=rules, clients=clients, credits=credits, attempts=wanted, name=name), done)
    return RaceReport(
        rounds=done,
        successes=races.successes,
        refusals=races.refusals,
        violations=tuple(races.violations),
        not_run=races.not_run,
    )


@define
class _Races:
    """The result of all races until now."""

    backends: Sequence[Backend]
    rules: Rules
    patience_seconds: float
    violations: list[Violation] = field(factory=list)
    not_run: dict[str, str] = field(factory=dict)
    successes: int = 0
    refusals: int = 0
    hung: bool = False

    def run(self, setting: Setting, number: int) -> None:
        """Race once for everything that there is to race for."""
        for contest in (kind(setting) for kind in CONTESTS):
            if self.hung or not self._may_run(contest):
                continue
            try:
                for violation in self._race(contest):
                    text = f"round {number}, {contest.name}: {violation.text}"
                    self.violations.append(Violation(violation.law, text))
            except NotImplementedError as lacking:
                self.not_run[contest.name] = str(lacking) or "the backend does not have it"

    def _may_run(self, contest: Contest) -> bool:
        if missing := contest.needs - self.rules.safeguards:
            self.not_run[contest.name] = f"the rules are without {', '.join(sorted(missing))}"
        elif isinstance(contest, Keys) and not isinstance(self.backends[0], Keyed):
            self.not_run[contest.name] = "the backend has no execute_keyed"
        return contest.name not in self.not_run

    def _race(self, contest: Contest) -> Iterator[Violation]:
        """Prepare, let the clients go, and judge the result of it.

        Raises:
            NotImplementedError: The backend does not have what is needed.
        """
        for line in contest.before():
            (outcome,) = outcomes_of(self.backends[0], [line])
            if isinstance(outcome, Refused | Failed):
                yield Violation(AGREES_WITH_MODEL, f"before the race, {type(line.request).__name__}: {outcome}")
                return
        lines = [contest.lines_of(client) for client in range(len(self.backends))]
        answers = at_once(self.backends, lines, self.patience_seconds)
        self._count(answers)
        if len(answers) < sum(map(len, lines)):
            self.hung = True
            yield Violation(AGREES_WITH_MODEL, _missing(answers, lines, self.patience_seconds))
            return
        try:
            yield from contest.broken(answers, Stored(self.backends[0]))
        except Unreadable as unreadable:
            yield Violation(AGREES_WITH_MODEL, str(unreadable))

    def _count(self, answers: Sequence[Answered]) -> None:
        for answer in answers:
            if isinstance(answer.outcome, NotImplementedError):
                raise answer.outcome
            self.successes += answer.accepted
            self.refusals += isinstance(answer.outcome, Refused)


def _missing(answers: Sequence[Answered], lines: Sequence[Sequence[LogLine]], seconds: float) -> str:
    waiting = [n for n, asked in enumerate(lines) if sum(a.client == n for a in answers) < len(asked)]
    names = ", ".join(str(client + 1) for client in waiting)
    return f"after {seconds:g} s there was no answer to clients {names}"


def at_once(backends: Sequence[Backend], lines: Sequence[Sequence[LogLine]], patience_seconds: float) -> list[Answered]:
    """Let each client ask its lines of its backend, all of them at the same time.

    Returns:
        What they were answered, in the order of the answers; fewer than there are lines if someone
        is not through after *patience_seconds*. What the backend does not have is answered by a `NotImplementedError`.
    """
    told: list[Answered] = []
    start, ticks = threading.Barrier(len(backends)), _Ticks()

    def client(number: int) -> None:
        start.wait()
        for line in lines[number]:
            asked = ticks.next()
            outcome = _outcome(backends[number], line)
            told.append(Answered(client=number, line=line, outcome=outcome, asked=asked, answered=ticks.next()))

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(len(backends))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience_seconds)
        if thread.is_alive():  # the others had as much time as this one
            break
    return sorted(told, key=lambda answer: answer.answered)


def _outcome(backend: Backend, line: LogLine) -> Outcome:
    try:
        return outcomes_of(backend, [line])[0]
    except NotImplementedError as lacking:
        return lacking


@define
class _Ticks:
    """A count that all threads share: what was counted before is less."""

    last: int = 0
    _lock: threading.Lock = field(factory=threading.Lock)

    def next(self) -> int:
        """Return the next number."""
        with self._lock:
            self.last += 1
            return self.last
