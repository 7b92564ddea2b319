"""The command ``crm-domain dashboard``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
import click

from crm_domain import DashboardData

from ..database import db_option, opened_crm
from ..person import NotFound, person_of
from ..printing import Form, form_options, print_rows, shown, table

_COLUMNS: Final = tuple(a.name for a in attrs.fields(DashboardData))


@click.command(short_help="Show the dashboard of one CRM user.")
@click.argument("email")
@form_options
@db_option
def dashboard(email: str, *, form: Form, db: Path) -> None:
    """Show the dashboard of the CRM user with the address EMAIL: the document's get_crm_dashboard_data.

    The address is found in any spelling that the rules take for the same, such as Amy@Example.com.

    \b
    Examples:
      crm-domain dashboard amy@example.com
      crm-domain dashboard amy@example.com --json
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    with opened_crm(db) as crm:
        person = person_of(crm, email)
        data = crm.as_service().get_crm_dashboard_data(person.email)
    if data is None:
        raise NotFound(f"{shown(person.email)} has no dashboard, as no regular user has.")
    if form is Form.TABLE:
        click.echo(f"{shown(person.email)}\n{table((), [(n, shown(getattr(data, n))) for n in _COLUMNS])}")
    else:
        print_rows(form, _COLUMNS, [attrs.asdict(data)])
