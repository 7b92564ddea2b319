"""Which values may stand somewhere? Strategies for ids, references, amounts, times, and what a column takes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from crm_domain import rows
from crm_domain.ids import Email, normal_email
from crm_domain.rules import SAFEGUARDS, CreditPolicy, Rules
from crm_domain.schema import COUNT_MAX, INT64_MIN, Column, ColumnType, Table
from crm_domain.values import Json

from ..people import PEOPLE
from .pools import IDS_OF
from .strategies import row_ids, user_ids

_PRICE: Final = CreditPolicy().price
_AMOUNT_MAX: Final = Decimal("9999999999.99")
_COUNT_OF_CREDITS: Final = st.integers(0, 2**31 - 1)
_ADDRESSES: Final = tuple(person.email for person in PEOPLE)
_REFS: Final = ("pay-1", "pay-2", "pay-3")
_JSON_LEAVES_MAX: Final = 5


# --- ids and addresses ----------------------------------------------------------------------


def job_request_ids() -> st.SearchStrategy[str]:
    """Return a strategy for the few ids of job requests, CRM users' and regular ones."""
    return row_ids(rows.CRM_JOB_REQUESTS)


def recording_ids() -> st.SearchStrategy[str]:
    """Return a strategy for the few ids of recordings, CRM users' and regular ones."""
    return row_ids(rows.CRM_RECORDINGS)


def resume_ids() -> st.SearchStrategy[str]:
    """Return a strategy for the few ids of resumes, CRM users' and regular ones."""
    return row_ids(rows.CRM_RESUMES)


def payment_ids() -> st.SearchStrategy[str]:
    """Return a strategy for the few ids of payments."""
    return row_ids(rows.PAYMENTS)


def payment_refs() -> st.SearchStrategy[str]:
    """Return a strategy for the few references of a payment provider, so that deliveries repeat."""
    return st.sampled_from(_REFS)


def addresses() -> st.SearchStrategy[Email]:
    """Return a strategy for addresses as they are stored: in normal form, people's and any others."""
    return st.sampled_from(_ADDRESSES) | st.emails().map(lambda text: Email(normal_email(text)))


# --- amounts, times, rules ------------------------------------------------------------------


def amounts() -> st.SearchStrategy[Decimal]:
    """Return a strategy for what is paid, in US dollars with two decimals; the price is among them."""
    return st.just(_PRICE) | st.decimals(Decimal(0), _AMOUNT_MAX, places=2)


def times() -> st.SearchStrategy[datetime]:
    """Return a strategy for times: aware, in UTC, with microseconds."""
    return st.datetimes(timezones=st.just(UTC))


def credit_policies(**attributes: st.SearchStrategy[Any]) -> st.SearchStrategy[CreditPolicy]:
    """Return a strategy for credit policies.

    Args:
        attributes: Strategies for attributes of `CreditPolicy`, instead of any value.
    """
    anything: dict[str, st.SearchStrategy[Any]] = {
        "initial_credits": _COUNT_OF_CREDITS,
        "regular_initial_credits": _COUNT_OF_CREDITS,
        "credits_per_payment": _COUNT_OF_CREDITS,
        "price": st.decimals(Decimal("0.01"), _AMOUNT_MAX, places=2),
        "refund_failed_recordings": st.booleans(),
    }
    return st.builds(CreditPolicy, **anything | attributes)


def rules(**attributes: st.SearchStrategy[Any]) -> st.SearchStrategy[Rules]:
    """Return a strategy for readings of the document: any mixture of safeguards, any credit policy.

    Args:
        attributes: Strategies for attributes of `Rules`, instead of any value.
    """
    safeguards = dict.fromkeys(SAFEGUARDS, st.booleans())
    return st.builds(Rules, **{**safeguards, "credit_policy": credit_policies(), **attributes})


# --- columns --------------------------------------------------------------------------------


def texts(length_max: int | None = None) -> st.SearchStrategy[str]:
    """Return a strategy for text that a database stores: without NUL and halves of surrogate pairs.

    Args:
        length_max: The most characters; then there is one at least.
    """
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(characters, min_size=0 if length_max is None else 1, max_size=length_max)


@cache
def plain_json() -> st.SearchStrategy[Json]:
    """Return a strategy for plain JSON that a database stores."""
    leaves = st.none() | st.booleans() | st.integers(INT64_MIN, COUNT_MAX) | texts()
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(texts(), inner), max_leaves=_JSON_LEAVES_MAX
    )


@cache
def column_values(table: Table[Any], name: str) -> st.SearchStrategy[Any]:
    """Return a strategy for what a column takes under every safeguard; None is among it where NULL may be.

    Raises:
        ValueError: The table has no such column.
    """
    column = table.column(name)
    values = _given(table, column)
    if not column.not_null and not column.not_null_if_valid:
        return st.none() | values
    if column.type is ColumnType.JSONB:
        return values.filter(lambda value: value is not None)  # JSON has a null of its own, which is NULL here
    return values


def _given(table: Table[Any], column: Column) -> st.SearchStrategy[Any]:
    """Return a strategy for what a column takes besides NULL."""
    match column.type:
        case ColumnType.UUID:
            return _ids(table, column)
        case ColumnType.TEXT:
            if column.name == "email":
                return addresses()
            return st.sampled_from(column.one_of) if column.one_of else texts(column.length_max)
        case ColumnType.INTEGER | ColumnType.BIGINT:
            return st.integers(0 if column.not_negative else INT64_MIN, column.most)
        case ColumnType.BOOLEAN:
            return st.booleans()
        case ColumnType.TIMESTAMPTZ:
            return times()
        case ColumnType.JSONB:
            return plain_json()
        case _:  # an amount
            return amounts()


def _ids(table: Table[Any], column: Column) -> st.SearchStrategy[str]:
    """Return a strategy for ids: of the few that there are, where rows or people have them."""
    target = column.references[0] if column.references else table.name
    if column.name == "user_id" or target == rows.AUTH_USERS.name:
        return user_ids()
    if column.name == "recording_id":  # of either table, and so no reference
        return recording_ids()
    return row_ids(rows.TABLES[target]) if target in IDS_OF else st.uuids().map(str)
