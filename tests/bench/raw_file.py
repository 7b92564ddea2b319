"""What hand-written SQL does with W: `sqlite3` and triggers, in two sizes.

*Thin* is the anchor that the goals name: the document's tables with its indexes and triggers, and a
narrow table of events; nothing in it tells which grant paid for a recording, or what a row was like
before it changed. *Alike* keeps what the model keeps: the very same tables and indexes, the ledger
of grants and consumptions, and a journal from which all of it could be made anew; its triggers do
in SQL what `crm_domain` does in Python. What *alike* costs more than *thin* is the price of that
data, whoever writes it; what the model costs more than *alike* is the price of the model.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from crm_adapters.sqlite.codec import time_text
from crm_adapters.sqlite.schema import statements
from crm_domain import HARDENED, TABLES

from . import workload
from .model import moment_of

_BEGINNING: Final = time_text(moment_of(workload.EPOCH_US))


def _owner(table: str) -> str:
    return f"""
    CREATE TRIGGER {table}_owner BEFORE INSERT ON {table}
    WHEN NOT EXISTS (SELECT 1 FROM digital_resume_by_CRM d WHERE d.email = NEW.email AND d.user_id = NEW.user_id)
    BEGIN SELECT RAISE(ABORT, 'not owner'); END;"""


def _journal(kind: str, table: str) -> str:
    """Return what enters an inserted row into the journal that is alike."""
    pairs = ", ".join(f"'{c}', NEW.\"{c}\"" for c in TABLES[table].by_name)
    return f"""INSERT INTO journal(at, role, user_id, account, version, type, schema_version, data)
    SELECT NEW.created_at, 'user', NEW.user_id, NEW.user_id, coalesce(max(version), 0) + 1, '{kind}', 1, json_object({pairs})
    FROM journal WHERE account = NEW.user_id;"""


_SHARED: Final = f"""
{_owner("crm_job_requests")}
{_owner("crm_resumes")}
CREATE TRIGGER crm_recording_credit BEFORE INSERT ON crm_recordings
BEGIN
  SELECT RAISE(ABORT, 'not owner')
  WHERE NOT EXISTS (SELECT 1 FROM digital_resume_by_CRM d WHERE d.email = NEW.email AND d.user_id = NEW.user_id);
  SELECT RAISE(ABORT, 'no credits') WHERE (SELECT credits_remaining FROM profiles WHERE user_id = NEW.user_id) <= 0;
END;
CREATE TRIGGER crm_credit_sync AFTER UPDATE OF credits_remaining ON profiles
BEGIN UPDATE digital_resume_by_CRM SET credits_remaining = NEW.credits_remaining WHERE user_id = NEW.user_id; END;
CREATE TRIGGER crm_job_stats AFTER INSERT ON crm_job_requests
BEGIN
  UPDATE crm_dashboard_stats SET total_applications = total_applications + 1,
    last_application_date = NEW.created_at, updated_at = NEW.created_at WHERE email = NEW.email;
END;
CREATE TRIGGER crm_recording_stats AFTER INSERT ON crm_recordings
BEGIN
  UPDATE profiles SET credits_remaining = credits_remaining - 1, updated_at = NEW.created_at WHERE user_id = NEW.user_id;
  UPDATE crm_dashboard_stats SET total_recordings = total_recordings + 1,
    last_recording_date = NEW.created_at, updated_at = NEW.created_at WHERE email = NEW.email;
END;
CREATE TRIGGER crm_resume_stats AFTER INSERT ON crm_resumes
BEGIN
  UPDATE crm_dashboard_stats SET total_resumes = total_resumes + 1, updated_at = NEW.created_at WHERE email = NEW.email;
END;
CREATE TRIGGER payment_credits AFTER INSERT ON payments
BEGIN
  UPDATE profiles SET credits_remaining = credits_remaining + 3, updated_at = NEW.created_at WHERE user_id = NEW.user_id;
END;
"""

_THIN: Final = """
CREATE TABLE events (position INTEGER PRIMARY KEY, kind INTEGER NOT NULL, user_id TEXT NOT NULL, row_id TEXT, at TEXT NOT NULL);
CREATE TRIGGER job_event AFTER INSERT ON crm_job_requests
BEGIN INSERT INTO events(kind, user_id, row_id, at) VALUES (0, NEW.user_id, NEW.id, NEW.created_at); END;
CREATE TRIGGER recording_event AFTER INSERT ON crm_recordings
BEGIN INSERT INTO events(kind, user_id, row_id, at) VALUES (1, NEW.user_id, NEW.id, NEW.created_at); END;
CREATE TRIGGER resume_event AFTER INSERT ON crm_resumes
BEGIN INSERT INTO events(kind, user_id, row_id, at) VALUES (2, NEW.user_id, NEW.id, NEW.created_at); END;
CREATE TRIGGER view_event AFTER UPDATE OF total_views ON crm_dashboard_stats
BEGIN INSERT INTO events(kind, user_id, at) VALUES (3, NEW.user_id, NEW.updated_at); END;
CREATE TRIGGER payment_event AFTER INSERT ON payments
BEGIN INSERT INTO events(kind, user_id, row_id, at) VALUES (4, NEW.user_id, NEW.id, NEW.created_at); END;
"""

_ALIKE: Final = f"""
CREATE TRIGGER job_event AFTER INSERT ON crm_job_requests BEGIN {_journal("JobRequestCreated", "crm_job_requests")} END;
CREATE TRIGGER resume_event AFTER INSERT ON crm_resumes BEGIN {_journal("ResumeUploaded", "crm_resumes")} END;
CREATE TRIGGER recording_event AFTER INSERT ON crm_recordings
BEGIN
  {_journal("RecordingCreated", "crm_recordings")}
  INSERT INTO credit_consumptions(id, recording_id, user_id, grant_id, created_at)
  VALUES (NEW.id, NEW.id, NEW.user_id,
    (SELECT id FROM credit_grants WHERE user_id = NEW.user_id AND remaining > 0 ORDER BY number LIMIT 1), NEW.created_at);
END;
CREATE TRIGGER consumption_event AFTER INSERT ON credit_consumptions
BEGIN
  UPDATE credit_grants SET remaining = remaining - 1, consumed = consumed + 1 WHERE id = NEW.grant_id;
  {_journal("CreditConsumed", "credit_consumptions")}
END;
CREATE TRIGGER payment_event AFTER INSERT ON payments
BEGIN
  {_journal("PaymentRecorded", "payments")}
  INSERT INTO credit_grants(id, user_id, number, source, payment_id, credits, remaining, created_at)
  SELECT NEW.user_id || '/' || (count(*) + 1), NEW.user_id, count(*) + 1, 'payment', NEW.id, 3, 3, NEW.created_at
  FROM credit_grants WHERE user_id = NEW.user_id;
END;
CREATE TRIGGER grant_event AFTER INSERT ON credit_grants BEGIN {_journal("CreditGranted", "credit_grants")} END;
CREATE TRIGGER view_event AFTER UPDATE OF total_views ON crm_dashboard_stats
BEGIN
  INSERT INTO journal(at, role, account, version, type, schema_version, data)
  SELECT NEW.updated_at, 'service', NEW.user_id, coalesce(max(version), 0) + 1, 'ViewTracked', 1,
    json_object('user_id', NEW.user_id, 'email', NEW.email) FROM journal WHERE account = NEW.user_id;
END;
"""


def _insert(table: str) -> str:
    columns = ", ".join(TABLES[table].by_name)
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(TABLES[table].columns))})"


TABLE_OF: Final = {
    workload.JOB: "crm_job_requests",
    workload.RECORDING: "crm_recordings",
    workload.RESUME: "crm_resumes",
    workload.PAYMENT: "payments",
}
"""Where a command of each kind inserts a row; a view is counted by an update."""

_STATEMENTS: Final = {kind: _insert(table) for kind, table in TABLE_OF.items()} | {
    workload.VIEW: "UPDATE crm_dashboard_stats SET total_views = total_views + 1, updated_at = ? WHERE email = ? AND user_id = ?"
}

Statement = tuple[str, tuple[object, ...]]


def made(path: str, w: workload.Workload, *, synchronous: str, alike: bool) -> sqlite3.Connection:
    """Return a new file with W's users in it."""
    raw = opened(path, synchronous=synchronous)
    thin = {"journal", "credit_grants", "credit_consumptions"}
    for statement in statements(HARDENED):
        if alike or not any(f'"{name}"' in statement.split("(")[0] for name in thin):
            raw.execute(statement)
    raw.executescript(_SHARED + (_ALIKE if alike else _THIN))
    raw.execute("BEGIN")
    for n, (email, owner) in enumerate(w.owners.items()):
        at = _BEGINNING
        raw.execute("INSERT INTO auth_users VALUES (?, ?, ?)", (owner, email, at))
        raw.execute("INSERT INTO profiles VALUES (?, 4, ?, ?)", (owner, at, at))
        raw.execute("INSERT INTO digital_resume_by_CRM VALUES (?, ?, 4, NULL, ?, ?, 1)", (email, owner, at, at))
        zeros = (0, 0, 0, 0, None, None, None, 0)
        raw.execute(_insert("crm_dashboard_stats"), (f"stats-{n}", email, owner, *zeros, at, at))
        if alike:
            first = (f"{owner}/1", owner, 1, "initial", email, None, 4, 4, 0, 0, at)
            raw.execute(_insert("credit_grants"), first)
    raw.execute("COMMIT")
    return raw


def opened(path: str, *, synchronous: str) -> sqlite3.Connection:
    """Return a connection that is tuned as the store tunes its own."""
    raw = sqlite3.connect(path, timeout=60, isolation_level=None, cached_statements=512)
    pragmas = ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON", "cache_size = -65536")
    for pragma in (*pragmas, "wal_autocheckpoint = 8192"):
        raw.execute(f"PRAGMA {pragma}")
    return raw


def statements_of(w: workload.Workload) -> list[Statement]:
    """Return W's commands as statements and parameters, made before."""
    last: dict[str, str] = {}
    out: list[Statement] = []
    owners = w.owners
    for kind, actor, email, micros, row_id, text in w.commands:
        at = time_text(moment_of(micros))
        out.append((_STATEMENTS[kind], _parameters(kind, actor, email, micros, at, row_id, text, last.get(email))))
        if kind == workload.JOB and owners[email] == actor:
            last[email] = row_id
    return out


def _parameters(
    kind: int, actor: str, email: str, micros: int, at: str, row_id: str, text: str, job: str | None
) -> tuple[object, ...]:
    if kind == workload.JOB:
        title, company = workload.TITLES[micros % 50], workload.COMPANIES[micros % 200]
        about = workload.DESCRIPTIONS[micros % 20]
        return (row_id, email, actor, title, company, about, text, "sent", at, None, None, at, at)
    if kind == workload.RECORDING:
        return (row_id, email, actor, job, text, None, 90, 1_048_576, at, None, "processing", at, at)
    if kind == workload.RESUME:
        return (row_id, email, actor, "resume.pdf", text, "pdf", 65_536, None, 0, 1, at, at)
    return (at, email, actor) if kind == workload.VIEW else (row_id, actor, row_id, "12.99", 3, at)


def run(raw: sqlite3.Connection, commands: list[Statement]) -> tuple[int, int]:
    """Execute commands; return how many were blocked, and how many denied."""
    blocked = denied = 0
    execute = raw.execute
    for sql, parameters in commands:
        try:
            denied += not execute(sql, parameters).rowcount
        except sqlite3.IntegrityError as error:
            blocked += error.args[0] == "no credits"
            denied += error.args[0] == "not owner"
    return blocked, denied


def summary(raw: sqlite3.Connection, w: workload.Workload, blocked: int, denied: int) -> workload.Summary:
    """Read the result from the tables."""
    balances = [
        raw.execute("SELECT credits_remaining FROM digital_resume_by_CRM WHERE email = ?", (email,)).fetchone()[0]
        for email in w.emails
    ]
    counters = "sum(total_applications), sum(total_recordings), sum(total_resumes), sum(total_views)"
    done = list(raw.execute(f"SELECT {counters} FROM crm_dashboard_stats").fetchone())
    done.append(raw.execute("SELECT count(*) FROM payments").fetchone()[0])
    return workload.summary(balances, done, blocked, denied)
