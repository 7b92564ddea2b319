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
--@ endfor
--@ for function in first_helpers
--@ for schema in homes
drop function if exists {{ schema }}.{{ function }};
--@ endfor
--@ endfor
drop function if exists public.crm_folded(text);
--@ if rules.definer_safety
drop schema if exists {{ home }};
--@ endif
commit;
