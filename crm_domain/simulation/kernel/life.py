"""What does the built-in user do, without the model? The same events, decided in place.

Written once, as plain functions over numbers in flat columns: `crm_domain.simulation.kernel.plain` runs them as
they stand, `crm_domain.simulation.kernel.compiled` compiles them.

A user's life has two parts. First the account (`crm_domain.simulation.kernel.account`), which says when the user
leaves. All else runs next to it: each kind of activity is a row of moments of its own. So no event waits in
a queue, and each kind's draws are the same no matter what the others do.
"""

from __future__ import annotations

from typing import Final

from ..draws.rhythm import WEEK_US, calendar, operational
from ..draws.streams import GOLDEN, MASK, exponential, gamma, key_of, unit, word
from ..results.part import JOB_REQUEST, LOGIN, RESUME, TIME_SPENT, USER_COLUMNS, VIEW
from .account import (
    AT_JOB_REQUEST,
    AT_LOGIN,
    AT_RECORDING,
    AT_RESUME,
    AT_SESSION,
    AT_VIEW,
    OF_ARRIVAL,
    OF_CHURN,
    OF_DELAY,
    OF_FAILURE,
    OF_JOB_REQUESTS,
    OF_LEAVING,
    OF_LOGINS,
    OF_MULTIPLIER,
    OF_PAYING,
    OF_RECORDINGS,
    OF_REDELIVERY,
    OF_RESUMES,
    OF_RESYNCS,
    OF_SESSIONS,
    OF_TABS,
    OF_VIEWS,
    TURN_BITS,
    TURNS,
    account,
    as_word,
    later,
    nth,
    unguarded,
)
from .counting import tally_absent, tally_account, tally_activity, tally_sessions, tally_user, tally_views
from .memory_layout import (
    ARRIVED,
    CHURNED,
    FIRST_BLOCKED,
    FIRST_PAYMENT,
    FREE_SPENT,
    JOB_REQUESTS,
    LAST_ACTIVE,
    LOGINS,
    NEVER,
    POPULATION,
    RESUMES,
    ROW,
    SECONDS_SPENT,
    SUMS,
    USER,
    VIEWS,
    Column,
    Settings,
)

MULTIPLIER_MIN: Final = 1e-9
_SUMS: Final = len(SUMS)
WIDTH_OF_ROW: Final = len(USER_COLUMNS)
_SECOND_US: Final = 1_000_000


def prepare(keys: Column, own: int, s: Settings) -> None:
    """Make the keys of the purposes that the account may draw for."""
    keys[OF_FAILURE] = key_of(own, as_word(OF_FAILURE))
    keys[OF_PAYING] = key_of(own, as_word(OF_PAYING))
    keys[OF_DELAY] = key_of(own, as_word(OF_DELAY))
    keys[OF_LEAVING] = key_of(own, as_word(OF_LEAVING))
    if s.two_tabs > 0.0:
        keys[OF_TABS] = key_of(own, as_word(OF_TABS))
    if s.delivered_twice > 0.0:
        keys[OF_REDELIVERY] = key_of(own, as_word(OF_REDELIVERY))
    if s.resync_gap < NEVER:
        keys[OF_RESYNCS] = key_of(own, as_word(OF_RESYNCS))


def arrival_of(m: Column, s: Settings, user: int, own: int, salt: int) -> int:
    """Return when a user comes."""
    crm = user < s.crm_users
    if s.dated_crm if crm else s.dated_regular:
        return int(m[s.dates + user])
    window = s.crm_window if crm else s.regular_window
    if window == 0.0:
        return 0
    return int(unit(word(nth(key_of(own, as_word(OF_ARRIVAL)), 1), salt)) * window)


def begin(m: Column, s: Settings, user: int, own: int, salt: int) -> int:
    """Make a user's row: nothing has happened yet; return when they come."""
    r = s.row
    for i in range(r, r + ROW):
        m[i] = 0
    m[r + USER] = user
    m[r + POPULATION] = 0 if user < s.crm_users else 1
    m[r + CHURNED] = m[r + FIRST_BLOCKED] = m[r + FIRST_PAYMENT] = m[r + FREE_SPENT] = m[r + LAST_ACTIVE] = -1
    arrived = arrival_of(m, s, user, own, salt)
    m[r + ARRIVED] = arrived if arrived < s.horizon else -1
    return arrived


def multiplier(s: Settings, own: int, salt: int) -> float:
    """Return how many times as active as the average a user is."""
    if s.shape == 0.0:
        return 1.0
    return max(gamma(key_of(own, as_word(OF_MULTIPLIER)), salt, s.shape) / s.shape, MULTIPLIER_MIN)


def moments(
    m: Column,
    hours: Column,
    first: Column,
    s: Settings,
    counter: int,
    salt: int,
    gap: float,
    origin: float,
    end: int,
    turn: int,
    area: int,
    n: int,
) -> int:
    """Write the places of an activity's moments into an area from *n* on; return where they end, or -1 without room."""
    arrived, limit, offset, room = m[s.row + ARRIVED], s.limit, s.offset, s.room
    time = origin
    while True:
        counter = (counter + GOLDEN) & MASK
        time += exponential(counter, salt) * gap
        if not time < limit:  # nor if it is no number, as nothing times infinity is
            return n
        at = max(calendar(time, hours, first) - offset, arrived)  # below by rounding
        if at >= end:
            return n
        if n >= room:
            return -1
        m[area + n] = at * TURNS + turn
        n += 1


def sessions(m: Column, s: Settings, counter: int, salt: int, logins: int, stop: int, end: int) -> int:
    """Write the ends of the sessions that logins began, unless the user has left; return where they end, or -1."""
    n = stop
    if s.session_seconds == 0.0:
        return n
    for i in range(logins, stop):
        counter = (counter + GOLDEN) & MASK
        seconds = int(exponential(counter, salt) * s.session_seconds)
        at = (m[s.place + i] >> TURN_BITS) + seconds * _SECOND_US
        if at < end:
            if n >= s.room:
                return -1
            m[s.place + n] = at * TURNS + AT_SESSION
            m[s.kind + n] = TIME_SPENT
            m[s.amount + n] = seconds
            n += 1
    return n


def label(m: Column, s: Settings, start: int, stop: int, kind: int) -> None:
    """Say of what kind the moments of an activity are."""
    for i in range(start, stop):
        m[s.kind + i] = kind
        m[s.amount + i] = 0


def live(
    m: Column, hours: Column, first: Column, keys: Column, s: Settings, user: int, own: int, salt: int, most: int
) -> int:
    """Simulate one user; return the number of their events, or -1 without having counted anything.

    -1 says that there was not enough room in the memory, or that there were more events than *most*.
    """
    r = s.row
    arrived = begin(m, s, user, own, salt)
    if arrived >= s.horizon:
        tally_absent(m, s)
        return 0
    population = m[r + POPULATION]
    many = multiplier(s, own, salt)
    origin = operational(arrived + s.offset, hours)
    churn = NEVER
    if s.churn_gap < NEVER:
        churn = later(arrived, exponential(nth(key_of(own, as_word(OF_CHURN)), 1), salt) * s.churn_gap)
    end = min(churn, s.horizon)

    key, gap = key_of(own, as_word(OF_RECORDINGS)), s.recordings_gap / many
    attempts = moments(m, hours, first, s, key, salt, gap, origin, end, AT_RECORDING, s.attempt, 0)
    if attempts < 0:
        return -1
    prepare(keys, own, s)
    jobs = account(m, keys, salt, s, arrived, attempts, churn)
    if jobs < 0:
        return -1
    if m[r + CHURNED] >= 0:
        end = m[r + CHURNED]
    key, gap = key_of(own, as_word(OF_JOB_REQUESTS)), s.job_requests_gap / many
    resumes = moments(m, hours, first, s, key, salt, gap, origin, end, AT_JOB_REQUEST, s.place, jobs)
    if resumes < 0:
        return -1
    key, gap = key_of(own, as_word(OF_RESUMES)), s.resumes_gap / many
    logins = moments(m, hours, first, s, key, salt, gap, origin, end, AT_RESUME, s.place, resumes)
    if logins < 0:
        return -1
    spent = views = n = logins
    if population == 0:
        key, gap = key_of(own, as_word(OF_LOGINS)), s.logins_gap / many
        spent = moments(m, hours, first, s, key, salt, gap, origin, end, AT_LOGIN, s.place, logins)
        if spent < 0:
            return -1
        views = sessions(m, s, key_of(own, as_word(OF_SESSIONS)), salt, logins, spent, end)
        if views < 0:
            return -1
        key, gap = key_of(own, as_word(OF_VIEWS)), s.views_gap / many
        n = moments(m, hours, first, s, key, salt, gap, origin, end, AT_VIEW, s.place, views)
    if n < 0 or n > most:
        return -1
    add_up(m, s, jobs, resumes, logins, spent, views, n)
    if most < NEVER:  # they are kept
        label(m, s, jobs, resumes, JOB_REQUEST)
        label(m, s, resumes, logins, RESUME)
        label(m, s, logins, spent, LOGIN)
        label(m, s, views, n, VIEW)
    return n


def add_up(m: Column, s: Settings, jobs: int, resumes: int, logins: int, spent: int, views: int, n: int) -> None:
    """Count all that a user did; the arguments are where the kinds of their events begin."""
    r, population = s.row, m[s.row + POPULATION]
    m[r + JOB_REQUESTS] = resumes - jobs
    m[r + RESUMES] = logins - resumes
    m[r + LOGINS] = spent - logins
    m[r + VIEWS] = n - views
    daily = s.daily + population * _SUMS * s.days
    cohort = s.histograms + (population + 1) * s.places - s.weeks * (s.weeks - m[r + ARRIVED] // WEEK_US)
    last = tally_account(m, s, jobs, daily, cohort)
    last = max(last, tally_activity(m, s, jobs, resumes, JOB_REQUEST, daily, cohort))
    last = max(last, tally_activity(m, s, resumes, logins, RESUME, daily, cohort))
    last = max(last, tally_activity(m, s, logins, spent, LOGIN, daily, cohort))
    m[r + SECONDS_SPENT] = tally_sessions(m, s, spent, views, daily)
    tally_views(m, s, views, n, daily)
    m[r + LAST_ACTIVE] = last
    tally_user(m, s, n)


def run(
    m: Column,
    hours: Column,
    first: Column,
    keys: Column,
    s: Settings,
    users_from: int,
    users_to: int,
    own: int,
    salt: int,
    rows: Column,
    events: Column,
) -> tuple[int, int, int]:
    """Simulate users, until the last one, or until there is no room for another.

    Args:
        m: The memory, whose counts are added to.
        hours: The hours of the week.
        first: The first hour of each place in it.
        keys: Room for a user's keys.
        s: The scenario.
        users_from: The first user.
        users_to: The user behind the last one.
        own: The first of the seed's keys.
        salt: The second.
        rows: Where users' rows are written, one after the other; without any room they are not kept.
        events: Where events are written, one after the other; without any room they are not kept.

    Returns:
        The user to go on with, and how much was written to *rows* and to *events*.
    """
    m, hours, first, keys = unguarded(m), unguarded(hours), unguarded(first), unguarded(keys)
    written = filled = 0
    for user in range(users_from, users_to):
        most = (len(events) - filled) // 4 if len(events) > 0 else NEVER
        number = as_word(user)
        n = live(m, hours, first, keys, s, user, key_of(own, number), key_of(salt, number), most)
        if n < 0:
            return user, written, filled
        if len(rows) > 0:
            for i in range(WIDTH_OF_ROW):
                rows[written + i] = m[s.row + i]
            written += WIDTH_OF_ROW
        if len(events) > 0:
            for i in in_order(m, s.place, n):
                events[filled] = user
                events[filled + 1] = m[s.place + i] >> TURN_BITS
                events[filled + 2] = m[s.kind + i]
                events[filled + 3] = m[s.amount + i]
                filled += 4
    return users_to, written, filled


def in_order(m: Column, begins: int, n: int) -> Column:
    """Return the positions of *n* numbers in their order, equal ones as they stand."""
    places = m[begins : begins + n]
    return sorted(range(n), key=places.__getitem__)


FUNCTIONS: Final = (prepare, arrival_of, begin, multiplier, moments, sessions, label, add_up, live, run)
"""What can be compiled, each after what it needs; `in_order` is written again."""
