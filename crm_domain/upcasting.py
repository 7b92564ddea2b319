"""How is an event read that an older version of this library wrote?

An event travels as a record: type name, schema version, data. When the meaning of a type of
event changes, its version in `crm_domain.events.SCHEMA_VERSIONS` goes up, and an upcaster
from the version before is registered here. Reading applies them one after another, so that
the rest of the library knows today's form alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen

from .events import SCHEMA_VERSIONS, Event, data_of, from_data

Upcaster: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Turns the data of one schema version into that of the next."""

UPCASTERS: Final[dict[tuple[str, int], Upcaster]] = {}
"""The upcaster from each older ``(type name, schema version)`` to the next version."""


@frozen(kw_only=True)
class EventRecord:
    """An event as it is written: stable type name, schema version, and flat data."""

    type_name: str
    schema_version: int
    data: Mapping[str, Any]


def record_of(event: Event) -> EventRecord:
    """Return *event* in the form that is written today."""
    name = type(event).__name__
    return EventRecord(type_name=name, schema_version=SCHEMA_VERSIONS[name], data=data_of(event))


def event_of(
    record: EventRecord,
    *,
    upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
    versions: Mapping[str, int] = SCHEMA_VERSIONS,
) -> Event:
    """Return the event that *record*, of today's or an older version, describes.

    Raises:
        ValueError: The type is unknown, the version is newer than this library, no upcaster
            leads to today's version, or the fields are not those of the type.
    """
    name, data = record.type_name, record.data
    today = versions.get(name, record.schema_version)
    if record.schema_version > today:
        raise ValueError(
            f"event: {name} has schema version {record.schema_version}, this library reads up to {today}; upgrade it"
        )
    for version in range(record.schema_version, today):
        if (name, version) not in upcasters:
            raise ValueError(f"event: no upcaster for {name} from schema version {version}")
        data = upcasters[name, version](data)
    return from_data(name, data)
