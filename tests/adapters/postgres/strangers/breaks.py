"""Where is the document's database by another hand broken? In one place at a time, as people do break one.

The schema is `resume_service.sql`. Each break is another text in one place, or one statement more.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from .faults import schema

SERVICE: Final = "resume_service"


@frozen
class Break:
    """One break.

    Attributes:
        name: What is broken, in a few words.
        changes: Texts of the schema, each with the one that stands in its place.
        more: A statement that follows the schema.
    """

    name: str
    changes: tuple[tuple[str, str], ...] = ()
    more: str = ""

    @property
    def sql(self) -> str:
        """The broken schema.

        Raises:
            ValueError: A text does not stand in the schema, or more than once.
        """
        text = schema(SERVICE)
        for old, new in self.changes:
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} stands there {text.count(old)} times")
            text = text.replace(old, new)
        return f"{text}\n{self.more}"


def _policy(name: str, old: str, new: str) -> tuple[tuple[str, str], ...]:
    """Return a change of one policy, which is named by its beginning."""
    (line,) = (line for line in schema(SERVICE).splitlines() if line.startswith(f"create policy {name} "))
    if old not in line:
        raise ValueError(f"{name}: {old!r} does not stand there")
    return ((line, line.replace(old, new)),)


def _without(text: str) -> tuple[tuple[str, str], ...]:
    return ((text, ""),)


_OWN: Final = "user_id = auth.uid()"
_ACTIVE: Final = " and app.may_write_crm()"
_REGULAR: Final = " and app.may_write_regular()"

READS: Final = (
    Break("jobs read by all", _policy("job_sees", _OWN, "true")),
    Break("recordings read by all", _policy("rec_sees", _OWN, "true")),
    Break("resumes read by all", _policy("res_sees", _OWN, "true")),
    Break("profiles read by all", _policy("sees on public.profiles", _OWN, "true")),
    Break("main table read by all", _policy("sees on public.digital_resume_by_crm", _OWN, "true")),
    Break("counters read by all", _policy("sees on public.crm_dashboard_stats", _OWN, "true")),
    Break("payments read by all", _policy("sees on public.payments", _OWN, "true")),
    Break("regular jobs read by all", _policy("regular on public.job_requests", _OWN, "true")),
    Break("regular recordings read by all", _policy("regular on public.recordings", _OWN, "true")),
    Break("regular resumes read by all", _policy("regular on public.resumes", _OWN, "true")),
    Break("no row security on resumes", _without("alter table public.crm_resumes enable row level security;")),
    Break("dashboards of all", ((" and (app.asks_as_service() or s.user_id = auth.uid())", ""),)),
    Break("a view by its owner's rights", more="create view public.balances as select * from public.profiles;"
          "grant select on public.balances to authenticated"),
    Break("an export function", more="create function public.export() returns setof public.crm_resumes language sql "
          "security definer set search_path = '' as 'select * from public.crm_resumes'"),
)  # fmt: skip

WRITES: Final = (
    Break("jobs stored as others", _policy("job_adds", f"{_OWN} and ", "")),
    Break("recordings stored as others", _policy("rec_adds", f"{_OWN} and ", "")),
    Break("resumes stored as others", _policy("res_adds", f"{_OWN} and ", "")),
    Break("jobs of deactivated users", _policy("job_adds", _ACTIVE, "")),
    Break("recordings of deactivated users", _policy("rec_adds", _ACTIVE, "")),
    Break("resumes of deactivated users", _policy("res_adds", _ACTIVE, "")),
    Break("edits by deactivated users", _policy("job_edits", _ACTIVE, "")),
    Break("deletes by deactivated users", _policy("rec_drops", _ACTIVE, "")),
    Break("others' jobs dropped", _policy("job_drops", f"{_OWN} and ", "")),
    Break("CRM users record for nothing to separate", _policy("regular_rec_writes", _REGULAR, "")),
    Break("CRM users' regular resumes by the service", _without(
        "create trigger a_population after insert on public.resumes for each row execute function app.check_population();")),
    Break("own profile written", more="create policy edits on public.profiles for update using (user_id = auth.uid())"),
    Break("own main row written", more="create policy edits on public.digital_resume_by_crm for update using (user_id = auth.uid())"),
    Break("own counters written", more="create policy edits on public.crm_dashboard_stats for update using (user_id = auth.uid())"),
    Break("own payments written", more="create policy adds on public.payments for insert with check (user_id = auth.uid())"),
    Break("a regular recording given away", (("public.recordings for each row execute function app.freeze('id', 'user_id')",
          "public.recordings for each row execute function app.freeze('id')"),)),
    Break("tables emptied by users", more="grant truncate on all tables in schema public to authenticated"),
    Break("tables made by users", more="grant create on schema public to authenticated"),
)  # fmt: skip

OWNERS: Final = (
    Break("any address with one's id", (("c.email = new.email and c.user_id = new.user_id", "c.user_id = new.user_id"),)),
    Break("resumes of any address", _without(
        "create trigger a_owner after insert or update on public.crm_resumes for each row execute function app.check_owner();")),
    Break("others' jobs named", (("from public.crm_job_requests j where j.id = new.job_request_id and j.user_id = new.user_id",
          "from public.crm_job_requests j where j.id = new.job_request_id"),)),
    Break("others' regular jobs named", (("from public.job_requests j where j.id = new.job_request_id and j.user_id = new.user_id",
          "from public.job_requests j where j.id = new.job_request_id"),)),
    Break("others' jobs named later", (("create trigger b_job after insert or update on public.crm_recordings",
          "create trigger b_job after insert on public.crm_recordings"),)),
)  # fmt: skip

_NO_DEBT: Final = (",\n  constraint no_debt check (credits_remaining >= 0)", "")
_MIRROR_CHECK: Final = (
    "credits_remaining integer not null default 4 check (credits_remaining >= 0)",
    "credits_remaining integer not null default 4",
)
_TAKE: Final = (
    "  update public.profiles set credits_remaining = credits_remaining - 1\n"
    "   where user_id = new.user_id and credits_remaining > 0;\n  if not found then"
)

CREDITS: Final = (
    Break("debts", (_NO_DEBT, _MIRROR_CHECK, ("new.user_id and credits_remaining > 0;", "new.user_id;"))),
    Break("check, then consume", (_NO_DEBT, _MIRROR_CHECK, (
        _TAKE, "  if coalesce((select credits_remaining from public.profiles where user_id = new.user_id), 0) <= 0 then"),
        ("    raise exception 'no credits left';\n  end if;", ("    raise exception 'no credits left';\n  end if;\n"
         "  update public.profiles set credits_remaining = credits_remaining - 1 where user_id = new.user_id;")))),
    Break("free for regular users", _without(
        "create trigger c_credit after insert on public.recordings for each row execute function app.take_credit();")),
    Break("free for CRM users", _without(
        "create trigger c_credit after insert on public.crm_recordings for each row execute function app.take_credit();")),
    Break("two credits", (("set credits_remaining = credits_remaining - 1", "set credits_remaining = credits_remaining - 2"),)),
    Break("failed ones are free", ((_TAKE, f"  if new.status = 'failed' then\n    return null;\n  end if;\n{_TAKE}"),)),
    Break("paid back when deleted", more="create function app.give_back() returns trigger language plpgsql security definer "
          "set search_path = '' as $$ begin update public.profiles set credits_remaining = credits_remaining + 1 "
          "where user_id = old.user_id; return null; end $$; create trigger back after delete on public.crm_recordings "
          "for each row execute function app.give_back()"),
    Break("paid back when failed", more="create function app.give_back() returns trigger language plpgsql security definer "
          "set search_path = '' as $$ begin update public.profiles set credits_remaining = credits_remaining + 1 "
          "where user_id = old.user_id; return null; end $$; create trigger back after update on public.crm_recordings "
          "for each row when (new.status = 'failed' and old.status <> 'failed') execute function app.give_back()"),
    Break("no mirror", _without("create trigger mirrored after update of credits_remaining on public.profiles "
                                "for each row execute function app.mirror();")),
    Break("a mirror that only falls", (("on public.profiles for each row execute function app.mirror()", ("on public.profiles "
          "for each row when (new.credits_remaining < old.credits_remaining) execute function app.mirror()")),
          ("is distinct from (select p.credits", "> (select p.credits"))),
    Break("the mirror alone set", _without("create trigger only_mirror before update on public.digital_resume_by_crm "
                                           "for each row execute function app.only_mirror();")),
    Break("welcomed each time", (("on conflict do nothing;\n  if found then", "on conflict do nothing;\n  if true then"),)),
    Break("a balance reset", (("set credits_remaining = credits_remaining + 4 where", "set credits_remaining = 4 where"),)),
    Break("five credits for new ones", (("credits_remaining + 4", "credits_remaining + 5"),)),
    Break("a sync revives", (("do update set last_sync_at = now()", "do update set last_sync_at = now(), is_active = true"),)),
    Break("paid twice", (("ref text not null unique check", "ref text not null check"),
          (" on conflict (ref) do nothing", ""))),
    Break("any price", (("if sum_paid is distinct from 12.99 and sum_paid is not null then", "if sum_paid <= 0 then"),)),
    Break("four for a payment", (("credits_remaining + 3", "credits_remaining + 4"),)),
    Break("another's reference", (("if before.user_id is distinct from who then", "if false then"),)),
    Break("payments recorded by users", (("begin\n  perform app.require_service();\n  if sum_paid", "begin\n  if sum_paid"),)),
    Break("self-made CRM users", (("declare\n  person uuid;\nbegin\n  perform app.require_service();",
                                  "declare\n  person uuid;\nbegin"),)),
    Break("a gift function", more="create function public.gift(who uuid, n integer) returns void language sql security definer "
          "set search_path = '' as 'update public.profiles set credits_remaining = credits_remaining + n where user_id = who'"),
)  # fmt: skip

COUNTERS: Final = (
    Break("resumes not counted", _without(
        "create trigger d_count after insert on public.crm_resumes for each row execute function app.count_row();")),
    Break("recordings counted twice", (("total_recordings = total_recordings + 1", "total_recordings = total_recordings + 2"),)),
    Break("no date of application", ((", last_application_date = now()", ""),)),
    Break("counters fall", more="create function app.uncount() returns trigger language plpgsql security definer "
          "set search_path = '' as $$ begin update public.crm_dashboard_stats set total_applications = total_applications - 1 "
          "where email = old.email; return null; end $$; create trigger e_count after delete on public.crm_job_requests "
          "for each row execute function app.uncount()"),
    Break("views counted by users", (("begin\n  perform app.require_service();\n  if seconds is null",
                                     "begin\n  if seconds is null"),)),
    Break("time not added", (("total_time_spent = total_time_spent + seconds", "total_time_spent = seconds"),)),
)  # fmt: skip

VALUES: Final = (
    Break("a completed video swapped", _without("create trigger video before insert or update on public.crm_recordings "
                                                "for each row execute function app.keep_video();")),
    Break("a video swapped by way of processing", (("if old.completed_once and new.video_url", "if old.status = 'completed' and new.video_url"),)),
    Break("two primary resumes", ((",\n  constraint crm_primary exclude (user_id with =) where (is_primary)", ""),)),
    Break("two primary regular resumes", ((",\n  constraint regular_primary exclude (user_id with =) where (is_primary)", ""),)),
    Break("any status", ((" constraint crm_status check (status in ('processing', 'completed', 'failed'))", ""),)),
    Break("negative durations", ((" constraint crm_lasts check (duration >= 0)", ""),)),
    Break("negative regular durations", ((" constraint lasts check (duration >= 0)", ""),)),
    Break("negative sizes", ((" constraint crm_weighs check (file_size >= 0)", ""),)),
)  # fmt: skip

BREAKS: Final = (*READS, *WRITES, *OWNERS, *CREDITS, *COUNTERS, *VALUES)
"""All of them."""
