"""May these rows be changed, or deleted?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from .addresses import known_address
from .answers import Changed
from .commands import Delete, Update
from .creation import RECORDINGS, refuse_foreign_job, second_primary, unknown_address, unknown_user
from .credits import adjusted, balance_of, consumption_of
from .decision import View, refuse_faults
from .errors import CheckViolation, Conflict, ForeignKeyViolation, PermissionDenied, Refused, UniqueViolation
from .events import CreditRefunded, Event, RecordingCompleted, RowDeleted, RowUpdated
from .ids import Principal
from .isolation import SECTION, account_of, refuse_foreign_row, refuse_role, refuse_writer, visible_rows
from .rows import CRM_USERS, PROFILES, TABLES
from .schema import Atom, Index, Table


def decide_update(view: View, principal: Principal, command: Update, at: datetime) -> Changed:
    """Decide whether the rows that are visible and meet the condition may be changed.

    Where no row is, nothing is refused but what the role may not do at all: 0 rows.

    Raises (in order of precedence):
        PermissionDenied: The role may not update the table, or a user's row would be another's (``immutable_owner``).
        CheckViolation: A row would be another's, and it is the service who says so.
        RlsViolation: The writer was deactivated or is of the other population, or would give a row away.
        NotNullViolation, CheckViolation: A new value is not one for its column, or the column is fixed.
        UniqueViolation: A second row would have what only one may.
        Conflict: The mirror would differ from the leading balance.
        ForeignKeyViolation: A new reference leads nowhere, or to another user's row.
    """
    table = command.table
    refuse_role(principal, "UPDATE", table, view.rules)
    found = visible_rows(view.tables, principal, table, command.where)
    if not found:
        return Changed((), affected=0)
    changes = _with_key(view, principal, command.set)
    _refuse_owner_changes(view, principal, table, found, changes)
    _refuse_changes(view, principal, table, found, changes)
    events = [event for row in found for event in _changed(view, principal, table, row, changes, at)]
    return Changed(tuple(events), affected=len(found))


def _with_key(view: View, principal: Principal, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the changes with their address as the key that it means."""
    given = changes.get("email")
    return changes if given is None else {**changes, "email": known_address(view, principal, given)}


def _refuse_owner_changes(
    view: View, principal: Principal, table: Table[Any], found: Sequence[Any], changes: Mapping[str, Atom]
) -> None:
    """Refuse an update after which a row would be another's; owner columns that keep their values are no change."""
    owners = [name for name in changes if table.column(name).owner] if view.rules.immutable_owner else []
    moved = [(row, name) for row in found for name in owners if getattr(row, name) != changes[name]]
    if not moved:
        return
    column = moved[0][1]
    staying = [row for row in found if all(row is not other for other, _ in moved)]
    raise (PermissionDenied if principal.is_user else CheckViolation)(
        f"{table.name}.{column} says whose row it is and never changes: leave it out of the update.",
        table=table.name,
        column=column,
        safeguard="immutable_owner",
        section=SECTION,
        as_right=_refusals_of(view, principal, table, staying, changes),
    )


def _refusals_of(
    view: View, principal: Principal, table: Table[Any], rows: Sequence[Any], changes: Mapping[str, Atom]
) -> frozenset[str]:
    """Return the code with which these rows alone would be refused, if they would be."""
    if rows:
        try:
            _refuse_changes(view, principal, table, rows, changes)
        except Refused as refused:
            return frozenset({refused.code})
    return frozenset()


def _refuse_changes(
    view: View, principal: Principal, table: Table[Any], found: Sequence[Any], changes: Mapping[str, Any]
) -> None:
    """Refuse what the writer, a value, another row or a reference forbids, in this order."""
    tables, rules = view.tables, view.rules
    refuse_writer(principal, account_of(tables, principal.user_id), table, rules)
    if "user_id" in changes:
        refuse_foreign_row(principal, changes["user_id"], table)
    refuse_faults((f for name, value in changes.items() for f in table.column(name).faults(value)), table, rules)
    for row in found:
        _refuse_fixed(view, table, row, changes)
    _refuse_second(view, table, found, changes)
    if table is CRM_USERS and principal.is_service and changes.keys() & {"credits_remaining", "user_id"}:
        for row in found:
            _refuse_lone_mirror(view, attrs.evolve(row, **changes))
    for row in found:
        _refuse_references(view, table, attrs.evolve(row, **changes), changes)


def _refuse_fixed(view: View, table: Table[Any], row: Any, changes: Mapping[str, Atom]) -> None:
    """Refuse changes of what is fixed for this row: its key, paid media, the status of a refunded recording."""
    for name, value in changes.items():
        if name == table.key and value != getattr(row, name):
            reason = "is the key and never changes" + (
                ": an e-mail change is not offered" if table is CRM_USERS else "; delete the row and create another"
            )
            raise _fixed(table, name, reason)
    if table.name in RECORDINGS:
        _refuse_fixed_recording(view, table, row, changes)


def _refuse_fixed_recording(view: View, table: Table[Any], row: Any, changes: Mapping[str, Atom]) -> None:
    paid = consumption_of(view.tables, table, row.id)
    assert paid is not None, f"{table.name} {row.id} was never paid for"
    swapped = changes.get("video_url", row.video_url) != row.video_url
    if view.rules.paid_media_immutable and swapped and paid.completed_at is not None:
        reason = "is fixed since the paid recording was completed: create another recording"
        raise _fixed(table, "video_url", reason, "paid_media_immutable")
    if paid.refunded_at is not None and changes.get("status", "failed") != "failed":
        raise _fixed(table, "status", "stays 'failed': the credit was given back; create another recording")


def _fixed(table: Table[Any], column: str, reason: str, safeguard: str | None = None) -> CheckViolation:
    return CheckViolation(
        f"{table.name}.{column} {reason}.",
        table=table.name,
        column=column,
        safeguard=safeguard,
        section=table.section,
    )


def _refuse_second(view: View, table: Table[Any], found: Sequence[Any], changes: Mapping[str, Atom]) -> None:
    """Refuse a change after which two rows would share what a unique index keeps apart."""
    for index in table.indexes:
        wanted = index.safeguard is None or getattr(view.rules, index.safeguard)
        concerned = {*index.columns, *(index.where or ())[:1]}
        if index.unique and wanted and concerned & changes.keys():
            _refuse_shared(view, table, index, found, changes)


def _refuse_shared(
    view: View, table: Table[Any], index: Index, found: Sequence[Any], changes: Mapping[str, Atom]
) -> None:
    (column,) = index.columns
    stored = view.tables.by_name[table.name]
    keys = {getattr(row, table.key) for row in found}
    seen: set[Atom] = set()
    for row in found:
        after = attrs.evolve(row, **changes)
        value = getattr(after, column)
        if not index.holds(after) or value is None:
            continue
        others = (getattr(other, table.key) for other in stored.find(index.name, value))
        if value in seen or any(key not in keys for key in others):
            if index.name == "primary":
                raise second_primary(table)
            raise UniqueViolation(
                f"Another row of {table.name} has this {column}.",
                table=table.name,
                column=column,
                section=table.section,
            )
        seen.add(value)


def _refuse_lone_mirror(view: View, after: Any) -> None:
    balance = balance_of(view.tables, after.user_id)
    if after.credits_remaining != balance:
        raise Conflict(
            f"credits_remaining here mirrors the balance in profiles, which is {balance}: "
            "set profiles.credits_remaining instead, and the mirror follows.",
            table=CRM_USERS.name,
            column="credits_remaining",
            section="Credit Sync",
        )


def _refuse_references(view: View, table: Table[Any], after: Any, changes: Mapping[str, Atom]) -> None:
    for name, value in changes.items():
        reference = table.column(name).references
        if value is None or reference is None or name == "job_request_id":
            continue
        if value not in view.tables.by_name[reference[0]]:
            raise unknown_address(table, view.rules) if name == "email" else unknown_user(table)
    if table.name in RECORDINGS and changes.keys() & {"job_request_id", "user_id"}:
        refuse_foreign_job(view, table, after.job_request_id, after.user_id)


def _changed(
    view: View, principal: Principal, table: Table[Any], row: Any, changes: Mapping[str, Atom], at: datetime
) -> Iterator[Event]:
    """Yield what happens to one row."""
    rest = dict(changes)
    by_owner = principal.is_user
    if table is PROFILES and not by_owner and "credits_remaining" in rest:
        balance: Any = rest.pop("credits_remaining")
        yield from adjusted(view.tables, row.user_id, to=balance, source="adjustment", at=at)
    if rest and "updated_at" in table.by_name:
        rest.setdefault("updated_at", at)
    if rest:
        yield RowUpdated(row.user_id, table.name, getattr(row, table.key), tuple(rest.items()), by_owner)
    if table.name in RECORDINGS:
        yield from _status_changed(view, principal, table, row, changes.get("status", row.status))


def _status_changed(view: View, principal: Principal, table: Table[Any], row: Any, status: Atom) -> Iterator[Event]:
    paid = consumption_of(view.tables, table, row.id)
    assert paid is not None, f"{table.name} {row.id} was never paid for"
    if status == row.status:
        return
    if status == "completed" and paid.completed_at is None:
        yield RecordingCompleted(row.user_id, paid.id)
    # A user's own word must not give them a credit back: only the service marks a recording as failed.
    refundable = paid.refunded_at is None and paid.grant_id is not None and principal.is_service
    if status == "failed" and refundable and view.rules.credit_policy.refund_failed_recordings:
        assert paid.user_id is not None
        assert paid.grant_id is not None
        yield CreditRefunded(paid.user_id, paid.id, paid.grant_id)


def decide_deletion(
    view: View,
    principal: Principal,
    command: Delete,
    at: datetime,  # noqa: ARG001 - every decision is told the time
) -> Changed:
    """Decide whether the rows that are visible and meet the condition may be deleted.

    Raises (in order of precedence):
        PermissionDenied: The role may not delete from the table.
        RlsViolation: The writer was deactivated or is of the other population.
        ForeignKeyViolation: Another row names one of them; the document gives no ON DELETE.
    """
    tables, table = view.tables, command.table
    refuse_role(principal, "DELETE", table, view.rules)
    found = visible_rows(tables, principal, table, command.where)
    if not found:
        return Changed((), affected=0)
    refuse_writer(principal, account_of(tables, principal.user_id), table, view.rules)
    for row in found:
        _refuse_referenced(view, table, getattr(row, table.key))
    events = tuple(RowDeleted(row.user_id, table.name, getattr(row, table.key)) for row in found)
    return Changed(events, affected=len(found))


def _refuse_referenced(view: View, table: Table[Any], key: Any) -> None:
    for child in TABLES.values():
        for column in child.columns:
            if column.references == (table.name, table.key) and view.tables.by_name[child.name].find(column.name, key):
                raise ForeignKeyViolation(
                    f"{child.name}.{column.name} still refers to this row of {table.name}: delete those rows first.",
                    table=table.name,
                    column=table.key,
                    section=child.section,
                )
