"""Who may do what to which table, in SQL: grants, row policies, and the conditions in them.

What a role may do at all is asked of the rule itself, `crm_domain.isolation.refuse_role`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from crm_domain.errors import PermissionDenied
from crm_domain.ids import SERVICE, Principal, user
from crm_domain.isolation import Verb, refuse_role
from crm_domain.rows import CRM_USERS, IDEMPOTENCY_KEYS, REGULAR_TABLES
from crm_domain.rules import Rules
from crm_domain.schema import Table

from .declared import home, qualified

USER: Final = "authenticated"
SERVICE_ROLE: Final = "service_role"

VERBS: Final[tuple[Verb, ...]] = ("SELECT", "INSERT", "UPDATE", "DELETE")

_ANYBODY: Final = user("00000000-0000-0000-0000-000000000000")
_PRINCIPALS: Final[dict[str, Principal]] = {USER: _ANYBODY, SERVICE_ROLE: SERVICE}

ME: Final = "(select auth.uid())"
"""Who asks; as a query of its own, so that it is asked once for a statement and not for each row."""


def verbs(role: str, table: Table[Any], rules: Rules) -> list[Verb]:
    """Return what the role may do to the table at all."""
    return [verb for verb in VERBS if _may(role, verb, table, rules)]


def _may(role: str, verb: Verb, table: Table[Any], rules: Rules) -> bool:
    try:
        refuse_role(_PRINCIPALS[role], verb, table, rules)
    except PermissionDenied:
        return False
    return True


def privileges(role: str, table: Table[Any], rules: Rules) -> str:
    """Return what is granted to the role on the table: ``select, insert, update, delete``.

    Owner columns are not left out of ``update``: a front end saves whole rows, and a trigger refuses to change them.
    """
    granted = [verb.lower() for verb in verbs(role, table, rules)]
    if not rules.definer_safety and set(granted) > {"select"} and table is not IDEMPOTENCY_KEYS:
        granted += ("truncate", "references", "trigger")  # what default grants give away
    return ", ".join(granted)


def policies(table: Table[Any], rules: Rules) -> Iterator[tuple[str, str]]:
    """Yield the table's row policies: the name of each, and what follows ``create policy … on …``."""
    own = f"{ME} = user_id"
    writing = "\n    and ".join((own, *writer_conditions(table, rules)))
    bodies: dict[Verb, str] = {
        "SELECT": f"using ({own})",
        "INSERT": f"with check ({writing})",
        "UPDATE": f"using ({own})\n  with check ({writing})",
        "DELETE": f"using ({own})",
    }
    for verb in verbs(USER, table, rules):
        yield f"Users can {verb} their own data", f"for {verb.lower()} to {USER}\n  {bodies[verb]}"
    yield "Service role has full access", f"to {SERVICE_ROLE}\n  using (true) with check (true)"


def writer_conditions(table: Table[Any], rules: Rules) -> Iterator[str]:
    """Yield what must be so for a user to write to the table, no matter whose rows."""
    account = f"public.digital_resume_by_crm account where account.user_id = {ME}"
    if rules.separate_populations and table in REGULAR_TABLES:
        yield f"not exists (select from {account})"
    elif rules.active_only and table is CRM_USERS:
        yield f"(select {home(rules)}.crm_is_active())"  # a table's policy cannot look into the table itself
    elif rules.active_only:
        yield f"not exists (select from {account} and not account.is_active)"


def guarded(table: Table[Any], rules: Rules) -> str:
    """Return the condition under which the row policy lets the changed row ``new`` through."""
    return "\n      and ".join((f"{ME} = new.user_id", *writer_conditions(table, rules)))


def grants(table: Table[Any], rules: Rules) -> Iterator[str]:
    """Yield what takes everything away that others were given, and grants the least."""
    name = qualified(table)
    yield f"revoke all on {name} from public, anon, {USER}, {SERVICE_ROLE};"
    for role in (USER, SERVICE_ROLE):
        given = privileges(role, table, rules)
        if given:
            yield f"grant {given} on {name} to {role};"


def policy_statements(table: Table[Any], rules: Rules) -> Iterator[str]:
    """Yield what switches row-level security on, with the table's policies."""
    name = qualified(table)
    yield f"alter table {name} enable row level security;"
    for title, body in policies(table, rules):
        yield f'drop policy if exists "{title}" on {name};'
        yield f'create policy "{title}" on {name}\n  {body};'
