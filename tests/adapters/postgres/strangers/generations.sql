-- Images by prompt. Whoever signs up has 3 credits, and buys 10 for 9.99 through Stripe.

create function public.handle_new_user() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into public.users (id, email, credits) values (new.id, new.email, 3);
  return new;
end
$$;
revoke all on function public.handle_new_user() from public;

create table public.users (
  id uuid primary key references auth.users on delete cascade,
  email text not null unique,
  full_name text,
  credits integer not null default 0 check (credits >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create trigger on_auth_user_created after insert on auth.users
  for each row execute function public.handle_new_user();

create table public.generations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.users (id),
  image_url text,
  seconds integer check (seconds >= 0),
  state text not null default 'processing' check (state in ('processing', 'completed', 'failed')),
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create table public.stripe_checkouts (
  id bigint generated always as identity primary key,
  session_id text not null unique check (length(session_id) between 1 and 255),
  user_id uuid not null references public.users (id),
  amount_cents integer not null,
  credits integer not null,
  created_at timestamptz not null default now()
);

create function public.charge_generation() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update public.users set credits = credits - 1 where id = new.user_id and credits > 0;
  if not found then
    raise exception 'out of credits';
  end if;
  return null;
end
$$;
revoke all on function public.charge_generation() from public;
create trigger charge_generation after insert on public.generations
  for each row execute function public.charge_generation();

create function public.keep_image() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if old.state = 'completed' and new.image_url is distinct from old.image_url then
    raise check_violation using message = 'the image of a completed generation stays';
  end if;
  return new;
end
$$;
revoke all on function public.keep_image() from public;
create trigger keep_image before update on public.generations for each row execute function public.keep_image();

create function public.fulfill_checkout(p_session text, p_user uuid, p_cents integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  known public.stripe_checkouts;
begin
  if p_user is null or p_session is null or p_cents is null then
    raise not_null_violation;
  elsif p_cents <> 999 then
    raise check_violation using message = 'not the price';
  end if;
  insert into public.stripe_checkouts (session_id, user_id, amount_cents, credits) values (p_session, p_user, p_cents, 10)
    on conflict (session_id) do nothing;
  if not found then
    select * into strict known from public.stripe_checkouts where session_id = p_session;
    if (known.user_id, known.amount_cents) is distinct from (p_user, p_cents) then
      raise exception 'another checkout' using errcode = 'PT409';
    end if;
    return false;
  end if;
  update public.users set credits = credits + 10 where id = p_user;
  return true;
end
$$;
revoke all on function public.fulfill_checkout(text, uuid, integer) from public;
grant execute on function public.fulfill_checkout(text, uuid, integer) to service_role;

alter table public.users enable row level security;
alter table public.generations enable row level security;
alter table public.stripe_checkouts enable row level security;
create policy own on public.users for select to authenticated using (id = auth.uid());
create policy rename on public.users for update to authenticated using (id = auth.uid());
create policy own on public.generations to authenticated using (user_id = auth.uid()) with check (user_id = auth.uid());
create policy own on public.stripe_checkouts for select to authenticated using (user_id = auth.uid());

grant select on public.users, public.generations, public.stripe_checkouts to authenticated;
grant update (full_name) on public.users to authenticated;
grant insert, delete, update (image_url, seconds, state, created_at, updated_at) on public.generations to authenticated;
grant all on public.users, public.generations to service_role;
grant select on public.stripe_checkouts to service_role;
grant insert on auth.users to service_role;
