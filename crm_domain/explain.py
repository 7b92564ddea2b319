"""Why would this be refused, or what would pay for it? Said without executing it."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve, frozen

from .answers import Accepted
from .clocks import SequentialIds
from .commands import Command
from .decide import decide
from .decision import View
from .errors import Refused
from .events import CreditConsumed
from .ids import Principal
from .rows import CREDIT_GRANTS, CreditGrant
from .rules import SAFEGUARDS


@frozen(kw_only=True)
class Explanation:
    """What would come of a command.

    Attributes:
        accepted: The answer, if it would be accepted.
        refusal: The refusal, if it would be refused.
        grant: The grant that would pay, if a recording would take a credit of one.
        safeguards: The safeguards that decide: with one of them the other way, and all else as it
            is, the outcome would be another.
    """

    accepted: Accepted | None
    refusal: Refused | None
    grant: CreditGrant | None
    safeguards: tuple[str, ...]

    def __str__(self) -> str:
        if self.refusal is not None:
            refusal = self.refusal
            lines = [f"refused: {refusal.code}" + (f" ({refusal.sqlstate})" if refusal.sqlstate else "")]
            lines.append(f"  {refusal.message}")
            if refusal.safeguard is not None:
                lines.append(f"  rule: the safeguard {refusal.safeguard}")
            lines.append(f"  section: {refusal.section}")
        else:
            assert self.accepted is not None
            happened = ", ".join(type(event).__name__ for event in self.accepted.events)
            lines = [f"accepted: {happened or 'nothing to do'}"]
        if self.grant is not None:
            grant = self.grant
            lines.append(
                f"  pays: grant {grant.number} ({grant.source}, {grant.remaining} of {grant.credits} credits left)"
            )
        lines += [f"  turns on: {name} ({SAFEGUARDS[name].closes})" for name in self.safeguards]
        return "\n".join(lines)


def explain(view: View, principal: Principal, command: Command, at: datetime) -> Explanation:
    """Decide *command* without executing it, and find the safeguards on which the outcome turns."""
    outcome = _outcome(view, principal, command, at)
    return Explanation(
        accepted=outcome if isinstance(outcome, Accepted) else None,
        refusal=outcome if isinstance(outcome, Refused) else None,
        grant=_paying_grant(view, outcome),
        safeguards=tuple(
            name
            for name in SAFEGUARDS
            if _signature(_outcome(evolve(view, rules=view.rules.flipped(name)), principal, command, at))
            != _signature(outcome)
        ),
    )


def _outcome(view: View, principal: Principal, command: Command, at: datetime) -> Accepted | Refused:
    # The same ids in every attempt, so that outcomes can be compared.
    try:
        return decide(evolve(view, new_id=SequentialIds("explained")), principal, command, at)
    except Refused as refusal:
        return refusal


def _signature(outcome: Accepted | Refused) -> object:
    return outcome.events if isinstance(outcome, Accepted) else outcome.signature


def _paying_grant(view: View, outcome: Accepted | Refused) -> CreditGrant | None:
    if isinstance(outcome, Accepted):
        for event in outcome.events:
            if isinstance(event, CreditConsumed) and event.row.grant_id is not None:
                grant = view.tables.credit_grants.get(event.row.grant_id)
                return None if grant is None else CREDIT_GRANTS.public(CREDIT_GRANTS.values_of(grant))
    return None
