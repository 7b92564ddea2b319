"""Which refusal of the domain is an error of PostgreSQL?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg.errors import Diagnostic

from crm_domain.errors import REFUSALS, Refused, refusal

from .operations import RefusalRule

_BY_PLACE: Final = {
    "aclcheck_error": "permission_denied",
    "aclcheck_error_col": "permission_denied",
    "ExecWithCheckOptions": "rls_violation",
}
"""Where in the server a 42501 comes from says which of its two kinds it is, in any language of messages."""

_ALIKE: Final = {
    "23001": "23503",  # restrict_violation
    "23P01": "23505",  # exclusion_violation
    "22004": "23502",  # null_value_not_allowed
    "428C9": "permission_denied",  # generated_always: nobody writes such a column
    **dict.fromkeys(("22001", "22003", "22007", "22008", "22021", "22023", "22P02", "22P05"), "23514"),
}
"""What is said of a value by its type, before any check of its column is asked."""


def refusal_of(error: psycopg.Error, rules: Sequence[RefusalRule]) -> Refused | None:
    """Return the refusal that an error means; None if it means that something broke.

    Args:
        error: What the server said.
        rules: What a database's own errors mean.
    """
    diagnostic, state = error.diag, error.sqlstate or ""
    message = diagnostic.message_primary or str(error)
    for rule in rules:
        if _fits(rule, diagnostic, state, message):
            return refusal(rule.code, message)
    if state == "42501" and diagnostic.source_function in _BY_PLACE:
        return refusal(_BY_PLACE[diagnostic.source_function], message)
    code = _ALIKE.get(state, state)
    return refusal(code, message) if code in _STATES | REFUSALS.keys() else None


def _fits(rule: RefusalRule, diagnostic: Diagnostic, state: str, message: str) -> bool:
    return (
        rule.sqlstate in {None, state}
        and rule.constraint in {None, diagnostic.constraint_name}
        and (rule.message is None or re.search(rule.message, message) is not None)
    )


_STATES: Final = frozenset(kind.sqlstate for kind in REFUSALS.values() if kind.sqlstate)
