"""How often was each law really put to the test? Counted request by request.

A request counts for a law if its outcome could have broken it: a second payment of one reference, a
recording without a credit left, a read of a table in which there are others' rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from crm_domain import commands as c
from crm_domain import events as e
from crm_domain import rows
from crm_domain.command_log import LogLine
from crm_domain.errors import ForeignKeyViolation, InsufficientCredits, PermissionDenied, Refused, RlsViolation
from crm_domain.ids import SERVICE, normal_email
from crm_domain.ports import Tables
from crm_domain.reads import Read

from ..comparing.differences import Outcome
from ..comparing.judging import AGREES_WITH_MODEL

_MONEY: Final = (e.CreditGranted, e.CreditConsumed, e.CreditRefunded, e.CreditVoided)
_COUNTED: Final = (
    e.JobRequestCreated,
    e.RecordingCreated,
    e.ResumeUploaded,
    e.ViewTracked,
    e.LoginTracked,
    e.TimeTracked,
)
_RECORDED: Final = (e.RecordingCreated, e.RegularRecordingCreated)
_JOBS_OF: Final = {
    rows.CRM_RECORDINGS.name: rows.CRM_JOB_REQUESTS.name,
    rows.RECORDINGS.name: rows.JOB_REQUESTS.name,
}


def laws_tried(line: LogLine, expected: Outcome, tables: Tables) -> Iterator[str]:
    """Yield the names of the laws that the outcome of a request could have broken.

    Args:
        line: The request.
        expected: What the rules say.
        tables: The model's tables afterwards.
    """
    yield AGREES_WITH_MODEL.name
    if isinstance(line.request, Read):
        yield "service_passes_policies_not_rules" if line.principal == SERVICE else "reads_see_only_own_rows"
        return
    for law, could_break in _BREAKERS.items():
        if could_break(line, expected, tables):
            yield law


def _happened(expected: Outcome, *kinds: type[Any]) -> list[Any]:
    return [event for event in getattr(expected, "events", ()) if isinstance(event, kinds)]


def _about(line: LogLine) -> tuple[Any, Mapping[str, Any]]:
    """Return the table that a command writes, if it names one, and the columns that it sets."""
    request: Any = line.request
    if isinstance(request, c.Update):
        return request.table, request.set
    if isinstance(request, c.CreateRow):
        return request.table, {n: v for n in request.table.by_name if (v := getattr(request, n, None)) is not None}
    return getattr(request, "table", None), {}


def _overdraws(line: LogLine, expected: Outcome, tables: Tables) -> bool:
    balance = _about(line)[1].get("credits_remaining")
    is_negative = isinstance(balance, int) and balance < 0
    below = any(profile.credits_remaining < 0 for profile in tables.profiles)
    return isinstance(expected, InsufficientCredits) or is_negative or line.concurrent is not None or below


def _moves_credits(_: LogLine, expected: Outcome, __: Tables) -> bool:
    return bool(_happened(expected, *_MONEY))


def _moves_mirrored(_: LogLine, expected: Outcome, tables: Tables) -> bool:
    moved = _happened(expected, *_MONEY)
    return any(tables.crm_users.one("user_id", e.concerned(event)) is not None for event in moved)


def _records(line: LogLine, expected: Outcome, _: Tables) -> bool:
    table, columns = _about(line)
    swaps = isinstance(line.request, c.Update) and "video_url" in columns and table.name in _JOBS_OF
    return swaps or bool(_happened(expected, *_RECORDED))


def _counts(line: LogLine, expected: Outcome, _: Tables) -> bool:
    is_deletion = isinstance(line.request, c.Delete) and bool(_happened(expected, e.RowDeleted))
    return is_deletion or bool(_happened(expected, *_COUNTED))


def _is_refused(_: LogLine, expected: Outcome, __: Tables) -> bool:
    return isinstance(expected, Refused)


def _wants_credits(line: LogLine, _: Outcome, __: Tables) -> bool:
    table, columns = _about(line)
    gives = isinstance(line.request, c.SyncCrmUser | c.RegisterUser | c.RecordPayment)
    takes_back = isinstance(line.request, c.Delete) and table in {rows.CRM_USERS, rows.CRM_RECORDINGS, rows.RECORDINGS}
    sets = isinstance(line.request, c.Update) and bool({"credits_remaining", "status"} & columns.keys())
    return line.principal != SERVICE and (gives or takes_back or sets)


def _mixes_owners(line: LogLine, _: Outcome, tables: Tables) -> bool:
    table, columns = _about(line)
    if table is None or not {"email", "user_id"} <= table.by_name.keys():
        return False
    if isinstance(line.request, c.Update):
        return bool(columns.keys() & {"email", "user_id"})
    if not isinstance(line.request, c.CreateRow):
        return False
    account = tables.crm_users.one("user_id", columns.get("user_id"))
    return account is None or normal_email(str(columns.get("email") or "")) != account.email


def _refers_to_anothers(line: LogLine, expected: Outcome, tables: Tables) -> bool:
    table, columns = _about(line)
    if isinstance(line.request, c.Delete):
        return table.name in _JOBS_OF.values() and isinstance(expected, ForeignKeyViolation)
    if columns.get("job_request_id") is None or table.name not in _JOBS_OF:
        return False
    job = tables.by_name[_JOBS_OF[table.name]].get(columns["job_request_id"])
    owner = columns.get("user_id", line.principal.user_id)
    return job is not None and job.user_id != owner


def _syncs_again(line: LogLine, expected: Outcome, tables: Tables) -> bool:
    if not isinstance(line.request, c.SyncCrmUser) or isinstance(expected, PermissionDenied):
        return False
    email = normal_email(line.request.email or "")
    granted = [grant for grant in tables.credit_grants if grant.source == "initial" and grant.email == email]
    return len(granted) > len(_happened(expected, e.CreditGranted))


def _pays_again(line: LogLine, expected: Outcome, tables: Tables) -> bool:
    if not isinstance(line.request, c.RecordPayment) or isinstance(expected, PermissionDenied):
        return False
    known = tables.payments.find("ref", line.request.ref)
    return len(known) > len(_happened(expected, e.PaymentRecorded))


def _crosses_populations(line: LogLine, _: Outcome, tables: Tables) -> bool:
    table, columns = _about(line)
    is_regular = isinstance(line.request, c.CreateRow) and table in rows.REGULAR_TABLES
    return is_regular and tables.crm_users.one("user_id", columns.get("user_id")) is not None


def _second_primary(line: LogLine, _: Outcome, tables: Tables) -> bool:
    table, columns = _about(line)
    if columns.get("is_primary") is not True or table is None:
        return False
    owner = columns.get("user_id", line.principal.user_id)
    return any(
        row.is_primary and row.user_id == owner and row.id != columns.get("id") for row in tables.by_name[table.name]
    )


def _policy_or_rule(line: LogLine, expected: Outcome, _: Tables) -> bool:
    if line.principal == SERVICE:
        return isinstance(expected, Refused)
    return isinstance(expected, RlsViolation) or getattr(expected, "affected", None) == 0


_BREAKERS: Final[dict[str, Callable[[LogLine, Outcome, Tables], bool]]] = {
    "balance_never_negative": _overdraws,
    "balance_equals_granted_minus_consumed": _moves_credits,
    "mirror_equals_profile": _moves_mirrored,
    "one_credit_per_recording": _records,
    "counters_equal_fold_of_events": _counts,
    "refused_changes_nothing": _is_refused,
    "no_user_command_raises_credits": _wants_credits,
    "owner_pair_is_one_account": _mixes_owners,
    "reference_has_same_owner": _refers_to_anothers,
    "provisioning_is_idempotent": _syncs_again,
    "payment_is_idempotent": _pays_again,
    "populations_are_separate": _crosses_populations,
    "at_most_one_primary_resume": _second_primary,
    "service_passes_policies_not_rules": _policy_or_rule,
}
"""For each law of single requests, what says whether one could break it. Laws of two runs are counted by the runs."""
