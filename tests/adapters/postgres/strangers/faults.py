"""What is planted in the worked examples: mistakes that people make, each with the law that must name it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from attrs import frozen

from crm_adapters.postgres.operations import Operations, read_operations

_FOLDER: Final = Path(__file__).parent

EXAMPLES: Final = ("generations", "credit_functions", "analyses")


@frozen
class Fault:
    """A mistake.

    Attributes:
        example: In which example.
        name: What is wrong, in a word or a few.
        laws: The laws one of which must name it.
        sql: What plants it.
        driven: The file of operations that shows it, if that is another.
    """

    example: str
    name: str
    laws: tuple[str, ...]
    sql: str = ""
    driven: str = ""


def schema(example: str) -> str:
    """Return the SQL of an example, as it is mended."""
    return (_FOLDER / f"{example}.sql").read_text("utf-8")


def operations(example: str, driven: str = "") -> Operations:
    """Return how an example is driven."""
    return read_operations(_FOLDER / f"{driven or example}.toml")


def _function_without(example: str, name: str, *changes: tuple[str, str]) -> str:
    """Return an example's function with changes in its text.

    Raises:
        ValueError: It has no such text.
    """
    text = schema(example)
    start = text.index(f"create function public.{name}(")
    body = text[start : text.index("\n$$;", start) + 4].replace("create function", "create or replace function", 1)
    for old, new in changes:
        if old not in body:
            raise ValueError(f"{name} has no {old!r}")
        body = body.replace(old, new)
    return body


_RAISES: Final = ("no_user_command_raises_credits", "balance_equals_granted_minus_consumed")
_READS: Final = ("reads_see_only_own_rows",)
_TWICE: Final = ("payment_is_idempotent",)
_BELOW: Final = ("balance_never_negative",)
_CHARGED: Final = ("one_credit_per_recording", "refused_changes_nothing", "balance_equals_granted_minus_consumed")
_OTHERS: Final = ("service_passes_policies_not_rules", "no_user_command_raises_credits")

FAULTS: Final = (
    Fault(
        "generations",
        "own_balance_written",
        _RAISES,
        "grant update on public.users to authenticated",
    ),
    Fault(
        "generations",
        "double_delivery",
        _TWICE,
        "alter table public.stripe_checkouts drop constraint stripe_checkouts_session_id_key; "
        + _function_without("generations", "fulfill_checkout", ("\n    on conflict (session_id) do nothing", "")),
    ),
    Fault(
        "generations",
        "race",
        _BELOW,
        "alter table public.users drop constraint users_credits_check; "
        + _function_without(
            "generations",
            "charge_generation",
            (
                "  update public.users set credits = credits - 1 where id = new.user_id and credits > 0;\n  if not found then",
                "  if (select credits from public.users where id = new.user_id) <= 0 then",
            ),
            ("  return null;", "  update public.users set credits = credits - 1 where id = new.user_id;\n  return null;"),
        ),
    ),
    Fault("generations", "others_read", _READS, "alter policy own on public.generations using (true)"),
    Fault(
        "generations",
        "another_pays",
        _OTHERS,
        "alter policy own on public.generations with check (true)",
    ),
    Fault(
        "credit_functions",
        "anyone_deducts",
        _OTHERS,
        "create or replace function public.acts_for(p_user uuid) returns boolean language sql as 'select true'",
    ),
    Fault(
        "credit_functions",
        "anyone_adds",
        _RAISES,
        "grant execute on function public.add_credits(uuid, integer, text) to authenticated",
    ),
    Fault("credit_functions", "own_balance_written", _RAISES,
          "create policy own_update on public.user_credits for update to authenticated using (user_id = auth.uid()); "
          "grant update on public.user_credits to authenticated"),
    Fault(
        "credit_functions",
        "double_delivery",
        _TWICE,
        "drop index public.one_purchase; "
        + _function_without(
            "credit_functions", "purchase", ("\n  on conflict (reference) where reason = 'purchase' do nothing", "")
        ),
    ),
    Fault(
        "credit_functions",
        "race",
        _BELOW,
        "alter table public.user_credits drop constraint user_credits_balance_check; "
        + _function_without(
            "credit_functions",
            "deduct_credits",
            (
                ("  update public.user_credits set balance = balance - p_amount where user_id = p_user and balance >= p_amount;\n"
                "  if not found then\n    return false;\n  end if;"),
                ("  if coalesce((select balance from public.user_credits where user_id = p_user), 0) < p_amount then\n"
                "    return false;\n  end if;\n"
                "  update public.user_credits set balance = balance - p_amount where user_id = p_user;"),
            ),
        ),
    ),
    Fault("credit_functions", "others_read", _READS, "create policy all_of_them on public.renders for select using (true)"),
    Fault(
        "credit_functions",
        "any_rest_pays",
        ("one_credit_per_recording", "balance_never_negative"),
        "alter table public.user_credits drop constraint user_credits_balance_check; "
        + _function_without("credit_functions", "deduct_credits", ("balance >= p_amount", "balance > 0")),
    ),
    Fault("credit_functions", "stored_without_paying", ("one_credit_per_recording",),
          "grant insert on public.renders to authenticated"),
    Fault("credit_functions", "charge_survives", _CHARGED, driven="credit_functions_in_steps"),
    Fault("analyses", "own_balance_written", _RAISES,
          "create policy own_update on public.profiles for update to authenticated using (id = auth.uid()); "
          "grant update (credits_remaining) on public.profiles to authenticated"),
    Fault(
        "analyses",
        "double_delivery",
        _TWICE,
        "alter table public.orders drop constraint orders_pkey; alter table public.orders add n serial primary key",
    ),
    Fault(
        "analyses",
        "paid_back_twice",
        ("balance_equals_granted_minus_consumed",),
        _function_without("analyses", "pay_for_analysis", ("new.refunded and not old.refunded", "new.status = 'failed'")),
    ),
    Fault(
        "analyses",
        "users_pay_themselves_back",
        _RAISES,
        _function_without("analyses", "before_analysis", (" and public.is_service()", "")),
    ),
    Fault(
        "analyses",
        "race",
        _BELOW,
        "alter table public.profiles drop constraint profiles_credits_remaining_check; "
        + _function_without(
            "analyses",
            "pay_for_analysis",
            (
                ("    update public.profiles set credits_remaining = credits_remaining - 1 where id = new.owner "
                "and credits_remaining > 0;\n    if not found then"),
                "    if (select credits_remaining from public.profiles where id = new.owner) < 1 then",
            ),
            ("    end if;\n  elsif", ("    end if;\n    update public.profiles set credits_remaining = credits_remaining - 1 "
             "where id = new.owner;\n  elsif")),
        ),
    ),
    Fault("analyses", "others_read", _READS, "create policy support on public.profiles for select using (true)"),
)  # fmt: skip
"""All of them."""
