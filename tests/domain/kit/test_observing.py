"""What somebody's backend shows, in whatever form: compared by value, without the clocks and ids that are its own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pytest

from crm_domain import (
    SERVICE,
    CheckViolation,
    CrmUserWithStats,
    NotNullViolation,
    PermissionDenied,
    Principal,
    RlsViolation,
    UniqueViolation,
)
from crm_domain.errors import REFUSALS, Forbidden, refusal
from crm_domain.reads import DashboardData
from crm_domain.rows import CRM_DASHBOARD_STATS, CRM_RESUMES, PAYMENTS, PROFILES, Profile
from crm_domain.testing import AMY, BOB, CrmBackend
from crm_domain.testing.comparing.observing import Failed, dashboard_shown, look, same_refusal, seen, told

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ROW: dict[str, Any] = {"user_id": AMY.user_id, "credits_remaining": 4, "created_at": NOW, "updated_at": NOW}


def test_objects_and_mappings_look_the_same() -> None:
    """A row may be an object with the columns, or a mapping; the order of rows does not matter."""
    other = ROW | {"user_id": BOB.user_id}
    assert seen(PROFILES, [ROW, other]).same(seen(PROFILES, [Profile(**other), Profile(**ROW)]))
    assert not seen(PROFILES, [ROW]).same(seen(PROFILES, [other]))
    assert not seen(PROFILES, [ROW]).same(seen(PROFILES, [ROW, other]))


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(ROW | {"user_id": uuid.UUID(AMY.user_id)}, id="a UUID object"),
        pytest.param(ROW | {"user_id": AMY.user_id.upper()}, id="a UUID in capitals"),
        pytest.param(ROW | {"created_at": NOW + timedelta(days=9)}, id="another clock"),
        pytest.param(ROW | {"created_at": NOW.astimezone(timezone(timedelta(hours=2)))}, id="another zone"),
    ],
)
def test_same_in_another_form(row: Mapping[str, Any]) -> None:
    """Ids are compared as ids, and of times that nobody chose only whether there is one."""
    assert seen(PROFILES, [row]).same(seen(PROFILES, [ROW]))


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(ROW | {"credits_remaining": 3}, id="another value"),
        pytest.param(ROW | {"created_at": None}, id="no time"),
    ],
)
def test_not_the_same(row: Mapping[str, Any]) -> None:
    """Another value is another row; so is a time that is missing."""
    assert not seen(PROFILES, [row]).same(seen(PROFILES, [ROW]))


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(ROW | {"user_id": "nobody"}, id="no UUID"),
        pytest.param(ROW | {"credits_remaining": "4"}, id="text for a number"),
        pytest.param(ROW | {"created_at": "2026-07-01"}, id="text for a time"),
        pytest.param(ROW | {"created_at": datetime(2026, 7, 1)}, id="a time without a zone"),  # noqa: DTZ001
        pytest.param({"credits_remaining": 4}, id="no key"),
        pytest.param(None, id="no row"),
        pytest.param(7, id="a number"),
    ],
)
def test_junk_is_a_failure(row: Any) -> None:
    """A value that cannot stand in its column, or a row without its key, is a failure, and like nothing else."""
    found = seen(PROFILES, [row])
    assert isinstance(found.shown, Failed)
    assert str(found.shown).startswith("failed with ")
    assert not found.same(seen(PROFILES, [ROW]))
    assert not found.same(seen(PROFILES, []))


def test_a_column_that_is_not_shown_is_not_compared() -> None:
    """A backend without a column looks the same as far as it shows; its other columns are compared all the same."""
    narrow = {name: value for name, value in ROW.items() if name != "updated_at"}
    assert seen(PROFILES, [narrow]).same(seen(PROFILES, [ROW]))
    assert seen(PROFILES, [ROW]).same(seen(PROFILES, [narrow]))
    assert not seen(PROFILES, [narrow | {"credits_remaining": 3}]).same(seen(PROFILES, [ROW]))


def test_amounts_are_equal_as_amounts() -> None:
    """A decimal is compared to the cent, however many digits are written."""
    payment = {"user_id": AMY.user_id, "ref": "a", "credits": 3, "created_at": NOW}
    one, other = ({"id": str(uuid.UUID(int=n)), "amount": Decimal(text)} for n, text in enumerate(("12.99", "12.990")))
    assert seen(PAYMENTS, [payment | one]).same(seen(PAYMENTS, [payment | other]))
    assert not seen(PAYMENTS, [payment | one]).same(seen(PAYMENTS, [payment | one | {"amount": Decimal("0.01")}]))
    odd = payment | one | {"amount": Decimal("NaN")}
    assert not seen(PAYMENTS, [odd]).same(seen(PAYMENTS, [payment | one]))


def test_json_is_compared_as_json() -> None:
    """The order of an object's names makes no difference."""
    row = dict.fromkeys(CRM_RESUMES.by_name) | {"id": AMY.user_id}
    one, other = {"a": 1, "b": [2]}, {"b": [2], "a": 1}
    assert seen(CRM_RESUMES, [row | {"parsed_data": one}]).same(seen(CRM_RESUMES, [row | {"parsed_data": other}]))
    assert not seen(CRM_RESUMES, [row | {"parsed_data": one}]).same(seen(CRM_RESUMES, [row]))


def test_made_ids_are_not_compared() -> None:
    """Of ids that nobody chose nothing is compared."""
    stats: dict[str, Any] = {name: 0 for name in CRM_DASHBOARD_STATS.by_name if name.startswith("total_")}
    stats |= {name: None for name in CRM_DASHBOARD_STATS.by_name if name.endswith(("_date", "_at"))}
    stats |= {"email": AMY.email, "user_id": AMY.user_id}
    rows = [stats | {"id": uuid.UUID(int=n)} for n in (1, 2)]
    assert seen(CRM_DASHBOARD_STATS, rows[:1]).same(seen(CRM_DASHBOARD_STATS, rows[1:]))


class Showing(CrmBackend):
    """Shows what it is told to."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def select(self, principal: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


def test_a_look_is_rows_a_refusal_or_a_failure() -> None:
    """A refusal is what is seen; whatever else breaks in the backend is a failure; what is not there is told."""
    assert look(Showing([ROW]), SERVICE, PROFILES).same(seen(PROFILES, [ROW]))
    refused = look(Showing(PermissionDenied("no")), SERVICE, PROFILES)
    assert refused.same(look(Showing(PermissionDenied("never")), SERVICE, PROFILES))
    assert not refused.same(look(Showing(UniqueViolation("no")), SERVICE, PROFILES))
    broken = look(Showing(OSError("gone")), SERVICE, PROFILES)
    assert str(broken.shown).startswith("failed with OSError: gone (in test_observing.py, line ")
    with pytest.raises(NotImplementedError):
        look(Showing(NotImplementedError()), SERVICE, PROFILES)


def test_forbidden_is_either_kind_of_42501() -> None:
    """Who says 42501 alone says one of its two kinds, and no other."""
    forbidden = refusal("42501")
    assert isinstance(forbidden, Forbidden)
    for other in (PermissionDenied(""), RlsViolation(""), refusal("42501")):
        assert same_refusal(forbidden, other)
        assert same_refusal(other, forbidden)
    assert not same_refusal(forbidden, UniqueViolation(""))
    assert not same_refusal(PermissionDenied(""), RlsViolation(""))


@pytest.mark.parametrize("kind", REFUSALS.values(), ids=list(REFUSALS))
def test_a_refusal_is_made_of_its_code(kind: type[Any]) -> None:
    """Another implementation's refusal is made of the kind's code, or of an SQLSTATE that is of one kind only."""
    assert type(refusal(kind.code, "why")) is kind
    assert refusal(kind.code, "why").message == "why"
    if kind.sqlstate not in {None, "42501"}:
        assert type(refusal(kind.sqlstate)) is kind


def test_an_unknown_code_is_a_mistake() -> None:
    """A code that is none names those that there are."""
    with pytest.raises(ValueError, match=r"'XX000' is no kind of refusal; there are permission_denied, .*P0001"):
        refusal("XX000")


DASHBOARD = DashboardData(
    total_applications=1,
    total_recordings=0,
    total_resumes=0,
    total_views=0,
    credits_remaining=4,
    last_application_date=NOW,
    last_recording_date=None,
)


def test_dashboards_are_compared_without_their_clock() -> None:
    """Of a dashboard's dates it counts whether there are any; object or mapping are the same."""
    later = attrs.evolve(DASHBOARD, last_application_date=NOW + timedelta(days=1))
    assert dashboard_shown(DASHBOARD) == dashboard_shown(attrs.asdict(later))
    assert dashboard_shown(DASHBOARD) != dashboard_shown(attrs.evolve(DASHBOARD, last_application_date=None))
    assert dashboard_shown(DASHBOARD) != dashboard_shown(attrs.evolve(DASHBOARD, credits_remaining=3))
    assert dashboard_shown(None) is None


@pytest.mark.parametrize("answer", [{"total_views": 1}, 7, CrmUserWithStats])
def test_a_dashboard_without_its_columns_is_a_failure(answer: Any) -> None:
    """An answer that is no dashboard is like no dashboard."""
    shown = dashboard_shown(answer)
    assert isinstance(shown, Failed)
    assert shown != dashboard_shown(DASHBOARD)


def test_what_an_answer_tells() -> None:
    """A part of an answer is told by a mapping or an object; what is not told is None."""
    assert told({"affected": 2}, "affected") == 2
    assert told(DASHBOARD, "total_applications") == 1
    assert told(None, "id") is None
    assert told({}, "id") is None


def test_a_refusal_that_is_as_right_is_the_same() -> None:
    """Of rows that are refused for different reasons, any may be looked at first."""
    expected = CheckViolation("", as_right=frozenset({"not_null_violation"}))
    for refused, same in ((CheckViolation(""), True), (NotNullViolation(""), True), (UniqueViolation(""), False)):
        assert same_refusal(refused, expected) is same
        assert same_refusal(expected, refused) is same
