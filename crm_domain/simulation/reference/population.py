"""How does a population live on the model itself?

The reference engine drives a `Crm` with commands, in the order of time: every event of the simulation is
an ordinary event, so that all queries, reports and laws work on what it leaves, and any store can hold it. It
runs any behaviour; with the built-in one it gives what the fast engines give.

>>> from crm_domain.simulation import Scenario
>>> part, crm = simulate_reference(Scenario(crm_users=3, regular_users=0, days=30), seed=1)
>>> part.totals["crm_arrived"], crm.as_service().count("crm_users")
(3, 3)
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Final, cast

from crm_domain import commands as c
from crm_domain.crm import Crm
from crm_domain.decide import DECISIONS
from crm_domain.errors import Refused
from crm_domain.ids import SERVICE, Principal, UserId
from crm_domain.ports import Store

from ..draws.rhythm import first_hours_of, hours_of
from ..draws.streams import key_of, seed_keys, unit, word
from ..kernel.account import AT_ARRIVAL, OF_ARRIVAL, nth
from ..kernel.memory_layout import balances_of, dates_of, settings_of
from ..results.part import Part, refuse_kept
from ..scenario import Scenario, refuse_users
from .behaviours import AtOnce, Behaviour, ByService, Leave, Outcome, Process, Step, Until, User, Wait, applicant
from .counting import Life, part_of

BATCH: Final = 1_000
"""How many steps are one transaction, where a store was given."""


def simulate_reference(
    scenario: Scenario,
    seed: int,
    users: range | None = None,
    keep: AbstractSet[str] = frozenset(),
    *,
    store: Store | None = None,
    behaviour: Behaviour = applicant,
) -> tuple[Part, Crm]:
    """Simulate users on the model.

    Args:
        scenario: What is simulated.
        seed: A whole number from 0 to 2**64 - 1.
        users: Which users; all unless given.
        keep: Which tables to keep: ``users``, ``events``.
        store: Where the state goes; in memory unless given. It must not hold these users yet.
        behaviour: How users behave.

    Returns:
        The result of them, and the model.

    Raises:
        TypeError, ValueError: An argument is not one of these, or a behaviour yields what is no step.
        Refused: The store holds one of these users already.
    """
    users = range(scenario.users) if users is None else users
    refuse_kept(keep)
    refuse_users(users, scenario)
    population = Population(scenario, seed, users, behaviour, store)
    population.run(batched=store is not None)
    return part_of(scenario, users, population.lives.values(), keep), population.crm


def user_id_of(number: int) -> UserId:
    """Return the id of a user, the same one under every seed."""
    return UserId(f"00000000-0000-4000-8000-{number:012x}")


def email_of(number: int) -> str:
    """Return the address of a user, the same one under every seed."""
    return f"user-{number:06d}@example.com"


class Population:
    """Users, their processes, and the model that they live on.

    Attributes:
        scenario: What is simulated.
        seed: Of all draws.
        settings: The scenario as the kernel reads it.
        hours: The hours of the week, see `crm_domain.simulation.draws.rhythm`.
        first_hours: The first hour of each place in it.
        crm: The model.
        lives: What is known of each user, by number.
        now_us: The microseconds since the scenario's start.
    """

    def __init__(
        self, scenario: Scenario, seed: int, users: range, behaviour: Behaviour, store: Store | None = None
    ) -> None:
        self.scenario, self.seed, self.now_us = scenario, seed, 0
        self._own, self._salt = seed_keys(seed)
        self.hours = hours_of(scenario.rhythm)
        self.first_hours = first_hours_of(self.hours)
        self.settings = settings_of(scenario, self.hours, 0)
        self.crm = Crm(store, rules=scenario.rules, clock=self._now, new_id=partial(next, _ids(self._own)))
        self.lives = {number: Life(number, int(number >= scenario.crm_users)) for number in users}
        self._balances = balances_of(scenario)
        self._behaviour = behaviour
        self._agenda: list[tuple[int, int, int, int, _Started]] = []
        self._numbers = count()
        dates = dates_of(scenario)
        for number in users:
            self._expect(number, dates)

    def start(self, who: User, process: Process, *, turn: int, of_service: bool) -> None:
        """Have a process of a user begin now."""
        self._go_on(_Started(who, process, turn, of_service), self.now_us)

    def run(self, *, batched: bool) -> None:
        """Go on until the horizon, or until nothing is left to wait for.

        With *batched*, a thousand steps are one transaction: an interrupt loses those of the last one.
        """
        agenda, horizon = self._agenda, self.settings.horizon
        while agenda and agenda[0][0] < horizon:
            with ExitStack() as stack:
                if batched:
                    stack.enter_context(self.crm.batch())
                for _ in range(BATCH):
                    if not agenda or agenda[0][0] >= horizon:
                        break
                    self.now_us, _, _, _, started = heappop(agenda)
                    self._step(started)

    def _now(self) -> datetime:
        return self.scenario.start + timedelta(microseconds=self.now_us)

    def _go_on(self, started: _Started, at: int) -> None:
        heappush(self._agenda, (at, started.who.number, started.turn, next(self._numbers), started))

    def _step(self, started: _Started) -> None:
        """Have a process do what it does now, until it waits or ends."""
        who, outcome = started.who, None
        while started.of_service or not who.has_left:
            try:
                step = started.process.send(outcome)
            except StopIteration:
                return
            if isinstance(step, Until):
                self._go_on(started, max(step.at_us, self.now_us))
                return
            if isinstance(step, Wait):
                self._go_on(started, self.now_us + step.us)
                return
            outcome = self._outcome(who, step)
        started.process.close()

    def _outcome(self, who: User, step: Step) -> Outcome | list[Outcome] | None:
        if isinstance(step, ByService):
            return self._execute(who, SERVICE, step.command)
        if isinstance(step, AtOnce):
            return self._execute_at_once(who, step.commands)
        if isinstance(step, Leave):
            who.has_left = True
            self.lives[who.number].left(self.now_us)
            return None
        if type(step) not in DECISIONS:
            raise TypeError(
                f"behaviour: it yielded {step!r}, which is no step: yield wait(…), a command, by_service(…), "
                "at_once(…) or leave()"
            )
        return self._execute(who, who.principal, cast("c.Command", step))

    def _execute(self, who: User, principal: Principal, command: c.Command) -> Outcome:
        outcome: Outcome
        try:
            outcome = self.crm.execute(principal, command)
        except Refused as refusal:
            outcome = refusal
        self.lives[who.number].did(self.now_us, command, outcome)
        return outcome

    def _execute_at_once(self, who: User, commands: tuple[c.Command, ...]) -> list[Outcome]:
        outcomes = self.crm.execute_overlapping([(who.principal, command) for command in commands])
        for command, outcome in zip(commands, outcomes, strict=True):
            self.lives[who.number].did(self.now_us, command, outcome)
        return outcomes

    # --- arrival ----------------------------------------------------------------------------------

    def _expect(self, number: int, dates: list[int]) -> None:
        own, salt = key_of(self._own, number), key_of(self._salt, number)
        who = User(self, number, user_id_of(number), email_of(number), own, salt)
        s = self.settings
        window, dated = (s.crm_window, s.dated_crm) if who.is_crm else (s.regular_window, s.dated_regular)
        at = dates[number] if dated else int(unit(word(nth(key_of(own, OF_ARRIVAL), 1), salt)) * window)
        if at < s.horizon:
            self._go_on(_Started(who, self._arrival(who), AT_ARRIVAL, True), at)

    def _arrival(self, who: User) -> Process:
        """Have a user come, with the credits that they bring along if that is given, and begin to behave."""
        execute = partial(self.crm.execute, SERVICE)
        kind = c.SyncCrmUser if who.is_crm else c.RegisterUser
        events = [*execute(kind(user_id=who.user_id, email=who.email)).events]
        brought = self._balances[who.number] if self._balances else -1
        if brought >= 0:
            changes = {"credits_remaining": brought}
            events += execute(c.Update(table="profiles", where={"user_id": who.user_id}, set=changes)).events
        self.lives[who.number].arrived(self.now_us, events, brought if brought >= 0 else None)
        self.start(who, self._behaviour(who), turn=0, of_service=False)
        return
        yield


class _Started:
    """A process that goes on."""

    __slots__ = ("of_service", "process", "turn", "who")

    def __init__(self, who: User, process: Process, turn: int, of_service: bool) -> None:  # noqa: FBT001
        self.who, self.process, self.turn, self.of_service = who, process, turn, of_service


def _ids(key: int) -> Iterator[str]:
    """Yield the ids of rows, the same ones under the same seed."""
    text = f"{key:016x}"
    begin = f"{text[:8]}-{text[8:12]}-4{text[12:15]}-8000-"
    return (f"{begin}{number:012x}" for number in count(1))
