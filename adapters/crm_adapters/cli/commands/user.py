"""The command ``crm-domain user``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
import click

from crm_domain import Crm
from crm_domain.rows import (
    AUTH_USERS,
    CREDIT_CONSUMPTIONS,
    CREDIT_GRANTS,
    CRM_DASHBOARD_STATS,
    CRM_JOB_REQUESTS,
    CRM_RECORDINGS,
    CRM_RESUMES,
    CRM_USERS,
    JOB_REQUESTS,
    PAYMENTS,
    PROFILES,
    RECORDINGS,
    RESUMES,
    AuthUser,
)

from ..account_words import short
from ..database import db_option, opened_crm
from ..person import person_of
from ..printing import Form, form_options, json_value, print_json, print_rows, shown, table

Data: TypeAlias = dict[str, list[Any]]
"""The rows of a person by the names of their tables, newest first."""

_BY_EMAIL: Final = (CRM_USERS, CRM_DASHBOARD_STATS, CRM_JOB_REQUESTS, CRM_RECORDINGS, CRM_RESUMES)
_BY_ID: Final = (PROFILES, PAYMENTS, CREDIT_GRANTS, CREDIT_CONSUMPTIONS, JOB_REQUESTS, RECORDINGS, RESUMES)
_SINGLE: Final = frozenset(t.name for t in (AUTH_USERS, PROFILES, CRM_USERS, CRM_DASHBOARD_STATS))

_SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    CREDIT_GRANTS.name: ("number", "source", "credits", "remaining", "consumed", "voided", "created_at"),
    PAYMENTS.name: ("created_at", "ref", "amount", "credits"),
    CRM_JOB_REQUESTS.name: ("created_at", "id", "application_status", "job_title", "company_name"),
    CRM_RECORDINGS.name: ("created_at", "id", "status", "duration", "video_url"),
    CRM_RESUMES.name: ("created_at", "id", "is_primary", "resume_name", "resume_url"),
    JOB_REQUESTS.name: ("created_at", "id", "application_status", "job_title", "company_name"),
    RECORDINGS.name: ("created_at", "id", "status", "duration", "video_url"),
    RESUMES.name: ("created_at", "id", "is_primary", "resume_name", "resume_url"),
}
"""What a person reads of each table: columns."""

_ROWS_SHOWN: Final = 10
"""How many rows of a table are shown."""


@click.command(short_help="Show all that is stored about one person.")
@click.argument("email")
@form_options
@db_option
def user(email: str, *, form: Form, db: Path) -> None:
    """Show all that is stored about the person with the address EMAIL, newest rows first.

    This is the document's query "Get CRM user's complete data", and besides it the account, the
    balance, the payments and the ledger of credits; of a regular user, their rows of the regular
    tables. Tables show the first rows and cut ids to 8 signs; JSON and CSV have all of it.

    \b
    --json   one object: rows by the document's names of their tables
    --csv    one line for each value that there is: table, key of the row, column, value

    \b
    Examples:
      crm-domain user amy@example.com
      crm-domain user amy@example.com --json | jq '.crm_recordings[].video_url'
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    with opened_crm(db) as crm:
        person = person_of(crm, email)
        data = _data(crm, person)
    if form is Form.JSON:
        print_json({name: _plain(name, rows) for name, rows in data.items()})
    elif form is Form.CSV:
        print_rows(form, ("table", "key", "column", "value"), _values(data))
    else:
        click.echo("\n\n".join((_account(person, data), *_sections(data))))


def _data(crm: Crm, person: AuthUser) -> Data:
    """Return the rows of a person: of the CRM tables those under the address, of all others those of the id."""
    service = crm.as_service()
    return (
        {AUTH_USERS.name: [person]}
        | {t.name: service.select(t, {"email": person.email}) for t in _BY_EMAIL}
        | {t.name: service.select(t, {"user_id": person.id}) for t in _BY_ID}
    )


def _plain(name: str, rows: list[Any]) -> Any:
    """Return rows as JSON has them: of a table that has one for each person, that one or null."""
    plain = [json_value(attrs.asdict(row, recurse=False)) for row in rows]
    return (plain[0] if plain else None) if name in _SINGLE else plain


def _values(data: Data) -> Iterator[dict[str, Any]]:
    for name, rows in data.items():
        for row in rows:
            values = attrs.asdict(row, recurse=False)
            key = next(iter(values.values()))
            for column, value in values.items():
                if value is not None:
                    yield {"table": name, "key": key, "column": column, "value": value}


def _account(person: AuthUser, data: Data) -> str:
    """Return what there is once for each person."""
    rows: list[tuple[str, Any]] = [("id", person.id), ("registered", shown(person.created_at))]
    rows += [("credits", profile.credits_remaining) for profile in data[PROFILES.name]]
    for crm_user in data[CRM_USERS.name]:
        rows += _columns(crm_user, "is_active", "user_created_at", "last_sync_at", "payment_details")
    for stats in data[CRM_DASHBOARD_STATS.name]:
        rows += _columns(stats, *(n for n in CRM_DASHBOARD_STATS.by_name if n.startswith(("total_", "last_"))))
    kind = "a CRM user" if data[CRM_USERS.name] else "a regular user"
    return f"{shown(person.email)}, {kind}\n{table((), [(name, '-' if value is None else str(value)) for name, value in rows])}"


def _columns(row: Any, *names: str) -> Iterator[tuple[str, Any]]:
    return ((name, shown(getattr(row, name))) for name in names)


def _sections(data: Data) -> Iterator[str]:
    """Yield what there may be many of; of the regular tables only what there is."""
    for name, columns in _SECTIONS.items():
        rows = data[name]
        if rows:
            yield f"{name}\n{_shown_rows(columns, rows)}"
        elif name.startswith("crm_") and data[CRM_USERS.name]:
            yield f"{name}\nnone"


def _shown_rows(columns: Sequence[str], rows: list[Any]) -> str:
    cells = [
        tuple(short(row.id) if c == "id" else shown(getattr(row, c)) for c in columns) for row in rows[:_ROWS_SHOWN]
    ]
    more = f"\n… and {len(rows) - _ROWS_SHOWN} more: --json and --csv have all" if len(rows) > _ROWS_SHOWN else ""
    return table(columns, cells) + more
