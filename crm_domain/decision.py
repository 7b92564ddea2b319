"""What does a decision look at, and how does it refuse?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from .ports import IdSource, Tables
from .rules import Rules
from .schema import Fault, Table


@frozen
class View:
    """What a decision may look at. It changes nothing.

    Attributes:
        tables: The state.
        rules: The rules in force.
        new_id: Makes an id where the caller chose none.
        credit_checked: Whether the balance was looked at before and is not to be again. Only
            without ``atomic_consume``, where check and consume are two steps.
    """

    tables: Tables
    rules: Rules
    new_id: IdSource
    credit_checked: bool = False


def refuse_faults(faults: Iterable[Fault], table: Table[Any], rules: Rules) -> None:
    """Refuse values that their columns do not take: missing ones first, then bad ones.

    Raises:
        NotNullViolation, CheckViolation: The first fault that counts under *rules*.
    """
    counting = [f for f in faults if f.safeguard is None or getattr(rules, f.safeguard)]
    if counting:
        raise min(counting, key=_precedence).refusal(table)


def _precedence(fault: Fault) -> int:
    return fault.kind.precedence
