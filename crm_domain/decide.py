"""Is this command accepted, and what does it cause?

`decide` is pure: state, principal, command, time and ids in; events and an answer out, or a
`Refused`. Each decision is a flat list of refusals in the order of precedence (permission, row
policy, missing value, bad value, uniqueness, reference, credits), then the events. It stands in
the module of its question; this one only says which.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from . import commands as c
from .activity import decide_tracking
from .answers import Accepted, AnsweredBy
from .changes import decide_deletion, decide_update
from .creation import decide_creation
from .decision import View
from .ids import Principal
from .payments import decide_payment
from .provisioning import decide_registration, decide_sync

A = TypeVar("A", bound=Accepted)

DECISIONS: Final[dict[type[Any], Callable[[View, Principal, Any, datetime], Any]]] = {
    c.RegisterUser: decide_registration,
    c.SyncCrmUser: decide_sync,
    c.CreateJobRequest: decide_creation,
    c.CreateRecording: decide_creation,
    c.UploadResume: decide_creation,
    c.CreateRegularJobRequest: decide_creation,
    c.CreateRegularRecording: decide_creation,
    c.UploadRegularResume: decide_creation,
    c.RecordPayment: decide_payment,
    c.Update: decide_update,
    c.Delete: decide_deletion,
    c.TrackView: decide_tracking,
    c.TrackLogin: decide_tracking,
    c.TrackTime: decide_tracking,
}
"""Which decision answers which command."""


def decide(view: View, principal: Principal, command: AnsweredBy[A], at: datetime) -> A:
    """Decide *command* on behalf of *principal*; change nothing.

    Raises:
        Refused: A rule declines it; the first in the order of precedence.
        TypeError: It is not a command.
    """
    try:
        decision = DECISIONS[type(command)]
    except KeyError:
        raise TypeError(f"command: {type(command).__name__} is not one of crm_domain's commands") from None
    answer: A = decision(view, principal, command, at)
    return answer
