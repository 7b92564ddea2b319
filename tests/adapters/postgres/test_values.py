"""Every odd value has one answer: in memory, in a file and in PostgreSQL, under both readings.

A row is a value, where it is given, and what comes of it: the name of an error where the command is
made, the code of a refusal, or what is stored then. Where the document at its word says otherwise, it
says that as well.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Context, Decimal, localcontext
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import pytest
from attrs import evolve, frozen

from crm_adapters.postgres.keyed import KeyedPostgresBackend, opened
from crm_adapters.sqlite import SqliteStore
from crm_domain import HARDENED, SEED, SERVICE, Crm, Refused, Rules, user
from crm_domain import commands as c
from crm_domain.clocks import label_uuid
from crm_domain.ids import Principal
from crm_domain.rows import CRM_JOB_REQUESTS, CRM_RECORDINGS, CRM_RESUMES, CRM_USERS, IDEMPOTENCY_KEYS, PAYMENTS
from crm_domain.schema import INT64_MAX, Table
from crm_domain.testing.comparing.observing import values_of
from crm_domain.values import same_json

from .conftest import MakeDatabase

AMY: Final = label_uuid("amy")
AMYS: Final = "amy@x.test"
NOON: Final = datetime(2026, 1, 2, 12, tzinfo=UTC)

CHECK: Final = "check_violation"
DEEP: Final = "nested JSON of 512 levels"


# --- values that are not what they look like --------------------------------------------------


class Text(str):
    """Text that equals everything, and prints as something else."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(AMY)

    def __str__(self) -> str:
        return "forged"


class Number(int):
    """A number that prints as another."""

    def __repr__(self) -> str:
        return "99"

    __str__ = __repr__


class Amount(Decimal):
    """An amount that compares as the price."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def __str__(self) -> str:
        return "12.99"


class Moment(datetime):
    """A time as data frames have it."""

    def isoformat(self, *_: Any, **__: Any) -> str:
        return "forged"


class Id(uuid.UUID):
    """An id that equals everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(AMY)

    def __str__(self) -> str:
        return AMY


class Word(str, Enum):  # noqa: UP042 - its str() is not its text
    DONE = "completed"


class Size(IntEnum):
    SMALL = 7


class Nowhere(tzinfo):
    def utcoffset(self, _: datetime | None) -> None:
        return None

    dst = tzname = utcoffset


def nested(levels: int, leaf: Any = None) -> Any:
    for level in range(levels):
        leaf = [] if leaf is None else [leaf] if level % 2 else {"a": leaf}
    return leaf


# --- the table --------------------------------------------------------------------------------

Ask: TypeAlias = Callable[[str], Any]
"""Makes the command, given an id for its row."""


@frozen
class Row:
    """A value, and what comes of it.

    Attributes:
        name: What it is called.
        ask: Makes the command with it.
        expected: The name of an error, the code of a refusal, or what is stored.
        seed: The same for the document at its word.
        place: The table and the column in which it is stored.
        principal: Who asks.
        key: The idempotency key.
        context: What it is done in.
    """

    name: str
    ask: Ask
    expected: Any
    seed: Any
    place: tuple[Table[Any], str]
    principal: Principal = user(AMY)
    key: str | None = None
    context: Callable[[], AbstractContextManager[object]] = nullcontext


_SAME: Final = object()


def title(name: str, value: Any, expected: Any) -> Row:
    return Row(name, lambda id_: c.CreateJobRequest(id=id_, job_title=value), expected, expected, (CRM_JOB_REQUESTS, "job_title"))  # fmt: skip


def status(name: str, value: Any, expected: Any) -> Row:
    return Row(name, lambda id_: c.CreateJobRequest(id=id_, application_status=value), expected, expected, (CRM_JOB_REQUESTS, "application_status"))  # fmt: skip


def duration(name: str, value: Any, expected: Any, seed: Any = _SAME) -> Row:
    seed = expected if seed is _SAME else seed
    return Row(name, lambda id_: c.CreateRecording(id=id_, duration=value), expected, seed, (CRM_RECORDINGS, "duration"))  # fmt: skip


def applied(name: str, value: Any, expected: Any) -> Row:
    return Row(name, lambda id_: c.CreateJobRequest(id=id_, applied_date=value), expected, expected, (CRM_JOB_REQUESTS, "applied_date"))  # fmt: skip


def born(name: str, value: Any, expected: Any) -> Row:
    return Row(name, lambda id_: c.CreateJobRequest(id=id_, created_at=value), expected, expected, (CRM_JOB_REQUESTS, "created_at"))  # fmt: skip


def data(name: str, value: Any, expected: Any = _SAME) -> Row:
    expected = value if expected is _SAME else expected
    return Row(name, lambda id_: c.UploadResume(id=id_, resume_url="a", parsed_data=value), expected, expected, (CRM_RESUMES, "parsed_data"))  # fmt: skip


def paid(name: str, value: Any, expected: Any = Decimal("12.99"), seed: Any = _SAME, **more: Any) -> Row:
    seed = expected if seed is _SAME else seed
    ask = lambda id_: c.RecordPayment(id=id_, user_id=AMY, amount=value, ref=id_)  # noqa: E731
    return Row(name, ask, expected, seed, (PAYMENTS, "amount"), SERVICE, **more)


def reference(name: str, value: Any, expected: Any = _SAME) -> Row:
    expected = value if expected is _SAME else expected
    ask = lambda id_: c.RecordPayment(id=id_, user_id=AMY, amount="12.99", ref=value)  # noqa: E731
    return Row(name, ask, expected, expected, (PAYMENTS, "ref"), SERVICE)


def keyed(name: str, value: Any, expected: Any = _SAME) -> Row:
    expected = value if expected is _SAME else expected
    return Row(name, lambda id_: c.CreateJobRequest(id=id_), expected, expected, (IDEMPOTENCY_KEYS, "key"), key=value)


def owner(name: str, value: Any, expected: Any) -> Row:
    ask = lambda id_: c.CreateJobRequest(id=id_, user_id=value, email=AMYS)  # noqa: E731
    return Row(name, ask, expected, expected, (CRM_JOB_REQUESTS, "user_id"))


def changed(name: str, column: str, value: Any, expected: Any) -> Row:
    where = {"id": label_uuid("job")}
    ask = lambda _: c.Update(table="crm_job_requests", where=where, set={column: value})  # noqa: E731
    return Row(name, ask, expected, expected, (CRM_JOB_REQUESTS, column))


def details(name: str, value: Any, expected: Any) -> Row:
    ask = lambda _: c.SyncCrmUser(email=AMYS, payment_details=value)  # noqa: E731
    return Row(name, ask, expected, expected, (CRM_USERS, "payment_details"), SERVICE)


def seconds(name: str, value: Any, expected: Any) -> Row:
    ask = lambda _: c.TrackTime(email=AMYS, seconds=value)  # noqa: E731
    return Row(name, ask, expected, expected, (CRM_USERS, "email"), SERVICE)


def narrow() -> AbstractContextManager[object]:
    """Work in somebody's context: three digits, and no error of arithmetic is one."""
    return localcontext(Context(prec=3, traps=[], Emax=1, Emin=0))


FAR_EAST, FAR_WEST = timezone(timedelta(hours=23, minutes=59)), timezone(-timedelta(hours=23, minutes=59))
ODD: Final = timezone(timedelta(hours=5, minutes=17, seconds=33, microseconds=1))
PRICE: Final = Decimal("12.99")

TABLE: Final = (
    title("text of a subclass", Text("engineer"), "engineer"),
    status("a member of an enumeration", Word.DONE, "completed"),
    title("text with NUL", "a\0b", CHECK),
    title("half of a surrogate pair", "a\ud800", CHECK),
    title("text beyond the first plane", "\U0001f600", "\U0001f600"),
    title("a number as text", 7, "TypeError"),
    title("bytes", b"a", "TypeError"),
    # numbers
    duration("a number of a subclass", Number(7), 7),
    duration("a member of a numbered enumeration", Size.SMALL, 7),
    duration("a truth as a number", True, "TypeError"),
    duration("a float", 7.0, "TypeError"),
    duration("NaN as a number", math.nan, "TypeError"),
    duration("a decimal as a number", Decimal(7), "TypeError"),
    duration("64 bits", INT64_MAX, INT64_MAX),
    duration("65 bits", INT64_MAX + 1, CHECK),
    duration("5,000 digits", 10**5000, CHECK),
    duration("5,000 digits below 0", -(10**5000), CHECK),
    duration("below 0", -1, CHECK, -1),
    seconds("seconds of 5,000 digits", 10**5000, CHECK),
    seconds("seconds of 5,000 digits below 0", -(10**5000), CHECK),
    seconds("seconds of a subclass", Number(7), AMYS),
    seconds("a truth as seconds", True, "TypeError"),
    # times
    applied("the first moment", datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)),
    applied("the last moment", datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    applied("before the first moment", datetime(1, 1, 1, tzinfo=FAR_EAST), CHECK),
    applied("after the last moment", datetime(9999, 12, 31, 23, 59, tzinfo=FAR_WEST), CHECK),
    born("created before the first moment", datetime(1, 1, 1, 0, 30, tzinfo=FAR_EAST), CHECK),
    changed("changed to before the first moment", "applied_date", datetime(1, 1, 1, tzinfo=FAR_EAST), CHECK),
    changed("changed to after the last moment", "updated_at", datetime(9999, 12, 31, 23, 59, tzinfo=FAR_WEST), CHECK),
    applied("a time of a subclass", Moment(2026, 1, 2, 13, tzinfo=timezone(timedelta(hours=1))), NOON),
    applied("a time of a subclass in UTC", Moment(2026, 1, 2, 12, tzinfo=UTC), NOON),
    applied("the second of two like moments", NOON.replace(fold=1), NOON),
    applied("an offset to the microsecond", NOON.astimezone(ODD), NOON),
    applied("a naive time", NOON.replace(tzinfo=None), "ValueError"),
    applied("a zone without an offset", NOON.replace(tzinfo=Nowhere()), "ValueError"),
    applied("a day", NOON.date(), "TypeError"),
    applied("a time as text", "infinity", "TypeError"),
    # amounts
    paid("the price as text", "12.99"),
    paid("the price with an exponent", "1299e-2"),
    paid("the price with many zeros", "12.99" + "0" * 60),
    paid("the price in a narrow context", PRICE, context=narrow),
    paid("the price as text in a narrow context", "12.99", context=narrow),
    paid("a cent more in a narrow context", Decimal("13.00"), CHECK, Decimal("13.00"), context=narrow),
    paid("an amount of a subclass", Amount("0.01"), CHECK, Decimal("0.01")),
    paid("nonsense in a narrow context", "12,99", "ValueError", context=narrow),
    paid("an underscore", "1_2.99", "ValueError"),
    paid("digits of another script", "\uff11\uff12.\uff19\uff19", "ValueError"),
    paid("spaces around", " 12.99\n", "ValueError"),
    paid("no exponent that counts", "1e9999999999999999999999", "ValueError"),
    paid("not a number", "NaN", CHECK),
    paid("signalling not a number", Decimal("sNaN"), CHECK),
    paid("an infinity", Decimal("-Infinity"), CHECK),
    paid("a million digits", Decimal("1e999999"), CHECK),
    paid("nearly nothing", "1e-999999", CHECK),
    paid("half a cent", "12.995", CHECK),
    paid("5,000 digits as an amount", 10**5000, CHECK),
    paid("nothing, from below", Decimal("-0.00"), CHECK, Decimal("0.00")),
    paid("a float as an amount", 12.99, "TypeError"),
    paid("a truth as an amount", True, "TypeError"),
    # references and keys
    reference("an empty reference", "", CHECK),
    reference("255 characters", "r" * 255),
    reference("255 wide characters", "\U0001f600" * 255),
    reference("256 characters", "r" * 256, CHECK),
    reference("10,000 characters", "r" * 10_000, CHECK),
    reference("a reference of a subclass", Text("ref of a subclass"), "ref of a subclass"),
    reference("a reference with NUL", "\0", CHECK),
    keyed("an empty key", "", CHECK),
    keyed("a key of 255 characters", "k" * 255),
    keyed("a key of 256 characters", "k" * 256, CHECK),
    keyed("a key of 10,000 characters", "k" * 10_000, CHECK),
    keyed("a key of a subclass", Text("key of a subclass"), "key of a subclass"),
    keyed("a key with NUL", "\0", "ValueError"),
    keyed("half of a surrogate pair as a key", "\udfff", "ValueError"),
    # JSON
    data("512 levels", nested(512)),
    data("513 levels", nested(513), CHECK),
    data("512 levels and a text", nested(512, "a")),
    data("100,000 levels", nested(100_000), CHECK),
    details("100,000 levels in a sync that is a repetition", nested(100_000), CHECK),
    details("a number too long in a sync that is a repetition", 10**4300, CHECK),
    changed("changed to no text", "job_title", "\0", CHECK),
    data("1e23", 1e23, 10**23),
    data("1e23 as a whole number", 10**23),
    data("a whole float", [1.0], [1]),
    data("nothing, from below, as JSON", [-0.0], [0]),
    data("the least float", [5e-324]),
    data("the greatest float", [1.7976931348623157e308], [17976931348623157 * 10**292]),
    data("a sum of floats", [0.1 + 0.2]),
    data("4,300 digits", 10**4300 - 1),
    data("4,301 digits", 10**4300, CHECK),
    data("5,000 digits inside", {"a": [-(10**5000)]}, CHECK),
    data("NaN", [math.nan], "ValueError"),
    data("an infinity as JSON", math.inf, "ValueError"),
    data("a tuple", (1, 2), "TypeError"),
    data("a key that is a number", {1: 2}, "TypeError"),
    data("members of enumerations", {"a": Size.SMALL, "b": Word.DONE}, {"a": 7, "b": "completed"}),
    data("subclasses inside", {Text("a"): [Number(7), Text("b")]}, {"a": [7, "b"]}),
    data("a truth", [True, False, None]),
    data("NUL inside", {"a": ["b\0"]}, CHECK),
    data("NUL in a key", {"b\0": 1}, CHECK),
    data("half of a surrogate pair inside", ["\ud800"], CHECK),
    # ids
    owner("an id of a subclass that equals another", Id(int=7), "rls_violation"),
    owner("text of a subclass that equals another id", Text(label_uuid("bob")), "rls_violation"),
    owner("an id in capitals", AMY.upper(), AMY),
    owner("an id of a subclass", Id(AMY), AMY),
    owner("Arabic digits as an id", "\N{ARABIC-INDIC DIGIT ZERO}" * 32, "ValueError"),
)


# --- the places -------------------------------------------------------------------------------


@frozen
class Places:
    """The same beginning in memory, in a file and in PostgreSQL."""

    memory: Crm
    file: Crm
    postgres: KeyedPostgresBackend


def ready(execute: Callable[..., Any]) -> None:
    execute(SERVICE, c.SyncCrmUser(user_id=AMY, email=AMYS))
    execute(user(AMY), c.CreateJobRequest(id=label_uuid("job"), user_id=AMY, email=AMYS))
    for n in range(4):
        execute(SERVICE, c.RecordPayment(user_id=AMY, amount="12.99", ref=f"beginning {n}"))


@pytest.fixture(scope="module", params=[HARDENED, SEED], ids=["hardened", "seed"])
def places(request: Any, make_database: MakeDatabase, tmp_path_factory: Any) -> Iterator[Places]:
    rules: Rules = request.param
    path: Path = tmp_path_factory.mktemp("values") / "crm.db"
    with opened(make_database(rules)) as postgres, SqliteStore(path) as store:
        assert isinstance(postgres, KeyedPostgresBackend)
        found = Places(Crm(rules=rules), Crm(store, rules=rules), postgres)
        for execute in (found.memory.execute, found.file.execute, postgres.execute):
            ready(execute)
        yield found


def answer(place: Any, row: Row) -> Any:
    """Return what comes of a row in one place: an error, a refusal, or what is stored then."""
    id_ = label_uuid(row.name)
    try:
        with row.context():
            command = row.ask(id_)
            if isinstance(command, c.CreateRow) and "email" in command.table.by_name:
                command = evolve(
                    cast("Any", command), email=AMYS, user_id=AMY if "id" not in row.place[1] else command.user_id
                )
            if row.key is None:
                place.execute(row.principal, command)
            elif isinstance(place, Crm):
                place.execute(row.principal, command, key=row.key)
            else:
                place.execute_keyed(row.principal, command, row.key)
    except Refused as refused:
        return refused.code
    except (TypeError, ValueError) as error:
        return type(error).__name__
    return stored(place, row, id_)


def stored(place: Any, row: Row, id_: str) -> Any:
    """Return the atom that is kept, and of JSON what all that equals it has in common."""
    table, column = row.place
    if table is IDEMPOTENCY_KEYS and not isinstance(place, Crm):
        return str.__str__(row.key)  # what nobody may read there was taken
    where = {"email": AMYS} if table is CRM_USERS else {} if table is IDEMPOTENCY_KEYS else {"id": id_}
    if isinstance(place, Crm):
        found = place.as_service().select(table.name, where)
    else:
        found = place.select(SERVICE, table.name, where)
    atoms = [values_of(table, each)[table.position[column]] for each in found]
    (atom,) = [each for each in atoms if table is not IDEMPOTENCY_KEYS or each == str.__str__(row.key)]
    return same_json(str(atom)) if column == "parsed_data" else atom


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_value_has_one_answer_everywhere(places: Places, row: Row) -> None:
    """In memory, in a file and in PostgreSQL; and what is kept is of no subclass."""
    expected = row.seed if places.memory.rules == SEED else row.expected
    if row.place == (CRM_RESUMES, "parsed_data") and expected not in (CHECK, "TypeError", "ValueError"):
        expected = same_json(str(c.UploadResume(parsed_data=expected).columns[4]))
    answers = [answer(place, row) for place in (places.memory, places.file, places.postgres)]
    assert answers == [expected] * 3
    assert {type(each) for each in answers} == {type(expected)}


def test_names_of_rows_are_told_apart() -> None:
    """A row's name is its id."""
    assert len({row.name for row in TABLE}) == len(TABLE)
