--@ import "macros.sql" as m
--@ import "rows.sql" as rows
-- Creates the main CRM tracking table and the credit system ("Migration Order", 1).
-- Rules: {{ reading }}. Made by crm-domain; run it again and nothing changes.
--
-- What refuses a write comes in PostgreSQL's own order, which is the specified one: privilege, row
-- policy, missing value, check, uniqueness, reference, and last, in AFTER triggers, credits.
--
-- What waits for what. Every function and trigger takes the rows of an account in this order, and of several accounts
-- the rows of one table by user_id before those of the next table:
--
--   1. the rows that the statement itself names, with KEY SHARE on those that they refer to (PostgreSQL does both first)
--   2. profiles, the account's own lock: the ledger (credit_grants, credit_consumptions) is written under it alone
--   3. digital_resume_by_crm
--   4. crm_dashboard_stats
--   5. account_versions
--
-- A user's statement takes an advisory lock of the account before all of this, because it may find many rows, in any
-- order. So statements that are a transaction each, as PostgREST sends them, never wait for one another in a circle. A
-- transaction of several statements of the service, and a statement of the service that updates or deletes several rows,
-- takes its accounts first: select lock_accounts(array['…', '…']::uuid[]). It names no key columns then.
begin;
set local search_path = {{ path }};
set local client_min_messages = 'warning';
set local lock_timeout = '10s';
set local statement_timeout = '5min';

do $$
declare
  found_rules text := pg_catalog.obj_description(pg_catalog.to_regclass('public.digital_resume_by_crm'), 'pg_class');
begin
  if found_rules is not null and found_rules <> 'Main tracking table for CRM users (rules: {{ reading }})' then
    raise exception 'public.digital_resume_by_crm is there under other rules: %', found_rules
      using hint = 'Take those migrations back first, with their down migrations.';
  end if;
end
$$;

--@ if rules.definer_safety
-- What nobody calls by themselves stands in a schema of its own, which PostgREST is not given. Policies, checks and
-- triggers use it with the rights of who asks. An earlier version had it in public: moved, it stays what they use.
create schema if not exists {{ home }};
revoke all on schema {{ home }} from public, anon, authenticated, service_role;
grant usage on schema {{ home }} to authenticated, service_role;

do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select found.name
      from unnest(array[
--@ for function in second_helpers + first_helpers
        'public.{{ function }}'{{ "," if not loop.last }}
--@ endfor
      ]) as helper (name), to_regprocedure(helper.name) as found (name)
     where found.name is not null
  loop
    execute format('alter function %s set schema {{ home }}', v_function);
  end loop;
end
$$;

--@ endif
--@ if rules.one_email
create or replace function {{ home }}.crm_spaces() returns text
language sql immutable parallel safe{{ pinned }}
as $$
  select {{ normal_form.spaces() }}
$$;
{{ m.callable_by("crm_spaces()", "authenticated, service_role", rules) }}

-- Whether a text holds nothing but what may stand in an address: at each of these code points the
-- characters that may begin or end, the same on every server.
create or replace function {{ home }}.crm_is_known(p_text text) returns boolean
language sql immutable strict parallel safe{{ pinned }}
as $$
  select not exists (
    select from regexp_split_to_table(p_text, '') as each_one (c)
     where each_one.c <> '' and width_bucket(ascii(each_one.c), {{ normal_form.edges() }}::int[]) % 2 = 0
  )
$$;
{{ m.callable_by("crm_is_known(text)", "authenticated, service_role", rules) }}

-- Lower-cases each character by itself, the same on every server and in every locale.
create or replace function {{ home }}.crm_lowered(p_text text) returns text
language sql immutable strict parallel safe{{ pinned }}
as $$
  select
{{ normal_form.lowered("p_text") }}
$$;
{{ m.callable_by("crm_lowered(text)", "authenticated, service_role", rules) }}

-- One spelling of each address is the key: trimmed, composed, in lower case. What holds something that
-- no address does is only trimmed: what a server makes of it must not be a key.
create or replace function {{ home }}.crm_normal_email(p_email text) returns text
language sql immutable strict parallel safe{{ pinned }}
as $$
  select case
    when octet_length(trimmed.email) = length(trimmed.email) then lower(trimmed.email collate "C")
    when not {{ own }}crm_is_known(trimmed.email) then trimmed.email
    else normalize({{ own }}crm_lowered(normalize(trimmed.email, NFC)), NFC)
  end
  from (select btrim(p_email, {{ own }}crm_spaces())) as trimmed (email)
$$;
{{ m.callable_by("crm_normal_email(text)", "authenticated, service_role", rules) }}
drop function if exists public.crm_folded(text);

-- What keeps a text in normal form from being an address; null if it is one.
create or replace function {{ home }}.crm_email_fault(p_email text) returns text
language sql immutable strict parallel safe{{ pinned }}
as $$
  select case
    when p_email = '' then 'it is empty'
    when length(p_email) > {{ normal_form.LENGTH_MAX }} then 'it is longer than {{ normal_form.LENGTH_MAX }} characters'
    when not {{ own }}crm_is_known(p_email)
      then 'it holds a space, or a control, invisible or compatibility character, or one that is not known'
    when p_email !~ '^.+@' then 'it has no name before the @'
    when p_email ~ '@$' then 'it has no domain after the @'
    when p_email ~ '@.*@' then 'it has more than one @'
    when strpos(p_email, '@') > {{ normal_form.NAME_LENGTH_MAX + 1 }}
      then 'its name is longer than {{ normal_form.NAME_LENGTH_MAX }} characters'
    when translate(split_part(p_email, '@', 1), '{{ normal_form.SPECIALS }}', '') <> split_part(p_email, '@', 1)
      then 'its name holds one of {{ normal_form.SPECIALS }}'
    when p_email ~ '^\.|\.\.+[^@]*@|\.@' then 'its name begins or ends with a dot, or has two in a row'
    when p_email collate "C" !~ '@[A-Za-z0-9_.-]+$'
      then 'its domain holds more than ASCII letters, digits, hyphens, underscores and dots'
    when p_email ~ '@\.|\.\.|\.$' then 'its domain begins or ends with a dot, or has two in a row'
    when p_email ~ '@.*[^.]{{ "{" ~ (normal_form.LABEL_LENGTH_MAX + 1) ~ "}" }}'
      then 'a part of its domain is longer than {{ normal_form.LABEL_LENGTH_MAX }} characters'
  end
$$;
{{ m.callable_by("crm_email_fault(text)", "service_role" if rules.tracking_read_only else "authenticated, service_role", rules) }}

-- Whoever stores a row under an address, stores it under its normal form, or under the key that an
-- account had before the normal form was this one.
create or replace function {{ home }}.crm_normalise_email() returns trigger
language plpgsql{{ pinned }}
as $$
begin
  if not exists (select from {{ public }}digital_resume_by_crm d where d.email = new.email) then
    new.email := {{ own }}crm_normal_email(new.email);
  end if;
  return new;
end
$$;
{{ m.callable_by("crm_normalise_email()", "", rules) }}

-- No new account has another key than an address in normal form. Accounts that are there keep theirs.
create or replace function {{ home }}.crm_refuse_key() returns trigger
language plpgsql{{ pinned }}
as $$
begin
  if new.email <> {{ own }}crm_normal_email(new.email) or {{ own }}crm_email_fault(new.email) is not null then
    {{ m.refuse("23514", "%L is not the normal form of an e-mail address", "digital_resume_by_crm", "email", "digital_resume_by_crm_email_check", args="new.email") }}
  end if;
  return null;
end
$$;
{{ m.callable_by("crm_refuse_key()", "", rules) }}
--@ endif

-- Tables -----------------------------------------------------------------------------------------
--@ for t in first_tables

-- {{ t.purpose }}
{{ m.table(t, rules) }}
--@ endfor
--@ if rules.active_only and not rules.tracking_read_only

-- Whether who asks has not been deactivated.
create or replace function {{ home }}.crm_is_active() returns boolean
language sql stable security definer{{ pinned }}
as $$
  select not exists (
    select from {{ public }}digital_resume_by_crm d where d.user_id = auth.uid() and not d.is_active
  )
$$;
{{ m.callable_by("crm_is_active()", "authenticated", rules) }}
--@ endif

-- Who may do what: nobody but those who are named, and users to their own rows.
--@ for t in first_tables

{{ m.access_to(t, rules, access) }}
--@ endfor
--@ if rules.one_email

alter table public.digital_resume_by_crm drop constraint if exists digital_resume_by_crm_email_check;
-- The trigger's name sorts before those of the foreign keys, because this refusal comes before theirs.
drop trigger if exists "Crm_key" on public.digital_resume_by_crm;
create trigger "Crm_key" after insert or update of email on public.digital_resume_by_crm
  for each row execute function {{ home }}.crm_refuse_key();
--@ endif
comment on table public.digital_resume_by_crm is 'Main tracking table for CRM users (rules: {{ reading }})';

-- Recordings are looked up in the ledger by their id alone, too.
create index if not exists credit_consumptions_recording_id_idx on public.credit_consumptions (recording_id);

-- How many events each account has seen: the version that a command comes to.
create table if not exists public.account_versions (
  user_id uuid not null,
  version bigint not null,
  constraint account_versions_pkey primary key (user_id)
) with (fillfactor = 80);
revoke all on public.account_versions from public, anon, authenticated, service_role;
grant select on public.account_versions to authenticated, service_role;
alter table public.account_versions enable row level security;
drop policy if exists "Users can SELECT their own data" on public.account_versions;
create policy "Users can SELECT their own data" on public.account_versions
  for select to authenticated using ({{ access.ME }} = user_id);
drop policy if exists "Service role has full access" on public.account_versions;
create policy "Service role has full access" on public.account_versions
  to service_role using (true) with check (true);

-- PostgreSQL folds the table's name; the front end's snippets write it exactly.
create or replace view public."digital_resume_by_CRM" with (security_invoker = true) as
  select * from public.digital_resume_by_crm;
revoke all on public."digital_resume_by_CRM" from public, anon, authenticated, service_role;
--@ for role in (access.USER, access.SERVICE_ROLE)
grant {{ access.privileges(role, tables["digital_resume_by_crm"], rules) }} on public."digital_resume_by_CRM" to {{ role }};
--@ endfor

-- Locks ------------------------------------------------------------------------------------------

-- What a user's statement takes first; of several accounts, one after the other in the order of their ids.
create or replace function {{ home }}.crm_take_rows(p_user_ids uuid[]) returns void
language sql{{ pinned }}
as $$
  select pg_advisory_xact_lock(hashtextextended('crm rows of ' || a.id, 0))
    from (select distinct unnest(p_user_ids) as id order by 1) a
$$;
{{ m.callable_by("crm_take_rows(uuid[])", "", rules) }}

create or replace function {{ home }}.crm_take_own() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  perform {{ own }}crm_take_rows(array[auth.uid()]);
  return null;
end
$$;
{{ m.callable_by("crm_take_own()", "", rules) }}

-- Takes accounts in the order that stands at the top.
create or replace function {{ home }}.crm_take_accounts(p_user_ids uuid[]) returns void
language plpgsql security definer{{ pinned }}
as $$
begin
  perform from {{ public }}profiles p where p.user_id = any (p_user_ids) order by p.user_id for no key update;
  perform from {{ public }}digital_resume_by_crm d where d.user_id = any (p_user_ids) order by d.user_id for no key update;
end
$$;
{{ m.callable_by("crm_take_accounts(uuid[])", "", rules) }}

-- Credits ----------------------------------------------------------------------------------------

-- Enters a grant, and with it the trigger below raises the balance.
create or replace function {{ home }}.crm_grant(
  p_user_id uuid, p_source text, p_credits bigint, p_email text, p_payment_id uuid
) returns void
language plpgsql security definer{{ pinned }}
as $$
declare
  v_number bigint := 1 + (select count(*) from {{ public }}credit_grants g where g.user_id = p_user_id);
begin
  insert into {{ public }}credit_grants (id, user_id, number, source, email, payment_id, credits, remaining)
  values (p_user_id || '/' || v_number, p_user_id, v_number, p_source, p_email, p_payment_id, p_credits, p_credits);
end
$$;
{{ m.callable_by("crm_grant(uuid, text, bigint, text, uuid)", "", rules) }}

create or replace function {{ home }}.crm_credit_grant() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  {{ m.own_write() }}
  update {{ public }}profiles p
     set credits_remaining = p.credits_remaining + new.credits, updated_at = now()
   where p.user_id = new.user_id;
  {{ m.count_events("(select new.user_id, 1 as events) counted", public) }}
  return null;
end
$$;
{{ m.callable_by("crm_credit_grant()", "", rules) }}
-- Not for the grant that an adjusted balance enters, from within its own trigger.
create or replace trigger crm_credit_grant after insert on public.credit_grants
  for each row when (
    {{ m.is_a_write(rules) }}
  ) execute function {{ home }}.crm_credit_grant();

-- Whoever sets a balance and is no user adjusts it: the ledger gets a grant, or voids, oldest first.
create or replace function {{ home }}.crm_adjust(p_user_id uuid, p_missing bigint) returns void
language plpgsql security definer{{ pinned }}
as $$
begin
  if p_missing > 0 then
    {{ m.own_write() }}
    perform {{ own }}crm_grant(p_user_id, 'adjustment', p_missing, null, null);
  else
    update {{ public }}credit_grants g
       set remaining = g.remaining - open.voided, voided = g.voided + open.voided
      from (
        select id, least(remaining, greatest(0, -p_missing - (sum(remaining) over (order by number) - remaining))) as voided
          from {{ public }}credit_grants
         where user_id = p_user_id and remaining > 0
      ) open
     where g.id = open.id and open.voided > 0;
  end if;
  {{ m.count_events("(select p_user_id as user_id, 1 as events) counted", public) }}
end
$$;
{{ m.callable_by("crm_adjust(uuid, bigint)", "", rules) }}

create or replace function {{ home }}.crm_adjust_balance() returns trigger
language plpgsql security definer{{ pinned }}
as $$
declare
  v_changed record;
begin
  perform {{ own }}crm_take_accounts(array(select changed.user_id from changed));
  for v_changed in
    select changed.user_id, changed.credits_remaining - before.credits_remaining as missing
      from changed join before on before.user_id = changed.user_id
     where changed.credits_remaining <> before.credits_remaining
     order by changed.user_id
  loop
    perform {{ own }}crm_adjust(v_changed.user_id, v_changed.missing);
  end loop;
  return null;
end
$$;
{{ m.callable_by("crm_adjust_balance()", "", rules) }}
create or replace trigger crm_adjust_balance after update on public.profiles
  referencing old table as before new table as changed
  for each statement when (
    ({{ m.is_a_write(rules) }})
    and not pg_catalog.row_security_active('public.profiles'::regclass)
  ) execute function {{ home }}.crm_adjust_balance();

create or replace function {{ home }}.crm_opening_balance() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  perform {{ own }}crm_adjust(new.user_id, new.credits_remaining);
  return null;
end
$$;
{{ m.callable_by("crm_opening_balance()", "", rules) }}
create or replace trigger crm_opening_balance after insert on public.profiles
  for each row when (
    ({{ m.is_a_write(rules) }})
    and not pg_catalog.row_security_active('public.profiles'::regclass)
    and new.credits_remaining <> 0
  ) execute function {{ home }}.crm_opening_balance();

-- "Credit Sync": the main table's balance follows the profile's.
create or replace function {{ home }}.crm_credit_sync() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  {{ m.own_write() }}
--@ if rules.tracking_read_only
  with locked as (
    select d.email, changed.credits_remaining
      from {{ public }}digital_resume_by_crm d
      join changed on d.user_id = changed.user_id and d.credits_remaining <> changed.credits_remaining
     order by d.user_id
       for no key update of d
  )
  update {{ public }}digital_resume_by_crm d
     set credits_remaining = locked.credits_remaining
    from locked
   where d.email = locked.email;
  return null;
--@ else
  update {{ public }}digital_resume_by_crm set credits_remaining = new.credits_remaining where user_id = new.user_id;
  return new;
--@ endif
end
$$;
{{ m.callable_by("crm_credit_sync()", "", rules) }}
--@ if rules.tracking_read_only
create or replace trigger crm_credit_sync after update on public.profiles
  referencing new table as changed
  for each statement execute function {{ home }}.crm_credit_sync();
--@ else
-- A user may have written the mirror, so whatever is written to the profile sets it right.
create or replace trigger crm_credit_sync after update on public.profiles
  for each row when (
    old.credits_remaining is distinct from new.credits_remaining
    or pg_catalog.row_security_active('public.profiles'::regclass)
  ) execute function {{ home }}.crm_credit_sync();
create or replace trigger crm_credit_sync_again after update of user_id, created_at, updated_at on public.profiles
  for each row execute function {{ home }}.crm_credit_sync();
--@ endif

-- Nobody but the users, where they may write it, brings the mirror away from the profile's balance.
-- The trigger's name sorts before those of the foreign keys, because this refusal comes before theirs.
create or replace function {{ home }}.crm_lone_mirror() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  if new.credits_remaining
     <> coalesce((select p.credits_remaining from {{ public }}profiles p where p.user_id = new.user_id), 0) then
    {{ m.refuse("PT409", "credits_remaining here mirrors the balance in profiles", "digital_resume_by_crm",
                "credits_remaining", "lone_mirror", "Set profiles.credits_remaining instead, and the mirror follows.") }}
  end if;
  return null;
end
$$;
{{ m.callable_by("crm_lone_mirror()", "", rules) }}
drop trigger if exists "Crm_lone_mirror" on public.digital_resume_by_crm;
create trigger "Crm_lone_mirror" after insert or update of credits_remaining, user_id on public.digital_resume_by_crm
  for each row when (
    ({{ m.is_a_write(rules) }})
    and not pg_catalog.row_security_active('public.digital_resume_by_crm'::regclass)
  ) execute function {{ home }}.crm_lone_mirror();

--@ include "consumption.sql"
--@ include "writing.sql"

--@ for t in first_tables
{{ rows.triggers(t, rules, access, public, pinned) }}
--@ endfor
--@ include "operations.sql"

commit;
