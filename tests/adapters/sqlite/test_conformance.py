"""The file as somebody's backend: every law, what each role may do, and every short sequence, as in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from crm_adapters.sqlite.backend import SqliteBackend
from crm_domain.testing import ConformanceSuite

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")


class TestFile(ConformanceSuite):
    """A file keeps every law that memory keeps."""

    walks = {"nightly": 500}.get(PROFILE, 20)
    depth = {"ci": 2, "nightly": 3}.get(PROFILE, 1)

    @pytest.fixture
    def backend(self) -> Iterator[SqliteBackend]:
        with SqliteBackend() as backend:
            yield backend
