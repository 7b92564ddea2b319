"""W: the fixed workload that every benchmark runs.

`make` returns the same users and commands on every machine and every version of Python: it draws
from ``Random.random()`` alone, whose sequence the standard library promises to keep. The mix:
50 % job requests, 25 % recordings (blocked at a balance of 0), 10 % resumes, 10 % views, 5 %
payments (3 credits). One command in a hundred comes from somebody who does not own the target and
must be denied.

`reference` replays W with plain lists: the `Summary` that every implementation must reproduce.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple, TypeAlias

JOB, RECORDING, RESUME, VIEW, PAYMENT = range(5)
INITIAL_CREDITS = 4
CREDITS_PER_PAYMENT = 3
EPOCH_US = 1_750_000_000_000_000

TITLES = tuple(f"Job title {i:02d}" for i in range(50))
COMPANIES = tuple(f"Company {i:03d}" for i in range(200))
DESCRIPTIONS = tuple(f"Description {i:02d}. " + "Lorem ipsum dolor sit amet. " * 7 for i in range(20))

RawCommand: TypeAlias = tuple[int, str, str, int, str, str]
"""Kind, id of the actor, address of the target, time in integer microseconds, UUID of the row, a URL."""


class Workload(NamedTuple):
    emails: list[str]
    user_ids: list[str]
    commands: list[RawCommand]

    @property
    def owners(self) -> dict[str, str]:
        """The user id of each address."""
        return dict(zip(self.emails, self.user_ids, strict=True))

    @property
    def size(self) -> str:
        """How large it is, in words."""
        return f"{len(self.emails):,} users, {len(self.commands):,} commands"

    def part(self, start: int, commands: int) -> Workload:
        """Return W with only so many of its commands."""
        return self._replace(commands=self.commands[start : start + commands])


class Summary(NamedTuple):
    ok: int
    blocked: int
    denied: int
    applications: int
    recordings: int
    resumes: int
    views: int
    payments: int
    credits: int
    credit_digest: int


def _uuid(space: int, n: int) -> str:
    """Return a well-formed, spread-out UUID, looking like version 4, made of the two numbers."""
    x = (space * 0x9E3779B97F4A7C15 + n * 0xD1342543DE82EF95 + 0x632BE59BD9B4E019) & (2**64 - 1)
    x ^= x >> 29
    x = x * 0xBF58476D1CE4E5B9 & (2**64 - 1)
    x ^= x >> 32
    h = f"{x:016x}"
    return f"{h[:8]}-{h[8:12]}-4{h[12:15]}-8{space:01x}00-{n:012x}"


def _kind(r: float) -> int:
    return JOB if r < 0.50 else RECORDING if r < 0.75 else RESUME if r < 0.85 else VIEW if r < 0.95 else PAYMENT


def make(users: int = 10_000, commands: int = 500_000, seed: int = 20260401) -> Workload:
    """Return W for so many users, with so many commands."""
    emails = [f"user{i:06d}@crm.example" for i in range(users)]
    user_ids = [_uuid(1, i) for i in range(users)]
    draw = Random(seed).random
    out: list[RawCommand] = []
    at = EPOCH_US
    for n in range(commands):
        kind = _kind(draw())
        who = actor = int(draw() * users)
        if draw() < 0.01 and users > 1 and kind != PAYMENT:
            actor = (who + 1) % users
        at += 1 + int(draw() * 2_000_000)
        out.append((kind, user_ids[actor], emails[who], at, _uuid(2, n), f"https://jobs.example/{n}"))
    return Workload(emails, user_ids, out)


def reference(w: Workload) -> Summary:
    """Replay W with plain lists."""
    index = {email: n for n, email in enumerate(w.emails)}
    balances = [INITIAL_CREDITS] * len(w.emails)
    done = [0] * 5
    blocked = denied = 0
    for kind, actor, email, _, _, _ in w.commands:
        u = index[email]
        if w.user_ids[u] != actor:
            denied += 1
            continue
        if kind == RECORDING:
            if balances[u] <= 0:
                blocked += 1
                continue
            balances[u] -= 1
        elif kind == PAYMENT:
            balances[u] += CREDITS_PER_PAYMENT
        done[kind] += 1
    return summary(balances, done, blocked, denied)


def summary(balances: list[int], done: list[int], blocked: int, denied: int) -> Summary:
    """Sum up balances by user, commands done by kind, and refusals.

    ``credit_digest`` is the sum of each balance times the user's number, so that credits cannot
    change hands unnoticed.
    """
    jobs, recordings, resumes, views, payments = done
    digest = sum(balance * n for n, balance in enumerate(balances, start=1))
    return Summary(sum(done), blocked, denied, jobs, recordings, resumes, views, payments, sum(balances), digest)
