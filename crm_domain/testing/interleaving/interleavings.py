"""In which orders can concurrent sessions take their steps, and on which of them is too much sold?

All of them are looked at, not a sample. Sessions see each other through the rows alone, so what
can still come depends on what is stored and on what each session was answered: two orders that
lead to the same are counted both, and followed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from attrs import define, evolve, field, frozen

from .consuming import Way
from .timelines import Taken, Timeline
from .transactions import Answer, Commit, Database, Read, Rollback, Step, Update

_STEPS_MAX: Final = 100
"""More steps than this no session takes; one that does goes round in circles."""


@frozen(order=True)
class Ending:
    """How an order of steps can end.

    Attributes:
        successes: How many sessions got what they wanted.
        balance: The balance at the end, in credits.
        lowest: The lowest that it ever was.
        deadlocked: Whether sessions were left that wait for one another.
    """

    successes: int
    balance: int
    lowest: int
    deadlocked: bool = False

    def oversells(self, credits_: int) -> bool:
        """Tell whether more was sold than there was, or the balance does not say what was sold."""
        lost = not self.deadlocked and self.balance != credits_ - self.successes
        return self.successes > credits_ or self.lowest < 0 or lost


@frozen(kw_only=True)
class Exploration:
    """What all orders in which sessions can take their steps come to.

    Attributes:
        ways: What each session does, by name.
        credits: What was there at the beginning.
        endings: How many orders end in each way that there is.
        overspend: The shortest order on which too much is sold, by switches, then by steps; None if there is none.
        deadlock: The shortest on which sessions wait for one another; None if there is none.
    """

    ways: tuple[str, ...]
    credits: int
    endings: Mapping[Ending, int]
    overspend: Timeline | None
    deadlock: Timeline | None

    @property
    def schedules(self) -> int:
        """How many orders there are."""
        return sum(self.endings.values())

    @property
    def oversold(self) -> int:
        """On how many of them too much is sold."""
        return self._count(lambda ending: ending.oversells(self.credits))

    @property
    def deadlocks(self) -> int:
        """On how many of them sessions wait for one another at last."""
        return self._count(lambda ending: ending.deadlocked)

    @property
    def lowest_balance(self) -> int:
        """The lowest balance on any of them, in credits."""
        return min(ending.lowest for ending in self.endings)

    @property
    def most_successes(self) -> int:
        """The most sessions that got what they wanted on any of them."""
        return max(ending.successes for ending in self.endings)

    def assert_held(self) -> None:
        """Assert that no order sells too much.

        Raises:
            AssertionError: One does; the message draws the shortest.
        """
        if self.overspend is not None:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        told = (
            f"{_counted(self.ways)} at a balance of {self.credits}: of {self.schedules} schedules {self.oversold} "
            f"sell too much, and {self.deadlocks} end in a deadlock; the lowest balance is {self.lowest_balance}"
        )
        drawn = [str(timeline) for timeline in (self.overspend, self.deadlock) if timeline is not None]
        return "\n\n".join((told, *drawn))

    def _count(self, wanted: Callable[[Ending], bool]) -> int:
        return sum(orders for ending, orders in self.endings.items() if wanted(ending))


def _counted(ways: tuple[str, ...]) -> str:
    return ", ".join(f"{number} x {way}" for way, number in Counter(ways).items())


def explore(*ways: Way, sessions: int | None = None, credits: int = 1) -> Exploration:  # noqa: A002 - the ledger's own word
    """Let sessions record at one balance, in every order that there is.

    A few sessions of a few steps: the number of orders grows faster than anything.

    Args:
        ways: What the sessions do, in turn: one of `crm_domain.testing.interleaving`, or one's own.
        sessions: How many there are; one for each way, and at least two, unless given.
        credits: What is on the balance.

    Raises:
        ValueError: There is no way or no session, there are fewer credits than 0, or a session does not end.
        TypeError: A session yields something that is no step.

    Example:
        >>> from crm_domain.testing.interleaving import atomic, check_then_consume
        >>> found = explore(check_then_consume, sessions=2, credits=1)
        >>> found.schedules, found.oversold, found.lowest_balance
        (6, 4, -1)
        >>> print(found.overspend)
        session 1                               session 2                               balance
        SELECT balance → 1                                                                    1
                                                SELECT balance → 1                            1
                                                UPDATE balance = balance - 1: accepted        0
        UPDATE balance = balance - 1: accepted                                               -1
        >>> explore(atomic, sessions=4, credits=3).assert_held()
    """
    search, start = _search_of(ways, sessions, credits)
    found = search.endings(start, None)
    return Exploration(
        ways=tuple(course.name for course in search.courses),
        credits=credits,
        endings={ending: orders.count for ending, orders in sorted(found.items())},
        overspend=search.shortest(start, {e: o for e, o in found.items() if e.oversells(credits)}),
        deadlock=search.shortest(start, {e: o for e, o in found.items() if e.deadlocked}),
    )


def schedules(*ways: Way, sessions: int | None = None, credits: int = 1) -> Iterator[Timeline]:  # noqa: A002 - as in explore
    """Yield every order in which sessions can take their steps, one by one, to be looked at or drawn.

    As many as `Exploration.schedules`, the one in which each session runs alone first. `explore`
    counts them without following each, and so gets further.

    Args:
        ways: What the sessions do, in turn; as in `explore`.
        sessions: How many there are; as in `explore`.
        credits: What is on the balance.

    Raises:
        ValueError, TypeError: As in `explore`.

    Example:
        >>> from crm_domain.testing.interleaving import check_then_consume
        >>> [timeline.successes for timeline in schedules(check_then_consume)]
        [1, 2, 2, 2, 2, 1]
    """
    search, start = _search_of(ways, sessions, credits)
    return (search.played(start, order) for order in search.orders(start))


# --- how it is done -------------------------------------------------------------------------

_Answers: TypeAlias = tuple[Answer, ...]
_Result: TypeAlias = bool


def _search_of(ways: tuple[Way, ...], sessions: int | None, credits_: int) -> tuple[_Search, _State]:
    """Return what follows the orders of these sessions, and where they begin."""
    count = max(2, len(ways)) if sessions is None else sessions
    if not ways or count < 1 or credits_ < 0:
        raise ValueError(
            f"explore: {len(ways)} ways, {count} sessions, {credits_} credits; at least 1, 1 and 0 are needed"
        )
    search = _Search(tuple(_Course(ways[n % len(ways)]) for n in range(count)))
    return search, _State(Database.with_credits(credits_, sessions=count), ((),) * count, credits_)


@define
class _Course:
    """What a session does next, by what it was answered: generators cannot be copied, and so start over."""

    way: Way
    _known: dict[_Answers, Step | _Result] = field(factory=dict)

    @property
    def name(self) -> str:
        """The name of its function."""
        return getattr(self.way, "__name__", type(self.way).__name__)

    def next(self, answers: _Answers) -> Step | _Result:
        """Return the step that follows these answers, or what the session returns after them."""
        if answers not in self._known:
            self._known[answers] = self._after(answers)
        return self._known[answers]

    def _after(self, answers: _Answers) -> Step | _Result:
        if len(answers) > _STEPS_MAX:
            raise ValueError(f"{self.name}: more than {_STEPS_MAX} steps; every session must end")
        session = self.way()
        try:
            step = next(session)
            for answer in answers:
                step = session.send(answer)
        except StopIteration as end:
            return bool(end.value)
        if not isinstance(step, Read | Update | Commit | Rollback):
            raise TypeError(f"{self.name}: expected a step, got {step!r}")
        return step


@frozen
class _State:
    """Where an order has got to: all that what can still come depends on."""

    database: Database
    answers: tuple[_Answers, ...]
    lowest: int


@frozen
class _Orders:
    """How many orders end alike, and the shortest of them: in session after session."""

    count: int
    switches: int
    shortest: tuple[int, ...]

    def begun_by(self, session: int, last: int | None) -> _Orders:
        """Return these orders with a step of *session* before them; *last* took the one before that."""
        return _Orders(self.count, self.switches + (last != session), (session, *self.shortest))

    def with_(self, others: _Orders) -> _Orders:
        """Return these orders and the others."""
        return evolve(min(self, others, key=_Orders.length), count=self.count + others.count)

    def length(self) -> tuple[int, int, tuple[int, ...]]:
        """What makes one order shorter than another."""
        return self.switches, len(self.shortest), self.shortest


_Found: TypeAlias = Mapping[Ending, _Orders]


@define
class _Search:
    """Follows every order from where it has got to, once."""

    courses: tuple[_Course, ...]
    _known: dict[tuple[_State, int | None], _Found] = field(factory=dict)

    def endings(self, state: _State, last: int | None) -> _Found:
        """Return how the orders end that go on from *state*, where session *last* took the last step."""
        if (state, last) not in self._known:
            self._known[state, last] = self._endings(state, last)
        return self._known[state, last]

    def _endings(self, state: _State, last: int | None) -> _Found:
        found: dict[Ending, _Orders] = {}
        for session, step in self._ready(state):
            for ending, orders in self.endings(self._after(state, session, step), session).items():
                begun = orders.begun_by(session, last)
                found[ending] = found[ending].with_(begun) if ending in found else begun
        return found or {self._ending(state): _Orders(1, 0, ())}

    def _ready(self, state: _State) -> Iterator[tuple[int, Step]]:
        """Yield each session that can take a step, and the step."""
        for session, step in self._steps(state):
            if not state.database.must_wait(session, step):
                yield session, step

    def _steps(self, state: _State) -> Iterator[tuple[int, Step]]:
        """Yield each session that has not ended, and the step that it wants to take."""
        for session, (course, answers) in enumerate(zip(self.courses, state.answers, strict=True)):
            step = course.next(answers)
            if not isinstance(step, bool):
                yield session, step

    def _after(self, state: _State, session: int, step: Step) -> _State:
        database, answer = state.database.after(session, step)
        answers = (*state.answers[session], answer)
        if isinstance(self.courses[session].next(answers), bool):
            database = database.after_commit(session)
        all_answers = (*state.answers[:session], answers, *state.answers[session + 1 :])
        return _State(database, all_answers, min(state.lowest, database.balance))

    def _ending(self, state: _State) -> Ending:
        steps = [course.next(answers) for course, answers in zip(self.courses, state.answers, strict=True)]
        deadlocked = not all(isinstance(step, bool) for step in steps)
        return Ending(sum(step is True for step in steps), state.database.balance, state.lowest, deadlocked)

    # --- drawing one of them ----------------------------------------------------------------

    def shortest(self, state: _State, found: _Found) -> Timeline | None:
        """Return the shortest of the orders that were found, played from *state*; None if there is none."""
        return self.played(state, min(found.values(), key=_Orders.length).shortest) if found else None

    def orders(self, state: _State) -> Iterator[tuple[int, ...]]:
        """Yield every order that goes on from *state*: the session that takes each step."""
        ended = True
        for session, step in self._ready(state):
            ended = False
            for others in self.orders(self._after(state, session, step)):
                yield (session, *others)
        if ended:
            yield ()

    def played(self, state: _State, order: tuple[int, ...]) -> Timeline:
        """Return what happens when the sessions take their steps in this *order*, from *state* on."""
        taken: list[Taken] = []
        for session in order:
            step = dict(self._steps(state))[session]
            state = self._after(state, session, step)
            answers = state.answers[session]
            end = self.courses[session].next(answers)
            accepted = end if isinstance(end, bool) else None
            taken.append(Taken(session, step, answers[-1], accepted, state.database.balance))
        return Timeline(sessions=len(self.courses), taken=tuple(taken), waiting=dict(self._steps(state)))
