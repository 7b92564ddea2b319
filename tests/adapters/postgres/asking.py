"""How do tests ask a database, as the document's front end and its service would, and what must hold afterwards?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from crm_adapters.postgres.declared import qualified
from crm_domain.clocks import label_uuid
from crm_domain.rows import AUTH_USERS, TABLES
from crm_domain.schema import ColumnType

SERVICE: Final = "service_role"
ANON: Final = "anon"


def user_id(label: str) -> str:
    """Return the id of somebody who is called so."""
    return label_uuid(label)


def address(label: str) -> str:
    """Return their address."""
    return f"{label}@x.test"


class Database:
    """One connection; whoever asks is told with each transaction, as PostgREST does."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True, row_factory=tuple_row)

    def close(self) -> None:
        self.connection.close()

    def sql(self, text: str, *given: Any) -> list[tuple[Any, ...]]:
        """Run something as who owns the database, and return its rows."""
        cursor = self.connection.execute(text, given or None)
        return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def asking(self, who: str) -> Iterator[psycopg.Connection[Any]]:
        """Be in a transaction of a role, or of the user of this label."""
        with self.connection.transaction():
            role = who if who in {SERVICE, ANON} else "authenticated"
            claims = {"role": role} | ({} if role == who else {"sub": user_id(who)})
            self.connection.execute(f"set local role {role}")
            self.connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
            yield self.connection

    def ask(self, who: str, text: str, *given: Any) -> list[tuple[Any, ...]]:
        """Send one statement in a transaction of its own; return its rows."""
        with self.asking(who) as connection:
            cursor = connection.execute(text, given or None)
            return list(cursor.fetchall()) if cursor.description else []

    def refused(self, who: str, text: str, *given: Any) -> psycopg.Error:
        """Return why a statement is refused, which it must be."""
        try:
            self.ask(who, text, *given)
        except psycopg.Error as error:
            return error
        raise AssertionError(f"accepted: {text}")

    # --- what people do -----------------------------------------------------------------------

    def sync(self, *labels: str) -> None:
        """Make CRM users."""
        for label in labels:
            self.ask(SERVICE, "select sync_crm_user(p_email => %s, p_user_id => %s)", address(label), user_id(label))

    def balance(self, label: str, credits_: int) -> None:
        """Adjust somebody's balance."""
        self.ask(SERVICE, "update profiles set credits_remaining = %s where user_id = %s", credits_, user_id(label))

    def record(self, label: str, **columns: Any) -> None:
        """Store a recording of somebody."""
        self.ask(label, *insert("crm_recordings", label, **columns))

    def one(self, text: str, *given: Any) -> Any:
        """Return the one value that a query finds, as who owns the database."""
        ((value,),) = self.sql(text, *given)
        return value

    def balance_of(self, label: str) -> int:
        """Return somebody's balance."""
        return int(self.one("select credits_remaining from profiles where user_id = %s", user_id(label)))

    def rows(self, table: str, order: str = "1") -> list[tuple[Any, ...]]:
        """Return all rows of a table."""
        return self.sql(f"select * from {table} order by {order}")

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table."""
        return {name: self.rows(qualified(table)) for name, table in TABLES.items()}


def insert(table: str, label: str, **columns: Any) -> tuple[str, *tuple[Any, ...]]:
    """Return a statement that stores a row of somebody, and what is given to it."""
    owner = {"user_id": user_id(label), "email": address(label)}
    given = {n: v for n, v in owner.items() if table.startswith("crm_") or n != "email"} | columns
    return f"insert into {table} ({', '.join(given)}) values ({', '.join(['%s'] * len(given))})", *given.values()


# --- what must hold ----------------------------------------------------------------------------

_LAWS: Final = {
    "balance_never_negative": "select user_id from profiles where credits_remaining < 0",
    "balance_equals_granted_minus_consumed": """
        select p.user_id from profiles p left join credit_grants g using (user_id)
         group by p.user_id, p.credits_remaining
        having p.credits_remaining <> coalesce(sum(g.credits - g.consumed - g.voided), 0)
            or p.credits_remaining <> coalesce(sum(g.remaining), 0)""",
    "mirror_equals_profile": """
        select d.email from digital_resume_by_crm d join profiles p using (user_id)
         where d.credits_remaining <> p.credits_remaining""",
    "one_credit_per_recording": """
        select g.id from credit_grants g
         where g.consumed <> (select count(*) from credit_consumptions c
                               where c.grant_id = g.id and c.refunded_at is null)
        union all
        select r.id::text from crm_recordings r
         where not exists (select from credit_consumptions c where c.recording_id = r.id and c.grant_id is not null)""",
    "counters_equal_fold_of_events": """
        select s.email from crm_dashboard_stats s
         where s.total_applications < (select count(*) from crm_job_requests j where j.email = s.email)
            or s.total_recordings <> (select count(*) from credit_consumptions c
                                       where c.user_id = s.user_id and c.id not like 'recordings/%%')
            or s.total_resumes < (select count(*) from crm_resumes r where r.email = s.email)""",
    "owner_pair_is_one_account": """
        select r.id from (
          select id, email, user_id from crm_job_requests union all select id, email, user_id from crm_recordings
          union all select id, email, user_id from crm_resumes union all select id, email, user_id from crm_dashboard_stats
        ) r where not exists (select from digital_resume_by_crm d where (d.email, d.user_id) = (r.email, r.user_id))""",
    "reference_has_same_owner": """
        select r.id from crm_recordings r join crm_job_requests j on j.id = r.job_request_id
         where j.user_id is distinct from r.user_id""",
    "payment_is_idempotent": "select ref from payments group by ref having count(*) > 1",
    "at_most_one_primary_resume": "select user_id from crm_resumes where is_primary group by 1 having count(*) > 1",
}
"""For each law that can be seen in rows: what breaks it."""


def broken_laws(database: Database) -> dict[str, Sequence[Any]]:
    """Return the laws that the stored rows break, with who or what does."""
    found = {law: database.sql(text.replace("%%", "%")) for law, text in _LAWS.items()}
    return {law: rows for law, rows in found.items() if rows}


TIMES: Final = {
    name: [c.name for c in table.columns if c.type is ColumnType.TIMESTAMPTZ] for name, table in TABLES.items()
}
"""The columns in which a clock's time may stand."""

OURS: Final = tuple(table for table in TABLES.values() if table is not AUTH_USERS)
"""The tables that the migrations make."""
