"""Coverage does not watch what seeks defects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from coverage import Coverage


@pytest.fixture(autouse=True)
def unwatched() -> Iterator[None]:
    """To be watched takes twice as long as the search itself; other tests have to reach everything."""
    watching = []
    while (current := Coverage.current()) is not None:  # in a worker there is one within another
        current.stop()
        watching.append(current)
    yield
    for paused in reversed(watching):
        paused.start()
