-- Renders of scenes, 5 credits each. Whoever signs up has 20, and buys 50 for 19.00. Every move is a transaction.

create table public.user_credits (
  user_id uuid primary key references auth.users,
  balance integer not null default 0 check (balance >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table public.credit_transactions (
  id bigint generated always as identity primary key,
  user_id uuid not null references public.user_credits,
  amount integer not null,
  reason text not null,
  reference text check (length(reference) between 1 and 255),
  paid numeric(10, 2),
  created_at timestamptz not null default now()
);
create unique index one_purchase on public.credit_transactions (reference) where reason = 'purchase';

create table public.renders (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.user_credits,
  url text,
  thumbnail text,
  created_at timestamptz not null default now()
);

create function public.acts_for(p_user uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' = 'service_role' or p_user = auth.uid(), false)
$$;
revoke all on function public.acts_for(uuid) from public;
grant execute on function public.acts_for(uuid) to authenticated, service_role;

create function public.deduct_credits(p_user uuid, p_amount integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not public.acts_for(p_user) then
    raise insufficient_privilege using message = 'not your account';
  elsif p_amount is null or p_amount <= 0 then
    raise check_violation using message = 'an amount is above 0';
  end if;
  update public.user_credits set balance = balance - p_amount where user_id = p_user and balance >= p_amount;
  if not found then
    return false;
  end if;
  insert into public.credit_transactions (user_id, amount, reason) values (p_user, -p_amount, 'render');
  return true;
end
$$;
revoke all on function public.deduct_credits(uuid, integer) from public;
grant execute on function public.deduct_credits(uuid, integer) to authenticated, service_role;

create function public.add_credits(p_user uuid, p_amount integer, p_reason text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update public.user_credits set balance = balance + p_amount where user_id = p_user;
  insert into public.credit_transactions (user_id, amount, reason) values (p_user, p_amount, p_reason);
end
$$;
revoke all on function public.add_credits(uuid, integer, text) from public;
grant execute on function public.add_credits(uuid, integer, text) to service_role;

create function public.purchase(p_user uuid, p_paid numeric, p_reference text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  known public.credit_transactions;
begin
  if p_user is null or p_paid is null or p_reference is null then
    raise not_null_violation;
  elsif p_paid is distinct from 19.00 then
    raise check_violation using message = 'not the price';
  end if;
  insert into public.credit_transactions (user_id, amount, reason, reference, paid)
  values (p_user, 50, 'purchase', p_reference, p_paid)
  on conflict (reference) where reason = 'purchase' do nothing;
  if not found then
    select * into strict known from public.credit_transactions where reference = p_reference and reason = 'purchase';
    if (known.user_id, known.paid) is distinct from (p_user, p_paid) then
      raise exception 'another purchase' using errcode = 'PT409';
    end if;
    return false;
  end if;
  update public.user_credits set balance = balance + 50 where user_id = p_user;
  return true;
end
$$;
revoke all on function public.purchase(uuid, numeric, text) from public;
grant execute on function public.purchase(uuid, numeric, text) to service_role;

-- Stores the render and takes its price, both or neither.
create function public.start_render(p_id uuid, p_user uuid, p_url text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not public.acts_for(p_user) and (p_user is not null or auth.uid() is not null) then
    raise insufficient_privilege using message = 'not your account';
  end if;
  insert into public.renders (id, user_id, url) values (p_id, p_user, p_url);
  if not public.deduct_credits(p_user, 5) then
    raise exception 'out of credits' using errcode = 'PT402';
  end if;
end
$$;
revoke all on function public.start_render(uuid, uuid, text) from public;
grant execute on function public.start_render(uuid, uuid, text) to authenticated, service_role;

create function public.sign_up(p_id uuid, p_email text) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into auth.users (id, email) values (p_id, p_email);
  insert into public.user_credits (user_id, balance) values (p_id, 20);
  insert into public.credit_transactions (user_id, amount, reason) values (p_id, 20, 'welcome');
  return p_id;
end
$$;
revoke all on function public.sign_up(uuid, text) from public;
grant execute on function public.sign_up(uuid, text) to service_role;

alter table public.user_credits enable row level security;
alter table public.credit_transactions enable row level security;
alter table public.renders enable row level security;
create policy own on public.user_credits for select to authenticated using (user_id = auth.uid());
create policy own on public.credit_transactions for select to authenticated using (user_id = auth.uid());
create policy own on public.renders to authenticated using (user_id = auth.uid());
grant select on public.user_credits, public.credit_transactions, public.renders to authenticated;
grant update (url, thumbnail), delete on public.renders to authenticated;
grant all on public.user_credits, public.renders to service_role;
grant select on public.credit_transactions to service_role;
