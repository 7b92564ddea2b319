"""What would come of a line, and on which safeguards does that turn?"""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from crm_domain import SAFEGUARDS, Accepted, Crm, Explanation, Principal, Refused, Rules, Store
from crm_domain.command_log import LoggedRead
from crm_domain.reads import Read

from .answers import Outcome
from .reading import Entry


@frozen(kw_only=True)
class ExplainedLine:
    """What would come of a line if it were executed now.

    Attributes:
        entry: The line.
        outcome: Its outcome, as a run prints it.
        explanation: Why.
    """

    entry: Entry
    outcome: Outcome
    explanation: Explanation

    def __str__(self) -> str:
        """Return what a person reads: the answer or the refusal, who pays, and what it turns on."""
        text = str(self.explanation)
        answer = {name: value for name, value in self.outcome.items() if name not in {"n", "result"}}
        if self.explanation.refusal is not None or not answer:
            return text
        head, *rest = text.splitlines()
        if isinstance(self.entry.line.request, Read):
            head = "accepted: a read, which changes nothing"
        return "\n".join([head, f"  answer: {json.dumps(answer, ensure_ascii=False)}", *rest])

    def plain(self) -> dict[str, Any]:
        """Return the same as plain JSON: the outcome, and next to it the reasons."""
        explanation = self.explanation
        plain = dict(self.outcome)
        if explanation.refusal is not None:
            names = ("table", "column", "safeguard", "section")
            plain |= {name: getattr(explanation.refusal, name) for name in names}
        events = () if explanation.accepted is None else explanation.accepted.events
        grant = explanation.grant
        return plain | {
            "events": [type(event).__name__ for event in events],
            "grant": grant and {name: getattr(grant, name) for name in ("number", "source", "credits", "remaining")},
            "turns_on": list(explanation.safeguards),
        }


def explained_read(store: Store, rules: Rules, principal: Principal, read: LoggedRead) -> tuple[Any, Explanation]:
    """Return the answer of a read, or its refusal, and on which safeguards that turns."""
    answer = _answer(store, rules, principal, read)
    refusal = answer if isinstance(answer, Refused) else None
    return answer, Explanation(
        accepted=Accepted(()) if refusal is None else None,
        refusal=refusal,
        grant=None,
        safeguards=tuple(
            name
            for name in SAFEGUARDS
            if _signature(_answer(store, rules.flipped(name), principal, read)) != _signature(answer)
        ),
    )


def _answer(store: Store, rules: Rules, principal: Principal, read: LoggedRead) -> Any:
    try:
        return Crm(store, rules=rules).answer(principal, read)
    except Refused as refusal:
        return refusal


def _signature(answer: Any) -> object:
    return answer.signature if isinstance(answer, Refused) else answer
