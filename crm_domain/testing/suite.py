"""How are the laws tests of someone's own pytest run? A class to inherit from, and one fixture to give."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar
from unittest import SkipTest

from attrs import frozen
from hypothesis import settings

from crm_domain.ports import Backend
from crm_domain.rules import HARDENED, Rules

from .conforming.conformance import conformance
from .conforming.matrix import matrix
from .conforming.reports import BROKEN, EVERY_LAW, NOT_EXERCISED, NOT_TESTABLE, Report
from .conforming.small_scope import small_scope
from .racing.races import race


class ConformanceSuite:
    """Tests of a backend: one for each law, the matrix of roles and columns, and every short sequence.

    Inherit from it under a name that pytest collects, and give a fixture ``backend``::

        class TestMyService(ConformanceSuite):
            @pytest.fixture
            def backend(self):
                return MyBackend("postgresql:///empty")

    A law that breaks fails with the shortest sequence that shows it, as a command log that runs. The walk that
    showed it is kept in hypothesis' example database, and is made first in the next run. A law that cannot be seen, or
    that nothing put to the test, is skipped with the reason, unless the class says that this is known.

    Attributes:
        rules: What the backend is held to.
        walks: How many random walks there are; they are shared by the tests of all laws.
        seed: Another seed walks otherwise.
        depth: How long the short sequences are; each line more takes some ten times as long.
        not_testable: The laws that are known not to be testable. Their tests pass as long as that is
            so, and fail once they could be tested: then they should be.
    """

    rules: ClassVar[Rules] = HARDENED
    walks: ClassVar[int] = 200
    seed: ClassVar[int] = 0
    depth: ClassVar[int] = 2
    not_testable: ClassVar[Collection[str]] = ()

    _report: ClassVar[Report]

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make one test of each law; pytest calls this."""
        if "law" in metafunc.fixturenames:
            metafunc.parametrize("law", [law.name for law in EVERY_LAW])

    def test_law(self, backend: Backend, law: str) -> None:
        """Random walks find no sequence on which the backend breaks the law."""
        __tracebackhide__ = True
        (verdict,) = (verdict for verdict in self._searched(backend).verdicts if verdict.law.name == law)
        if verdict.verdict == BROKEN:
            again = "The same is tried first in the next run" if settings().database else "The same seed finds it again"
            raise AssertionError(f"{verdict}\n{again} (seed {self.seed}).")
        if law in self.not_testable:
            assert verdict.verdict == NOT_TESTABLE, f"{law} can be tested: take it out of not_testable"
        elif verdict.verdict in {NOT_TESTABLE, NOT_EXERCISED}:
            raise SkipTest(str(verdict))

    def test_matrix(self, backend: Backend) -> None:
        """Each role may do to each column of each table what the rules say."""
        __tracebackhide__ = True
        matrix(backend, self.rules).assert_held()

    def test_small_scope(self, backend: Backend) -> None:
        """Every short sequence of a small alphabet comes out as the rules say, in everybody's eyes."""
        __tracebackhide__ = True
        small_scope(backend, self.rules, depth=self.depth).assert_held()

    @classmethod
    def _searched(cls, backend: Backend) -> Report:
        """Return what the one search found that the tests of this class share."""
        if "_report" not in vars(cls):
            kept = _Kept(f"crm_domain.conformance {cls.__module__}.{cls.__qualname__}".encode())
            cls._report = conformance(backend, cls.rules, walks=cls.walks, seed=cls.seed, replay=kept.walks())
            kept.keep({finding.walk for finding in cls._report.findings if finding.walk})
        return cls._report


@frozen
class _Kept:
    """The walks that showed something in an earlier run, in hypothesis' example database.

    Args:
        key: Whose walks they are.
    """

    key: bytes

    def walks(self) -> list[str]:
        """Return the walks that are kept, by their seeds."""
        database = settings().database
        return sorted(seed.decode() for seed in database.fetch(self.key)) if database else []

    def keep(self, walks: Collection[str]) -> None:
        """Keep these walks, and no others: what was mended is not made first any more."""
        database = settings().database
        if database is None:
            return
        for walk in {*self.walks()} - {*walks}:
            database.delete(self.key, walk.encode())
        for walk in walks:
            database.save(self.key, walk.encode())


class RaceSuite:
    """Tests of a backend that many clients use at once; next to `ConformanceSuite`, or alone.

    Give a fixture ``connect``: a function that makes a backend over the one store that all share.

    Attributes:
        rules: What the backend is held to.
        clients: How many there are.
    """

    rules: ClassVar[Rules] = HARDENED
    clients: ClassVar[int] = 8

    def test_races(self, connect: Callable[[], Backend]) -> None:
        """No matter who is first: nothing is spent, granted or credited twice."""
        __tracebackhide__ = True
        race(connect, self.rules, clients=self.clients).assert_held()
