-- Takes add_crm_separate_tables.sql back, with all rows of the tables that it made.
begin;
set local search_path = pg_catalog, pg_temp;
set local client_min_messages = 'warning';
set local lock_timeout = '10s';
set local statement_timeout = '5min';
drop function if exists public.lock_accounts(uuid[]);
drop function if exists public.get_crm_dashboard_data(text);
drop function if exists public.track_time(text, bigint);
drop function if exists public.track_login(text);
drop function if exists public.track_view(text);
--@ for t in second_tables | reverse
drop table if exists {{ declared.qualified(t) }};
--@ endfor
--@ for function in second_helpers
--@ for schema in homes
drop function if exists {{ schema }}.{{ function }};
--@ endfor
--@ endfor
commit;
