"""A process that the tests start: ``python worker.py race|write|create FILE …``.

It says on its standard output, line by line, what was acknowledged to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import count

from crm_adapters.sqlite import SqliteStore
from crm_domain import Crm, InsufficientCredits
from crm_domain.sources import label_uuid

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


def write(path: str, name: str) -> None:
    """Sync, pay and record for ever; say each command's last position once it is acknowledged."""
    with SqliteStore(path, busy_timeout_seconds=60) as store:
        crm = Crm(store)
        service = crm.as_service()
        for n in count():
            email = f"{name}-{n % 5}@example.com"
            user_id = service.sync_crm_user(user_id=label_uuid(email), email=email).user_id
            assert user_id is not None
            service.record_payment(user_id=user_id, amount="12.99", ref=f"{name} pays {n}")
            say("paid", f"{name} pays {n}")
            with crm.batch():
                job = crm.as_user(user_id).create_job_request(id=label_uuid(f"{name} job {n}")).id
                crm.as_user(user_id).create_recording(id=label_uuid(f"{name} recording {n}"), job_request_id=job)
            say("recorded", label_uuid(f"{name} recording {n}"))


def create(path: str) -> None:
    """Open the file at the same moment as others, whether it is there or not."""
    say("ready")
    sys.stdin.readline()
    with SqliteStore(path, busy_timeout_seconds=60) as store:
        Crm(store)
        say("opened")


WORK: dict[str, Callable[..., None]] = {"race": race, "write": write, "create": create}

if __name__ == "__main__":
    WORK[sys.argv[1]](*sys.argv[2:])
