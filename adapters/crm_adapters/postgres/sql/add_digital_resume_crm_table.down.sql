-- Takes add_digital_resume_crm_table.sql back, with all rows of the tables that it made.
begin;
set local search_path = pg_catalog, pg_temp;
set local client_min_messages = 'warning';
set local lock_timeout = '10s';
set local statement_timeout = '5min';
drop function if exists public.account_version(uuid);
drop function if exists public.answer_idempotency_key(text, jsonb);
drop function if exists public.use_idempotency_key(text, text);
drop function if exists public.record_payment(uuid, numeric, text, uuid);
drop function if exists public.sync_crm_user(text, uuid, jsonb);
drop function if exists public.register_user(text, uuid);
drop view if exists public."digital_resume_by_CRM";
drop table if exists public.account_versions;
-- Policies name other tables, and go before any of them does.
--@ for t in first_tables
--@ for title, _ in access.policies(t, rules)
drop policy if exists "{{ title }}" on {{ declared.qualified(t) }};
--@ endfor
--@ endfor
--@ for t in first_tables | reverse
drop table if exists {{ declared.qualified(t) }};
drop function if exists public.{{ declared.prefix(t) }}_fixed();
drop function if exists public.{{ declared.prefix(t) }}_deletable();
drop function if exists public.{{ declared.prefix(t) }}_reference();
--@ endfor
--@ for function in (
     "crm_refuse_address(text)", "crm_caller()", "crm_is_active()", "crm_refuse_pair()", "crm_refuse_population()", "crm_refuse_owner_change()",
     "crm_count_events()", "crm_updated_at_now()",
     "crm_updated_at_given()", "crm_regular_recording_status()", "crm_recording_status()", "crm_refuse_unpaid()",
     "crm_charge_regular()", "crm_charge()", "crm_lone_mirror()", "crm_credit_sync()", "crm_adjust_balance()", "crm_opening_balance()", "crm_adjust(uuid, bigint)",
     "crm_take_accounts(uuid[])", "crm_take_own()", "crm_take_rows(uuid[])",
     "crm_credit_grant()", "crm_grant(uuid, text, bigint, text, uuid)",
     "crm_refuse_key()", "crm_normalise_email()", "crm_email_fault(text)", "crm_normal_email(text)", "crm_lowered(text)",
     "crm_folded(text)", "crm_is_known(text)", "crm_spaces()",
  )
drop function if exists public.{{ function }};
--@ endfor
commit;
