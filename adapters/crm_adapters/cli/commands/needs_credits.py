"""The command ``crm-domain needs-credits``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
import click

from crm_domain import UserInNeedOfCredits

from ..database import db_option, opened_crm
from ..printing import Form, form_options, print_rows, shown, table

_COLUMNS: Final = tuple(a.name for a in attrs.fields(UserInNeedOfCredits))
_HEADERS: Final = ("e-mail", "credits", "recordings", "last recording (UTC)")
_SHOWN: Final = 50
"""How many users a table shows."""


@click.command("needs-credits", short_help="List the CRM users who ran out of credits.")
@form_options
@db_option
def needs_credits(*, form: Form, db: Path) -> None:
    """List the CRM users at 0 credits who have recorded before, the latest recording first.

    This is the document's query "Get CRM users who need more credits", with its columns in JSON
    and CSV. A table shows the first users; JSON and CSV have all.

    \b
    Examples:
      crm-domain needs-credits
      crm-domain needs-credits --csv > ask-these.csv
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    with opened_crm(db) as crm:
        found = crm.as_service().crm_users_who_need_more_credits()
    if form is Form.TABLE:
        click.echo(_table(found))
    else:
        print_rows(form, _COLUMNS, map(attrs.asdict, found))


def _table(found: list[UserInNeedOfCredits]) -> str:
    if not found:
        return "Nobody who has recorded is at 0 credits."
    rows = [tuple(map(shown, attrs.astuple(user))) for user in found[:_SHOWN]]
    more = f"\n… and {len(found) - _SHOWN} more: --json and --csv have all" if len(found) > _SHOWN else ""
    return table(_HEADERS, rows) + more
