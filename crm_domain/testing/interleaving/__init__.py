"""In which orders can concurrent sessions take their steps, and on which of them is too much sold?

`explore` looks at all of them, `schedules` shows them one by one. What a session does is a generator of
statements: one of those here, or one's own, made of `Read`, `Update`, `Commit` and `Rollback`.
"""

from .consuming import (
    OVERSELLING,
    SAFE,
    Session,
    Way,
    atomic,
    check_then_consume,
    constraint,
    optimistic,
    read_modify_write,
    row_lock,
)
from .interleavings import Ending, Exploration, explore, schedules
from .timelines import Taken, Timeline
from .transactions import Commit, Read, Rollback, Step, Update

__all__ = [
    "OVERSELLING",
    "SAFE",
    "Commit",
    "Ending",
    "Exploration",
    "Read",
    "Rollback",
    "Session",
    "Step",
    "Taken",
    "Timeline",
    "Update",
    "Way",
    "atomic",
    "check_then_consume",
    "constraint",
    "explore",
    "optimistic",
    "read_modify_write",
    "row_lock",
    "schedules",
]
