
-- Operations of the service ----------------------------------------------------------------------
--@ if rules.definer_safety

-- The user on whose behalf a function runs with its owner's rights, or null for the service. The role
-- alone makes the service: a token without a user is refused, whatever its claims say.
create or replace function {{ home }}.crm_caller() returns uuid
language plpgsql stable{{ pinned }}
as $$
declare
  v_me uuid;
begin
  if coalesce(nullif(current_setting('role'), 'none'), session_user) = '{{ access.SERVICE_ROLE }}' then
    return null;
  end if;
  v_me := auth.uid();
  if v_me is null then
    {{ m.refuse("42501", "The token names no user", rule="caller", hint="Send a token with the claim sub, or use the role service_role.") }}
  end if;
  return v_me;
end
$$;
{{ m.callable_by("crm_caller()", "", rules) }}
--@ endif

-- A regular user: a person, and a profile with {{ policy.regular_initial_credits }} credits.
create or replace function public.register_user(p_email text, p_user_id uuid default gen_random_uuid()) returns uuid
language plpgsql security definer{{ pinned }}
as $$
declare
  v_email text := {{ m.key_of(rules, public) }};
begin
{{ m.service_only("register users", rules) }}
  {{ m.by_itself() }}
  if p_user_id is null then
    {{ m.refuse("23502", "p_user_id is null: leave it out to have one made", "users", "id") }}
  end if;
  perform {{ own }}crm_refuse_address(v_email);
  insert into auth.users (id, email) values (p_user_id, v_email);
  insert into {{ public }}profiles (user_id) values (p_user_id);
--@ if policy.regular_initial_credits
  perform {{ own }}crm_grant(p_user_id, 'adjustment', {{ policy.regular_initial_credits }}, null, null);
--@ endif
  return p_user_id;
end
$$;
{{ m.offered_to("register_user(text, uuid)", "service_role", rules) }}

-- "CRM User Creation Flow": the six steps, each done once; the address decides who it is.
create or replace function public.sync_crm_user(
  p_email text, p_user_id uuid default {{ "gen_random_uuid()" if rules.tracking_read_only else "coalesce(auth.uid(), gen_random_uuid())" }}, p_payment_details jsonb default null
) returns uuid
language plpgsql security definer{{ pinned }}
as $$
declare
  v_email text := {{ m.key_of(rules, public) }};
--@ if not rules.tracking_read_only
  v_me uuid := {{ caller }};
--@ endif
  v_user_id uuid;
  v_known boolean;
--@ if not rules.grant_once
  v_balance bigint;
--@ endif
begin
{{ m.service_only("provision CRM users", rules, but_users=not rules.tracking_read_only) }}
  {{ m.by_itself() }}
--@ if not rules.tracking_read_only
  if v_me is not null and p_user_id is distinct from v_me then
    {{ m.refuse("42501", "new row violates row-level security policy for table \"digital_resume_by_crm\"", "digital_resume_by_crm", "user_id", "row_policy") }}
  end if;
--@ endif
  if p_user_id is null then
    {{ m.refuse("23502", "p_user_id is null: leave it out to have one made", "users", "id") }}
  end if;
  perform {{ own }}crm_refuse_address(v_email);
  if not ({{ declared.json_checks("p_payment_details") | join(" and ") }}) then
    {{ m.refuse("23514", "payment_details nests too deeply, or holds a number of too many digits", "digital_resume_by_crm", "payment_details") }}
  end if;

  -- Who is it? Of two calls at the same time, the second finds whom the first one brought in.
  select u.id into v_user_id from auth.users u where u.email = v_email;
  if not found then
    if exists (select from auth.users u where u.id = p_user_id) then
      {{ m.refuse("23505", "The id is registered with another address", "users", "id", "users_pkey", "An e-mail change is not offered: sync the address that is known, or choose another id.") }}
    end if;
    insert into auth.users (id, email) values (p_user_id, v_email) on conflict do nothing;
    select u.id into strict v_user_id from auth.users u where u.email = v_email;
  end if;
--@ if not rules.tracking_read_only
  if v_me is not null and v_user_id <> v_me then
    {{ m.refuse("42501", "new row violates row-level security policy for table \"digital_resume_by_crm\"", "digital_resume_by_crm", "user_id", "row_policy") }}
  end if;
--@ endif
  insert into {{ public }}profiles (user_id) values (v_user_id) on conflict do nothing;
  perform {{ own }}crm_take_accounts(array[v_user_id]);
  perform from {{ public }}crm_dashboard_stats s where s.email = v_email for no key update;
--@ if not rules.grant_once
  select p.credits_remaining into strict v_balance from {{ public }}profiles p where p.user_id = v_user_id;
--@ endif

  -- The free credits.
  v_known := exists (select from {{ public }}digital_resume_by_crm d where d.email = v_email);
--@ if rules.grant_once
  if not exists (
    select from {{ public }}credit_grants g where g.email = v_email or (g.user_id = v_user_id and g.source = 'initial')
  ) then
    perform {{ own }}crm_grant(v_user_id, 'initial', {{ policy.initial_credits }}, v_email, null);
  end if;
--@ else
  if not v_known then
    perform {{ own }}crm_grant(v_user_id, 'initial', {{ policy.initial_credits }}, v_email, null);
  elsif v_balance < {{ policy.initial_credits }} then
    perform {{ own }}crm_grant(v_user_id, 'initial', {{ policy.initial_credits }} - v_balance, v_email, null);
  elsif v_balance > {{ policy.initial_credits }} then
    update {{ public }}profiles set credits_remaining = {{ policy.initial_credits }} where user_id = v_user_id;
  end if;
--@ endif

  if v_known then
    update {{ public }}digital_resume_by_crm set last_sync_at = now() where email = v_email;
  else
    insert into {{ public }}digital_resume_by_crm (email, user_id, credits_remaining, payment_details)
    select v_email, p.user_id, p.credits_remaining, p_payment_details
      from {{ public }}profiles p where p.user_id = v_user_id;
  end if;
  insert into {{ public }}crm_dashboard_stats (email, user_id) values (v_email, v_user_id) on conflict (email) do nothing;
  return v_user_id;
end
$$;
{{ m.offered_to("sync_crm_user(text, uuid, jsonb)", "service_role" if rules.tracking_read_only else "authenticated, service_role", rules) }}

-- What no account can have as its key.
create or replace function {{ home }}.crm_refuse_address(p_email text) returns void
language plpgsql stable{{ pinned }}
as $$
--@ if rules.one_email
declare
  v_fault text := {{ own }}crm_email_fault(p_email);
--@ endif
begin
  if p_email is null then
    {{ m.refuse("23502", "An e-mail address is needed: it is the key of the account", "digital_resume_by_crm", "email") }}
  end if;
--@ if rules.one_email
  if v_fault is not null and not exists (select from {{ public }}digital_resume_by_crm d where d.email = p_email) then
    {{ m.refuse("PT422", "%L is not an e-mail address: %s", "digital_resume_by_crm", "email", "one_email", args="p_email, v_fault") }}
  end if;
--@ endif
end
$$;
{{ m.callable_by("crm_refuse_address(text)", "", rules) }}

-- A payment of {{ policy.price }} gives {{ policy.credits_per_payment }} credits, to both kinds of user, at any balance.
create or replace function public.record_payment(
  p_user_id uuid, p_amount numeric, p_ref text, p_id uuid default gen_random_uuid(),
  out id uuid, out credited boolean
)
language plpgsql security definer{{ pinned }}
as $$
#variable_conflict use_column
--@ if rules.idempotent_payment
declare
  v_known {{ public }}payments;
--@ endif
begin
{{ m.service_only("record payments", rules) }}
  {{ m.by_itself() }}
  if p_user_id is null or p_amount is null or p_ref is null or p_id is null then
    raise exception using errcode = '23502', message = 'A payment names its user, amount and reference', table = 'payments',
      column = case when p_id is null then 'id' when p_user_id is null then 'user_id' when p_ref is null then 'ref' else 'amount' end;
  elsif p_amount = 'NaN' or abs(p_amount) >= 10000000000 or p_amount <> round(p_amount, 2) then
    raise exception using errcode = '23514', table = 'payments', column = 'amount',
      message = format('payments.amount is %s, expected an amount with at most two decimals, below 10000000000', p_amount);
  elsif length(p_ref) not between 1 and {{ KEY_LENGTH_MAX }} then
    {{ m.refuse("23514", "payments.ref has %s characters, expected 1 to " ~ KEY_LENGTH_MAX, "payments", "ref", args="length(p_ref)") }}
--@ if rules.exact_price
  elsif p_amount <> {{ policy.price }} then
    raise exception using errcode = '23514', table = 'payments', column = 'amount', constraint = 'exact_price',
      message = format('payments.amount: the price is {{ policy.price }}, not %s: nothing was credited', p_amount);
--@ elif rules.valid_values
  elsif p_amount <= 0 then
    raise exception using errcode = '23514', table = 'payments', column = 'amount', constraint = 'valid_values',
      message = format('payments.amount: %s is not above 0', p_amount);
--@ endif
  end if;

  insert into {{ public }}payments (id, user_id, ref, amount, credits)
  values (p_id, p_user_id, p_ref, p_amount, {{ policy.credits_per_payment }})
--@ if rules.idempotent_payment
      on conflict (ref) do nothing
--@ endif
  ;
  credited := found;
  id := p_id;
--@ if rules.idempotent_payment
  if not credited then
    select * into strict v_known from {{ public }}payments where ref = p_ref;
    if (v_known.user_id, v_known.amount) <> (p_user_id, p_amount) then
      {{ m.refuse("PT409", "Payment %L was recorded before with another user or amount", "payments", "ref", "idempotent_payment", "Look up which delivery is right.", args="p_ref") }}
    end if;
    id := v_known.id;
    return;
  end if;
--@ endif
  perform {{ own }}crm_take_accounts(array[p_user_id]);
  perform {{ own }}crm_grant(p_user_id, 'payment', {{ policy.credits_per_payment }}, null, p_id);
  {{ m.count_events("(select p_user_id as user_id, 1 as events) counted", public) }}
end
$$;
{{ m.offered_to("record_payment(uuid, numeric, text, uuid)", "service_role", rules) }}

-- Retries ----------------------------------------------------------------------------------------

-- Claims an idempotency key for the command that follows in this transaction, and answers null; or,
-- if that command was accepted under this key before, answers what it was told then. Of two at the
-- same time, the second waits for the first. Rolled back with the command, the key is free again.
create or replace function public.use_idempotency_key(p_key text, p_fingerprint text) returns jsonb
language plpgsql security definer{{ pinned }}
as $$
declare
  v_me uuid := {{ caller }};
  v_id text := coalesce(v_me::text, 'service') || '/' || p_key;
  v_used {{ public }}idempotency_keys;
begin
  if length(p_key) not between 1 and {{ KEY_LENGTH_MAX }} then
    {{ m.refuse("23514", "idempotency_keys.key has %s characters, expected 1 to " ~ KEY_LENGTH_MAX, "idempotency_keys", "key", args="length(p_key)") }}
  end if;
  insert into {{ public }}idempotency_keys (id, user_id, key, fingerprint, answer)
  values (v_id, v_me, p_key, p_fingerprint, '{}')
      on conflict (id) do nothing;
  if found then
    return null;
  end if;
  select * into strict v_used from {{ public }}idempotency_keys k where k.id = v_id;
  if v_used.fingerprint <> p_fingerprint then
    {{ m.refuse("PT409", "The idempotency key %L was used for another command", "idempotency_keys", "key", "idempotency_key", "Choose a new key for a new command.", args="p_key") }}
  end if;
  return jsonb_build_object('answer', v_used.answer);
end
$$;
{{ m.offered_to("use_idempotency_key(text, text)", "authenticated, service_role", rules) }}

-- Keeps what the command was told that claimed the key.
create or replace function public.answer_idempotency_key(p_key text, p_answer jsonb) returns void
language plpgsql security definer{{ pinned }}
as $$
begin
  update {{ public }}idempotency_keys set answer = p_answer
   where id = coalesce({{ caller }}::text, 'service') || '/' || p_key and answer = '{}';
end
$$;
{{ m.offered_to("answer_idempotency_key(text, jsonb)", "authenticated, service_role", rules) }}

-- The number of an account's events, those of this transaction with them.
create or replace function public.account_version(p_user_id uuid default auth.uid()) returns bigint
language sql stable{{ pinned }}
as $$
  select coalesce((select v.version from {{ public }}account_versions v where v.user_id = p_user_id), 0)
$$;
{{ m.offered_to("account_version(uuid)", "authenticated, service_role", rules) }}
