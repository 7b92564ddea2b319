{#- What triggers a table has, whichever it is. -#}
{%- import "macros.sql" as m -%}

{%- macro refuse_fixed(t, column, reason, rule) -%}
raise exception using errcode = '23514', message = '{{ t }}.{{ column }} {{ reason }}',
      table = '{{ t }}', column = '{{ column }}', constraint = '{{ rule }}';
{%- endmacro -%}

{%- macro triggers(t, rules, access, public, pinned) -%}
{%- set name = declared.folded(t) -%}
{%- set prefix = declared.prefix(t) -%}
{%- set on = declared.qualified(t) -%}
{%- set home = declared.home(rules) -%}
{%- set own = declared.own(rules) -%}
{%- set users_write = access.verbs(access.USER, t, rules) | length > 1 -%}
{%- set written = users_write or access.verbs(access.SERVICE_ROLE, t, rules) | length > 1 -%}
{%- set recording = "video_url" in t.by_name -%}
{%- set kind = "" if name == "crm_recordings" else "recordings/" -%}
{%- set media = recording and rules.paid_media_immutable -%}
{%- set refunds = recording and rules.credit_policy.refund_failed_recordings -%}
{%- set owners = declared.owner_columns(t) if rules.immutable_owner else [] -%}
{% if written %}

-- {{ name }}
{% if users_write and rules.atomic_consume %}
create or replace trigger crm_a_take_own before insert or update or delete on {{ on }}
  for each statement when (pg_catalog.row_security_active('{{ on }}'::regclass)) execute function {{ home }}.crm_take_own();
{% endif %}
{% if rules.one_email and "email" in t.by_name %}
-- Printable ASCII without capitals and spaces is its own normal form.
create or replace trigger crm_c_normal_email before insert or update of email on {{ on }}
  for each row when (new.email collate "C" !~ '^[!-@[-~]+$') execute function {{ home }}.crm_normalise_email();
{% endif %}
{% if "updated_at" in t.by_name %}
create or replace trigger crm_a_updated_at_given before update of updated_at on {{ on }}
  for each row execute function {{ home }}.crm_updated_at_given();
create or replace trigger crm_b_updated_at_now before update on {{ on }}
  for each row execute function {{ home }}.crm_updated_at_now();
{% endif %}
{% for column in owners %}
create or replace trigger crm_d_owner_{{ column }} before update on {{ on }}
  for each row when (old.{{ column }} is distinct from new.{{ column }})
  execute function {{ home }}.crm_refuse_owner_change('{{ column }}');
{% endfor %}

{% if t.key in owners and not media and not refunds %}
drop trigger if exists crm_z_fixed on {{ on }};
drop function if exists {{ home }}.{{ prefix }}_fixed();
{% else %}
-- What is fixed, once nothing comes first that a policy or a missing value is refused for.
create or replace function {{ home }}.{{ prefix }}_fixed() returns trigger
language plpgsql{{ pinned }}
as $$
begin
{% if users_write %}
  if pg_catalog.row_security_active('{{ on }}'::regclass) and not coalesce({{ access.guarded(t, rules) }}, false) then
    return new;
  end if;
{% endif %}
  if {% for column in declared.required(t, rules) %}new.{{ column }} is null{{ " or " if not loop.last }}{% endfor %} then
    return new;
  end if;
  if new.{{ t.key }} is distinct from old.{{ t.key }} then
    {{ refuse_fixed(name, t.key, "is the key and never changes", "key") }}
  end if;
{% if media %}
  if new.video_url is distinct from old.video_url and (
    select c.completed_at is not null from {{ public }}credit_consumptions c
     where c.recording_id = new.id and c.id like '{{ kind }}' || new.id || '%'
     order by length(c.id) desc, c.id desc limit 1
  ) then
    {{ refuse_fixed(name, "video_url", "is fixed since the paid recording was completed", "paid_media_immutable") }}
  end if;
{% endif %}
{% if refunds %}
  if new.status is distinct from 'failed' and (
    select c.refunded_at is not null from {{ public }}credit_consumptions c
     where c.recording_id = new.id and c.id like '{{ kind }}' || new.id || '%'
     order by length(c.id) desc, c.id desc limit 1
  ) then
    {{ refuse_fixed(name, "status", "stays failed: the credit was given back", "refunded") }}
  end if;
{% endif %}
  return new;
end
$$;
{{ m.callable_by(prefix ~ "_fixed()", "", rules) }}
create or replace trigger crm_z_fixed before update on {{ on }}
  for each row when (
{% for column in [t.key] + (["video_url"] if media else []) + (["status"] if refunds else []) %}
    {{ "or " if not loop.first }}old.{{ column }} is distinct from new.{{ column }}
{% endfor %}
  ) execute function {{ home }}.{{ prefix }}_fixed();
{% endif %}
{% set conditions = access.writer_conditions(t, rules) | list %}
{% if users_write and conditions %}

-- A row policy would hide what may not be deleted; that it may not is to be said.
create or replace function {{ home }}.{{ prefix }}_deletable() returns trigger
language plpgsql{{ pinned }}
as $$
begin
  if not ({{ conditions | join(" and ") }}) then
    raise exception using errcode = '42501',
      message = 'new row violates row-level security policy for table "{{ name }}"',
      table = '{{ name }}', constraint = '{{ "separate_populations" if "is_active" not in conditions[0] else "active_only" }}';
  end if;
  return old;
end
$$;
{{ m.callable_by(prefix ~ "_deletable()", "", rules) }}
create or replace trigger crm_deletable before delete on {{ on }}
  for each row when (pg_catalog.row_security_active('{{ on }}'::regclass))
  execute function {{ home }}.{{ prefix }}_deletable();
{% endif %}
{% if rules.separate_populations and t in access.REGULAR_TABLES %}
create or replace trigger crm_refuse_population before insert on {{ on }}
  for each row when (
    not pg_catalog.row_security_active('{{ on }}'::regclass)
    {% for column in declared.required(t, rules) %}
    and new.{{ column }} is not null
    {% endfor %}
  ) execute function {{ home }}.crm_refuse_population();
{% endif %}
{% if rules.owner_pair and not rules.immutable_owner and declared.paired(t) %}
create or replace trigger crm_owner_pair after insert on {{ on }}
  for each row execute function {{ home }}.crm_refuse_pair();
{% endif %}
{% if recording and rules.same_owner_reference and not declared.owners_stay(rules) %}

-- Where owners may change or be missing, a key of both columns would say something else.
create or replace function {{ home }}.{{ prefix }}_reference() returns trigger
language plpgsql security definer{{ pinned }}
as $$
begin
  if new.job_request_id is not null and not exists (
    select from {{ public }}{{ name | replace("recordings", "job_requests") }} j
     where j.id = new.job_request_id and j.user_id is not distinct from new.user_id
  ) then
    raise exception using errcode = '23503', table = '{{ name }}', column = 'job_request_id',
      constraint = 'same_owner_reference', message = 'No such job request of this user';
  end if;
  return null;
end
$$;
{{ m.callable_by(prefix ~ "_reference()", "", rules) }}
create or replace trigger crm_a_reference after insert or update of job_request_id, user_id on {{ on }}
  for each row execute function {{ home }}.{{ prefix }}_reference();
{% endif %}
{% if recording %}
{% set consume = "crm_recording_consume_credit" if name == "crm_recordings" else "regular_recording_consume_credit" %}
{% set charge = "crm_charge" if name == "crm_recordings" else "crm_charge_regular" %}
{% set status = "crm_recording_status" if name == "crm_recordings" else "crm_regular_recording_status" %}
{% if rules.charge_after_write %}
create or replace trigger {{ consume }} after insert on {{ on }}
  referencing new table as fresh
  for each statement execute function {{ home }}.{{ charge }}();
{% else %}
create or replace trigger {{ consume }} before insert on {{ on }}
  for each row execute function {{ home }}.{{ charge }}();
create or replace trigger crm_refuse_unpaid after insert on {{ on }}
  for each row execute function {{ home }}.crm_refuse_unpaid();
{% endif %}
create or replace trigger {{ status }} after update of status on {{ on }}
  for each row when (old.status is distinct from new.status and pg_catalog.row_security_active('{{ on }}'::regclass))
  execute function {{ home }}.{{ status }}('by user');
create or replace trigger {{ status }}_by_service after update of status on {{ on }}
  for each row when (old.status is distinct from new.status and not pg_catalog.row_security_active('{{ on }}'::regclass))
  execute function {{ home }}.{{ status }}('by service');
{% endif %}
{% if "user_id" in t.by_name %}
create or replace trigger crm_z_events_stored after insert on {{ on }}
  referencing new table as touched
  for each statement when (
    {{ m.is_a_write(rules) }}
  ) execute function {{ home }}.crm_count_events({{ 2 if recording else 1 }});
{% if name != "profiles" %}
create or replace trigger crm_z_events_changed after update on {{ on }}
  referencing new table as touched
  for each statement when (
    {{ m.is_a_write(rules) }}
  ) execute function {{ home }}.crm_count_events(1);
{% endif %}
create or replace trigger crm_z_events_deleted after delete on {{ on }}
  referencing old table as touched
  for each statement when (
    {{ m.is_a_write(rules) }}
  ) execute function {{ home }}.crm_count_events(1);
{% endif %}
{% endif %}
{%- endmacro -%}
