"""What a caller gives becomes a plain value, whatever the caller's context, stack or subclass."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_domain import Crm, UploadResume, user
from crm_domain.clocks import label_uuid
from crm_domain.idempotency import fingerprint
from crm_domain.ids import known_user_id
from crm_domain.values import in_cents, json_fault, json_of, json_text, plain_amount, same_json

AMY, BOB = label_uuid("amy"), label_uuid("bob")


def nested(levels: int, leaf: Any = 1) -> Any:
    for level in range(levels):
        leaf = [leaf] if level % 2 else {"a": leaf}
    return leaf


class Alike(str):
    """Text that equals Amy's id, and has its hash."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other == AMY

    def __hash__(self) -> int:
        return hash(AMY)


def test_no_subclass_poisons_the_cache_of_ids() -> None:
    """What compares as Amy's id and holds Bob's is Bob's, before and after hers was looked at."""
    assert known_user_id(Alike(BOB)) == BOB
    assert known_user_id(AMY) == AMY
    assert known_user_id(Alike(BOB)) == BOB
    assert type(known_user_id(Alike(BOB))) is str


@given(st.decimals(-(10**10), 10**10, places=2), st.integers(1, 30))
def test_amounts_are_exact_in_every_context(amount: Decimal, digits: int) -> None:
    """Reading an amount and writing it in cents depend on nothing around."""
    with localcontext(Context(prec=digits, traps=[])):
        assert in_cents(plain_amount(str(amount))).as_tuple() == amount.as_tuple()


def test_fingerprints_are_exact_in_every_context() -> None:
    """A cent more is another command, even where three digits are all that one reckons with."""
    from crm_domain import RecordPayment  # noqa: PLC0415

    one, other = (RecordPayment(user_id=AMY, amount=amount, ref="a") for amount in ("12.99", "13.00"))
    alone = fingerprint(one)
    with localcontext(Context(prec=3)):
        assert fingerprint(one) == alone != fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1], [1.0]),
        ([0], [-0.0]),
        (1e23, 10**23),
        ({"a": 1.5, "b": 2}, {"b": 2.0, "a": 1.5}),
        (1.7976931348623157e308, 17976931348623157 * 10**292),
    ],
)
def test_numbers_are_equal_as_decimals_of_their_shortest_text(one: Any, other: Any) -> None:
    """So one finds a row by the one that was stored as the other."""
    assert same_json(json_text(one, "it")) == same_json(json_text(other, "it"))
    crm = Crm()
    crm.as_service().sync_crm_user(user_id=AMY, email="amy@x.test")
    for stored, asked in ((one, other), (other, one)):
        kept = crm.as_user(AMY).upload_resume(resume_url="a", parsed_data=stored).id
        assert kept in {row.id for row in crm.as_user(AMY).select("crm_resumes", {"parsed_data": asked})}
    assert crm.as_user(AMY).select("crm_resumes", {"parsed_data": [2]}) == []
    assert crm.as_user(AMY).select("crm_resumes", {"parsed_data": None}) == []
    assert crm.as_user(AMY).select("crm_resumes", {"parsed_data": nested(600)}) == []


def test_other_numbers_are_not_equal() -> None:
    """The float next to 1e23 is another number."""
    assert same_json(json_text(1e23, "it")) != same_json(json_text(99999999999999991611392, "it"))
    assert same_json("[0.1]") != same_json("[0.10000000000000002]")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_json_comes_back_as_it_was(value: Any) -> None:
    """And what is the same of all equal JSON is a fixed point."""
    text = json_text(value, "it")
    assert json_of(text) == value
    assert same_json(same_json(text)) == same_json(text)


def test_512_levels_need_no_deeper_a_stack_than_one() -> None:
    """They are stored, found and read, and a retry is known by its key."""
    deep = nested(512)
    crm = Crm()
    crm.as_service().sync_crm_user(user_id=AMY, email="amy@x.test", payment_details=deep)
    command = UploadResume(resume_url="a", parsed_data=deep)
    crm.execute(user(AMY), command, key="deep")
    assert crm.execute(user(AMY), UploadResume(resume_url="a", parsed_data=nested(512)), key="deep").replayed
    assert [row.parsed_data for row in crm.as_user(AMY).select("crm_resumes", {"parsed_data": deep})] == [deep]
    assert crm.as_service().crm_users_export()[0]["payment_details"] == deep
    crm.rebuild()
    assert crm.as_user(AMY).resumes()[0].parsed_data == deep


@pytest.mark.parametrize(
    ("value", "levels"), [(nested(513), 513), (nested(50_000), 513), (10**4300, 0)], ids=["513", "50,000", "digits"]
)
def test_what_stands_for_json_that_nobody_stores_is_made_into_a_command_again(value: Any, levels: int) -> None:
    """A copy of the command has the same fault."""
    text = json_text(value, "it")
    assert json_fault(text) is not None
    assert json_text(json_of(text), "it") == text
    assert text.count("[") == levels
