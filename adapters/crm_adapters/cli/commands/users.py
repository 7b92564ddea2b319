"""The command ``crm-domain users``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import click

from crm_domain import Crm, CrmUserWithStats, FindAddress
from crm_domain.rows import CRM_USERS, CrmUser

from ..database import db_option, opened_crm
from ..person import NotFound, person_of
from ..printing import ROWS_MAX, Form, form_options, print_rows, shown, table

_COLUMNS: Final = tuple(a.name for a in attrs.fields(CrmUserWithStats))
_HEADERS: Final = ("e-mail", "credits", "since (UTC)", "jobs", "recordings", "resumes")
_SHOWN: Final = 50
"""How many users a table shows by default."""
_PAGE: Final = 1000
"""How many users are in memory at a time."""


@click.command(short_help="List the active CRM users with their counters.")
@click.option(
    "--limit",
    type=click.IntRange(1, ROWS_MAX),
    metavar="N",
    help=f"The first N users. A table shows {_SHOWN} unless told otherwise, JSON and CSV all.",
)
@click.option("--after", metavar="EMAIL", help="Begin behind this CRM user: the last one of the page before.")
@form_options
@db_option
def users(*, limit: int | None, after: str | None, form: Form, db: Path) -> None:
    """List the active CRM users with their counters, the newest first.

    This is the document's query "Get all CRM users with their stats", with its columns in JSON
    and CSV. Counters are lifetime totals: deletes take nothing back. However many users there
    are, JSON and CSV begin at once.

    \b
    Examples:
      crm-domain users
      crm-domain users --limit 20 --after amy@example.com
      crm-domain users --csv > users.csv
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    with opened_crm(db) as crm:
        start = None if after is None else _crm_user(crm, after)
        if form is Form.TABLE:
            click.echo(_table(list(_users(crm, start, (limit or _SHOWN) + 1)), limit or _SHOWN))
        else:
            print_rows(form, _COLUMNS, map(attrs.asdict, _users(crm, start, limit)))


def _crm_user(crm: Crm, email: str) -> CrmUser:
    """Return a CRM user, active or not.

    Raises:
        NotFound: There is no one with this address, or it is a regular user's.
    """
    for crm_user in crm.as_service().select(CRM_USERS, {"email": crm.as_service().answer(FindAddress(email=email))}):
        return crm_user
    raise NotFound(f"{shown(person_of(crm, email).email)} is not a CRM user.")


def _users(crm: Crm, after: CrmUser | CrmUserWithStats | None, limit: int | None) -> Iterator[CrmUserWithStats]:
    """Yield users page by page; each page is the state of its own moment."""
    session, left = crm.as_service(), limit
    while left != 0:
        page = session.crm_users_with_stats(limit=_PAGE if left is None else min(left, _PAGE), after=after)
        yield from page
        if not page:
            return
        after = page[-1]
        left = None if left is None else left - len(page)


def _table(found: list[CrmUserWithStats], limit: int) -> str:
    rows = [tuple(map(shown, attrs.astuple(user))) for user in found[:limit]]
    if not rows:
        return "There are no more active CRM users."
    more = f"\n… and more: --after {shlex.quote(found[limit - 1].email)}" if len(found) > limit else ""
    return table(_HEADERS, rows) + more
