"""The pytest form: inherited tests, one for each law, that pass, fail and skip as they should."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any
from unittest import SkipTest

import pytest
from hypothesis.database import InMemoryExampleDatabase

from crm_domain import HARDENED, CreateRecording, Crm, Principal
from crm_domain.errors import refusal
from crm_domain.ports import Backend
from crm_domain.testing import ConformanceSuite, CrmBackend, RaceSuite
from crm_domain.testing.conforming.reports import EVERY_LAW

pytest_plugins = ["pytester"]


class TestModel(ConformanceSuite):
    """The model is held to itself, as somebody's backend would be."""

    walks = 30
    depth = 1

    @pytest.fixture
    def backend(self) -> Backend:
        return CrmBackend()


@pytest.mark.thorough
class TestRules(ConformanceSuite):
    """A backend without a safeguard keeps the rules without it."""

    rules = HARDENED.without("one_primary")
    walks = 30
    depth = 1

    @pytest.fixture
    def backend(self) -> Backend:
        return CrmBackend(lambda: Crm(rules=HARDENED.without("one_primary")))


class TestRaces(RaceSuite):
    """Clients race for what one `Crm` in memory gives."""

    clients = 3

    @pytest.fixture
    def connect(self) -> Callable[[], Backend]:
        shared = CrmBackend()
        return lambda: shared


def test_races_are_able_to_fail() -> None:
    """Where payments are credited again, the races say so."""
    shared = CrmBackend(lambda: Crm(rules=HARDENED.without("idempotent_payment")))
    with pytest.raises(AssertionError, match="payment_is_idempotent"):
        RaceSuite().test_races(lambda: shared)


SLOPPY = """
import pytest
from crm_domain import HARDENED, Crm, UploadResume
from crm_domain.testing import ConformanceSuite, CrmBackend, RaceSuite

class Sloppy(CrmBackend):
    resets = 0

    def reset(self):
        type(self).resets += 1
        super().reset()

    def execute(self, principal, command):
        if {lacking}:
            raise NotImplementedError("there are no payments")
        return super().execute(principal, command)

    def sent(self):
        return ["insert into crm_resumes"]

class TestSloppy(ConformanceSuite):
    walks = 20
    depth = 1
    not_testable = {not_testable!r}

    @pytest.fixture
    def backend(self):
        return Sloppy(lambda: Crm(rules=HARDENED.without({without!r})))

    def test_resets(self):
        print("resets", Sloppy.resets)
"""
NO_PAYMENTS = "type(command).__name__ == 'RecordPayment'"


@pytest.fixture
def run_suite(pytester: pytest.Pytester) -> Any:
    def run(*arguments: str, without: Sequence[str] = (), lacking: str = "False", known: Sequence[str] = ()) -> Any:
        pytester.makepyfile(
            SLOPPY.format(without="charge_after_write", lacking=lacking, not_testable=tuple(known)).replace(
                "without('charge_after_write')", f"without(*{tuple(without)!r})"
            )
        )
        return pytester.runpytest("-p", "no:cacheprovider", "-p", "no:xdist", "-rs", *arguments)

    return run


def test_there_is_one_test_for_each_law(run_suite: Any) -> None:
    """Each law is a test of its own, beside the matrix and the small scope."""
    collected = run_suite("--collect-only", "-q").stdout.str()
    assert [name for name in (f"test_law[{law.name}]" for law in EVERY_LAW) if name not in collected] == []
    assert "test_matrix" in collected
    assert "test_small_scope" in collected


def test_a_broken_law_fails_with_all_that_is_needed(run_suite: Any) -> None:
    """The failure has the law, the first place, the missing safeguard, the log and what was sent; other laws pass."""
    result = run_suite("-k", "test_law", without=["one_primary"])
    result.assert_outcomes(failed=1, passed=len(EVERY_LAW) - 1)
    text = result.stdout.str()
    assert "at_most_one_primary_resume is broken: " in text
    assert "as the rules would without one_primary" in text
    assert '"cmd": "upload_resume"' in text
    assert "The backend sent:" in text
    assert "insert into crm_resumes" in text


@pytest.mark.thorough
def test_the_other_two_fail_too(run_suite: Any) -> None:
    """What a backend lacks shows in the matrix and in the short sequences."""
    result = run_suite("-k", "test_matrix or test_small_scope", without=["tracking_read_only"])
    result.assert_outcomes(failed=2)


def test_a_law_that_cannot_be_seen_is_skipped_with_the_reason(run_suite: Any) -> None:
    """Without payments the law about them is skipped, and says what the backend said."""
    result = run_suite("-k", "payment_is_idempotent", lacking=NO_PAYMENTS)
    result.assert_outcomes(skipped=1)
    assert "payment_is_idempotent: not testable, there are no payments" in result.stdout.str()


def test_a_law_that_is_known_not_to_be_testable_passes(run_suite: Any) -> None:
    """Where the class says so, such a law is no skip; once it can be tested, it fails."""
    known = ["payment_is_idempotent"]
    run_suite("-k", "payment_is_idempotent", lacking=NO_PAYMENTS, known=known).assert_outcomes(passed=1)


def test_a_law_that_can_be_tested_after_all_fails(run_suite: Any) -> None:
    """What is said not to be testable, and is, fails."""
    result = run_suite("-k", "payment_is_idempotent", known=["payment_is_idempotent"])
    result.assert_outcomes(failed=1)
    assert "take it out of not_testable" in result.stdout.str()


def test_the_search_is_made_once(run_suite: Any) -> None:
    """All laws share one search: two tests take as many resets as one."""
    counted = []
    for laws in ("balance_never_negative", "test_law"):
        text = run_suite("-s", "-k", f"{laws} or resets").stdout.str()
        (line,) = (line for line in text.splitlines() if "resets " in line)
        counted.append(line.partition("resets ")[2].split()[0].rstrip("."))
    assert counted[0] == counted[1] != "0"


def test_kit_is_imported_without_pytest() -> None:
    """Whoever searches without pytest needs none."""
    code = "import sys, crm_domain.testing; sys.exit('pytest' in sys.modules or '_pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Jealous(CrmBackend):
    """Refuses recordings with a certain transcription, which no known hole asks for."""

    resets = 0

    def reset(self) -> None:
        type(self).resets += 1
        super().reset()

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, CreateRecording) and command.transcription == "b":
            raise refusal("conflict")
        return super().execute(principal, command)


@pytest.mark.parametrize("database", [InMemoryExampleDatabase(), None], ids=["kept", "not kept"])
def test_what_failed_is_tried_first_in_the_next_run(
    monkeypatch: pytest.MonkeyPatch, database: InMemoryExampleDatabase | None
) -> None:
    """The walk of a failure is in hypothesis' example database; once it is mended, it is there no more."""
    monkeypatch.setattr("crm_domain.testing.suite.settings", lambda: SimpleNamespace(database=database))

    def first_found(backend: Backend) -> int | None:
        suite: Any = type("Suite", (ConformanceSuite,), {"walks": 40, "__module__": "mine"})
        with suppress(AssertionError):
            suite().test_law(backend, "agrees_with_model")
        return min((finding.found_after for finding in suite._report.findings), default=None)

    before, again = first_found(Jealous()), first_found(Jealous())
    assert before is not None
    assert again is not None
    assert (again < before) == (database is not None)
    assert first_found(CrmBackend()) is None
    assert first_found(Jealous()) == before


def test_a_failure_names_its_seed() -> None:
    """So that it can be had again, elsewhere too."""
    suite = type("Seeded", (ConformanceSuite,), {"walks": 1, "seed": 5})
    with pytest.raises(AssertionError, match=r"\(seed 5\)\.$"):
        suite().test_law(CrmBackend(lambda: Crm(rules=HARDENED.without("one_primary"))), "at_most_one_primary_resume")


def test_a_law_that_nothing_tried_is_skipped() -> None:
    """A pass would say that it held."""
    suite = type("Idle", (ConformanceSuite,), {"walks": 1})

    class Idle:
        def __init__(self) -> None:
            model = CrmBackend()
            self.reset, self.select = model.reset, model.select

        def execute(self, principal: Principal, command: Any) -> Any:
            raise NotImplementedError("nothing is done here")

    with pytest.raises(SkipTest, match="refused_changes_nothing: not exercised"):
        suite().test_law(Idle(), "refused_changes_nothing")
