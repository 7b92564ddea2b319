"""A process that the tests start: ``python worker.py race|create FILE …``.

It says on its standard output, line by line, what was acknowledged to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from crm_adapters.sqlite import SqliteStore
from crm_domain import Crm, InsufficientCredits
from crm_domain.clocks import label_uuid

say = partial(print, flush=True)


def race(path: str, attempts: str) -> None:
    """Try to record for everybody, and say how often there was a credit."""
    made = 0
    with SqliteStore(path, synchronous="NORMAL", busy_timeout_seconds=60) as store:
        crm = Crm(store)
        say("ready")
        sys.stdin.readline()
        for n in range(int(attempts)):
            try:
                crm.as_user(label_uuid(f"person-{n % 3}")).create_recording(video_url="a")
                made += 1
            except InsufficientCredits:
                pass
    say(made)


def create(path: str) -> None:
    """Open the file at the same moment as others, whether it is there or not."""
    say("ready")
    sys.stdin.readline()
    with SqliteStore(path, busy_timeout_seconds=60) as store:
        Crm(store)
        say("opened")


WORK: dict[str, Callable[..., None]] = {"race": race, "create": create}

if __name__ == "__main__":
    WORK[sys.argv[1]](*sys.argv[2:])
