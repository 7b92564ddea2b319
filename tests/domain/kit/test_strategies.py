"""There is a strategy for every row, command, id and reading, and each can be narrowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, get_args

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_domain import SAFEGUARDS, CreditPolicy, Crm, ManualClock, Rules, rows
from crm_domain import commands as c
from crm_domain.command_log import LoggedRead, LogLine
from crm_domain.errors import Refused
from crm_domain.ids import SERVICE, email_fault, is_canonical_uuid, normal_email
from crm_domain.reads import GetDashboard, Select
from crm_domain.schema import DEFAULT, Column, ColumnType, Table, table_of
from crm_domain.schema import column as declared
from crm_domain.testing import (
    AMY,
    BOB,
    PEOPLE,
    Lines,
    addresses,
    amounts,
    auth_users,
    column_values,
    create_job_requests,
    create_recordings,
    create_regular_job_requests,
    create_regular_recordings,
    credit_consumptions,
    credit_grants,
    credit_policies,
    crm_dashboard_stats,
    crm_job_requests,
    crm_recordings,
    crm_resumes,
    crm_users,
    dashboards,
    deletions,
    idempotency_keys,
    job_request_ids,
    job_requests,
    payment_ids,
    payment_refs,
    payments,
    profiles,
    record_payments,
    recording_ids,
    recordings,
    registrations,
    resume_ids,
    resumes,
    rows_of,
    rules,
    selects,
    syncs,
    times,
    track_logins,
    track_times,
    track_views,
    trackings,
    updates,
    upload_regular_resumes,
    upload_resumes,
    walk,
    walks,
)

Strategy = st.SearchStrategy[Any]

ROWS: Final[dict[str, Callable[..., Strategy]]] = {
    "auth.users": auth_users,
    "profiles": profiles,
    "digital_resume_by_CRM": crm_users,
    "crm_job_requests": crm_job_requests,
    "crm_recordings": crm_recordings,
    "crm_resumes": crm_resumes,
    "crm_dashboard_stats": crm_dashboard_stats,
    "job_requests": job_requests,
    "recordings": recordings,
    "resumes": resumes,
    "payments": payments,
    "credit_grants": credit_grants,
    "credit_consumptions": credit_consumptions,
    "idempotency_keys": idempotency_keys,
}
COMMANDS: Final[dict[type[Any], Callable[..., Strategy]]] = {
    c.CreateJobRequest: create_job_requests,
    c.CreateRecording: create_recordings,
    c.UploadResume: upload_resumes,
    c.CreateRegularJobRequest: create_regular_job_requests,
    c.CreateRegularRecording: create_regular_recordings,
    c.UploadRegularResume: upload_regular_resumes,
    c.RegisterUser: registrations,
    c.SyncCrmUser: syncs,
    c.RecordPayment: record_payments,
    c.Update: updates,
    c.Delete: deletions,
    c.TrackView: track_views,
    c.TrackLogin: track_logins,
    c.TrackTime: track_times,
    Select: selects,
    GetDashboard: dashboards,
}
WHOSE: Final = {person.user_id: person.email for person in PEOPLE}


def drawn(strategy: Strategy, *, examples: int = 40) -> list[Any]:
    """Return what a strategy gives, the same every time."""
    values: list[Any] = []

    @settings(max_examples=examples, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def look(value: object) -> None:
        values.append(value)

    look()
    return values


def are_distinct(values: Iterable[object]) -> bool:
    return len({repr(value) for value in values}) > 2


# --- rows -----------------------------------------------------------------------------------


def test_every_table_has_a_strategy() -> None:
    """None is forgotten here, or in the kit."""
    assert ROWS.keys() == rows.TABLES.keys()


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_as_their_table_declares(name: str) -> None:
    """Every value can stand in its column, under every safeguard."""
    table = rows.TABLES[name]
    found = drawn(ROWS[name]())
    assert are_distinct(found)
    for row in found:
        assert type(row) is table.row
        atoms = table.atoms({column.name: getattr(row, column.name) for column in table.columns})
        assert [fault for column in table.columns for fault in column.faults(atoms[column.name])] == []


@pytest.mark.parametrize("name", [name for name in ROWS if {"email", "user_id"} <= rows.TABLES[name].by_name.keys()])
def test_rows_belong_to_one_person(name: str) -> None:
    """A row's user and address are one account, where both say whose it is."""
    if name != "credit_grants":  # there the address is the grant's
        assert all(WHOSE[row.user_id] == row.email for row in drawn(ROWS[name]()))


@pytest.mark.parametrize(
    ("name", "narrowed"), [(name, column) for name in ROWS for column in rows.TABLES[name].columns]
)
def test_rows_can_be_narrowed(name: str, narrowed: Column) -> None:
    """Any column of any table can be given a strategy of its own."""
    (value,) = drawn(column_values(rows.TABLES[name], narrowed.name), examples=1)
    found = drawn(ROWS[name](**{narrowed.name: st.just(value)}), examples=3)
    assert [getattr(row, narrowed.name) for row in found] == [value] * len(found)


def test_rows_have_no_other_columns() -> None:
    """A column that is not there is a mistake, told when the strategy is made."""
    with pytest.raises(ValueError, match="crm_recordings has no column 'colour'; there are id, email"):
        crm_recordings(colour=st.just("red"))


def test_columns_take_null_where_they_may() -> None:
    """NULL is among the values of a column exactly where no safeguard minds it."""
    for table in rows.TABLES.values():
        for column in table.columns:
            may_be_null = not column.not_null and not column.not_null_if_valid
            assert (None in drawn(column_values(table, column.name))) == may_be_null, (table, column.name)


# --- commands -------------------------------------------------------------------------------


def test_every_command_has_a_strategy() -> None:
    """And every read."""
    assert COMMANDS.keys() == {*get_args(c.Command), *get_args(LoggedRead)}


@pytest.mark.parametrize("kind", COMMANDS)
def test_commands_are_well_formed(kind: type[Any]) -> None:
    """Nothing is wrong with a command, whoever asks and whatever is stored."""
    found = drawn(COMMANDS[kind]())
    assert are_distinct(found)
    assert all(type(command) is kind and not getattr(command, "faults", ()) for command in found)


@pytest.mark.parametrize(
    ("kind", "argument"), [(kind, a.name) for kind in COMMANDS for a in attrs.fields(kind) if a.init]
)
def test_commands_can_be_narrowed(kind: type[Any], argument: str) -> None:
    """Any argument of any command can be given a strategy of its own."""
    one, *_ = drawn(COMMANDS[kind](**_fixed_table(kind)), examples=1)
    value = getattr(one, argument)
    narrowed = drawn(COMMANDS[kind](**{**_fixed_table(kind), argument: st.just(value)}), examples=5)
    assert [getattr(command, argument) for command in narrowed] == [value] * len(narrowed)


def _fixed_table(kind: type[Any]) -> dict[str, Strategy]:
    """Conditions and changes are narrowed together with the table whose columns they name."""
    return {"table": st.just("crm_resumes")} if kind in {c.Update, c.Delete, Select} else {}


def test_commands_have_no_other_arguments() -> None:
    """An argument that is not there is a mistake, told when the strategy is made."""
    with pytest.raises(TypeError, match="TrackTime has no argument 'minutes'; it has email, seconds"):
        track_times(minutes=st.just(1))
    with pytest.raises(TypeError, match="CreateRegularRecording has no argument 'email'"):
        create_regular_recordings(email=st.just(AMY.email))
    with pytest.raises(TypeError, match="Select has no argument 'set'"):
        selects(set=st.just({}))


def test_tables_are_chosen_once_for_all_arguments() -> None:
    """The columns of an update's condition and changes are those of its table, which comes in any form."""
    for table in (rows.CRM_RESUMES, "crm_users"):
        for command in drawn(updates(table=st.just(table))):
            assert command.table is rows.table_named(table)
            assert {*command.where, *command.set} <= command.table.by_name.keys()


def test_what_may_be_left_out_sometimes_is() -> None:
    """Ids and times, which the model knows better, are left out of some commands and given in others."""
    for name in ("id", "created_at"):
        left_out = [getattr(command, name) is DEFAULT for command in drawn(create_recordings())]
        assert any(left_out)
        assert not all(left_out)


def test_trackings_are_of_three_kinds() -> None:
    """A view, a login or time spent; of somebody in particular, if asked for."""
    assert {type(command) for command in drawn(trackings())} == {c.TrackView, c.TrackLogin, c.TrackTime}
    assert {command.email for command in drawn(trackings(email=st.just(BOB.email)))} == {BOB.email}


def test_commands_are_accepted_and_refused() -> None:
    """A well-formed command can be asked of a `Crm`: what comes of it, is for the rules to say."""
    said: set[str] = set()
    for command in drawn(create_recordings(user_id=st.just(AMY.user_id)), examples=100):
        crm = Crm(clock=ManualClock())
        crm.execute(SERVICE, c.SyncCrmUser(user_id=AMY.user_id, email=AMY.email))
        try:
            said.add("accepted" if crm.execute(AMY.principal, command).events else "nothing happened")
        except Refused as refused:
            said.add(refused.code)
    assert said == {"accepted", "foreign_key_violation"}


# --- values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "is_good"),
    [
        (job_request_ids(), is_canonical_uuid),
        (recording_ids(), is_canonical_uuid),
        (resume_ids(), is_canonical_uuid),
        (payment_ids(), is_canonical_uuid),
        (payment_refs(), str.isascii),
        (addresses(), lambda text: email_fault(text) is None and normal_email(text) == text),
        (amounts(), lambda amount: not [*rows.PAYMENTS.column("amount").faults(amount)] and amount >= 0),
        (times(), lambda moment: moment.tzinfo is UTC),
        (credit_policies(), lambda policy: isinstance(policy, CreditPolicy)),
        (rules(), lambda reading: isinstance(reading, Rules)),
        (walks(), lambda lines: isinstance(lines, Lines) and all(isinstance(line, LogLine) for line in lines)),
    ],
    ids=[
        *("job_request_ids", "recording_ids", "resume_ids", "payment_ids", "payment_refs", "addresses"),
        *("amounts", "times", "credit_policies", "rules", "walks"),
    ],
)
def test_values_are_good_and_many(strategy: Strategy, is_good: Callable[[Any], object]) -> None:
    """Each strategy for single values gives several, all of which are what it says."""
    found = drawn(strategy)
    assert are_distinct(found)
    assert all(map(is_good, found))


def test_amounts_have_the_price_among_them() -> None:
    """What buys credits is tried, and what does not."""
    assert {Decimal("12.99"), Decimal("0.00")} <= set(drawn(amounts()))


def test_rules_are_mixtures() -> None:
    """Each safeguard is on in some of them and off in others, and the credit policy varies."""
    found = drawn(rules())
    assert all({name in reading.safeguards for reading in found} == {True, False} for name in SAFEGUARDS)
    assert are_distinct(reading.credit_policy for reading in found)


def test_rules_can_be_narrowed() -> None:
    """A safeguard and the policy can be fixed, and parts of the policy too."""
    policies = credit_policies(initial_credits=st.just(2))
    for reading in drawn(rules(one_email=st.just(True), credit_policy=policies)):
        assert reading.one_email
        assert reading.credit_policy.initial_credits == 2


def test_walks_are_those_of_the_search() -> None:
    """They are known by their seeds, and hold what is wanted of them."""
    assert walk(0) in drawn(walks())
    syncs_only = drawn(walks(wanted=lambda line: isinstance(line.request, c.SyncCrmUser)))
    assert {type(line.request) for lines in syncs_only for line in lines} == {c.SyncCrmUser}


# --- tables of one's own --------------------------------------------------------------------


@attrs.define
class Note:
    """A row of a table that the library does not have."""

    id: str = declared(ColumnType.UUID, key=True)
    at: datetime = declared(ColumnType.TIMESTAMPTZ, not_null=True)
    text: str | None = declared(ColumnType.TEXT, one_of=("a", "b"))


def test_rows_of_any_declared_table() -> None:
    """The declaration is all that is needed, also of somebody's own table."""
    notes: Table[Note] = table_of(Note, "notes", section="", purpose="")
    found = drawn(rows_of(notes))
    assert {note.text for note in found} == {None, "a", "b"}
    assert all(is_canonical_uuid(note.id) and note.at.utcoffset() == timedelta(0) for note in found)
