-- What Supabase brings along and a plain PostgreSQL lacks: people, who is asking, and the roles.
begin;
set local search_path = pg_catalog, pg_temp;
set local client_min_messages = 'warning';
set local lock_timeout = '10s';
set local statement_timeout = '5min';

do $$
declare
  wanted text;
begin
  foreach wanted in array array['anon', 'authenticated', 'service_role'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
      execute pg_catalog.format('create role %I nologin', wanted);
    end if;
  end loop;
end
$$;
alter role service_role bypassrls;

create schema if not exists auth;
grant usage on schema auth, public to anon, authenticated, service_role;

create table if not exists auth.users (
{{ declared.columns(tables["users"], rules) }}
);
create unique index if not exists users_email_key on auth.users (email);
revoke all on auth.users from public, anon, authenticated, service_role;
grant select on auth.users to service_role;

-- The id of who asks, as PostgREST hands it over: the claim "sub" of their token.
create or replace function auth.uid() returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
revoke all on function auth.uid() from public;
grant execute on function auth.uid() to anon, authenticated, service_role;

commit;
