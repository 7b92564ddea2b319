"""When is a difference one of those that are tolerated?

See `crm_domain.testing.comparing.tolerances` for what can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import attrs

from crm_domain import commands as c
from crm_domain.command_log import LogLine
from crm_domain.errors import CheckViolation, NotNullViolation, PermissionDenied, Refused, RlsViolation
from crm_domain.ids import ANON, SERVICE
from crm_domain.reads import GetDashboard, Read, Select
from crm_domain.schema import DEFAULT

from ..people import PEOPLE
from .observing import Failed, same_refusal, told
from .tolerances import in_force, tolerates


def is_tolerated(line: LogLine, outcome: Any, expected: Any) -> bool:
    """Tell whether a backend may say *outcome* where the rules say *expected*."""
    if not isinstance(expected, Refused) or isinstance(outcome, Failed):
        return False
    if isinstance(outcome, Refused):
        if same_refusal(outcome, expected):
            return False
        return (_names_owner(line.request) and tolerates("owner_columns_named")) or tolerates("other_refusal")
    if isinstance(line.request, Read):
        return line.principal == ANON and not outcome and tolerates("anon_reads_nothing")
    if _touched_nothing(outcome) and tolerates("silent_refusal"):
        return True
    return _names_owner(line.request) and tolerates("owner_columns_named")


def may_be_refused(line: LogLine, outcome: Any, expected: Callable[[], Any]) -> bool:
    """Tell whether a backend may refuse what the rules accept: then the model does not do it either.

    Args:
        line: What is asked.
        outcome: What the backend says.
        expected: Returns what the rules say; called only where that matters.
    """
    if isinstance(outcome, NotNullViolation) and _leaves_empty(line.request):
        name = "stricter_not_null"
    elif _refuses_owner(line, outcome):
        name = "owner_columns_named"
    else:
        return False
    return in_force(name) and not isinstance(expected(), Refused) and tolerates(name)


def may_be_asked(line: LogLine) -> bool:
    """Tell whether what is tolerated leaves anything of a line to be compared."""
    if in_force("no_normal_form") and not _PLAIN_ADDRESSES.issuperset(_addresses(line.request)):
        return False
    if in_force("updated_at_by_trigger") and _says_when(line.request):
        return False
    is_deletion = isinstance(line.request, c.Delete) and line.principal == SERVICE
    return not (is_deletion and in_force("service_deletes"))


def _says_when(request: Any) -> bool:
    """Tell whether a request says when a row was last changed."""
    if isinstance(request, c.Update):
        return "updated_at" in request.set
    return isinstance(request, c.CreateRow) and request.updated_at is not DEFAULT


def _touched_nothing(outcome: Any) -> bool:
    return outcome is None or told(outcome, "affected") == 0 or told(outcome, "credited") is False


def _refuses_owner(line: LogLine, outcome: Any) -> bool:
    """Tell whether an outcome may be the refusal of an owner column that is named."""
    return isinstance(outcome, PermissionDenied | RlsViolation | CheckViolation) and _names_owner(line.request)


def _names_owner(request: Any) -> bool:
    """Tell whether an update names whose row it is, or which."""
    if not isinstance(request, c.Update):
        return False
    return any(name == request.table.key or request.table.column(name).owner for name in request.set)


def _leaves_empty(request: Any) -> bool:
    """Tell whether a request leaves columns empty, and none of them that must be given by the rules."""
    if not isinstance(request, c.CreateRow | c.Update):
        return False
    given = request.set if isinstance(request, c.Update) else attrs.asdict(cast("Any", request), recurse=False)
    empty = [name for name, value in given.items() if value is None and name in request.table.by_name]
    return bool(empty) and not any(fault for name in empty for fault in request.table.column(name).faults(None))


_PLAIN_ADDRESSES: Final = frozenset({*(person.email for person in PEOPLE), "nobody@x.test", None, DEFAULT})


def _addresses(request: Any) -> Iterator[Any]:
    """Yield the addresses that a request names."""
    if isinstance(request, c.Update | c.Delete | Select):
        given = [*request.where.items(), *getattr(request, "set", {}).items()]
        yield from (value for name, value in given if name == "email")
    elif isinstance(request, GetDashboard) or hasattr(request, "email"):
        yield request.email
