-- The document's database by another hand: one that grants everything and lets policies decide, that prefers
-- triggers to composite keys, and keeps what is its own in a schema of its own.

create schema app;
grant usage on schema app to authenticated, service_role;

-- Who asks ---------------------------------------------------------------------------------------

create function app.asks_as_service() returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role', '') = 'service_role'
$$;

create function app.require_service() returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if not app.asks_as_service() then
    raise insufficient_privilege using message = 'for the service alone';
  end if;
end
$$;

-- Tables -----------------------------------------------------------------------------------------

create table public.profiles (
  user_id uuid primary key references auth.users (id),
  credits_remaining integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint no_debt check (credits_remaining >= 0)
);

create table public.digital_resume_by_crm (
  email text primary key,
  user_id uuid not null unique references auth.users (id),
  credits_remaining integer not null default 4 check (credits_remaining >= 0),
  payment_details jsonb,
  user_created_at timestamptz default now(),
  last_sync_at timestamptz default now(),
  is_active boolean not null default true
);

create table public.crm_job_requests (
  id uuid primary key default gen_random_uuid(),
  email text not null references public.digital_resume_by_crm (email),
  user_id uuid not null references auth.users (id),
  job_title text, company_name text, job_description text, job_url text, application_status text,
  applied_date timestamptz, resume_url text, cover_letter text,
  created_at timestamptz default now(), updated_at timestamptz default now()
);

create table public.crm_recordings (
  id uuid primary key default gen_random_uuid(),
  email text not null references public.digital_resume_by_crm (email),
  user_id uuid not null references auth.users (id),
  job_request_id uuid references public.crm_job_requests (id),
  video_url text, thumbnail_url text,
  duration integer constraint crm_lasts check (duration >= 0),
  file_size bigint constraint crm_weighs check (file_size >= 0),
  recording_date timestamptz, transcription text,
  status text not null default 'processing' constraint crm_status check (status in ('processing', 'completed', 'failed')),
  created_at timestamptz default now(), updated_at timestamptz default now(),
  completed_once boolean not null default false
);

create table public.crm_resumes (
  id uuid primary key default gen_random_uuid(),
  email text not null references public.digital_resume_by_crm (email),
  user_id uuid not null references auth.users (id),
  resume_name text, resume_url text not null, file_type text,
  file_size bigint check (file_size >= 0),
  parsed_data jsonb,
  is_primary boolean not null default false,
  is_active boolean not null default true,
  created_at timestamptz default now(), updated_at timestamptz default now(),
  constraint crm_primary exclude (user_id with =) where (is_primary)
);

create table public.crm_dashboard_stats (
  id uuid primary key default gen_random_uuid(),
  email text not null unique references public.digital_resume_by_crm (email),
  user_id uuid not null references auth.users (id),
  total_applications integer not null default 0 check (total_applications >= 0),
  total_recordings integer not null default 0 check (total_recordings >= 0),
  total_resumes integer not null default 0 check (total_resumes >= 0),
  total_views integer not null default 0 check (total_views >= 0),
  last_application_date timestamptz, last_recording_date timestamptz, last_login_date timestamptz,
  total_time_spent bigint not null default 0 check (total_time_spent >= 0),
  created_at timestamptz default now(), updated_at timestamptz default now()
);

create table public.job_requests (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id),
  job_title text, company_name text, job_description text, job_url text, application_status text,
  applied_date timestamptz, resume_url text, cover_letter text,
  created_at timestamptz default now(), updated_at timestamptz default now()
);

create table public.recordings (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id),
  job_request_id uuid references public.job_requests (id),
  video_url text, thumbnail_url text,
  duration integer constraint lasts check (duration >= 0),
  file_size bigint check (file_size >= 0),
  recording_date timestamptz, transcription text,
  status text not null default 'processing' check (status in ('processing', 'completed', 'failed')),
  created_at timestamptz default now(), updated_at timestamptz default now(),
  completed_once boolean not null default false
);

create table public.resumes (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id),
  resume_name text, resume_url text not null, file_type text,
  file_size bigint check (file_size >= 0),
  parsed_data jsonb,
  is_primary boolean not null default false,
  is_active boolean not null default true,
  created_at timestamptz default now(), updated_at timestamptz default now(),
  constraint regular_primary exclude (user_id with =) where (is_primary)
);

create table public.payments (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.profiles (user_id),
  ref text not null unique check (length(ref) between 1 and 255),
  amount numeric not null,
  credits integer not null default 3,
  created_at timestamptz not null default now()
);

create table app.welcomed (
  email text primary key,
  user_id uuid not null unique,
  at timestamptz not null default now()
);

-- What stays as it is ----------------------------------------------------------------------------

create function app.freeze() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  was jsonb := to_jsonb(old);
  is_now jsonb := to_jsonb(new);
  kept text;
begin
  foreach kept in array tg_argv loop
    if was -> kept is distinct from is_now -> kept then
      if app.asks_as_service() then
        raise check_violation using message = kept || ' never changes';
      end if;
      raise insufficient_privilege using message = kept || ' never changes';
    end if;
  end loop;
  return new;
end
$$;

create function app.touch() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := now();
  return new;
end
$$;

create function app.keep_video() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    new.completed_once := new.status = 'completed';
    return new;
  end if;
  if old.completed_once and new.video_url is distinct from old.video_url then
    raise check_violation using message = 'a completed video stays';
  end if;
  new.completed_once := old.completed_once or new.status = 'completed';
  return new;
end
$$;

create trigger frozen before update on public.profiles for each row execute function app.freeze('user_id');
create trigger frozen before update on public.digital_resume_by_crm for each row execute function app.freeze('email', 'user_id');
create trigger frozen before update on public.crm_job_requests for each row execute function app.freeze('id', 'email', 'user_id');
create trigger frozen before update on public.crm_recordings for each row execute function app.freeze('id', 'email', 'user_id');
create trigger frozen before update on public.crm_resumes for each row execute function app.freeze('id', 'email', 'user_id');
create trigger frozen before update on public.crm_dashboard_stats for each row execute function app.freeze('id', 'email', 'user_id');
create trigger frozen before update on public.job_requests for each row execute function app.freeze('id', 'user_id');
create trigger frozen before update on public.recordings for each row execute function app.freeze('id', 'user_id');
create trigger frozen before update on public.resumes for each row execute function app.freeze('id', 'user_id');
create trigger touched before update on public.profiles for each row execute function app.touch();
create trigger touched before update on public.crm_job_requests for each row execute function app.touch();
create trigger touched before update on public.crm_recordings for each row execute function app.touch();
create trigger touched before update on public.crm_resumes for each row execute function app.touch();
create trigger touched before update on public.crm_dashboard_stats for each row execute function app.touch();
create trigger touched before update on public.job_requests for each row execute function app.touch();
create trigger touched before update on public.recordings for each row execute function app.touch();
create trigger touched before update on public.resumes for each row execute function app.touch();
create trigger video before insert or update on public.crm_recordings for each row execute function app.keep_video();
create trigger video before insert or update on public.recordings for each row execute function app.keep_video();

-- Who belongs to whom ----------------------------------------------------------------------------

create function app.check_owner() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from public.digital_resume_by_crm c where c.email = new.email and c.user_id = new.user_id
  ) then
    raise foreign_key_violation using message = 'no such CRM user';
  end if;
  return null;
end
$$;
create trigger a_owner after insert or update on public.crm_job_requests for each row execute function app.check_owner();
create trigger a_owner after insert or update on public.crm_recordings for each row execute function app.check_owner();
create trigger a_owner after insert or update on public.crm_resumes for each row execute function app.check_owner();

create function app.check_crm_job() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if new.job_request_id is not null and not exists (
    select from public.crm_job_requests j where j.id = new.job_request_id and j.user_id = new.user_id
  ) then
    raise foreign_key_violation using message = 'no such job request';
  end if;
  return null;
end
$$;
create trigger b_job after insert or update on public.crm_recordings for each row execute function app.check_crm_job();

create function app.check_job() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if new.job_request_id is not null and not exists (
    select from public.job_requests j where j.id = new.job_request_id and j.user_id = new.user_id
  ) then
    raise foreign_key_violation using message = 'no such job request';
  end if;
  return null;
end
$$;
create trigger b_job after insert or update on public.recordings for each row execute function app.check_job();

create function app.check_population() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from public.digital_resume_by_crm c where c.user_id = new.user_id) then
    raise check_violation using message = 'CRM users have tables of their own';
  end if;
  return null;
end
$$;
create trigger a_population after insert on public.job_requests for each row execute function app.check_population();
create trigger a_population after insert on public.recordings for each row execute function app.check_population();
create trigger a_population after insert on public.resumes for each row execute function app.check_population();

-- Credits and counters ---------------------------------------------------------------------------

create function app.take_credit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update public.profiles set credits_remaining = credits_remaining - 1
   where user_id = new.user_id and credits_remaining > 0;
  if not found then
    raise exception 'no credits left';
  end if;
  return null;
end
$$;
create trigger c_credit after insert on public.crm_recordings for each row execute function app.take_credit();
create trigger c_credit after insert on public.recordings for each row execute function app.take_credit();

create function app.mirror() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update public.digital_resume_by_crm set credits_remaining = new.credits_remaining where user_id = new.user_id;
  return null;
end
$$;
create trigger mirrored after update of credits_remaining on public.profiles for each row execute function app.mirror();

create function app.only_mirror() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if new.credits_remaining is distinct from (select p.credits_remaining from public.profiles p where p.user_id = new.user_id) then
    raise exception 'the balance is kept in profiles' using errcode = 'PT409';
  end if;
  return new;
end
$$;
create trigger only_mirror before update on public.digital_resume_by_crm for each row execute function app.only_mirror();

create function app.count_row() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_table_name = 'crm_job_requests' then
    update public.crm_dashboard_stats set total_applications = total_applications + 1, last_application_date = now()
     where email = new.email;
  elsif tg_table_name = 'crm_recordings' then
    update public.crm_dashboard_stats set total_recordings = total_recordings + 1, last_recording_date = now()
     where email = new.email;
  else
    update public.crm_dashboard_stats set total_resumes = total_resumes + 1 where email = new.email;
  end if;
  return null;
end
$$;
create trigger d_count after insert on public.crm_job_requests for each row execute function app.count_row();
create trigger d_count after insert on public.crm_recordings for each row execute function app.count_row();
create trigger d_count after insert on public.crm_resumes for each row execute function app.count_row();

-- What the service does --------------------------------------------------------------------------

create function app.sign_up(mail text, who uuid) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform app.require_service();
  if mail is null or who is null then
    raise not_null_violation;
  end if;
  insert into auth.users (id, email) values (who, mail);
  insert into public.profiles (user_id) values (who);
  return who;
end
$$;

create function app.provision(mail text, who uuid, details jsonb default null) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  person uuid;
begin
  perform app.require_service();
  if mail is null or who is null then
    raise not_null_violation;
  end if;
  select id into person from auth.users where email = mail;
  if person is null then
    insert into auth.users (id, email) values (who, mail);
    person := who;
  end if;
  insert into public.profiles (user_id) values (person) on conflict do nothing;
  insert into app.welcomed (email, user_id) values (mail, person) on conflict do nothing;
  if found then
    update public.profiles set credits_remaining = credits_remaining + 4 where user_id = person;
  end if;
  insert into public.digital_resume_by_crm (email, user_id, payment_details, credits_remaining)
  select mail, person, details, p.credits_remaining from public.profiles p where p.user_id = person
  on conflict (email) do update set last_sync_at = now();
  insert into public.crm_dashboard_stats (email, user_id) values (mail, person) on conflict (email) do nothing;
  return person;
end
$$;

create function app.pay(who uuid, sum_paid numeric, reference text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  before public.payments;
begin
  perform app.require_service();
  if sum_paid is distinct from 12.99 and sum_paid is not null then
    raise check_violation using message = 'the price is 12.99';
  end if;
  insert into public.payments (user_id, ref, amount) values (who, reference, sum_paid) on conflict (ref) do nothing;
  if found then
    update public.profiles set credits_remaining = credits_remaining + 3 where user_id = who;
    return true;
  end if;
  select * into before from public.payments where ref = reference;
  if before.user_id is distinct from who then
    raise exception 'paid before by another' using errcode = 'PT409';
  end if;
  return false;
end
$$;

create function app.seen(mail text, what text, seconds bigint default 0) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  found_rows bigint;
begin
  perform app.require_service();
  if seconds is null then
    raise not_null_violation;
  elsif seconds < 0 then
    raise check_violation using message = 'time runs forward';
  end if;
  update public.crm_dashboard_stats set
    total_views = total_views + (what = 'view')::int,
    last_login_date = case when what = 'login' then now() else last_login_date end,
    total_time_spent = total_time_spent + seconds
  where email = mail;
  get diagnostics found_rows = row_count;
  return found_rows;
end
$$;

create function app.my_dashboard(mail text) returns table (
  total_applications integer, total_recordings integer, total_resumes integer, total_views integer,
  credits_remaining integer, last_application_date timestamptz, last_recording_date timestamptz
)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select s.total_applications, s.total_recordings, s.total_resumes, s.total_views,
         p.credits_remaining, s.last_application_date, s.last_recording_date
    from public.crm_dashboard_stats s join public.profiles p using (user_id)
   where s.email = mail and (app.asks_as_service() or s.user_id = auth.uid())
$$;

revoke all on all functions in schema app from public, anon;
grant execute on all functions in schema app to authenticated, service_role;

-- Who sees and writes what -----------------------------------------------------------------------

create function app.may_write_crm() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select not exists (select from public.digital_resume_by_crm c where c.user_id = auth.uid() and not c.is_active)
$$;
create function app.may_write_regular() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select not exists (select from public.digital_resume_by_crm c where c.user_id = auth.uid())
$$;
revoke all on function app.may_write_crm(), app.may_write_regular() from public, anon;
grant execute on function app.may_write_crm(), app.may_write_regular() to authenticated, service_role;

alter table app.welcomed enable row level security;
alter table public.profiles enable row level security;
alter table public.digital_resume_by_crm enable row level security;
alter table public.crm_dashboard_stats enable row level security;
alter table public.payments enable row level security;
alter table public.crm_job_requests enable row level security;
alter table public.crm_recordings enable row level security;
alter table public.crm_resumes enable row level security;
alter table public.job_requests enable row level security;
alter table public.recordings enable row level security;
alter table public.resumes enable row level security;

create policy sees on public.profiles for select using (user_id = auth.uid());
create policy sees on public.digital_resume_by_crm for select using (user_id = auth.uid());
create policy sees on public.crm_dashboard_stats for select using (user_id = auth.uid());
create policy sees on public.payments for select using (user_id = auth.uid());
create policy job_sees on public.crm_job_requests for select using (user_id = auth.uid());
create policy job_adds on public.crm_job_requests for insert with check (user_id = auth.uid() and app.may_write_crm());
create policy job_edits on public.crm_job_requests for update using (user_id = auth.uid()) with check (user_id = auth.uid() and app.may_write_crm());
create policy job_drops on public.crm_job_requests for delete using (user_id = auth.uid() and app.may_write_crm());
create policy rec_sees on public.crm_recordings for select using (user_id = auth.uid());
create policy rec_adds on public.crm_recordings for insert with check (user_id = auth.uid() and app.may_write_crm());
create policy rec_edits on public.crm_recordings for update using (user_id = auth.uid()) with check (user_id = auth.uid() and app.may_write_crm());
create policy rec_drops on public.crm_recordings for delete using (user_id = auth.uid() and app.may_write_crm());
create policy res_sees on public.crm_resumes for select using (user_id = auth.uid());
create policy res_adds on public.crm_resumes for insert with check (user_id = auth.uid() and app.may_write_crm());
create policy res_edits on public.crm_resumes for update using (user_id = auth.uid()) with check (user_id = auth.uid() and app.may_write_crm());
create policy res_drops on public.crm_resumes for delete using (user_id = auth.uid() and app.may_write_crm());
create policy regular on public.job_requests for select using (user_id = auth.uid());
create policy regular_job_writes on public.job_requests using (user_id = auth.uid() and app.may_write_regular());
create policy regular on public.recordings for select using (user_id = auth.uid());
create policy regular_rec_writes on public.recordings using (user_id = auth.uid() and app.may_write_regular());
create policy regular on public.resumes for select using (user_id = auth.uid());
create policy regular_res_writes on public.resumes using (user_id = auth.uid() and app.may_write_regular());

grant select, insert, update, delete on all tables in schema public to anon, authenticated, service_role;
revoke insert, update, delete on public.payments from service_role;
