"""How long hypothesis looks, by the environment variable HYPOTHESIS_PROFILE, and whether tests may be skipped.

``dev`` (the default) is quick and tries something else each time; ``ci`` looks longer and at the
same every time; ``nightly`` looks long and at something new; ``mutation`` looks
shortly and at the same every time, and does not shrink what it finds. None judges by the time it takes.

With CRM_DOMAIN_NO_SKIP set, a test that is skipped is a failure: then all that it needs must be there.
With CRM_DOMAIN_THOROUGH set, tests that are marked so run in full; without it, the first case of each.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, Phase, settings

from tests.amounts import THOROUGH

settings.register_profile("dev", max_examples=40, stateful_step_count=30, deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    settings.get_profile("dev"),
    max_examples=200,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # coverage slows it down
)
settings.register_profile("nightly", settings.get_profile("ci"), max_examples=5000, derandomize=False)
settings.register_profile(
    "mutation", settings.get_profile("ci"), max_examples=50, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# In a script's background it is ignored, which the processes under test would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out all cases but the first of each thorough test, unless all were asked for, or this very case."""
    if THOROUGH or any("::" in arg for arg in config.args):
        return
    first: dict[object, pytest.Item] = {}
    left_out = [
        item
        for item in items
        if item.get_closest_marker("thorough")
        and first.setdefault((item.path, getattr(item, "originalname", item.name)), item) is not item
    ]
    if left_out:
        items[:] = [item for item in items if item not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep coverage from watching a test that is marked so: being watched takes as long as the work itself.

    Other tests have to reach everything.
    """
    watching = []
    while item.get_closest_marker("thorough") and (current := Coverage.current()):  # in a worker one is within another
        current.stop()
        watching.append(current)
    try:
        return (yield)
    finally:
        for paused in reversed(watching):
            paused.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a failure of a skip, where nothing may be skipped."""
    report = yield
    if os.environ.get("CRM_DOMAIN_NO_SKIP") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and CRM_DOMAIN_NO_SKIP is set: {report.longreprtext}"
    return report
