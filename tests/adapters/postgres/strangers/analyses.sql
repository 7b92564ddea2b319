-- Analyses of documents. Whoever signs up has 2 credits, and buys 5 for 4.90. One that fails is paid back.

create table public.profiles (
  id uuid primary key references auth.users,
  credits_remaining integer not null default 2 check (credits_remaining >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table public.orders (
  order_no text primary key check (length(order_no) between 1 and 255),
  profile_id uuid not null references public.profiles,
  total numeric(8, 2) not null,
  credits integer not null default 5,
  created_at timestamptz not null default now()
);

create table public.analyses (
  id uuid primary key default gen_random_uuid(),
  owner uuid not null references public.profiles,
  document text,
  pages integer check (pages >= 0),
  bytes bigint check (bytes >= 0),
  result text,
  status text not null default 'processing' check (status in ('processing', 'completed', 'failed')),
  was_completed boolean not null default false,
  refunded boolean not null default false,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create function public.is_service() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' = 'service_role', false)
$$;

create function public.before_analysis() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    new.was_completed := new.status = 'completed';
    new.refunded := false;
    return new;
  end if;
  if old.was_completed and new.document is distinct from old.document then
    raise check_violation using message = 'the document of a completed analysis stays';
  elsif old.refunded and new.status <> 'failed' then
    raise check_violation using message = 'it was paid back';
  end if;
  new.was_completed := old.was_completed or new.status = 'completed';
  new.refunded := old.refunded or (new.status = 'failed' and old.status <> 'failed' and public.is_service());
  return new;
end
$$;
create trigger before_analysis before insert or update on public.analyses
  for each row execute function public.before_analysis();

create function public.pay_for_analysis() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    update public.profiles set credits_remaining = credits_remaining - 1 where id = new.owner and credits_remaining > 0;
    if not found then
      raise exception 'no credits left' using errcode = 'P0001';
    end if;
  elsif new.refunded and not old.refunded then
    update public.profiles set credits_remaining = credits_remaining + 1 where id = new.owner;
  end if;
  return null;
end
$$;
create trigger pay_for_analysis after insert or update on public.analyses
  for each row execute function public.pay_for_analysis();

create function public.sign_up(p_email text) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := gen_random_uuid();
begin
  insert into auth.users (id, email) values (v_id, p_email);
  insert into public.profiles (id) values (v_id);
  return v_id;
end
$$;

create function public.pay(p_order text, p_profile uuid, p_total numeric) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_total <> 4.90 then
    raise check_violation using message = 'not the price';
  end if;
  insert into public.orders (order_no, profile_id, total) values (p_order, p_profile, p_total);
  update public.profiles set credits_remaining = credits_remaining + 5 where id = p_profile;
  return 'new';
exception when unique_violation then
  perform from public.orders where order_no = p_order and profile_id = p_profile and total = p_total;
  if not found then
    raise exception 'another order' using errcode = 'PT409';
  end if;
  return 'known';
end
$$;
revoke all on function public.sign_up(text), public.pay(text, uuid, numeric) from public;
revoke all on function public.before_analysis(), public.pay_for_analysis() from public;
grant execute on function public.sign_up(text), public.pay(text, uuid, numeric) to service_role;

alter table public.profiles enable row level security;
alter table public.orders enable row level security;
alter table public.analyses enable row level security;
create policy own on public.profiles for select to authenticated using (id = (select auth.uid()));
create policy own on public.orders for select to authenticated using (profile_id = (select auth.uid()));
create policy own on public.analyses to authenticated using (owner = (select auth.uid()));
grant select on public.profiles, public.orders, public.analyses to authenticated;
grant insert (owner, document, pages, bytes, result, status, created_at, updated_at), delete on public.analyses to authenticated;
grant update (document, pages, bytes, result, status, created_at, updated_at) on public.analyses to authenticated;
grant all on public.profiles, public.analyses to service_role;
grant select on public.orders to service_role;
