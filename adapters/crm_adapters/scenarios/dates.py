"""When did real users come? From a contact file or from a database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from crm_adapters.sqlite import SqliteStore, StoreError, stored_rules
from crm_domain import Crm
from crm_domain.wording import quoted

from .csvfiles import TIME_COLUMNS, is_database, read_csv, time_of
from .errors import DataError


def arrival_dates(path: Path, population: str, *, column: str | None = None) -> tuple[datetime, ...]:
    """Return when each user came, in the order of the file.

    Args:
        path: A CSV file with a line for each user, or a database that `SqliteStore` keeps.
        population: ``crm`` or ``regular``: whose dates to take from a database.
        column: The column of a CSV file that has them; found by its name if None.

    Raises:
        DataError: The file cannot be read, has no such column, or has a cell that is no time.
    """
    if is_database(path):
        if column is not None:
            raise DataError(path, None, f"is a database, which knows its dates: leave out column = {quoted(column)}")
        return _of_database(path, population)
    table = read_csv(path)
    name = table.column(TIME_COLUMNS, "times", asked=column)
    dates = tuple(time_of(row[name], path, line) for line, row in table.rows if row[name])
    if not dates:
        raise DataError(path, None, f"has no date in its column {quoted(name)}")
    return dates


def _of_database(path: Path, population: str) -> tuple[datetime, ...]:
    try:
        rules = stored_rules(path)
        with SqliteStore(path) as store:
            tables = Crm(store, rules=rules).tables
            crm = {user.user_id: user.user_created_at for user in tables.crm_users}
            if population == "regular":
                return tuple(_utc(user.created_at) for user in tables.auth_users if user.id not in crm)
            return tuple(_utc(at) for at in crm.values() if at is not None)
    except StoreError as error:
        raise DataError(error.path, None, error.reason) from None


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
