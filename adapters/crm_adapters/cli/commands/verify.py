"""The command ``crm-domain verify``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from crm_adapters.sqlite.verification import Problem, Verification

from ..database import db_option, timeout_option
from ..exit_codes import EXIT_BROKEN
from ..printing import print_json
from ..progress import progress_shown

_SHOWN_MAX: Final = 20
"""How many problems of one check a person is shown."""


@click.command(short_help="Look whether the file is sound.")
@db_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all problems.")
@timeout_option
@click.pass_context
def verify(ctx: click.Context, *, db: Path, as_json: bool, timeout_seconds: float) -> None:
    """Look whether the file is sound, and say what is wrong and where; nothing is changed.

    \b
    log         what is in the log next to the file, if there is one, goes on from what the file alone
                holds: it is not the log of another file
    pages       SQLite finds all pages and indexes whole, and all values as their columns have to be
    schema      tables and indexes are those of the document, under the rules of the file
    references  every foreign key leads to a row
    journal     no event is missing, and all of them can be read
    rows        every row is what the journal says, no other is there
    laws        the laws hold that a single state can show; if the rules have a safeguard off,
                some laws break as the document has it, so that they are not looked at

    Addresses that a new account could not have are noted: accounts that have one keep it, and are
    found by it. The file is sound with them.

    All of it is about one moment; others may write meanwhile. It needs memory for the whole state.
    Rows that differ from the journal are mended by "rebuild"; for all else there are backups.

    \b
    Examples:
      crm-domain verify
      crm-domain verify --db shop.db --json

    \b
    Exit codes: 0 the file is sound, 1 something is wrong with it, 2 it cannot be read at all.
    """  # noqa: D301 - click takes \b for "keep these lines as they are"
    with progress_shown() as progress:
        verification = Verification(db, progress=progress, busy_timeout_seconds=timeout_seconds)
        problems = list(verification.problems())
    notes = list(verification.notes())
    if as_json:
        print_json(_plain(db, verification, problems, notes))
    else:
        click.echo("\n".join([*_shown((*problems, *notes)), _verdict(db, verification, problems)]))
    ctx.exit(EXIT_BROKEN if problems else 0)


def _plain(
    db: Path, verification: Verification, problems: Iterable[Problem], notes: Iterable[Problem]
) -> dict[str, Any]:
    found = [_plain_problem(problem) for problem in problems]
    return {
        "file": str(db),
        "sound": not found,
        "rules": None if verification.rules is None else str(verification.rules),
        **{name: verification.counts[name] for name in ("events", "rows", "laws")},
        "problems": found,
        "notes": [_plain_problem(note) for note in notes],
    }


def _plain_problem(problem: Problem) -> dict[str, Any]:
    columns = {name: {"is": column.found, "should_be": column.expected} for name, column in problem.columns.items()}
    place = {"check": problem.check, "where": problem.where, "what": problem.what}
    return place | ({"columns": columns} if columns else {})


def _shown(problems: Iterable[Problem]) -> Iterable[str]:
    numbers: Counter[str] = Counter()
    for problem in problems:
        numbers[problem.check] += 1
        if numbers[problem.check] <= _SHOWN_MAX:
            yield str(problem)
    for check, number in numbers.items():
        if number > _SHOWN_MAX:
            yield f"{check}: … and {number - _SHOWN_MAX} more"


def _verdict(db: Path, verification: Verification, problems: list[Problem]) -> str:
    if problems:
        return f"{db} is not sound: {_number(len(problems), 'problem')}"
    counts = verification.counts
    laws = f"{_number(counts['laws'], 'law')} hold" if verification.laws_bind else "its rules let laws break"
    return (
        f"{db} is sound: {_number(counts['events'], 'event')}, {_number(counts['rows'], 'row')}, {laws}; "
        f"rules: {verification.rules}"
    )


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
