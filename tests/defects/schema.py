"""What if a migration says something else in one place: a policy, a grant, a trigger, a constraint, a function?"""

from __future__ import annotations

from typing import Any, Final

from crm_domain import commands as c
from crm_domain.command_log import LogLine, id_named
from crm_domain.ids import SERVICE, Principal
from crm_domain.testing import AMY, BOB, CAL, Person

from .planting_sql import Edited, Sql, schema_defect

_MODEL: Final = "agrees_with_model"
_READS: Final = "reads_see_only_own_rows"
_POLICIES: Final = "service_passes_policies_not_rules"
_COUNTERS: Final = "counters_equal_fold_of_events"
_BALANCE: Final = "balance_equals_granted_minus_consumed"
_MIRROR: Final = "mirror_equals_profile"
_OWNER: Final = "owner_pair_is_one_account"
_ONE_CREDIT: Final = "one_credit_per_recording"
_POPULATIONS: Final = "populations_are_separate"
_PRIMARY: Final = "at_most_one_primary_resume"

_OWN: Final = "(select auth.uid()) = user_id"
_MAIN: Final = "public.digital_resume_by_crm"


def _policy(table: str, verb: str, body: str) -> str:
    return f'alter policy "Users can {verb} their own data" on public.{table} {body}'


# --- what chance would take long to come by -----------------------------------------------------

_JOB, _RECORDING, _RESUME, _OTHER_RESUME = map(id_named, ("job-1", "recording-1", "resume-1", "resume-2"))


def _own(person: Person, **columns: Any) -> dict[str, Any]:
    return {"user_id": person.user_id, "email": person.email} | columns


def _synced(person: Person) -> LogLine:
    return LogLine(SERVICE, c.SyncCrmUser(**_own(person)))


def _updated(who: Principal, table: str, **changes: Any) -> LogLine:
    return LogLine(who, c.Update(table=table, set=changes))


def _applied(person: Person, id_: str = _JOB, **columns: Any) -> LogLine:
    return LogLine(person.principal, c.CreateJobRequest(id=id_, **_own(person, **columns)))


def _recorded(person: Person, **columns: Any) -> LogLine:
    return LogLine(person.principal, c.CreateRecording(id=_RECORDING, **_own(person, **columns)))


def _uploaded(who: Principal, person: Person, id_: str = _RESUME, **columns: Any) -> LogLine:
    return LogLine(who, c.UploadResume(id=id_, resume_url="a", **_own(person, **columns)))


_CAL_COMES: Final = LogLine(SERVICE, c.RegisterUser(**_own(CAL)))


def _primary(id_: str) -> LogLine:
    resume = c.UploadRegularResume(id=id_, user_id=CAL.user_id, resume_url="a", is_primary=True)
    return LogLine(CAL.principal, resume)


def _paid(person: Person) -> LogLine:
    return LogLine(SERVICE, c.RecordPayment(user_id=person.user_id, amount="12.99", ref="pay-1"))


POLICIES: Final = (
    schema_defect(
        "jobs_are_read_by_everybody",
        "The policy for reading crm_job_requests is true for everybody.",
        _READS,
        Sql(_policy("crm_job_requests", "SELECT", "using (true)")),
    ),
    schema_defect(
        "crm_users_are_read_by_everybody",
        "The policy for reading the main table is true for everybody.",
        _READS,
        Sql(_policy("digital_resume_by_crm", "SELECT", "using (true)")),
    ),
    schema_defect(
        "payments_are_read_by_everybody",
        "The policy for reading payments is true for everybody.",
        _READS,
        Sql(_policy("payments", "SELECT", "using (true)")),
    ),
    schema_defect(
        "stats_without_row_security",
        "Row-level security is off for crm_dashboard_stats.",
        _READS,
        Sql("alter table public.crm_dashboard_stats disable row level security"),
    ),
    schema_defect(
        "view_of_its_owner",
        "The view under the exact name reads with its owner's rights.",
        _READS,
        Sql('alter view public."digital_resume_by_CRM" set (security_invoker = false)'),
    ),
    schema_defect(
        "rows_for_others",
        "The policy for inserting into crm_resumes does not look at whose row it is.",
        _POLICIES,
        Sql(_policy("crm_resumes", "INSERT", "with check (true)")),
        asked=(_synced(AMY), _synced(BOB), _uploaded(AMY.principal, BOB)),
    ),
    schema_defect(
        "others_rows_are_updated",
        "The policy for updating crm_recordings is true for everybody.",
        _POLICIES,
        Sql(_policy("crm_recordings", "UPDATE", "using (true) with check (true)")),
        asked=(_synced(AMY), _synced(BOB), _recorded(BOB), _updated(AMY.principal, "crm_recordings", status="failed")),
    ),
    schema_defect(
        "others_rows_are_deleted",
        "The policy for deleting from crm_resumes is true for everybody.",
        _POLICIES,
        Sql(_policy("crm_resumes", "DELETE", "using (true)")),
        asked=(
            _synced(AMY),
            _synced(BOB),
            _uploaded(BOB.principal, BOB),
            LogLine(AMY.principal, c.Delete(table="crm_resumes")),
        ),
    ),
    schema_defect(
        "deactivated_users_insert",
        "The policy for inserting into crm_job_requests does not ask whether the user is active.",
        _POLICIES,
        Sql(_policy("crm_job_requests", "INSERT", f"with check ({_OWN})")),
        asked=(_synced(AMY), _updated(SERVICE, "crm_users", is_active=False), _applied(AMY)),
    ),
    schema_defect(
        "deactivated_users_see_nothing",
        "The policy for reading crm_resumes asks whether the user is active.",
        _READS,
        Sql(
            _policy(
                "crm_resumes",
                "SELECT",
                f"using ({_OWN} and exists (select from {_MAIN} a where a.user_id = crm_resumes.user_id and a.is_active))",
            )
        ),
        asked=(_synced(AMY), _uploaded(AMY.principal, AMY), _updated(SERVICE, "crm_users", is_active=False)),
    ),
    schema_defect(
        "crm_users_in_regular_tables",
        "The policy for inserting into job_requests lets CRM users in.",
        _POPULATIONS,
        Sql(_policy("job_requests", "INSERT", f"with check ({_OWN})")),
        asked=(_synced(AMY), LogLine(AMY.principal, c.CreateRegularJobRequest(id=_JOB, user_id=AMY.user_id))),
    ),
    schema_defect(
        "own_rows_are_not_deleted",
        "There is no policy for deleting one's own job requests.",
        _MODEL,
        Sql('drop policy "Users can DELETE their own data" on public.crm_job_requests'),
        asked=(_synced(AMY), _applied(AMY), LogLine(AMY.principal, c.Delete(table="crm_job_requests"))),
    ),
)

GRANTS: Final = (
    schema_defect(
        "own_profile_is_updated",
        "Users may update their own profile.",
        _BALANCE,
        Sql("grant update on public.profiles to authenticated"),
        Sql(f"create policy own on public.profiles for update to authenticated using ({_OWN})"),
    ),
    schema_defect(
        "own_stats_are_updated",
        "Users may update their own counters.",
        _COUNTERS,
        Sql("grant update on public.crm_dashboard_stats to authenticated"),
        Sql(f"create policy own on public.crm_dashboard_stats for update to authenticated using ({_OWN})"),
    ),
    schema_defect(
        "own_mirror_is_updated",
        "Users may update their own row of the main table.",
        _MIRROR,
        Sql('grant update on public."digital_resume_by_CRM", public.digital_resume_by_crm to authenticated'),
        Sql("grant execute on function crm_internal.crm_email_fault to authenticated"),
        Sql(f"create policy own on public.digital_resume_by_crm for update to authenticated using ({_OWN})"),
        asked=(_synced(AMY), _updated(AMY.principal, "crm_users", credits_remaining=5)),
    ),
    schema_defect(
        "address_is_updated",
        "The trigger that keeps the address of a job request is disabled.",
        _MODEL,
        Sql("alter table public.crm_job_requests disable trigger crm_d_owner_email"),
    ),
    schema_defect(
        "whole_rows_are_not_saved",
        "Users may not name the column email in an update of their resumes, not even as it is.",
        _MODEL,
        Sql("revoke update on public.crm_resumes from authenticated"),
        Sql(
            "grant update (id, user_id, resume_name, resume_url, file_type, file_size, parsed_data, is_primary, is_active,"
            " created_at, updated_at) on public.crm_resumes to authenticated"
        ),
        asked=(
            _synced(AMY),
            _uploaded(AMY.principal, AMY),
            _updated(AMY.principal, "crm_resumes", email=AMY.email, resume_name="a"),
        ),
    ),
    schema_defect(
        "users_truncate",
        "Users may TRUNCATE crm_recordings.",
        _POLICIES,
        Sql("grant truncate on public.crm_recordings to authenticated"),
    ),
    schema_defect(
        "anon_truncates",
        "Nobody in particular may TRUNCATE crm_job_requests and what refers to it.",
        _POLICIES,
        Sql("grant truncate on public.crm_job_requests, public.crm_recordings to anon"),
    ),
    schema_defect(
        "users_hang_triggers",
        "Users may hang triggers of their own on crm_job_requests.",
        _POLICIES,
        Sql("grant trigger on public.crm_job_requests to authenticated"),
    ),
    schema_defect(
        "users_create_in_public",
        "Users may create tables in the schema public.",
        _POLICIES,
        Sql("grant create on schema public to authenticated"),
    ),
    schema_defect(
        "anon_reads",
        "Nobody in particular may read crm_resumes, and sees no rows of it.",
        _READS,
        Sql("grant select on public.crm_resumes to anon"),
    ),
    schema_defect(
        "ledger_without_row_security",
        "Row-level security is off for the ledger of grants.",
        _READS,
        Sql("alter table public.credit_grants disable row level security"),
    ),
    schema_defect(
        "users_record_payments",
        "Users may call record_payment.",
        "no_user_command_raises_credits",
        Sql("grant execute on function public.record_payment to authenticated"),
        asked=(_synced(AMY), LogLine(AMY.principal, _paid(AMY).request)),
    ),
    schema_defect(
        "users_provision_themselves",
        "Users may call sync_crm_user.",
        "no_user_command_raises_credits",
        Sql("grant execute on function public.sync_crm_user to authenticated"),
    ),
    schema_defect(
        "everybody_executes",
        "A function that grants credits with its owner's rights may be executed by PUBLIC.",
        _POLICIES,
        Sql("grant usage on schema crm_internal to public"),
        Sql("grant execute on function crm_internal.crm_grant to public"),
    ),
    schema_defect(
        "own_rows_are_not_updated",
        "Users may not update their resumes.",
        _MODEL,
        Sql("revoke update on public.crm_resumes from authenticated"),
    ),
    schema_defect(
        "service_does_not_write_stats",
        "The service role may not update counters.",
        _MODEL,
        Sql("revoke update on public.crm_dashboard_stats from service_role"),
        asked=(_synced(AMY), _updated(SERVICE, "crm_dashboard_stats", total_views=1)),
    ),
)

TRIGGERS: Final = (
    schema_defect(
        "no_charge",
        "The trigger crm_recording_consume_credit is not there.",
        _BALANCE,
        Sql("drop trigger crm_recording_consume_credit on public.crm_recordings"),
    ),
    schema_defect(
        "no_charge_of_regular_users",
        "The trigger that charges regular users' recordings is disabled.",
        _BALANCE,
        Sql("alter table public.recordings disable trigger regular_recording_consume_credit"),
    ),
    schema_defect(
        "no_recording_stats",
        "The trigger that counts recordings is disabled.",
        _COUNTERS,
        Sql("alter table public.crm_recordings disable trigger crm_recording_stats"),
    ),
    schema_defect(
        "updates_count_as_uploads",
        "Resumes are counted when they are changed, too.",
        _COUNTERS,
        Sql(
            "create trigger again after update on public.crm_resumes referencing new table as fresh "
            "for each statement execute function crm_internal.crm_resume_stats()"
        ),
    ),
    schema_defect(
        "deletes_count_as_applications",
        "Job requests are counted when they are deleted, too.",
        _COUNTERS,
        Sql(
            "create trigger again after delete on public.crm_job_requests referencing old table as fresh "
            "for each statement execute function crm_internal.crm_job_request_stats()"
        ),
    ),
    schema_defect(
        "no_credit_sync",
        "The trigger crm_credit_sync is not there.",
        _MIRROR,
        Sql("drop trigger crm_credit_sync on public.profiles"),
    ),
    schema_defect(
        "grants_give_nothing",
        "The trigger that raises the balance by a grant is disabled.",
        _BALANCE,
        Sql("alter table public.credit_grants disable trigger crm_credit_grant"),
    ),
    schema_defect(
        "mirror_alone",
        "The service may bring the mirror away from the balance.",
        _MIRROR,
        Sql('drop trigger "Crm_lone_mirror" on public.digital_resume_by_crm'),
    ),
    schema_defect(
        "nothing_is_fixed",
        "The trigger that keeps a recording's key and paid video is disabled.",
        _ONE_CREDIT,
        Sql("alter table public.crm_recordings disable trigger crm_z_fixed"),
    ),
    schema_defect(
        "deactivated_users_delete",
        "The trigger that keeps deactivated users from deleting resumes is not there.",
        _POLICIES,
        Sql("drop trigger crm_deletable on public.crm_resumes"),
        asked=(
            _synced(AMY),
            _uploaded(AMY.principal, AMY),
            _updated(SERVICE, "crm_users", is_active=False),
            LogLine(AMY.principal, c.Delete(table="crm_resumes")),
        ),
    ),
    schema_defect(
        "service_mixes_populations",
        "The service may store a CRM user's rows in job_requests.",
        _POPULATIONS,
        Sql("alter table public.job_requests disable trigger crm_refuse_population"),
        asked=(_synced(AMY), LogLine(SERVICE, c.CreateRegularJobRequest(id=_JOB, user_id=AMY.user_id))),
    ),
    schema_defect(
        "spellings_of_rows",
        "The address of a new job request is not brought to its normal form.",
        _MODEL,
        Sql("alter table public.crm_job_requests disable trigger crm_c_normal_email"),
        asked=(_synced(AMY), _applied(AMY, email="Amy@X.Test")),
    ),
    schema_defect(
        "charged_before_the_write",
        "A BEFORE trigger takes another credit for each row that is tried.",
        _BALANCE,
        Sql(
            "create function public.crm_early() returns trigger language plpgsql security definer "
            "set search_path = pg_catalog, pg_temp "
            "as $$ begin update public.profiles set credits_remaining = credits_remaining - 1 "
            "where user_id = new.user_id and credits_remaining > 1; return new; end $$; "
            "revoke all on function public.crm_early from public"
        ),
        Sql(
            "create trigger early before insert on public.crm_recordings for each row execute function public.crm_early()"
        ),
    ),
)

CONSTRAINTS: Final = (
    schema_defect(
        "pair_is_not_one_account",
        "A recording's address and user need not be one account.",
        _OWNER,
        Sql("alter table public.crm_recordings drop constraint crm_recordings_owner_pair_fkey"),
    ),
    schema_defect(
        "address_alone_is_known",
        "Of a job request's owner only the address must be known.",
        _OWNER,
        Sql("alter table public.crm_job_requests drop constraint crm_job_requests_owner_pair_fkey"),
        Sql(f"alter table public.crm_job_requests add foreign key (email) references {_MAIN} (email)"),
        asked=(_synced(AMY), _synced(BOB), _applied(AMY, email=BOB.email)),
    ),
    schema_defect(
        "others_jobs_are_named",
        "A recording may name anybody's job request.",
        "reference_has_same_owner",
        Sql("alter table public.crm_recordings drop constraint crm_recordings_same_owner_reference_fkey"),
        Sql(
            "alter table public.crm_recordings add foreign key (job_request_id) references public.crm_job_requests (id)"
        ),
    ),
    schema_defect(
        "recordings_go_with_their_job",
        "Deleting a job request deletes its recordings.",
        _MODEL,
        Sql("alter table public.crm_recordings drop constraint crm_recordings_same_owner_reference_fkey"),
        Sql(
            "alter table public.crm_recordings add foreign key (job_request_id, user_id) "
            "references public.crm_job_requests (id, user_id) on delete cascade"
        ),
        asked=(
            _synced(AMY),
            _applied(AMY),
            _recorded(AMY, job_request_id=_JOB),
            LogLine(AMY.principal, c.Delete(table="crm_job_requests")),
        ),
    ),
    schema_defect(
        "two_primary_resumes",
        "The partial unique index of primary resumes is not there.",
        _PRIMARY,
        Sql("drop index public.crm_resumes_primary_key"),
    ),
    schema_defect(
        "two_primary_resumes_of_regular_users",
        "The index of regular users' primary resumes is not unique.",
        _PRIMARY,
        Sql("drop index public.resumes_primary_key"),
        Sql("create index resumes_primary_key on public.resumes (user_id) where is_primary"),
        asked=(_CAL_COMES, _primary(_RESUME), _primary(_OTHER_RESUME)),
    ),
    schema_defect(
        "one_resume_alone",
        "The unique index of primary resumes holds the others, too.",
        _MODEL,
        Sql("drop index public.crm_resumes_primary_key"),
        Sql("create unique index crm_resumes_primary_key on public.crm_resumes (user_id, is_primary)"),
        asked=(_synced(AMY), _uploaded(AMY.principal, AMY), _uploaded(AMY.principal, AMY, _OTHER_RESUME)),
    ),
    schema_defect(
        "any_status",
        "A recording's status may be anything.",
        _MODEL,
        Sql("alter table public.crm_recordings drop constraint crm_recordings_status_check"),
        asked=(_synced(AMY), _recorded(AMY, status="banana")),
    ),
    schema_defect(
        "negative_duration",
        "A recording may be shorter than nothing.",
        _MODEL,
        Sql("alter table public.crm_recordings drop constraint crm_recordings_duration_check"),
        asked=(_synced(AMY), _recorded(AMY, duration=-1)),
    ),
    schema_defect(
        "rows_of_nobody",
        "A job request needs no address.",
        _OWNER,
        Sql("alter table public.crm_job_requests alter column email drop not null"),
    ),
    schema_defect(
        "resume_without_a_url",
        "A resume needs no resume_url.",
        _MODEL,
        Sql("alter table public.crm_resumes alter column resume_url drop not null"),
        asked=(_synced(AMY), LogLine(AMY.principal, c.UploadResume(id=_RESUME, **_own(AMY)))),
    ),
    schema_defect(
        "completed_from_the_beginning",
        "The default of a recording's status is completed.",
        _MODEL,
        Sql("alter table public.crm_recordings alter column status set default 'completed'"),
    ),
    schema_defect(
        "inactive_from_the_beginning",
        "The default of is_active in the main table is false.",
        _MODEL,
        Sql(f"alter table {_MAIN} alter column is_active set default false"),
    ),
    schema_defect(
        "balance_below_zero",
        "A balance and its mirror may be negative.",
        "balance_never_negative",
        Sql("alter table public.profiles drop constraint profiles_credits_remaining_check"),
        Sql(f"alter table {_MAIN} drop constraint digital_resume_by_crm_credits_remaining_check"),
        asked=(_synced(AMY), _updated(SERVICE, "profiles", credits_remaining=-1)),
    ),
)

_PLUGINS: Final = (
    Sql("create schema plugins"),
    Sql("grant usage, create on schema plugins to authenticated"),
)

FUNCTIONS: Final = (
    schema_defect(
        "recordings_cost_two",
        "A recording takes two credits.",
        _BALANCE,
        Edited("crm_charge", "p.credits_remaining - charged.credits", "p.credits_remaining - 2 * charged.credits"),
    ),
    schema_defect(
        "one_charge_for_a_statement",
        "However many recordings a statement stores, it takes one credit.",
        _ONE_CREDIT,
        Edited("crm_charge", "count(*) as credits from fresh", "1::bigint as credits from fresh"),
    ),
    schema_defect(
        "one_count_for_a_statement",
        "However many recordings a statement stores, one is counted.",
        _ONE_CREDIT,
        Edited("crm_recording_stats", "count(*) as stored", "1::bigint as stored"),
    ),
    schema_defect(
        "charged_without_looking",
        "The balance is lowered without a condition.",
        _MODEL,
        Edited("crm_charge", "and p.credits_remaining >= charged.credits", ""),
    ),
    schema_defect(
        "resume_counted_as_application",
        "A resume moves the counter of applications.",
        _COUNTERS,
        Edited("crm_resume_stats", "total_resumes = s.total_resumes", "total_applications = s.total_applications"),
    ),
    schema_defect(
        "application_without_a_date",
        "The date of the last application is not set.",
        _COUNTERS,
        Edited("crm_job_request_stats", ", last_application_date = now()", ""),
    ),
    schema_defect(
        "mirror_of_everybody",
        "A changed balance is mirrored to every CRM user.",
        _MIRROR,
        Edited("crm_credit_sync", "d.user_id = changed.user_id and", ""),
    ),
    schema_defect(
        "dashboard_with_its_owners_rights",
        "get_crm_dashboard_data runs with its owner's rights, and shows anybody's.",
        _READS,
        Sql("alter function public.get_crm_dashboard_data security definer"),
    ),
    schema_defect(
        "dashboard_in_the_wrong_column",
        "The dashboard shows recordings as resumes.",
        _READS,
        Edited("get_crm_dashboard_data", "s.total_recordings, s.total_resumes", "s.total_resumes, s.total_recordings"),
    ),
    schema_defect(
        "any_price",
        "A payment of any amount is credited.",
        _BALANCE,
        Edited("record_payment", "p_amount <> 12.99", "p_amount <= 0"),
    ),
    schema_defect(
        "payment_gives_four",
        "A payment gives four credits.",
        _BALANCE,
        Edited("record_payment", "'payment', 3,", "'payment', 4,"),
    ),
    schema_defect(
        "another_amount_is_no_conflict",
        "A payment that comes again for another user is answered as known.",
        "payment_is_idempotent",
        Edited(
            "record_payment", "(v_known.user_id, v_known.amount) <> (p_user_id, p_amount)", "v_known.amount <> p_amount"
        ),
        asked=(_synced(AMY), _synced(BOB), _paid(AMY), _paid(BOB)),
    ),
    schema_defect(
        "granted_at_every_sync",
        "Whether there was an initial grant before is not looked up.",
        "provisioning_is_idempotent",
        Edited("sync_crm_user", "g.email = v_email or (g.user_id = v_user_id and g.source = 'initial')", "false"),
    ),
    schema_defect(
        "addresses_keep_capitals",
        "The normal form of an address keeps its capitals.",
        "provisioning_is_idempotent",
        Edited("crm_normal_email", 'lower(trimmed.email collate "C")', "trimmed.email"),
    ),
    schema_defect(
        "time_spent_overwritten",
        "Time spent takes the place of what was there.",
        _COUNTERS,
        Edited("track_time", "s.total_time_spent + ", ""),
        asked=(_synced(AMY), *(LogLine(SERVICE, c.TrackTime(email=AMY.email, seconds=n)) for n in (5, 7))),
    ),
    schema_defect(
        "paid_video_is_swapped",
        "The video of a completed recording is not fixed.",
        _ONE_CREDIT,
        Edited("crm_recordings_fixed", "select c.completed_at is not null", "select false"),
    ),
    schema_defect(
        "completed_and_forgotten",
        "That a recording was completed later is not written down.",
        _ONE_CREDIT,
        Edited("crm_recording_status", "if new.status = 'completed'", "if new.status = 'nothing'"),
        asked=(
            _synced(AMY),
            _recorded(AMY, video_url="a"),
            _updated(AMY.principal, "crm_recordings", status="completed"),
            _updated(AMY.principal, "crm_recordings", video_url="b"),
        ),
    ),
    schema_defect(
        "charge_with_the_users_rights",
        "The function that charges runs with the rights of whoever records.",
        _MODEL,
        Sql("alter function crm_internal.crm_charge security invoker"),
    ),
    schema_defect(
        "unpinned_path",
        "A definer function looks names up in the caller's search_path.",
        _ONE_CREDIT,
        Sql("alter function crm_internal.crm_charge reset search_path"),
        Edited("crm_charge", "public.profiles", "profiles"),
    ),
    schema_defect(
        "types_are_looked_for_in_pg_temp_first",
        "The search_path of a definer function is empty, and it names types without their schema.",
        _POLICIES,
        Sql("alter function public.use_idempotency_key set search_path = ''"),
    ),
    schema_defect(
        "types_of_a_trigger_are_looked_for_in_pg_temp_first",
        "The search_path of a trigger's definer function does not name pg_temp.",
        _POLICIES,
        Sql("alter function crm_internal.crm_recording_status set search_path = pg_catalog"),
    ),
    schema_defect(
        "own_table_is_looked_for_in_pg_temp_first",
        "A definer function writes to a table without its schema, and its search_path does not name pg_temp.",
        _POLICIES,
        Sql("alter function public.answer_idempotency_key set search_path = pg_catalog, public"),
        Edited("answer_idempotency_key", "public.idempotency_keys", "idempotency_keys"),
        Edited("answer_idempotency_key", "::text", "::pg_catalog.text"),
    ),
    schema_defect(
        "temporary_view_is_read",
        "A definer function reads a table without its schema, and its search_path does not name pg_temp.",
        _POLICIES,
        Sql("alter function crm_internal.crm_lone_mirror set search_path = public"),
        Edited("crm_lone_mirror", "public.profiles", "profiles"),
    ),
    schema_defect(
        "functions_of_users_are_called",
        "The search_path of a definer function begins with a schema where users may create functions.",
        _POLICIES,
        *_PLUGINS,
        Sql("alter function crm_internal.crm_recording_status set search_path = plugins, pg_catalog, pg_temp"),
    ),
    schema_defect(
        "operators_of_users_are_applied",
        "The search_path of a definer function that calls no other begins with a schema where users may create operators.",
        _POLICIES,
        *_PLUGINS,
        Sql("alter function crm_internal.crm_credit_sync set search_path = plugins, pg_catalog, pg_temp"),
    ),
    schema_defect(
        "no_user_is_the_service",
        "A token of the role authenticated that names no user is taken for the service's.",
        _POLICIES,
        Edited("crm_caller", "if v_me is null", "if false"),
    ),
    schema_defect(
        "keys_answer_anything",
        "An idempotency key answers another command, too.",
        _MODEL,
        Edited("use_idempotency_key", "v_used.fingerprint <> p_fingerprint", "false"),
    ),
)

DEFECTS: Final = (*POLICIES, *GRANTS, *TRIGGERS, *CONSTRAINTS, *FUNCTIONS)
