"""Every order in which concurrent sessions can take their steps: counted, judged, and drawn."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import factorial, prod
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_domain import HARDENED, Accepted, CreateRecording, Crm, Rules, SequentialIds, user
from crm_domain.testing import explore
from crm_domain.testing.interleaving import (
    OVERSELLING,
    SAFE,
    Commit,
    Read,
    Rollback,
    Session,
    Step,
    Update,
    Way,
    atomic,
    check_then_consume,
    optimistic,
    read_modify_write,
    row_lock,
    schedules,
)
from crm_domain.testing.interleaving.interleavings import Ending


def scripted(*steps: Step) -> Way:
    """Return a way that takes these steps and succeeds if the last is answered by anything but 0 or nothing."""

    def script() -> Session:
        answer = None
        for step in steps:
            answer = yield step
        return bool(answer)

    return script


def in_a_transaction(way: Way) -> Way:
    """Return a way whose transaction ends in a step of its own, so that others come in before."""

    def transaction() -> Session:
        accepted = yield from way()
        yield Commit()
        return accepted

    return transaction


# --- another execution, to compare with -------------------------------------------------------

COMPARE = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@define
class Played:
    """Sessions that really run, over rows that really change, in one order."""

    ways: Sequence[Way]
    credits: int
    rows: dict[str, dict[str, int]] = field(init=False)
    sessions: list[Session] = field(init=False)
    steps: list[Step | None] = field(factory=list)
    results: dict[int, bool] = field(factory=dict)
    undo: list[dict[str, dict[str, int]]] = field(init=False)
    holder: dict[str, int] = field(factory=dict)
    lowest: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rows = {"profiles": {"balance": self.credits}}
        self.lowest = self.credits
        self.undo = [{} for _ in self.ways]
        self.sessions = [way() for way in self.ways]
        for session in range(len(self.ways)):
            self.steps.append(None)
            self.go_on(session, None)

    def go_on(self, session: int, answer: Any) -> None:
        try:
            self.steps[session] = self.sessions[session].send(answer)
        except StopIteration as end:
            self.steps[session], self.results[session] = None, bool(end.value)
            self.end_transaction(session)

    def end_transaction(self, session: int) -> None:
        self.undo[session] = {}
        self.holder = {row: holder for row, holder in self.holder.items() if holder != session}
        self.lowest = min(self.lowest, self.committed("profiles").get("balance", 0))

    def committed(self, row: str) -> dict[str, int]:
        """Return a row as it was before whoever holds it changed it."""
        changed = self.undo[self.holder[row]] if row in self.holder else {}
        return changed.get(row, self.rows.get(row, {}))

    def ready(self) -> list[int]:
        return [n for n, step in enumerate(self.steps) if step is not None and not self.waits(n, step)]

    def waits(self, session: int, step: Step) -> bool:
        holds = isinstance(step, Update) or (isinstance(step, Read) and step.for_update)
        return holds and self.holder.get(getattr(step, "row", ""), session) != session

    def take(self, session: int) -> None:
        step = self.steps[session]
        assert step is not None
        self.go_on(session, self.answer(session, step))

    def answer(self, session: int, step: Step) -> Any:
        if isinstance(step, Commit | Rollback):
            if isinstance(step, Rollback):
                self.rows |= self.undo[session]
            return self.end_transaction(session)
        own = self.holder.get(step.row) == session
        row = self.rows.get(step.row, {}) if own else self.committed(step.row)
        if isinstance(step, Read):
            if step.for_update:
                self.holder[step.row] = session
            found = [row.get(column, 0) for column in step.columns]
            return found[0] if len(found) == 1 else tuple(found)
        new = dict(row, version=row.get("version", 0) + 1)
        new[step.column] = (
            step.to if step.by is None and step.to is not None else row.get(step.column, 0) + (step.by or 0)
        )
        for condition, looked_at in ((step.where, row), (step.check, new)):
            if condition and not COMPARE[condition[1]](looked_at.get(condition[0], 0), condition[2]):
                return False
        self.undo[session].setdefault(step.row, dict(row))
        self.holder[step.row], self.rows[step.row] = session, new
        return True

    @property
    def ending(self) -> Ending:
        deadlocked = len(self.results) < len(self.ways)
        return Ending(sum(self.results.values()), self.committed("profiles")["balance"], self.lowest, deadlocked)


def played(ways: Sequence[Way], credits_: int, order: Sequence[int]) -> Played:
    found = Played(ways, credits_)
    for session in order:
        found.take(session)
    return found


def all_orders(
    ways: Sequence[Way], credits_: int, begun: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], Ending]]:
    """Yield every order with its ending, each played from the beginning."""
    now = played(ways, credits_, begun)
    if not now.ready():
        yield begun, now.ending
    for session in now.ready():
        yield from all_orders(ways, credits_, (*begun, session))


def switches(order: Sequence[int]) -> int:
    return sum(one != other for one, other in pairwise(order))


STEPS: st.SearchStrategy[Step] = st.sampled_from(
    [
        Read("balance"),
        Read("balance", "version"),
        Read("balance", for_update=True),
        Read("credits", row="mirror", for_update=True),
        Update("balance", by=-1),
        Update("balance", to=1),
        Update("balance", by=-1, where=("balance", ">", 0)),
        Update("balance", by=-1, check=("balance", ">=", 0)),
        Update("balance", to=0, where=("version", "=", 0)),
        Update("credits", by=1, row="mirror"),
        Commit(),
        Rollback(),
    ]
)
SCRIPTS = st.lists(STEPS, max_size=3).map(lambda steps: scripted(*steps))


@given(
    ways=st.lists(SCRIPTS | st.sampled_from((*SAFE, *OVERSELLING)), min_size=1, max_size=3), credits_=st.integers(0, 2)
)
def test_every_order_is_looked_at(ways: list[Way], credits_: int) -> None:
    """As many orders end in each way, and the shortest that sells too much is as short, as when all are played out."""
    found = explore(*ways, sessions=len(ways), credits=credits_)
    orders = list(all_orders(ways, credits_))
    assert found.endings == Counter(ending for _, ending in orders)
    for timeline, wrong in (
        (found.overspend, [order for order, ending in orders if ending.oversells(credits_)]),
        (found.deadlock, [order for order, ending in orders if ending.deadlocked]),
    ):
        drawn = timeline and (timeline.switches, len(timeline.taken))
        assert drawn == min(((switches(order), len(order)) for order in wrong), default=None)
        assert timeline is None or tuple(step.session for step in timeline.taken) in wrong


@given(
    ways=st.lists(SCRIPTS | st.sampled_from((*SAFE, *OVERSELLING)), min_size=1, max_size=3), credits_=st.integers(0, 2)
)
def test_every_order_is_shown(ways: list[Way], credits_: int) -> None:
    """Each once, with the steps and the successes that it has when it is played out."""
    shown = [
        (tuple(step.session for step in timeline.taken), timeline.successes, bool(timeline.waiting))
        for timeline in schedules(*ways, sessions=len(ways), credits=credits_)
    ]
    assert shown == [(order, end.successes, end.deadlocked) for order, end in all_orders(ways, credits_)]


def takes_its_time_at_nothing() -> Session:
    balance = yield Read("balance")
    if balance <= 0:
        yield Commit()
        yield Commit()
    yield Update("balance", by=-1)
    return True


def test_fewer_switches_are_shorter_than_fewer_steps() -> None:
    """One session after the other in six steps, rather than to and fro in four."""
    timeline = explore(takes_its_time_at_nothing).overspend
    assert timeline is not None
    assert (timeline.switches, len(timeline.taken)) == (1, 6)


@pytest.mark.parametrize(
    ("ending", "oversells"),
    [
        (Ending(successes=2, balance=0, lowest=0), False),
        (Ending(successes=1, balance=1, lowest=1), False),
        (Ending(successes=3, balance=-1, lowest=-1), True),
        (Ending(successes=3, balance=0, lowest=0), True),
        (Ending(successes=2, balance=1, lowest=1), True),
        (Ending(successes=1, balance=0, lowest=0), True),
        (Ending(successes=2, balance=0, lowest=-1), True),
        (Ending(successes=1, balance=0, lowest=0, deadlocked=True), False),
    ],
)
def test_too_much_is_more_than_there_was_or_a_balance_that_does_not_say_so(ending: Ending, *, oversells: bool) -> None:
    """Of two credits; what sessions have taken that wait for ever, nobody can say."""
    assert ending.oversells(2) is oversells


def test_three_sessions_are_looked_at_as_fully() -> None:
    """Over ways that lock, retry and lose updates."""
    ways = (row_lock, optimistic, read_modify_write)
    found = explore(*ways, credits=2)
    assert found.endings == Counter(ending for _, ending in all_orders(ways, 2))
    assert found.schedules == 100


@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_number_of_orders_is_the_multinomial(lengths: list[int]) -> None:
    """Sessions that never wait, of a, b, … steps, have (a + b + …)! / (a! b! …) orders."""
    found = explore(*(scripted(*[Read("balance")] * length) for length in lengths), sessions=len(lengths))
    assert found.schedules == factorial(sum(lengths)) // prod(map(factorial, lengths))


# --- which ways are safe ----------------------------------------------------------------------


@settings(max_examples=50)  # some have hundreds of millions of orders
@given(
    ways=st.lists(st.sampled_from([*SAFE, *map(in_a_transaction, SAFE)]), min_size=1, max_size=4),
    credits_=st.integers(0, 3),
)
def test_safe_ways_never_sell_too_much(ways: list[Way], credits_: int) -> None:
    """No order of them does, beside one another and in longer transactions too, and none gets stuck."""
    found = explore(*ways, sessions=len(ways), credits=credits_)
    found.assert_held()
    assert (found.overspend, found.oversold, found.deadlocks) == (None, 0, 0)
    assert found.lowest_balance >= 0


@pytest.mark.parametrize("way", SAFE, ids=lambda way: way.__name__)
@pytest.mark.parametrize("credits_", [0, 1, 2, 3])
def test_safe_ways_sell_all_that_there_is(way: Way, credits_: int) -> None:
    """Four sessions get exactly as many recordings as there are credits, in every order."""
    found = explore(way, sessions=4, credits=credits_)
    assert set(found.endings) == {Ending(successes=credits_, balance=0, lowest=0)}


@pytest.mark.parametrize("way", OVERSELLING, ids=lambda way: way.__name__)
@given(data=st.data())
def test_overselling_ways_do_so_whenever_there_are_more_sessions_than_credits(way: Way, data: st.DataObject) -> None:
    """With the check apart from the write, some order lets everybody through."""
    sessions = data.draw(st.integers(2, 4))
    credits_ = data.draw(st.integers(1, sessions - 1))
    found = explore(way, sessions=sessions, credits=credits_)
    assert found.oversold > 0
    assert found.most_successes == sessions
    assert explore(in_a_transaction(way), sessions=sessions, credits=credits_).oversold > 0


def test_enough_credits_for_all_are_not_oversold() -> None:
    """Check-then-consume does no harm where nobody can be the last."""
    explore(check_then_consume, sessions=3, credits=3).assert_held()


def test_lost_update_is_found_where_no_balance_is_negative() -> None:
    """Two sessions at two credits: both succeed, and in four of six orders one credit is still there."""
    found = explore(read_modify_write, sessions=2, credits=2)
    assert found.endings == {Ending(2, balance=0, lowest=0): 2, Ending(2, balance=1, lowest=1): 4}
    assert found.oversold == 4


def test_one_unsafe_way_beside_a_safe_one_is_enough() -> None:
    """An old end point that still looks and then takes undoes what all others are careful about."""
    assert explore(atomic, atomic).oversold == 0
    assert explore(atomic, check_then_consume).oversold > 0


def lock_after_read() -> Session:
    balance = yield Read("balance")
    if balance <= 0:
        return False
    yield Read("balance", for_update=True)
    yield Update("balance", by=-1)
    return True


def optimistic_without_its_version() -> Session:
    while True:
        balance, _ = yield Read("balance", "version")
        if balance <= 0:
            return False
        if (yield Update("balance", to=balance - 1)):
            return True


def take_and_look() -> Session:
    yield Update("balance", by=-1)
    balance = yield Read("balance")
    if balance < 0:
        yield Rollback()
        return False
    yield Commit()
    return True


@pytest.mark.parametrize("way", [lock_after_read, optimistic_without_its_version], ids=lambda way: way.__name__)
def test_mistakes_in_ones_own_way_are_found(way: Way) -> None:
    """A lock that is taken after the look, a version that is read and not compared."""
    found = explore(way)
    with pytest.raises(AssertionError, match="sell too much"):
        found.assert_held()
    assert found.overspend is not None
    assert found.overspend.switches == 2


def test_ones_own_way_is_found_safe() -> None:
    """Taking first and looking afterwards, inside of one transaction."""
    explore(take_and_look, sessions=3, credits=2).assert_held()


# --- the model ------------------------------------------------------------------------------


def overlapping(rules: Rules, sessions: int, credits_: int) -> tuple[int, int]:
    """Return how many recordings that overlap the model accepts, and the balance that it leaves."""
    crm = Crm(rules=rules, new_id=SequentialIds())
    amy = crm.as_service().sync_crm_user(email="amy@x.test").user_id
    assert amy is not None
    crm.as_service().adjust_balance(amy, credits=credits_)
    outcomes = crm.execute_overlapping([(user(amy), CreateRecording())] * sessions)
    (profile,) = crm.tables.profiles
    return sum(isinstance(outcome, Accepted) for outcome in outcomes), profile.credits_remaining


@pytest.mark.parametrize(("sessions", "credits_"), [(2, 0), (2, 1), (3, 1), (3, 2), (4, 1), (4, 3), (2, 3)])
def test_the_model_oversells_as_the_worst_order_does(sessions: int, credits_: int) -> None:
    """Without ``atomic_consume`` commands that overlap do what check-then-consume does at its worst."""
    found = explore(check_then_consume, sessions=sessions, credits=credits_)
    worst = (found.most_successes, found.lowest_balance)
    assert overlapping(HARDENED.without("atomic_consume"), sessions, credits_) == worst


@pytest.mark.parametrize(("sessions", "credits_"), [(2, 0), (2, 1), (3, 1), (3, 2), (4, 1), (4, 3), (2, 3)])
def test_the_hardened_model_ends_as_every_order_of_atomic_statements(sessions: int, credits_: int) -> None:
    """All orders of check-and-consume in one step end alike, and so does the model."""
    (ending,) = explore(atomic, sessions=sessions, credits=credits_).endings
    assert overlapping(HARDENED, sessions, credits_) == (ending.successes, ending.balance)


# --- what is drawn --------------------------------------------------------------------------


def test_the_shortest_overspend_is_drawn() -> None:
    """A column for each session, and the balance after each step."""
    timeline = explore(check_then_consume).overspend
    assert str(timeline).splitlines() == [
        "session 1                               session 2                               balance",
        "SELECT balance → 1                                                                    1",
        "                                        SELECT balance → 1                            1",
        "                                        UPDATE balance = balance - 1: accepted        0",
        "UPDATE balance = balance - 1: accepted                                               -1",
    ]


def test_a_report_says_what_was_found() -> None:
    """Sessions, balance, orders, and the order that is drawn."""
    found = explore(check_then_consume, check_then_consume, atomic, credits=2)
    first, blank, *drawn = str(found).splitlines()
    assert first == (
        "2 x check_then_consume, 1 x atomic at a balance of 2: "
        f"of {found.schedules} schedules {found.oversold} sell too much, and 0 end in a deadlock; the lowest balance is -1"
    )
    assert blank == ""
    assert drawn == str(found.overspend).splitlines()


def test_steps_are_drawn_as_sql() -> None:
    """Answers, conditions and other rows included."""
    steps = (
        Read("balance", "version", for_update=True),
        Update("balance", to=5, where=("version", "=", 0)),
        Update("balance", by=1, check=("balance", "<", 6)),
        Rollback(),
        Update("credits", by=2, row="mirror"),
        Commit(),
        Read("credits", row="mirror"),
        Update("balance", by=-4),
    )
    timeline = explore(scripted(*steps), sessions=1).overspend
    assert str(timeline).splitlines() == [
        "session 1                                                balance",
        "SELECT balance, version FOR UPDATE → 1, 0                      1",
        "UPDATE balance = 5 WHERE version = 0                           1",
        "UPDATE balance = balance + 1 CHECK balance < 6 → no row        1",
        "ROLLBACK                                                       1",
        "UPDATE mirror SET credits = credits + 2                        1",
        "COMMIT                                                         1",
        "SELECT credits FROM mirror → 2                                 1",
        "UPDATE balance = balance - 4: accepted                        -3",
    ]


# --- rows that sessions wait for --------------------------------------------------------------

PROFILE_FIRST = scripted(Update("balance", by=-1), Update("credits", by=-1, row="mirror"))
MIRROR_FIRST = scripted(Update("credits", by=-1, row="mirror"), Update("balance", by=-1))


def test_deadlock_is_found_and_drawn() -> None:
    """Two sessions that change two rows in different orders can wait for each other for ever."""
    found = explore(PROFILE_FIRST, MIRROR_FIRST, credits=2)
    assert (found.schedules, found.deadlocks, found.oversold) == (4, 2, 0)
    assert found.deadlock is not None
    assert str(found.deadlock).splitlines()[-2:] == [
        "UPDATE mirror SET credits = credits - 1 waits",
        "                                               UPDATE balance = balance - 1 waits",
    ]
    assert str(found).endswith(str(found.deadlock))


def test_the_same_order_of_rows_does_not_deadlock() -> None:
    """Whoever is second waits for the first to be through."""
    found = explore(PROFILE_FIRST, sessions=3, credits=3)
    assert (found.schedules, found.deadlocks) == (factorial(3), 0)


def test_a_row_that_is_held_is_waited_for_and_a_plain_read_waits_for_nobody() -> None:
    """Of two sessions that lock first, one goes before the other; a reader comes in anywhere."""
    locking = scripted(Read("balance", for_update=True), Update("balance", by=-1), Commit())
    assert explore(locking, credits=2).schedules == 2
    assert explore(locking, scripted(Read("balance")), sessions=2, credits=2).schedules == 4


def sees_seven() -> Session:
    balance = yield Read("balance")
    return bool(balance == 7)


@pytest.mark.parametrize(
    ("after_the_update", "seen"),
    [((Commit(),), 1), ((Commit(), Rollback()), 2), ((Rollback(),), 0), ((Rollback(), Commit()), 0)],
    ids=["committed at the end", "committed before the end", "rolled back", "rolled back for good"],
)
def test_others_see_what_is_committed(after_the_update: tuple[Step, ...], seen: int) -> None:
    """And nothing else: a reader comes in anywhere, and sees the update in the places behind its commit alone."""
    found = explore(scripted(Update("balance", to=7), *after_the_update), sees_seven)
    assert found.schedules == len(after_the_update) + 2
    assert sum(orders for ending, orders in found.endings.items() if ending.successes) == seen


def test_sessions_see_what_they_wrote_themselves() -> None:
    """Before it is committed, and no longer once it is rolled back."""
    seen = []

    def way() -> Session:
        yield Update("balance", to=7)
        seen.append((yield Read("balance", "version")))
        yield Rollback()
        seen.append((yield Read("balance", "version")))
        return False

    explore(way, sessions=1)
    assert seen[-2:] == [(7, 1), (1, 0)]


@pytest.mark.parametrize(
    ("comparison", "holds_for"),
    [("=", [1]), ("<>", [0, 2]), ("<", [0]), ("<=", [0, 1]), (">", [2]), (">=", [1, 2])],
)
def test_conditions_compare(comparison: str, holds_for: list[int]) -> None:
    """A row is changed where its column compares so with the value."""
    way = scripted(Update("balance", by=-1, where=("balance", comparison, 1)))
    assert [n for n in range(3) if explore(way, sessions=1, credits=n).most_successes] == holds_for


# --- mistakes -------------------------------------------------------------------------------


def never_ending() -> Session:
    while True:
        yield Read("balance")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (explore, ValueError, "0 ways, 2 sessions, 1 credits; at least 1, 1 and 0 are needed"),
        (lambda: explore(atomic, sessions=0), ValueError, "0 sessions"),
        (lambda: explore(atomic, credits=-1), ValueError, "-1 credits"),
        (lambda: explore(never_ending), ValueError, "never_ending: more than 100 steps; every session must end"),
        (lambda: explore(scripted("balance")), TypeError, "script: expected a step, got 'balance'"),  # type: ignore[arg-type]
        (Read, ValueError, "name a column"),
        (lambda: Update("balance"), ValueError, "either to or by"),
        (lambda: Update("balance", to=1, by=1), ValueError, "either to or by"),
        (
            lambda: Update("balance", to=1, where=("balance", "==", 1)),
            ValueError,
            "'==' is no comparison; there are = <>",
        ),
        (lambda: Update("balance", to=1, check=("balance", "?", 1)), ValueError, "'\\?' is no comparison"),
    ],
)
def test_mistakes_are_named(call: Any, error: type[Exception], message: str) -> None:
    """A call that cannot be meant says what is wrong with it."""
    with pytest.raises(error, match=message):
        call()


def test_a_session_without_steps_has_ended() -> None:
    """It takes no part, and its result counts."""

    def at_once() -> Session:
        return True
        yield

    found = explore(at_once, sessions=2, credits=2)
    assert found.endings == {Ending(successes=2, balance=2, lowest=2): 1}
    assert str(found.overspend) == "session 1  session 2  balance"
