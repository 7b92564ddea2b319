"""What users did, by a database, by exported tables, or by payments alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest

from crm_adapters.scenarios import DataError
from crm_adapters.scenarios import of_databases as databases
from crm_adapters.scenarios.sources import read_sources
from crm_adapters.sqlite import SqliteStore
from crm_domain import HARDENED, CreditPolicy, Crm, ManualClock
from crm_domain.simulation.fitting.histories import History, day_of

POLICY = CreditPolicy()
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = day_of(START)
HOUR = 1 / 24

Write: TypeAlias = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, content: str) -> Path:
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return written


# --- a database -------------------------------------------------------------------------------


def filled(path: Path) -> Path:
    """A file in which something of every kind happened, an hour after another."""
    policy = CreditPolicy(initial_credits=2, refund_failed_recordings=True)
    rules = attrs.evolve(HARDENED.without("valid_values"), credit_policy=policy)
    with SqliteStore(path) as store:
        crm = Crm(store, rules=rules, clock=ManualClock(START, step=timedelta(hours=1)))
        service = crm.as_service()
        amy = crm.as_user(str(service.sync_crm_user(email="amy@x.test").user_id))
        amy.create_job_request(job_title="Cook")
        first = amy.create_recording(video_url="/1").id
        second = amy.create_recording(video_url="/2").id
        service.update(table="crm_recordings", where={"id": first}, set={"status": "completed"})
        amy.update(table="crm_recordings", where={"id": second}, set={"transcription": "Hello"})
        service.update(table="crm_recordings", where={"id": second}, set={"status": "failed"})
        service.update(table="crm_recordings", where={"id": first}, set={"status": "processing"})
        service.update(table="crm_recordings", where={"id": first}, set={"status": "completed"})
        amy.upload_resume(resume_url="/r")
        service.track_login(email="amy@x.test")
        service.track_view(email="amy@x.test")
        service.track_time(email="amy@x.test", seconds=90)
        service.sync_crm_user(email="amy@x.test")
        service.record_payment(user_id=str(amy.principal.user_id), amount="12.99", ref="p1")
        service.adjust_balance(str(amy.principal.user_id), credits=1)
        rita = crm.as_user(str(service.register_user(email="rita@x.test").user_id))
        rita.create_regular_job_request(job_title="Chef")
        service.create_regular_job_request(user_id=None, job_title="Nobody's")
    return path


def test_a_database_tells_all(tmp_path: Path) -> None:
    """Times, balances, marks, sessions, and the rules."""
    data = read_sources([filled(tmp_path / "crm.db")], POLICY)
    assert data.rules is not None
    assert data.rules.credit_policy.initial_credits == 2
    assert data.known == "all"
    amy, rita = data.histories.users
    hours = {kind: [round((at - DAY) * 24) for at in times] for kind, times in amy.moments.items()}
    assert hours == {
        "job_requests": [1],
        "recordings": [2, 3],
        "resumes": [9],
        "logins": [10],
        "views": [11],
        "resyncs": [13],
        "payments": [14],
    }
    assert (amy.population, amy.arrived) == ("crm", DAY)
    assert [(round((at - DAY) * 24), change) for at, change in amy.credits] == [
        (0, 2), (2, -1), (3, -1), (6, 1), (14, 3), (15, -1), (15, -2),
    ]  # fmt: skip
    assert (amy.completed, amy.failed, amy.sessions) == (1, 1, [90])
    assert amy.processing == pytest.approx([2 * HOUR, 3 * HOUR])
    assert (rita.population, round((rita.arrived - DAY) * 24)) == ("regular", 16)
    assert list(rita.moments) == ["job_requests"]
    assert data.histories.until == pytest.approx(DAY + 18 * HOUR)


def test_the_end_of_a_database_can_be_given(tmp_path: Path) -> None:
    data = read_sources([filled(tmp_path / "crm.db")], POLICY, until=DAY + 40)
    assert data.histories.until == DAY + 40


def test_progress_of_a_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(databases, "_TOLD_EVERY", 10)
    read_sources([filled(tmp_path / "crm.db")], POLICY, progress=lambda _, done, __: told.append(done))
    assert told[:2] == [10, 20]


def test_a_database_that_cannot_be_fitted_is_named(tmp_path: Path, write: Write) -> None:
    """One that is empty, damaged, or not alone."""
    with SqliteStore(tmp_path / "empty.db") as store:
        Crm(store)
    with pytest.raises(DataError, match=r"empty\.db: holds no user, so there is nothing to fit"):
        read_sources([tmp_path / "empty.db"], POLICY)
    with pytest.raises(DataError, match=r"empty\.db: is a database, and such are fitted one at a time"):
        read_sources([write("a.csv", "x"), tmp_path / "empty.db"], POLICY)
    with closing(sqlite3.connect(tmp_path / "bad.db")) as raw:
        raw.execute("CREATE TABLE t (x)")
    with pytest.raises(DataError, match=r"bad\.db: is a database of another application"):
        read_sources([tmp_path / "bad.db"], POLICY)


# --- exports ----------------------------------------------------------------------------------

MAIN = """\
email,user_id,credits_remaining,user_created_at
amy@x.test,u1,3,2026-03-01 00:00:00+00
ben@x.test,u2,4,2026-03-02 00:00:00+00
"""
USERS = "id,email,created_at\nu1,amy@x.test,2026-02-01\nu3,rita@x.test,2026-03-03\nu9,x,\n"
RECORDINGS = """\
id,email,user_id,video_url,status,created_at
r1,amy@x.test,u1,/1,completed,2026-03-05T00:00:00Z
r2,amy@x.test,u1,/2,failed,2026-03-04T00:00:00Z
r3,amy@x.test,u1,/3,processing,2026-03-06T00:00:00Z
r4,,,/3,processing,2026-03-06T00:00:00Z
"""
PAYMENTS = "id,user_id,ref,amount,credits,created_at\np1,u1,x,12.99,3,2026-03-07\n"
JOBS = "id,user_id,job_title,created_at\nj1,u3,Cook,2026-03-08\n"
PROFILES = "user_id,credits_remaining,created_at,updated_at\nu1,3,2026-03-01,2026-03-09\n"


@pytest.mark.parametrize("users_first", [True, False])
def test_tables_are_known_by_their_columns(users_first: bool, write: Write) -> None:  # noqa: FBT001
    """Balances are followed by the credit policy; rows of nobody are left out."""
    people = [("a.csv", USERS), ("b.csv", MAIN)] if users_first else [("a.csv", MAIN), ("b.csv", USERS)]
    rows = [("c.csv", RECORDINGS), ("d.csv", PAYMENTS), ("e.csv", JOBS), ("f.csv", PROFILES)]
    data = read_sources([write(*content) for content in (*people, *rows)], POLICY)
    users = {round(user.arrived - DAY): user for user in data.histories.users}
    assert {day: user.population for day, user in users.items()} == {0: "crm", 1: "crm", 2: "regular"}
    amy, ben, rita = (users[day] for day in range(3))
    assert amy.credits == [(DAY, 4), (DAY + 3, -1), (DAY + 4, -1), (DAY + 5, -1), (DAY + 6, 3)]
    assert amy.moments == {"recordings": [DAY + 3, DAY + 4, DAY + 5], "payments": [DAY + 6]}
    assert (amy.completed, amy.failed) == (1, 1)
    assert (ben.credits, rita.credits) == ([(DAY + 1, 4)], [])
    assert rita.moments == {"job_requests": [DAY + 7]}
    assert data.histories.until == DAY + 7
    assert data.rules is None


def test_rows_may_name_their_owner_by_address(write: Write) -> None:
    """And the end can be given."""
    text = "email,credits_remaining,user_created_at,total_applications\namy@x.test,4,2026-03-01,0\n"
    data = read_sources([write("users.csv", text)], POLICY, until=DAY + 30)
    assert [user.population for user in data.histories.users] == ["crm"]
    assert data.histories.until == DAY + 30


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.csv": MAIN, "b.csv": "x,y\n1,2\n"}, "b.csv:1: has the columns of no table; known are exports of crm_users, "),
        ({"a.csv": MAIN.replace("2026-03-02 00", "soon 00")}, "a.csv:3: expected a time such as "),
        ({"a.csv": RECORDINGS}, "a.csv: no table tells when users came: export digital_resume_by_CRM or auth.users, too"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_told(files: dict[str, str], message: str, write: Write) -> None:
    with pytest.raises(DataError) as caught:
        read_sources([write(name, content) for name, content in files.items()], POLICY)
    assert message in str(caught.value)


# --- counters ---------------------------------------------------------------------------------

COUNTERS = """\
email,credits_remaining,user_created_at,total_applications,total_recordings,total_resumes
amy@x.test,1,2026-03-01,7,3,1
ben@x.test,0,2026-03-02,,4,0
nobody@x.test,0,,0,0,0
"""


def test_counters_have_no_times(write: Write) -> None:
    """But an end, which has to be given; a user without counters did nothing, one without a date never came."""
    path = write("users.csv", COUNTERS)
    data = read_sources([path], POLICY, until=DAY + 30)
    assert data.known == "counters"
    assert [user.counts for user in data.histories.users] == [
        {"job_requests": 7, "resumes": 1, "recordings": 3, "credits": 1},
        {"job_requests": 0, "resumes": 0, "recordings": 4, "credits": 0},
    ]
    assert [user.arrived for user in data.histories.users] == [DAY, DAY + 1]
    with pytest.raises(DataError, match="give that time with --until"):
        read_sources([path], POLICY)


def test_a_mistake_in_counters_is_told_with_its_line(write: Write) -> None:
    with pytest.raises(DataError, match=r"users\.csv:2: expected a count from 0 to [0-9]+, got '-7'"):
        read_sources([write("users.csv", COUNTERS.replace(",7,", ",-7,"))], POLICY, until=DAY)
    with pytest.raises(DataError, match="has no user, so there is nothing to fit"):
        read_sources([write("users.csv", COUNTERS.partition("\n")[0])], POLICY, until=DAY)


# --- payments alone ---------------------------------------------------------------------------


def payments(path: Path, **how: dict[str, str]) -> list[History]:
    data = read_sources([path], POLICY, **how)  # type: ignore[arg-type]
    assert data.known == "payments"
    return list(data.histories.users)


CDNOW = """\
 00001 20260301  1   11.77
 00002 20260302  1   12.00
 00002 20260302  5   77.00

 00002 20260312  1    0.00
"""


@pytest.mark.parametrize(
    "text",
    [
        CDNOW,
        " customer_id  date number_of_cds  dollar_value\n" + CDNOW,
        "user,at,amount\n1,2026-03-01,11.77\n2,2026-03-02,12\n2,2026-03-02T00:00:00Z,77\n2,2026-03-12,0\n",
        "amount;date;customer_id\n11.77;2026-03-01;1\n12;2026-03-02;2\n77;2026-03-02;2\n0;2026-03-12;2\n",
        "1,2026-03-01,11.77\n2,2026-03-02,12.00\n2,2026-03-02,77.00\n2,2026-03-12,0\n",
        "7 1 20260301 1 11.77\n8 2 20260302 1 12\n8 2 20260302 1 77\n8 2 20260312 1 0\n",
    ],
)
def test_payments_come_in_many_forms(text: str, write: Write) -> None:
    """Users come with the first one; what a user paid at one time is one payment."""
    one, two = payments(write("p.txt", text))
    assert (one.population, one.arrived, one.moments, one.amounts) == (
        "regular",
        DAY,
        {"payments": [DAY]},
        [Decimal("11.77")],
    )
    assert (two.moments, two.amounts) == ({"payments": [DAY + 1, DAY + 11]}, [Decimal(89), Decimal(0)])


def test_an_export_of_payments_alone_is_one_of_payments(write: Write) -> None:
    (amy,) = payments(write("p.csv", PAYMENTS))
    assert amy.amounts == [Decimal("12.99")]


def test_payments_need_no_amount(write: Write) -> None:
    (user,) = payments(write("p.txt", "1 20260301\n1 20260302\n"))
    assert (user.amounts, len(user.moments["payments"])) == ([], 2)


def test_columns_of_payments_can_be_named(write: Write) -> None:
    path = write("p.csv", "who,paid_on,sum,user\na,2026-03-01,5,x\nb,2026-03-01,6,x\n")
    named = {"user": "who", "time": "paid_on", "amount": "sum"}
    assert [user.amounts for user in payments(path, columns=named)] == [[Decimal(5)], [Decimal(6)]]


def test_payments_behind_the_end_do_not_count(write: Write) -> None:
    path = write("p.txt", "1 20260301\n1 20260310\n")
    data = read_sources([path], POLICY, until=DAY + 5)
    assert data.histories.users[0].moments == {"payments": [DAY]}
    with pytest.raises(DataError, match="has no payment before the given end"):
        read_sources([path], POLICY, until=DAY - 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: the first line has to name the columns"),
        ("user,time\n", "has no payments, so there is nothing to fit"),
        ("user,tim\n1,2\n", ":1: no column is known to hold times: call one 'created_at'; there are user, tim"),
        ("usr,time\n1,2\n", ":1: no column is known to hold users: call one 'user'; there are usr, time"),
        ("user,time\n,2026-03-01\n", ":2: there is no 'user'"),
        ("user,time,amount\n1,2026-03-01,lots\n", ":2: expected an amount such as 12.99, got 'lots'"),
        ("user,time,amount\n1,2026-03-01,-1\n", ":2: expected an amount from 0 to 1,000,000,000,000, got -1"),
        ("user,time,amount\n1,2026-03-01,nan\n", ":2: expected an amount such as 12.99, got 'nan'"),
        ("1 20260301 5\n1 20260302\n", ":2: expected 3 columns as in the first line, got 2"),
        ("1 20260301 5\n1 2026 5\n", ":2: expected a time such as 2026-01-05T09:30:00Z, got '2026'"),
    ],
)
def test_a_mistake_in_payments_is_told_with_its_line(text: str, message: str, write: Write) -> None:
    path = write("p.txt", text)
    with pytest.raises(DataError) as caught:
        read_sources([path], POLICY)
    assert str(caught.value).startswith(f"{path}")
    assert message in str(caught.value)
