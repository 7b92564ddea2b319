-- "Credit Consumption": what a recording costs.

-- Kinds of recordings: a CRM user's, and with 'recordings/' before their ids in the ledger a regular user's.
--@ for name, kind in (("crm_charge", ""), ("crm_charge_regular", "recordings/"))
create or replace function {{ home }}.{{ name }}() returns trigger
language plpgsql security definer{{ pinned }}
as $$
--@ if rules.charge_after_write
declare
  v_accounts bigint := (select count(*) from (select distinct fresh.user_id from fresh) accounts);
  v_charged bigint;
begin
  -- One account is taken in the order by what follows. Two statements that charge several take them in the same order.
  if v_accounts > 1 then
    perform {{ own }}crm_take_accounts(array(select fresh.user_id from fresh));
  end if;
--@ if rules.atomic_consume
  {{ m.own_write() }}
  update {{ public }}profiles p
     set credits_remaining = p.credits_remaining - charged.credits, updated_at = now()
    from (select fresh.user_id, count(*) as credits from fresh group by fresh.user_id) charged
   where p.user_id = charged.user_id and p.credits_remaining >= charged.credits;
  get diagnostics v_charged = row_count;
--@ else
  -- Check, then consume: whoever comes between the two passes as well.
  select count(*) into v_charged
    from (select fresh.user_id, count(*) as credits from fresh group by fresh.user_id) charged
    join {{ public }}profiles p on p.user_id = charged.user_id
   where p.credits_remaining >= charged.credits;
--@ endif
  if v_charged < v_accounts then
    {{ m.refuse("P0001", "The balance is 0 credits and a recording costs 1", "profiles", "credits_remaining",
                "atomic_consume" if rules.atomic_consume else "credits", "Pay for more, then try again.") }}
  end if;
--@ if not rules.atomic_consume
  {{ m.own_write() }}
  update {{ public }}profiles p
     set credits_remaining = p.credits_remaining - charged.credits, updated_at = now()
    from (select fresh.user_id, count(*) as credits from fresh group by fresh.user_id) charged
   where p.user_id = charged.user_id;
--@ endif
  {{ m.enter_consumptions("fresh", kind, public) }}
  return null;
end
--@ else
declare
  v_unpaid text[] := coalesce(nullif(current_setting('crm.unpaid', true), '')::text[], '{}');
--@ if not rules.atomic_consume
  v_balance bigint;
--@ endif
begin
--@ if rules.atomic_consume
  {{ m.own_write() }}
  update {{ public }}profiles set credits_remaining = credits_remaining - 1, updated_at = now()
   where user_id = new.user_id and credits_remaining > 0;
  if found and new.id is not null then
--@ else
  -- Check, then consume: whoever comes between the two passes as well.
  select credits_remaining into v_balance from {{ public }}profiles where user_id = new.user_id;
  if v_balance > 0 and new.id is not null then
    {{ m.own_write() }}
    update {{ public }}profiles set credits_remaining = credits_remaining - 1, updated_at = now()
     where user_id = new.user_id;
--@ endif
    v_unpaid := array_remove(v_unpaid, new.id::text);
  {{ m.enter_consumptions("(select new.id, new.user_id, new.status) fresh", kind, public) }}
  else
    v_unpaid := v_unpaid || new.id::text;
  end if;
  -- Credits are the last reason to refuse: what else is wrong with the row shows when it is stored.
  perform set_config('crm.unpaid', v_unpaid::text, true);
  return new;
end
--@ endif
$$;
{{ m.callable_by(name ~ "()", "", rules) }}

--@ endfor
--@ if not rules.charge_after_write
-- "If = 0: Block creation with error message", once nothing else has blocked it.
create or replace function {{ home }}.crm_refuse_unpaid() returns trigger
language plpgsql{{ pinned }}
as $$
begin
  if new.id::text = any (coalesce(nullif(current_setting('crm.unpaid', true), '')::text[], '{}')) then
    {{ m.refuse("P0001", "The balance is 0 credits and a recording costs 1", "profiles", "credits_remaining",
                "credits", "Pay for more, then try again.") }}
  end if;
  return null;
end
$$;
{{ m.callable_by("crm_refuse_unpaid()", "", rules) }}
--@ endif

-- A recording that was completed once is known as such for ever; one that the service marks as failed may be refunded.
--@ for name, kind in (("crm_recording_status", "''"), ("crm_regular_recording_status", "'recordings/'"))
create or replace function {{ home }}.{{ name }}() returns trigger
language plpgsql security definer{{ pinned }}
as $$
declare
  v_paid text := (
    select c.id from {{ public }}credit_consumptions c
     where c.recording_id = new.id and c.id like {{ kind }} || new.id || '%'
     order by length(c.id) desc, c.id desc limit 1
  );
--@ if policy.refund_failed_recordings
  v_user_id uuid;
  v_grant_id text;
--@ endif
begin
  if new.status = 'completed' then
    update {{ public }}credit_consumptions set completed_at = coalesce(completed_at, now()) where id = v_paid;
  end if;
--@ if policy.refund_failed_recordings
  if new.status = 'failed' and tg_argv[0] = 'by service' then
    perform {{ own }}crm_take_accounts(array[new.user_id]);
    update {{ public }}credit_consumptions set refunded_at = now()
     where id = v_paid and refunded_at is null and grant_id is not null
    returning user_id, grant_id into v_user_id, v_grant_id;
    if found then
      update {{ public }}credit_grants set remaining = remaining + 1, consumed = consumed - 1 where id = v_grant_id;
      {{ m.own_write() }}
      update {{ public }}profiles set credits_remaining = credits_remaining + 1, updated_at = now()
       where user_id = v_user_id;
    end if;
  end if;
--@ endif
  return null;
end
$$;
{{ m.callable_by(name ~ "()", "", rules) }}
--@ endfor
