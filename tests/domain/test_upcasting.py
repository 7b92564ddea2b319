"""Events that an older version of this library wrote are read as today's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from crm_domain import EventRecord, event_of
from crm_domain.clocks import label_uuid
from crm_domain.events import SCHEMA_VERSIONS, CreditVoided
from crm_domain.ids import UserId
from crm_domain.upcasting import UPCASTERS

AMY = UserId(label_uuid("amy"))
TODAY = CreditVoided(AMY, "grant", 3)
VERSIONS = {"CreditVoided": 3}


def _named_grant(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """From version 1, in which the grant was called ``grant``."""
    return {("grant_id" if name == "grant" else name): value for name, value in data.items()}


def _counted(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """From version 2, in which always 3 credits were voided."""
    return {**data, "credits": 3}


STEPS = {("CreditVoided", 1): _named_grant, ("CreditVoided", 2): _counted}


@pytest.mark.parametrize(
    ("version", "data"),
    [
        (1, {"user_id": AMY, "grant": "grant"}),
        (2, {"user_id": AMY, "grant_id": "grant"}),
        (3, {"user_id": AMY, "grant_id": "grant", "credits": 3}),
    ],
)
def test_upcasters_are_applied_one_after_another(version: int, data: dict[str, Any]) -> None:
    """From whichever version it was written in, up to today's; of today's, none."""
    record = EventRecord(type_name="CreditVoided", schema_version=version, data=data)
    assert event_of(record, upcasters=STEPS, versions=VERSIONS) == TODAY


@pytest.mark.parametrize(
    ("type_name", "version", "reason"),
    [
        ("CreditVoided", 4, "CreditVoided has schema version 4, this library reads up to 3; upgrade it"),
        ("CreditVoided", 0, "no upcaster for CreditVoided from schema version 0"),
        ("CreditVoided", 1, "no upcaster for CreditVoided from schema version 1"),
        ("CreditLost", 1, "there is no type 'CreditLost'; it may come from a newer version"),
        ("CreditLost", 9, "there is no type 'CreditLost'; it may come from a newer version"),
    ],
)
def test_what_cannot_be_read_says_why(type_name: str, version: int, reason: str) -> None:
    """Newer than the library, no way to today's version, or no such type: never a guess."""
    record = EventRecord(type_name=type_name, schema_version=version, data={})
    steps = {("CreditVoided", 2): _counted}
    with pytest.raises(ValueError, match=rf"^event: {reason}$"):
        event_of(record, upcasters=steps, versions=VERSIONS)


def test_an_upcaster_leaves_the_record_as_it_was() -> None:
    """A record may be read again, by this version or another."""
    data = {"user_id": AMY, "grant": "grant"}
    record = EventRecord(type_name="CreditVoided", schema_version=1, data=data)
    event_of(record, upcasters=STEPS, versions=VERSIONS)
    assert data == {"user_id": AMY, "grant": "grant"}


def test_every_older_version_has_an_upcaster() -> None:
    """From version 1 of each type a way leads to today's, and no upcaster is left over."""
    needed = {(name, version) for name, today in SCHEMA_VERSIONS.items() for version in range(1, today)}
    assert UPCASTERS.keys() == needed
