"""What a column takes, and what it makes of it."""

from __future__ import annotations

import json
import math
import zoneinfo
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import IntEnum
from typing import Any

import attrs
import pytest
from attrs import define
from hypothesis import example, given
from hypothesis import strategies as st

from crm_domain import CheckViolation, NotNullViolation
from crm_domain.rows import CRM_RECORDINGS, CRM_RESUMES, CRM_USERS, PAYMENTS, PROFILES, TABLES
from crm_domain.schema import (
    COUNT_MAX,
    DEFAULT,
    INT64_MAX,
    Atom,
    Column,
    ColumnType,
    Index,
    Table,
    column,
    json_text,
    table_of,
    utc,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
UNICODE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def of_type(type_: ColumnType) -> Column:
    return Column(name="it", type=type_)


# --- types ----------------------------------------------------------------------------------

SAMPLES: dict[ColumnType, Any] = {
    ColumnType.TEXT: "text",
    ColumnType.UUID: "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
    ColumnType.INTEGER: 7,
    ColumnType.BIGINT: 7,
    ColumnType.BOOLEAN: True,
    ColumnType.TIMESTAMPTZ: NOON,
    ColumnType.JSONB: {"a": [1]},
    ColumnType.NUMERIC: Decimal("12.99"),
}
MISTAKES = [
    (type_, value)
    for type_ in ColumnType
    if type_ is not ColumnType.JSONB
    for value in (*SAMPLES.values(), b"text", 7.0, object(), DEFAULT)
    if type(value) is not type(SAMPLES[type_])
]


@pytest.mark.parametrize("type_", ColumnType)
def test_a_column_takes_its_own_type_and_null(type_: ColumnType) -> None:
    """Whether NULL may stand there is another question, asked later."""
    assert of_type(type_).atom(None) is None
    stored = of_type(type_).atom(SAMPLES[type_])
    assert stored == (SAMPLES[type_] if type_ is not ColumnType.JSONB else '{"a":[1]}')


@pytest.mark.parametrize(
    ("type_", "value"), MISTAKES, ids=[f"{type_.value} of {type(value).__name__}" for type_, value in MISTAKES]
)
def test_a_column_takes_no_other_type(type_: ColumnType, value: object) -> None:
    """A wrong type is the program's mistake and names the column; booleans are not numbers, nor the reverse."""
    with pytest.raises((TypeError, ValueError), match=r"^it: ") as mistake:
        of_type(type_).atom(value)
    assert mistake.type is (ValueError if type_ is ColumnType.UUID and isinstance(value, str) else TypeError)


def test_a_column_asks_for_nothing_by_itself() -> None:
    """What is not declared is not so: NULL may stand there, and anything of its type."""
    plain = of_type(ColumnType.TEXT)
    assert (plain.default, plain.references, plain.one_of, plain.most) == (None, None, (), INT64_MAX)
    assert not any((plain.key, plain.not_null, plain.not_null_if_valid, plain.not_negative, plain.owner))
    index = Index(columns=("it",))
    assert (index.unique, index.where, index.safeguard, index.order, index.name) == (False, None, None, None, "it")


def test_an_index_depends_on_every_column_that_it_names() -> None:
    """What it is on, what decides whether a row is in it, and what rows are ordered by."""
    index = Index(columns=("user_id", "email"), where=("remaining", ">", 0), order="number")
    assert index.concerns == {"user_id", "email", "remaining", "number"}
    assert Index(columns=("user_id",)).concerns == {"user_id"}


@pytest.mark.parametrize("name", ["by_name", "position", "key", "values_of", "readers"])
def test_what_a_table_knows_from_its_columns_cannot_be_given(name: str) -> None:
    """So that it cannot be something else."""
    given_: dict[str, Any] = {name: None}
    with pytest.raises(TypeError, match=name):
        attrs.evolve(PAYMENTS, **given_)


def test_a_table_is_itself() -> None:
    """Declared once more, it is another."""
    assert attrs.evolve(PAYMENTS) != PAYMENTS
    assert len({PAYMENTS, attrs.evolve(PAYMENTS)}) == 2


@pytest.mark.parametrize("values", [(), ("id", "user", "ref", Decimal(1), 3, NOON, "one more")], ids=["none", "more"])
def test_a_row_has_as_many_values_as_columns(values: tuple[Atom, ...]) -> None:
    """Neither fewer nor more, or something was stored for another table."""
    with pytest.raises(ValueError, match="argument"):
        PAYMENTS.public(values)


@pytest.mark.parametrize("kind", [Column, Index, Table])
def test_declarations_are_named(kind: type[Any]) -> None:
    """A name or a switch says nothing by its place."""
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        kind("it")


def test_every_count_can_be_said_exactly_by_a_front_end() -> None:
    """Its numbers are floats, which name every integer up to this one, and not the next."""
    assert float(COUNT_MAX - 1) == COUNT_MAX - 1
    assert float(COUNT_MAX + 1) == COUNT_MAX


# --- values ---------------------------------------------------------------------------------

DURATION, STATUS, VIDEO = (CRM_RECORDINGS.column(name) for name in ("duration", "status", "video_url"))
AMOUNT, DETAILS = PAYMENTS.column("amount"), CRM_USERS.column("payment_details")
BALANCE = PROFILES.column("credits_remaining")
URL, PRIMARY = CRM_RESUMES.column("resume_url"), CRM_RESUMES.column("is_primary")


@pytest.mark.parametrize(
    ("column_", "value", "kind", "safeguard"),
    [
        (URL, None, NotNullViolation, None),
        (PRIMARY, None, NotNullViolation, "valid_values"),
        (STATUS, None, NotNullViolation, "valid_values"),
        (STATUS, "banana", CheckViolation, "valid_values"),
        (STATUS, "Completed", CheckViolation, "valid_values"),
        (STATUS, "", CheckViolation, "valid_values"),
        (STATUS, "failed\0", CheckViolation, None),
        (DURATION, -1, CheckViolation, "valid_values"),
        (DURATION, -9223372036854775808, CheckViolation, "valid_values"),
        (DURATION, -9223372036854775809, CheckViolation, None),
        (DURATION, 9223372036854775808, CheckViolation, None),
        (VIDEO, "\0", CheckViolation, None),
        (VIDEO, "a\0b", CheckViolation, None),
        (VIDEO, "ä\0", CheckViolation, None),
        (VIDEO, "\ud83d", CheckViolation, None),
        (VIDEO, "\ude00\ud83d", CheckViolation, None),
        (AMOUNT, Decimal("NaN"), CheckViolation, None),
        (AMOUNT, Decimal("sNaN"), CheckViolation, None),
        (AMOUNT, Decimal("Infinity"), CheckViolation, None),
        (AMOUNT, Decimal("-Infinity"), CheckViolation, None),
        (AMOUNT, Decimal("0.001"), CheckViolation, None),
        (AMOUNT, Decimal("1E-100000"), CheckViolation, None),
        (AMOUNT, Decimal(10) ** 10, CheckViolation, None),
        (AMOUNT, Decimal("1E+100000"), CheckViolation, None),
        (DETAILS, '"\\u0000"', CheckViolation, None),
        (DETAILS, '{"a":[1,{"b":"x\\u0000"}]}', CheckViolation, None),
        (DETAILS, '{"\\ud800":1}', CheckViolation, None),
        (DETAILS, '["\\udfff"]', CheckViolation, None),
    ],
)
def test_values_that_a_column_does_not_take(
    column_: Column, value: Atom, kind: type[Exception], safeguard: str | None
) -> None:
    """One fault, with its kind, and with the safeguard without which it would be taken."""
    (fault,) = column_.faults(value)
    assert (fault.kind, fault.safeguard) == (kind, safeguard)
    refusal = fault.refusal(CRM_RECORDINGS)
    assert type(refusal) is kind
    assert (refusal.table, refusal.column, refusal.safeguard) == ("crm_recordings", column_.name, safeguard)
    assert refusal.message.startswith(f"crm_recordings.{column_.name} ")


@pytest.mark.parametrize(
    ("column_", "value", "reason"),
    [
        (URL, None, "is missing"),
        (VIDEO, "\0", "holds a NUL character or half of a surrogate pair, which no database stores"),
        (STATUS, "banana", "is 'banana', expected one of processing, completed, failed"),
        (AMOUNT, Decimal("0.001"), "is 0.001, expected an amount with at most two decimals, below 10000000000"),
        (DURATION, INT64_MAX + 1, "is 9223372036854775808, which does not fit 64 bits"),
        (DURATION, -1, "is -1, expected 0 or more"),
        (BALANCE, COUNT_MAX + 1, "is 9007199254740993, expected at most 9007199254740992"),
    ],
)
def test_a_fault_says_what_is_wrong(column_: Column, value: Atom, reason: str) -> None:
    """What the value is, and what would be right."""
    assert [fault.reason for fault in column_.faults(value)] == [reason]


@pytest.mark.parametrize(
    ("column_", "value"),
    [
        (VIDEO, None),
        (VIDEO, ""),
        (VIDEO, "\x01\x7f\u200b\uffff\U0010ffff"),
        (DURATION, None),
        (DURATION, 0),
        (DURATION, 9223372036854775807),
        (STATUS, "processing"),
        (STATUS, "completed"),
        (STATUS, "failed"),
        (AMOUNT, Decimal("0.01")),
        (AMOUNT, Decimal("-0.01")),
        (AMOUNT, Decimal("12.9900")),
        (AMOUNT, Decimal("1E+9")),
        (AMOUNT, Decimal("9999999999.99")),
        (DETAILS, None),
        (DETAILS, '{"a":"\\u0001"}'),
        (DETAILS, '"\\ud83d\\ude00"'),
        (PRIMARY, False),
    ],
)
def test_values_that_a_column_takes(column_: Column, value: Atom) -> None:
    """The borders belong to it; a check lets NULL pass, as in SQL."""
    assert list(column_.faults(value)) == []


def test_a_signalling_nan_is_no_value_at_all() -> None:
    """It cannot even be compared, so it is a mistake of the program; a quiet one is a bad amount."""
    with pytest.raises(ValueError, match=r"^amount: a signalling NaN"):
        AMOUNT.atom(Decimal("sNaN"))
    assert str(AMOUNT.atom(Decimal("NaN"))) == "NaN"


def test_a_column_without_checks_takes_negative_numbers() -> None:
    """Only what is counted cannot be negative; the border is that of 64 bits."""
    assert list(of_type(ColumnType.BIGINT).faults(-9223372036854775808)) == []


# --- times ----------------------------------------------------------------------------------


class Nowhere(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (NOON, NOON),
        (datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))), NOON),
        (datetime(2026, 1, 1, 13, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), NOON),
        (datetime(2026, 1, 1, 12, microsecond=1, tzinfo=zoneinfo.ZoneInfo("UTC")), NOON.replace(microsecond=1)),
    ],
    ids=["UTC", "an offset", "a zone", "another UTC"],
)
def test_times_are_kept_in_utc_to_the_microsecond(moment: datetime, expected: datetime) -> None:
    """Whatever zone a moment was given in, the one UTC of the standard library comes out."""
    assert utc(moment, "at") == expected
    assert utc(moment, "at").tzinfo is UTC


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (datetime(2026, 1, 1), "has no time zone"),  # noqa: DTZ001 - naive on purpose
        (datetime(2026, 1, 1, tzinfo=Nowhere()), "has no time zone"),
    ],
    ids=["naive", "a zone without offset"],
)
def test_times_that_nobody_can_place_are_mistakes(moment: datetime, reason: str) -> None:
    """A naive time is a ValueError that names the field."""
    with pytest.raises(ValueError, match=rf"^recording_date: .* {reason}"):
        Column(name="recording_date", type=ColumnType.TIMESTAMPTZ).atom(moment)


@pytest.mark.parametrize(
    "moment",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    ],
    ids=["before the first", "after the last"],
)
def test_times_that_utc_cannot_say_are_no_values(moment: datetime) -> None:
    """They are a fault of the column, and a mistake where a time is no column's."""
    column = Column(name="recording_date", type=ColumnType.TIMESTAMPTZ)
    (fault,) = column.faults(column.atom(moment))
    assert fault.reason.endswith("which is outside of the years 1 to 9999 in UTC")
    with pytest.raises(ValueError, match=r"^at: .* is outside of what UTC can say"):
        utc(moment, "at")


# --- JSON -----------------------------------------------------------------------------------


@given(JSON)
@example([1.5, -0.0, 2**70, {"": None}])
def test_json_comes_back_equal_from_its_text(value: Any) -> None:
    """Types included: true is not 1, and 1 is not 1.0, once they are written."""
    text = json_text(value, "parsed_data")
    back = json.loads(text)
    assert back == value
    assert json_text(back, "parsed_data") == text


def test_equal_objects_have_one_text() -> None:
    """The order of keys says nothing, so that equality of texts is equality of objects."""
    assert json_text({"b": 1, "a": [2]}, "it") == json_text({"a": [2], "b": 1}, "it") == '{"a":[2],"b":1}'


class Size(IntEnum):
    SMALL = 1


def _ring() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def _deep(levels: int = 100_000) -> list[Any]:
    deep: list[Any] = []
    for _ in range(levels - 1):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((1, 2), TypeError),
        ({1: 2}, TypeError),
        ({None: 1}, TypeError),
        ({"a": 1, 1: 2}, TypeError),
        ({"a": {1, 2}}, TypeError),
        (b"text", TypeError),
        (Decimal(1), TypeError),
        (NOON, TypeError),
        (DEFAULT, TypeError),
        (math.nan, ValueError),
        ([math.inf], ValueError),
        (_ring(), ValueError),
    ],
    ids=[
        "tuple",
        "number as key",
        "null as key",
        "mixed keys",
        "set",
        "bytes",
        "decimal",
        "time",
        "a marker",
        "NaN",
        "infinity",
        "ring",
    ],
)
def test_what_is_not_plain_json_is_a_mistake(value: object, kind: type[Exception]) -> None:
    """It would not come back equal, so it is refused where it was made, naming the field."""
    with pytest.raises(kind, match=r"^parsed_data: not plain JSON"):
        json_text(value, "parsed_data")


def test_json_without_an_end_is_stored_by_nobody() -> None:
    """However deep it is: it is a fault, and no error of the stack; so is a number that is not read back."""
    column = Column(name="parsed_data", type=ColumnType.JSONB)
    for value, reason in (
        (_deep(), "nests more than 512 levels deep"),
        (_deep(513), "nests more than 512 levels deep"),
        ([10**4300], "holds a whole number of more than 4300 digits"),
        ({"a": -(10**5000)}, "holds a whole number of more than 4300 digits"),
    ):
        (fault,) = column.faults(column.atom(value))
        assert (fault.reason, fault.safeguard) == (reason, None)
    for sound in (_deep(512), [10**4300 - 1]):
        assert list(column.faults(column.atom(sound))) == []


def test_numbers_of_an_enumeration_are_numbers() -> None:
    """What is equal to plain JSON comes back equal."""
    assert json_text([Size.SMALL], "it") == "[1]"


# --- tables ---------------------------------------------------------------------------------


def test_a_table_collects_what_its_class_declares() -> None:
    """Columns in order, their positions, the one key; a key is never NULL."""

    @define
    class Thing:
        id: str = column(ColumnType.TEXT, key=True)
        data: Any = column(ColumnType.JSONB, default=None)

    things = table_of(Thing, "things", section="Things", purpose="Test")
    assert (things.key, list(things.by_name), things.position) == ("id", ["id", "data"], {"id": 0, "data": 1})
    assert [c.not_null for c in things.columns] == [True, False]
    assert things.row_of(("1", '{"a":[]}')) == Thing("1", '{"a":[]}')
    assert things.values_of(Thing("1", "[]")) == ("1", "[]")
    assert repr(things) == "<table things>"


def test_public_rows_share_nothing() -> None:
    """A caller may do with a row what they like; JSON columns are theirs, as plain JSON."""
    values = (*("x" for _ in range(7)), '{"skills":["sql"]}', *("x" for _ in range(4)))
    row: Any = CRM_RESUMES.public(values)
    row.parsed_data["skills"].append("python")
    row.resume_name = "changed"
    other = CRM_RESUMES.public(values)
    assert (other.parsed_data, other.resume_name) == ({"skills": ["sql"]}, "x")


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_unknown_columns_are_mistakes_that_list_the_known(table: Any) -> None:
    """Whoever mistypes a column is told which there are."""
    with pytest.raises(ValueError, match=rf"^{table.name} has no column 'zzz'; there are .*{table.columns[-1].name}$"):
        table.column("zzz")
    with pytest.raises(ValueError, match="has no column"):
        table.atoms({"e-mail": 1})


@given(UNICODE)
def test_text_is_kept_as_it_is(text: str) -> None:
    """No text column trims, folds or normalises; only addresses are keys."""
    assert VIDEO.atom(text) == text
    assert list(VIDEO.faults(text)) == []


# --- indexes --------------------------------------------------------------------------------


@define
class Grant:
    user_id: str = "a"
    remaining: int = 1
    is_open: bool = True


@pytest.mark.parametrize(
    ("where", "row", "held"),
    [
        (None, Grant(), True),
        (("remaining", ">", 0), Grant(remaining=1), True),
        (("remaining", ">", 0), Grant(remaining=0), False),
        (("is_open", "=", True), Grant(is_open=True), True),
        (("is_open", "=", True), Grant(is_open=False), False),
    ],
)
def test_an_index_holds_the_rows_that_meet_its_condition(
    where: tuple[str, str, Atom] | None, row: Grant, *, held: bool
) -> None:
    """A partial index is one with a condition."""
    assert Index(columns=("user_id",), where=where).holds(row) is held


def test_an_index_is_called_after_its_columns_unless_named() -> None:
    """Two indexes on one column are told apart by name."""
    assert Index(columns=("user_id", "number")).name == "user_id_number"
    assert Index(columns=("user_id",), name="open").name == "open"


def test_an_index_depends_on_its_columns_and_its_condition() -> None:
    """A change of anything else leaves it as it is."""
    index = Index(columns=("user_id",), where=("remaining", ">", 0))
    assert index.concerns == {"user_id", "remaining"}
    assert Index(columns=("email",)).concerns == {"email"}


def test_the_marker_of_a_default_prints_as_its_name() -> None:
    """It is seen in the signature of every command."""
    assert repr(DEFAULT) == "DEFAULT"
