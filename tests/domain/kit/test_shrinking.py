"""The shortest sequence that shows the same: no line too many, and none that says more than it must."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from crm_domain import (
    HARDENED,
    SERVICE,
    CreateRecording,
    Delete,
    RecordPayment,
    SyncCrmUser,
    TrackTime,
    TrackView,
    Update,
)
from crm_domain.command_log import LogLine, id_named
from crm_domain.reads import Select
from crm_domain.testing import AMY, BOB, Lines, broken_laws, run, walk
from crm_domain.testing.conforming.shrinking import shortened

AMYS: dict[str, Any] = {"user_id": AMY.user_id, "email": AMY.email}
SYNC = LogLine(SERVICE, SyncCrmUser(**AMYS))


@pytest.mark.parametrize("wanted", [(0,), (19,), (3, 4), (0, 7, 19)])
def test_only_what_is_needed_is_left(wanted: tuple[int, ...]) -> None:
    """Whichever lines show it, they are what is left."""
    lines = Lines(LogLine(SERVICE, TrackView(email=f"{n}@x.test")) for n in range(20))
    needed = [lines[n] for n in wanted]
    assert shortened(lines, lambda some: all(line in some for line in needed)) == Lines(needed)


def test_what_a_walk_breaks_a_few_lines_break() -> None:
    """A walk that breaks a law is shortened to lines of which none can be left out."""
    rules = HARDENED.without("idempotent_payment")

    def shows(lines: Lines) -> bool:
        return "payment_is_idempotent" in broken_laws(run(lines, rules))

    lines = next(filter(shows, map(walk, range(1000))))
    short = shortened(lines, shows)
    assert shows(short)
    assert len(short) < len(lines)
    for n in range(len(short)):
        assert not shows(Lines((*short[:n], *short[n + 1 :])))


def _kept_as(line: LogLine) -> LogLine:
    """Return what a line is made into where only its kind matters."""
    kind = type(line.request)
    (short,) = shortened(Lines([line]), lambda lines: [type(one.request) for one in lines] == [kind])
    return short


def test_rows_keep_their_id_and_owner_only() -> None:
    """Columns that do not matter go; the id and the owner stay, for a row must be somebody's."""
    full = CreateRecording(id=id_named("recording-1"), **AMYS, video_url="a", duration=5, status="failed")
    plain = CreateRecording(id=id_named("recording-1"), **AMYS)
    assert _kept_as(LogLine(AMY.principal, full)).request == plain
    one = CreateRecording(id=id_named("recording-1"), **AMYS, duration=5)
    assert _kept_as(LogLine(AMY.principal, one)).request == plain


def test_a_column_that_matters_stays() -> None:
    """Of several columns, the one that shows it is left."""
    full = LogLine(AMY.principal, CreateRecording(**AMYS, video_url="a", duration=-1, status="failed"))
    (short,) = shortened(Lines([full]), lambda lines: any(getattr(one.request, "duration", 0) == -1 for one in lines))
    assert short.request == CreateRecording(**AMYS, duration=-1)


@pytest.mark.parametrize("kind", [Delete, Select])
def test_conditions_that_do_not_matter_go(kind: Any) -> None:
    """A request about some rows becomes one about every row."""
    narrow = LogLine(SERVICE, kind(table="profiles", where={"user_id": AMY.user_id}))
    assert _kept_as(narrow).request == kind(table="profiles")


def test_an_update_keeps_one_column() -> None:
    """Of several columns that are changed, one is left."""
    line = LogLine(SERVICE, Update(table="crm_resumes", where=AMYS, set={"resume_name": "a", "file_type": "b"}))
    assert _kept_as(line).request == Update(table="crm_resumes", set={"resume_name": "a"})


def test_an_update_keeps_the_columns_that_matter() -> None:
    """Where one column alone shows nothing, all are left."""
    line = LogLine(SERVICE, Update(table="crm_resumes", set={"resume_name": "a", "file_type": "a"}))
    assert shortened(Lines([line]), lambda lines: [len(getattr(one.request, "set", ())) for one in lines] == [2]) == (
        line,
    )


@pytest.mark.parametrize("manner", [{"key": "k"}, {"concurrent": "g"}])
def test_keys_and_overlaps_that_do_not_matter_go(manner: dict[str, Any]) -> None:
    """A line is asked without a key and alone, if that shows the same."""
    assert _kept_as(attrs.evolve(SYNC, **manner)) == SYNC


def test_arguments_that_do_not_matter_go() -> None:
    """Not only columns of rows: what any command says besides whom it is about."""
    sync = SyncCrmUser(**AMYS, payment_details={"plan": "free"})
    assert _kept_as(LogLine(SERVICE, sync)) == SYNC
    paid = RecordPayment(user_id=AMY.user_id, amount="12.99", ref="pay-3", id=id_named("payment-1"))
    assert _kept_as(LogLine(SERVICE, paid)).request == RecordPayment(user_id=AMY.user_id, amount="12.99", ref="a")


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        (SyncCrmUser(user_id=AMY.user_id, email=" AMY@X.TEST "), SYNC.request),
        (TrackTime(email=AMY.email, seconds=2**40), TrackTime(email=AMY.email, seconds=1)),
        (
            Update(table="crm_resumes", set={"resume_name": "caf\u00e9"}),
            Update(table="crm_resumes", set={"resume_name": "a"}),
        ),
        (
            Update(table="profiles", set={"credits_remaining": 7}),
            Update(table="profiles", set={"credits_remaining": 1}),
        ),
    ],
)
def test_values_that_do_not_matter_become_plain(odd: Any, plain: Any) -> None:
    """A counterexample has no decoys: no odd spelling, number or character that is not needed."""
    assert _kept_as(LogLine(SERVICE, odd)).request == plain


def test_a_value_that_a_column_does_not_take_is_not_put_there() -> None:
    """A status stays one of those that there are."""
    line = LogLine(SERVICE, Update(table="crm_recordings", set={"status": "failed"}))
    assert _kept_as(line) == line


def test_people_and_rows_are_the_first_that_there_are() -> None:
    """Whoever it was and whichever row: what is shown is about Amy, and about the first row."""
    own: dict[str, Any] = {"user_id": BOB.user_id, "email": BOB.email}
    lines = Lines(
        [
            LogLine(SERVICE, SyncCrmUser(**own)),
            LogLine(BOB.principal, CreateRecording(id=id_named("recording-3"), **own)),
            LogLine(SERVICE, Delete(table="crm_recordings", where={"id": id_named("recording-3")})),
        ]
    )
    needed = [type(line.request) for line in lines]
    short = shortened(lines, lambda some: [type(line.request) for line in some] == needed)
    recording = CreateRecording(id=id_named("recording-1"), **AMYS)
    assert short == (SYNC, LogLine(AMY.principal, recording), LogLine(SERVICE, Delete(table="crm_recordings")))
