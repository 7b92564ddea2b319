"""The file as somebody's backend: every law, what each role may do, and every short sequence, as in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from crm_adapters.sqlite.backend import SqliteBackend
from crm_domain import SEED
from crm_domain.testing import ConformanceSuite, conformance

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")


@pytest.mark.thorough
class TestFile(ConformanceSuite):
    """A file keeps every law that memory keeps."""

    walks = {"nightly": 500}.get(PROFILE, 20)
    depth = {"ci": 2, "nightly": 3}.get(PROFILE, 1)

    @pytest.fixture
    def backend(self) -> Iterator[SqliteBackend]:
        with SqliteBackend() as backend:
            yield backend


def test_a_file_is_held_to_its_rules() -> None:
    """At its word, the document allows what it says, and nothing else."""
    with SqliteBackend(rules=SEED) as backend:
        conformance(backend, backend.rules, walks=3).assert_held()
        assert conformance(backend, walks=1).broken
