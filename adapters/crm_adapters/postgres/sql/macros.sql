{#- What several places say in the same words. -#}

{%- macro refuse(errcode, message, table="", column="", rule="", hint="", args="") -%}
raise exception using errcode = '{{ errcode }}',
      message = {% if args %}pg_catalog.format('{{ message }}', {{ args }}){% else %}'{{ message }}'{% endif -%}
{%- if table %}, table = '{{ table }}'{% endif -%}
{%- if column %}, column = '{{ column }}'{% endif -%}
{%- if rule %}, constraint = '{{ rule }}'{% endif -%}
{%- if hint %},
      hint = '{{ hint }}'{% endif %};
{%- endmacro -%}

{#- Nobody but those named may call the function; unless the hole is open, where everybody may. -#}
{%- macro granted(function, roles, rules) -%}
{% if rules.definer_safety %}
revoke all on function {{ function }} from public, anon, authenticated, service_role;
{% if roles %}
grant execute on function {{ function }} to {{ roles }};
{% endif %}
{% endif %}
{%- endmacro -%}

{#- The same for a function of ours, and for one that front ends and the service call. -#}
{%- macro callable_by(function, roles, rules) -%}
{{ granted(declared.home(rules) ~ "." ~ function, roles, rules) }}
{%- endmacro -%}
{%- macro offered_to(function, roles, rules) -%}
{{ granted("public." ~ function, roles, rules) }}
{%- endmacro -%}

{#- Said by our trigger functions right before they write to a table that has triggers under the condition below. -#}
{%- macro own_write() -%}
perform set_config('crm.own_write', pg_trigger_depth()::text, true);
{%- endmacro -%}

{#- Said by an operation, which counts as itself even where a trigger calls it. -#}
{%- macro by_itself() -%}
perform set_config('crm.own_write', '', true);
{%- endmacro -%}

{#- Whether a write is anything but one of our own triggers'. Anybody may set the setting, so it counts only for who may
    call a function that is ours alone: the writer is then code of ours, which sets it itself. -#}
{%- macro is_a_write(rules) -%}
pg_catalog.current_setting('crm.own_write', true) is distinct from pg_catalog.pg_trigger_depth()::text
    or not pg_catalog.has_function_privilege('{{ declared.home(rules) }}.crm_take_accounts(uuid[])'::regprocedure, 'execute')
{%- endmacro -%}

{#- Where everybody may call a function, it has to look itself who does. -#}
{%- macro service_only(operation, rules, but_users=false) -%}
{% if not rules.definer_safety %}
  if coalesce(nullif(current_setting('role'), 'none'), session_user) in ('anon'{{ "" if but_users else ", 'authenticated'" }}) then
    {{ refuse("42501", "permission denied to " ~ operation, rule="service_only") }}
  end if;
{% endif %}
{%- endmacro -%}

{#- The key that p_email means: one that an account has to the letter, as it may be from before this normal form; or the normal form. -#}
{%- macro key_of(rules, public) -%}
{% if rules.one_email -%}
coalesce(
    (select known.email from {{ public }}digital_resume_by_crm known where known.email = p_email),
    {{ declared.own(rules) }}crm_normal_email(p_email)
  )
{%- else -%}
p_email
{%- endif %}
{%- endmacro -%}

{#- A table with its indexes. -#}
{%- macro table(t, rules) -%}
create table if not exists {{ declared.qualified(t) }} (
{{ declared.columns(t, rules) }}
){{ " with (fillfactor = 80)" if t.changing }};
{#- A table that an earlier version made gets the checks that it lacks; its rows are let be until they are written. #}

do $$
begin
{% for name, check in declared.later_checks(t) %}
  if not exists (
    select from pg_catalog.pg_constraint c
     where c.conrelid = '{{ declared.qualified(t) }}'::pg_catalog.regclass and c.conname = '{{ name }}'
  ) then
    alter table {{ declared.qualified(t) }} add constraint {{ name }} {{ check }} not valid;
  end if;
{% endfor %}
end
$$;
{% for statement in declared.indexes(t, rules) %}
{{ statement }}
{% endfor %}
{%- endmacro -%}

{#- Who may do what to it. -#}
{%- macro access_to(t, rules, access) -%}
{% for statement in access.grants(t, rules) %}
{{ statement }}
{% endfor %}
{% for statement in access.policy_statements(t, rules) %}
{{ statement }}
{% endfor %}
{%- endmacro -%}

{#- What a recording takes for each row of `fresh`: an entry of the ledger, with the grants that pay, oldest first. -#}
{%- macro enter_consumptions(fresh, kind, public) -%}
  with paid as (
    select fresh.id, fresh.user_id, fresh.status,
           row_number() over (partition by fresh.user_id order by fresh.id) as nth
      from {{ fresh }}
  ), open as (
    select g.id, g.user_id, g.remaining, sum(g.remaining) over (partition by g.user_id order by g.number) as upto
      from {{ public }}credit_grants g
     where g.remaining > 0 and g.user_id in (select paid.user_id from paid)
  ), entered as (
    insert into {{ public }}credit_consumptions (id, recording_id, user_id, grant_id, completed_at)
    -- Its id is the recording's{{ ", with its table's name before it" if kind }}; if another one had that id and was deleted, with a number behind it.
    select '{{ kind }}' || paid.id || coalesce('/' || nullif(1 + (
             select count(*) from {{ public }}credit_consumptions c
              where c.recording_id = paid.id and c.id like '{{ kind }}' || paid.id || '%'
           ), 1), ''),
           paid.id, paid.user_id, open.id, case when paid.status = 'completed' then now() end
      from paid
      left join open on open.user_id = paid.user_id
       and paid.nth > open.upto - open.remaining and paid.nth <= open.upto
    returning grant_id
  )
  update {{ public }}credit_grants g
     set remaining = g.remaining - taken.credits, consumed = g.consumed + taken.credits
    from (select entered.grant_id, count(*) as credits from entered group by entered.grant_id) taken
   where g.id = taken.grant_id;
{%- endmacro -%}

{#- The account's events are counted: each statement tells how many there were of whom. -#}
{%- macro count_events(counted, public) -%}
  insert into {{ public }}account_versions as v (user_id, version)
  select counted.user_id, counted.events from {{ counted }}
   where counted.user_id is not null
   order by counted.user_id
      on conflict (user_id) do update set version = v.version + excluded.version;
{%- endmacro -%}
