"""How do many clients ask at the same time? Each in a thread, with a connection of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from .asking import Database

T = TypeVar("T")


@contextmanager
def clients(dsn: str, number: int) -> Iterator[list[Database]]:
    """Open so many connections."""
    opened = [Database(dsn) for _ in range(number)]
    try:
        yield opened
    finally:
        for client in opened:
            client.close()


def at_once(crowd: Sequence[Database], do: Callable[[Database, int], T]) -> list[T | Exception]:
    """Let everybody do something at the same moment; return what came of it, or was raised, for each."""
    start = threading.Barrier(len(crowd))
    came: list[Any] = [None] * len(crowd)

    def one(number: int) -> None:
        start.wait()
        try:
            came[number] = do(crowd[number], number)
        except Exception as error:  # noqa: BLE001 - whatever is raised is what came of it
            came[number] = error

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(crowd))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came


def kinds(came: Sequence[object]) -> Counter[str]:
    """Count what came: ``accepted``, or the SQLSTATE; whatever else was raised is raised again."""
    found: Counter[str] = Counter()
    for outcome in came:
        if isinstance(outcome, psycopg.Error):
            found[outcome.sqlstate or str(outcome)] += 1
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            found["accepted"] += 1
    return found


def waits_for_a_lock(database: Database, pid: int) -> bool:
    """Tell whether the client of this process waits for somebody else's lock."""
    return bool(database.one("select exists (select from pg_locks where pid = %s and not granted)", pid))
