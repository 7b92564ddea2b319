"""Which SQL makes the document's database? Two migrations, for any mixture of safeguards.

The templates in ``sql`` say in SQL what the rules say in Python; what is declared (tables, values,
indexes, who may do what) comes from the declarations of `crm_domain`. A piece that belongs to a
safeguard stands under a condition of its name, so that leaving the safeguard out leaves the hole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import jinja2
from attrs import frozen

from crm_domain.rows import KEY_LENGTH_MAX, TABLES
from crm_domain.rules import HARDENED, READINGS, Rules

from . import access, declared, normal_form

NAMES: Final = ("add_digital_resume_crm_table.sql", "add_crm_separate_tables.sql")
"""The migrations, in the document's order ("Migration Order")."""

FIRST_TABLES: Final = (
    "profiles",
    "digital_resume_by_CRM",
    "job_requests",
    "recordings",
    "resumes",
    "payments",
    "credit_grants",
    "credit_consumptions",
    "idempotency_keys",
)
SECOND_TABLES: Final = ("crm_job_requests", "crm_recordings", "crm_resumes", "crm_dashboard_stats")

_ENVIRONMENT: Final = jinja2.Environment(  # noqa: S701 - it is SQL, and nothing in it is anybody's input
    loader=jinja2.PackageLoader("crm_adapters.postgres", "sql"),
    undefined=jinja2.StrictUndefined,
    line_statement_prefix="--@",
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.globals["declared"] = declared

_FIRST_HELPERS: Final = (
    *("crm_refuse_address(text)", "crm_caller()", "crm_is_active()"),
    *("crm_refuse_pair()", "crm_refuse_population()", "crm_refuse_owner_change()"),
    *("crm_count_events()", "crm_updated_at_now()", "crm_updated_at_given()"),
    *("crm_regular_recording_status()", "crm_recording_status()", "crm_refuse_unpaid()"),
    *("crm_charge_regular()", "crm_charge()", "crm_lone_mirror()", "crm_credit_sync()"),
    *("crm_adjust_balance()", "crm_opening_balance()", "crm_adjust(uuid, bigint)"),
    *("crm_take_accounts(uuid[])", "crm_take_own()", "crm_take_rows(uuid[])"),
    *("crm_credit_grant()", "crm_grant(uuid, text, bigint, text, uuid)"),
    *("crm_refuse_key()", "crm_normalise_email()", "crm_email_fault(text)"),
    *("crm_normal_email(text)", "crm_lowered(text)", "crm_is_known(text)", "crm_spaces()"),
)
"""The functions that only functions, triggers, checks and policies call."""

_SECOND_HELPERS: Final = ("crm_resume_stats()", "crm_recording_stats()", "crm_job_request_stats()")
"""The same of the second migration."""

_SAFE_PATH: Final = "pg_catalog, pg_temp"
"""Where functions look for names without a schema. Types and tables are looked for in ``pg_temp`` first unless it is named last."""

_BLANK_LINES: Final = re.compile(r"\n{3,}")
"""What is left of pieces that are not there."""


@frozen
class Migration:
    """A step from one state of the database's schema to the next, and the way back.

    Attributes:
        name: The document's name of its file.
        up: The SQL that takes the step: one transaction, which changes nothing when run again.
        down: The SQL that takes it back, with all rows of the tables that it made.
    """

    name: str
    up: str
    down: str

    @property
    def down_name(self) -> str:
        """The name of the file that takes the step back."""
        return self.name.removesuffix(".sql") + ".down.sql"


def migrations(rules: Rules = HARDENED) -> tuple[Migration, ...]:
    """Return the two migrations for these rules, in the order in which they run.

    They run as they are on Supabase; elsewhere `shim` comes first. Run again over rows that are there, they
    change none of them: accounts keep the addresses that are their keys, and are found by them, also where a
    new account would be refused such a key. Checks that an earlier version did not have are added ``not valid``:
    a row that breaks one stays as it is until it is written, and then has to be put right.

    Example:
        >>> [migration.name for migration in migrations()]
        ['add_digital_resume_crm_table.sql', 'add_crm_separate_tables.sql']
    """
    return tuple(
        Migration(name, _rendered(name, rules), _rendered(name.replace(".sql", ".down.sql"), rules)) for name in NAMES
    )


def shim() -> str:
    """Return the SQL that stands for what Supabase brings along: ``auth.users``, ``auth.uid()``, the roles."""
    return _rendered("shim.sql", HARDENED)


def reading(rules: Rules) -> str:
    """Return what a database says of the rules that it was migrated under: their short name, if they have one."""
    return next((name for name, known in READINGS.items() if known == rules), str(rules))


def _helpers(tables: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return every helper that some rules make, with the types that it takes: those of the tables and the others."""
    of_tables = [
        f"{declared.prefix(TABLES[name])}_{end}()" for name in tables for end in ("fixed", "deletable", "reference")
    ]
    return [*of_tables, *others]


def _rendered(name: str, rules: Rules) -> str:
    policy = rules.credit_policy
    context = {
        "rules": rules,
        "policy": policy,
        "reading": reading(rules),
        "KEY_LENGTH_MAX": KEY_LENGTH_MAX,
        "tables": {declared.folded(table): table for table in TABLES.values()},
        "first_tables": [TABLES[name] for name in FIRST_TABLES],
        "second_tables": [TABLES[name] for name in SECOND_TABLES],
        # An unqualified name is looked for in whatever search_path the caller has: the hole.
        "public": "public." if rules.definer_safety else "",
        "home": declared.home(rules),
        "own": declared.own(rules),
        # An earlier version had all of them in public.
        "homes": sorted({declared.home(rules), "public"}),
        "first_helpers": _helpers(FIRST_TABLES, _FIRST_HELPERS),
        "second_helpers": _helpers(SECOND_TABLES, _SECOND_HELPERS),
        "pinned": f"\nset search_path = {_SAFE_PATH}" if rules.definer_safety else "",
        "path": _SAFE_PATH if rules.definer_safety else "pg_catalog, public, pg_temp",
        # Whoever has no id counts as the service: the hole.
        "caller": f"{declared.own(rules)}crm_caller()" if rules.definer_safety else "auth.uid()",
        "access": access,
        "normal_form": normal_form,
    }
    return _BLANK_LINES.sub("\n\n", _ENVIRONMENT.get_template(name).render(context))
