"""The same scenario in SimPy, as its tutorial would have it: a process for each thing that goes on with a user.

It shares nothing with the engines but the scenario and the change of time; chance is the standard library's. It
knows no safeguards: the built-in behaviour without tabs, redelivery, re-sync and refunds meets none of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from random import Random
from typing import Any, TypeAlias

import simpy

from crm_domain.simulation import Scenario
from crm_domain.simulation.draws.rhythm import DAY_US, calendar, first_hours_of, hours_of, operational, since_monday_us

Process: TypeAlias = Generator[simpy.Event, Any, None]


class Applicant:
    """A user in SimPy. Time is in days."""

    def __init__(self, town: Town, *, is_crm: bool) -> None:
        self.town, self.is_crm = town, is_crm
        self.credits = town.scenario.policy.initial_credits if is_crm else 0
        self.pays = self.has_left = False
        self.payments = self.recordings = self.blocked = 0
        town.count["arrival"] += 1
        shape, activity = town.scenario.alike, town.scenario.activity
        self.many = 1.0 if shape is None else town.luck.gammavariate(shape, 1 / shape)
        start = town.env.process
        start(self.leaving())
        start(self.recording())
        start(self.doing("job_request", activity.job_requests_per_day))
        start(self.doing("resume", activity.resumes_per_day))
        if is_crm:
            start(self.doing("login", activity.logins_per_day, then=self.session))
            start(self.doing("view", activity.views_per_day))

    def moments(self, per_day: float) -> Process:
        """Wait for the moments of an activity, one after the other."""
        town, rate = self.town, per_day * self.many
        if not rate:
            return
        time = operational(town.offset + int(town.env.now * DAY_US), town.hours)
        while True:
            time += town.luck.expovariate(rate) * DAY_US
            yield town.env.timeout((calendar(time, town.hours, town.first) - town.offset) / DAY_US - town.env.now)

    def doing(self, what: str, per_day: float, then: Callable[[], Process] | None = None) -> Process:
        """Do something that costs nothing, again and again."""
        for moment in self.moments(per_day):
            yield moment
            if self.has_left:
                return
            self.town.count[what] += 1
            if then is not None:
                self.town.env.process(then())

    def session(self) -> Process:
        """Spend time."""
        seconds = int(self.town.luck.expovariate(1 / self.town.scenario.activity.session_seconds))
        yield self.town.env.timeout(seconds / 86_400)
        if not self.has_left:
            self.town.count["time_spent"] += 1
            self.town.count["seconds"] += seconds

    def leaving(self) -> Process:
        """Leave at some time."""
        rate = self.town.scenario.churn.per_day
        if rate:
            yield self.town.env.timeout(self.town.luck.expovariate(rate))
            self.leave()

    def leave(self) -> None:
        """Leave."""
        if not self.has_left:
            self.has_left = True
            self.town.count["churn"] += 1

    def recording(self) -> Process:
        """Try to record, and perhaps pay or leave."""
        town, scenario = self.town, self.town.scenario
        for moment in self.moments(scenario.activity.recordings_per_day):
            yield moment
            if self.has_left:
                return
            blocked = self.credits <= 0
            if blocked:
                self.blocked += 1
                town.count["recording_blocked"] += 1
            else:
                self.credits -= 1
                self.recordings += 1
                town.count["recording"] += 1
                town.env.process(self.processing())
            if not self.pays:
                if town.luck.random() < (scenario.payments.when_blocked if blocked else scenario.payments.early):
                    self.pays = True
                    town.env.process(self.paying())
                elif blocked and town.luck.random() < scenario.churn.when_blocked:
                    self.leave()

    def processing(self) -> Process:
        """Wait for a recording to be marked."""
        recordings = self.town.scenario.recordings
        yield self.town.env.timeout(recordings.processing_minutes / 1_440)
        failed = self.town.luck.random() < recordings.failed
        self.town.count["recording_failed" if failed else "recording_completed"] += 1

    def paying(self) -> Process:
        """Pay after a while."""
        yield self.town.env.timeout(self.town.luck.expovariate(1 / self.town.scenario.payments.delay_days))
        self.pays = False
        if not self.has_left:
            self.payments += 1
            self.town.count["payment"] += 1
            self.credits += self.town.scenario.policy.credits_per_payment


class Town:
    """All users; `run` simulates them.

    Attributes:
        users: The users, after `run`.
        count: How many events of each kind there were.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario, self.luck, self.env = scenario, Random(seed), simpy.Environment()
        self.offset, self.hours = since_monday_us(scenario.start), hours_of(scenario.rhythm)
        self.first = first_hours_of(self.hours)
        self.count: Counter[str] = Counter()
        self.users: list[Applicant] = []

    def run(self) -> Counter[str]:
        """Simulate; return how many events of each kind there were, and the seconds of sessions."""
        for number in range(self.scenario.users):
            self.users.append(Applicant(self, is_crm=number < self.scenario.crm_users))
        self.env.run(until=self.scenario.days)
        return self.count

    @property
    def events(self) -> int:
        """How many events there were."""
        return sum(self.count.values()) - self.count["seconds"]
