"""Somebody else's ledger, over tables of its own, is held to the laws; what is wrong with it is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest

from crm_domain.testing import Report, conformance

from .shop import SCHEMA, Shop, ShopBackend


class CreditsTwice(Shop):
    """A delivery that comes again is credited again."""

    schema = SCHEMA.replace("reference TEXT NOT NULL UNIQUE", "reference TEXT NOT NULL")

    def purchased(self, reference: str) -> None:
        """Find no purchase that was made before."""


class OneTooMany(Shop):
    """The last credit buys two clips."""

    def has_credit(self, customer: str) -> bool:
        (credit,) = self.db.execute("SELECT credit FROM customer WHERE code = ?", (customer,)).fetchone()
        return bool(credit >= 0)


class OpenShelves(Shop):
    """Everybody sees everybody's clips."""

    def shown(self, table: str, customer: str | None) -> Sequence[sqlite3.Row]:
        return super().shown(table, None if table == "clip" else customer)


@pytest.fixture
def examined() -> Callable[[type[Shop]], Report]:
    """Search in a shop of this kind."""

    def search(kind: type[Shop]) -> Report:
        with closing(ShopBackend(kind)) as backend:
            return conformance(backend, walks=60)

    return search


def test_the_shop_keeps_every_law_that_it_can_be_asked_for(examined: Any) -> None:
    """A ledger of other make holds; what it lacks is named, and is no fault."""
    report = examined(Shop)
    report.assert_held()
    assert report.requests > 100
    assert report.unseen == ("recordings.job_request_id",)
    assert {verdict.law.name: verdict.reason for verdict in report.verdicts if verdict.verdict == "not testable"} == {
        "mirror_equals_profile": "the shop has no digital_resume_by_CRM",
        "counters_equal_fold_of_events": "the shop has no crm_dashboard_stats",
        "owner_pair_is_one_account": "the shop has no CreateJobRequest",
        "reference_has_same_owner": "the shop has no CreateJobRequest",
        "provisioning_is_idempotent": "the shop has no SyncCrmUser",
        "populations_are_separate": "the shop has no SyncCrmUser",
        "at_most_one_primary_resume": "the shop has no UploadResume",
    }


@pytest.mark.parametrize(
    ("kind", "law", "asked"),
    [
        (CreditsTwice, "payment_is_idempotent", ["RegisterUser", "RecordPayment", "RecordPayment"]),
        (OneTooMany, "balance_never_negative", ["RegisterUser", "CreateRegularRecording"]),
        (
            OpenShelves,
            "reads_see_only_own_rows",
            ["RegisterUser", "RecordPayment", "CreateRegularRecording", "Select"],
        ),
    ],
    ids=["a delivery credited twice", "a balance off by one", "somebody else's rows"],
)
def test_a_fault_of_the_shop_is_found(examined: Any, kind: type[Shop], law: str, asked: list[str]) -> None:
    """Each is found as the law that it breaks, with the shortest sequence that can show it."""
    report = examined(kind)
    assert report.findings[0].laws == {law}
    assert [type(line.request).__name__ for line in report.findings[0].lines] == asked
