-- Writing ----------------------------------------------------------------------------------------

-- The time of a change is now, unless the change says otherwise. Two triggers tell the one from the
-- other: the first runs only where the column is named, and marks a value that is the same as before.
create or replace function {{ home }}.crm_updated_at_given() returns trigger
language plpgsql{{ pinned }}
as $$
begin
  if new.updated_at = '-infinity' then
    new.updated_at := 'infinity'; -- no time either, which the table's check refuses
  elsif new.updated_at is not distinct from old.updated_at then
    new.updated_at := '-infinity';
  end if;
  return new;
end
$$;
{{ m.callable_by("crm_updated_at_given()", "", rules) }}

create or replace function {{ home }}.crm_updated_at_now() returns trigger
language plpgsql{{ pinned }}
as $$
begin
  if new.updated_at = '-infinity' then
    new.updated_at := old.updated_at;
  elsif new.updated_at is not distinct from old.updated_at then
    new.updated_at := now();
  end if;
  return new;
end
$$;
{{ m.callable_by("crm_updated_at_now()", "", rules) }}

-- Each row that is stored, changed or deleted is an event of its owner's account.
create or replace function {{ home }}.crm_count_events() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  {{ m.count_events("(select touched.user_id, count(*) * tg_argv[0]::bigint as events from touched group by touched.user_id) counted", public) }}
  return null;
end
$$;
{{ m.callable_by("crm_count_events()", "", rules) }}
--@ if rules.immutable_owner

-- A row stays its owner's, no matter who changes it. This is said before anything else is, as a missing privilege would
-- be, and names the rule. Owner columns that keep their values may be named, as in a whole row that a front end saves.
create or replace function {{ home }}.crm_refuse_owner_change() returns trigger
language plpgsql{{ pinned }}
as $$
begin
  raise exception using
    errcode = case when pg_catalog.row_security_active(tg_relid) then '42501' else '23514' end,
    message = pg_catalog.format('%s.%s says whose row it is and never changes', tg_table_name, tg_argv[0]),
    table = tg_table_name, column = tg_argv[0], constraint = 'immutable_owner',
    hint = 'Leave it out of the update, or as it is.';
end
$$;
{{ m.callable_by("crm_refuse_owner_change()", "", rules) }}
--@ endif
--@ if rules.separate_populations

-- "Comparison": a CRM user's rows go to the crm_ tables alone, whoever stores them. Users are refused by the policy.
create or replace function {{ home }}.crm_refuse_population() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  if exists (select from {{ public }}digital_resume_by_crm d where d.user_id = new.user_id) then
    raise exception using errcode = '23514',
      message = format('A CRM user''s rows go to crm_%1$s, not to %1$s', tg_table_name),
      table = tg_table_name, column = 'user_id', constraint = 'separate_populations';
  end if;
  return new;
end
$$;
{{ m.callable_by("crm_refuse_population()", "", rules) }}
--@ endif
--@ if rules.owner_pair and not rules.immutable_owner

-- Where owners may change, a key of both columns would say more than that new rows are of one account.
create or replace function {{ home }}.crm_refuse_pair() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  if new.email is not null and new.user_id is not null and not exists (
    select from {{ public }}digital_resume_by_crm d where d.email = new.email and d.user_id = new.user_id
  ) then
    raise exception using errcode = '23503', table = tg_table_name, column = 'email', constraint = 'owner_pair',
      message = 'No CRM user has this user_id and this email';
  end if;
  return null;
end
$$;
{{ m.callable_by("crm_refuse_pair()", "", rules) }}
--@ endif
