"""What did a run come to, for a person?"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from crm_adapters.command_log import Run
from crm_domain import Crm
from crm_domain.errors import REFUSALS
from crm_domain.laws import LAWS, StateLaw, check_all
from crm_domain.rows import GRANT_SOURCES, AuthUser

from .printing import meaning_of, table

_USERS_MAX: Final = 50
"""How many users are shown."""


def summary_of(run: Run, results: Counter[str]) -> str:
    """Return tables of the users, the refusals, the totals and the laws.

    Args:
        run: The run.
        results: How many lines came to which result.
    """
    return "\n\n".join((_users(run), _refusals(results), _totals(run.crm, results), _laws(run)))


def _users(run: Run) -> str:
    people = list(run.crm.tables.auth_users)
    headers = ("user", "kind", "credits", "active", "jobs", "recordings", "resumes", "views", "hours")
    rows = [_user(run, person) for person in people[:_USERS_MAX]]
    more = f"\n… and {len(people) - _USERS_MAX} more" if len(people) > _USERS_MAX else ""
    return f"Users\n{table(headers, rows)}{more}"


def _user(run: Run, person: AuthUser) -> tuple[Any, ...]:
    """Return a user's row: of a CRM user the lifetime counters, of a regular user what is stored."""
    tables = run.crm.tables
    profile = tables.profiles.get(person.id)
    credits_ = None if profile is None else profile.credits_remaining
    crm_user = tables.crm_users.one("user_id", person.id)
    name = run.labels.name(person.id)
    if crm_user is None:
        stored = (tables.job_requests, tables.recordings, tables.resumes)
        return (name, "regular", credits_, None, *(len(rows.find("user_id", person.id)) for rows in stored), None, None)
    active = "yes" if crm_user.is_active else "no"
    stats = tables.crm_dashboard_stats.one("email", crm_user.email)
    if stats is None:
        return (name, "CRM", credits_, active, None, None, None, None, None)
    counters = (stats.total_applications, stats.total_recordings, stats.total_resumes, stats.total_views)
    return (name, "CRM", credits_, active, *counters, stats.total_time_spent / 3600)


def _refusals(results: Counter[str]) -> str:
    rows = [
        (number, code, REFUSALS[code].sqlstate, meaning_of(REFUSALS[code]))
        for code, number in results.most_common()
        if code != "ok"
    ]
    headers = ("", "kind", "SQLSTATE", "when")
    return "Refusals\n" + (table(headers, rows) if rows else "none")


def _totals(crm: Crm, results: Counter[str]) -> str:
    grants = list(crm.tables.credit_grants)
    granted = {source: sum(g.credits for g in grants if g.source == source) for source in GRANT_SOURCES}
    sources = ", ".join(f"{source} {number}" for source, number in granted.items() if number)
    rows = [
        ("lines", results.total(), f"{results['ok']} accepted, {results.total() - results['ok']} refused"),
        ("events", len(crm.journal), ""),
        ("credits granted", sum(granted.values()), sources),
        ("credits consumed", sum(g.consumed for g in grants), ""),
        ("credits voided", sum(g.voided for g in grants), ""),
        ("credits remaining", sum(profile.credits_remaining for profile in crm.tables.profiles), ""),
    ]
    return f"Totals, as in: {crm.rules}\n" + table((), rows)


def _laws(run: Run) -> str:
    violations = check_all(run.crm)
    if not violations:
        return f"Laws\nall {sum(isinstance(law, StateLaw) for law in LAWS)} that a single state can show hold"
    broken = Counter(violation.law.name for violation in violations)
    first = {violation.law.name: violation.text for violation in reversed(violations)}
    rows = [(number, name, run.labels.told(first[name])) for name, number in broken.items()]
    return "Laws that are broken\n" + table(("", "law", "first place"), rows)
