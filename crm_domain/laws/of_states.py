"""What holds in every state? Laws that compare the tables with one another and with the journal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from crm_domain import events as e
from crm_domain import rows
from crm_domain.evolve import evolve
from crm_domain.ids import Email, Role, RowId, UserId
from crm_domain.memory.rows import memory_rows
from crm_domain.ports import JournalEntry, Tables
from crm_domain.rows import CreditGrant

from .differences import differences
from .kinds import State, of_state

_RECORDED: Final = (e.RecordingCreated, e.RegularRecordingCreated)
_LEDGER: Final = ("granted", "consumed", "voided")

# --- credits --------------------------------------------------------------------------------


@of_state(1, section="Recording Creation Flow")
def balance_never_negative(state: State) -> Iterator[str]:
    """No balance is ever below 0 credits."""
    for profile in state.tables.profiles:
        if profile.credits_remaining < 0:
            yield f"profiles {profile.user_id}: the balance is {profile.credits_remaining}, expected 0 or more"
    balances: Counter[UserId | None] = Counter()
    for entry in state.journal.entries():
        user_id, _, credits_ = _movement(entry.event)
        balances[user_id] += credits_
        if credits_ < 0 and balances[user_id] < 0:
            yield f"position {entry.position}: it brings {user_id} to {balances[user_id]} credits, expected 0 or more"


@of_state(2, section="Credit Consumption")
def balance_equals_granted_minus_consumed(state: State) -> Iterator[str]:
    """What the policy granted is what remains, was consumed net of refunds, or was voided."""
    yield from _unexplained_balances(state)
    yield from _unbalanced_grants(state)
    yield from _unearned_grants(state)


def _movement(event: e.Event) -> tuple[UserId | None, str, int]:
    """Return whose balance an event moves, why, and by how many credits."""
    match event:
        case e.CreditGranted():
            grant = event.row
            return grant.user_id, "granted", grant.credits
        case e.CreditConsumed():
            return event.row.user_id, "consumed", -1
        case e.CreditRefunded():
            return event.user_id, "consumed", 1
        case e.CreditVoided():
            return event.user_id, "voided", -event.credits
        case _:
            return None, "", 0


def _unexplained_balances(state: State) -> Iterator[str]:
    ledger: Counter[tuple[UserId | None, str]] = Counter()
    for entry in state.journal.entries():
        user_id, why, credits_ = _movement(entry.event)
        ledger[user_id, why] += credits_
    for profile in state.tables.profiles:
        granted, consumed, voided = (ledger[profile.user_id, why] for why in _LEDGER)
        if profile.credits_remaining != granted + consumed + voided:
            yield (
                f"profiles {profile.user_id}: the balance is {profile.credits_remaining}, expected "
                f"{granted} granted - {-consumed} consumed - {-voided} voided = {granted + consumed + voided}"
            )


def _unbalanced_grants(state: State) -> Iterator[str]:
    consumed: Counter[str | None] = Counter()
    voided: Counter[str | None] = Counter()
    for entry in state.journal.entries():
        match entry.event:
            case e.CreditConsumed() as event:
                consumed[event.row.grant_id] += 1
            case e.CreditRefunded() as event:
                consumed[event.grant_id] -= 1
            case e.CreditVoided() as event:
                voided[event.grant_id] += event.credits
            case _:
                pass
    for grant in state.tables.credit_grants:
        remaining = grant.credits - consumed[grant.id] - voided[grant.id]
        expected = (remaining, consumed[grant.id], voided[grant.id])
        if min(expected) < 0 or (grant.remaining, grant.consumed, grant.voided) != expected:
            yield (
                f"credit_grants {grant.id}: of {grant.credits} credits {grant.remaining} remain, {grant.consumed} "
                f"are consumed, {grant.voided} voided, expected {expected[0]}, {expected[1]}, {expected[2]}"
            )


def _unearned_grants(state: State) -> Iterator[str]:
    policy = state.rules.credit_policy
    paid_out: Counter[RowId | None] = Counter()
    for grant in state.tables.credit_grants:
        paid_out[grant.payment_id] += grant.credits
        if grant.source == "initial" and grant.credits != policy.initial_credits:
            yield f"credit_grants {grant.id}: {grant.credits} initial credits, expected {policy.initial_credits}"
        if (grant.source == "payment") != _is_for_payment(state, grant):
            yield f"credit_grants {grant.id}: its source is {grant.source!r}, its payment {grant.payment_id}"
    for payment in state.tables.payments:
        earned = policy.credits_per_payment if payment.amount == policy.price else 0
        if (payment.credits, paid_out[payment.id]) != (earned, earned):
            yield (
                f"payments {payment.id}: {payment.amount} gave {paid_out[payment.id]} credits "
                f"(noted as {payment.credits}), expected {earned}"
            )


def _is_for_payment(state: State, grant: CreditGrant) -> bool:
    payment = state.tables.payments.get(grant.payment_id)
    return payment is not None and payment.user_id == grant.user_id


@of_state(3, section="Credit Sync")
def mirror_equals_profile(state: State) -> Iterator[str]:
    """Both balances of a CRM user are equal."""
    for crm_user in state.tables.crm_users:
        profile = state.tables.profiles.get(crm_user.user_id)
        if profile is None or profile.credits_remaining != crm_user.credits_remaining:
            leading = "no profile" if profile is None else f"{profile.credits_remaining} in profiles"
            yield f"digital_resume_by_CRM {crm_user.email}: {crm_user.credits_remaining} credits, {leading}"


@of_state(4, section="Recording Creation Flow")
def one_credit_per_recording(state: State) -> Iterator[str]:
    """Every recording ever made took 1 credit of its owner; another video of a completed one is another."""
    made: Counter[tuple[RowId, UserId | None]] = Counter()
    paid: Counter[tuple[RowId, UserId | None]] = Counter()
    for recording in _recordings_ever(state):
        made[recording] += 1
    for entry in state.journal.entries():
        if isinstance(entry.event, e.CreditConsumed):
            paid[entry.event.row.recording_id, entry.event.row.user_id] += 1
    for recording_id, user_id in made.keys() | paid.keys():
        videos, credits_ = made[recording_id, user_id], paid[recording_id, user_id]
        if videos != credits_:
            yield f"recording {recording_id} of {user_id}: {videos} videos took {credits_} credits, expected as many"
    ledger = {(consumption.recording_id, consumption.user_id) for consumption in state.tables.credit_consumptions}
    for table in (rows.CRM_RECORDINGS, rows.RECORDINGS):
        for row in state.tables.by_name[table.name]:
            if (row.id, row.user_id) not in ledger:
                yield f"{table.name} {row.id} of {row.user_id}: the ledger has no credit for it"


def _recordings_ever(state: State) -> Iterator[tuple[RowId, UserId | None]]:
    """Yield id and owner of each recording, again for every swap of its video after completion."""
    videos: dict[tuple[str, str], str | None] = {}
    completed: set[tuple[str, str]] = set()
    for entry in state.journal.entries():
        event = entry.event
        if isinstance(event, _RECORDED):
            row = event.row
            recording = (event.table.name, row.id)
            videos[recording] = row.video_url
            completed.discard(recording)
            if row.status == "completed":
                completed.add(recording)
            yield row.id, row.user_id
        elif isinstance(event, e.RowUpdated) and (event.table_name, event.key) in videos:
            recording, changes = (event.table_name, event.key), dict(event.changes)
            if recording in completed and changes.get("video_url", videos[recording]) != videos[recording]:
                yield RowId(event.key), event.user_id
            videos[recording] = changes.get("video_url", videos[recording])  # type: ignore[assignment]
            if changes.get("status") == "completed":
                completed.add(recording)


# --- counters -------------------------------------------------------------------------------

_COUNTED: Final[dict[str, type[Any]]] = {
    "total_applications": e.JobRequestCreated,
    "total_recordings": e.RecordingCreated,
    "total_resumes": e.ResumeUploaded,
    "total_views": e.ViewTracked,
    "total_time_spent": e.TimeTracked,
}
_DATED: Final[dict[str, type[Any]]] = {
    "last_application_date": e.JobRequestCreated,
    "last_recording_date": e.RecordingCreated,
    "last_login_date": e.LoginTracked,
}


@of_state(5, section="Dashboard Stats Updates")
def counters_equal_fold_of_events(state: State) -> Iterator[str]:
    """The counters say what the events say, no matter what was deleted since; a user's own word counts for nothing."""
    lives = _lives(state)
    for stats in state.tables.crm_dashboard_stats:
        life = lives[stats.email]
        for column in (*_COUNTED, *_DATED):
            expected = _expected(column, life)
            if getattr(stats, column) != expected:
                yield f"crm_dashboard_stats {stats.email}: {column} is {getattr(stats, column)}, expected {expected}"


def _lives(state: State) -> dict[Email, list[JournalEntry]]:
    """Return, by address, what moves its counters, from the last time that they began at 0."""
    lives: defaultdict[Email, list[JournalEntry]] = defaultdict(list)
    email_of: dict[str, Email] = {}
    abandoned: set[str] = set()
    for entry in state.journal.entries():
        match entry.event:
            case e.JobRequestCreated() | e.RecordingCreated() | e.ResumeUploaded() as event:
                lives[event.row.email].append(entry)
            case e.ViewTracked(_, email) | e.LoginTracked(_, email) | e.TimeTracked(_, email):
                lives[email].append(entry)
            case e.RowUpdated(_, "crm_dashboard_stats", key) if entry.principal.role is Role.SERVICE:
                lives[email_of[key]].append(entry)
            case e.RowDeleted(_, "crm_dashboard_stats", key) if entry.principal.role is Role.USER:
                abandoned.add(email_of[key])
            case e.DashboardCreated() as event:
                email_of[event.row.id] = event.row.email
                if event.row.email not in abandoned:
                    lives[event.row.email].clear()
            case _:
                pass
    return lives


def _expected(column: str, life: list[JournalEntry]) -> object:
    """Return what a column must be: the service's last correction of it, and what happened since."""
    value: Any = 0 if column in _COUNTED else None
    since = 0
    for n, entry in enumerate(life):
        if isinstance(entry.event, e.RowUpdated) and column in dict(entry.event.changes):
            value, since = dict(entry.event.changes)[column], n + 1
    if column in _DATED:
        return next((x.at for x in reversed(life[since:]) if isinstance(x.event, _DATED[column])), value)
    moves = [x.event for x in life[since:] if isinstance(x.event, _COUNTED[column])]
    return value + sum(x.seconds if isinstance(x, e.TimeTracked) else 1 for x in moves)


# --- rows -----------------------------------------------------------------------------------


@of_state(9, section="Overview")
def owner_pair_is_one_account(state: State) -> Iterator[str]:
    """The e-mail and the user of every row in the CRM tables are one account, and both are there."""
    for crm_user in state.tables.crm_users:
        person = state.tables.auth_users.get(crm_user.user_id)
        if person is None or person.email != crm_user.email:
            yield f"digital_resume_by_CRM {crm_user.email}: user {crm_user.user_id} is not registered with it"
    for table in rows.CRM_TABLES[1:]:
        for row in state.tables.by_name[table.name]:
            account = None if row.email is None else state.tables.crm_users.get(row.email)
            if account is None or account.user_id != row.user_id:
                owner = "nobody's" if account is None else f"{account.user_id}'s"
                yield f"{table.name} {row.id}: user_id is {row.user_id}, and the address {row.email} is {owner}"


@of_state(10, section="3. crm_recordings (CRM User Video Recordings)")
def reference_has_same_owner(state: State) -> Iterator[str]:
    """A recording names a job request of its own owner, or none."""
    tables = state.tables
    for recordings, jobs in (
        (tables.crm_recordings, tables.crm_job_requests),
        (tables.recordings, tables.job_requests),
    ):
        for recording in recordings:
            if recording.job_request_id is None:
                continue
            job = jobs.get(recording.job_request_id)
            if job is None or job.user_id != recording.user_id:
                owner = "is not there" if job is None else f"is {job.user_id}'s"
                yield f"recording {recording.id} of {recording.user_id}: its job request {recording.job_request_id} {owner}"


_REGULAR: Final = frozenset(table.name for table in rows.REGULAR_TABLES)


@of_state(13, section="Comparison: Regular Users vs CRM Users")
def populations_are_separate(state: State) -> Iterator[str]:
    """Anyone who is a CRM user writes in the CRM tables alone, and no one else's rows are there."""
    members: set[UserId | None] = set()
    for entry in state.journal.entries():
        match entry.event:
            case e.CrmUserCreated() as event:
                members.add(event.row.user_id)
            case e.RowDeleted(user_id, rows.CRM_USERS.name):
                members.discard(user_id)
            case e.RegularJobRequestCreated() | e.RegularRecordingCreated() | e.RegularResumeUploaded() as event:
                if event.row.user_id in members:
                    yield f"{event.table.name} {event.row.id}: stored for {event.row.user_id}, who was a CRM user"
            case e.RowUpdated(user_id, table_name, key) | e.RowDeleted(user_id, table_name, key):
                if table_name in _REGULAR and user_id in members and entry.principal.role is Role.USER:
                    yield f"{table_name} {key}: changed by {user_id}, who was a CRM user"
            case _:
                pass
    members = {crm_user.user_id for crm_user in state.tables.crm_users}
    for table in rows.CRM_TABLES[1:]:
        for row in state.tables.by_name[table.name]:
            if row.user_id is not None and row.user_id not in members:
                yield f"{table.name} {row.id}: belongs to {row.user_id}, who is not a CRM user"


@of_state(15, section="4. crm_resumes (CRM User Resumes)")
def at_most_one_primary_resume(state: State) -> Iterator[str]:
    """No one has two primary resumes in one table."""
    for table in (rows.CRM_RESUMES, rows.RESUMES):
        primaries = Counter(row.user_id for row in state.tables.by_name[table.name] if row.is_primary)
        for user_id, count in primaries.items():
            if user_id is not None and count > 1:
                yield f"{table.name}: {user_id} has {count} primary resumes, expected at most 1"


# --- history --------------------------------------------------------------------------------


@of_state(14, section="Automatic Triggers")
def replay_reproduces_state(state: State) -> Iterator[str]:
    """The events alone rebuild every table."""
    replayed = Tables.made_by(memory_rows)
    for entry in state.journal.entries():
        evolve(replayed, entry.event, at=entry.at)
    for difference in differences(replayed, state.tables):
        yield f"{difference}, by the tables"
