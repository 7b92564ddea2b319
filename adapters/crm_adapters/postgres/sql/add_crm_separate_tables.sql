--@ import "macros.sql" as m
--@ import "rows.sql" as rows
-- Creates separate data tables for CRM users ("Migration Order", 2).
-- Rules: {{ reading }}. Made by crm-domain; run it again and nothing changes.
begin;
set local search_path = {{ path }};
set local client_min_messages = 'warning';
set local lock_timeout = '10s';
set local statement_timeout = '5min';

do $$
begin
  if pg_catalog.obj_description(pg_catalog.to_regclass('public.digital_resume_by_crm'), 'pg_class')
     is distinct from 'Main tracking table for CRM users (rules: {{ reading }})' then
    raise exception 'public.digital_resume_by_crm is not there, or under other rules than: {{ reading }}'
      using hint = 'Run add_digital_resume_crm_table.sql of the same rules first.';
  end if;
end
$$;
--@ for t in second_tables

-- {{ t.purpose }}
{{ m.table(t, rules) }}
--@ endfor
--@ if rules.owner_pair and rules.immutable_owner

-- One row for each account: PostgREST embeds it as the object that it is, and not as a list of one.
do $$
begin
  if not exists (
    select from pg_catalog.pg_constraint c
     where c.conrelid = 'public.crm_dashboard_stats'::regclass and c.conname = 'crm_dashboard_stats_email_user_id_key'
  ) then
    alter table public.crm_dashboard_stats
      add constraint crm_dashboard_stats_email_user_id_key unique (email, user_id);
  end if;
end
$$;
--@ endif

-- Who may do what: nobody but those who are named, and users to their own rows.
--@ for t in second_tables

{{ m.access_to(t, rules, access) }}
--@ endfor
--@ for t in second_tables
{{ rows.triggers(t, rules, access, public, pinned) }}
--@ endfor

-- "Dashboard Stats Updates": counters are lifetime totals, and the last-dates are the server's clock.
--@ for name, table, counter, date in (
     ("crm_job_request_stats", "crm_job_requests", "total_applications", "last_application_date"),
     ("crm_recording_stats", "crm_recordings", "total_recordings", "last_recording_date"),
     ("crm_resume_stats", "crm_resumes", "total_resumes", ""),
  )
create or replace function {{ home }}.{{ name }}() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  {{ m.own_write() }}
  with counted as (
    select fresh.email, count(*) as stored from fresh group by fresh.email
  ), locked as (
    select s.id, counted.stored
      from {{ public }}crm_dashboard_stats s join counted on counted.email = s.email
     order by s.user_id
       for no key update of s
  )
  update {{ public }}crm_dashboard_stats s
     set {{ counter }} = s.{{ counter }} + locked.stored, {{ date ~ " = now(), " if date }}updated_at = now()
    from locked
   where s.id = locked.id;
  return null;
end
$$;
{{ m.callable_by(name ~ "()", "", rules) }}
create or replace trigger {{ name }} after insert on public.{{ table }}
  referencing new table as fresh
  for each statement execute function {{ home }}.{{ name }}();

--@ endfor
-- Tracking: the service fills what no trigger does; an unknown address affects 0 rows.
--@ for name, change, what in (
     ("track_view", "total_views = s.total_views + 1", "views"),
     ("track_login", "last_login_date = now()", "logins"),
  )
create or replace function public.{{ name }}(p_email text) returns integer
language plpgsql security definer{{ pinned }}
as $$
begin
{{ m.service_only("track " ~ what, rules) }}
  {{ m.by_itself() }}
  update {{ public }}crm_dashboard_stats s set {{ change }}, updated_at = now()
   where s.email = {{ m.key_of(rules, public) }};
  return found::integer;
end
$$;
{{ m.offered_to(name ~ "(text)", "service_role", rules) }}

--@ endfor
create or replace function public.track_time(p_email text, p_seconds bigint) returns integer
language plpgsql security definer{{ pinned }}
as $$
begin
{{ m.service_only("track time", rules) }}
  {{ m.by_itself() }}
  if p_seconds < 0 then
    {{ m.refuse("23514", "p_seconds is %s, expected 0 or more", "crm_dashboard_stats", "total_time_spent", args="p_seconds") }}
  end if;
  update {{ public }}crm_dashboard_stats s
     set total_time_spent = s.total_time_spent + coalesce(p_seconds, 0), updated_at = now()
   where s.email = {{ m.key_of(rules, public) }};
  return found::integer;
exception
  when numeric_value_out_of_range then
    {{ m.refuse("23514", "p_seconds is %s: the total would not fit 64 bits", "crm_dashboard_stats", "total_time_spent", args="p_seconds") }}
end
$$;
{{ m.offered_to("track_time(text, bigint)", "service_role", rules) }}

-- Takes accounts for the transaction that goes on, in the order that stands at the top of the first migration: what
-- changes them, and is not there first, waits until it ends. The service takes any, a user their own.
create or replace function public.lock_accounts(p_user_ids uuid[]) returns void
language plpgsql security definer{{ pinned }}
as $$
declare
  v_me uuid := {{ caller }};
begin
{{ m.service_only("lock accounts", rules, but_users=true) }}
  if v_me is not null and p_user_ids is distinct from array[v_me] then
    {{ m.refuse("42501", "A user locks their own account alone", "profiles", "user_id", "row_policy") }}
  end if;
  perform {{ own }}crm_take_rows(p_user_ids);
  perform {{ own }}crm_take_accounts(p_user_ids);
  perform from {{ public }}crm_dashboard_stats s where s.user_id = any (p_user_ids) order by s.user_id for no key update;
end
$$;
{{ m.offered_to("lock_accounts(uuid[])", "authenticated, service_role", rules) }}

-- "Helper Functions": the dashboard of one CRM user.
--@ if rules.private_dashboard
-- It reads with the rights of who asks, so that the row policies show nobody but themselves to a user.
--@ endif
create or replace function public.get_crm_dashboard_data(p_email text) returns table (
  total_applications bigint, total_recordings bigint, total_resumes bigint, total_views bigint,
  credits_remaining bigint, last_application_date timestamptz, last_recording_date timestamptz
)
language plpgsql stable{{ "" if rules.private_dashboard else " security definer" }}{{ pinned }}
as $$
begin
{{ m.service_only("read dashboards", rules, but_users=true) }}
  return query
  select s.total_applications, s.total_recordings, s.total_resumes, s.total_views,
         d.credits_remaining, s.last_application_date, s.last_recording_date
    from {{ public }}digital_resume_by_crm d
    join {{ public }}crm_dashboard_stats s on s.email = d.email
   where d.email = {{ m.key_of(rules, public) }};
end
$$;
{{ m.offered_to("get_crm_dashboard_data(text)", "authenticated, service_role", rules) }}

commit;
