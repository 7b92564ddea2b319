"""Clients that race over one store: what holds is found to hold, and what does not is named."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

import attrs
import pytest

from crm_domain import (
    HARDENED,
    Accepted,
    CreateJobRequest,
    CreateRecording,
    CreditPolicy,
    Crm,
    InsufficientCredits,
    PermissionDenied,
    Principal,
    RecordPayment,
    Refused,
    Rules,
    SyncCrmUser,
    UniqueViolation,
    Update,
    UploadResume,
)
from crm_domain.ports import Backend
from crm_domain.testing import CrmBackend, RaceReport, race

CLIENTS = 4


def raced(backend: Backend, rules: Rules = HARDENED, **how: Any) -> RaceReport:
    """Race once over a backend that all clients share."""
    options: dict[str, Any] = {"clients": CLIENTS, "rounds": 1} | how
    return race(lambda: backend, rules, **options)


class Shared(CrmBackend):
    """The model, which does some commands otherwise, or shows some rows otherwise.

    Args:
        do: Is given the command, and a function that does what the model would do.
        show: Is given the name of the table and a row, which it may change.
    """

    def __init__(
        self,
        do: Callable[[Any, Callable[[], Any]], Any] = lambda _, execute: execute(),
        show: Callable[[str, dict[str, Any]], object] = lambda *_: None,
    ) -> None:
        super().__init__()
        self._do, self._show = do, show

    def execute(self, principal: Principal, command: Any) -> Any:
        return self._do(command, partial(super().execute, principal, command))

    def execute_keyed(self, principal: Principal, command: Any, key: str) -> Any:
        return self._do(command, partial(super().execute_keyed, principal, command, key))

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        shown = [attrs.asdict(row, recurse=False) for row in super().select(principal, table, where)]
        for row in shown:
            self._show(table, row)
        return shown


def in_client() -> bool:
    return threading.current_thread() is not threading.main_thread()


def telling(kind: type, change: Callable[[Any], Any]) -> Backend:
    """Return a backend that does what it should, and tells something else of one kind of command."""

    def do(command: Any, execute: Callable[[], Any]) -> Any:
        answer = execute()
        return change(answer) if isinstance(command, kind) else answer

    return Shared(do)


def failing(kind: type, error: Exception, *, where: Callable[[], bool] = in_client) -> Backend:
    """Return a backend that raises *error* instead of doing one kind of command."""

    def do(command: Any, execute: Callable[[], Any]) -> Any:
        if isinstance(command, kind) and where():
            raise error
        return execute()

    return Shared(do)


def showing(table: str, column: str, change: Callable[[Any], Any]) -> Backend:
    """Return a backend that shows something else than there is."""

    def show(shown: str, row: dict[str, Any]) -> None:
        if shown == table:
            row[column] = change(row[column])

    return Shared(show=show)


class Blind(CrmBackend):
    """The model, which shows no rows of one table, or fails when it is asked for them."""

    def __init__(self, table: str, error: Exception | None = None) -> None:
        super().__init__()
        self._table, self._error = table, error

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        if table != self._table:
            return super().select(principal, table, where)
        if self._error is not None:
            raise self._error
        return []


class Keyless(CrmBackend):
    """The model, which does a retry again."""

    def execute_keyed(self, principal: Principal, command: Any, key: str) -> Accepted:
        accepted: Accepted = self.crm.execute(principal, command)
        return accepted


def without(name: str) -> Backend:
    return CrmBackend(lambda: Crm(rules=HARDENED.without(name)))


# --- what holds -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_model_holds(seed: int) -> None:
    """Threads that share one CRM sell exactly what there is, credit once and provision once."""
    report = raced(CrmBackend(), clients=8, rounds=3, seed=seed)
    report.assert_held()
    assert (report.violations, report.broken, report.not_run) == ((), frozenset(), {})
    # Of each client in each round: 5 job requests for each of two people, 3 payments, 2 syncs and 4 keyed
    # recordings are accepted; of 5 recordings for each person 4 of all clients' are; so is one primary resume.
    assert report.successes == 3 * (8 * (2 * 5 + 3 + 2 + 4) + 2 * 4 + 1)
    assert report.refusals == 3 * (2 * (8 * 5 - 4) + 7)
    assert report.rounds == 3


@pytest.mark.parametrize(("credits_", "attempts"), [(0, None), (1, 1), (9, 2)])
def test_credits_and_attempts_may_be_chosen(credits_: int, attempts: int | None) -> None:
    """As many recordings are accepted as there are credits, or attempts."""
    recorded = count()

    def counting(command: Any, execute: Callable[[], Any]) -> Any:
        answer = execute()
        if isinstance(command, CreateRecording):
            next(recorded)
        return answer

    raced(Shared(counting), credits=credits_, attempts=attempts).assert_held()
    for_two_people = 2 * min(credits_, CLIENTS * (credits_ + 1 if attempts is None else attempts))
    assert next(recorded) == for_two_people + 4 * CLIENTS


def test_another_credit_policy_holds() -> None:
    """What is given and what it costs are those of the rules."""
    rules = Rules(credit_policy=CreditPolicy(initial_credits=7, credits_per_payment=5, price=Decimal("1.00")))
    raced(CrmBackend(lambda: Crm(rules=rules)), rules).assert_held()
    assert "provisioning_is_idempotent" in raced(CrmBackend(lambda: Crm(rules=rules))).broken


def test_answers_without_versions_are_enough() -> None:
    """A backend may tell nothing but that it accepted."""
    raced(telling(object, lambda _: None)).assert_held()


def test_every_client_has_a_backend_of_its_own_made_after_the_reset() -> None:
    """The first is reset before the others connect, and nobody else is."""
    shared, calls = CrmBackend(), []

    class Connection(CrmBackend):
        def __init__(self) -> None:
            calls.append("connect")
            self.crm = shared.crm

        def reset(self) -> None:
            calls.append("reset")

    race(Connection, clients=3, rounds=1).assert_held()
    assert calls == ["connect", "reset", "connect", "connect"]


# --- what does not ----------------------------------------------------------------------------


class ChecksFirst(CrmBackend):
    """Checks and writes in two steps, and lets all clients check before any of them writes: on purpose, not by chance.

    What the clients ask next is put together, and executed as commands that overlap.
    """

    def __init__(self) -> None:
        super().__init__(lambda: Crm(rules=HARDENED.without("atomic_consume")))
        self._asked: dict[int, tuple[Principal, Any]] = {}
        self._outcomes: dict[int, Any] = {}
        self._together = threading.Barrier(CLIENTS, action=self._execute_all)

    def execute(self, principal: Principal, command: Any) -> Any:
        if not in_client():
            return super().execute(principal, command)
        me = threading.get_ident()
        self._asked[me] = (principal, command)
        self._together.wait()
        if isinstance(self._outcomes[me], Refused):
            raise self._outcomes[me]
        return self._outcomes[me]

    def _execute_all(self) -> None:
        self._outcomes = dict(zip(self._asked, self.execute_overlapping([*self._asked.values()]), strict=True))
        self._asked.clear()


def test_check_then_consume_is_found() -> None:
    """Clients that all look before any of them takes bring the balance below 0."""
    report = raced(ChecksFirst(), credits=1, attempts=4)
    assert report.broken == {"balance_never_negative"}
    with pytest.raises(
        AssertionError, match=r"^balance_never_negative: round 1, recordings: racer-0-1-0: the balance is -"
    ):
        report.assert_held()


BROKEN: dict[str, tuple[Callable[[], Backend], str, str]] = {
    "payments are credited twice": (
        lambda: without("idempotent_payment"),
        "payment_is_idempotent",
        "payments: payment 'racer-0-1-payer-0' was credited 2 times, expected once",
    ),
    "payments are lost": (
        lambda: Shared(lambda command, execute: None if isinstance(command, RecordPayment) else execute()),
        "balance_equals_granted_minus_consumed",
        f"payments: racer-0-1-payer: the balance is 4, expected {4 + 3 * (CLIENTS + 1)}",
    ),
    "addresses have spellings of their own": (
        lambda: without("one_email"),
        "provisioning_is_idempotent",
        "syncs: racer-0-1-newcomer@x.test: 2 people, expected one",
    ),
    "addresses have accounts of their own": (
        lambda: without("one_email"),
        "provisioning_is_idempotent",
        "syncs: racer-0-1-newcomer@x.test: 2 accounts, expected one",
    ),
    "a sync makes no dashboard": (
        lambda: Blind("crm_dashboard_stats"),
        "provisioning_is_idempotent",
        "syncs: racer-0-1-newcomer@x.test: balances [4] and 0 dashboards, expected [4] and one",
    ),
    "all resumes are primary": (
        lambda: without("one_primary"),
        "at_most_one_primary_resume",
        "primary resumes: racer-0-1-applicant: 4 uploads were accepted and 4 resumes are primary, expected one",
    ),
    "no resume is primary": (
        lambda: failing(UploadResume, UniqueViolation("taken")),
        "agrees_with_model",
        "primary resumes: racer-0-1-applicant: 0 uploads were accepted and 0 resumes are primary, expected one",
    ),
    "the primary resume is lost": (
        lambda: Blind("crm_resumes"),
        "agrees_with_model",
        "primary resumes: racer-0-1-applicant: 1 uploads were accepted and 0 resumes are primary, expected one",
    ),
    "a balance is lost": (
        lambda: showing("profiles", "credits_remaining", lambda credits_: credits_ + 1),
        "balance_equals_granted_minus_consumed",
        "recordings: racer-0-1-0: the balance is 1, expected 0",
    ),
    "nobody has a balance": (
        lambda: Blind("profiles"),
        "balance_equals_granted_minus_consumed",
        "recordings: racer-0-1-0: the balance is nowhere, expected 0",
    ),
    "the mirror lags behind": (
        lambda: showing("digital_resume_by_CRM", "credits_remaining", lambda credits_: credits_ + 1),
        "mirror_equals_profile",
        "recordings: racer-0-1-0: 0 in profiles, 1 in the mirror",
    ),
    "a count is lost": (
        lambda: showing("crm_dashboard_stats", "total_applications", lambda total: total - 1),
        "counters_equal_fold_of_events",
        "recordings: racer-0-1-0: total_applications is 19, expected 20",
    ),
    "nobody has counters": (
        lambda: Blind("crm_dashboard_stats"),
        "counters_equal_fold_of_events",
        "recordings: racer-0-1-0: total_recordings is nowhere, expected 4",
    ),
    "recordings are lost": (
        lambda: Blind("crm_recordings"),
        "one_credit_per_recording",
        "recordings: racer-0-1-0: 0 recordings are stored, expected 4",
    ),
    "credits are left": (
        lambda: failing(CreateRecording, InsufficientCredits("no credits")),
        "agrees_with_model",
        "was refused, and at most 0 of 4 credits had been taken by then",
    ),
    "versions do not follow one another": (
        lambda: telling(CreateRecording, lambda answer: {"id": answer.id, "version": answer.version * 2}),
        "agrees_with_model",
        " behind Create",
    ),
    "a client is refused for no reason": (
        lambda: failing(CreateJobRequest, UniqueViolation("taken")),
        "agrees_with_model",
        "CreateJobRequest: refused with UniqueViolation('taken')",
    ),
    "a client breaks down": (
        lambda: failing(CreateRecording, RuntimeError("broken")),
        "agrees_with_model",
        "CreateRecording: failed with RuntimeError: broken",
    ),
    "retries are done again": (
        Keyless,
        "agrees_with_model",
        "idempotency keys: key '0': 2 recordings were answered, expected one",
    ),
    "retries are stored again": (
        Keyless,
        "one_credit_per_recording",
        "idempotency keys: racer-0-1-retrier: 16 recordings are stored, expected 5",
    ),
    "nobody can be prepared": (
        lambda: failing(Update, RuntimeError("broken"), where=lambda: True),
        "agrees_with_model",
        "recordings: before the race, Update: failed with RuntimeError: broken",
    ),
    "the service reads nothing": (
        lambda: Blind("crm_resumes", PermissionDenied("no")),
        "agrees_with_model",
        "primary resumes: the service reads crm_resumes: no",
    ),
}
"""What is wrong with a backend, the law that this breaks, and what is said."""


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_wrong_is_named(fault: str) -> None:
    """By the law that it breaks, with the round, the race and the person."""
    make, law, text = BROKEN[fault]
    report = raced(make())
    said = [violation.text for violation in report.violations if violation.law.name == law]
    assert any(text in line for line in said), report.violations
    assert all(line.startswith("round 1, ") for line in said)


# --- what is not there, or does not come back -------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "race_", "reason"),
    [
        (lambda: failing(UploadResume, NotImplementedError("no resumes here")), "primary resumes", "no resumes here"),
        (lambda: failing(SyncCrmUser, NotImplementedError()), "syncs", "the backend does not have it"),
        (lambda: Blind("crm_resumes", NotImplementedError("no table")), "primary resumes", "no table"),
    ],
    ids=["not asked by clients", "not told why", "not shown"],
)
def test_what_the_backend_does_not_have_is_not_raced_for(
    backend: Callable[[], Backend], race_: str, reason: str
) -> None:
    """Neither held nor broken, with the reason; everything else is raced for."""
    report = raced(backend(), rounds=2)
    report.assert_held()
    assert report.not_run == {race_: reason}
    assert report.successes > 0


def test_backend_without_keys_is_not_asked_for_them() -> None:
    """Keys are an addition to the port."""

    class Plain:
        def __init__(self) -> None:
            model = CrmBackend()
            self.reset, self.execute, self.select = model.reset, model.execute, model.select

    report = raced(Plain())
    report.assert_held()
    assert report.not_run == {"idempotency keys": "the backend has no execute_keyed"}


@pytest.mark.parametrize(
    ("safeguard", "races"),
    [
        ("atomic_consume", {"recordings", "idempotency keys"}),
        ("idempotent_payment", {"payments"}),
        ("grant_once", {"syncs"}),
        ("one_email", {"syncs"}),
        ("one_primary", {"primary resumes"}),
    ],
)
def test_what_the_rules_leave_open_is_not_raced_for(safeguard: str, races: set[str]) -> None:
    """Without a safeguard nothing in particular must come of what it guards."""
    report = raced(without(safeguard), HARDENED.without(safeguard))
    report.assert_held()
    assert report.not_run == dict.fromkeys(races, f"the rules are without {safeguard}")


def test_client_that_does_not_come_back_is_a_violation() -> None:
    """The races end there, with whoever is missing; nobody waits for ever."""
    released, hung = threading.Event(), threading.Lock()
    asked = set()

    def do(command: Any, execute: Callable[[], Any]) -> Any:
        asked.add(type(command))
        if isinstance(command, RecordPayment) and hung.acquire(blocking=False):
            released.wait()
        return execute()

    report = raced(Shared(do), rounds=3, patience_seconds=0.2)
    released.set()
    assert report.rounds == 1
    assert asked == {CreateRecording, CreateJobRequest, RecordPayment, SyncCrmUser, Update}
    (violation,) = report.violations
    assert violation.law.name == "agrees_with_model"
    assert re.fullmatch(r"round 1, payments: after 0\.2 s there was no answer to clients \d", violation.text)
